"""Folders as they lie about: half fetched, of another kind, damaged or hostile. Each is refused with its true reason,
by the table of models and by loading alike, before anything of it is built or run."""

import json
import os
import queue
import shutil
import struct
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import safetensors.torch

from attnviz.errors import AttnvizError
from attnviz.models import catalog, loading, tokenizer_files
from attnviz.models.catalog import BUNDLED, find_model, inspect_folder, list_models, locate
from attnviz.models.loading import load_model
from attnviz.models.pasted import as_meant
from attnviz.models.sizes import check_sizes
from attnviz.models.weight_files import Stored

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"
QUICK = 5.0  # seconds


@pytest.fixture
def folder(tmp_path) -> Path:
    """A copy of tiny-gpt, which opens."""
    return tiny_gpt(tmp_path / "model")


def tiny_gpt(place: Path) -> Path:
    shutil.copytree(BUNDLED / "tiny-gpt", place, ignore=shutil.ignore_patterns("checkpoints", "*.md"))
    return place


def settings(folder: Path, file: str = "config.json", **changes) -> Path:
    told = json.loads((folder / file).read_text())
    (folder / file).write_text(json.dumps(told | changes))
    return folder


def refusal(folder: Path) -> str:
    """The reason that loading gives, which must be the one that the table of models gives, in no time."""
    start = time.perf_counter()
    entry = inspect_folder(folder, str(folder), "folder")
    assert not entry.loadable and entry.reason and "\n" not in entry.reason
    with pytest.raises(AttnvizError) as refused:
        load_model(str(folder))
    assert time.perf_counter() - start < QUICK
    assert str(refused.value) == f"'{str(folder)[:79]}…' cannot be loaded: {entry.reason}." or entry.reason in str(
        refused.value
    )
    assert len(entry.reason) < 400
    return entry.reason


def replaced(folder: Path, name: str, make: Callable[[Path], object]) -> Path:
    (folder / name).unlink(missing_ok=True)
    make(folder / name)
    return folder


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"])
@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda file: file.write_text(POINTER), "is a Git LFS pointer, not the file itself: run git lfs pull"),
        (lambda file: file.write_text("<!DOCTYPE html>\n<html>"), "is a web page"),
        (os.mkfifo, "is a pipe"),
        (os.mkdir, "is a folder"),
        (lambda file: os.symlink("/dev/zero", file), "is a device"),
        (lambda file: os.symlink(file.name, file), "symbolic links"),
        (lambda file: os.symlink("/no/such/blob", file), "is a link to a file that is not there"),
    ],
    ids=["pointer", "page", "pipe", "folder", "device", "loop", "dangling"],
)
def test_what_stands_in_place_of_a_file(folder, name, make, reason):
    """A clone without git-lfs, a saved web page, a cache copied without its blobs; a pipe is waited for for ever."""
    said = refusal(replaced(folder, name, make))
    assert name in said and reason in said


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "tokenizer_config.json"])
def test_a_giant_file_is_not_read(folder, name):
    """A gigabyte of JSON takes tens of gigabytes of memory, and every other session with it."""
    with (folder / name).open("wb") as file:
        file.truncate(2**30)
    assert "MiB" in refusal(folder)


@pytest.mark.parametrize("depth", [200, 100_000])
def test_json_nested_for_ever(folder, depth):
    (folder / "config.json").write_text('{"a":' * depth + "1" + "}" * depth)
    assert "nested too deep" in refusal(folder)


@pytest.mark.parametrize(
    ("weights", "reason"),
    [
        ("model.Q4_K_M.gguf", "GGUF"),
        ("pytorch_model.bin", "pickle"),
        ("model.pt", "pickle"),
        ("model.onnx", "ONNX"),
        ("tf_model.h5", "TensorFlow"),
        ("flax_model.msgpack", "Flax"),
        ("consolidated.safetensors", "consolidated.safetensors"),
        ("model-00001-of-00002.safetensors", "no model.safetensors.index.json"),
        ("training_args.bin", "no weights"),
    ],
)
def test_weights_of_another_format_are_named(folder, weights, reason):
    (folder / "model.safetensors").rename(folder / weights)
    said = refusal(folder)
    assert reason in said and (weights in said or weights == "training_args.bin")


