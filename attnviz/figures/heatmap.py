"""All heads at a glance, and one head's weights."""

import html
import math
from collections.abc import Collection, Sequence

import numpy as np
import plotly.graph_objects as go

from attnviz.figures.theme import THEMES, WEIGHTS, shortened, styled, token_labels
from attnviz.maps.attention_map import AttentionMap
from attnviz.maps.thumbnails import pool, thumbnail_cells
from attnviz.traces import Trace

CLICKABLE = 64  # tokens a side; with more, a marker for every cell makes zooming slow
SHADES, GAP = 200, 204  # of a thumbnail's byte; 204 is short in base64, where 255 is all slashes, which JSON escapes
GRID_WIDTH = 480  # pixels that the grid is drawn for


ROW = "of the row's largest"  # what the ink stands for on a scale by row
FAINTEST = 1e-4  # where a logarithmic scale begins


def heatmap(
    trace: Trace, layer: int, head: int, kind: str | None = None, *, theme: str = "light", title: str | None = None
) -> go.Figure:
    """The weights of one head: rows attend (queries), columns are attended to (keys); ink is weight, 0 to 1.

    Raises IndexError for a head that the trace does not have.
    """
    name = f"L{layer}.H{head}" + (f" {trace.of_kind(kind)[0].kind}" if len(trace.kinds) > 1 else "")
    return weight_map(trace.weights(layer, head, kind), *trace.sides(kind), title=title or name, theme=theme)


def weight_map(
    weights: np.ndarray,
    queries: Sequence[str],
    keys: Sequence[str],
    *,
    title: str,
    scale: str = "linear",
    top: float = 1.0,
    says: str = "weight",
    cell: tuple[int, int] | None = None,
    marked: Collection[tuple[int, int]] = (),
    clickable: bool = False,
    side: int = 400,
    theme: str = "light",
) -> go.Figure:
    """weights [queries, keys], or other numbers that `says` names, as a heatmap at most `side` pixels high; the hover
    tells the number itself.

    `scale`: "linear" from 0 to `top`, "log" from FAINTEST to `top`, "row", each row from 0 to its own largest, or, for
    differences, "signed", orange from -`top` to blue at `top`.
    The `cell` (row, column) is framed, and a thin line goes round the `marked` ones. A `clickable` map of up to
    CLICKABLE cells a side has a marker in every cell whose customdata is [row, column, weight], so that a click can be
    told apart.
    """
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
    """`weight_map` of an attention map, on a scale that fits its numbers."""
    scale, top = fitting(found.weights, scale, top)
    return weight_map(
        found.weights, found.queries, found.keys, title=title, scale=scale, top=top, says=says, cell=cell,
        marked=marked, clickable=clickable, side=side, theme=theme,
    )  # fmt: skip


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


def thumbnails(trace: Trace, kind: str | None = None, cells: int | None = None) -> np.ndarray:
    """Every head of one kind [heads, ≤ cells, ≤ cells], some rows at a time; long texts are pooled by maximum."""
    layers = trace.of_kind(kind)
    cells = thumbnail_cells(sum(layer.n_heads for layer in layers)) if cells is None else cells
    blocks = ((stages.weights for _, stages in layer.blocks()) for layer in layers)
    return np.concatenate([pool(weights, layer.n_queries, cells) for weights, layer in zip(blocks, layers)])


def all_heads(
    trace: Trace,
    kind: str | None = None,
    *,
    cells: int | None = None,
    chosen: tuple[int, int] | None = None,
    theme: str = "light",
) -> go.Figure:
    """Every head of one kind as a thumbnail of at most `cells` cells a side, layers down and heads across."""
    heads = [(layer.index, head) for layer in trace.of_kind(kind) for head in range(layer.n_heads)]
    return grid_of_heads(thumbnails(trace, kind, cells), heads, chosen=chosen, theme=theme)


def mosaic_of(maps: np.ndarray, heads: Sequence[tuple[int, int]]) -> tuple[np.ndarray, list[float], list[float], int]:
    """Small maps [heads, rows, columns] side by side in one, each head at its (layer, head), NaN in the gaps.

    Also the middle of each column of heads, that of each row, and how wide a gap is, in cells.
    """
    tall, wide = maps.shape[1:]
    gap = max(1, round(max(tall, wide) / 12))
    down, across = tall + gap, wide + gap
    n_layers, n_heads = (max(places) + 1 for places in zip(*heads))
    mosaic = np.full((n_layers * down - gap, n_heads * across - gap), np.nan)
    for (layer, head), weights in zip(heads, maps):
        mosaic[layer * down : layer * down + tall, head * across : head * across + wide] = weights
    xs = [head * across + (wide - 1) / 2 for head in range(n_heads)]
    return mosaic, xs, [layer * down + (tall - 1) / 2 for layer in range(n_layers)], gap


