"""A dictionary from directions to numbers, looked up the hard way and the soft way."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from attnviz.core.attention import attention
from attnviz.core.measures import entropy
from attnviz.figures.theme import THEMES, styled

NAMES = ("north", "east", "south", "west")
ANGLES = np.array([0.0, 90.0, 180.0, 270.0])  # degrees, as on a compass
VALUES = np.array([2.0, 5.0, 11.0, 30.0])  # rain in mm
TEMPERATURES = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0, 20.0)


@dataclass(frozen=True)
class Choices:
    """The direction that is asked for, in degrees, and what scores are divided by."""

    direction: int = 120
    temperature: float = 0.3


@dataclass(frozen=True, eq=False)
class SoftAnswers:
    """For each query: weights [queries, keys], the blended answer, its slope in mm a degree, and the row's bits."""

    weights: np.ndarray
    answers: np.ndarray
    slopes: np.ndarray
    bits: np.ndarray


def soft_lookup(directions: np.ndarray, temperature: float) -> SoftAnswers:
    """Attention from each direction (degrees) to the four keys, its scores divided by `temperature`.

    Keys and queries are unit vectors, so q·k is the cosine between them. The slope follows the chain rule:
    ∂answer/∂q = 1/T · Σ w (v − answer) k, times how q turns with the direction.
    """
    q, k = _on_circle(directions), _on_circle(ANGLES)
    stages = attention(q, k, VALUES[:, None], scale=1 / temperature)
    weights, answers = stages.weights, stages.output[:, 0]
    to_query = (weights * (VALUES - answers[:, None])) @ k / temperature
    turning = _on_circle(np.asarray(directions) + 90) * np.pi / 180
    return SoftAnswers(weights, answers, (to_query * turning).sum(axis=-1), entropy(weights))


def hard_lookup(direction: float) -> float:
    """The value of exactly this direction, as a Python dictionary gives it. Raises KeyError for any other."""
    return dict(zip(ANGLES.tolist(), VALUES.tolist()))[float(direction)]


def nearest_lookup(directions: np.ndarray) -> np.ndarray:
    """The value of the nearest key: never fails, and jumps; between jumps its slope is zero."""
    return VALUES[(_on_circle(directions) @ _on_circle(ANGLES).T).argmax(axis=-1)]


def _on_circle(degrees: np.ndarray) -> np.ndarray:
    """[n] compass directions to unit vectors [n, 2]: north is up, east is right."""
    turned = np.radians(np.asarray(degrees, dtype=float))
    return np.stack([np.sin(turned), np.cos(turned)], axis=-1)


# ---- figures


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


CIRCLE = np.arange(0, 361, 2)  # degrees


def charts(direction: float, temperature: float, *, theme: str = "light") -> dict[str, go.Figure]:
    """Shares, answers, entropy and slopes; `direction` in degrees."""
    at = np.array([direction])
    here, around = soft_lookup(at, temperature), soft_lookup(CIRCLE, temperature)
    nearest = nearest_lookup(CIRCLE)
    at_key = (nearest_lookup(at)[0] == VALUES).astype(float)
    bits = np.array([soft_lookup(at, step).bits[0] for step in TEMPERATURES])
    most = math.log2(len(NAMES))
    return {
        "shares": shares(here.weights[0], at_key, NAMES, theme=theme),
        "answers": over_direction(
            CIRCLE, around.answers, nearest, direction, title="The answer", unit="rain, mm",
            exact=(ANGLES, VALUES), theme=theme,
        ),
        "entropy": over_temperature(TEMPERATURES, bits, most, temperature, theme=theme),
        "slopes": over_direction(
            CIRCLE, around.slopes, 0 * nearest, direction, title="Slope of the answer", unit="mm a degree", theme=theme,
        ),
    }  # fmt: skip
