"""A soft lookup beside a hard one: shares, answers, slopes, and what temperature does to the entropy."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from attnviz.figures.theme import THEMES, styled

HEIGHT = 320
MARGIN = {"l": 52, "r": 10, "t": 70, "b": 44}


def shares(soft: np.ndarray, hard: np.ndarray, names: Sequence[str], *, theme: str) -> go.Figure:
    """soft, hard [keys]: how much of each key's value goes into the answer."""
    colours = THEMES[theme]
    figure = go.Figure(
        [
            go.Bar(x=list(names), y=hard.tolist(), name="nearest key", marker_color=colours.alarm,
                   hovertemplate="%{x}, nearest: %{y:.0f}<extra></extra>"),
            go.Bar(x=list(names), y=soft.tolist(), name="soft", marker_color=colours.accent,
                   hovertemplate="%{x}, soft: %{y:.4f}<extra></extra>"),
        ]
    )  # fmt: skip
    return _with_legend(figure, "Share of each key", "key", "weight", theme, y={"range": [0, 1.02]})


def over_direction(
    directions: np.ndarray, soft: np.ndarray, nearest: np.ndarray, at: float, *, title: str, unit: str,
    exact: tuple[np.ndarray, np.ndarray] | None = None, theme: str,
) -> go.Figure:  # fmt: skip
    """Two lines over all directions [n] in degrees, the query's marked; `exact` are the points a dictionary has."""
    colours = THEMES[theme]
    figure = go.Figure(
        [
            go.Scatter(x=directions.tolist(), y=nearest.tolist(), mode="lines", name="nearest key",
                       line={"color": colours.alarm, "width": 2, "shape": "hv"},
                       hovertemplate="%{x}°, nearest: %{y:.3g}<extra></extra>"),
            go.Scatter(x=directions.tolist(), y=soft.tolist(), mode="lines", name="soft",
                       line={"color": colours.accent, "width": 3},
                       hovertemplate="%{x}°, soft: %{y:.3g}<extra></extra>"),
        ]
    )  # fmt: skip
    if exact is not None:
        figure.add_scatter(
            x=exact[0].tolist(), y=exact[1].tolist(), mode="markers", name="in the dictionary",
            marker={"symbol": "diamond", "size": 10, "color": colours.text},
            hovertemplate="%{x}°, stored: %{y:.3g}<extra></extra>",
        )  # fmt: skip
    x = {"range": [0, 360], "tickvals": [0, 90, 180, 270, 360]}
    return _with_legend(figure, title, "direction of the query, degrees", unit, theme, x=x, at=at)


def over_temperature(
    temperatures: Sequence[float], bits: np.ndarray, most: float, at: float, *, theme: str
) -> go.Figure:
    """Entropy in bits over temperatures, between its bounds 0 and `most`."""
    colours = THEMES[theme]
    ends = [temperatures[0], temperatures[-1]]
    figure = go.Figure(
        [
            go.Scatter(x=ends, y=[most, most], mode="lines", name=f"all alike, {most:g} bits", hoverinfo="skip",
                       line={"color": colours.faint, "dash": "dash", "width": 2}),
            go.Scatter(x=list(temperatures), y=bits.tolist(), mode="lines+markers", name="entropy of the row",
                       line={"color": colours.accent, "width": 2}, marker={"size": 7},
                       hovertemplate="temperature %{x}: %{y:.3f} bits<extra></extra>"),
        ]
    )  # fmt: skip
    x = {"type": "log", "tickvals": [0.02, 0.1, 0.5, 2, 20]}
    y = {"range": [-0.05, most * 1.08]}
    return _with_legend(figure, "Entropy over temperature", "temperature", "bits", theme, x=x, y=y, at=at)


def _with_legend(
    figure: go.Figure, title: str, across: str, up: str, theme: str, *, x: dict | None = None, y: dict | None = None,
    at: float | None = None,
) -> go.Figure:  # fmt: skip
    colours = THEMES[theme]
    figure.layout.xaxis = {"title": across, "constrain": None, "showline": True, "linecolor": colours.faint} | (x or {})
    figure.layout.yaxis = {"title": up, "constrain": None, "showgrid": True, "gridcolor": colours.ink[1]} | (y or {})
    if at is not None:
        figure.layout.shapes = [{"type": "line", "x0": at, "x1": at, "yref": "paper", "y0": 0, "y1": 1,
                                 "line": {"color": colours.text, "width": 1, "dash": "dot"}}]  # fmt: skip
    styled(figure, theme, height=HEIGHT, margin=MARGIN, title=title)
    figure.layout.showlegend = True
    figure.layout.legend = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}
    return figure
