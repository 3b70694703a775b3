"""What is opened is what is in the file: tensors that transformers would leave out, and what a folder says."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
import transformers

from attnviz.capture.predictions import predictions
from attnviz.capture.tracing import trace
from attnviz.errors import AttnvizError
from attnviz.models.catalog import BUNDLED, find_model
from attnviz.models.loading import LoadedModel, load_model

TEXT = "The cat sat on the mat"
SIDE = ("checkpoints", "*.md", "card.json", "curves.json")


@pytest.fixture
def copy_of(tiny_folder, tmp_path):
    """A tiny or a bundled model's folder with another config.json, its tensors as `change` makes them."""

    def copied(name: str, change=lambda held: held, drop: tuple[str, ...] = (), **config) -> Path:
        source = BUNDLED / name if (BUNDLED / name).is_dir() else tiny_folder(name)
        folder = tmp_path / f"{name}-{len(list(tmp_path.iterdir()))}"
        shutil.copytree(source, folder, ignore=shutil.ignore_patterns(*SIDE))
        settings = json.loads((folder / "config.json").read_text())
        settings = {key: value for key, value in settings.items() if key not in drop} | config
        (folder / "config.json").write_text(json.dumps(settings))
        held = change(safetensors.torch.load_file(folder / "model.safetensors"))
        held = {key: tensor.contiguous() for key, tensor in held.items()}
        safetensors.torch.save_file(held, folder / "model.safetensors", metadata={"format": "pt"})
        return folder

    return copied


def refusal(folder: Path) -> str:
    with pytest.raises(AttnvizError) as refused:
        load_model(str(folder))
    message = str(refused.value)
    assert "\n" not in message and len(message) < 400
    return message


def weights(model: LoadedModel) -> list[np.ndarray]:
    return [layer.attention().weights for layer in trace(model, TEXT).layers]


def same(model: LoadedModel, other: LoadedModel) -> bool:
    return all(np.array_equal(ours, theirs) for ours, theirs in zip(weights(model), weights(other), strict=True))


def with_more(**tensors: torch.Tensor):
    return lambda held: held | {name.replace("__", "."): tensor for name, tensor in tensors.items()}


# --- quantised weights ----------------------------------------------------------------------------------------------


def scaled_to(dtype: torch.dtype, highest: float, ending: str | None):
    """The matrices of the layers as a quantiser stores them, with their scales or without."""

    def change(held):
        stored = {}
        for name, tensor in held.items():
            if not re.search(r"(layers?|h)\.\d", name) or tensor.ndim < 2:
                stored[name] = tensor
                continue
            scale = tensor.abs().max() / highest
            stored[name] = (tensor / scale).to(dtype)
            if ending is not None:
                stored[name.removesuffix("weight") + ending] = scale.reshape(1)
        return stored

    return change


@pytest.mark.parametrize(
    ("dtype", "highest", "ending", "config", "said"),
    [
        (torch.float8_e4m3fn, 448, "weight_scale", {}, "float8"),
        (torch.float8_e4m3fn, 448, "weight_scale_inv", {"quant_method": "fp8"}, "fp8"),
        (torch.float8_e4m3fn, 448, "weight_scale", {"quant_method": "modelopt", "quant_algo": "FP8"}, "modelopt"),
        (torch.float8_e5m2, 57344, None, {}, "float8"),
        (torch.int8, 127, None, {}, "int8"),
        (torch.int8, 127, "SCB", {}, "bitsandbytes"),
        (torch.int8, 127, "SCB", {"quant_method": "bitsandbytes", "load_in_8bit": True}, "bitsandbytes"),
        (torch.uint8, 127, "weight_scale", {"quant_method": "compressed-tensors"}, "compressed-tensors"),
        (torch.int32, 127, "qzeros", {}, "GPTQ"),
        (torch.int64, 127, None, {}, "int64"),
    ],
)
@pytest.mark.parametrize("architecture", ["llama", "bert", "gpt2"])
def test_quantised_weights_are_refused_before_anything_is_loaded(
    copy_of, monkeypatch, architecture, dtype, highest, ending, config, said
):
    """Without their scales they are another model's, and the certificate of that one passes."""
    more = {"quantization_config": config} if config else {}
    folder = copy_of(architecture, scaled_to(dtype, highest, ending), **more)
    monkeypatch.setattr(transformers.PreTrainedModel, "from_pretrained", lambda *_, **__: pytest.fail("it was loaded"))
    message, entry = refusal(folder), find_model(str(folder))
    assert f"quantised with {said}" in message and "take the unquantised model" in message
    assert not entry.loadable and entry.reason in message