def lying(header_bytes: int) -> Callable[[bytes], bytes]:
    return lambda whole: struct.pack("<Q", header_bytes) + whole[8:]


@pytest.mark.parametrize(
    "damage",
    [lambda whole: whole[:-1], lambda whole: whole + b"more", lying(0), lying(2**62), lying(99_000_000),
     lambda whole: b"\x80\x04" + whole[2:], lambda whole: b""],
    ids=["cut", "longer", "no header", "endless header", "long header", "pickle", "empty"],
)  # fmt: skip
def test_damaged_weights_are_no_model_in_the_table(folder, damage):
    """A picker that offers a broken download leads into an error."""
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(damage(whole))
    assert "model.safetensors cannot be read" in refusal(folder)


@pytest.mark.parametrize(
    ("shard", "reason"),
    [
        ("../model/other.safetensors", "outside the folder"),
        ("/etc/passwd", "outside the folder"),
        ("model-00002-of-00002.safetensors", "no model-00002-of-00002.safetensors"),
        (5, "outside the folder"),
    ],
)
def test_an_index_that_names_what_is_not_there(folder, shard, reason):
    (folder / "model.safetensors").rename(folder / "model-00001-of-00001.safetensors")
    index = {"weight_map": {"a": "model-00001-of-00001.safetensors", "b": shard}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    assert reason in refusal(folder)


@pytest.mark.parametrize(
    ("architecture", "says", "says_not"),
    [
        ("vit", "does not read text but images", "yet"),
        ("wav2vec2", "does not read text but sound", "yet"),
        ("clip_vision_model", "does not read text but images", "yet"),
        ("patchtst", "does not read text but series of numbers", "yet"),
        ("canine", "is a canine model, which attnviz does not read yet", "does not read text"),
        ("splinter", "is a splinter model, which attnviz does not read yet", "does not read text"),
        ("qwen2_vl", "which attnviz does not read yet (it is made for images and text)", "does not read text"),
        ("mistral3", "which attnviz does not read yet (it is made for images and text)", "does not read text"),
        ("clip", "which attnviz does not read yet (it is made for images and text)", "does not read text"),
        ("vits", "is a vits model, which attnviz does not read yet", "does not read text"),
        ("siglip_text_model", "which attnviz does not read yet", "does not read text"),
    ],
)
def test_only_a_model_that_reads_no_text_is_said_to_read_none(folder, architecture, says, says_not):
    """Of a text model it is false, and sends its reader away from the whole family."""
    said = refusal(settings(folder, model_type=architecture))
    assert says in said and says_not not in said


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"n_head": -1}, "n_head is -1, less than 1"),
        ({"decoder_attention_heads": 0}, "decoder_attention_heads is 0, less than 1"),
        ({"n_head": "4"}, "n_head is '4', not a whole number"),
        ({"n_layer": True}, "n_layer is True, not a whole number"),
        ({"n_layer": 2.5}, "n_layer is 2.5, not a whole number"),
        ({"n_layer": 5}, "n_layer is 5, and its weights hold 4 layers"),
        ({"n_layer": 10**9}, "n_layer is 1,000,000,000"),
        ({"n_layer": 10**30}, "n_layer is 1,000,000,000"),
        ({"n_embd": 256}, "none of its weights has a side of that width"),
        ({"n_embd": 10**12}, "n_embd is 1,000,000,000,000"),
        ({"vocab_size": 10**9}, "no side of its weights is longer than 2,048"),
        ({"n_positions": 10**12}, "its table of positions has 128"),
        ({"n_ctx": 128, "max_position_embeddings": 10**7}, "its table of positions has 128"),
        ({"n_head": 10**9}, "n_head is 1,000,000,000"),
        ({"num_labels": 10**9}, "num_labels is 1,000,000,000"),
        ({"attention_types": [[["global"], 10**9]]}, "attention_types is 1,000,000,000"),
        ({"text_config": {"num_hidden_layers": 10**9}}, "num_hidden_layers is 1,000,000,000"),
        ({"architectures": 5}, "architectures is 5, not a list of class names"),
        ({"architectures": [5]}, "architectures is [5], not a list of class names"),
        ({"eos_token_id": [[1]]}, "eos_token_id is [[1]], neither a token id nor a list of them"),
        ({"layer_norm_epsilon": float("nan")}, "layer_norm_epsilon is nan, no number to compute with"),
        ({"layer_norm_epsilon": float("inf")}, "layer_norm_epsilon is inf, no number to compute with"),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, dict) else "",
)
def test_a_config_of_another_model_is_refused_before_anything_is_built(folder, said, reason):
    """A giant one held the lock that every load waits for; another's width ended in transformers' own words."""
    assert reason in refusal(settings(folder, **said))


