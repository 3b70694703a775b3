"""The one error that means: this request cannot be served, and here is what to do about it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class AttnvizError(Exception):
    """Its message is for the reader: what happened and what to do, in one line, no traceback needed."""


def in_one_line(text: object, limit: int = 80) -> str:
    """Foreign text (a name, another library's message) fit to stand inside such a message."""
    line = " ".join(str(text).split())
    line = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in line)
    return line if len(line) <= limit else line[: limit - 1] + "…"


def json_object(file: bytes, name: str, wanted: str, again: str) -> dict[str, Any]:
    """The object that a JSON file holds. Raises AttnvizError for any other file, with what is `wanted` of it, or how to
    make it `again`."""
    try:
        told = json.loads(file)
    except (ValueError, RecursionError) as error:
        raise AttnvizError(f"{name} is no JSON ({in_one_line(error)}): {again}.") from error
    if not isinstance(told, dict):
        raise AttnvizError(f"{name} holds a {type(told).__name__}, where {wanted}.")
    return told


@contextmanager
def explained(what: str, cure: str) -> Iterator[None]:
    """Whatever another library raises inside becomes an AttnvizError: `what` happened, its reason, the `cure`.

    A cancelled run and the like pass.
    """
    try:
        yield
    except AttnvizError:
        raise
    except BaseException as error:
        if not is_foreign(error):
            raise
        reason = in_one_line(error, 160) or type(error).__name__
        raise AttnvizError(f"{what} ({reason}): {cure}.") from error


def is_foreign(error: BaseException) -> bool:
    """Whether a library failed: with an Exception, or with a panic of a library in Rust, which is none to Python."""
    return isinstance(error, Exception) or type(error).__name__ == "PanicException"
