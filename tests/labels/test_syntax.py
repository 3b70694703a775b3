"""Heads that follow word classes are found on gold trees, with the accuracy that their sentences give them."""

from math import exp

import numpy as np
import pytest

from attnviz.labels.corpora import parse
from attnviz.labels.decide import measured, verdicts
from attnviz.labels.evaluate import evaluate_heads
from attnviz.labels.probe_sets import special_tokens_of, tree_probes
from attnviz.labels.results import LabelResults
from attnviz.labels.scores import count_hits, weight_of
from attnviz.labels.statistics import best_rules, rule_hits
from attnviz.models.loading import LoadedModel
from benchmarks.syntax_and_coreference import evaluate, summary, table, totals

from .planted import (
    SLOPE,
    SYNTAX_BERT,
    SYNTAX_GPT2,
    G,
    planted_bert,
    planted_gpt2,
    planted_tokenizer,
    treebank,
)

SIZE = 200


@pytest.fixture(scope="module", params=["encoder", "decoder"])
def planted(request):
    """A model and its heads with their labels."""
    causal = request.param == "decoder"
    heads = SYNTAX_GPT2 if causal else SYNTAX_BERT
    module = planted_gpt2(heads) if causal else planted_bert(heads)
    return LoadedModel(module, planted_tokenizer(causal), request.param, "", request.param, "cpu", 64), heads[0]


def accuracy(planted, nearest) -> float:
    """What the planted head must be right in. To its left a noun has but one determiner: a decoder is right always."""
    return 1.0 if planted[0].name == "decoder" else float(np.mean(nearest))


def trees(seed: int):
    return parse("\n\n".join(treebank(SIZE, seed)[0]).encode(), "trees.conllu")


def probes_of(planted, seed: int):
    model = planted[0]
    special_tokens = special_tokens_of(model.tokenizer, model.name == "decoder", 64)
    return tree_probes(model.tokenizer, special_tokens, trees(seed).texts)


@pytest.fixture(scope="module")
def families(planted):
    rules = best_rules(probes_of(planted, 3))
    found = []
    for probes in (probes_of(planted, 1), probes_of(planted, 2)):
        heads, sums = count_hits(planted[0].module, probes)
        found.append(measured(sums, rule_hits(probes, rules)))
    return heads, found


def test_exactly_the_planted_label_is_found(planted, families):
    heads, (first, second) = families
    found = verdicts(first, second, len(heads))
    for rows, (_, labels) in zip(found, planted[1], strict=True):
        assert {row["label"] for row in rows} == labels
        assert all(row["confidence"] == "high" for row in rows)


def test_its_accuracy_is_what_the_sentences_give(planted, families):
    label, number = next((label, i) for i, (_, labels) in enumerate(planted[1]) for label in labels)
    _, nearest = treebank(SIZE, 1)
    one = families[1][0][label]
    assert one.score[number] == pytest.approx(accuracy(planted, nearest), abs=1e-12)
    assert 0.6 < np.mean(nearest) < 0.9 and one.baseline[number] < 0.5


def test_its_weight_is_what_its_scores_give():
    """A determiner, an adjective, a noun, a verb, another noun: the softmax of what the matrices say."""
    tokenizer = planted_tokenizer(False)
    words = [(2, 3, "det"), (6, 3, "amod"), (16, 4, "nsubj"), (34, 0, "root"), (17, 4, "obj")]
    lines = [f"{i}\tw{token}\t_\t_\t_\t_\t{head}\t{name}\t_\t_" for i, (token, head, name) in enumerate(words, 1)]
    special_tokens = special_tokens_of(tokenizer, False, 64)
    probes = tree_probes(tokenizer, special_tokens, parse("\n".join(lines).encode(), "t.conllu").texts)
    _, found = count_hits(planted_bert(SYNTAX_BERT), probes)
    noun = [exp(G - SLOPE * away) for away in (2, 4)]
    rest = [exp(-SLOPE * away) for away in (1, 3)]
    share = found[weight_of("syntactic:det:to_head")].hits[0, 3]
    assert share == pytest.approx(noun[0] / (sum(noun) + sum(rest)), abs=1e-9)


@pytest.mark.ci
def test_a_corpus_takes_the_place_of_generated_sentences(planted):
    """The score on the second family is that on the file's second half; the other half has chosen the rule."""
    model, heads = planted
    done = evaluate_heads(model, trees(5))
    label, number = next((label, i) for i, (_, labels) in enumerate(heads) for label in labels)
    _, nearest = treebank(SIZE, 5)
    assert done.scores[label].again[number] == pytest.approx(accuracy(planted, nearest[::2]), abs=1e-12)
    corpus = done.probes["corpus"]
    assert {key: corpus[key] for key in ("name", "format", "texts", "pronouns")} == {
        "name": "trees.conllu", "format": "CoNLL-U", "texts": SIZE, "pronouns": 0,
    }  # fmt: skip
    assert (
        corpus["rules"][label] != done.probes["rules"][label] and "syntactic:compound:to_dependent" in corpus["rules"]
    )


def test_the_evaluation_says_which_labels_hold(planted, families):
    """The command's own numbers: the same head chosen on the other half, its accuracy there, and that it holds."""
    model, heads = planted
    found_heads, (first, second) = families
    nothing = np.zeros(len(found_heads))
    done = LabelResults(
        model="planted", revision="", probes={}, heads=tuple(found_heads), sink_token_share=nothing, entropy=nothing,
        scores={},
        found=verdicts(first, second, len(found_heads)), examples=[],
    )  # fmt: skip
    evaluation = evaluate(model, done, trees(4))
    (label,) = set().union(*(labels for _, labels in heads))
    row = next(row for row in evaluation.rows if row.label == label)
    assert 100 < row.n <= SIZE and row.by_generated is None and heads[row.by_half.head.head][1] == {label}
    _, nearest = treebank(SIZE, 4)
    assert row.by_half.accuracy == pytest.approx(accuracy(planted, nearest[::2]), abs=1e-12)
    assert row.by_half.gain == pytest.approx(row.by_half.accuracy - row.baseline)
    assert [(one.label, one.holds) for one in evaluation.held] == [(label, True)]
    assert "1 of them are above the rule, 1 with an interval above 0" in summary(evaluation)
    assert f"| {label} | {row.n} |" in table(evaluation)
    assert totals([evaluation, evaluation]).splitlines()[-1] == "| all | trees.conllu | 2 | 2 | 2 | 2 |"
