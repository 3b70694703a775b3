"""What is asked of which tokens, and what the rules would answer."""

import numpy as np
import pytest

from attnviz.labels.definitions.coreference import on_mentions
from attnviz.labels.probe_sets import (
    gold_probes,
    passage_probes,
    random_chunks,
    sentence_probes,
    special_tokens_of,
    text_chunks,
)
from attnviz.labels.statistics import best_rules, follow, rule_hits
from attnviz.labels.targets import Probe, word_choices
from attnviz.models.loading import load_model
from attnviz.probes import dependency_sentences, pronoun_sentences


@pytest.fixture(scope="module", params=["tiny-gpt", "tiny-bert"])
def reader(request):
    """A tokenizer and its frame."""
    model = load_model(request.param)
    return model.tokenizer, special_tokens_of(model.tokenizer, request.param == "tiny-gpt", model.limit)


def words_of(tokenizer, probe: Probe, row: np.ndarray) -> list[str]:
    """The words that a row of candidates or answers marks, as text."""
    members = [np.flatnonzero(tokens) for tokens in probe.word_choice.words[row]]
    return [tokenizer.decode([probe.ids[token] for token in tokens]).strip().lower() for tokens in members]


def test_a_pronouns_question_is_about_the_right_words(reader):
    tokenizer, special_tokens = reader
    sentences = pronoun_sentences(40, split="test", seed=1)
    probes = sentence_probes(tokenizer, special_tokens, sentences, [on_mentions(sentence) for sentence in sentences])
    assert len(probes) > 20
    for probe in probes:
        sentence = sentences[probe.unit]
        assert words_of(tokenizer, probe, probe.word_choice.correct[0]) == [sentence.words[sentence.antecedent].lower()]
        assert len(words_of(tokenizer, probe, probe.word_choice.candidates[0])) > 1
        assert probe.word_choice.positions[0] == sentence.pronoun
        assert probe.word_choice.reads[0].sum() == pytest.approx(1)


def test_a_decoder_is_asked_about_earlier_words_only(reader):
    tokenizer, special_tokens = reader
    for probe in gold_probes(tokenizer, special_tokens, "test", 1)[:50]:
        rows, words = np.nonzero(probe.word_choice.correct)
        assert not special_tokens.causal or (words < probe.word_choice.positions[rows]).all()
        assert (probe.word_choice.correct <= probe.word_choice.candidates).all()
        assert (probe.word_choice.candidates <= probe.word_choice.visible).all()


def test_probes_fit_the_model(reader):
    tokenizer, special_tokens = reader
    texts = [sentence.text for sentence in dependency_sentences(100, split="test", seed=1)]
    short = type(special_tokens)(special_tokens.before, special_tokens.after, special_tokens.causal, limit=40)
    for probe in passage_probes(tokenizer, short, texts):
        assert len(probe.ids) <= 40 and probe.ids[: len(special_tokens.before)] == special_tokens.before
    for chunks in (random_chunks(tokenizer, short, 1), text_chunks(tokenizer, short, texts)):
        assert chunks and all(len(one) == len(other) <= 19 for one, other in chunks)
    assert random_chunks(tokenizer, type(special_tokens)((0,), (), True, limit=20), 1) == []


def test_rules_by_hand():
    """Four words of a token each; word 3 asks for word 0 among 0 and 2, word 2 for word 1 among all."""
    word_choice = word_choices(
        [[0], [1], [2], [3]], [("coreference", 3, [0], [0, 2]), ("syntactic:obj:to_head", 2, [1], None)], 4, True
    )
    assert follow("first", word_choice).tolist() == [True, False]
    assert follow("nearest", word_choice).tolist() == [False, True]
    assert follow(-1, word_choice).tolist() == [False, True]
    assert follow(-3, word_choice).tolist() == [True, False]
    assert follow(5, word_choice).tolist() == [False, False]
    chosen = best_rules([Probe(0, (1, 2, 3, 4), word_choice=word_choice)])
    assert chosen == {"coreference": "first", "syntactic:obj:to_head": -1}
    hits = rule_hits([Probe(1, (1, 2, 3, 4), word_choice=word_choice)], chosen)
    assert {name: counts.tolist() for name, counts in hits.items()} == {name: [0, 1] for name in chosen}
