"""Heads that look for what came next: some raise its logit, some lower it, and of some models nothing can be said."""

import numpy as np
import pytest
import torch
import transformers

from attnviz.capture.direct_path import direct_effects
from attnviz.labels.copy_suppression import by_sign, copying
from attnviz.labels.probe_sets import SpecialTokens
from attnviz.labels.scores import count_hits
from attnviz.probes import repeats
from attnviz.traces import Head

from .planted import COPIES, SUPPRESSES, VOCABULARY, planted_lm, random_probes

LOOKING = [Head("decoder", *COPIES), Head("decoder", *SUPPRESSES)]


@pytest.fixture(scope="module")
def probes():
    drawn = repeats(range(2, VOCABULARY), 0, 24, split="test", seed=4, periods=(11, 16))
    return random_probes(drawn, SpecialTokens((0,), (), True))


def rows(confidence: str) -> list[dict]:
    return [{"label": "previous_token", "confidence": "low"}, {"label": "induction", "confidence": confidence}]


def labels(found: list[list[dict]]) -> list[tuple[str, str]]:
    return [(one["label"], one["confidence"]) for one in (head[1] for head in found)]


def test_two_heads_with_the_same_weights_are_told_apart_by_what_they_write(probes):
    model = planted_lm()
    heads, sums = count_hits(model.transformer, probes)
    weights = sums["induction"].hits.sum(0).reshape(2, 5)
    assert weights[COPIES] == pytest.approx(weights[SUPPRESSES]) and weights[COPIES] > 100
    asked = [rows("high") if head in LOOKING else [] for head in heads]
    found, copies = by_sign(asked, heads, model, [probes, probes])
    assert labels([head for head in found if head]) == [("induction", "high"), ("copy_suppression", "high")]
    known = ~np.isnan(copies).any(axis=1)
    assert [head for head, one in zip(heads, known) if one] == LOOKING
    assert (copies[known][0] > 0).all() and (copies[known][1] < 0).all()
    assert (copies[known][:, 1] <= copies[known][:, 0]).all() and (copies[known][:, 0] <= copies[known][:, 2]).all()


def test_what_another_family_does_not_show_is_not_high(probes):
    heads = [Head("decoder", layer, head) for layer in range(2) for head in range(5)]
    asked = [rows("high") if head == LOOKING[1] else [] for head in heads]
    found, _ = by_sign(asked, heads, planted_lm(), [probes, []])
    assert labels([head for head in found if head]) == [("copy_suppression", "medium")]


def test_without_a_language_model_head_nothing_is_said():
    asked = [rows("high")]
    found, copies = by_sign(asked, LOOKING[:1], None, [[], []])
    assert found == asked and copies is None


def test_an_effect_is_the_difference_that_the_head_makes_to_the_logits():
    """In the last layer of a model without feed-forward parts, taking the head out is all there is."""
    config = transformers.GPT2Config(vocab_size=50, n_embd=32, n_layer=1, n_head=4, n_positions=16)
    torch.manual_seed(0)
    model = transformers.GPT2LMHeadModel(config).double().eval().requires_grad_(False)
    model.transformer.h[0].mlp.c_proj.weight.zero_()
    model.transformer.h[0].mlp.c_proj.bias.zero_()
    ids = np.array([[1, 2, 3, 4, 5], [6, 7, 8, 9, 10]])
    found = direct_effects(model, ids, [Head("decoder", 0, 2)])[Head("decoder", 0, 2)]
    whole = model(torch.tensor(ids)).logits
    model.transformer.h[0].attn.c_proj.weight[16:24].zero_()
    lost = (whole - model(torch.tensor(ids)).logits).numpy()
    expected = np.take_along_axis(lost, np.broadcast_to(ids[:, None], (2, 5, 5)), axis=-1)
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("architecture, says", [("llama", True), ("gpt_neox", True), ("gemma2", False)])
def test_a_model_that_norms_what_attention_adds_is_left_alone(tiny_model, architecture, says):
    """Gemma 2 does: a head's output is then not what arrives in the residual stream."""
    module = tiny_model(architecture).module
    whole = type(module).__name__.replace("Model", "ForCausalLM")
    torch.manual_seed(0)
    model = getattr(transformers, whole)(module.config).eval().requires_grad_(False)
    assert (direct_effects(model, np.array([[5, 6, 7]]), [Head("decoder", 1, 0)]) is not None) == says


def test_no_repeats_are_no_answer():
    assert copying(None, [], LOOKING) is None
