"""Labels given on generated sentences hold on text that people wrote."""

import pytest

from attnviz.labels.corpora import read
from attnviz.labels.evaluate import evaluate_heads
from benchmarks.syntax_and_coreference import evaluate, main, table


@pytest.mark.ci
def test_labels_of_high_confidence_hold_on_gold_trees(data, minilm):
    """At least four of five syntactic labels are above the rule that is best on other sentences."""
    found = evaluate(minilm, evaluate_heads(minilm), read(data / "text" / "en_ewt-ud-dev.conllu"), sample=800)
    asked = [one for one in found.held if one.answer is not None]
    assert len(asked) >= 10
    assert sum(one.holds for one in asked) >= 0.8 * len(asked), table(found)
    best = {row.label: row.by_half.gain for row in found.rows}
    assert best["syntactic:obj:to_head"] > 0.2 and best["syntactic:det:to_head"] > 0.1


@pytest.mark.ci
def test_an_encoder_finds_antecedents_in_gold_passages(data, minilm):
    found = evaluate(minilm, evaluate_heads(minilm), read(data / "text" / "gap-development.tsv"), sample=600)
    (row,) = found.rows
    assert row.label == "coreference" and row.by_half.gain_bounds[0] > 0
    asked = [one for one in found.held if one.answer is not None]  # nouns are not: GAP has pronouns only
    assert asked and sum(one.holds for one in asked) >= 0.8 * len(asked), table(found)


def test_absent_data_is_said_and_nothing_is_printed(tmp_path, capsys):
    missing = str(tmp_path / "none.conllu")
    assert main(["tiny-gpt", "--trees", missing, "--pronouns", missing]) == 2
    out, err = capsys.readouterr()
    assert out == "" and "no such file" in err
