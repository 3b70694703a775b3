"""What the exercises draw: their matrices, and points around a triangle of values."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from attnviz import figures
from attnviz.figures.theme import THEMES, styled
from attnviz.lessons.exercises import EXERCISES, Shown
from attnviz.lessons.exercises.harder import CORNERS, POINTS, hull_output

MOST_NUMBERED = 4  # rows of a matrix whose numbers are written out; a larger one is drawn as ink


def charts(
    name: str,
    *,
    numbers: Sequence[Sequence[float]] | None = None,
    solution: bool = False,
    query: Sequence[Sequence[float]] | None = None,
    theme: str = "light",
) -> dict[str, go.Figure]:
    """What an exercise gives, with other numbers if there are, and its solution if asked for; the one with a triangle
    of values also draws where a query's output lies."""
    plan = EXERCISES[name]
    values = None if numbers is None else np.asarray(numbers, dtype=float)
    built = plan.build(values) if plan.numbers else plan.build()
    parts = {"given": built.given} | ({"solution": built.solution} if solution else {})
    drawn = {
        f"{part} {place}": small_matrix(one, theme=theme)
        for part, every in parts.items()
        for place, one in enumerate(every)
    }
    if name == "hull":
        output = None if query is None else hull_output(np.asarray(query, dtype=float))[0]
        title = "Values and points"
        drawn["reach"] = within_reach(CORNERS, POINTS, title=title, output=output, theme=theme)
    return drawn


def small_matrix(shown: Shown, *, theme: str = "light") -> go.Figure:
    """A matrix of an exercise: a small one with its numbers, a larger one as ink."""
    if len(shown.rows) > MOST_NUMBERED:
        return figures.small_map(shown.values, shown.rows, title=shown.title, theme=theme)
    return figures.matrix(shown.values, shown.rows, shown.columns, title=shown.title, theme=theme)


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
