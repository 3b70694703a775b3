"""Planted models get the planted labels and no others, untrained ones get none, and intervals hold what they say."""

from functools import cache

import numpy as np
import pytest
import torch
import transformers

from attnviz.labels.decide import measured, verdicts
from attnviz.labels.definitions import LABELS
from attnviz.labels.evaluate import ProbeSets, evaluate_on, label_heads, make_probe_sets
from attnviz.labels.probe_sets import SpecialTokens
from attnviz.labels.results import COLUMNS
from attnviz.labels.scores import Counts, count_hits
from attnviz.labels.statistics import false_discovery, interval, sign_flip_p
from attnviz.models.loading import LoadedModel, load_model
from attnviz.probes import repeats
from tests.rotation import rotated

from .planted import (
    BERT_HEADS,
    CODES,
    D_MODEL,
    DECOY_OFFSET,
    GPT2_HEADS,
    VOCABULARY,
    WIDTH,
    duplicate,
    offset,
    planted_bert,
    planted_gpt2,
    random_probes,
    two_jobs,
)

SURE = ("medium", "high")
PERIODS = (11, 16, 23)  # the decoy's offset is right in every third repeat


def verdicts_on(module, special_tokens: SpecialTokens) -> list[list[dict]]:
    """The verdicts of a model without a tokenizer, on random tokens."""
    families = []
    for seed in (1, 2):
        drawn = repeats(range(2, VOCABULARY), 0, 48, split="test", seed=seed, periods=PERIODS)
        heads, found = count_hits(module, random_probes(drawn, special_tokens))
        families.append(measured(found, {}))
    return verdicts(*families, len(heads))


@pytest.fixture(scope="module")
def gpt2():
    return verdicts_on(planted_gpt2(), SpecialTokens((0,), (), True))


def named(found: list[dict], *confidences: str) -> set[str]:
    return {row["label"] for row in found if row["confidence"] in confidences}


def test_a_planted_decoder_gets_exactly_its_labels(gpt2):
    for found, (_, planted) in zip(gpt2, (head for layer in GPT2_HEADS for head in layer), strict=True):
        assert named(found, *SURE) == planted == named(found, "high")


def test_decoys_are_told_apart(gpt2):
    """A fixed way back scores as induction where the period fits it: so it does in the control."""
    far_back, two_jobs, window = gpt2[6], gpt2[7], gpt2[8]
    assert named(far_back, *SURE) == {f"offset:{DECOY_OFFSET}"}
    assert next(row["score"] for row in two_jobs if row["label"] == "previous_token") < 0.7
    assert "previous_token" not in named(window, "low", *SURE)


def test_a_planted_encoder_gets_exactly_its_labels():
    found = verdicts_on(planted_bert(), SpecialTokens((0,), (1,), False))
    for rows, (_, planted) in zip(found, (head for layer in BERT_HEADS for head in layer), strict=True):
        assert named(rows, *SURE) == planted


@pytest.mark.parametrize("architecture", ["gemma2", "gpt_neo"])
def test_a_uniform_head_in_a_narrow_window_is_not_taken_for_a_local_one(architecture):
    """Where layers let a row look at its last three keys only, every head would be called local for what its layer is.

    The first layer of two has the window; no head looks at anything in particular. Either route of capture is taken.
    """
    size = {"vocab_size": VOCABULARY, "hidden_size": 16, "intermediate_size": 8, "max_position_embeddings": 64}
    if architecture == "gemma2":
        config = transformers.Gemma2Config(
            **size, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1, head_dim=8, sliding_window=3,
            layer_types=["sliding_attention", "full_attention"],
        )  # fmt: skip
    else:
        config = transformers.GPTNeoConfig(
            **size, num_layers=2, num_heads=2, window_size=3, attention_types=[[["local", "global"], 1]]
        )
    module = transformers.AutoModel.from_config(config).eval().requires_grad_(False)
    for name, parameter in module.named_parameters():
        if "q_proj" in name:
            parameter.zero_()
    special_tokens = SpecialTokens((0,), (), True)
    drawn = repeats(range(2, VOCABULARY), 0, 2, split="test", seed=1, periods=(16,))
    _, found = count_hits(module, random_probes(drawn, special_tokens))
    local = found["local"]
    np.testing.assert_allclose(local.hits, np.broadcast_to(local.even, local.hits.shape), rtol=1e-5)
    assert (local.hits[:, :2] > 0.9 * local.rows[:, None]).all() and (
        local.hits[:, 2:] < 0.4 * local.rows[:, None]
    ).all()
    np.testing.assert_allclose(found["entropy"].hits / found["entropy"].rows[:, None], 1, rtol=1e-5)
    assert not any(verdicts_on(module, special_tokens))


