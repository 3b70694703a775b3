"""Of every certified architecture: a folder that is not what its config.json says opens as what it is, or not."""

import json
import re
from pathlib import Path

import pytest
import safetensors.torch
import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers

from attnviz.errors import AttnvizError
from attnviz.models import zoo
from attnviz.models.loading import LoadedModel, load_model
from attnviz.validation.table import stored_report
from tests.rotation import rotated

CERTIFIED = [finding["name"] for finding in stored_report()["architectures"] if finding["passed"]]
ATTENTION = re.compile(r"(.*\.)?\w*(attn|attention)s?(\.\d+)?(?=\.)", re.IGNORECASE)
LAYERS = re.compile(r"num_hidden_layers|n_layers?|num_layers|(en|de)coder_layers|num_(en|de)coder_layers|block_sizes")


def save(module, folder: Path) -> None:
    """As transformers saves it, with words for a vocabulary."""
    words = Tokenizer(models.WordLevel({f"w{n}": n for n in range(zoo.VOCABULARY)}, unk_token="w0"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    transformers.PreTrainedTokenizerFast(tokenizer_object=words, unk_token="w0").save_pretrained(folder)
    module.save_pretrained(folder)


def store(folder: Path, tensors: dict[str, torch.Tensor]) -> None:
    safetensors.torch.save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def opened(folder: Path) -> LoadedModel | None:
    """The model, or None where it is refused."""
    try:
        return load_model(str(folder))
    except AttnvizError as refused:
        assert "Traceback" not in str(refused)
        return None


def is_same(model: LoadedModel | None, module) -> bool:
    """Whether every tensor of a loaded model is the one that was saved; what is refused shows nothing false."""
    if model is None:
        return True
    ours, theirs = model.module.state_dict(), module.state_dict()
    prefixes = ("", f"{module.base_model_prefix}.", f"{model.module.base_model_prefix}.", "model.", "model.decoder.")
    for name, tensor in ours.items():
        if name.endswith("embed_positions.weight"):  # Marian's are computed, and are not in its files
            continue
        found = [theirs[prefix + name] for prefix in prefixes if prefix + name in theirs]
        if not any(torch.equal(tensor, one) for one in found):
            return False
    return True


def with_fewer_layers(settings: dict) -> dict:
    """One less of whatever the configuration, or one within it, counts layers by."""
    changed = {}
    for key, value in settings.items():
        if isinstance(value, dict):
            changed[key] = with_fewer_layers(value)
        elif LAYERS.fullmatch(key) and isinstance(value, int) and value > 1:
            changed[key] = value - 1
        elif key == "block_sizes":
            changed[key] = value[:-1]
    return settings | changed


@pytest.mark.parametrize("name", rotated(CERTIFIED))
def test_what_is_opened_is_what_is_stored(name, tmp_path):
    """The certificate compares two passes over the same tensors: it cannot see that they are not the file's."""
    module = zoo.build(name)
    save(module, tmp_path)
    plain = opened(tmp_path)
    if plain is not None:
        assert is_same(plain, module) and all("lm_head" in note for note in plain.notes), plain.notes

    held = safetensors.torch.load_file(tmp_path / "model.safetensors")
    settings = json.loads((tmp_path / "config.json").read_text())
    parts = [found.group() for key in held if (found := ATTENTION.match(key))]
    if parts:
        store(tmp_path, held | {f"{parts[0]}.gate_of_another_kind.weight": torch.ones(4)})
        assert opened(tmp_path) is None, "a tensor in an attention that has no place for it"

    store(tmp_path, {f"module.{key}": tensor for key, tensor in held.items()})
    prefixed = opened(tmp_path)
    assert is_same(prefixed, module), "the names under a wrapper's"
    assert plain is None or (prefixed is not None and "module." in prefixed.notes[0])

    store(tmp_path, held)
    (tmp_path / "config.json").write_text(json.dumps(with_fewer_layers(settings)))
    fewer = opened(tmp_path)
    if fewer is not None:  # where no tensor is of one layer alone, or layers are counted by another setting
        assert fewer.module.state_dict().keys() == plain.module.state_dict().keys() and is_same(fewer, module)

    (tmp_path / "config.json").write_text(json.dumps(settings))
    store(tmp_path, {key: (tensor * 100).to(torch.int8) if tensor.ndim > 1 else tensor for key, tensor in held.items()})
    assert opened(tmp_path) is None, "integers in place of weights"
