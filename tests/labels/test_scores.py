"""Scores of planted heads in closed form, and of made-up weights counted by hand."""

from math import exp

import numpy as np
import pytest

from attnviz.capture.weights import LayerWeights
from attnviz.labels.probe_sets import SpecialTokens
from attnviz.labels.scores import Counts, count_hits, weight_of
from attnviz.labels.spec import control_of
from attnviz.labels.targets import (
    SINK_TOKENS,
    Probe,
    after_duplicates,
    at_offset,
    duplicates,
    earlier_pieces,
    marked,
    nearby,
    on_sink_tokens,
    word_choices,
)
from attnviz.probes import repeats

from .planted import (
    BERT_HEADS,
    DECOY_OFFSET,
    G_NOT_SELF,
    G_SINK,
    GPT2_HEADS,
    VOCABULARY,
    G,
    planted_bert,
    planted_gpt2,
    random_probes,
)

PERIOD = 16
N = 2 * PERIOD + 1
CAUSAL, BOTH = SpecialTokens((0,), (), True), SpecialTokens((0,), (1,), False)


def mean(counts: Counts) -> np.ndarray:
    return counts.hits.sum(0) / counts.rows.sum()


def probes_in(special_tokens: SpecialTokens) -> list[Probe]:
    drawn = repeats(range(2, VOCABULARY), 0, 6, split="test", seed=3, periods=(PERIOD,))
    return random_probes(drawn, special_tokens)


@pytest.fixture(scope="module")
def gpt2():
    heads, found = count_hits(planted_gpt2(), probes_in(CAUSAL))
    assert [str(head) for head in heads] == [f"L{layer}.H{head}" for layer in range(3) for head in range(5)]
    return {name: mean(counts).reshape(3, 5) for name, counts in found.items()}


@pytest.fixture(scope="module")
def bert():
    return {name: mean(counts).reshape(2, 5) for name, counts in count_hits(planted_bert(), probes_in(BOTH))[1].items()}


def average(terms) -> float:
    return float(np.mean(list(terms)))


def test_previous_and_current_token(gpt2):
    assert gpt2["previous_token"][0, 0] == pytest.approx(1, abs=1e-6)
    assert gpt2["current_token"][0, 4] == pytest.approx(average(exp(G) / (exp(G) + i) for i in range(1, N)), abs=1e-6)
    assert gpt2["previous_token"][0, 4] == pytest.approx(average(1 / (exp(G) + i) for i in range(2, N)), abs=1e-6)
    window = average(exp(G) / (3 * exp(G) + i - 2) for i in range(2, N))
    assert gpt2["previous_token"][1, 3] == pytest.approx(window, abs=1e-6)
    far = average(exp(G) / (exp(G) + i) for i in range(1 - DECOY_OFFSET, N))
    assert gpt2[f"offset:{DECOY_OFFSET}"][1, 1] == pytest.approx(far, abs=1e-6)


def test_sink_tokens_and_entropy(gpt2):
    assert gpt2[SINK_TOKENS][0, 2] == pytest.approx(average(exp(G) / (exp(G) + i) for i in range(1, N)), abs=1e-6)
    assert gpt2[SINK_TOKENS][0, 3] == pytest.approx(average(1 / (i + 1) for i in range(1, N)), abs=1e-6)
    assert gpt2["entropy"][2] == pytest.approx(1, abs=1e-6)
    assert gpt2["entropy"][0, 0] < 1e-6


def test_duplicate_and_induction(gpt2):
    second = range(PERIOD + 1, N)
    same = average(exp(G) / (exp(G) + exp(G_SINK) + i - 2 + exp(-G_NOT_SELF)) for i in second)
    assert gpt2["duplicate_token"][0, 1] == pytest.approx(same, abs=1e-6)
    after = average(exp(G) / (exp(G) + exp(G_SINK) + i - 1) for i in second)
    assert gpt2["induction"][1, 0] == pytest.approx(after, abs=1e-6)
    assert gpt2[control_of("induction")][1, 0] < 0.05
    decoy = average(exp(G) / (exp(G) + i) for i in second)
    for name in ("induction", control_of("induction")):
        assert gpt2[name][1, 1] == pytest.approx(decoy, abs=1e-6)


