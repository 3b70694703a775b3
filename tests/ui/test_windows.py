"""A long text is read through a window: what it shows is part of the whole, and what it leaves out is said."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnviz import traces
from attnviz.capture.tracing import trace
from attnviz.errors import AttnvizError
from attnviz.maps import attention_map, head_statistics, options, thumbnails
from attnviz.maps.options import TOGETHER, MapOptions, by_block, combined_map, make_map, other_map, rows_of
from attnviz.traces import Head
from attnviz.ui.address import UrlState
from attnviz.ui.map_options import MOST_SHOWN, options_of
from tests.ui.test_map_options import TEXT

OPTIONS = [
    {},
    {"merge_words": True},
    {"hide_special": True, "renormalise": True},
    {"merge_words": True, "parts": "a-b"},
]


@pytest.fixture(scope="module")
def traced(tiny_model):
    return trace(tiny_model("bert"), TEXT, "A dog slept.")


@pytest.fixture(scope="module")
def long(tiny_model):
    return trace(tiny_model("llama"), "the cat sat on the mat, " * 12)


@pytest.mark.parametrize("given_options", OPTIONS)
@given(
    window=st.integers(1, 30),
    queries_at=st.integers(0, 40),
    keys_at=st.integers(0, 40) | st.just(TOGETHER),
    how=st.sampled_from(["head", "mean", "max"]),
)
def test_a_window_is_part_of_the_whole_and_says_the_weight_outside(
    traced, given_options, window, queries_at, keys_at, how
):
    """A reader who sees rows that do not sum to one must learn how much of them is not on the screen."""

    def drawn(options):
        if how == "head":
            return make_map(traced, Head("encoder", 1, 2), options)
        return combined_map(traced, [Head("encoder", 1, 1), Head("encoder", 1, 2)], how, options)

    whole = drawn(MapOptions(**given_options))
    options = MapOptions(**given_options, window=window, queries_at=queries_at, keys_at=keys_at)
    shown = drawn(options)
    rows, columns = ([side.index(group) for group in part] for side, part in
                     ((whole.rows, shown.rows), (whole.columns, shown.columns)))  # fmt: skip
    np.testing.assert_allclose(shown.weights, whole.weights[rows][:, columns], atol=1e-6)
    assert len(rows) <= window and len(columns) <= window
    if how == "head" and window < len(traced.tokens):
        weights = whole.weights[rows]
        outside = 1 - weights[:, columns].sum(axis=1) / weights.sum(axis=1)
        mean, most = (int(number) for number in re.findall(r"(\d+)%", shown.notes[-1]))
        assert abs(mean - 100 * outside.mean()) < 0.51 and abs(most - 100 * outside.max()) < 0.51


def test_words_at_the_edge_are_whole(traced):
    first, last = next(group for _, group in attention_map.words_of(traced) if len(group) > 1)[:2]
    shown = make_map(traced, Head("encoder", 0, 0), MapOptions(merge_words=True, window=3, queries_at=last))
    assert first in shown.rows[0][1] and f"queries {first} to" in shown.notes[-1]


def test_a_text_that_fits_has_no_window(traced):
    assert options_of(traced, "encoder", UrlState(queries_at=7)) == MapOptions()
    assert options_of(traced, "encoder", UrlState(window=5)) == MapOptions(window=5)


def test_no_link_asks_for_more_than_can_be_drawn(long):
    assert options_of(long, "decoder", UrlState(window=0)).windows(long, "decoder")[0].stop <= MOST_SHOWN


def test_the_other_ways_to_look_have_the_window_too(long):
    options = MapOptions(window=10, queries_at=20, keys_at=5)
    for how in ("scores", "value", "rollout"):
        found = other_map(long, Head("decoder", 1, 0), 0, how, options)
        assert found.weights.shape == (10, 10) and "queries 20 to 29" in found.notes[-1]
        assert [tokens for _, tokens in found.columns] == [[j] for j in range(5, 15)]
    by_dimension = other_map(long, Head("decoder", 1, 0), 21, "dimensions", options)
    assert by_dimension.rows[0][1] == [5] and "keys 5 to 14" in by_dimension.notes[-1]


@pytest.fixture
def small_blocks(monkeypatch):
    """A text of a few tokens is gone through in several blocks."""

    for module in (traces, options):
        monkeypatch.setattr(module, "BLOCK_BYTES", 4000)


@pytest.mark.parametrize("given_options", OPTIONS)
def test_thumbnails_are_the_same_in_blocks(traced, given_options, small_blocks):
    """The small pictures of a long text are computed some rows at a time, and must show all of it."""
    options = MapOptions(**given_options)
    blocks = list(by_block(traced, traced.layer(1), options))
    assert len(blocks) > 1
    whole = np.stack([make_map(traced, Head("encoder", 1, head), options).weights for head in range(4)])
    np.testing.assert_allclose(np.concatenate([block.weights for block in blocks], axis=1), whole, atol=1e-6)
    n_rows = len(rows_of(traced, "encoder", options))
    for cells in (1, 3, 8, 100):
        small = thumbnails.pooled(blocks, n_rows, cells)
        np.testing.assert_allclose(small.weights, thumbnails.pool([whole], n_rows, cells), atol=1e-6)
        assert (
            small.weights.shape[1:] == (len(small.rows), len(small.columns)) and max(small.weights.shape[1:]) <= cells
        )
        assert [token for _, tokens in small.rows for token in tokens] == [
            token for _, tokens in rows_of(traced, "encoder", options) for token in tokens
        ]


@pytest.mark.parametrize("measure", head_statistics.MEASURES)
def test_measures_are_the_same_in_blocks(long, measure, monkeypatch):
    whole = head_statistics.measure_heads(long, "decoder", measure, 20, 3)
    monkeypatch.setattr(traces, "BLOCK_BYTES", 20_000)
    assert len(list(long.layers[0].blocks())) > 3
    np.testing.assert_allclose(head_statistics.measure_heads(long, "decoder", measure, 20, 3), whole, atol=1e-6)


def test_the_overview_is_of_the_whole_text(long, small_blocks):
    wide, gets = head_statistics.head_overview(long[Head("decoder", 1, 2)])
    weights = long.weights(1, 2)
    np.testing.assert_allclose(gets, weights.sum(axis=0), rtol=1e-5)
    assert wide.shape == gets.shape and wide[0] == 0 and gets.sum() == pytest.approx(len(long.tokens), rel=1e-5)


def test_rollout_says_where_it_ends(long, monkeypatch):
    monkeypatch.setattr(attention_map, "ROLLOUT_TOKENS", 50)
    with pytest.raises(AttnvizError, match="up to 50 tokens"):
        attention_map.rollout_map(long, "decoder", 1)
