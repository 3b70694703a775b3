"""The counts that a class checks by hand, and the marks on the charts, must be what the definitions say."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnviz.lessons.cost import (
    LARGEST,
    MEMORIES,
    PRESETS,
    Size,
    lengths_that_fill,
    operations,
    overtakes_at,
    vectors_bytes,
    weights_bytes,
    within_limits,
)  # fmt: skip

sizes = st.builds(Size, st.integers(1, 5000), st.integers(1, 256), st.integers(1, 32), st.integers(1, 32))


def test_the_sections_exercise():
    """n = 1000, d = 512: 2·n²·d for each product, five operations a score for softmax."""
    count = operations(Size(n=1000, d_k=512))
    assert count.scores == count.output == 1_024_000_000
    assert count.softmax == 5_000_000
    assert count.attention == 2_053_000_000


def test_ten_billion_is_the_number_of_scores_not_of_operations():
    size = Size(n=100_000, d_k=64)
    assert size.n**2 == 10_000_000_000
    assert operations(size).scores == 2 * 64 * size.n**2 == 1_280_000_000_000


def test_a_product_is_counted_number_by_number():
    """A loop that multiplies and adds, for every query, key and dimension of every head."""
    size = Size(n=5, d_k=3, n_heads=2, n_layers=4)
    met = sum(1 for _ in range(4) for _ in range(2) for _ in range(5) for _ in range(5) for _ in range(3))
    assert operations(size).scores == 2 * met
    projected = sum(1 for _ in range(4) for _ in range(4) for _ in range(5) for _ in range(6) for _ in range(6))
    assert operations(size).projections == 2 * projected


@given(sizes)
def test_twice_the_text_is_four_times_the_attention_and_twice_the_projections(size):
    once, twice = operations(size), operations(replace(size, n=2 * size.n))
    assert twice.attention == 4 * once.attention
    assert twice.projections == 2 * once.projections
    assert weights_bytes(replace(size, n=2 * size.n)) == 4 * weights_bytes(size)
    assert vectors_bytes(replace(size, n=2 * size.n)) == 2 * vectors_bytes(size)


@given(sizes)
def test_attention_overtakes_the_projections_where_the_chart_says(size):
    crossing = overtakes_at(size)
    below, above = (operations(replace(size, n=n)) for n in (max(1, int(crossing)), int(crossing) + 1))
    assert above.attention > above.projections
    assert below.attention <= below.projections or crossing < 1


@given(sizes)
def test_marks_on_the_wall_are_the_last_lengths_that_fit(size):
    layer = replace(size, n_layers=1)
    for name, n in lengths_that_fill(size).items():
        assert weights_bytes(replace(layer, n=n)) <= MEMORIES[name] < weights_bytes(replace(layer, n=n + 1))


def test_bytes_are_those_of_the_arrays():
    import numpy as np

    size = Size(n=7, d_k=5, n_heads=3, n_layers=2)
    assert weights_bytes(size) == np.zeros((2, 3, 7, 7), np.float32).nbytes
    assert vectors_bytes(size) == np.zeros((3, 2, 3, 7, 5), np.float32).nbytes


@pytest.mark.parametrize(
    "name, d_model", [("BERT-base", 768), ("GPT-2 small", 768), ("T5-small encoder", 512), ("GPT-3 175B", 12_288),
                      ("Llama 2 7B", 4096), ("Code Llama 7B", 4096)],
)  # fmt: skip
def test_published_sizes_multiply_to_the_published_d_model(name, d_model):
    assert PRESETS[name][0].d_model == d_model


def test_every_preset_can_be_shown():
    for size, source in PRESETS.values():
        assert within_limits(size) == size and source


def test_sizes_out_of_a_link_are_brought_within_limits():
    assert within_limits(Size(0, 0, 0, 0)) == Size(1, 1, 1, 1)
    assert within_limits(Size(10**9, 10**9, 10**9, 10**9)) == LARGEST
