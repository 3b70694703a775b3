"""The bundled models: they load plainly, fit the size they may have, and their cards tell what their weights do."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from attnviz.probes import VERSION, pronoun_sentences
from training.bert import IGNORED, MASKED_IN_TEST, mask, masked_losses
from training.bundle import BUNDLED
from training.cards import readme
from training.data import held_out_rows
from training.dates import date_pairs
from training.evaluate import (
    N_PRONOUNS,
    N_ROWS,
    SEED,
    evaluate_alignment,
    evaluate_repeats,
    load,
    load_checkpoint,
)
from training.gpt import framed
from training.scores import held_out_losses, pronoun_margins_decoder, pronoun_margins_encoder
from training.text import read_sources
from training.translator import exactness

NAMES = ("tiny-gpt", "tiny-bert", "tiny-translator")
DATA = Path(os.environ.get("ATTNVIZ_DATA", Path(__file__).resolve().parents[2].parent / "shared" / "data"))
MEGABYTE = 1_000_000


@pytest.fixture(scope="module", autouse=True)
def no_gradients():
    with torch.no_grad():
        yield


@pytest.fixture(scope="module")
def gpt():
    return load(BUNDLED / "tiny-gpt", "tiny-gpt")


@pytest.fixture(scope="module")
def bert():
    return load(BUNDLED / "tiny-bert", "tiny-bert")


@pytest.fixture(scope="module")
def translator():
    return load(BUNDLED / "tiny-translator", "tiny-translator")


def card(name):
    return json.loads((BUNDLED / name / "card.json").read_text())


def text_folder(name):
    """The folder of the texts of a card; skips without them, fails if they are others."""
    folder = DATA / "text"
    if not folder.is_dir():
        pytest.skip(f"the texts are not at {folder} (set ATTNVIZ_DATA)")
    sources = read_sources(folder)
    assert [source.sha256 for source in sources] == [text["sha256"] for text in card(name)["texts"]]
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_a_model_loads_with_transformers_alone(name):
    folder = BUNDLED / name
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model, report = AutoModel.from_pretrained(folder, output_loading_info=True)
    # A bare encoder has a pooler that masked-word training never uses.
    assert all("pooler" in key for key in report["missing_keys"])
    batch = tokenizer("Any text: Zoë, 東京, 1 + 1!", return_tensors="pt")
    assert tokenizer.unk_token_id is None or tokenizer.unk_token_id not in batch["input_ids"]
    states = model(**batch).last_hidden_state
    assert states.isfinite().all() and states.dtype == torch.float32


@pytest.mark.parametrize("name", NAMES)
def test_a_page_is_written_from_its_card(name):
    found = card(name)
    assert (BUNDLED / name / "README.md").read_text() == readme(found)
    assert found["probes_version"] == VERSION
    assert 600_000 < found["parameters"] < 1_300_000


def test_all_files_together_stay_under_forty_megabytes_and_hold_no_code():
    files = [path for path in BUNDLED.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 40 * MEGABYTE
    assert {path.suffix for path in files} <= {".json", ".md", ".npz", ".safetensors"}


def test_repeat_scores_are_those_of_the_card(gpt):
    found, stated = evaluate_repeats(*gpt), card("tiny-gpt")["scores"]["repeats"]
    for key in ("induction", "previous_token"):
        assert found[key]["head"] == stated[key]["head"]
        assert found[key]["score"] == pytest.approx(stated[key]["score"], abs=0.005)
    assert found["previous_token"]["share_of_rows"] == pytest.approx(
        stated["previous_token"]["share_of_rows"], abs=0.01
    )
    assert found["second_over_first"] == pytest.approx(stated["second_over_first"], abs=0.005)


def test_the_gpt_does_what_it_was_trained_for():
    scores, first = card("tiny-gpt")["scores"], card("tiny-gpt")["first_checkpoint"]
    repeats = scores["repeats"]
    assert repeats["induction"]["score"] >= 0.8
    assert repeats["previous_token"]["score"] >= 0.5
    assert repeats["previous_token"]["share_of_rows"] >= 0.8
    assert repeats["previous_token"]["head"] < repeats["induction"]["head"]
    assert repeats["second_over_first"] <= 0.25
    for key in ("induction", "previous_token"):
        assert first[key]["score"] < first[key]["uniform"] + 0.1


@pytest.mark.parametrize("name", NAMES[:2])
def test_losses_and_pronouns_reach_their_targets(name):
    scores = card(name)["scores"]
    same = scores["held_out"]["same_tokens"]
    assert same["model"] < same["trigram"]["loss"] < same["bigram"]["loss"]
    assert scores["pronouns"]["accuracy"] >= 0.95


def test_checkpoints_run_from_untrained_to_trained(gpt):
    folder = BUNDLED / "tiny-gpt" / "checkpoints"
    steps = card("tiny-gpt")["checkpoints"]
    assert len(steps) >= 12 and steps[0] == 0
    assert [path.name for path in sorted(folder.iterdir())] == [f"step-{step:05d}.safetensors" for step in steps]
    curve = {row["step"]: row for row in json.loads((BUNDLED / "tiny-gpt" / "curves.json").read_text())["evaluations"]}
    between = [step for step in steps if 0.1 < np.max(curve[step]["induction"]) < 0.75]
    assert len(between) >= 3
    for row in curve.values():
        assert np.shape(row["induction"]) == np.shape(row["previous_token"]) == (4, 4)
    model, tokenizer = load(BUNDLED / "tiny-gpt", "tiny-gpt")
    for step in (steps[0], steps[-1]):
        load_checkpoint(model, folder / f"step-{step:05d}.safetensors")
        found = evaluate_repeats(model, tokenizer, 20)
        stated = float(np.max(curve[step]["induction"]))
        assert found["induction"]["score"] == pytest.approx(stated, abs=0.05)


@pytest.mark.ci
def test_gpt_pronouns_are_those_of_the_card(gpt):
    probes = pronoun_sentences(N_PRONOUNS, split="test", seed=SEED)
    accuracy = float((pronoun_margins_decoder(*gpt, probes) > 0).mean())
    assert accuracy == pytest.approx(card("tiny-gpt")["scores"]["pronouns"]["accuracy"], abs=0.002)


@pytest.mark.ci
def test_bert_pronouns_are_those_of_the_card(bert):
    probes = pronoun_sentences(N_PRONOUNS, split="test", seed=SEED)
    accuracy = float((pronoun_margins_encoder(*bert, probes) > 0).mean())
    assert accuracy == pytest.approx(card("tiny-bert")["scores"]["pronouns"]["accuracy"], abs=0.002)


@pytest.mark.ci
def test_gpt_held_out_loss_is_that_of_the_card(gpt):
    folder = text_folder("tiny-gpt")
    model, tokenizer = gpt
    rows = held_out_rows(tokenizer.backend_tokenizer, read_sources(folder), model.config.n_positions - 1, N_ROWS)
    loss = float(held_out_losses(model, framed(rows, tokenizer.bos_token_id)).mean())
    assert loss == pytest.approx(card("tiny-gpt")["scores"]["held_out"]["loss"], abs=0.002)


@pytest.mark.ci
def test_bert_held_out_loss_is_that_of_the_card(bert):
    folder = text_folder("tiny-bert")
    model, tokenizer = bert
    length = model.config.max_position_embeddings - 2
    rows = held_out_rows(tokenizer.backend_tokenizer, read_sources(folder), length, N_ROWS)
    inputs, targets = mask(rows, tokenizer, np.random.default_rng(SEED), MASKED_IN_TEST)
    assert int((targets != IGNORED).sum()) == card("tiny-bert")["scores"]["held_out"]["n"]
    loss = float(masked_losses(model, inputs, targets).mean())
    assert loss == pytest.approx(card("tiny-bert")["scores"]["held_out"]["loss"], abs=0.002)


def test_the_translator_is_as_exact_as_its_card(translator):
    stated = card("tiny-translator")["scores"]["exact"]["share"]
    assert stated >= 0.98
    right = exactness(*translator, date_pairs(400, split="test", seed=SEED))
    assert right.mean() == pytest.approx(stated, abs=0.02)


def test_the_translators_cross_attention_aligns_as_its_card_says(translator):
    found, stated = evaluate_alignment(*translator), card("tiny-translator")["scores"]["alignment"]
    for part in ("year", "month", "day"):
        assert found[part]["score"] == pytest.approx(stated[part]["score"], abs=0.01)
        assert stated[part]["score"] >= 0.9