def test_scales_in_another_shard_are_seen(copy_of):
    folder = copy_of("llama", scaled_to(torch.int8, 127, "scales"))
    held = safetensors.torch.load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    parts = {"model-1.safetensors": {}, "model-2.safetensors": {}}
    for name, tensor in held.items():
        parts["model-2.safetensors" if tensor.dtype == torch.int8 else "model-1.safetensors"][name] = tensor
    for file, part in parts.items():
        safetensors.torch.save_file(part, folder / file, metadata={"format": "pt"})
    index = {name: file for file, part in parts.items() for name in part}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": index}))
    assert "quantised with int8" in refusal(folder)


def test_a_config_that_says_quantised_over_weights_that_are_not(copy_of):
    """Whether they were rounded, or are to be rounded as they are used, the file does not say."""
    folder = copy_of("llama", quantization_config={"quant_method": "bitnet"})
    message, entry = refusal(folder), find_model(str(folder))
    assert "config.json says that it is quantised with bitnet" in message and entry.reason in message
    load_model(str(copy_of("llama", quantization_config={})))
    load_model(str(copy_of("llama", quantization_config=None)))


@pytest.mark.parametrize(
    "ending", ["weight_scale", "input_scale", "weight_scale_inv", "scales", "SCB", "weight_zero_point"]
)
def test_scales_beside_weights_that_are_stored_as_floats(copy_of, ending):
    """Rounded weights widened to bfloat16 look like any others; their scales are what tells."""
    scale = {f"layers.0.self_attn.q_proj.{ending}": torch.ones(1)}
    assert "scales of quantised weights" in refusal(copy_of("llama", lambda held: held | scale))


def test_integers_that_are_no_weights_are_no_quantisation(copy_of):
    """Old files keep their positions and their causal triangle."""
    more = {"h.0.attn.bias": torch.ones(1, 1, 130, 130, dtype=torch.uint8), "h.0.attn.masked_bias": torch.tensor(-1e4)}
    assert same(load_model(str(copy_of("gpt2", lambda held: held | more))), load_model(str(copy_of("gpt2"))))
    more = {"embeddings.position_ids": torch.arange(130)[None]}
    model = load_model(str(copy_of("bert", lambda held: held | more)))
    assert same(model, load_model(str(copy_of("bert")))) and not model.notes


# --- tensors without a place ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("architecture", "name"),
    [
        ("llama", "layers.0.self_attn.q_norm.weight"),
        ("llama", "layers.1.self_attn.k_proj.bias"),
        ("llama", "model.layers.1.self_attn.sinks"),
        ("bert", "encoder.layer.0.attention.self.relative_bias"),
        ("bert", "embeddings_project.weight"),
        ("bert", "encoder.rel_attention.weight"),
        ("gpt2", "h.0.crossattention.c_attn.weight"),
        ("gpt2", "extra_attention.q_proj.weight"),
        ("gpt_neox", "layers.0.attention.dense.extra"),
        ("tiny-translator", "model.encoder.layers.0.self_attn.q_norm.weight"),
        ("tiny-gpt", "lm_head.bias"),
        ("tiny-bert", "bert.encoder.layer.0.attention.self.query.scale_of_my_own"),
    ],
)
def test_a_tensor_that_the_model_has_no_place_for_is_refused(copy_of, architecture, name):
    """What it did in the model that was trained is missing from the one that would be shown."""
    message = refusal(copy_of(architecture, lambda held: held | {name: torch.ones(4)}))
    assert "no place for" in message and name.removeprefix("model.")[:40] in message and "config.json" in message


@pytest.mark.parametrize(
    ("architecture", "config"),
    [
        ("bert", {"num_hidden_layers": 1}),
        ("gpt2", {"n_layer": 1}),
        ("llama", {"num_hidden_layers": 1}),
        ("distilbert", {"n_layers": 1}),
        ("tiny-gpt", {"n_layer": 1}),
        ("tiny-bert", {"num_hidden_layers": 1}),
        ("tiny-translator", {"encoder_layers": 1}),
        ("tiny-translator", {"decoder_layers": 1}),
    ],
)
def test_a_config_with_fewer_layers_than_the_file(copy_of, architecture, config):
    """Half a model runs, and each of its heads is right by itself."""
    assert "layers that its config.json leaves out" in refusal(copy_of(architecture, **config))


