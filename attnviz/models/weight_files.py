"""What a model's safetensors files hold, read from their headers alone, without torch."""

import json
import re
from collections.abc import Mapping, Sized
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from safetensors import SafetensorError, safe_open

from attnviz.errors import AttnvizError, in_one_line

WHOLE, INDEX = "model.safetensors", "model.safetensors.index.json"


class Stored(NamedTuple):
    """One tensor of a file: its dtype as safetensors spells it, such as F32, BF16, I8 or F8_E4M3, and its shape."""

    dtype: str
    shape: tuple[int, ...]


def weight_files(folder: Path) -> list[Path]:
    """The files that a model's folder is loaded from: model.safetensors, or else those that its index names.

    Raises AttnvizError where there is neither, or the index is not one.
    """
    if (folder / WHOLE).is_file():
        return [folder / WHOLE]
    try:
        names = set(json.loads((folder / INDEX).read_text(encoding="utf-8"))["weight_map"].values())
    except FileNotFoundError as error:
        raise AttnvizError(f"There is no {WHOLE} in the folder: put it beside config.json.") from error
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise AttnvizError(f"Its {INDEX} is not readable: fetch the model again.") from error
    if not all(isinstance(name, str) and name == Path(name).name for name in names):
        raise AttnvizError(f"Its {INDEX} names files outside the folder: fetch the model again.")
    return [folder / name for name in sorted(names)]


def tensors_of(folder: Path) -> dict[str, Stored]:
    """Every tensor that a model's folder holds, by its name in the files; no tensor itself is read.

    Raises AttnvizError where a file is missing or is no safetensors file.
    """
    return {name: tensor for file in weight_files(folder) for name, tensor in tensors_in(file).items()}


def tensors_in(file: Path) -> dict[str, Stored]:
    """Every tensor of one safetensors file, by name. Raises AttnvizError where it is missing or damaged."""
    try:
        if not file.is_file():
            raise AttnvizError(f"Its weight file {in_one_line(file.name)} is missing: fetch the model again.")
        found = file.stat()
        return _header(str(file), found.st_size, found.st_mtime_ns)
    except (OSError, SafetensorError, ValueError) as error:
        raise AttnvizError(
            f"Its weight file {in_one_line(file.name)} cannot be read ({in_one_line(error)}): fetch the model again."
        ) from error


@lru_cache(maxsize=256)
def _header(file: str, size: int, modified: int) -> dict[str, Stored]:
    """Kept until the file's size or time changes: the table of models asks again and again."""
    with safe_open(file, framework="np") as opened:
        slices = {name: opened.get_slice(name) for name in opened.keys()}  # noqa: SIM118
        return {name: Stored(tensor.get_dtype(), tuple(tensor.get_shape())) for name, tensor in slices.items()}


def check_weights(tensors: Mapping[str, Stored], config: Mapping[str, Any]) -> None:
    """Raises AttnvizError where what a folder's files hold is not what its model computes with, by their headers and
    its config.json.

    Quantised weights mean nothing without their scales, which are not applied here. An adapter's tensors are half a
    model: the weights that were meant are a sum of theirs and of others.
    """
    quantised = [name for name, tensor in tensors.items() if _is_quantised(name, tensor)]
    if quantised:
        kind = _spoken(tensors, quantised)
        found = [scheme for end, scheme in _SCHEMES.items() if any(name.endswith(end) for name in tensors)]
        scheme = _method(config) or (found[0] if found else f"{kind} weights")
        raise AttnvizError(
            f"It is quantised with {scheme} ({kind} numbers in {count(quantised, 'tensor')} of its file, whose scales "
            "nothing here applies): take the unquantised model."
        )
    if method := _method(config):
        raise AttnvizError(
            f"Its config.json says that it is quantised with {method}, and its weights are not: take the unquantised "
            "model with its own config.json."
        )
    parts = [name for name in tensors if _PARTS_OF_ADAPTERS.search(name)]
    if parts:
        raise AttnvizError(
            f"Its file holds {count(parts, 'tensor')} of an adapter, such as {in_one_line(parts[0])}: "
            "merge the adapter into the model (merge_and_unload in peft) and save that."
        )


def count(things: Sized, noun: str) -> str:
    """3 tensors, 1 tensor."""
    return f"{len(things):,} {noun}{'s' * (len(things) != 1)}"


_PARTS_OF_ADAPTERS = re.compile(
    r"(^|\.)(lora_\w+|base_layer|modules_to_save|original_module|token_adapter|ia3_l|hada_\w+|lokr_\w+|vera_lambda_\w+)"
    r"(\.|$)"
)
_SCHEMES = {  # by what only their files hold
    ".qzeros": "GPTQ or AWQ",
    ".qweight": "GPTQ or AWQ",
    ".SCB": "bitsandbytes",
    ".absmax": "bitsandbytes",
    ".weight_packed": "compressed-tensors",
}
_COUNTED = re.compile(r"_ids$|_index$|mask|indices$|tid2eid$|^version$|num_batches_tracked$")  # integers by nature


def _is_quantised(name: str, tensor: Stored) -> bool:
    """Whether a tensor of the file holds numbers that need a scale."""
    dtype, shape = tensor
    if dtype in ("F64", "F32", "F16", "BF16", "BOOL", "C64", "C128"):
        return False
    last = name.rpartition(".")[2]
    if not dtype.startswith(("I", "U")):
        return True  # F8_E4M3 and the like
    if _COUNTED.search(last) or is_causal_mask(last, shape):
        return False
    return last in ("weight", "bias") or (len(shape) > 1 and dtype not in ("I64", "U64"))


def is_causal_mask(last: str, shape: tuple[int, ...]) -> bool:
    """Whether this is the triangle [1, 1, n, n] that GPT-2 and its kin keep beside their weights as `bias`."""
    return last == "bias" and len(shape) == 4 and shape[:2] == (1, 1) and shape[2] == shape[3]


def _spoken(tensors: Mapping[str, Stored], names: list[str]) -> str:
    """The dtypes of some tensors as people say them: int8, float8."""
    said = {"I": "int", "U": "uint", "F": "float"}
    kinds = {re.sub(r"_.*", "", tensors[name].dtype) for name in names}
    return " and ".join(sorted(said[kind[0]] + kind[1:] for kind in kinds))


def _method(config: Mapping[str, Any]) -> str | None:
    """What a config.json, or one of the parts of a model in it, calls the way in which it is quantised."""
    for part in [config, *(part for part in config.values() if isinstance(part, dict))]:
        for key in ("quantization_config", "compression_config"):
            told = part.get(key)
            if isinstance(told, dict) and told:
                method = told.get("quant_method") or told.get("quant_algo") or "a scheme that it does not name"
                return in_one_line(method, 40)
    return None
