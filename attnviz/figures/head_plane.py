"""Every head as a point of a plane."""

import html
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from attnviz.figures.head_grid import grid_of_heads
from attnviz.figures.theme import THEMES, styled


def plane_of_heads(
    heads: Sequence[tuple[int, int]],
    points: np.ndarray,
    names: tuple[str, str],
    *,
    chosen: tuple[int, int] | None = None,
    title: str = "Heads by two measures",
    theme: str = "light",
) -> go.Figure:
    """A point for each of `heads` (layer, head), by two measures, points [heads, 2], called `names`.

    Colour goes with the layer, pale to strong, in one hue, so that it can be told apart by lightness alone. The chosen
    head is a diamond with its name. customdata of each point is [layer, head].
    """
    colours = THEMES[theme]
    layers = [layer for layer, _ in heads]
    last = max(layers)
    across, up = (html.escape(name) for name in names)
    ink = colours.ink[2:]
    figure = go.Figure(
        go.Scatter(
            x=points[:, 0].tolist(), y=points[:, 1].tolist(), mode="markers", customdata=[list(head) for head in heads],
            marker={"size": 11 if len(heads) <= 200 else 7, "color": layers, "cmin": 0, "cmax": max(last, 1),
                    "colorscale": [(place / (len(ink) - 1), colour) for place, colour in enumerate(ink)],
                    "line": {"width": 1, "color": colours.faint},
                    "colorbar": {"title": {"text": "layer", "side": "right"}, "thickness": 10, "outlinewidth": 0,
                                 "x": 1.01, "dtick": -(-(last + 1) // 12), "tick0": 0, "tickformat": "d"}},
            selected={"marker": {"opacity": 1}}, unselected={"marker": {"opacity": 1}},
            hovertemplate=f"L%{{customdata[0]}}.H%{{customdata[1]}}<br>{across}: %{{x:.3f}}"
            f"<br>{up}: %{{y:.3f}}<extra></extra>",
        ),
        layout={
            "xaxis": {"constrain": None, "title": across, "showgrid": True, "gridcolor": colours.ink[1]},
            "yaxis": {"constrain": None, "title": up, "showgrid": True, "gridcolor": colours.ink[1]},
        },
    )  # fmt: skip
    if chosen is not None and chosen in heads:
        x, y = points[list(heads).index(chosen)].tolist()
        figure.add_scatter(
            x=[x], y=[y], mode="markers", cliponaxis=False, hoverinfo="skip",
            marker={"symbol": "diamond-open", "size": 18, "color": colours.alarm, "line": {"width": 3}},
        )  # fmt: skip
        figure.add_annotation(
            x=x, y=y, text=f"<b>L{chosen[0]}.H{chosen[1]}</b>", showarrow=False, yshift=24, bgcolor=colours.page,
            opacity=0.9, font={"color": colours.alarm, "size": 14},
        )  # fmt: skip
    return styled(figure, theme, height=440, margin={"l": 58, "r": 70, "t": 44, "b": 48}, title=html.escape(title))


def maps_in_a_row(heads: Sequence[tuple[int, int]], maps: np.ndarray, *, title: str, theme: str = "light") -> go.Figure:
    """The maps [heads, rows, columns] of a few heads (layer, head), one after the other, each with its name above.

    Ink is weight, 0 to 1; customdata of each map's marker is [layer, head].
    """
    figure = grid_of_heads(maps, [(0, place) for place in range(len(maps))], theme=theme)
    figure.data[1].customdata = [list(head) for head in heads]
    figure.layout.xaxis.ticktext = [f"L{layer}.H{head}" for layer, head in heads]
    figure.layout.yaxis.tickvals = []
    figure.layout.margin.l = 4
    figure.layout.height = 176
    figure.layout.title.text = html.escape(title)
    return figure
