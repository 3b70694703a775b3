"""Display options must say what they do and do only that: a merged row still shares out exactly one."""

import numpy as np
import pytest

from attnviz.capture.tracing import trace
from attnviz.errors import AttnvizError
from attnviz.lessons.patterns import ILLUSTRATION, QUERY, TEXT, WORDS, out_of_reach
from attnviz.maps.attention_map import by_word, continues_word, head_map, strongest_cells, words_of
from attnviz.maps.head_statistics import MEASURES, measure_heads, ranked, row_in_every_head
from attnviz.models.loading import load_model
from attnviz.traces import Head


@pytest.fixture(scope="module", params=["bert", "gpt2", "llama"])
def traced(request, tiny_model):
    return trace(tiny_model(request.param), "The unbelievable cat sat, twice.")


def test_words_are_spelt_as_in_the_text_and_hold_every_token_once(traced):
    groups = words_of(traced)
    words = [word for word, positions in groups if traced.words[positions[0]] is not None]
    assert {"The", "unbelievable", "cat", "sat"} <= set(words)
    assert [place for _, positions in groups for place in positions] == list(range(len(traced.tokens)))


def test_merged_rows_still_sum_to_one_and_single_tokens_keep_their_weight(traced):
    groups = words_of(traced)
    weights = traced.layers[0].attention().weights
    merged = by_word(weights, groups, groups)
    np.testing.assert_allclose(merged.sum(axis=-1), 1, atol=1e-5)
    single = [(place, positions[0]) for place, (_, positions) in enumerate(groups) if len(positions) == 1]
    for i, token_i in single:
        for j, token_j in single:
            np.testing.assert_array_equal(merged[:, i, j], weights[:, token_i, token_j])


def test_to_is_a_sum_and_from_is_a_mean():
    weights = np.array([[0.2, 0.3, 0.5], [0.4, 0.4, 0.2], [0.0, 0.6, 0.4]])
    groups = [("ab", [0, 1]), ("c", [2])]
    np.testing.assert_allclose(by_word(weights, groups, groups), [[0.65, 0.35], [0.6, 0.4]])


def test_a_pair_of_texts_keeps_its_words_apart(tiny_model):
    groups = words_of(trace(tiny_model("bert"), "the cat", "the mat"))
    assert [word for word, _ in groups] == ["[CLS]", "the", "cat", "[SEP]", "the", "mat", "[SEP]"]


def test_the_row_of_a_word_in_every_head_of_tiny_gpt():
    words, target, heads, rows = row_in_every_head(trace(load_model("tiny-gpt"), TEXT), ILLUSTRATION, QUERY)
    assert words[1:] == list(WORDS) and target[0] == 0
    assert rows.shape == (len(heads), len(words)) == (16, 7)
    np.testing.assert_allclose(rows.sum(axis=1), 1, atol=1e-5)
    assert (rows[:, -3:] == 0).all(), "a decoder looked ahead"
    assert np.abs(rows - target).sum(axis=1).min() / 2 >= out_of_reach() - 1e-6


def test_another_sentence_is_refused(tiny_model):
    with pytest.raises(AttnvizError, match="words where there are 6"):
        row_in_every_head(trace(tiny_model("bert"), "the cat"), ILLUSTRATION, QUERY)


@pytest.mark.parametrize("measure", MEASURES)
def test_every_measure_of_every_head(tiny_model, measure):
    """Each is checked head by head against the whole map."""
    traced = trace(tiny_model("gpt2"), "the cat sat on the mat")
    found = measure_heads(traced, "decoder", measure, 3, 1)
    assert found.shape == (2, 4)
    weights = traced.weights(1, 2)
    there = np.arange(len(weights))
    expected = {
        "weight": weights[3, 1],
        "entropy": np.mean([-(row[row > 0] * np.log2(row[row > 0])).sum() for row in weights]),
        "distance": (weights * np.abs(there[:, None] - there)).sum(axis=1).mean(),
        "largest": weights.max(axis=1).mean(),
        "first": weights[:, 0].mean(),
        "sink": 0,
    }[measure]
    assert found[1, 2] == pytest.approx(expected, abs=1e-6)


def test_heads_are_ranked_largest_first_and_missing_ones_left_out():
    order = ranked(np.array([[0.1, 0.7], [0.3, np.nan]]), "decoder")
    assert [(str(head), value) for head, value in order] == [("L0.H1", 0.7), ("L1.H0", 0.3), ("L0.H0", 0.1)]


def test_the_strongest_pairs_come_first(traced):
    found = head_map(traced, Head(traced.kinds[0], 0, 0))
    pairs = strongest_cells(found, 5)
    assert [weight for *_, weight, _, _ in pairs] == sorted((w for *_, w, _, _ in pairs), reverse=True)
    assert pairs[0][2] == pytest.approx(found.weights.max())


def test_subwords_are_glued_and_words_are_not():
    """ "fo x" is not how anyone reads."""
    traced = trace(load_model("tiny-gpt"), "The old fox smiled.")
    groups = head_map(traced, Head("decoder", 0, 0)).rows
    joined = ""
    for (token, _), attached in zip(groups, continues_word(traced, "decoder", groups, of_keys=True)):
        joined += token if attached or not joined else " " + token
    assert joined == "<|start|> The old fox smiled."
