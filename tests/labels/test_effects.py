"""Ablating a head: in planted circuits what must happen happens, and what is asked is what the docs say is asked."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import tokenizers
import torch
import transformers

from attnviz.capture.ablation import head_means, intervened
from attnviz.labels.effects import (
    INTACT,
    NO_CLAIM,
    Ablation,
    as_inputs,
    batches,
    in_company,
    measure,
    pair_questions,
    repeat_questions,
    trials_of,
    with_effects,
)
from attnviz.labels.probe_sets import SpecialTokens
from attnviz.labels.results import LabelResults
from attnviz.models.loading import LoadedModel, load_model
from attnviz.probes import agreement_pairs, pronoun_sentences, repeats
from attnviz.traces import Head

from .planted import GPT2_HEADS, N_HEADS, POSITIONS, VOCABULARY, induction, planted_language_model

PREVIOUS, INDUCTION, DECOY = (Head("decoder", *place) for place in ((0, 0), (1, 0), (1, 4)))
KEYS = {"task", "metric", "base", "mean", "resample", "random_low", "random_high", "n"}


@pytest.fixture(scope="module")
def planted() -> LoadedModel:
    """L1.H4 looks just where the induction head looks, and writes nothing."""
    heads = [GPT2_HEADS[0], [*GPT2_HEADS[1][:4], (induction(), {"induction"})], GPT2_HEADS[2]]
    module = planted_language_model(heads).float()
    words = ["<s>", "<unk>", "the", *(f"w{number}" for number in range(3, VOCABULARY))]
    model = tokenizers.models.WordLevel({word: number for number, word in enumerate(words)}, unk_token="<unk>")
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizers.Tokenizer(model), bos_token="<s>", unk_token="<unk>"
    )
    return LoadedModel(module.transformer, tokenizer, "planted", "", "gpt2", "cpu", POSITIONS, module)


def labelled(found: dict[Head, list[tuple[str, str]]], n_layers: int = 3, n_heads: int = N_HEADS, kind="decoder"):
    """Label results by head: (label, confidence)."""
    heads = tuple(Head(kind, layer, head) for layer in range(n_layers) for head in range(n_heads))
    rows = [
        [{"label": label, "confidence": sure, "effect": None} for label, sure in found.get(head, [])] for head in heads
    ]
    shares = np.zeros(len(heads))
    return LabelResults("planted", "", {}, heads, shares, shares, {}, rows, [])


def effects_in(results: LabelResults) -> dict[tuple[Head, str], dict]:
    return {(head, row["label"]): row["effect"] for head, rows in zip(results.heads, results.found) for row in rows}


def test_the_planted_circuit_falls_apart_and_a_decoy_is_not_missed(planted):
    given = labelled(
        {
            PREVIOUS: [("previous_token", "high"), ("local", "high")],
            INDUCTION: [("induction", "medium")],
            DECOY: [("induction", "medium")],
        }
    )
    progress: list[tuple[int, int]] = []
    results = with_effects(planted, given, lambda done, total: progress.append((done, total)))
    found, said = effects_in(results), results.effects
    for head, label in ((PREVIOUS, "previous_token"), (INDUCTION, "induction")):
        effect = found[head, label]
        assert effect.keys() == KEYS and effect["base"] < 0.2 and effect["n"] == 65
        assert min(effect["mean"], effect["resample"]) > effect["base"] + 3
    decoy = found[DECOY, "induction"]
    assert [decoy[key] for key in ("mean", "resample", "random_low", "random_high")] == pytest.approx(
        [decoy["base"]] * 4
    )
    both = said["together"]["induction"]
    assert both["heads"] == ["L1.H0", "L1.H4"] and both["mean"] == pytest.approx(found[INDUCTION, "induction"]["mean"])
    assert both["random_high"] == pytest.approx(both["base"]) and said["together"].keys() == {"induction"}
    assert found[PREVIOUS, "local"] is None
    assert said["unmeasured"] == {"local": NO_CLAIM} and said["reason"] is None
    assert not any(effects_in(given).values()) and given.effects is None  # what was given stays
    assert json.loads(json.dumps(results.json())) == results.json() and results.json()["effects"] == said
    done, totals = zip(*progress)
    assert list(done) == sorted(done) and set(totals) == {done[-1]}


def test_zeros_by_hand(planted):
    """Without the induction head the planted model says all tokens alike: the loss is ln V."""
    drawn = repeats(range(2, VOCABULARY), 0, 4, split="test", seed=1, periods=(12,))
    questions = repeat_questions([(one.ids[1:13], ()) for one in drawn], SpecialTokens((0,), (), True), None)
    module = planted.language_model
    zeros = {head: np.zeros(1) for head in (PREVIOUS, INDUCTION, DECOY)}
    ablations = [Ablation(frozenset({head}), "mean") for head in zeros]
    metric = measure(module, questions, ablations, zeros)
    assert metric[ablations[1]] == pytest.approx(math.log(VOCABULARY), abs=1e-6)
    assert metric[ablations[2]] == pytest.approx(metric[INTACT], abs=1e-9)
    logs = module(**as_inputs(questions, "cpu")).logits.log_softmax(-1)
    ids = torch.tensor([question.ids for question in questions])
    by_hand = -logs[:, 13:24].gather(2, ids[:, 14:25, None]).mean()
    assert metric[INTACT] == pytest.approx(float(by_hand), abs=1e-6)


def test_a_resample_comes_from_another_text_of_the_same_length(planted):
    """From a text to itself nothing would change; here every text gets its neighbour's head."""
    drawn = repeats(range(2, VOCABULARY), 0, 2, split="test", seed=1, periods=(12,))
    questions = repeat_questions([(one.ids[1:13], ()) for one in drawn], SpecialTokens((0,), (), True), None)
    ablation = Ablation(frozenset({INDUCTION}), "resample")
    metric = measure(planted.language_model, questions, [ablation], {})
    with intervened(planted.module, {INDUCTION: lambda output: output.flip(0)}) as run:
        hidden = run(**as_inputs(questions, "cpu"))[0]
    logs = planted.language_model.lm_head(hidden).log_softmax(-1)
    ids = torch.tensor([question.ids for question in questions])
    assert metric[ablation] == pytest.approx(float(-logs[:, 13:24].gather(2, ids[:, 14:25, None]).mean()), rel=1e-5)
    assert metric[ablation] > metric[INTACT] + 3


