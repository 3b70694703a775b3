"""A head called the nearest must be the nearest: divergences as the formula says, on every row of every text."""

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon

from attnviz.capture.tracing import trace
from attnviz.core.measures import jensen_shannon
from attnviz.maps.similarity import head_divergence
from attnviz.models.loading import load_model
from attnviz.traces import Head


@pytest.fixture(scope="module")
def traces():
    model = load_model("tiny-gpt")
    return [trace(model, text) for text in ("The old fox saw a red hen.", "Once upon a time")]


def test_divergence_of_two_distributions_is_scipys():
    p, q = np.random.default_rng(0).dirichlet(np.ones(7), size=(2, 5))
    np.testing.assert_allclose(jensen_shannon(p, q), jensenshannon(p, q, base=2, axis=-1) ** 2, atol=1e-12)
    assert jensen_shannon(np.array([1.0, 0]), np.array([0, 1.0])) == 1 and jensen_shannon(p, p).max() == 0


@pytest.mark.parametrize("n_bytes", [1, 2**23], ids=["row by row", "at once"])
def test_every_head_is_compared_on_all_rows_of_all_texts(traces, monkeypatch, n_bytes):
    monkeypatch.setattr("attnviz.traces.BLOCK_BYTES", n_bytes)
    done = []
    found = head_divergence(traces, Head("decoder", 1, 2), lambda *steps: done.append(steps))
    assert found[1, 2] == 0 and done[-1] == (8, 8)
    for layer, head in [(0, 0), (0, 3), (1, 1), (3, 2)]:
        rows = [
            jensenshannon(a, b, base=2) ** 2
            for one in traces
            for a, b in zip(one.weights(layer, head), one.weights(1, 2))
        ]
        assert found[layer, head] == pytest.approx(np.nanmean(np.nan_to_num(rows)), abs=1e-6)
        assert found[layer, head] == pytest.approx(
            head_divergence(traces, Head("decoder", layer, head))[1, 2], abs=1e-9
        )


def test_what_a_sink_takes_is_compared_too(tiny_model):
    """Two rows that leave everything to the sink are alike, however they spread what is left."""
    model = tiny_model("gpt_oss")
    traced = trace(model, "the cat sat on the mat")
    found = head_divergence([traced], Head("decoder", 0, 0))

    def shares(head):
        stages = traced[Head("decoder", 0, head)].stages()
        return np.column_stack([stages.weights, stages.sink_share])

    assert found[0, 1] == pytest.approx((jensenshannon(shares(0), shares(1), base=2, axis=-1) ** 2).mean(), abs=1e-6)


@pytest.mark.parametrize("kind", ["encoder", "decoder", "cross"])
def test_heads_are_compared_within_their_kind(kind):
    traced = trace(load_model("tiny-translator"), "the 3rd of May, 2021")
    found = head_divergence([traced], Head(kind, 0, 1))
    assert found.shape == (2, 4) and found[0, 1] == 0 and (np.delete(found.ravel(), 1) > 0).all()
