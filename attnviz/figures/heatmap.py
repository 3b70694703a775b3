"""The weights of one head, or of several as one map."""

import html
import math
from collections.abc import Collection

import numpy as np
import plotly.graph_objects as go

from attnviz.figures.theme import THEMES, WEIGHTS, shortened, styled, token_labels
from attnviz.maps.attention_map import AttentionMap, head_map
from attnviz.traces import Head, Trace

CLICKABLE = 64  # tokens a side; with more, a marker for every cell makes zooming slow
ROW = "of the row's largest"  # what the ink stands for on a scale by row
FAINTEST = 1e-4  # where a logarithmic scale begins


def heatmap(
    trace: Trace, layer: int, head: int, kind: str | None = None, *, theme: str = "light", title: str | None = None
) -> go.Figure:
    """The weights of one head: rows attend (queries), columns are attended to (keys); ink is weight, 0 to 1.

    Raises IndexError for a head that the trace does not have.
    """
    at = Head(trace.of_kind(kind)[0].kind, layer, head)
    name = f"{at} {at.kind}" if len(trace.kinds) > 1 else str(at)
    return map_figure(head_map(trace, at), title or name, theme=theme)


def map_figure(
    found: AttentionMap,
    title: str,
    *,
    scale: str = "linear",
    top: float = 1.0,
    says: str = "weight",
    cell: tuple[int, int] | None = None,
    marked: Collection[tuple[int, int]] = (),
    clickable: bool = False,
    side: int = 400,
    theme: str = "light",
) -> go.Figure:
    """A map of weights, or of other numbers that `says` names, as a heatmap at most `side` pixels high; the hover tells
    the number itself.

    `scale`: "linear" from 0 to `top`, "log" from FAINTEST to `top`, "row", each row from 0 to its own largest, or, for
    differences, "signed", orange from -`top` to blue at `top`; numbers that do not fit get one of their own.
    The `cell` (row, column) is framed, and a thin line goes round the `marked` ones. A `clickable` map of up to
    CLICKABLE cells a side has a marker in every cell whose customdata is [row, column, weight], so that a click can be
    told apart.
    """
    weights, queries, keys = found.weights, found.queries, found.keys
    scale, top = fitting(weights, scale, top)
    left = 14 + 7 * max(len(shortened(token)) for token in queries)
    above = 58 + round(5.6 * max(len(shortened(token)) for token in keys))
    clickable = clickable and max(weights.shape) <= CLICKABLE
    values, low, high, ticks = scaled(weights, scale, top)
    ink = THEMES[theme].signed_scale() if scale == "signed" else THEMES[theme].ink_scale()
    gap = 1 if max(weights.shape) <= 64 else 0
    exact = {} if scale == "linear" else {"customdata": weights.astype(np.float32)}
    figure = go.Figure(
        go.Heatmap(
            z=values.astype(np.float32), zmin=low, zmax=high, colorscale=ink, xgap=gap, ygap=gap,
            hovertemplate=f"%{{y}} → %{{x}}: %{{{'customdata' if exact else 'z'}:.4f}}<extra></extra>",
            hoverinfo="skip" if clickable else None, meta=WEIGHTS,
            colorbar={"title": {"text": ROW if scale == "row" else says, "side": "top", "font": {"size": 12}},
                      "tickfont": {"size": 11}, "orientation": "h", "thickness": 8, "len": 120, "lenmode": "pixels",
                      "outlinewidth": 0, "x": 1, "xanchor": "right", "y": 1, "yref": "container", "yanchor": "top",
                      "ypad": 2, "tickvals": list(ticks), "ticktext": list(ticks.values())},
            **exact,
        )
    )  # fmt: skip
    if marked:
        lines = outline(marked)
        figure.add_scatter(
            x=[x - 0.5 for (_, start), (_, end) in lines for x in (start, end, math.nan)],
            y=[y - 0.5 for (start, _), (end, _) in lines for y in (start, end, math.nan)],
            mode="lines", line={"color": THEMES[theme].accent, "width": 1.5}, hoverinfo="skip",
        )  # fmt: skip
    if cell is not None:
        figure.add_shape(type="rect", x0=cell[1] - 0.5, x1=cell[1] + 0.5, y0=cell[0] - 0.5, y1=cell[0] + 0.5,
                         line={"color": THEMES[theme].alarm, "width": 2})  # fmt: skip
    if clickable:
        cells = [(i, j, weight) for i, row in enumerate(weights.tolist()) for j, weight in enumerate(row)]
        figure.add_scatter(
            x=[j for _, j, _ in cells], y=[i for i, _, _ in cells], customdata=cells, mode="markers",
            marker={"symbol": "square", "size": 0.9 * side / max(weights.shape), "color": "rgba(0,0,0,0.004)"},
            selected={"marker": {"opacity": 0.004}}, unselected={"marker": {"opacity": 0.004}},
            hovertemplate="%{y} → %{x}: %{customdata[2]:.4f}<extra></extra>",
        )  # fmt: skip
    step = -(-max(weights.shape) // 48)
    axis = {"dtick": step, "tick0": 0, "tickformat": "d"}
    figure.layout.xaxis = axis | {
        "side": "top", "tickangle": -60, "labelalias": token_labels(keys), "range": [-0.5, len(keys) - 0.5],
        "tickfont": {"size": _label_size(len(keys))},
    }  # fmt: skip
    figure.layout.yaxis = axis | {
        "labelalias": token_labels(queries), "scaleanchor": "x", "range": [len(queries) - 0.5, -0.5],
        "tickfont": {"size": _label_size(len(queries))}, "ticklabelstandoff": 4,
    }  # fmt: skip
    margin = {"l": left, "r": 30, "t": above, "b": 8}
    return styled(figure, theme, height=side + above + 8, margin=margin, title=html.escape(title))


def outline(cells: Collection[tuple[int, int]]) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """The lines round cells (row, column), from corner to corner: cell (i, j) has corners (i, j) to (i + 1, j + 1).
    Between two of the cells there is none."""
    lines: set[tuple[tuple[int, int], tuple[int, int]]] = set()
    for i, j in cells:
        top, bottom = ((i, j), (i, j + 1)), ((i + 1, j), (i + 1, j + 1))
        lines ^= {top, bottom, ((i, j), (i + 1, j)), ((i, j + 1), (i + 1, j + 1))}
    return sorted(lines)


def fitting(weights: np.ndarray, scale: str = "linear", top: float = 1.0) -> tuple[str, float]:
    """The scale and its top as asked for, where they fit: numbers below 0 or above 1 get a scale of their own."""
    finite = weights[np.isfinite(weights)]
    largest = float(np.abs(finite).max(initial=0))
    if finite.min(initial=0) < 0:
        return "signed", largest
    return (scale, top) if largest <= 1.001 else (scale, largest)


def scaled(weights: np.ndarray, scale: str, top: float) -> tuple[np.ndarray, float, float, dict[float, str]]:
    """What the ink stands for, from where to where, and the marks of its bar."""
    if scale == "log":
        low, high = math.log10(FAINTEST), math.log10(top)
        marks = {low: f"{FAINTEST:g}", (low + high) / 2: f"{10 ** ((low + high) / 2):.2g}", high: f"{top:g}"}
        return np.log10(np.maximum(weights, FAINTEST)), low, high, marks
    if scale == "row":
        largest = weights.max(axis=-1, keepdims=True)
        shares = np.divide(weights, largest, out=np.zeros_like(weights, dtype=float), where=largest > 0)
        return shares, 0, 1, {0: "0", 0.5: "½", 1: "1"}
    if scale == "signed":
        return weights, -top, top, {-top: f"{-top:.2g}", 0: "0", top: f"{top:.2g}"}
    return weights, 0, top, {0: "0", top / 2: f"{top / 2:.2g}", top: f"{top:.2g}"}


def _label_size(n_tokens: int) -> int:
    return 12 if n_tokens <= 24 else 10 if n_tokens <= 40 else 8