def grid_of_heads(
    maps: np.ndarray,
    heads: Sequence[tuple[int, int]],
    *,
    chosen: tuple[int, int] | None = None,
    theme: str = "light",
) -> go.Figure:
    """Small maps [heads, rows, columns] of `heads` (layer, head) as one picture, layers down and heads across.

    Each carries a marker whose customdata is [layer, head], so that a click can be told apart.
    """
    mosaic, xs, ys, gap = mosaic_of(maps, heads)
    n_layers, n_heads = len(ys), len(xs)
    down, across = maps.shape[1] + gap, maps.shape[2] + gap
    shades = np.where(np.isnan(mosaic), GAP, np.rint(mosaic * SHADES)).astype(np.uint8)
    figure = go.Figure(
        go.Heatmap(
            z=shades,
            zmin=0,
            zmax=GAP,
            colorscale=THEMES[theme].ink_scale(top=SHADES / GAP),
            showscale=False,
            hoverinfo="skip",
        )
    )
    pixels = GRID_WIDTH / n_heads
    figure.add_scatter(
        x=[xs[head] for _, head in heads],
        y=[ys[layer] for layer, _ in heads],
        customdata=[list(head) for head in heads],
        mode="markers",
        marker={"symbol": "square", "size": max(4, pixels * 0.86), "color": "rgba(0,0,0,0.004)"},
        selected={"marker": {"opacity": 0.004}},
        unselected={"marker": {"opacity": 0.004}},
        hovertemplate="L%{customdata[0]}.H%{customdata[1]}<extra></extra>",
    )
    if chosen is not None:
        chosen_layer, chosen_head = chosen
        figure.add_shape(
            type="rect", x0=xs[chosen_head] - across / 2, x1=xs[chosen_head] + across / 2,
            y0=ys[chosen_layer] - down / 2, y1=ys[chosen_layer] + down / 2,
            line={"color": THEMES[theme].alarm, "width": 2}, fillcolor="rgba(0,0,0,0)",
        )  # fmt: skip
    every = -(-n_heads // 24)
    figure.update_xaxes(
        side="top", ticks="", tickvals=xs[::every], ticktext=[f"H{head}" for head in range(0, n_heads, every)],
        range=[-gap, n_heads * across], tickfont={"size": 11, "color": THEMES[theme].faint}, fixedrange=True,
    )  # fmt: skip
    figure.update_yaxes(
        ticks="", tickvals=ys, ticktext=[f"L{layer}" for layer in range(n_layers)], range=[n_layers * down, -gap],
        scaleanchor="x", tickfont={"size": 11, "color": THEMES[theme].faint}, fixedrange=True,
    )  # fmt: skip
    height = round(pixels * n_layers * down / across) + 62
    return styled(figure, theme, height=height, margin={"l": 34, "r": 4, "t": 58, "b": 4}, title="All heads")


def measured_heads(
    found: np.ndarray, *, title: str, chosen: tuple[int, int] | None = None, theme: str = "light"
) -> go.Figure:
    """One measure of every head, found [layers, heads], as ink; customdata of each cell's marker is [layer, head]."""
    colours = THEMES[theme]
    n_layers, n_heads = found.shape
    heads = [(layer, head) for layer in range(n_layers) for head in range(n_heads) if not np.isnan(found[layer, head])]
    side = min(34.0, GRID_WIDTH / n_heads)
    every = -(-n_heads // 24)
    frame = [] if chosen is None else [
        {"type": "rect", "x0": chosen[1] - 0.5, "x1": chosen[1] + 0.5, "y0": chosen[0] - 0.5, "y1": chosen[0] + 0.5,
         "line": {"color": colours.alarm, "width": 2}}
    ]  # fmt: skip
    small = {"size": 11, "color": colours.faint}
    figure = go.Figure(
        [
            go.Heatmap(
                z=found, zmin=0, zmax=max(float(np.nanmax(found)), 1e-9), colorscale=colours.ink_scale(),
                xgap=2, ygap=2, meta=WEIGHTS,
                hoverinfo="skip", colorbar={"thickness": 8, "outlinewidth": 0, "nticks": 5, "tickfont": {"size": 11}},
            ),
            go.Scatter(
                x=[head for _, head in heads], y=[layer for layer, _ in heads], mode="markers",
                customdata=[(*at, float(found[at])) for at in heads],
                marker={"symbol": "square", "size": max(4, 0.86 * side), "color": "rgba(0,0,0,0.004)"},
                selected={"marker": {"opacity": 0.004}}, unselected={"marker": {"opacity": 0.004}},
                hovertemplate="L%{customdata[0]}.H%{customdata[1]}: %{customdata[2]:.3f}<extra></extra>",
            ),
        ],
        layout={
            "shapes": frame,
            "xaxis": {"side": "top", "tickvals": list(range(0, n_heads, every)), "tickfont": small, "fixedrange": True,
                      "ticktext": [f"H{head}" for head in range(0, n_heads, every)]},
            "yaxis": {"tickvals": list(range(n_layers)), "ticktext": [f"L{layer}" for layer in range(n_layers)],
                      "range": [n_layers - 0.5, -0.5], "scaleanchor": "x", "tickfont": small, "fixedrange": True},
        },
    )  # fmt: skip
    return styled(
        figure, theme, height=round(side * n_layers) + 66, margin={"l": 34, "r": 4, "t": 58, "b": 4}, title=title
    )


def _label_size(n_tokens: int) -> int:
    return 12 if n_tokens <= 24 else 10 if n_tokens <= 40 else 8
