"""A long text as two strips, and which part of it is looked at."""

import html
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import plotly.graph_objects as go

from attnviz.figures.theme import THEMES, shortened, styled
from attnviz.maps import head_statistics
from attnviz.traces import Head, Trace

BINS = 128  # at most so many cells a strip
LEAST = 0.01  # where the ink of what a key gets begins; it is logarithmic


def overview(
    wide: np.ndarray,
    gets: np.ndarray,
    sides: tuple[Sequence[str], Sequence[str]],
    windows: tuple[range, range],
    *,
    theme: str = "light",
) -> go.Figure:
    """One head along the whole text: how wide each query looks, and how much each key gets, with the windows framed.

    wide [queries] in bits, gets [keys]; `sides` are their tokens. Neighbours share a cell, which shows the mean of the
    queries and the largest of the keys. Customdata of a cell's marker begins with its side, 0 or 1, and its middle
    token.
    """
    colours = THEMES[theme]
    figure = go.Figure()
    of_sides: Any = ((wide, "entropy", "bits", np.mean), (gets, "weight it gets", "", np.max))
    layout: dict[str, Any] = {"shapes": [], "annotations": []}
    for side, ((values, name, unit, pooled), tokens, window) in enumerate(zip(of_sides, sides, windows)):
        n, nth = len(values), ("", "2")[side]
        edges = np.unique(np.arange(min(n, BINS) + 1) * n // min(n, BINS))
        cells = np.array([pooled(values[start:stop]) for start, stop in pairwise(edges)])
        ink = cells if side == 0 else np.log10(np.maximum(cells, LEAST))
        low = 0 if side == 0 else np.log10(LEAST)
        axes = {"xaxis": f"x{nth}", "yaxis": f"y{nth}"}
        figure.add_heatmap(
            x=edges - 0.5, y=[-0.5, 0.5], z=ink[None], zmin=low, zmax=max(float(ink.max()), low + 1e-9),
            colorscale=colours.ink_scale(), showscale=False, hoverinfo="skip", **axes,
        )  # fmt: skip
        middles = (edges[:-1] + edges[1:] - 1) // 2
        figure.add_scatter(
            x=middles, y=np.zeros(len(middles)), mode="markers",
            customdata=[
                (side, int(middle), _named(tokens, start, stop - 1), float(cell))
                for middle, (start, stop), cell in zip(middles, pairwise(edges), cells)
            ],
            marker={"symbol": "square", "size": 12, "color": "rgba(0,0,0,0.004)"},
            selected={"marker": {"opacity": 0.004}}, unselected={"marker": {"opacity": 0.004}},
            hovertemplate=f"%{{customdata[2]}}: {name} %{{customdata[3]:.2f}} {unit}<extra></extra>", **axes,
        )  # fmt: skip
        top = 1 - side * 0.62
        layout[f"xaxis{nth}"] = {
            "range": [-0.5, n - 0.5], "anchor": f"y{nth}", "fixedrange": True, "constrain": None, "nticks": 6,
            "tickfont": {"size": 11, "color": colours.faint}, "showticklabels": side == 1 or len(wide) != len(gets),
        }  # fmt: skip
        layout[f"yaxis{nth}"] = {
            "range": [-0.5, 0.5], "domain": [top - 0.34, top], "anchor": f"x{nth}", "fixedrange": True,
            "constrain": None, "showticklabels": False,
        }  # fmt: skip
        layout["shapes"].append(
            {"type": "rect", "xref": f"x{nth}", "yref": f"y{nth} domain", "y0": -0.12, "y1": 1.12,
             "x0": window.start - 0.5, "x1": window.stop - 0.5, "line": {"color": colours.alarm, "width": 2}}
        )  # fmt: skip
        label = ("Queries: how wide each looks (entropy)", "Keys: how much weight each gets")[side]
        layout["annotations"].append(
            {"text": label, "xref": "paper", "yref": "paper", "x": 0, "y": top, "xanchor": "left", "yanchor": "bottom",
             "yshift": 4, "showarrow": False, "font": {"size": 12, "color": colours.faint}}
        )  # fmt: skip
    figure.update_layout(layout)
    title = f"The whole text, {len(gets):,} tokens"
    return styled(figure, theme, height=176, margin={"l": 8, "r": 8, "t": 56, "b": 22}, title=title)


def _named(tokens: Sequence[str], first: int, last: int) -> str:
    token = html.escape(shortened(tokens[first]))
    return f"{token} · {first}" if first == last else f"{token} … · {first} to {last}"


def along_text(
    values: np.ndarray, tokens: Sequence[str], window: tuple[int, int], *, title: str, unit: str, theme: str = "light"
) -> go.Figure:
    """values [tokens] as a line over the tokens' places; `window` (first, behind the last) is shaded."""
    colours = THEMES[theme]
    figure = go.Figure(
        go.Scatter(
            x=np.arange(len(values)), y=values, mode="lines", line={"color": colours.accent, "width": 1.5},
            hovertext=[html.escape(token) for token in tokens],
            hovertemplate="%{hovertext} · %{x}: %{y:.3f}<extra></extra>",
        ),
        layout={
            "shapes": [{"type": "rect", "x0": window[0] - 0.5, "x1": window[1] - 0.5, "yref": "paper", "y0": 0, "y1": 1,
                        "fillcolor": colours.ink[1], "line": {"width": 0}, "layer": "below"}],
            "xaxis": {"constrain": None, "title": "token", "range": [-0.5, len(values) - 0.5]},
            "yaxis": {"constrain": None, "title": unit, "showgrid": True, "gridcolor": colours.ink[1],
                      "rangemode": "tozero"},
        },
    )  # fmt: skip
    return styled(figure, theme, height=260, margin={"l": 58, "r": 12, "t": 42, "b": 46}, title=title)


def overview_charts(
    trace: Trace,
    head: Head,
    *,
    queries: tuple[int, int],
    keys: tuple[int, int],
    theme: str = "light",
) -> dict[str, go.Figure]:
    """One head along the whole text, token by token, with the windows of `queries` and `keys` (first, behind the last)
    shaded."""
    found = trace[head]
    wide, gets = head_statistics.head_overview(found)
    title = "Queries: how wide each looks"
    return {
        "queries": along_text(wide, found.queries, queries, title=title, unit="entropy, bits", theme=theme),
        "keys": along_text(gets, found.keys, keys, title="Keys: how much weight each gets", unit="weight", theme=theme),
    }
