"""Files of a model's folder, read with care: a folder may hold anything under the names that are read."""

import hashlib
import json
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from attnviz.errors import AttnvizError, in_one_line
from attnviz.models.weight_files import INDEX

VOCABULARIES = (
    "tokenizer.json",
    "vocab.txt",
    "vocab.json",
    "tokenizer.model",
    "spiece.model",
    "sentencepiece.bpe.model",
)
TOKENIZER_FILES = (
    *VOCABULARIES,
    "merges.txt",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
)
SETTINGS = ("config.json", "generation_config.json", "adapter_config.json")
MIB = 2**20
LARGEST = {INDEX: 128 * MIB, "config.json": 16 * MIB} | dict.fromkeys(VOCABULARIES, 256 * MIB)
LARGEST_OTHER = 32 * MIB
DEEPEST = 60  # objects and lists inside each other
POINTER = b"version https://git-lfs.github.com/spec/"
KINDS = {stat.S_ISDIR: "a folder", stat.S_ISFIFO: "a pipe", stat.S_ISSOCK: "a socket"}


class Incomplete(AttnvizError):
    """Something is missing in a folder, which may be there when the model is fetched again."""


def files_read(folder: Path) -> list[Path]:
    """The files in a folder that loading a model reads, sorted by name; of those that end in .safetensors, all.

    Raises AttnvizError where the folder cannot be read.
    """
    names = {*SETTINGS, *TOKENIZER_FILES, INDEX}
    try:
        found = [Path(entry) for entry in os.scandir(folder) if entry.name in names or _is_weights(entry.name)]
    except OSError as error:
        raise AttnvizError(f"Its folder cannot be read ({error.strerror}): check who may read it.") from error
    return sorted(found)


def revision_of(files: Iterable[Path]) -> str:
    """Which state of a folder this is, from the names, sizes and times of its files."""
    found = hashlib.blake2b(digest_size=6)
    for file in files:
        try:
            told = file.stat()
            found.update(f"{file.name} {told.st_size} {told.st_mtime_ns} {told.st_ctime_ns}\n".encode())
        except OSError:
            found.update(f"{file.name} is not there\n".encode())
    return f"files-{found.hexdigest()}"


def check_file(file: Path) -> None:
    """Raises AttnvizError for what is no ordinary file, too large to be what its name says, or only stands for it."""
    name = in_one_line(file.name)
    try:
        told = file.stat()
    except FileNotFoundError as error:
        if file.is_symlink():
            raise AttnvizError(
                f"Its {name} is a link to a file that is not there: copy the files themselves (cp -L), or fetch the "
                "model again."
            ) from error
        raise Incomplete(f"There is no {name} in it: fetch the model again.") from error
    except OSError as error:
        raise AttnvizError(f"Its {name} cannot be read ({error.strerror}): fetch the model again.") from error
    if not stat.S_ISREG(told.st_mode):
        kind = next((kind for is_it, kind in KINDS.items() if is_it(told.st_mode)), "a device")
        raise AttnvizError(f"Its {name} is {kind}, not an ordinary file: put the real file there.")
    most = LARGEST.get(file.name, LARGEST_OTHER)
    if told.st_size > most and not _is_weights(file.name):
        raise AttnvizError(
            f"Its {name} has {told.st_size / MIB:,.0f} MiB, and no {name} has more than {most // MIB}: fetch the model "
            "again."
        )
    _check_beginning(file, name)


def read_object(file: Path) -> dict[str, Any]:
    """The object that a JSON file holds. Raises AttnvizError for any other file."""
    check_file(file)
    name = in_one_line(file.name)
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise AttnvizError(f"Its {name} cannot be read ({error.strerror}): check who may read it.") from error
    except RecursionError as error:
        raise AttnvizError(f"Its {name} is nested too deep to be one: fetch the model again.") from error
    except ValueError as error:
        raise AttnvizError(
            f"Its {name} is not readable JSON ({in_one_line(error, 60)}): fetch the model again."
        ) from error
    if not isinstance(told, dict):
        raise AttnvizError(f"Its {name} is not readable JSON with settings by their names: fetch the model again.")
    if _deeper_than(told, DEEPEST):
        raise AttnvizError(f"Its {name} is nested too deep to be one: fetch the model again.")
    return told


def _is_weights(name: str) -> bool:
    return name.endswith(".safetensors")


def _check_beginning(file: Path, name: str) -> None:
    try:
        with file.open("rb") as opened:
            start = opened.read(256).lstrip()
    except OSError as error:
        raise AttnvizError(f"Its {name} cannot be read ({error.strerror}): check who may read it.") from error
    if start.startswith(POINTER):
        raise AttnvizError(
            f"Its {name} is a Git LFS pointer, not the file itself: run git lfs pull in its folder, or fetch the model "
            "again."
        )
    if start[:15].lower().startswith((b"<!doctype html", b"<html")):
        raise AttnvizError(f"Its {name} is a web page, not the file itself: download the file that the page is of.")


def _deeper_than(told: Any, most: int) -> bool:
    """Whether objects and lists stand inside each other more than `most` deep."""
    inside = [told]
    for _ in range(most):
        inside = [
            part for one in inside for part in (one.values() if isinstance(one, dict) else one)
            if isinstance(part, dict | list)
        ]  # fmt: skip
    return bool(inside)
