"""The convex hull of points in the plane: where every blend with positive weights that sum to 1 has to lie."""

import numpy as np


def convex_hull(points: np.ndarray) -> np.ndarray:
    """points [n, 2] to the hull's corners [m, 2], counter-clockwise; one or two where all points are on a line.

    Source: Andrew (1979), "Another efficient algorithm for convex hulls in two dimensions" (monotone chain).
    """
    ordered = np.unique(points, axis=0)
    if len(ordered) < 3:
        return ordered
    lower, upper = _chain(ordered), _chain(ordered[::-1])
    return np.array(lower[:-1] + upper[:-1])


def _chain(points: np.ndarray) -> list[np.ndarray]:
    """The corners from the first point to the last that turn left all the way."""
    chain: list[np.ndarray] = []
    for point in points:
        while len(chain) > 1 and _turn(chain[-2], chain[-1], point) <= 0:
            chain.pop()
        chain.append(point)
    return chain


def _turn(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> float:
    """Positive where a → b → c turns left."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
