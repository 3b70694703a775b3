"""A dictionary from directions to numbers, looked up the hard way and the soft way."""

from dataclasses import dataclass

import numpy as np

from attnviz.core.attention import attention
from attnviz.core.measures import entropy

NAMES = ("north", "east", "south", "west")
ANGLES = np.array([0.0, 90.0, 180.0, 270.0])  # degrees, as on a compass
VALUES = np.array([2.0, 5.0, 11.0, 30.0])  # rain in mm
TEMPERATURES = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0, 20.0)


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
