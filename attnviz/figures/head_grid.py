"""Every head at a glance: as a small map each, or by one number."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from attnviz.figures.theme import THEMES, WEIGHTS, styled
from attnviz.maps.thumbnails import pool, thumbnail_cells
from attnviz.traces import Trace

SHADES, GAP = 200, 204  # of a thumbnail's byte; 204 is short in base64, where 255 is all slashes, which JSON escapes
GRID_WIDTH = 480  # pixels that the grid is drawn for


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
