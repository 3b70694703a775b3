"""What a reader can choose, declared as fields of a frozen dataclass: a link holds them, and each is checked."""

from collections.abc import Callable, Iterable
from dataclasses import field
from typing import Any


def one_of(choices: Iterable[str], default: str | None = None) -> Any:
    """A field for one of some names, at first the first of them."""
    names = tuple(choices)
    return field(default=names[0] if default is None else default, metadata={"choices": names})


def within(lowest: float, highest: float, default: float) -> Any:
    """A field for a number that lies in a range."""
    return field(default=default, metadata={"range": (lowest, highest)})


def checked(check: Callable[[str], object], default: str = "") -> Any:
    """A field for a text that `check` takes; it raises ValueError for any other."""
    return field(default=default, metadata={"check": check})