@pytest.mark.parametrize("value", [[[1]], "x", 1.5, True])
def test_a_token_that_writing_should_end_at(folder, value):
    """It ended in a traceback when the model was asked to write."""
    said = refusal(settings(folder, "generation_config.json", eos_token_id=value))
    assert "generation_config.json eos_token_id is" in said


@pytest.mark.parametrize(("says", "most"), [({}, 2**19), ({"rope_theta": 10000.0}, 2**24)])
def test_positions_that_no_table_limits(says, most):
    """Tables that are made when the model is take memory by the row; rotary positions of ten million are real."""
    tensors = {"model.embed_tokens.weight": Stored("F32", (100, 32))}
    settings = {"hidden_size": 32, "max_position_embeddings": most} | says
    check_sizes(settings, tensors)
    with pytest.raises(AttnvizError, match="more than any model reads"):
        check_sizes(settings | {"max_position_embeddings": most + 1}, tensors)


def test_what_a_config_leaves_open_is_held_against_the_weights_too(folder):
    """Under another model_type transformers fills in 32 layers of width 4096: 26 GB of random weights."""
    settings(folder, model_type="llama")
    with pytest.raises(AttnvizError, match="num_hidden_layers is 32, and its weights hold 4 layers"):
        load_model(str(folder))


@pytest.mark.parametrize("said", [{"model_max_length": "x"}, {"model_max_length": [1]}, {"eos_token": [[1]]}], ids=str)
def test_settings_of_a_tokenizer_that_make_no_sense(folder, said):
    assert next(iter(said)) in refusal(settings(folder, "tokenizer_config.json", **said))


@pytest.mark.parametrize("limit", [None, -1, 1.5, 10**30, float("nan")])
def test_odd_limits_of_tokenizers_are_no_reason_to_refuse(folder, limit):
    """Saved by transformers itself, or opened by it without a word."""
    assert load_model(str(settings(folder, "tokenizer_config.json", model_max_length=limit))).limit == 128


def test_a_model_larger_than_the_memory_is_not_tried(folder, monkeypatch):
    monkeypatch.setattr("attnviz.models.loading.free_bytes", lambda: 1_000_000)
    with pytest.raises(AttnvizError, match="of memory as float32"):
        load_model(str(folder))
    monkeypatch.setattr("attnviz.models.catalog.all_bytes", lambda: 1_000_000)
    os.utime(folder / "config.json")
    assert "of memory as float32" in refusal(folder)


def test_models_inside_are_named(tmp_path):
    """Where a reader names the run, the models are its checkpoints; sorted as people count."""
    for place in ("run/checkpoint-1000", "run/checkpoint-500", "sbert/0_Transformer", "models--o--m/snapshots/abc"):
        tiny_gpt(tmp_path / place)
    assert "give one of checkpoint-500, checkpoint-1000 in it" in refusal(tmp_path / "run")
    assert "give 0_Transformer in it" in refusal(tmp_path / "sbert")
    assert "give snapshots/abc in it" in refusal(tmp_path / "models--o--m")
    entry = inspect_folder(tmp_path / "run", "run", "folder")
    assert entry.inside == (str(tmp_path / "run/checkpoint-500"), str(tmp_path / "run/checkpoint-1000"))
    tiny_gpt(tmp_path / "kept")
    tiny_gpt(tmp_path / "kept" / "checkpoint-5")
    assert load_model(str(tmp_path / "kept")).name == str(tmp_path / "kept"), "a model with others inside is itself"


def test_folders_that_lead_into_themselves_end(tmp_path):
    os.symlink(".", tmp_path / "self")
    assert "no config.json" in refusal(tmp_path)