def test_controls_are_other_heads_of_the_same_layers():
    sure = {Head("decoder", 1, 0): "high", Head("decoder", 1, 1): "medium", Head("decoder", 1, 2): "low"}
    given = labelled({head: [("induction", one)] for head, one in sure.items()}, n_layers=2, n_heads=4)
    rows = dict(zip(given.heads, given.found))
    *single, both = trials_of("induction", rows)
    assert [sorted(trial.heads) for trial in single] == [[Head("decoder", 1, head)] for head in range(3)]
    assert all(trial.controls == (frozenset({Head("decoder", 1, 3)}),) for trial in single)
    assert both.heads == {Head("decoder", 1, 0), Head("decoder", 1, 1)}  # the uncertain one is left out
    assert 1 < len(both.controls) == len(set(both.controls)) <= 4
    for control in both.controls:  # the layer has one more head, and the other comes from the layer next to it
        assert len(control) == 2 and Head("decoder", 1, 3) in control
    full = {head: [{"label": "induction", "confidence": "high"}] for head in rows}
    assert all(trial.controls == () for trial in trials_of("induction", full))


def test_a_model_that_predicts_nothing_gets_a_reason(planted):
    results = with_effects(replace(planted, language_model=None), labelled({INDUCTION: [("induction", "high")]}))
    assert "no language-model head" in results.effects["reason"]
    assert effects_in(results) == {(INDUCTION, "induction"): None} and results.effects["together"] == {}


def test_an_ability_that_is_not_there_cannot_be_taken_away(planted):
    """An output layer of zeros guesses; its words are no pronouns either."""
    dull = planted_language_model(gain=0.0).float()
    model = replace(planted, module=dull.transformer, language_model=dull)
    results = with_effects(model, labelled({INDUCTION: [("induction", "high"), ("coreference", "high")]}))
    assert not any(effects_in(results).values()) and results.effects["reason"] is None
    assert "does not do this itself" in results.effects["unmeasured"]["induction"]
    assert "do not fit" in results.effects["unmeasured"]["coreference"]


