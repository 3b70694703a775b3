"""A saved view: what somebody saw, with a note and a few of its numbers, as a small JSON file.

A file holds no weights: whoever opens it computes all of it again, and is told whether the numbers still hold. The
format is in docs/saved-views.md.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import date
from typing import Any

from attnviz.errors import AttnvizError, in_one_line, json_object
from attnviz.maps.attention_map import AttentionMap, strongest_cells

MOST_BYTES = 2**20  # bytes
MOST_NUMBERS = 100
LONGEST_NOTE = 4000  # characters
TOLERANCE = 2e-5  # what a number may differ by, or by which share of it where it is above one: the gate of drift
PAGES = ("heads", "compare", "similar", "head_card", "head_labels")
STRONGEST = 5


@dataclass(frozen=True)
class SavedView:
    """`address`: the choices as a link to `page` writes them. `numbers`: by what they are, as they were that day."""

    attnviz: str  # the version that wrote it
    page: str
    title: str
    address: Mapping[str, str]
    note: str
    model: str
    revision: str
    saved: str  # a date
    versions: str
    certificate: str
    numbers: Mapping[str, float]


def numbers_of(attention_map: AttentionMap, cell: tuple[int, int] | None = None) -> dict[str, float]:
    """The weight of the chosen cell, the strongest of its row, and the strongest of all, by their tokens and places."""
    cells = [(row, column) for *_, row, column in strongest_cells(attention_map, STRONGEST)]
    if cell is not None:
        row = attention_map.weights[cell[0]]
        cells = [cell, *((cell[0], int(column)) for column in (-row).argsort(kind="stable")[:STRONGEST]), *cells]
    found = {_name(attention_map, i, j): float(attention_map.weights[i, j]) for i, j in cells}
    return {name: weight for name, weight in found.items() if math.isfinite(weight)}


def numbers_again(view: SavedView, attention_map: AttentionMap) -> dict[str, float]:
    """The saved weights as this map has them; left out are those that it has no cell for."""
    found: dict[str, float] = {}
    for name in view.numbers:
        row = name.partition(" ")[0]
        if row.isdecimal() and int(row) < len(attention_map.rows):
            cells = {_name(attention_map, int(row), j): j for j in range(len(attention_map.columns))}
            found |= {name: float(attention_map.weights[int(row), cells[name]])} if name in cells else {}
    return found


def _name(attention_map: AttentionMap, i: int, j: int) -> str:
    return f"{i} {attention_map.queries[i]} → {j} {attention_map.keys[j]}"


def as_json(view: SavedView) -> str:
    """The file."""
    return json.dumps(asdict(view), indent=1, allow_nan=False)


def load_saved_view(file: bytes, name: str) -> SavedView:
    """A saved view from the bytes of a file, without the parts that are not known here.

    Raises AttnvizError for everything that is not as the format says; `name` is the file's, to say so.
    """
    name = in_one_line(name, 60)
    if len(file) > MOST_BYTES:
        raise AttnvizError(f"'{name}' has {len(file) / 2**20:,.1f} MiB, a saved view a few KiB: pick another file.")
    told = json_object(file, f"'{name}'", "a saved view is an object", "save the view again")
    parts = [part.name for part in fields(SavedView)]
    missing = [part for part in parts if part not in told]
    if missing:
        lacks = ", ".join(missing)
        raise AttnvizError(f"'{name}' is no whole saved view, it lacks {lacks}: docs/saved-views.md lists all.")
    for part in parts:
        _check(name, part, told[part])
    numbers = {of: float(number) for of, number in told["numbers"].items()}
    return SavedView(**{part: told[part] for part in parts} | {"numbers": numbers})


def _check(name: str, part: str, value: Any) -> None:
    if part == "numbers":
        holds = isinstance(value, dict) and len(value) <= MOST_NUMBERS and all(map(_is_number, value.values()))
        wanted = f"an object of at most {MOST_NUMBERS} finite numbers"
    elif part == "address":
        holds, wanted = isinstance(value, dict) and all(map(_is_text, value.values())), "an object of texts"
    elif part == "page":
        holds, wanted = value in PAGES, f"one of {', '.join(PAGES)}"
    elif part == "note":
        holds, wanted = _is_text(value) and len(value) <= LONGEST_NOTE, f"a text of at most {LONGEST_NOTE:,} characters"
    elif part == "saved":
        holds, wanted = _is_date(value), "a date such as 2026-11-21"
    else:
        holds, wanted = _is_text(value), "a text"
    if not holds or (isinstance(value, dict) and not all(map(_is_text, value))):
        raise AttnvizError(f"The '{part}' of '{name}' is not {wanted}: save the view again.")


def _is_text(value: Any) -> bool:
    """Half of a surrogate pair can be escaped in JSON and is no text that a page could show."""
    return isinstance(value, str) and value == value.encode(errors="replace").decode()


def _is_number(value: Any) -> bool:
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # a whole number beyond every float
        return False


def _is_date(value: Any) -> bool:
    try:
        return date.fromisoformat(value).isoformat() == value
    except (TypeError, ValueError):
        return False


def verdict(view: SavedView, now: Mapping[str, float], revision: str, versions: str) -> tuple[bool, str]:
    """Whether the view's numbers still hold, and the sentence that says so; where they do not, by how much, and
    what is not as it was. `now` holds the numbers of today, `revision` and `versions` are today's."""
    if not view.numbers:
        return True, "This saved view holds no numbers: there is nothing to compare."
    gone = [name for name in view.numbers if name not in now]
    off = {name: abs(now[name] - then) for name, then in view.numbers.items() if name in now}
    moved = [name for name in off if not off[name] <= TOLERANCE * max(1.0, abs(view.numbers[name]))]
    if not gone and not moved:
        largest = f"{max(off.values()):.0e}".replace("0e+00", "0")
        return True, f"The numbers still hold: {len(off)} worked out again, largest difference {largest}."
    moved.sort(key=lambda name: -off[name])
    listed = [f"{name}: {view.numbers[name]:.4g} then, {now[name]:.4g} now" for name in moved]
    listed += [f"{name}: not there now" for name in gone]
    more = f"; and {len(listed) - STRONGEST} more" if len(listed) > STRONGEST else ""
    return False, (
        f"{len(listed)} of {len(view.numbers)} numbers do not hold any more. {'; '.join(listed[:STRONGEST])}{more}. "
        f"{_changed_since(view, revision, versions)}"
    )


def _changed_since(view: SavedView, revision: str, versions: str) -> str:
    pairs = [(f"revision {view.revision}", f"revision {revision}")]
    pairs += zip(view.versions.split(", "), versions.split(", "))
    changed = [f"{then} then, {now} now" for then, now in pairs if then != now]
    if not changed:
        return "Revision and versions are the same: the view, the model's files or the saved view were changed."
    return f"Not as it was: {'; '.join(changed)}."
