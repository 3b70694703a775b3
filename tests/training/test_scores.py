"""Scores on made-up attention whose answer is known, baselines, dates and the optimizer."""

import datetime
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from nltk.lm import KneserNeyInterpolated
from nltk.util import everygrams

from attnviz.probes import repeats
from training.baselines import kneser_ney_losses
from training.bundle import informative_steps
from training.dates import FORMATS, date_pairs, date_split, ordinal, write_date
from training.loop import Schedule
from training.muon import orthogonalized
from training.scores import repeat_scores

PERIOD = 12


class Planted:
    """A stand-in for a decoder: head 0 looks one back, head 1 to the induction target, head 2 a fixed way back."""

    config = SimpleNamespace(_attn_implementation="sdpa")

    def set_attn_implementation(self, name):
        self.config._attn_implementation = name

    def __call__(self, input_ids, output_attentions=False):
        assert self.config._attn_implementation == "eager"
        rows, n = input_ids.shape
        weights = torch.zeros(rows, 3, n, n)
        for row in range(rows):
            for query in range(n):
                weights[row, 0, query, max(query - 1, 0)] = 1
                weights[row, 2, query, max(query - PERIOD + 1, 0)] = 1
                earlier = [key for key in range(1, query) if input_ids[row, key] == input_ids[row, query]]
                weights[row, 1, query, earlier[0] + 1 if earlier else 0] = 1
        logits = torch.zeros(rows, n, 500)
        return SimpleNamespace(logits=logits, attentions=(weights,))


def test_planted_heads_get_their_scores():
    probes = repeats(range(10, 500), 0, 4, split="test", seed=1, periods=(PERIOD, 20))
    found = repeat_scores(Planted(), probes)
    assert found.previous[0, 0] == found.previous_share[0, 0] == 1
    assert found.induction[0, 1] == 1
    assert found.induction_control[0, 1] == 0
    # A fixed distance scores on its own period only.
    assert found.induction[0, 2] == pytest.approx(0.5)
    assert found.induction[0, 0] == 0
    assert found.first_copy == pytest.approx(np.log(500), rel=1e-5)
    assert Planted.config._attn_implementation == "sdpa"


def test_kneser_ney_is_the_librarys_own():
    ids = np.array([3, 4, 5, 3, 4, 6, 3, 5, 4, 3, 4, 5, 6, 6, 3, 4] * 3)
    contexts, targets = np.array([[3, 4], [4, 5], [6, 6]]), np.array([5, 3, 4])
    loss, discount = kneser_ney_losses(ids, 3, contexts, targets)
    words = [str(number) for number in ids]
    model = KneserNeyInterpolated(3, discount=discount)
    model.fit([list(everygrams(words, max_len=3))], words)
    pairs = zip(contexts.astype(str).tolist(), targets.astype(str).tolist(), strict=True)
    assert loss == pytest.approx(np.mean([-np.log(model.score(target, context)) for context, target in pairs]))


def test_a_token_that_was_never_counted_is_refused():
    with pytest.raises(ValueError, match="never occur"):
        kneser_ney_losses(np.array([1, 2, 1, 2]), 2, np.array([[1]]), np.array([7]))


def test_dates_by_hand():
    day = datetime.date(2021, 5, 3)
    pair = write_date(day, "the %o of %B, %Y")
    assert (pair.source, pair.target) == ("the 3rd of May, 2021", "2021-05-03")
    assert {name: pair.source[a:b] for name, (a, b) in pair.spans.items()} == {
        "day": "3rd",
        "month": "May",
        "year": "2021",
    }
    assert write_date(day, "%m/%d/%y (US)").source == "5/3/21 (US)"
    assert write_date(day, "%A, %d %B %Y").source == "Monday, 3 May 2021"
    assert [ordinal(n) for n in (1, 2, 3, 4, 11, 12, 13, 21, 22, 23, 31)] == (
        "1st 2nd 3rd 4th 11th 12th 13th 21st 22nd 23rd 31st".split()
    )


def test_dates_of_the_test_split_are_never_trained_on():
    for split in ("train", "test"):
        pairs = date_pairs(600, split=split, seed=1)
        assert {pair.format for pair in pairs} == set(FORMATS)
        for pair in pairs:
            assert date_split(datetime.date.fromisoformat(pair.target)) == split
            assert set(pair.spans) == {"year", "month", "day"}


def test_orthogonalized_brings_singular_values_near_one():
    torch.manual_seed(0)
    for shape in ((8, 32), (32, 8), (16, 16)):
        values = torch.linalg.svdvals(orthogonalized(torch.randn(shape)))
        assert values.max() < 1.3 and values.median() > 0.6


def test_learning_rate_rises_and_falls():
    schedule = Schedule(steps=100, batch=1, rate=1e-3, matrix_rate=1e-3, warmup=10, evaluate_at=(0,))
    shares = [schedule.share_at(step) for step in range(100)]
    assert shares[0] == 0.1 and max(shares) == 1 and shares[9] == 1
    assert shares[-1] < 0.06 and shares[10:] == sorted(shares[10:], reverse=True)


def test_chosen_checkpoints_are_dense_where_the_score_jumps():
    steps = range(0, 4001, 50)
    curve = [
        {"step": step, "held_out_loss": 7 - step / 1000, "previous_token": [[0.1]], "pronoun_accuracy": 0.5,
         "induction": [[1 / (1 + np.exp(-(step - 1000) / 60))]]}
        for step in steps
    ]  # fmt: skip
    chosen = informative_steps(curve, 12)
    assert len(chosen) == 12 == len(set(chosen)) and chosen[0] == 0 and chosen[-1] == 4000
    assert sum(800 <= step <= 1200 for step in chosen) >= 4
