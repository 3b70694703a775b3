"""The soft lookup: its limits, and that the slope on screen is the answer's own."""

import math

import numpy as np
import pytest

from attnviz.lessons.soft_lookup import ANGLES, TEMPERATURES, VALUES, hard_lookup, nearest_lookup, soft_lookup


def test_cold_is_the_dictionary_and_hot_is_the_mean():
    """The slider runs from one to the other; a reader must see both ends arrive."""
    np.testing.assert_allclose(soft_lookup(ANGLES, TEMPERATURES[0]).answers, VALUES, atol=1e-9)
    np.testing.assert_allclose(soft_lookup(ANGLES, 1e6).answers, VALUES.mean(), atol=1e-4)
    assert soft_lookup([30], 1e6).bits == pytest.approx(math.log2(4))
    assert soft_lookup([30], 0.02).bits == pytest.approx(0, abs=1e-6)


def test_halfway_between_two_keys_they_share():
    here = soft_lookup([135], 0.02)
    np.testing.assert_allclose(here.weights[0], [0, 0.5, 0.5, 0], atol=1e-12)
    assert here.answers[0] == pytest.approx(8) and here.bits[0] == pytest.approx(1)


@pytest.mark.parametrize("temperature", TEMPERATURES[1:])
def test_the_slope_is_the_answers_own(temperature):
    """Finite differences of the answer, not the formula again."""
    directions, step = np.arange(1.0, 360, 7), 1e-4
    above, below = (soft_lookup(directions + sign * step, temperature).answers for sign in (1, -1))
    slopes = soft_lookup(directions, temperature).slopes
    np.testing.assert_allclose(slopes, (above - below) / (2 * step), rtol=1e-4, atol=1e-6)


def test_the_dictionary_knows_its_keys_and_nothing_else():
    assert [hard_lookup(angle) for angle in ANGLES] == VALUES.tolist()
    with pytest.raises(KeyError):
        hard_lookup(1)


def test_the_nearest_key_answers_everywhere():
    np.testing.assert_array_equal(nearest_lookup([359, 44, 46, 134, 136, 224, 226]), [2, 2, 5, 5, 11, 11, 30])
