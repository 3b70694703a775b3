"""What a folder's weight files hold, told from their headers."""

import json
import subprocess
import sys

import pytest
import safetensors.torch
import torch

from attnviz.errors import AttnvizError
from attnviz.models.catalog import BUNDLED
from attnviz.models.weight_files import Stored, tensors_of, weight_files


def test_a_header_says_what_the_file_holds(tmp_path):
    """Float8 and integers too, which NumPy does not have."""
    held = {"a": torch.zeros(2, 3).to(torch.float8_e4m3fn), "b": torch.zeros(4, dtype=torch.int8), "c": torch.zeros(())}
    safetensors.torch.save_file(held, tmp_path / "model.safetensors")
    assert tensors_of(tmp_path) == {"a": Stored("F8_E4M3", (2, 3)), "b": Stored("I8", (4,)), "c": Stored("F32", ())}


def test_shards_are_read_as_one_and_nothing_else_is(tmp_path):
    """A tensor in the second shard must be noticed, a file that no model is loaded from must not."""
    for number, held in enumerate([{"a": torch.zeros(1)}, {"b": torch.zeros(1)}, {"c": torch.zeros(1)}], start=1):
        safetensors.torch.save_file(held, tmp_path / f"model-{number}.safetensors")
    shards = {"a": "model-1.safetensors", "b": "model-2.safetensors"}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": shards}))
    assert set(tensors_of(tmp_path)) == {"a", "b"}
    (tmp_path / "model-2.safetensors").unlink()
    with pytest.raises(AttnvizError, match=r"model-2\.safetensors is missing"):
        tensors_of(tmp_path)


@pytest.mark.parametrize("index", ["{", "[]", '{"weight_map": 5}', '{"weight_map": {"a": "../a.safetensors"}}'])
def test_an_index_that_is_none(tmp_path, index):
    (tmp_path / "model.safetensors.index.json").write_text(index)
    with pytest.raises(AttnvizError, match=r"index\.json"):
        weight_files(tmp_path)


@pytest.mark.parametrize("content", [b"", b"x", b"\xff" * 1000, b"\x08" + b"\0" * 7 + b"{}      trailing"])
def test_a_file_that_is_damaged(tmp_path, content):
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(AttnvizError, match="cannot be read"):
        tensors_of(tmp_path)


def test_a_file_that_changed_is_read_again(tmp_path):
    """Training into the same folder."""
    for name in ("a", "longer"):
        safetensors.torch.save_file({name: torch.zeros(1)}, tmp_path / "model.safetensors")
        assert set(tensors_of(tmp_path)) == {name}


def test_headers_are_read_without_torch():
    """The table of models must not take the seconds that importing torch takes."""
    code = "import sys; from pathlib import Path; from attnviz.models.weight_files import tensors_of; "
    code += f"assert tensors_of(Path({str(BUNDLED / 'tiny-gpt')!r})); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
