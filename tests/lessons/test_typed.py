"""Whatever a student types must become the number that was meant, or a sentence; never a silent zero."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnviz.lessons.typed import LARGEST, read_matrix, read_number


@pytest.mark.parametrize(
    "text, number",
    [
        ("1", 1),
        (" -0.5 ", -0.5),
        ("−2", -2),
        ("0,25", 0.25),
        ("1/3", 1 / 3),
        ("-3/4", -0.75),
        ("1e-3", 1e-3),
        ("+7", 7),
    ],
)
def test_numbers_as_people_write_them(text, number):
    assert read_number(text) == pytest.approx(number, abs=1e-15)


@pytest.mark.parametrize(
    "text, says",
    [
        ("", "empty"), ("  ", "empty"), ("abc", "not a number"), ("nan", "not a number"), ("inf", "out of range"),
        ("-inf", "out of range"), ("1e308", "out of range"), ("1/0", "divides by zero"), ("1//2", "not a number"),
        ("1 2", "not a number"), ("<script>", "not a number"), ("1/2/3", "not a number"), ("inf/inf", "not a number"),
    ],
)  # fmt: skip
def test_what_is_no_number_is_told(text, says):
    with pytest.raises(ValueError, match=says):
        read_number(text)


@given(st.text(max_size=20))
def test_any_text_is_a_usable_number_or_a_sentence(text):
    try:
        number = read_number(text)
    except ValueError as error:
        assert str(error)
    else:
        assert math.isfinite(number) and abs(number) <= LARGEST


def test_a_bad_cell_is_named_and_the_good_ones_are_not():
    """With eight words on screen, "something is wrong" helps nobody."""
    values, complaints = read_matrix([["1", "x"], ["", "4"]], ["cat", "sat"], ["d0", "d1"])
    assert values is None
    assert complaints == ["cat, d1: “x” is not a number.", "sat, d0: is empty."]
    values, complaints = read_matrix([["1", "1/2"]], ["cat"], ["d0", "d1"])
    np.testing.assert_array_equal(values, [[1, 0.5]])
    assert complaints == []