def test_a_head_that_is_no_better_than_its_control_stays_low():
    """The scores alone would do: 0.9 of the weight, ten times what uniform weights give."""
    rows = np.full(30, 10.0)
    even = rows[:, None] * 0.05
    counts = Counts(np.full((30, 2), 9.0), rows, even)
    control = Counts(np.column_stack([np.full(30, 9.0), np.full(30, 1.0)]), rows, even)
    first = measured({"induction": counts, "control of induction": control}, {})
    found = verdicts(first, first, 2)
    assert named(found[0], "low") == {"induction"} == named(found[1], "high")
    assert named(verdicts(first, {}, 2)[1], "medium") == {"induction"}  # no second family has it


def test_a_choice_must_beat_the_best_rule_by_ten_points():
    rng = np.random.default_rng(0)
    rows = np.full(300, 2.0)
    hits = rng.binomial(2, [0.5, 0.75], size=(300, 2)).astype(float)
    even = rows[:, None] * 0.2
    weight = Counts(np.full((300, 2), 1.4), rows, even)
    name = "syntactic:obj:to_head"
    sums = {name: Counts(hits, rows, even), f"weight of {name}": weight}
    rule = rng.binomial(2, 0.5, size=300)
    first = measured(sums, {name: rule})
    (none, found) = verdicts(first, first, 2)
    assert none == [] and named(found, "high") == {name}
    assert found[0].keys() == set(COLUMNS) and found[0]["baseline"] == pytest.approx(rule.sum() / 600)
    flat = sums | {f"weight of {name}": Counts(np.full((300, 2), 0.5), rows, even)}
    assert verdicts(measured(flat, {name: rule}), first, 2) == [[], []]


def test_too_few_rows_say_nothing():
    counts = Counts(np.full((10, 1), 20.0), np.full(10, 20.0), np.ones((10, 1)))
    assert measured({"previous_token": counts}, {}) == {}


def test_every_label_has_a_threshold_with_a_reason():
    assert all(spec.criterion.reason and spec.criterion.margin > 0 for spec in LABELS.values())


def test_sign_flips_by_hand():
    """All of eight differences positive: one pattern of signs in 256 gives as much."""
    rng = np.random.default_rng(0)
    p = sign_flip_p(np.column_stack([np.ones(8), np.zeros(8), -np.ones(8)]), rng)
    assert p[0] == pytest.approx(1 / 256, rel=0.2) and p[1] == p[2] == 1
    np.testing.assert_allclose(false_discovery(np.array([0.01, 0.02, 0.9])), [0.03, 0.03, 0.9])


