"""Entropy and distance, held to their bounds and to closed forms that a class can check."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnviz.core.attention import softmax
from attnviz.core.measures import entropy, variation

rows = st.lists(st.floats(-30, 30), min_size=1, max_size=12).map(lambda scores: softmax(np.array(scores)))


@pytest.mark.parametrize("n", [1, 2, 6, 100])
def test_equal_shares_have_log2_n_bits_and_a_sure_thing_none(n):
    assert entropy(np.full(n, 1 / n)) == pytest.approx(math.log2(n))
    assert entropy(np.eye(n)[0]) == 0


def test_a_known_row():
    assert entropy(np.array([0.5, 0.25, 0.25])) == pytest.approx(1.5)


@given(rows)
def test_entropy_stays_between_its_bounds_and_ignores_order(row):
    assert -1e-12 <= entropy(row) <= math.log2(len(row)) + 1e-9
    assert entropy(row[::-1]) == pytest.approx(entropy(row), abs=1e-9)


def test_every_row_of_a_matrix():
    np.testing.assert_allclose(entropy(np.array([[1.0, 0.0], [0.5, 0.5]])), [0, 1])


@given(rows, st.randoms())
def test_variation_is_a_distance_of_at_most_one(row, random):
    other = row.tolist()
    random.shuffle(other)
    distance = variation(row, np.array(other))
    assert 0 <= distance <= 1 + 1e-12
    assert variation(row, row) == 0
    assert variation(np.eye(len(row))[0], np.eye(len(row))[-1]) == (len(row) > 1)
