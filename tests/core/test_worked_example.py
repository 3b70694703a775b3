"""The section's worked example, held to its closed form."""

import math

import numpy as np
import pytest

from attnviz.core.attention import dot_product_attention
from attnviz.core.worked_example import PRINTED_OUTPUT, PRINTED_WEIGHTS, TOKENS, worked_example, wrong_rows

E = math.e
# cat·(cat, sat, mat) = 1, 0, 1 and so on: rows of exp(score), before they are shared out.
POWERS = np.array([[E, 1, E], [1, E, E], [E, E, E * E]])
WEIGHTS = POWERS / POWERS.sum(axis=1, keepdims=True)
X = np.array([[1, 0], [0, 1], [1, 1]])


def test_the_exact_figures():
    """A class checks these by hand."""
    stages = worked_example().stages
    np.testing.assert_allclose(stages.scores, X @ X.T, atol=0)
    np.testing.assert_allclose(stages.weights, WEIGHTS, rtol=0, atol=1e-12)
    np.testing.assert_allclose(stages.output, WEIGHTS @ X, rtol=0, atol=1e-12)
    rounded = [[0.4223, 0.1554, 0.4223], [0.1554, 0.4223, 0.4223], [0.2119, 0.2119, 0.5761]]
    np.testing.assert_allclose(stages.weights, rounded, atol=5e-5)
    np.testing.assert_allclose(stages.output, [[0.8446, 0.5777], [0.5777, 0.8446], [0.7881, 0.7881]], atol=5e-5)


def test_what_the_section_prints_and_where_it_is_wrong():
    """A class that has the section open must not be left wondering."""
    assert wrong_rows() == ["sat", "mat"] and TOKENS == ("cat", "sat", "mat")
    assert PRINTED_WEIGHTS.tolist() == [[0.42, 0.16, 0.42], [0.18, 0.33, 0.49], [0.18, 0.18, 0.64]]
    assert PRINTED_OUTPUT.tolist() == [[0.84, 0.58], [0.67, 0.82], [0.82, 0.82]]


def test_exercise_one_by_hand():
    output, weights = dot_product_attention([[1, 1], [1, 0]], [[1, 0], [0, 1]], [[1, 0], [1, 1]])
    share = E / (1 + E)
    np.testing.assert_allclose(weights, [[0.5, 0.5], [share, 1 - share]], rtol=0, atol=1e-12)
    np.testing.assert_allclose(output, [[1, 0.5], [1, 1 - share]], rtol=0, atol=1e-12)


@pytest.mark.parametrize(("scaled", "causal"), [(True, False), (False, True), (True, True)])
def test_the_scaled_and_causal_variants(scaled, causal):
    """The switches on the page do what they say."""
    example = worked_example(scaled=scaled, causal=causal)
    powers = POWERS ** (1 / math.sqrt(2) if scaled else 1)
    powers = np.tril(powers) if causal else powers
    np.testing.assert_allclose(example.stages.weights, powers / powers.sum(1, keepdims=True), rtol=0, atol=1e-12)
    assert (example.mask is None) == (not causal) and example.scale == (1 / math.sqrt(2) if scaled else 1)
