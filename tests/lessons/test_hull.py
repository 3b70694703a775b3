"""The lesson says that outputs lie inside the hull of the values: both the hull and the claim are checked."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from attnviz.core.attention import attention
from attnviz.lessons.plane import convex_hull

points = arrays(float, st.tuples(st.integers(1, 8), st.just(2)), elements=st.integers(-5, 5).map(float))


def outside(hull: np.ndarray, point: np.ndarray) -> float:
    """How far a point is beyond an edge of a counter-clockwise hull; at most zero inside."""
    edges = np.roll(hull, -1, axis=0) - hull
    to_point = point - hull
    turns = edges[:, 0] * to_point[:, 1] - edges[:, 1] * to_point[:, 0]
    return float(-(turns / np.maximum(np.linalg.norm(edges, axis=1), 1e-12)).min())


@given(points)
def test_no_point_is_outside_and_every_corner_is_a_point(points):
    hull = convex_hull(points)
    assert {tuple(corner) for corner in hull} <= {tuple(point) for point in points}
    if len(hull) > 2:
        assert all(outside(hull, point) <= 1e-9 for point in points)


@given(points, st.integers(0, 10**6))
def test_every_output_lies_inside_the_hull_of_the_values(V, seed):
    rng = np.random.default_rng(seed)
    Q, K = rng.normal(size=(2, len(V), 3))
    hull = convex_hull(V)
    if len(hull) > 2:
        assert all(outside(hull, output) <= 1e-9 for output in attention(Q, K, V).output)


def test_points_on_a_line_have_two_corners():
    assert len(convex_hull(np.array([[0.0, 0], [1, 1], [2, 2]]))) == 2
    assert len(convex_hull(np.array([[1.0, 1], [1, 1]]))) == 1
