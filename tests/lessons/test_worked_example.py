"""The section's worked example, held to its closed form."""

import math

import numpy as np
import pytest

from attnviz.core.attention import dot_product_attention
from attnviz.lessons.worked_example import (
    PRESETS,
    PRINTED_OUTPUT,
    PRINTED_WEIGHTS,
    SECTION,
    Inputs,
    random_inputs,
    read_inputs,
    worked_example,
    wrong_rows,
)

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
    assert wrong_rows() == ["sat", "mat"] and SECTION.tokens == ("cat", "sat", "mat")
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


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("causal", [False, True])
def test_powers_over_their_sum_are_the_weights(name, causal):
    """What a reader divides by hand must be what the page shows, for every preset."""
    example = worked_example(PRESETS[name], causal=causal)
    powers = example.powers
    np.testing.assert_allclose(powers / powers.sum(1, keepdims=True), example.stages.weights, rtol=0, atol=1e-12)


def test_large_scores_are_shifted_before_the_exponential_and_small_ones_are_not():
    """e to the 800 is no number; e to the 1 is 2.7183 and must read so."""
    loud = Inputs(("a", "b"), np.array([[20.0, 20.0], [1.0, 0.0]]), np.eye(2), np.eye(2), np.eye(2))
    assert np.isfinite(worked_example(loud).powers).all() and worked_example(loud).shift[0, 0] == 800
    assert not worked_example().shift.any()


def test_equal_projections_give_symmetric_scores_and_equal_words_equal_weights():
    """What two presets are there to show."""
    scores = worked_example(PRESETS["W_Q = W_K"]).stages.scores
    np.testing.assert_allclose(scores, scores.T, atol=1e-12)
    np.testing.assert_allclose(worked_example(PRESETS["all equal"]).stages.weights, 1 / 3, atol=1e-12)
    assert (worked_example(PRESETS["one loud key"]).stages.weights.argmax(1) == 1).all()


def test_random_numbers_are_the_same_for_a_seed():
    """A teacher sends a link with a seed, and the class sees the teacher's numbers."""
    once, again = random_inputs(("a", "b"), 3, 7), random_inputs(("a", "b"), 3, 7)
    np.testing.assert_array_equal(once.X, again.X)
    assert not np.array_equal(once.X, random_inputs(("a", "b"), 3, 8).X)


GOOD = dict(W_Q=[["1"]], W_K=[["1"]], W_V=[["1"]])


def test_typed_tables_become_inputs():
    inputs, complaints = read_inputs([["cat", "1/2"], ["mat", "-1"]], **GOOD)
    assert inputs.tokens == ("cat", "mat") and inputs.X.tolist() == [[0.5], [-1]]
    assert not any(complaints.values())


@pytest.mark.parametrize(
    "words, table, says",
    [
        ([["cat", "1"]], "words", "2 to 8 words"),
        ([["cat", "1"]] * 9, "words", "here are 9"),
        ([["cat", "1"], ["", "2"]], "words", "Word 2 is empty"),
        ([["cat", "1"], ["mat", "1e308"]], "words", "mat, d0: “1e308” is out of range"),
    ],
)
def test_a_bad_table_is_told_and_named(words, table, says):
    inputs, complaints = read_inputs(words, **GOOD)
    assert inputs is None and says in " ".join(complaints[table])
    assert not any(complaints[name] for name in ("W_Q", "W_K", "W_V"))


def test_a_bad_projection_is_told_beside_its_own_table():
    inputs, complaints = read_inputs([["cat", "1"], ["mat", "2"]], **(GOOD | {"W_K": [["nan"]]}))
    assert inputs is None and complaints["W_K"] and not complaints["W_Q"]