def test_one_broken_folder_leaves_the_others_in_the_table(tmp_path, monkeypatch):
    """A class whose shared folder holds one bad download must still see the good ones, at once."""
    tiny_gpt(tmp_path / "good")
    tiny_gpt(tmp_path / "run" / "checkpoint-5")
    replaced(tiny_gpt(tmp_path / "pipe"), "config.json", os.mkfifo)
    settings(tiny_gpt(tmp_path / "giant"), n_layer=10**12)
    (tmp_path / os.fsdecode(b"not-\xff-text")).mkdir()
    monkeypatch.setenv("ATTNVIZ_MODELS", f"{tmp_path}/")
    start = time.perf_counter()
    found = {entry.name: entry.loadable for entry in list_models() if entry.source == "folder"}
    assert found == {"giant": False, "good": True, "pipe": False, "run/checkpoint-5": True}
    assert time.perf_counter() - start < QUICK
    assert load_model("run/checkpoint-5").architecture == "gpt2"


def test_the_folder_of_models_may_be_a_model(folder, monkeypatch):
    monkeypatch.setenv("ATTNVIZ_MODELS", str(folder))
    assert [entry.name for entry in list_models() if entry.source == "folder"] == ["model"]
    assert locate("model").path == str(folder)


def test_the_revision_of_a_folder_is_that_of_its_files(folder):
    """Whatever is kept of a model is kept by its revision: one that stayed would show what was read before."""
    first = find_model(str(folder)).revision
    assert find_model(str(folder)).revision == first == load_model(str(folder)).revision
    (folder / "README.md").write_text("what no model is made of")
    (folder / "trainer_state.json").write_text("{}")
    assert find_model(str(folder)).revision == first
    tensors = safetensors.torch.load_file(folder / "model.safetensors")
    safetensors.torch.save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    second = find_model(str(folder)).revision
    assert second != first
    settings(folder, n_ctx=128)
    assert find_model(str(folder)).revision not in (first, second)
    assert find_model("tiny-gpt").revision == "bundled"


PASTED = ["{}", "{}/", ' "{}" ', "'{}'", "“{}”", "`{}`", "{}/config.json", "{}/model.safetensors", "file://{}", "{}//",
          "{}\n"]  # fmt: skip


@pytest.mark.parametrize("spelling", PASTED)
def test_a_path_is_understood_as_people_paste_it(folder, spelling):
    entry = locate(spelling.format(folder))
    assert (entry.path, entry.name, entry.loadable) == (str(folder), str(folder), True)


def test_a_path_in_other_case_or_from_home(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder.parent))
    assert locate("~/model").path == locate("~/Model/").path == locate(str(folder).upper()).path == str(folder)
    (folder.parent / "MODEL").mkdir()
    with pytest.raises(AttnvizError, match="no folder"):
        locate(str(folder.parent / "Model"))


def test_names_of_the_table_in_other_case():
    assert locate("Tiny-GPT").name == locate("tiny-gpt/").name == "tiny-gpt"
    assert locate("TINY-GPT@800").name == "tiny-gpt@800"


@pytest.mark.parametrize("step", ["", "x", "5" * 5000, "-1", "²"], ids=lambda step: step[:3])
def test_a_step_that_was_not_kept(step):
    with pytest.raises(AttnvizError, match="was not kept at step") as refused:
        locate(f"tiny-gpt@{step}")
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize(
    "link",
    [
        "https://huggingface.co/org/name",
        "https://huggingface.co/org/name/",
        "https://huggingface.co/org/name/tree/main",
        "https://huggingface.co/org/name/blob/main/config.json?download=true#L1",
        "https://huggingface.co/org/name/resolve/main/model.safetensors",
        "https://hf.co/org/name",
        "hf.co/org/name",
        "HuggingFace.co/org/name",
        "hf://org/name",
        "org/name/tree/main",
        "models--org--name",
        "org/name/",
        " 'org/name' ",
    ],
)
def test_a_link_to_the_hub_is_the_model_it_leads_to(link):
    assert as_meant(link) == "org/name"