def test_two_jobs_are_what_their_tokens_say():
    probes = probes_in(CAUSAL)
    _, found = count_hits(planted_gpt2(), [probe for probe in probes if SINK_TOKENS in probe.targets])
    ids = np.array([probe.ids for probe in probes if SINK_TOKENS in probe.targets])[:, 2:]
    score, on_sink = mean(found["previous_token"])[7], mean(found[SINK_TOKENS])[7]
    assert score == pytest.approx((ids % 2 == 0).mean(), abs=0.02)
    assert score + on_sink == pytest.approx(1, abs=0.02)


def test_an_encoders_next_token_is_not_its_previous_one(bert):
    inside = 2 * PERIOD  # ordinary tokens; a row sees two more
    shared = exp(G) / (exp(G) + inside + 1)
    assert bert["next_token"][0, 0] == bert["previous_token"][0, 1] == pytest.approx(shared, abs=1e-6)
    assert bert["previous_token"][0, 0] == bert["next_token"][0, 1] == pytest.approx(shared / exp(G), abs=1e-6)
    assert bert["offset:+3"][0, 4] == pytest.approx(shared, abs=1e-6)
    assert bert["offset:-3"][0, 4] < 0.01
    both = exp(G) / (4 * exp(G) + inside - 2)
    middle = mean_of_window(both, inside)
    assert bert["local"][1, 1] == pytest.approx(middle, abs=1e-6)
    assert bert[SINK_TOKENS][0, 2] == pytest.approx((exp(G) + 1) / (exp(G) + inside + 1), abs=1e-6)


def mean_of_window(full: float, inside: int) -> float:
    """The weight of a head that looks two to either side, on ordinary tokens, its own included."""
    total = inside + 2
    rows = []
    for i in range(1, inside + 1):
        looked = [i + step for step in (-2, -1, 1, 2) if 0 <= i + step < total]
        even = total - len(looked)
        below = len(looked) * exp(G) + even
        ordinary = [j for j in range(i - 2, i + 3) if 1 <= j <= inside]
        rows.append(sum(exp(G) if j in looked else 1 for j in ordinary) / below)
    assert max(rows) == pytest.approx(full * 4 + 1 / (4 * exp(G) + total - 4), rel=1e-3)
    return average(rows)


@pytest.mark.parametrize("make, heads", [(planted_gpt2, GPT2_HEADS), (planted_bert, BERT_HEADS)])
def test_shuffled_heads_change_nothing_but_the_index(make, heads):
    """The previous-token head of GPT-2's type stays first in its place: induction reads what it writes."""
    special_tokens = CAUSAL if make is planted_gpt2 else BOTH
    order = [0, 3, 1, 4, 2]
    plain = count_hits(make(heads), probes_in(special_tokens)[:6])[1]
    shuffled = count_hits(make([[layer[head] for head in order] for layer in heads]), probes_in(special_tokens)[:6])[1]
    for name, counts in plain.items():
        moved = counts.hits.reshape(len(counts.hits), len(heads), 5)[:, :, order].reshape(counts.hits.shape)
        np.testing.assert_allclose(shuffled[name].hits, moved, atol=1e-9)


def test_swapped_layers_change_nothing_but_the_index():
    swapped = count_hits(planted_bert(BERT_HEADS[::-1]), probes_in(BOTH))[1]
    for name, counts in count_hits(planted_bert(), probes_in(BOTH))[1].items():
        np.testing.assert_allclose(swapped[name].hits, np.roll(counts.hits, 5, axis=1), atol=1e-6)


# --- which keys a label means, by hand ------------------------------------------------------------------------------


def pairs(target) -> list[tuple[int, int]]:
    return list(zip(target.queries.tolist(), target.keys.tolist()))


