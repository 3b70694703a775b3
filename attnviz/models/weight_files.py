"""What a model's safetensors files hold, read from their headers alone, without torch."""

import json
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

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
