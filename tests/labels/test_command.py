"""`python -m attnviz label`: the JSON shape, files, a corpus of one's own, and what is refused."""

import json

import pandas as pd
import pytest

from attnviz.cli import main

KEYS = {"label", "score", "baseline", "low", "high", "n", "p", "confidence", "effect"}


@pytest.mark.ci
def test_json_and_files_say_the_same(corpus, tmp_path, capsys):
    assert main(["label", "tiny-gpt", "--json", "--corpus", str(corpus), "--out", str(tmp_path / "t.csv")]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown.keys() == {"model", "probes", "heads"} and shown["model"] == "tiny-gpt"
    assert shown["probes"]["corpus"]["format"] == "plain text" and shown["probes"]["corpus"]["arcs"] == 0
    heads = shown["heads"]
    assert [(head["layer"], head["head"]) for head in heads] == [
        (layer, head) for layer in range(4) for head in range(4)
    ]
    for head in heads:
        assert head.keys() == {"kind", "layer", "head", "rest_share", "entropy_share", "labels"}
        assert head["kind"] == "decoder" and 0 <= head["rest_share"] <= 1 and 0 <= head["entropy_share"] <= 1
        for row in head["labels"]:
            assert row.keys() == KEYS and row["low"] <= row["score"] <= row["high"] and row["effect"] is None
            assert row["confidence"] in ("high", "medium", "low") and 0 < row["p"] <= 1 and row["n"] >= 100
    sure = {(head["layer"], head["head"], row["label"]) for head in heads for row in head["labels"]
            if row["confidence"] != "low"}  # fmt: skip
    assert sure >= {(0, 0, "previous_token"), (1, 1, "induction"), (2, 0, "coreference")}  # as the card says
    table = pd.read_csv(tmp_path / "t.csv")
    assert len(table) == sum(max(1, len(head["labels"])) for head in heads)
    assert table.label.isna().sum() == sum(not head["labels"] for head in heads)


def test_effects_are_there_when_they_are_asked_for(capsys):
    """Bundled models come with theirs."""
    assert main(["label", "tiny-gpt", "--json"]) == 0
    bare = json.loads(capsys.readouterr().out)
    assert "effects" not in bare and not any(row["effect"] for head in bare["heads"] for row in head["labels"])
    assert main(["label", "tiny-gpt", "--json", "--effects"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["effects"].keys() == {"reason", "together", "unmeasured"}
    effect = next(row["effect"] for row in shown["heads"][5]["labels"] if row["label"] == "induction")  # L1.H1
    assert effect["base"] < 0.1 and effect["random_high"] < 0.1 and min(effect["mean"], effect["resample"]) > 1
    assert main(["label", "tiny-gpt", "--effects"]) == 0
    said = capsys.readouterr().out
    assert effect["metric"] in said and f"{effect['mean']:.3f} by means" in said
    assert all(label in said and reason in said for label, reason in shown["effects"]["unmeasured"].items())


@pytest.mark.parametrize(
    "options, said",
    [
        (["--out", "labels.txt"], "--out must end in"),
        (["--corpus", "nowhere.txt"], "cannot be read"),
    ],
)
def test_what_cannot_be_served_is_said_in_a_line(options, said, capsys):
    assert main(["label", "tiny-gpt", *options]) == 2
    out, err = capsys.readouterr()
    assert out == "" and len(err.splitlines()) == 1 and said in err


def test_a_mistake_in_a_corpus_is_named_with_its_line(tmp_path, capsys):
    (tmp_path / "mine.conllu").write_text("# text = No\n1\tNo\t_\n")
    assert main(["label", "tiny-gpt", "--corpus", str(tmp_path / "mine.conllu")]) == 2
    err = capsys.readouterr().err
    assert "line 2: 3 columns" in err and len(err.splitlines()) == 1


def test_a_model_with_two_sides_is_refused(capsys):
    assert main(["label", "tiny-translator"]) == 2
    assert "encoder and a decoder" in capsys.readouterr().err


def test_an_empty_corpus_is_refused(tmp_path, capsys):
    (tmp_path / "empty.txt").write_text("\n\n")
    assert main(["label", "tiny-gpt", "--corpus", str(tmp_path / "empty.txt")]) == 2
    assert "is empty" in capsys.readouterr().err