def test_targets_by_hand():
    inside = range(1, 5)  # [start, a, b, a, b, end]
    ids = [0, 7, 8, 7, 8, 1]
    assert pairs(at_offset(inside, -1)) == [(2, 1), (3, 2), (4, 3)]
    assert pairs(at_offset(inside, 1)) == [(1, 2), (2, 3), (3, 4)]
    assert pairs(duplicates(ids, inside, inside)) == [(3, 1), (4, 2)]
    assert pairs(after_duplicates(ids, inside, inside)) == [(3, 2), (4, 3)]
    assert pairs(nearby(range(1, 3), True)) == [(1, 1), (2, 1), (2, 2)]
    assert pairs(nearby(range(1, 3), False)) == [(1, 1), (1, 2), (2, 1), (2, 2)]
    assert pairs(on_sink_tokens(4, range(1, 3), True)) == [(1, 0), (2, 0)]
    assert pairs(on_sink_tokens(4, range(1, 3), False)) == [(1, 0), (1, 3), (2, 0), (2, 3)]
    assert pairs(marked([False, True, False, True], range(1, 4), True)) == [(2, 1), (3, 1)]
    assert pairs(marked([False, True, False, True], range(1, 4), False)) == [(1, 3), (2, 1), (2, 3), (3, 1)]
    inner, control = earlier_pieces([None, 0, 0, 0, 1, 2, 2, None])
    assert pairs(inner) == [(2, 1), (3, 1), (3, 2), (6, 5)] and pairs(control) == [(4, 1), (4, 2), (4, 3), (5, 4)]
    assert inner.n_rows() == 3


def test_choices_by_hand(monkeypatch):
    """Words a, b (two tokens), c behind a start token; b asks, c asks; every weight is written down."""
    weights = np.array(
        [
            [1, 0, 0, 0, 0],
            [0.5, 0.3, 0, 0, 0.2],
            [0.4, 0.4, 0.2, 0, 0],
            [0.1, 0.6, 0.2, 0.1, 0],
            [0.5, 0.2, 0.2, 0.1, 0],
        ]
    )[None]
    words = [[1], [2, 3], [4]]
    questions = [("x", 1, [0], None), ("x", 2, [0], None), ("y", 2, [1], None), ("z", 0, [1], None)]
    for causal, hits, shares in (
        # c: a has 0.2, b has 0.3. The first word sees none: z is not asked, nor x of b, whose choice is from one.
        (True, {"x": 0, "y": 1}, {"x": 0.2 / 0.5, "y": 0.3 / 0.5}),
        # b reads the mean of its rows, where c has nothing; a gives b nothing.
        (False, {"x": 1, "y": 1, "z": 0}, {"x": 1 + 0.2 / 0.5, "y": 0.3 / 0.5, "z": 0}),
    ):
        probe = Probe(0, (0, 1, 2, 3, 4), {}, word_choices(words, questions, 5, causal))
        visible = np.tri(5, dtype=bool) if causal else np.ones((5, 5), dtype=bool)
        layer = LayerWeights("decoder" if causal else "encoder", 0, weights[None], weights[None], visible[None])
        monkeypatch.setattr("attnviz.labels.scores.reduce_weights", lambda module, rows, do, layer=layer: [do(layer)])
        _, found = count_hits(None, [probe])
        assert {name: counts.hits.item() for name, counts in found.items() if not name.startswith("weight of")} == hits
        for name, share in shares.items():
            assert found[weight_of(name)].hits.item() == pytest.approx(share)
        assert found["y"].even.item() == pytest.approx(0.5)


def test_progress_counts_tokens_and_can_end_the_work():
    seen = []
    probes = probes_in(CAUSAL)
    count_hits(planted_gpt2(), probes, lambda done, total: seen.append((done, total)))
    assert seen[-1][0] == seen[-1][1] == sum(len(probe.ids) for probe in probes)
    assert len(seen) > 1 and seen == sorted(seen)

    def stop(done, total):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        count_hits(planted_gpt2(), probes, stop)
