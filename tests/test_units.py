"""Numbers are said with three digits and a unit that a reader can place."""

import pytest

from attnviz.lessons.cost import LARGEST, Size, counted, lasting, memory_wall, operations_over_length, sized


@pytest.mark.parametrize(
    "said, expected",
    [
        (counted(999_999), "999,999"),
        (counted(1_024_000_000), "1.02 billion"),
        (counted(58e9), "58.0 billion"),
        (counted(999.9e9), "1.00 trillion"),
        (counted(5e21), "5,000 quintillion"),
        (sized(4), "4.00 bytes"),
        (sized(16e9), "16.0 GB"),
        (lasting(0.00125), "1.25 ms"),
        (lasting(90), "90.0 s"),
        (lasting(114_553), "31.8 hours"),
        (lasting(1e12), "31.7 thousand years"),
    ],
)
def test_numbers_as_words(said, expected):
    assert said == expected


@pytest.mark.parametrize("size", [Size(1, 1, 1, 1), LARGEST])
def test_smallest_and_largest_sizes_are_drawn(size):
    """A slider's end would show an empty chart."""
    for figure in (operations_over_length(size, theme="light"), memory_wall(size, theme="dark")):
        assert all(value > 0 for line in figure.data for value in line.y)
