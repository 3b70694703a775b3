"""A name to a model in memory: safetensors only, no code but transformers' own, evaluation mode."""

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors.torch import load_file
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_MASKED_LM_MAPPING_NAMES,
    MODEL_MAPPING_NAMES,
)

from attnviz.errors import AttnvizError, in_one_line
from attnviz.models import hub
from attnviz.models.catalog import find_model, locate
from attnviz.models.tokenizer_files import try_tokenizer

HEADED = (transformers.AutoModelForCausalLM, transformers.AutoModelForMaskedLM)
LOADING = threading.Lock()  # transformers replaces methods of its own classes while it loads; two at once leave them so
OUT_OF_MEMORY = ("can't allocate memory", "not enough memory", "out of memory")

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A model ready to read text. `module` is shared by all who hold it: take `lock` for a forward pass.

    `limit` is the most tokens that it reads, None where it has no limit of its own. `language_model` is `module` with
    its trained language-model head, on the same tensors; None where there is no such head.
    """

    module: Any
    tokenizer: Any
    name: str
    revision: str
    architecture: str
    device: str
    limit: int | None
    language_model: Any = None
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)


def load_model(name: str, *, device: str = "cpu", progress: hub.Progress | None = None) -> LoadedModel:
    """Load a model by name: a bundled one (tiny-gpt, or tiny-gpt@800 as it was at step 800 of its training), one from
    an installed package, a local folder, the hub's cache, or the hub.

    Weights are read from safetensors into float32, on "cpu", "cuda" or "mps"; no code from the model's own
    repository is ever run. A download calls `progress(bytes done, bytes in all)`.

    Raises:
        AttnvizError: the model cannot be had; the message says why and what to do.
    """
    _check_device(device)
    entry = locate(name)
    if entry is None:
        hub.fetch(hub.plan_download(name), progress)
        entry = find_model(name)
    if entry is None or entry.path is None or not entry.loadable:
        reason = entry.reason if entry else "its files are not where the hub's cache should have them: try again"
        raise AttnvizError(f"'{in_one_line(name)}' cannot be loaded: {reason}.")
    folder = Path(entry.path)
    config = _read_config(folder, name)
    tokenizer = _read_tokenizer(folder, name)
    module, language_model = _read_weights(folder, name, config, device, entry.checkpoint)
    return LoadedModel(
        module,
        tokenizer,
        entry.name,
        entry.revision,
        config.model_type,
        device,
        _token_limit(module, tokenizer),
        language_model,
    )


def explain_out_of_memory(error: Exception) -> AttnvizError | None:
    """What to say where torch or Python ran out of memory; None for any other error."""
    text = str(error).lower()
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)) or any(phrase in text for phrase in OUT_OF_MEMORY):
        return AttnvizError(
            "There is not enough memory for this: close other programs, or take a smaller model or text."
        )
    return None


def _check_device(device: str) -> None:
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device not in available:
        raise AttnvizError(f"There is no device '{in_one_line(device)}': use cpu, cuda or mps.")
    if not available[device]:
        raise AttnvizError(f"This machine has no {device} device that torch can use: use cpu.")


def _read_config(folder: Path, name: str) -> Any:
    try:
        config = transformers.AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    except Exception as error:
        raise AttnvizError(
            f"The config.json of '{in_one_line(name)}' does not describe a model that transformers can build "
            f"({in_one_line(error, 160)}): fetch the model's own config.json again."
        ) from error
    return config


def _read_tokenizer(folder: Path, name: str) -> Any:
    try_tokenizer(folder)
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
        usable = tokenizer.is_fast and len(tokenizer) > 0
    except Exception:  # transformers raises all kinds here, from KeyError to the Rust library's own
        usable = False
    if not usable:
        raise AttnvizError(
            f"'{in_one_line(name)}' has no tokenizer that can be read: "
            + (
                "fetch its tokenizer.json again."
                if (folder / "tokenizer.json").is_file()
                else "put its tokenizer.json beside config.json."
            )
        )
    return tokenizer


def _read_weights(folder: Path, name: str, config: Any, device: str, checkpoint: str | None) -> tuple[Any, Any]:
    """The module that is looked into, and the one that predicts with it: the same, one around it, or None."""
    loader = _loader(config)
    module, missing = _load(loader, folder, name, config, device, checkpoint)
    language_model = module if config.is_encoder_decoder else None
    if loader in HEADED:
        whole, prefix = module, f"{module.base_model_prefix}."
        module = whole.base_model
        if type(module).__name__ == MODEL_MAPPING_NAMES.get(config.model_type):
            language_model = whole if all(key.startswith(prefix) for key in missing) else None
            missing = [key.removeprefix(prefix) for key in missing if key.startswith(prefix)]
        else:  # its head is not around the model that is meant: go without
            module, missing = _load(transformers.AutoModel, folder, name, config, device, checkpoint)
    missing = [key for key in missing if "pooler" not in key]
    if missing:
        raise AttnvizError(
            f"The weights of '{in_one_line(name)}' lack {len(missing)} tensors that a {config.model_type} model needs, "
            f"such as {in_one_line(sorted(missing)[0])}: fetch the model again."
        )
    return module, language_model


def _loader(config: Any) -> Any:
    """transformers' class for a model with its language-model head, where it was saved with one."""
    if config.is_encoder_decoder:
        return transformers.AutoModelForSeq2SeqLM
    saved = config.architectures or []
    if MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.get(config.model_type) in saved:
        return transformers.AutoModelForCausalLM
    if MODEL_FOR_MASKED_LM_MAPPING_NAMES.get(config.model_type) in saved:
        return transformers.AutoModelForMaskedLM
    return transformers.AutoModel


def _load(
    loader: Any, folder: Path, name: str, config: Any, device: str, checkpoint: str | None
) -> tuple[Any, list[str]]:
    """A module ready to run, and the names of the tensors that its file did not have."""
    options = {"config": config, "dtype": torch.float32, "output_loading_info": True}
    try:
        with LOADING:
            if checkpoint is not None:
                model_class = type(loader.from_config(config))  # the auto class itself insists on a folder
                module, report = model_class.from_pretrained(None, state_dict=load_file(checkpoint), **options)
            else:
                module, report = loader.from_pretrained(
                    folder, use_safetensors=True, trust_remote_code=False, local_files_only=True, **options
                )
        module = module.to(device)
    except Exception as error:
        message = f"The weights of '{in_one_line(name)}' cannot be read ({in_one_line(error)}): fetch the model again."
        raise explain_out_of_memory(error) or AttnvizError(message) from error
    return module.eval().requires_grad_(False), list(report["missing_keys"])


def _token_limit(module: Any, tokenizer: Any) -> int | None:
    """The smallest of what the tokenizer, the configuration and a learned position table allow."""
    limits = [tokenizer.model_max_length]
    limits += [getattr(module.config, key, None) for key in ("max_position_embeddings", "n_positions")]
    for path, part in module.named_modules():
        if isinstance(part, torch.nn.Embedding) and "position" in path and part.padding_idx is not None:
            limits.append(part.num_embeddings - part.padding_idx - 1)  # RoBERTa counts positions from there
    known = [limit for limit in limits if isinstance(limit, int) and 0 < limit < 10**9]
    return min(known, default=None)
