"""A head that goes from a noun to the name it stands for gets its label, and those that take a short way do not."""

import numpy as np
import pytest

from attnviz.labels.corpora import parse
from attnviz.labels.decide import measured, verdicts
from attnviz.labels.definitions.coreference import COREFERENCE, NOMINAL
from attnviz.labels.probe_sets import coreference_probes, gold_probes, special_tokens_of
from attnviz.labels.scores import count_hits
from attnviz.labels.statistics import best_rules, rule_hits
from attnviz.models.loading import load_model
from attnviz.probes import mention_sentences, pronoun_sentences

from .planted import (
    coreferent,
    duplicate,
    empty,
    gold_texts,
    of_class,
    offset,
    planted_bert,
    planted_gpt2,
    planted_tokenizer,
)

CALLED, NAMES = range(18, 34), range(2, 18)
HEADS = {
    "previous": offset(-1),
    "nearest name": of_class(CALLED, NAMES, -1),
    "same word": duplicate(),
    "coreferent": coreferent(),
    "uniform": empty(),
}


@pytest.mark.parametrize("causal", [True, False], ids=["decoder", "encoder"])
def test_only_the_head_that_knows_who_is_meant_gets_the_label(causal):
    """Nearest name and same word are what a sceptic would say: they must stay without the label."""
    module = (planted_gpt2 if causal else planted_bert)([[(head, set()) for head in HEADS.values()]])
    tokenizer = planted_tokenizer(causal)
    special_tokens = special_tokens_of(tokenizer, causal, 64)
    probes = [
        coreference_probes(tokenizer, special_tokens, parse(gold_texts(150, seed)[0].encode(), "s").texts)
        for seed in (1, 2, 3)
    ]
    rules = best_rules(probes[0])
    families = []
    for one in probes[1:]:
        heads, sums = count_hits(module, one)
        families.append(measured(sums, rule_hits(one, rules)))
    found = verdicts(*families, len(heads))
    given = {name: {(row["label"], row["confidence"]) for row in rows} for name, rows in zip(HEADS, found, strict=True)}
    assert given == {name: set() for name in HEADS} | {"coreferent": {(NOMINAL, "high")}}
    scores = dict(zip(HEADS, families[0][NOMINAL].score, strict=True))
    assert scores["coreferent"] == 1 and scores["nearest name"] == pytest.approx(np.mean(gold_texts(150, 2)[1]))


@pytest.mark.parametrize("name", ["tiny-gpt", "tiny-bert"])
def test_pronouns_and_nouns_are_asked_apart(name):
    """Rows of both in one score would hide a head that does one of them."""
    model = load_model(name)
    special_tokens = special_tokens_of(model.tokenizer, name == "tiny-gpt", model.limit)
    for make, label in ((pronoun_sentences, COREFERENCE), (mention_sentences, NOMINAL)):
        sentences = make(30, split="train", seed=1)
        probes = coreference_probes(model.tokenizer, special_tokens, sentences)
        assert len(probes) > 20
        for probe in probes:
            sentence = sentences[probe.unit]
            assert probe.word_choice.labels == (label,)
            assert np.flatnonzero(probe.word_choice.correct[0]).tolist() == [sentence.antecedent]
            assert probe.word_choice.positions[0] == (sentence.pronoun if label == COREFERENCE else sentence.again)


def test_a_file_takes_the_place_of_what_it_answers_and_of_no_more():
    """A file of nouns leaves the pronouns to the generated sentences: else no label of theirs could be confirmed."""
    model = load_model("tiny-bert")
    special_tokens = special_tokens_of(model.tokenizer, False, model.limit)
    texts = parse(gold_texts(40, 1)[0].encode(), "s").texts
    asked: dict[str, set[int]] = {}
    for probe in gold_probes(model.tokenizer, special_tokens, "test", 1, texts):
        for label in probe.labels:
            asked.setdefault(label, set()).add(probe.unit)
    assert asked[NOMINAL] <= set(range(40)) and len(asked[COREFERENCE]) > 100