@pytest.mark.ci
def test_intervals_hold_the_true_score_of_planted_heads():
    """A head with two jobs, and heads whose weights are noisy: their scores vary from sequence to sequence.

    A pool of sequences is the population, its mean the truth; 2,000 sets of 64 are drawn from it.
    """
    drawn = repeats(range(2, VOCABULARY), 0, 1500, split="test", seed=9, periods=PERIODS)
    _, found = count_hits(noisy_gpt2(), random_probes(drawn, SpecialTokens((0,), (), True)))
    rng = np.random.default_rng(5)
    for label, heads in (("previous_token", [1, 2, 3]), ("duplicate_token", [4])):
        pool = Counts(found[label].hits[:, heads].astype(float), found[label].rows, found[label].even)
        true = pool.hits.sum(0) / pool.rows.sum()
        assert (np.std(pool.hits / pool.rows[:, None], axis=0) > 0.03).all() and true.min() > 0.02
        inside = np.zeros(len(heads))
        for _ in range(2000):
            chosen = rng.integers(len(pool.rows), size=64)
            low, high = interval(Counts(pool.hits[chosen], pool.rows[chosen], pool.even[chosen]))
            inside += (low <= true) & (true <= high)
        assert (inside / 2000 >= 0.92).all() and (inside / 2000 <= 0.97).all(), (label, inside / 2000)


def noisy_gpt2() -> transformers.GPT2Model:
    """One layer: previous token, a head with two jobs, and three heads with Gaussian noise on queries and keys."""
    heads = [offset(-1, gain=30), two_jobs(), offset(-1), offset(-1, gain=14), duplicate()]
    model = planted_gpt2([[(head, set()) for head in heads]])
    noise = torch.Generator().manual_seed(3)
    weight = model.h[0].attn.c_attn.weight
    for side in (0, D_MODEL):
        part = weight[:CODES, side + 2 * WIDTH : side + len(heads) * WIDTH]
        part += 0.2 * torch.randn(part.shape, generator=noise, dtype=part.dtype)
    return model


# --- models with a tokenizer ------------------------------------------------------------------------------------------

SHAPES = {
    "gpt2": lambda size: transformers.GPT2Config(vocab_size=size, n_embd=64, n_layer=4, n_head=4, n_positions=128),
    "bert": lambda size: transformers.BertConfig(
        vocab_size=size, hidden_size=64, num_hidden_layers=4, num_attention_heads=4, intermediate_size=256
    ),
    "llama": lambda size: transformers.LlamaConfig(
        vocab_size=size, hidden_size=64, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=2,
        intermediate_size=128,
    ),
}  # fmt: skip


def untrained(shape: str, seed: int) -> LoadedModel:
    """A model of the shape as it starts, with the tokenizer of a bundled one."""
    bundled = load_model("tiny-bert" if shape == "bert" else "tiny-gpt")
    config = SHAPES[shape](len(bundled.tokenizer))
    torch.manual_seed(seed)
    module = transformers.AutoModel.from_config(config).eval().requires_grad_(False)
    return LoadedModel(module, bundled.tokenizer, shape, "", shape, "cpu", 128)


@cache
def probe_sets_of(tokenizer: str) -> ProbeSets:
    """What any model with this one's tokenizer is asked: no weight matters."""
    return make_probe_sets(untrained("bert" if tokenizer == "tiny-bert" else "gpt2", 0))


@pytest.mark.parametrize("shape, seed", rotated((shape, seed) for shape in SHAPES for seed in range(20)))
def test_an_untrained_model_gets_almost_no_labels(shape, seed):
    """One of its 16 heads at most: a label that random weights earn says nothing of trained ones."""
    found = evaluate_on(untrained(shape, seed), probe_sets_of("tiny-bert" if shape == "bert" else "tiny-gpt")).found
    assert sum(bool(named(rows, *SURE)) for rows in found) <= 1


@pytest.mark.ci
@pytest.mark.parametrize(
    "name, heads",
    [
        ("tiny-gpt", {(0, 0): "previous_token", (1, 1): "induction", (2, 0): "coreference"}),
        ("tiny-bert", {(1, 0): "previous_token", (1, 3): "next_token", (2, 3): "coreference"}),
    ],
)
def test_the_heads_that_the_cards_name_are_found(name, heads):
    table = label_heads(load_model(name))
    sure = table[table.confidence.isin(SURE)].groupby(["layer", "head"]).label.agg(set)
    assert all(label in sure[address] for address, label in heads.items())
    assert len(table.groupby(["layer", "head"])) == 16 and table.label.isna().any()
