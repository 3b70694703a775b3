"""Pictures that only the exercises need: a small attention map, and points around a triangle of values."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from attnviz.figures.theme import THEMES, styled, token_labels


def small_map(weights: np.ndarray, tokens: Sequence[str], *, title: str, theme: str = "light") -> go.Figure:
    """weights [queries, keys] of one short text as ink, without numbers: rows attend, columns are attended to."""
    labels = token_labels(tuple(tokens))
    figure = go.Figure(
        go.Heatmap(
            z=weights,
            zmin=0,
            zmax=1,
            colorscale=THEMES[theme].ink_scale(),
            showscale=False,
            xgap=2,
            ygap=2,
            hovertemplate="%{y} → %{x}: %{z:.4f}<extra></extra>",
        )
    )
    axis = {"ticks": "", "dtick": 1, "tickformat": "d", "labelalias": labels, "tickfont": {"size": 11}}
    figure.update_xaxes(side="top", tickangle=-60, **axis)
    figure.update_yaxes(scaleanchor="x", autorange="reversed", **axis)
    return styled(figure, theme, height=222, margin={"l": 34, "r": 18, "t": 62, "b": 6}, title=title)


def within_reach(
    values: np.ndarray, points: Mapping[str, np.ndarray], *, title: str, output: np.ndarray | None = None, theme: str
) -> go.Figure:
    """Three values [3, 2] as the corners of a triangle, named points [2], and an output [2] if there is one."""
    colours = THEMES[theme]
    corners = np.vstack([values, values[:1]])
    figure = go.Figure()
    figure.add_scatter(
        x=corners[:, 0],
        y=corners[:, 1],
        mode="lines+markers",
        name="values",
        fill="toself",
        fillcolor=colours.ink[1],
        line={"color": colours.faint, "width": 2},
        marker={"size": 9, "color": colours.text},
        customdata=["v0", "v1", "v2", "v0"],
        hovertemplate="%{customdata}: (%{x:g}, %{y:g})<extra></extra>",
    )
    for position, corner in enumerate(values):
        away = 16 * np.sign(corner - values.mean(axis=0))
        figure.add_annotation(
            x=corner[0], y=corner[1], text=f"v{position}", showarrow=False, xshift=away[0], yshift=away[1],
            font={"color": colours.faint},
        )  # fmt: skip
    figure.add_scatter(
        x=[point[0] for point in points.values()],
        y=[point[1] for point in points.values()],
        text=list(points),
        mode="markers+text",
        name="points",
        textposition="top center",
        textfont={"size": 15, "color": colours.alarm},
        marker={"symbol": "diamond-open", "size": 13, "color": colours.alarm, "line": {"width": 2}},
        hovertemplate="%{text}: (%{x:g}, %{y:g})<extra></extra>",
    )
    if output is not None:
        figure.add_scatter(
            x=[output[0]],
            y=[output[1]],
            mode="markers",
            name="your output",
            marker={"symbol": "x", "size": 12, "color": colours.accent},
            hovertemplate="your output: (%{x:.4f}, %{y:.4f})<extra></extra>",
        )
    low, high = values.min(axis=0) - 0.4, values.max(axis=0) + 0.5
    styled(figure, theme, height=320, margin={"l": 46, "r": 10, "t": 40, "b": 44}, title=title)
    figure.update_xaxes(title="d0", range=[low[0], high[0]], showgrid=True, gridcolor=colours.ink[1], dtick=1)
    figure.update_yaxes(
        title="d1", range=[low[1], high[1]], showgrid=True, gridcolor=colours.ink[1], dtick=1, scaleanchor="x"
    )
    return figure