@pytest.mark.parametrize(
    ("link", "reason"),
    [
        ("https://huggingface.co/datasets/org/name", "datasets"),
        ("https://huggingface.co/", "not to one of its models"),
        ("https://huggingface.co/org/name/tree/v2", "revision 'v2'"),
        ("https://example.com/org/name", "another site"),
        ("file://elsewhere/model", "another machine"),
    ],
)
def test_a_link_to_something_else_says_what_it_is(link, reason):
    """To open main where a link names another revision would be another model under its name."""
    with pytest.raises(AttnvizError, match=reason):
        as_meant(link)


@pytest.mark.parametrize("path", ["C:\\models\\bert", "C:/bert", "\\\\server\\bert", "~nosuchuser/bert"])
def test_a_path_of_another_machine_is_sent_to_nobody(path):
    with pytest.raises(AttnvizError, match="no folder"):
        locate(path)


def test_a_model_in_the_cache_is_not_fetched_again_for_what_it_is(tmp_path, monkeypatch):
    """A model of images is not made one of text by another download."""
    settings(tiny_gpt(tmp_path / "m"), model_type="vit")
    entry = inspect_folder(tmp_path / "m", "owner/vit", "cache", "c" * 40)
    monkeypatch.setattr(catalog, "_in_cache", lambda: [entry])
    assert locate("owner/vit") is entry and locate("Owner/ViT") is entry


def test_a_tokenizer_that_is_never_ready_is_given_up(folder, monkeypatch):
    """Its parsing cannot be stopped where it runs: the session would hang, and with it all who share its lock."""
    monkeypatch.setattr(tokenizer_files, "TRIED_FIRST", 0)
    monkeypatch.setattr(tokenizer_files, "LONGEST", 0.5)
    monkeypatch.setattr(tokenizer_files, "PARSE", "import time; print(flush=True); time.sleep(600)")
    start = time.perf_counter()
    with pytest.raises(AttnvizError, match="was not ready after"):
        load_model(str(folder))
    assert time.perf_counter() - start < QUICK


def test_others_load_while_a_tokenizer_is_waited_for(folder, monkeypatch):
    """One hopeless folder must not stop a class."""
    trials: queue.Queue[subprocess.Popen] = queue.Queue()
    start = subprocess.Popen

    def started(*args, **how):
        trial = start(*args, **how)
        trials.put(trial)
        return trial

    monkeypatch.setattr(tokenizer_files.subprocess, "Popen", started)
    monkeypatch.setattr(tokenizer_files, "TRIED_FIRST", 200_000)  # bytes: more than those of tiny-bert
    monkeypatch.setattr(tokenizer_files, "PARSE", "import time; print(flush=True); time.sleep(600)")
    settings(folder, "tokenizer_config.json", note="x" * 200_000)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(load_model, str(folder))
        trial = trials.get(timeout=QUICK)
        assert load_model("tiny-bert").architecture == "bert" and not waiting.done()
        trial.kill()
        assert waiting.result().architecture == "gpt2", "what is wrong with it is said where it is read"


def test_many_special_tokens_are_tried_first_too(folder, monkeypatch):
    """They take time that grows with their square: a megabyte of them takes longer than a whole vocabulary."""
    tried = []
    monkeypatch.setattr(tokenizer_files.subprocess, "Popen", lambda *args, **how: tried.append(args) or 1 / 0)
    load_model(str(folder))
    tokens = [f"<token {number}>" for number in range(20_000)]
    settings(folder, "tokenizer_config.json", additional_special_tokens=tokens)
    with pytest.raises(ZeroDivisionError):
        load_model(str(folder))
    assert len(tried) == 1


def test_files_that_are_written_while_they_are_read_are_no_model(folder, monkeypatch):
    """Half of the tensors before and half of those after a save would be a model that never was."""
    read = loading._read_weights

    def while_saving(*args):
        found = read(*args)
        os.utime(folder / "model.safetensors")
        return found

    monkeypatch.setattr(loading, "_read_weights", while_saving)
    with pytest.raises(AttnvizError, match="written while they were read"):
        load_model(str(folder))


def test_a_large_tokenizer_that_is_ready_in_time_opens(folder, monkeypatch):
    monkeypatch.setattr(tokenizer_files, "TRIED_FIRST", 0)
    assert load_model(str(folder)).architecture == "gpt2"
