"""What stands in a difference map must be the difference of the very cells that both sides have."""

import numpy as np

from attnviz.maps.attention_map import AttentionMap
from attnviz.maps.difference import ablation_title, align_window, difference
from attnviz.traces import Head


def map_of(words, weights=None):
    groups = tuple((word, [i]) for i, word in enumerate(words.split()))
    n = len(groups)
    return AttentionMap(np.arange(n * n, dtype=float).reshape(n, n) if weights is None else weights, groups, groups)


def test_the_same_words_are_subtracted_cell_by_cell():
    a = map_of("the cat sat")
    b = map_of("the cat sat", a.weights * 2)
    np.testing.assert_array_equal(difference(a, b).weights, a.weights)
    assert not difference(a, b).notes


def test_another_word_is_left_out_and_named_and_the_rest_stays_aligned():
    a, b = map_of("the cat sat"), map_of("the dog sat")
    change = difference(a, b)
    assert change.queries == ("the", "sat")
    np.testing.assert_array_equal(change.weights, (b.weights - a.weights)[np.ix_([0, 2], [0, 2])])
    assert "cat" in change.notes[0] and "dog" in change.notes[0]


def test_repeated_words_stay_apart():
    a, b = map_of("the cat saw the dog"), map_of("well the cat saw the dog")
    change = difference(a, b)
    assert change.queries == ("the", "cat", "saw", "the", "dog")
    np.testing.assert_array_equal(change.weights, b.weights[1:, 1:] - a.weights)


def test_nothing_in_common_is_empty():
    assert difference(map_of("a b"), map_of("c d")).weights.size == 0


def words(text):
    return tuple((word, [2 * i, 2 * i + 1]) for i, word in enumerate(text.split()))


def test_a_window_begins_at_the_same_words():
    """Two tokenizers, or a sentence put in before, would otherwise part the two windows of a long text for good."""
    ours, theirs = words("a b c d e f"), words("x y a b c z z z e f")
    assert align_window(0, ours, theirs) == 4 and align_window(5, ours, theirs) == 9
    assert align_window(10, ours, theirs) == 18 and align_window(18, theirs, ours) == 10
    assert align_window(0, theirs, ours) == 0, "before their beginning"
    assert align_window(7, ours, words("u v w")) == 7 and align_window(7, ours, ()) == 7


def test_texts_that_repeat_without_end_are_placed_at_once():
    """A reader would wait minutes: all pairs of 3,600 words are tried where each of them occurs 600 times."""
    ours, theirs = words("the cat sat on the mat . " * 600), words("the dog sat on the mat . " * 600)
    assert align_window(4000, ours, theirs) == 4000


def test_a_head_says_what_was_ablated_before_it():
    head, ablated = Head("decoder", 5, 1), [Head("decoder", 0, i) for i in range(3)]
    assert ablation_title(head, [], "zero") == "L5.H1"
    assert ablation_title(head, ablated[:1], "mean") == "L5.H1 after L0.H0 was set to its mean"
    assert ablation_title(head, ablated[:2], "zero") == "L5.H1 after L0.H0 and L0.H1 were zeroed"
    assert ablation_title(head, ablated, "mean") == "L5.H1 after 3 heads were set to their means"
