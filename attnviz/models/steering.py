"""What a config.json says beside the model's shape: how to run it, which is ours to choose, and whose code it is."""

from typing import Any

import transformers

from attnviz.errors import in_one_line

STEERING = {
    "return_dict", "use_return_dict", "torchscript", "output_attentions", "_output_attentions", "output_hidden_states",
    "output_scores", "output_logits", "output_past", "output_router_logits", "return_dict_in_generate",
    "attn_implementation", "_attn_implementation", "_attn_implementation_internal", "_attn_implementation_autoset",
    "experts_implementation", "_experts_implementation", "_experts_implementation_internal", "dtype", "torch_dtype",
    "use_bfloat16", "quantization_config", "transformers_weights", "fusion_config", "kernel_config",
    "distributed_config", "configuration_files",
}  # fmt: skip


def without_steering(settings: dict[str, Any]) -> dict[str, Any]:
    """The same settings, those of the models within included, without what says how a model is to be run or read."""
    return {
        key: without_steering(value) if isinstance(value, dict) else value
        for key, value in settings.items()
        if key not in STEERING
    }


def told_of_code(settings: dict[str, Any], architecture: str) -> tuple[str, ...]:
    """What to say where a model was made with code that is not transformers'."""
    shown = f"what is shown is transformers' {architecture}, whose attention may differ from it."
    own = settings.get("auto_map")
    files = [own[key] for key in own if key.startswith("AutoModel")] if isinstance(own, dict) else []
    if files:
        return (f"It names code of its own ({in_one_line(files[0])}), which is never run: {shown}",)
    saved = settings.get("architectures")
    known = {name.lower() for name in dir(transformers)}
    names = [name for name in saved if isinstance(name, str)] if isinstance(saved, list) else []
    if names and not any(name.lower().removeprefix("tf").removeprefix("flax") in known for name in names):
        return (
            f"It was saved as {in_one_line(names[0])}, a class that transformers {transformers.__version__} does not "
            f"have: {shown}",
        )
    return ()
