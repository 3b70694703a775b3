"""The recipe at toy size: it resumes, repeats itself, holds text out, and writes what plain transformers loads."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, AutoModelForSeq2SeqLM, AutoTokenizer

from attnviz.probes import dependency_sentences
from training.bert import train_bert
from training.gpt import train_gpt
from training.settings import TINY_BERT, TINY_GPT, TINY_TRANSLATOR
from training.text import clean_paragraphs, read_sources, sentences
from training.translator import train_translator

TOY = {
    "steps": 6,
    "evaluate_at": (0, 2, 4, 6),
    "batch": 4,
    "warmup": 2,
    "vocabulary": 320,
    "width": 16,
    "layers": 1,
    "heads": 2,
    "n_generated": 60,
    "n_probes": 6,
}


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("texts")
    lines = [sentence.text for sentence in dependency_sentences(700, split="train", seed=3)]
    (folder / "a.txt").write_text("\n\n".join(lines), encoding="utf-8")
    return folder


def gpt_settings(**changes):
    return dataclasses.replace(TINY_GPT, **{**TOY, "n_repeats": 8, **changes})


def weights(folder):
    return load_file(folder / "model.safetensors")


def test_a_killed_run_goes_on_to_the_same_weights(texts, tmp_path):
    train_gpt(texts, tmp_path / "whole", gpt_settings())
    train_gpt(texts, tmp_path / "killed", gpt_settings(), until=3)
    assert json.loads((tmp_path / "killed" / "run.json").read_text())["curve"][-1]["step"] == 2
    train_gpt(texts, tmp_path / "killed", gpt_settings())
    whole, killed = weights(tmp_path / "whole"), weights(tmp_path / "killed")
    assert whole.keys() == killed.keys()
    assert all(torch.equal(whole[name], killed[name]) for name in whole)
    curves = [json.loads((tmp_path / name / "run.json").read_text())["curve"] for name in ("whole", "killed")]
    assert curves[0] == curves[1]


def test_the_same_seed_gives_the_same_metrics_and_another_does_not(texts, tmp_path):
    runs = [train_gpt(texts, tmp_path / str(n), gpt_settings(seed=seed)) for n, seed in enumerate((5, 5, 6))]
    losses = [run["curve"][-1]["held_out_loss"] for run in runs]
    assert losses[1] == pytest.approx(losses[0], rel=0.02)
    assert losses[2] != losses[0]


def test_a_state_of_another_schedule_is_refused(texts, tmp_path):
    train_gpt(texts, tmp_path, gpt_settings(), until=0)
    with pytest.raises(ValueError, match="another schedule"):
        train_gpt(texts, tmp_path, gpt_settings(steps=8))


def test_gpt_loads_plainly_and_begins_with_its_start_token(texts, tmp_path):
    train_gpt(texts, tmp_path, gpt_settings(), until=0)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    model = AutoModelForCausalLM.from_pretrained(tmp_path)
    ids = tokenizer("Zoë saw 東京.", return_tensors="pt")["input_ids"]
    assert ids[0, 0] == tokenizer.bos_token_id
    assert tokenizer.decode(ids[0], skip_special_tokens=True).strip() == "Zoë saw 東京."
    assert model(input_ids=ids).logits.shape == (1, ids.shape[1], len(tokenizer))
    stored = load_file(tmp_path / "history" / "step-00000.safetensors")
    assert stored.keys() == weights(tmp_path).keys()
    assert {tensor.dtype for tensor in stored.values()} == {torch.float16}


def test_bert_trains_and_loads_plainly(texts, tmp_path):
    run = train_bert(texts, tmp_path, dataclasses.replace(TINY_BERT, **TOY))
    assert [row["step"] for row in run["curve"]] == [0, 2, 4, 6]
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    model = AutoModelForMaskedLM.from_pretrained(tmp_path)
    batch = tokenizer("The cat [MASK].", return_tensors="pt")
    pieces = tokenizer.convert_ids_to_tokens(batch["input_ids"][0].tolist())
    assert pieces[pieces.index("[MASK]") - 1] != "Ġ", "the mask stands for a word with its space, as in training"
    assert batch["input_ids"][0, 0] == tokenizer.cls_token_id
    assert batch["input_ids"][0, -1] == tokenizer.sep_token_id
    assert model(**batch).logits.shape[-1] == len(tokenizer)


def test_translator_trains_and_loads_plainly(tmp_path):
    settings = dataclasses.replace(TINY_TRANSLATOR, **{**TOY, "vocabulary": 500, "n_generated": 400})
    run = train_translator(tmp_path, settings)
    assert run["curve"][-1]["held_out_loss"] < run["curve"][0]["held_out_loss"]
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    model = AutoModelForSeq2SeqLM.from_pretrained(tmp_path)
    ids = model.generate(**tokenizer("5/3/21 (US)", return_tensors="pt"))
    assert ids[0, 0] == tokenizer.bos_token_id


def test_held_out_text_is_apart(texts):
    (source,) = read_sources(texts)
    assert len(source.train) + len(source.held_out) == 700
    assert len(source.held_out) == 30
    assert not set(source.train[570:]) & set(source.held_out)


def test_text_is_cleaned():
    assert clean_paragraphs("‘Oh_dear_!’\nshe said.\n\nIt   ran") == ["'Ohdear!' she said.", "It ran"]
    long = "word " * 40
    assert clean_paragraphs(f"{long}\n{long}\n") == [long.strip(), long.strip()]
    assert sentences(("One. Two! 'Three?' Four",)) == ["One.", "Two!", "'Three?'", "Four"]


def test_a_folder_without_text_says_so(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no \.txt"):
        read_sources(tmp_path)


def test_curve_scores_have_one_number_a_head(texts, tmp_path):
    run = train_gpt(texts, tmp_path, gpt_settings(layers=2), until=0)
    first = run["curve"][0]
    assert np.shape(first["induction"]) == (2, 2)
    assert np.shape(first["previous_token"]) == (2, 2)
    assert first["training_loss"] is None
