"""Entropy and distance, held to their bounds and to closed forms that a class can check."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnviz.core.attention import softmax
from attnviz.core.measures import entropy, flow, mean_distance, rollout, value_weighted, variation, with_residual

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


def random_layers(n_layers, n, seed=0, heads=2):
    rng = np.random.default_rng(seed)
    return [softmax(3 * rng.normal(size=(heads, n, n))) for _ in range(n_layers)]


def test_distance_is_how_far_a_row_looks():
    weights = np.array([[1.0, 0, 0], [1, 0, 0], [0.5, 0, 0.5]])
    np.testing.assert_allclose(mean_distance(weights), [0, 1, 1])
    np.testing.assert_allclose(mean_distance(np.array([[1.0, 0, 0]])), [2])


def test_value_weighted_is_the_length_of_what_arrives():
    """Checked as a vector, one cell after another: norm(w · v W_O)."""
    rng = np.random.default_rng(0)
    weights, v, W_O = softmax(rng.normal(size=(3, 4))), rng.normal(size=(4, 2)), rng.normal(size=(2, 5))
    found = value_weighted(weights, v, W_O)
    for i in range(3):
        for j in range(4):
            assert found[i, j] == pytest.approx(np.linalg.norm(weights[i, j] * v[j] @ W_O))


def test_rollout_multiplies_later_layers_from_the_left():
    """With matrices that do not commute, the other order gives another picture."""
    first, second = random_layers(2, 3)
    a, b = ((layer.mean(axis=0) + np.eye(3)) / 2 for layer in (first, second))
    np.testing.assert_allclose(rollout([first, second]), b @ a, atol=1e-12)
    assert np.abs(b @ a - a @ b).max() > 0.01


@pytest.mark.parametrize("n_layers", [1, 3])
def test_rollout_rows_share_out_one(n_layers):
    np.testing.assert_allclose(rollout(random_layers(n_layers, 5)).sum(axis=1), 1, atol=1e-12)


def test_flow_through_one_layer_is_its_weights():
    (layer,) = random_layers(1, 4)
    np.testing.assert_allclose(flow([layer], 2), next(with_residual([layer]))[2], atol=1e-6)


def test_flow_is_cut_by_its_narrowest_pipe():
    """Token 1 reads only token 0 in the last layer, and the input 2 reaches token 0 through a pipe of 0.1."""
    last = np.array([[[1.0, 0, 0], [1.0, 0, 0], [0, 0, 1.0]]])
    first = np.array([[[0.8, 0, 0.2], [0, 1.0, 0], [0, 0, 1.0]]])
    np.testing.assert_allclose(flow([first, last], 1)[2], 0.1, atol=1e-6)


def test_flow_does_not_exceed_what_leaves_or_arrives():
    layers = random_layers(3, 5)
    for query in range(5):
        flows = flow(layers, query)
        assert (flows <= list(with_residual(layers))[-1][query].sum() + 1e-6).all() and (flows >= 0).all()
