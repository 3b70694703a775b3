"""The convex hull of points in the plane: where every blend with positive weights that sum to 1 has to lie."""

import numpy as np
from scipy.spatial import ConvexHull


def convex_hull(points: np.ndarray) -> np.ndarray:
    """points [n, 2] to the hull's corners [m, 2], counter-clockwise; the two ends where all points are on a line."""
    ordered = np.unique(points, axis=0)
    if np.linalg.matrix_rank(ordered - ordered[0]) < 2:
        return np.unique(ordered[[0, -1]], axis=0)
    return ordered[ConvexHull(ordered).vertices]
