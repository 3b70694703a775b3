"""A long text is read through a window: what it shows is part of the whole, and what it leaves out is said."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnviz import reading, traces
from attnviz.aids import TOGETHER, Aids, by_block, read, rows_of
from attnviz.capture.tracing import trace
from attnviz.errors import AttnvizError
from attnviz.ui.address import View
from attnviz.ui.readings import MOST_SHOWN, aids_of
from tests.ui.test_readings import TEXT

AIDS = [{}, {"merge_words": True}, {"hide_special": True, "renormalise": True}, {"merge_words": True, "parts": "a-b"}]


@pytest.fixture(scope="module")
def traced(tiny_model):
    return trace(tiny_model("bert"), TEXT, "A dog slept.")


@pytest.fixture(scope="module")
def long(tiny_model):
    return trace(tiny_model("llama"), "the cat sat on the mat, " * 12)


@pytest.mark.parametrize("given_aids", AIDS)
@given(
    window=st.integers(1, 30),
    queries_at=st.integers(0, 40),
    keys_at=st.integers(0, 40) | st.just(TOGETHER),
    how=st.sampled_from(["head", "mean", "max"]),
)
def test_a_window_is_part_of_the_whole_and_says_the_weight_outside(
    traced, given_aids, window, queries_at, keys_at, how
):
    """A reader who sees rows that do not sum to one must learn how much of them is not on the screen."""
    heads = [2] if how == "head" else [1, 2]
    whole = read(traced, "encoder", 1, heads, how, Aids(**given_aids))
    aids = Aids(**given_aids, window=window, queries_at=queries_at, keys_at=keys_at)
    shown = read(traced, "encoder", 1, heads, how, aids)
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
    first, last = next(group for _, group in reading.words_of(traced) if len(group) > 1)[:2]
    shown = read(traced, "encoder", 0, [0], "head", Aids(merge_words=True, window=3, queries_at=last))
    assert first in shown.rows[0][1] and f"queries {first} to" in shown.notes[-1]


def test_a_text_that_fits_has_no_window(traced):
    assert aids_of(traced, "encoder", View(queries_at=7)) == Aids()
    assert aids_of(traced, "encoder", View(window=5)) == Aids(window=5)


def test_no_link_asks_for_more_than_can_be_drawn(long):
    assert aids_of(long, "decoder", View(window=0)).windows(long, "decoder")[0].stop <= MOST_SHOWN


def test_the_other_ways_to_look_have_the_window_too(long):
    from attnviz.aids import beyond

    aids = Aids(window=10, queries_at=20, keys_at=5)
    for how in ("scores", "value", "rollout"):
        found = beyond(long, "decoder", 1, 0, 0, how, aids)
        assert found.weights.shape == (10, 10) and "queries 20 to 29" in found.notes[-1]
        assert [tokens for _, tokens in found.columns] == [[j] for j in range(5, 15)]
    by_dimension = beyond(long, "decoder", 1, 0, 21, "dimensions", aids)
    assert by_dimension.rows[0][1] == [5] and "keys 5 to 14" in by_dimension.notes[-1]


@pytest.fixture
def small_blocks(monkeypatch):
    """A text of a few tokens is gone through in several blocks."""
    from attnviz import aids

    for module in (traces, aids):
        monkeypatch.setattr(module, "BLOCK_BYTES", 4000)


@pytest.mark.parametrize("given_aids", AIDS)
def test_thumbnails_are_the_same_in_blocks(traced, given_aids, small_blocks):
    """The small pictures of a long text are computed some rows at a time, and must show all of it."""
    aids = Aids(**given_aids)
    blocks = list(by_block(traced, "encoder", 1, aids))
    assert len(blocks) > 1
    whole = np.stack([read(traced, "encoder", 1, [head], "head", aids).weights for head in range(4)])
    np.testing.assert_allclose(np.concatenate([block.weights for block in blocks], axis=1), whole, atol=1e-6)
    n_rows = len(rows_of(traced, "encoder", aids))
    for cells in (1, 3, 8, 100):
        small = reading.pooled(blocks, n_rows, cells)
        np.testing.assert_allclose(small.weights, reading.pool([whole], n_rows, cells), atol=1e-6)
        assert (
            small.weights.shape[1:] == (len(small.rows), len(small.columns)) and max(small.weights.shape[1:]) <= cells
        )
        assert [token for _, tokens in small.rows for token in tokens] == [
            token for _, tokens in rows_of(traced, "encoder", aids) for token in tokens
        ]


@pytest.mark.parametrize("measure", reading.MEASURES)
def test_measures_are_the_same_in_blocks(long, measure, monkeypatch):
    whole = reading.measure_heads(long, "decoder", measure, 20, 3)
    monkeypatch.setattr(traces, "BLOCK_BYTES", 20_000)
    assert len(list(long.layers[0].blocks())) > 3
    np.testing.assert_allclose(reading.measure_heads(long, "decoder", measure, 20, 3), whole, atol=1e-6)


def test_the_overview_is_of_the_whole_text(long, small_blocks):
    wide, gets = reading.overview(long, "decoder", 1, 2)
    weights = long.weights(1, 2)
    np.testing.assert_allclose(gets, weights.sum(axis=0), rtol=1e-5)
    assert wide.shape == gets.shape and wide[0] == 0 and gets.sum() == pytest.approx(len(long.tokens), rel=1e-5)


def test_rollout_says_where_it_ends(long, monkeypatch):
    monkeypatch.setattr(reading, "ROLLOUT_TOKENS", 50)
    with pytest.raises(AttnvizError, match="up to 50 tokens"):
        reading.rolled_out(long, "decoder", 1)
