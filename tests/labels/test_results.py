"""Label results say more than their verdicts: every score with its evidence, and the texts to look at."""

import json

import numpy as np
import pytest

from attnviz.capture.tracing import capture_ids
from attnviz.labels.cache import evaluate_or_load
from attnviz.labels.corpora import read
from attnviz.labels.definitions import spec_of
from attnviz.models.loading import load_model


@pytest.fixture(scope="module")
def model():
    return load_model("tiny-gpt")


@pytest.fixture(scope="module")
def found(model, corpus):
    return evaluate_or_load(model, read(corpus))


def test_every_label_that_was_measured_has_a_score_for_every_head(found):
    heads = len(found.heads)
    assert heads == 16 and found.sink_token_share.shape == found.entropy.shape == (heads,)
    assert set(found.scores) == set(found.probes["labels"]) and {name.split(":")[0] for name in found.scores} > {
        "previous_token", "induction", "syntactic", "coreference"
    }  # fmt: skip
    for name, scores in found.scores.items():
        shares = (scores.score, scores.baseline, scores.low, scores.high)
        for array in (*shares, scores.enrichment, scores.threshold):
            assert array.shape == (heads,) and np.isfinite(array).all()
        assert all(array.min() >= 0 and array.max() <= 1 + 1e-6 for array in shares)
        assert (scores.low <= scores.score + 1e-9).all() and (scores.score <= scores.high + 1e-9).all()
        assert scores.n >= 100 and 20 <= scores.units <= scores.n
        if not spec_of(name).criterion.above_control:
            assert (scores.threshold == spec_of(name).criterion.threshold).all()


def test_the_verdicts_are_the_scores(found):
    for number, rows in enumerate(found.found):
        for row in rows:
            scores = found.scores[row["label"]]
            for name in ("score", "baseline", "low", "high"):
                assert row[name] == getattr(scores, name)[number]
            assert row["n"] == scores.n and scores.low[number] > scores.threshold[number]
            if row["confidence"] == "high":
                assert scores.again[number] > 0


def test_examples_are_where_the_head_does_best_and_worst(model, found):
    """The previous-token head of layer 0, traced again on the very texts."""
    number = [str(head) for head in found.heads].index("L0.H0")
    scores = found.scores["previous_token"]

    def rate(example: int) -> float:
        weights = capture_ids(model.module, [found.examples[example]])[0][0].attention(0).weights
        return float(np.diag(weights, -1)[1:].mean())

    best, worst = ([rate(example) for example in examples[number]] for examples in (scores.best, scores.worst))
    assert best == sorted(best, reverse=True) and worst == sorted(worst)
    assert min(best) > scores.score[number] > max(worst)


def test_json_is_plain(found):
    shown = found.json()
    assert json.loads(json.dumps(shown)) == shown and shown.keys() == {"model", "probes", "heads"}
