"""Traces: plain arrays, and the weights of a head when somebody looks."""

import math

import numpy as np
import pytest

from attnviz.capture.tracing import trace
from attnviz.core.attention import attention, attention_from_scores, causal_mask
from attnviz.traces import Head, LayerAttention, Trace

HEADS, KV_HEADS, N, D = 4, 2, 5, 3


def layer(kind="decoder", index=0, **extra):
    rng = np.random.default_rng(index)
    shapes = {"q": (HEADS, N, D), "k": (KV_HEADS, N, D), "v": (KV_HEADS, N, 2)}
    return LayerAttention(
        kind, index, **{name: rng.standard_normal(shape) for name, shape in shapes.items()}, scale=0.5, **extra
    )


def traced(*layers):
    names = tuple("abcde")
    numbers = tuple(range(N))
    return Trace(
        "m", "local", "gpt2", "abcde", None, names, names, numbers, ((0, 1),) * N, numbers, (0,) * N, layers, 0.1
    )


EXTRAS = {
    "plain": {},
    "mask": {"mask": causal_mask(N)[None]},
    "mask a head": {"mask": np.random.default_rng(5).random((HEADS, N, N)) < 0.7},
    "additive": {"mask": np.where(causal_mask(N), 0.3, -math.inf)[None]},
    "bias": {"bias": np.random.default_rng(6).standard_normal((1, N, N))},
    "bias a head": {"bias": np.random.default_rng(7).standard_normal((HEADS, N, N)), "softcap": 2.0},
    "sink": {"sink": np.array([-1.0, 0.0, 1.0, 2.0]), "mask": causal_mask(N)[None]},
}


@pytest.mark.parametrize("name", EXTRAS)
def test_one_head_or_some_rows_are_parts_of_the_whole(name):
    """The thumbnails show the whole layer, the large map one head, the certificate some rows: all the same numbers."""
    one = layer(**EXTRAS[name])
    whole = one.attention()
    expected = attention(one.q, one.k, one.v, scale=0.5, **EXTRAS[name])
    for stage, array in vars(whole).items():
        np.testing.assert_array_equal(array, vars(expected)[stage])
        for head in range(HEADS):
            np.testing.assert_allclose(vars(one.attention(head))[stage], array[head], atol=1e-12)
            rows = np.array([4, 1])
            np.testing.assert_allclose(vars(one.attention(head, rows))[stage], array[head][rows], atol=1e-12)
        np.testing.assert_allclose(vars(one.attention(rows=rows))[stage], array[:, rows], atol=1e-12)
    assert one.n_heads == HEADS


def test_finished_scores_stand_in_for_queries_and_keys():
    """A model whose queries nobody can know is shown from what its softmax was given."""
    rng = np.random.default_rng(8)
    scores = np.where(causal_mask(N), rng.standard_normal((HEADS, N, N)), -math.inf)
    values = rng.standard_normal((KV_HEADS, N, 2))
    one = LayerAttention("decoder", 0, None, None, values, 1.0, scores=scores)
    assert (one.n_heads, one.n_queries) == (HEADS, N)
    expected = attention_from_scores(scores, values)
    np.testing.assert_array_equal(one.attention().weights, expected.weights)
    np.testing.assert_allclose(one.attention(3, np.array([2])).output, expected.output[3, [2]], atol=1e-12)
    q, k, v = one.vectors(3)
    assert q is None and k is None
    np.testing.assert_array_equal(v, values[1])


def test_layers_are_addressed_by_kind():
    both = traced(layer("encoder", 0), layer("encoder", 1), layer("decoder", 0), layer("cross", 0))
    assert both.kinds == ("encoder", "decoder", "cross")
    assert [one.index for one in both.of_kind()] == [0, 1] and both.of_kind("cross")[0].kind == "cross"
    assert both.layer(1).index == 1 and both.layer(0, "decoder").kind == "decoder"
    np.testing.assert_array_equal(both.weights(1, 2), both.layers[1].attention(2).weights)
    np.testing.assert_array_equal(both.weights(0, 2, "cross"), both.layers[3].attention(2).weights)
    assert both[Head("encoder", 0, 1)].stages().output.shape == (N, 2)
    assert list(both.heads())[:2] == [Head("encoder", 0, 0), Head("encoder", 0, 1)]
    assert len(list(both.heads())) == len(set(both.heads())) == 4 * HEADS


@pytest.mark.parametrize(("layer_index", "head"), [(-1, 0), (1, 0), (0, -1), (0, HEADS), (99, 99)])
def test_a_head_that_is_not_there_is_refused(layer_index, head):
    """A link with a wrong number must not show another head under its name."""
    with pytest.raises(IndexError, match=r"no (layer|head)"):
        traced(layer()).weights(layer_index, head)


def test_a_kind_that_is_not_there_is_refused():
    with pytest.raises(KeyError, match="cross"):
        traced(layer()).weights(0, 0, "cross")


def test_a_head_reads_as_people_write_it():
    assert str(Head("encoder", 5, 1)) == "L5.H1" and Head("decoder", 0, 1) < Head("decoder", 1, 0)


def test_a_head_is_one_thing_with_its_tokens_and_numbers(tiny_model):
    """What four arguments said before: no number may come from another head than the one that is named."""
    traced = trace(tiny_model("llama"), "the cat sat on the mat")
    for head in traced.heads():
        one = traced[head]
        layer = traced.layers[head.layer]
        np.testing.assert_array_equal(one.weights, layer.attention().weights[head.head])
        np.testing.assert_array_equal(one.scores, layer.attention().masked[head.head])
        np.testing.assert_array_equal(one.q, layer.q[head.head])
        np.testing.assert_array_equal(one.k, layer.k[head.head // 2])
        assert one.v.shape[0] == len(one.keys) == len(one.queries) == len(traced.tokens)
    for wrong, error in ((Head("decoder", 9, 0), IndexError), (Head("decoder", 0, 9), IndexError),
                         (Head("encoder", 0, 0), KeyError)):  # fmt: skip
        with pytest.raises(error):
            traced[wrong]