def test_a_config_that_says_no_bias_over_a_file_with_biases(copy_of):
    folder = copy_of("llama")
    config = transformers.AutoConfig.from_pretrained(folder, attention_bias=True, mlp_bias=True)
    transformers.AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    load_model(str(folder))
    settings = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(settings | {"attention_bias": False}))
    assert "no place for" in refusal(folder)


@pytest.mark.parametrize(
    ("architecture", "name", "said"),
    [
        ("bert", "classifier.weight", "classifier"),
        ("bert", "cls.seq_relationship.weight", "cls"),
        ("tiny-bert", "cls.seq_relationship.weight", "cls"),
        ("tiny-bert", "bert.pooler.dense.weight", "pooler"),
        ("tiny-bert", "linear.weight", "linear"),
        ("gpt2", "score.weight", "score"),
        ("tiny-gpt", "v_head.summary.weight", "v_head"),
        ("tiny-gpt", "multiple_choice_head.summary.weight", "multiple_choice_head"),
        ("tiny-translator", "classification_head.dense.weight", "classification_head"),
        ("roberta", "lm_head.dense.weight", "lm_head"),
    ],
)
def test_an_unused_head_is_told_and_no_hindrance(copy_of, architecture, name, said):
    """A classifier's attention is worth seeing, though nobody predicts with its head here."""
    model = load_model(str(copy_of(architecture, lambda held: held | {name: torch.ones(2, 32)})))
    (note,) = model.notes
    assert said in note and "not used" in note
    assert same(model, load_model(str(copy_of(architecture))))


def test_a_layer_that_guesses_further_ahead_is_told_and_no_hindrance(copy_of):
    """DeepSeek's and others' files hold one that no text goes through."""
    own = {f"model.layers.2.{name}": torch.ones(4) for name in ("eh_proj.weight", "self_attn.q_proj.weight")}
    model = load_model(str(copy_of("llama", lambda held: held | own)))
    assert len(model.notes) == 1 and "ahead" in model.notes[0]


def test_parts_of_an_adapter_left_in_the_file(copy_of):
    """Saved from inside peft: what was trained is the sum, and the file holds the summands."""
    stem = "model.layers.0.self_attn.q_proj."
    parts = {f"{stem}lora_A.default.weight": torch.ones(4, 32), f"{stem}lora_B.default.weight": torch.ones(32, 4)}
    folder = copy_of("llama", lambda held: held | parts)
    message, entry = refusal(folder), find_model(str(folder))
    assert "2 tensors of an adapter" in message and "merge" in message and entry.reason in message

    def wrapped(held):
        return {name.replace("q_proj.weight", "q_proj.base_layer.weight"): tensor for name, tensor in held.items()}

    assert "of an adapter" in refusal(copy_of("llama", wrapped))


# --- names under wrappers -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("architecture", "wrapper"),
    [
        ("llama", "module."),
        ("bert", "_orig_mod."),
        ("tiny-gpt", "base_model.model."),
        ("tiny-bert", "module._orig_mod."),
        ("tiny-translator", "module."),
        ("tiny-gpt", "net.model_of_mine."),
        ("tiny-translator", "my_model."),
    ],
)
def test_names_under_a_wrapper_are_taken_off_and_told(copy_of, architecture, wrapper):
    """Saved from inside DistributedDataParallel, torch.compile, peft or a trainer of one's own."""
    folder = copy_of(architecture, lambda held: {wrapper + name: tensor for name, tensor in held.items()})
    model, plain = load_model(str(folder)), load_model(str(copy_of(architecture)))
    assert same(model, plain) and any(wrapper in note for note in model.notes)
    assert type(model.language_model) is type(plain.language_model)


def test_a_wrapper_around_some_of_the_tensors_is_refused(copy_of):
    def half(held):
        return {f"{'module.' * (place % 2)}{name}": tensor for place, (name, tensor) in enumerate(held.items())}

    def twice(held):
        return held | {f"_orig_mod.{name}": tensor + 1 for name, tensor in held.items()}

    for change in (half, twice):
        message = refusal(copy_of("llama", change))
        assert "under a wrapper's name and the others do not" in message


def test_a_tensor_under_two_names_is_refused(copy_of):
    """transformers takes one of them, and does not say which."""
    twice = "encoder.layer.0.attention.self.query.weight"
    change = with_more(**{f"bert__{twice.replace('.', '__')}": torch.ones(32, 32)})
    assert "stand there twice" in refusal(copy_of("bert", change))
    copied = copy_of("tiny-bert", lambda held: held | {twice: held[f"bert.{twice}"] + 1})
    assert "stand there twice" in refusal(copied)


