"""Vectors of two dimensions as arrows and points of the plane."""

import html
from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from scipy.spatial import ConvexHull

from attnviz.figures.theme import THEMES, shortened, styled


def queries_and_keys(Q: np.ndarray, K: np.ndarray, tokens: Sequence[str], row: int, *, theme: str) -> go.Figure:
    """Q, K [tokens, 2]: the chosen row's query as an arrow, every key as a square, the other queries faint.

    Dotted: how far each key reaches along the chosen query; that length times the query's own is the score.
    """
    colours = THEMES[theme]
    arrows = [_arrow(query, colours.faint, width=1) for query in Q] + [_arrow(Q[row], colours.accent, width=3)]
    figure = go.Figure(layout={"annotations": arrows})
    length = np.linalg.norm(Q[row])
    if length > 0:
        along = Q[row] / length
        for key in K:
            foot = (key @ along) * along
            figure.add_scatter(x=[key[0], foot[0]], y=[key[1], foot[1]], mode="lines", hoverinfo="skip",
                               line={"color": colours.faint, "width": 1, "dash": "dot"})  # fmt: skip
    _points(figure, "keys", K, [f"k {token}" for token in tokens], colours.alarm, "square", colours.text)
    _points(figure, "query", Q[[row]], [f"q {tokens[row]}"], colours.accent, "triangle-up", colours.text, below=True)
    return _on_plane(figure, np.vstack([Q, K]), "Queries and keys", theme)


def values_and_outputs(V: np.ndarray, output: np.ndarray, tokens: Sequence[str], row: int, *, theme: str) -> go.Figure:
    """V, output [tokens, 2]: squares in their shaded hull, and outputs as circles inside it; the row's is filled."""
    colours = THEMES[theme]
    figure = go.Figure()
    hull = convex_hull(V)
    closed = np.vstack([hull, hull[:1]])
    figure.add_scatter(x=closed[:, 0].tolist(), y=closed[:, 1].tolist(), mode="lines", fill="toself",
                       fillcolor=colours.ink[1], line={"color": colours.faint, "width": 1}, hoverinfo="skip",
                       opacity=0.7)  # fmt: skip
    _points(figure, "values", V, [f"v {token}" for token in tokens], colours.alarm, "square", colours.text)
    others = [i for i in range(len(tokens)) if i != row]
    _points(figure, "other outputs", output[others], [f"out {tokens[i]}" for i in others], colours.faint,
            "circle-open", colours.faint, below=True)  # fmt: skip
    _points(figure, "output", output[[row]], [f"out {tokens[row]}"], colours.accent, "circle", colours.text, below=True)
    return _on_plane(figure, np.vstack([V, output]), "Values and outputs", theme)


def _arrow(to: np.ndarray, colour: str, width: int) -> dict[str, Any]:
    return {"x": to[0], "y": to[1], "ax": 0, "ay": 0, "xref": "x", "yref": "y", "axref": "x", "ayref": "y", "text": "",
            "showarrow": True, "arrowhead": 2, "arrowwidth": width, "arrowcolor": colour}  # fmt: skip


def _points(
    figure: go.Figure,
    what: str,
    points: np.ndarray,
    names: list[str],
    colour: str,
    symbol: str,
    ink: str,
    below: bool = False,
) -> None:
    """Points that are named; those that lie on one another share one label."""
    places: dict[tuple[float, float], list[str]] = {}
    for point, name in zip(points, names):
        places.setdefault((round(float(point[0]), 6), round(float(point[1]), 6)), []).append(shortened(name))
    labels = [html.escape(", ".join(sharing[:3]) + ("…" if len(sharing) > 3 else "")) for sharing in places.values()]
    figure.add_scatter(
        x=[x for x, _ in places], y=[y for _, y in places], mode="markers+text", text=labels, name=what,
        textposition="bottom center" if below else "top center", cliponaxis=False, textfont={"size": 12, "color": ink},
        marker={"symbol": symbol, "size": 10, "color": colour, "line": {"width": 2, "color": colour}},
        hovertemplate="%{text}: (%{x:.4f}, %{y:.4f})<extra></extra>",
    )  # fmt: skip


def _on_plane(figure: go.Figure, points: np.ndarray, title: str, theme: str) -> go.Figure:
    """Both axes alike, the origin and all points in sight."""
    colours = THEMES[theme]
    points = np.vstack([points, np.zeros(2)])
    low, high = points.min(axis=0), points.max(axis=0)
    middle, half = (low + high) / 2, 0.62 * max(float((high - low).max()), 1e-9)
    axis = {"showgrid": True, "gridcolor": colours.ink[1], "zeroline": True, "zerolinecolor": colours.faint,
            "nticks": 6, "fixedrange": True}  # fmt: skip
    figure.layout.xaxis = axis | {"title": "d0", "range": [middle[0] - half, middle[0] + half]}
    figure.layout.yaxis = axis | {"title": "d1", "range": [middle[1] - half, middle[1] + half], "scaleanchor": "x"}
    return styled(figure, theme, height=330, margin={"l": 52, "r": 10, "t": 40, "b": 40}, title=title)


def convex_hull(points: np.ndarray) -> np.ndarray:
    """points [n, 2] to the hull's corners [m, 2], counter-clockwise; the two ends where all points are on a line."""
    ordered = np.unique(points, axis=0)
    if np.linalg.matrix_rank(ordered - ordered[0]) < 2:
        return np.unique(ordered[[0, -1]], axis=0)
    return ordered[ConvexHull(ordered).vertices]