def test_batches_are_of_one_length_and_never_of_one():
    special_tokens = SpecialTokens((0,), (), True)
    drawn = repeats(range(2, 200), 0, 61, split="test", seed=1, periods=(12, 48, 60))
    questions = repeat_questions(
        [(one.ids[1 : one.period + 1], ()) for one in drawn] + [(range(2, 9), ())], special_tokens, None
    )
    kept = in_company(questions)
    assert len(kept) == 61
    parts = list(batches(kept))
    assert sorted(map(id, kept)) == sorted(id(question) for part in parts for question in part)
    assert all(len(part) > 1 and len({len(question.ids) for question in part}) == 1 for part in parts)


# --- what is asked of bundled models ----------------------------------------------------------------------------------


def test_a_decoder_is_asked_after_all_that_stands_before():
    tokenizer = load_model("tiny-gpt").tokenizer
    special_tokens = SpecialTokens((tokenizer.bos_token_id,), (), True, 128)
    pairs = [(one.text, one.with_wrong_pronoun()) for one in pronoun_sentences(20, split="test", seed=1)]
    questions = pair_questions(tokenizer, pairs, special_tokens, None)
    assert len(questions) > 15
    for question in questions:
        assert question.places == (len(question.ids) - 1,)
        right, wrong = (tokenizer.decode([*question.ids[1:], *ids]).strip() for ids in (question.right, question.wrong))
        assert any(one.startswith(right) and other.startswith(wrong) for one, other in pairs)


def test_an_encoder_is_asked_behind_masks():
    tokenizer = load_model("tiny-bert").tokenizer
    mask = tokenizer.mask_token_id
    special_tokens = SpecialTokens((tokenizer.cls_token_id,), (tokenizer.sep_token_id,), False, 128)
    pairs = [(one.text, one.wrong) for one in agreement_pairs(20, split="test", seed=1)]
    for question in pair_questions(tokenizer, pairs, special_tokens, mask):
        (place,) = question.places
        assert (
            question.ids[place] == mask
            and question.ids.count(mask) == 1
            and question.ids[-1] == special_tokens.after[0]
        )
        forms = {tokenizer.decode([number]).strip() for number in (*question.right, *question.wrong)}
        assert forms in ({"is", "are"}, {"was", "were"})
    chunk = tuple(range(10, 34))
    (question,) = repeat_questions([(chunk, ())], special_tokens, mask)
    assert question.ids[1:25] == chunk and question.ids.count(mask) == len(question.places) == 4
    assert all(place > 24 and chunk[place - 25] == right for place, right in zip(question.places, question.right))


@pytest.mark.ci
@pytest.mark.parametrize(
    "name, head, label",
    [
        ("tiny-gpt", Head("decoder", 1, 1), "induction"),
        ("tiny-gpt", Head("decoder", 2, 0), "coreference"),
        ("tiny-bert", Head("encoder", 2, 3), "coreference"),
    ],
)
def test_the_heads_that_the_cards_name_matter(name, head, label):
    """Three times as much as any other head of their layer; in tiny-gpt one of these is an induction head too."""
    given = labelled({head: [(label, "high")]}, 4, 4, head.kind)
    effect = effects_in(with_effects(load_model(name), given))[head, label]
    changes = {key: abs(effect[key] - effect["base"]) for key in ("mean", "resample", "random_low", "random_high")}
    assert min(changes["mean"], changes["resample"]) > max(1, 3 * changes["random_low"], 3 * changes["random_high"])


def test_means_come_from_other_texts(planted):
    """A mean of the very texts that are asked about would leak what they share."""
    from attnviz.labels import effects as module

    special_tokens = SpecialTokens((0,), (), True, POSITIONS)
    questions, reference = (
        module._questions(module.REPEATS, planted.tokenizer, special_tokens, split) for split in ("test", "train")
    )
    assert not {one.ids for one in questions} & {one.ids for one in reference}
    means = head_means(planted.language_model, (as_inputs(part, "cpu") for part in batches(reference)))
    assert means.keys() == {Head("decoder", layer, head) for layer in range(3) for head in range(N_HEADS)}
