"""A breakdown of one weight must add up: its parts sum to its score, its row to one, and nothing is left out unsaid."""

import math

import numpy as np
import pytest

from attnviz.core.attention import attention, attention_from_scores, causal_mask
from attnviz.figures.weight_breakdown import BARS, breakdown_charts

rng = np.random.default_rng(3)
N, D = 20, 16
Q, K, V = (rng.normal(size=(N, D)) for _ in range(3))
KEYS = ["the", "<b>"] * (N // 2)


def breakdown(cell, **options):
    stages = attention(Q, K, V, scale=0.25, **options)
    return stages, breakdown_charts(stages, Q, K, V, cell, KEYS)


def test_dimensions_sum_to_the_score_and_rows_to_one():
    stages, (dimensions, steps, row, carried) = breakdown((7, 4))
    assert sum(dimensions.data[0].x) == pytest.approx(stages.scores[7, 4])
    assert list(steps.data[0].x) == pytest.approx([stages.scores[7, 4], stages.scaled[7, 4]])
    assert sum(row.data[0].x) == pytest.approx(1)
    assert sum(carried.data[0].x) == pytest.approx((stages.weights[7] * np.linalg.norm(V, axis=-1)).sum())


@pytest.mark.parametrize("key", range(N))
def test_the_chosen_key_is_always_shown_and_the_rest_is_counted(key):
    stages, (_, _, row, _) = breakdown((0, key))
    bars = dict(zip(row.data[0].customdata, row.data[0].x, strict=True))
    name = ["the", "&lt;b&gt;"][key % 2] + f" {key}"
    assert bars[name] == stages.weights[0, key]
    assert len(bars) == BARS + 1 and f"{N - BARS} others" in bars


def test_a_masked_cell_ends_out_of_reach():
    _, (_, steps, row, _) = breakdown((3, 9), mask=causal_mask(N))
    assert steps.data[0].customdata[-1] == "+ mask = −∞"
    assert all(math.isfinite(value) for value in steps.data[0].x)
    assert dict(zip(row.data[0].customdata, row.data[0].x))["&lt;b&gt; 9"] == 0


def test_bias_and_cap_are_a_step_of_their_own():
    _, (_, steps, _, _) = breakdown((3, 2), bias=np.full((N, N), 0.5), softcap=5.0)
    assert list(steps.data[0].customdata) == ["q · k", "scaled", "+ bias, cap"]


def test_without_queries_the_breakdown_starts_at_the_score():
    """Some models' queries and keys cannot be known: what is known is told all the same."""
    scores = np.where(causal_mask(N), Q @ K.T, -math.inf)
    charts = breakdown_charts(attention_from_scores(scores, V), None, None, V, (7, 4), KEYS)
    assert [chart.layout.title.text for chart in charts] == ["Score by step", "Row after softmax", "What it carries"]
    assert list(charts[0].data[0].customdata) == ["score"] and list(charts[0].data[0].x) == [scores[7, 4]]
