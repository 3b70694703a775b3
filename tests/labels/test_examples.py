"""Where a label acts: what was asked of a probe, and what a reader's own sentence has for it."""

import numpy as np
import pytest

from attnviz.capture.tracing import trace, trace_ids
from attnviz.core.attention import attention, causal_mask
from attnviz.labels.cache import load_cached
from attnviz.labels.examples import activity, as_typable_text, most_focused_query, probe_targets, targets_in, trigger
from attnviz.labels.targets import Target
from attnviz.models.loading import load_model


@pytest.fixture(scope="module")
def model():
    return load_model("tiny-gpt")


@pytest.fixture(scope="module")
def probes(model):
    return probe_targets(model, causal=True)


def test_a_sentence_without_a_repeat_has_no_place_for_induction(model):
    """A head must not be called idle where it has nothing to do."""
    once, twice = (
        targets_in(trace(model, text)) for text in ("A fox, they say saw the hen", "The fox saw. The fox saw.")
    )
    assert "induction" not in once and {"previous_token", "punctuation"} <= set(once)
    tokens = trace(model, "The fox saw. The fox saw.").tokens
    pairs = {(tokens[i], tokens[j]) for i, j in zip(twice["induction"].queries, twice["induction"].keys)}
    assert ("saw", ".") in pairs and ("saw", "saw") not in pairs


def test_special_tokens_are_neither_query_nor_target(minilm):
    traced = trace(minilm, "the cat sat", "the cat ran")
    special = {i for i, segment in enumerate(traced.segments) if segment is None}
    assert len(special) == 3
    for target in targets_in(traced).values():
        assert not special & {*target.queries.tolist(), *target.keys.tolist()}


def test_pieces_of_a_word_are_not_mixed_up_between_the_texts_of_a_pair(minilm):
    """The first word of either text has the number 0."""
    traced = trace(minilm, "unbelievably", "unbelievably")
    inside = targets_in(traced).get("same_word")
    halves = [traced.segments[i] for i in inside.queries], [traced.segments[j] for j in inside.keys]
    assert halves[0] == halves[1] and set(halves[0]) == {0, 1}


def test_activity_is_the_weight_on_the_targets_a_row():
    """The card holds it against uniform weights, which in a window of two keys are a half each."""
    target = Target(np.array([1, 2, 2]), np.array([0, 0, 1]))
    scores = np.log(np.array([[1, 1, 1], [0.25, 0.75, 1], [0.5, 0.3, 0.2]]))
    found = activity(attention(scores, np.eye(3), np.eye(3), mask=causal_mask(3)), target)
    assert found.weight == pytest.approx((0.25 + 0.8) / 2) and found.rows == 2
    assert found.uniform == pytest.approx((1 / 2 + 2 / 3) / 2) and found.strongest == (2, 0)
    window = causal_mask(3)
    window[2, 0] = False
    found = activity(attention(scores, np.eye(3), np.eye(3), mask=window), target)
    assert found.weight == pytest.approx((0.25 + 0.6) / 2) and found.uniform == pytest.approx(1 / 2)


def test_gold_answers_of_a_probe_are_found_again(model, probes):
    """The card says of a probe sentence how much of the weight goes to the right words."""
    gold = [targets["coreference"] for targets in probes.values() if "coreference" in targets]
    assert len(gold) > 100 and all((target.keys < target.queries.max()).all() for target in gold)


def test_a_sentence_that_triggers_a_head_can_be_typed_and_does(model, probes):
    results = load_cached(model)
    number = [str(head) for head in results.heads].index("L2.H0")
    text, weight = trigger(model, results, "coreference", number, probes)
    assert weight > 0.8
    ids = trace(model, text).token_ids
    assert as_typable_text(model, ids, text) == text and "coreference" in probes[ids]


def test_random_tokens_are_not_taken_for_a_text(model):
    assert as_typable_text(model, [5, 900, 5, 17, 1200, 3], "no such text") is None


def test_ids_are_traced_as_the_text_would_be(model, minilm):
    for one in (model, minilm):
        plain = trace(one, "the old fox smiled, unbelievably.")
        again = trace_ids(one, plain.token_ids)
        assert again.tokens == plain.tokens and again.segments == plain.segments
        assert np.array_equal(again.weights(1, 1), plain.weights(1, 1))


def test_the_most_focused_query_is_no_special_token_and_looks_at_another_word(model):
    traced = trace(model, "The fox saw a hen.")
    weights = np.zeros((len(traced.tokens),) * 2)
    weights[:, 0], weights[3, 3], weights[2, 1] = 1, 0.9, 0.4
    assert most_focused_query(traced, weights) == 2