# --- settings that steer --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "setting",
    [
        {"return_dict": False},
        {"use_return_dict": False},
        {"torchscript": True},
        {"attn_implementation": "flash_attention_2"},
        {"_attn_implementation": "flash_attention_3"},
        {"attn_implementation": "no-such-kernel"},
        {"output_attentions": True, "output_hidden_states": True},
        {"return_dict_in_generate": True, "output_scores": True},
        {"dtype": "float16"},
        {"torch_dtype": "no-such-dtype"},
        {"transformers_weights": "other.safetensors"},
        {"auto_map": {"AutoConfig": "configuration.Config"}},
    ],
    ids=str,
)
def test_how_a_model_is_run_is_not_the_folders_to_say(copy_of, setting):
    """It says how somebody once computed, not what."""
    folder = copy_of("tiny-gpt", **setting)
    (folder / "generation_config.json").unlink()
    model, plain = load_model(str(folder)), load_model("tiny-gpt")
    ours, theirs = trace(model, TEXT, write=2), trace(plain, TEXT, write=2)
    assert ours.tokens == theirs.tokens and predictions(model, ours) == predictions(plain, theirs)
    assert np.array_equal(ours.weights(1, 3), theirs.weights(1, 3))


@pytest.mark.parametrize("name", ["tiny-bert", "tiny-translator"])
def test_nor_with_all_of_it_at_once(copy_of, name):
    steering = {"return_dict": False, "attn_implementation": "flash_attention_2", "output_attentions": True}
    steering |= {"use_return_dict": False, "torchscript": True, "output_hidden_states": True, "dtype": "float16"}
    folder = copy_of(name, **steering, return_dict_in_generate=True)
    assert same(load_model(str(folder)), load_model(name))


@pytest.mark.parametrize("name", ["tiny-gpt", "tiny-bert"])
@pytest.mark.parametrize("classes", [None, [], ["GPT2Model"], ["MyOwnModel"], ["BertModel"]], ids=str)
def test_a_language_model_is_known_by_its_tensors(copy_of, name, classes):
    """Without `architectures` its predictions would be gone, and nobody told."""
    folder = copy_of(name, drop=("architectures",), **({} if classes is None else {"architectures": classes}))
    model, plain = load_model(str(folder)), load_model(name)
    assert type(model.language_model) is type(plain.language_model)
    assert predictions(model, trace(model, TEXT)) == predictions(plain, trace(plain, TEXT))


def test_a_model_without_a_head_gets_none(copy_of):
    """Predictions of a head that nobody trained."""
    for architecture in ("bert", "gpt2", "llama", "roberta"):
        assert load_model(str(copy_of(architecture, drop=("architectures",)))).language_model is None
    classifier = {"score.weight": torch.ones(2, 128)}
    folder = copy_of("tiny-gpt", lambda held: held | classifier, architectures=["GPT2ForSequenceClassification"])
    assert load_model(str(folder)).language_model is None


def test_a_head_that_is_not_in_the_file_is_told(copy_of):
    """A model that says it predicts, and does not, would look broken."""
    model = load_model(str(copy_of("tiny-bert", lambda held: {k: v for k, v in held.items() if "cls." not in k})))
    assert model.language_model is None and "lacks the language-model head" in model.notes[0]


def test_tensors_of_another_model_are_named(copy_of):
    """Two models in one file, or the names of another library."""

    def renamed(held):
        return {f"{'student' if n % 2 else 'teacher'}.{key}": value for n, (key, value) in enumerate(held.items())}

    message = refusal(copy_of("llama", renamed))
    assert "lack" in message and "hold others, such as student." in message


def test_code_of_its_own_is_told(copy_of):
    """What runs instead is transformers', and its attention may be another."""
    own = copy_of("llama", auto_map={"AutoModel": "modeling_bi.BiLlamaModel"}, architectures=["BiLlamaModel"])
    (note,) = load_model(str(own)).notes
    assert "modeling_bi.BiLlamaModel" in note and "never run" in note and "transformers' llama" in note
    (note,) = load_model(str(copy_of("llama", architectures=["BiLlamaModel"]))).notes
    assert "saved as BiLlamaModel" in note and transformers.__version__ in note
    assert not load_model(str(copy_of("llama", auto_map={"AutoTokenizer": ["tokens.Tokenizer", None]}))).notes
    assert not load_model(str(copy_of("bert", architectures=["TFBertModel"]))).notes
