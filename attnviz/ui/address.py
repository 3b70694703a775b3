"""Everything that is chosen, as a query string and back: the address bar is the view."""

import math
from collections.abc import Container, Iterable, Mapping
from dataclasses import Field, dataclass, fields, is_dataclass, replace
from importlib import import_module

from attnviz.choices import one_of
from attnviz.maps.options import MapOptions
from attnviz.ui import url_fields
from attnviz.ui.head_views import HEAD_VIEWS
from attnviz.ui.pages import LESSONS

VERSION = "1"
LONGEST_TEXT = 4000  # characters; a longer choice is not put into the address
LEFT_OUT = "left_out"  # names in an address what it could not hold
FORMER = {"removed": "ablated", "stand_in": "ablation"}  # names of fields, and below values, in links that were sent
FORMER_VALUES = {"across": {"apart": "divergence"}, "up": {"apart": "divergence"}}


def _declared() -> list[type]:
    """The choices that lessons and views of a head declare."""
    lessons = [import_module(f"attnviz.lessons.{name}") for name in LESSONS]
    return [
        *(lesson.Choices for lesson in lessons if hasattr(lesson, "Choices")),
        *(view.choices for view in HEAD_VIEWS.values()),
    ]


@dataclass(frozen=True)
class UrlState(  # those of the last come first in a link
    *_declared(),  # type: ignore[misc]
    url_fields.Architectures,
    url_fields.Validation,
    url_fields.Training,
    url_fields.Labels,
    url_fields.Similar,
    url_fields.Compare,
    url_fields.Heads,
    MapOptions,
    url_fields.Cell,
    url_fields.Text,
):
    """One state of the app: all that pages, lessons and the views of a head declare, and which view it is. Of a text
    longer than `window` so many tokens are shown, as `MapOptions` says."""

    shown_as: str = one_of(HEAD_VIEWS)
    window: int = 128


def check_alike(classes: Iterable[type]) -> None:
    """Raises ValueError where two declare one name and not alike: a link could not tell which is meant."""
    known: dict[str, Field] = {}
    for one in (field for declared in classes if is_dataclass(declared) for field in fields(declared)):
        before = known.setdefault(one.name, one)
        if (before.default, before.metadata) != (one.default, one.metadata):
            raise ValueError(f"'{one.name}' is declared twice, and not alike: one of them needs another name")


check_alike(UrlState.__bases__)


def write(view: UrlState, names: Container[str]) -> dict[str, str]:
    """The named choices and the version; defaults too, so that a link keeps its meaning when one changes. What is too
    long for an address is only named in it."""
    query = write_all(view, names)
    too_long = [name for name, raw in query.items() if len(raw) > LONGEST_TEXT]
    kept = {name: raw for name, raw in query.items() if name not in too_long}
    return kept | ({LEFT_OUT: "-".join(too_long)} if too_long else {})


def write_all(view: UrlState, names: Container[str]) -> dict[str, str]:
    """`write`, of any length: for a file."""
    query = {field.name: _written(getattr(view, field.name)) for field in fields(UrlState) if field.name in names}
    return {"v": VERSION} | query


def read(query: Mapping[str, str], before: UrlState | None = None) -> tuple[UrlState, list[str]]:
    """The view that a query string names, and a sentence on each part that could not be used; what it does not name
    is as in `before`, or the default."""
    known = {field.name: field for field in fields(UrlState)}
    chosen: dict[str, object] = {}
    notices = []
    if query and query.get("v") not in (None, VERSION):
        notices.append("This link was made by another version of attnviz; what it names was kept where it is known.")
    for name, raw in query.items():
        name = FORMER.get(name, name)
        raw = FORMER_VALUES.get(name, {}).get(raw, raw)
        if name == "v":
            continue
        if name == LEFT_OUT:
            notices.append(f"This link comes without its {in_words(raw[:80])}, which is too long for a link.")
            continue
        if name not in known:
            notices.append(f"The link's part '{name[:40]}' is not known here and was left out.")
            continue
        try:
            chosen[name] = _read(known[name], raw)
        except ValueError:
            notices.append(
                f"The link's {name.replace('_', ' ')} '{raw[:40]}' makes no sense here; the default is shown."
            )
    return replace(before or UrlState(), **chosen), notices  # type: ignore[arg-type]


def in_words(names: str) -> str:
    """The choices that LEFT_OUT names."""
    return " and ".join(name.replace("_", " ") for name in names.split("-"))


def _written(value: object) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)


def _read(field: Field, raw: str) -> object:
    """Raises ValueError for what the field does not take."""
    if isinstance(field.default, bool):
        if raw not in ("0", "1"):
            raise ValueError(raw)
        return raw == "1"
    if isinstance(field.default, int):
        if not (raw.isascii() and raw.isdigit() and len(raw) < 8):
            raise ValueError(raw)
        return int(raw)
    if isinstance(field.default, float):
        lowest, highest = field.metadata.get("range", (-math.inf, math.inf))
        if not (math.isfinite(float(raw)) and lowest <= float(raw) <= highest):
            raise ValueError(raw)
        return float(raw)
    if raw not in field.metadata.get("choices", (raw,)):
        raise ValueError(raw)
    if "check" in field.metadata:
        field.metadata["check"](raw)
    return raw
