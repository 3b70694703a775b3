"""Display options through the address, as a link asks for them: each does what it says, and says what it took."""

from dataclasses import replace

import numpy as np
import pytest

from attnviz.capture.tracing import trace
from attnviz.errors import AttnvizError
from attnviz.maps.attention_map import layer_maps
from attnviz.maps.options import MapOptions, apply_options, numbers, other_map
from attnviz.models.loading import load_model
from attnviz.traces import Head
from attnviz.ui.address import UrlState
from attnviz.ui.map_options import chosen_map

TEXT = "The unbelievable cat sat, twice."


@pytest.fixture(scope="module")
def traced(tiny_model):
    return trace(tiny_model("bert"), TEXT, "A dog slept.")


def map_of(traced, **choices):
    return chosen_map(traced, Head("encoder", 1, 2), replace(UrlState(), **choices))


def test_without_options_it_is_the_head(traced):
    found = map_of(traced)
    np.testing.assert_array_equal(found.weights, traced.weights(1, 2))
    assert found.queries == traced.tokens and not found.notes


def test_merged_words_sum_to_one(traced):
    found = map_of(traced, merge_words=True)
    np.testing.assert_allclose(found.weights.sum(axis=1), 1, atol=1e-5)
    assert "unbelievable" in found.queries and len(found.queries) < len(traced.tokens)


def test_hidden_tokens_are_gone_and_their_share_is_told(traced):
    found = map_of(traced, hide_special=True)
    special = [j for j, part in enumerate(traced.segments) if part is None]
    assert len(found.keys) == len(traced.tokens) - len(special)
    taken = traced.weights(1, 2)[:, special].sum(axis=1)
    assert f"{taken.mean():.0%}" in found.notes[-1] and f"{taken.max():.0%}" in found.notes[-1]
    np.testing.assert_allclose(found.weights.sum(axis=1), 1 - taken, atol=1e-5)
    scaled = map_of(traced, hide_special=True, renormalise=True)
    np.testing.assert_allclose(scaled.weights.sum(axis=1), 1, atol=1e-5)


def test_the_first_token_can_be_hidden_alone(traced):
    found = map_of(traced, hide_first=True)
    assert found.keys == traced.tokens[1:] and "first token" in found.notes[-1]


def test_mean_and_largest_over_heads(traced):
    every = np.stack([traced.weights(1, head) for head in range(4)])
    np.testing.assert_allclose(map_of(traced, combine="mean").weights, every.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(map_of(traced, combine="max").weights, every.max(axis=0), atol=1e-6)
    largest = map_of(traced, combine="max", merge_words=True)
    of_head_2 = map_of(traced, merge_words=True).weights
    np.testing.assert_array_equal(largest.weights[largest.strongest == 2], of_head_2[largest.strongest == 2])
    assert largest.heads == ("H0", "H1", "H2", "H3") and largest.strongest.shape == largest.weights.shape
    two = map_of(traced, combine="mean", heads="0-3")
    np.testing.assert_allclose(two.weights, every[[0, 3]].mean(axis=0), atol=1e-6)
    assert "H0, H3" in two.notes[0]


def test_between_the_texts_of_a_pair(traced):
    found = map_of(traced, parts="a-b")
    first, second = ([t for t, part in zip(traced.tokens, traced.segments) if part == side] for side in (0, 1))
    assert list(found.queries) == first and list(found.keys) == second
    within = map_of(traced, parts="b-b")
    assert list(within.queries) == list(within.keys) == second
    back = map_of(traced, parts="b-a")
    assert list(back.queries) == second and list(back.keys) == first


def test_only_chosen_tokens(traced):
    found = map_of(traced, only_from="2-3", only_to="1")
    assert found.queries == traced.tokens[2:4] and found.keys == traced.tokens[1:2]


def test_options_combine_and_a_drawn_cell_leads_back_to_its_tokens(traced):
    found = map_of(traced, merge_words=True, hide_special=True, combine="mean")
    row, column = found.queries.index("unbelievable"), found.keys.index("cat")
    query, key = found.tokens_at(row, column, traced.weights(1, 2)[found.rows[row][1]])
    assert traced.tokens[key] == "cat" and found.cell_of(query, key) == (row, column)
    assert found.cell_of(0, 0) is None, "a hidden token has no cell"


@pytest.mark.parametrize("choices", [{"heads": "9-77"}, {"only_from": "999"}, {"parts": "a-b"}, {"only_to": "x--y"}])
def test_choices_of_another_text_do_no_harm(tiny_model, choices):
    """A link made for another model opens."""
    alone = trace(tiny_model("gpt2"), "one text")
    assert chosen_map(alone, Head("decoder", 0, 0), replace(UrlState(combine="mean"), **choices)).weights.size


def test_rollout_and_flow_stand_on_the_layers_below(traced):
    for name in ("rollout", "flow"):
        found = other_map(traced, Head("encoder", 1, 2), 0, name, MapOptions())
        assert found.weights.shape == (len(traced.tokens),) * 2 and found.notes


def test_flow_says_where_it_ends():
    long = trace(load_model("tiny-gpt"), "the cat sat on the mat and " * 8)
    with pytest.raises(AttnvizError, match="up to 32 tokens"):
        other_map(long, Head("decoder", 0, 0), 0, "flow", MapOptions())


def test_cross_attention_has_no_rollout():
    dates = trace(load_model("tiny-translator"), "the 3rd of May, 2021")
    with pytest.raises(AttnvizError, match="self-attention"):
        other_map(dates, Head("cross", 0, 0), 0, "rollout", MapOptions())
    assert chosen_map(dates, Head("cross", 0, 0), UrlState(merge_words=True, hide_special=True)).weights.size


def test_numbers_of_the_address():
    assert numbers("0-3-15") == [0, 3, 15] and numbers("") == [] and numbers("a-2") == [2]


def test_by_dimension_a_row_adds_up_to_its_score(traced):
    """BertViz's neuron view, for every model: the parts of a score must make the score."""
    found = other_map(traced, Head("encoder", 1, 2), 3, "dimensions", MapOptions())
    np.testing.assert_allclose(
        found.weights.sum(axis=1), traced[Head("encoder", 1, 2)].stages().scores[3], rtol=1e-4, atol=1e-4
    )
    assert found.queries == traced.tokens


def test_the_grid_of_heads_takes_the_options_too(traced):
    view = replace(UrlState(), merge_words=True, hide_special=True)
    every = apply_options(layer_maps(traced, traced.layer(1)), traced, "encoder", MapOptions.of(view))
    for head in range(4):
        np.testing.assert_allclose(
            every.weights[head], chosen_map(traced, Head("encoder", 1, head), view).weights, atol=1e-6
        )
