"""All heads at a glance, and one head's weights."""

import html

import numpy as np
import plotly.graph_objects as go

from attnviz.figures.theme import THEMES, shortened, styled, token_labels
from attnviz.traces import Trace

CLICKABLE = 64  # tokens a side; with more, a marker for every cell makes zooming slow
THUMBNAIL_CELLS = 32  # at most so many cells a side, whatever the text's length
SHADES, GAP = 200, 204  # of a thumbnail's byte; 204 is short in base64, where 255 is all slashes, which JSON escapes
GRID_WIDTH = 480  # pixels that the grid is drawn for


def heatmap(
    trace: Trace,
    layer: int,
    head: int,
    kind: str | None = None,
    *,
    cell: tuple[int, int] | None = None,
    theme: str = "light",
    title: str | None = None,
) -> go.Figure:
    """The weights of one head: rows attend (queries), columns are attended to (keys); ink is weight, 0 to 1.

    With a `cell` (query, key) that cell is framed, and, up to CLICKABLE tokens a side, every cell carries a marker
    whose customdata is [query, key, weight], so that a click can be told apart.
    Raises IndexError for a head that the trace does not have.
    """
    weights = trace.weights(layer, head, kind)
    queries, keys = trace.sides(kind)
    left = 14 + 7 * max(len(shortened(token)) for token in queries)
    top = 58 + round(5.6 * max(len(shortened(token)) for token in keys))
    clickable = cell is not None and max(weights.shape) <= CLICKABLE
    figure = go.Figure(
        go.Heatmap(
            z=weights.astype(np.float32),
            zmin=0,
            zmax=1,
            colorscale=THEMES[theme].ink_scale(),
            xgap=1 if len(keys) <= 64 else 0,
            ygap=1 if len(keys) <= 64 else 0,
            hovertemplate="%{y} → %{x}: %{z:.4f}<extra></extra>",
            hoverinfo="skip" if clickable else None,
            colorbar={"title": {"text": "weight", "side": "top", "font": {"size": 12}}, "tickfont": {"size": 11},
                      "orientation": "h", "thickness": 8, "len": 120,
                      "lenmode": "pixels", "outlinewidth": 0, "x": 1, "xanchor": "right", "y": 1, "yref": "container",
                      "yanchor": "top", "ypad": 2, "tickvals": [0, 0.5, 1]},
        )
    )  # fmt: skip
    side = 400
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
    step = -(-len(keys) // 48)
    figure.update_xaxes(
        side="top", tickangle=-60, ticks="", dtick=step, tick0=0, tickformat="d", labelalias=token_labels(keys),
        range=[-0.5, len(keys) - 0.5], tickfont={"size": _label_size(len(keys))},
    )  # fmt: skip
    figure.update_yaxes(
        ticks="", dtick=step, tick0=0, tickformat="d", labelalias=token_labels(queries), scaleanchor="x",
        range=[len(queries) - 0.5, -0.5], tickfont={"size": _label_size(len(queries))}, ticklabelstandoff=4,
    )  # fmt: skip
    several = len(trace.kinds) > 1
    name = f"L{layer}.H{head}" + (f" {trace.of_kind(kind)[0].kind}" if several else "")
    name = name if title is None else html.escape(title)
    margin = {"l": left, "r": 30, "t": top, "b": 8}
    return styled(figure, theme, height=side + top + 8, margin=margin, title=name)


def thumbnails(trace: Trace, kind: str | None = None, cells: int = THUMBNAIL_CELLS) -> list[np.ndarray]:
    """Each layer's weights [heads, ≤ cells, ≤ cells], computed layer by layer; long texts are pooled by maximum."""
    return [_pooled(layer.attention().weights, cells) for layer in trace.of_kind(kind)]


def all_heads(
    trace: Trace,
    kind: str | None = None,
    *,
    chosen: tuple[int, int] | None = None,
    theme: str = "light",
    pooled: list[np.ndarray] | None = None,
) -> go.Figure:
    """Every head of one kind as a thumbnail, layers down and heads across.

    `pooled` is what `thumbnails` gave before, so that choosing another head computes nothing anew. Each thumbnail
    carries a marker whose customdata is [layer, head], so that a click can be told apart.
    """
    pooled = thumbnails(trace, kind) if pooled is None else pooled
    n_layers, n_heads = len(pooled), max(len(layer) for layer in pooled)
    tall, wide = pooled[0].shape[1:]
    gap = max(1, round(max(tall, wide) / 12))
    down, across = tall + gap, wide + gap
    mosaic = np.full((n_layers * down - gap, n_heads * across - gap), GAP, dtype=np.uint8)
    for row, layer in enumerate(pooled):
        for column, weights in enumerate(layer):
            top, left = row * down, column * across
            mosaic[top : top + tall, left : left + wide] = np.rint(weights * SHADES)
    figure = go.Figure(
        go.Heatmap(
            z=mosaic,
            zmin=0,
            zmax=GAP,
            colorscale=THEMES[theme].ink_scale(top=SHADES / GAP),
            showscale=False,
            hoverinfo="skip",
        )
    )
    addresses = [(layer, head) for layer in range(n_layers) for head in range(len(pooled[layer]))]
    xs = [head * across + (wide - 1) / 2 for head in range(n_heads)]
    ys = [layer * down + (tall - 1) / 2 for layer in range(n_layers)]
    pixels = GRID_WIDTH / n_heads
    figure.add_scatter(
        x=[xs[head] for _, head in addresses],
        y=[ys[layer] for layer, _ in addresses],
        customdata=addresses,
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


def _pooled(weights: np.ndarray, cells: int) -> np.ndarray:
    """[heads, queries, keys] → [heads, ≤ cells, ≤ cells], its shape kept: the largest weight in each cell."""
    n_queries, n_keys = weights.shape[1:]
    size = max(n_queries, n_keys)
    side = min(size, cells)
    starts_q = np.unique(np.arange(side) * n_queries // side)
    starts_k = np.unique(np.arange(side) * n_keys // side)
    return np.maximum.reduceat(np.maximum.reduceat(weights, starts_q, axis=1), starts_k, axis=2)


def _label_size(n_tokens: int) -> int:
    return 12 if n_tokens <= 24 else 10 if n_tokens <= 40 else 8
