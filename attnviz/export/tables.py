"""The numbers of a picture: of a map, by row and column, or of a Plotly figure, by what they are called there."""

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from attnviz.maps.attention_map import AttentionMap

RAISED = str.maketrans("0123456789.+-", "⁰¹²³⁴⁵⁶⁷⁸⁹·⁺⁻")


@dataclass(frozen=True, eq=False)
class Table:
    """`columns` by name, one entry a number, as CSV has them; `arrays` in their own shapes, as NPZ has them."""

    columns: Mapping[str, Sequence[Any]]
    arrays: Mapping[str, np.ndarray]


def of_map(
    found: AttentionMap,
    axes: tuple[str, str, str] = ("from", "to", "weight"),
    heads: Sequence[tuple[int, int]] = (),
) -> Table:
    """A map [rows, columns], or one of each of `heads` (layer, head) [heads, rows, columns]; `axes` is what rows,
    columns and numbers are called."""
    rows, columns, numbers = axes
    places = list(np.ndindex(found.weights.shape))
    own = {"head": ["L{}.H{}".format(*heads[place[0]]) for place in places]} if found.weights.ndim == 3 else {}
    arrays = {
        "weights": found.weights,
        "queries": np.array(found.queries, dtype=np.str_),
        "keys": np.array(found.keys, dtype=np.str_),
    }
    return Table(
        own
        | {
            "row": [place[-2] for place in places],
            rows: [found.queries[place[-2]] for place in places],
            "column": [place[-1] for place in places],
            columns: [found.keys[place[-1]] for place in places],
            numbers: list(found.weights.ravel()),
        },
        arrays | ({"heads": np.array(heads)} if len(heads) else {}),
    )


def of_figure(figure: go.Figure) -> Table:
    """What `series_of` finds: one line a point, or a cell of a map, and each series' arrays behind its name."""
    columns: dict[str, list[Any]] = {name: [] for name in ("series", "x", "y", "z", "low", "high", "says")}
    arrays: dict[str, np.ndarray] = {}
    for one in series_of(figure):
        for place in np.ndindex(one.says.shape):
            extra = {of: one.numbers[of][place] if of in one.numbers else "" for of in ("z", "low", "high")}
            row = {"series": one.name, "x": one.numbers["x"][place[-1]], "y": one.numbers["y"][place[0]], **extra}
            for name, value in (row | {"says": one.says[place]}).items():
                columns[name].append(value)
        says = {"says": one.says} if one.says.any() else {}
        arrays |= {".".join(filter(None, (one.name, of))): array for of, array in (*one.numbers.items(), *says.items())}
    return Table(columns, arrays)


@dataclass(frozen=True, eq=False)
class Series:
    """One line, row of bars, set of points or map of a figure.

    `numbers` are of a map z [rows, columns] beside x [columns] and y [rows], otherwise x and y [points], and low and
    high [points] where x has an interval. x and y are names where the axis names them. `says` [points] or [rows,
    columns] is what else is told of each, and empty where that is nothing.
    """

    name: str
    numbers: Mapping[str, np.ndarray]
    says: np.ndarray


def series_of(figure: go.Figure) -> list[Series]:
    """What a reader can point at; lines that only guide the eye have neither a name nor a hover, and are left out."""
    told = [trace for trace in figure.data if trace.name or trace.hoverinfo != "skip"]
    return [_series(figure, trace, str(place) if len(told) > 1 else "") for place, trace in enumerate(told, 1)]


def legible(text: str | None) -> str:
    """Plotly's small HTML as plain text."""
    text = re.sub("<sup>(.*?)</sup>", lambda match: match[1].translate(RAISED), text or "")
    return html.unescape(re.sub(r"</?[a-z]+>", "", text.replace("<br>", "; ")))


def axis_of(figure: go.Figure, ref: str | None, letter: str) -> Any:
    """The axis that a trace lies on, by Plotly's name of it: x, y3."""
    return figure.layout[f"{letter}axis{(ref or letter)[1:]}"]


def described(name: str, figure: go.Figure) -> str:
    """One sentence: a chart's title, and what is on its axes."""
    axes = [axis for axis in figure.layout if re.fullmatch("[xy]axis[0-9]*", axis)]
    titles = {axis[0]: legible(figure.layout[axis].title.text) for axis in axes if figure.layout[axis].title.text}
    on_axes = "".join(f"; {letter}: {title}" for letter, title in sorted(titles.items()))
    return f"{name}: {legible(figure.layout.title.text)}{on_axes}"


def _series(figure: go.Figure, trace: Any, otherwise: str) -> Series:
    name = ": ".join(legible(part) for part in (trace.meta, trace.name) if isinstance(part, str) and part) or otherwise
    x_axis, y_axis = (axis_of(figure, trace[f"{letter}axis"], letter) for letter in "xy")
    if trace.type == "heatmap":
        own = None if trace.customdata is None else np.asarray(trace.customdata)
        has_numbers = own is not None and own.dtype.kind == "f"
        z = np.asarray(own if has_numbers else trace.z, dtype=float)
        says = trace.text if trace.text is not None else None if has_numbers else own
        numbers = {
            "x": _named(np.arange(z.shape[1]) if trace.x is None else np.asarray(trace.x), x_axis),
            "y": _named(np.arange(z.shape[0]) if trace.y is None else np.asarray(trace.y), y_axis),
            "z": z,
        }
        return Series(name, numbers, _texts(says, z.shape))
    y = np.asarray(trace.y)
    x = np.arange(len(y)) if trace.x is None else np.asarray(trace.x)
    numbers = {"x": _named(x, x_axis), "y": _named(y, y_axis)}
    if trace.type == "scatter" and trace.error_x.array is not None:
        numbers |= {"low": x - np.asarray(trace.error_x.arrayminus), "high": x + np.asarray(trace.error_x.array)}
    says = next((one for one in (trace.hovertext, trace.text, trace.customdata) if one is not None), None)
    return Series(name, numbers, _texts(says, y.shape))


def _named(places: np.ndarray, axis: Any) -> np.ndarray:
    """What the axis calls these places, if it has a name for each of them."""
    if places.dtype.kind in "OU":
        return np.array([legible(str(place)) for place in places], dtype=np.str_)
    names = {} if axis.ticktext is None else dict(zip(map(float, axis.tickvals), axis.ticktext))
    names |= {float(place): name for place, name in (axis.labelalias or {}).items()}
    if names and all(float(place) in names for place in places):
        return np.array([legible(names[float(place)]) for place in places], dtype=np.str_)
    return places


def _texts(says: Any, shape: Sequence[int]) -> np.ndarray:
    """What is said of each number, as text of the numbers' own shape."""
    cells = np.empty(0) if says is None else np.asarray(says)
    if cells.shape != tuple(shape) or cells.dtype.kind not in "OU":
        return np.full(shape, "", dtype=np.str_)
    return np.array([legible(str(cell)) for cell in cells.flat], dtype=np.str_).reshape(shape)
