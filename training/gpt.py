"""tiny-gpt: a GPT-2 type decoder on text, generated sentences and repeats."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from attnviz.probes import PERIODS, pronoun_sentences, repeats

from .data import build_mixture, generated_texts, held_out_rows
from .loop import train
from .scores import (
    held_out_losses,
    in_context_score,
    pronoun_margins_decoder,
    repeat_scores,
)
from .settings import Settings, sinusoids
from .text import read_sources, sentences
from .vocabulary import START, add_frame, byte_level, save_tokenizer


def build_model(settings: Settings, vocabulary: int, start: int, seed: int) -> GPT2LMHeadModel:
    """The untrained model; positions begin as waves, from which a step back is one rotation."""
    torch.manual_seed(seed)
    config = GPT2Config(
        vocab_size=vocabulary,
        n_positions=settings.length,
        n_embd=settings.width,
        n_layer=settings.layers,
        n_head=settings.heads,
        activation_function="gelu_pytorch_tanh",
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        initializer_range=0.04,
        bos_token_id=start,
        eos_token_id=start,
    )
    model = GPT2LMHeadModel(config)
    with torch.no_grad():
        model.transformer.wpe.weight.copy_(sinusoids(settings.length, settings.width))
    return model


def framed(rows: np.ndarray, start: int) -> Tensor:
    """[n, length + 1] rows with the start token before them."""
    return torch.from_numpy(np.pad(rows.astype(np.int64), ((0, 0), (1, 0)), constant_values=start))


def mean_loss(model: nn.Module, ids: Tensor) -> Tensor:
    """Mean nats of predicting each token of `ids` [rows, n] but the first."""
    logits = model(input_ids=ids).logits[:, :-1]
    return cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())


def measure_decoder(model: nn.Module, tokenizer: PreTrainedTokenizerFast, held_out: Tensor, n: int) -> dict[str, Any]:
    """The curve's figures at one step; `n` probes of each sort."""
    losses = held_out_losses(model, held_out)
    fitting = [period for period in PERIODS if 2 * period < held_out.shape[1]]
    probes = repeats(ordinary_ids(tokenizer), tokenizer.bos_token_id, n, split="test", seed=11, periods=fitting)
    scores = repeat_scores(model, probes)
    margins = pronoun_margins_decoder(model, tokenizer, pronoun_sentences(n, split="test", seed=11))
    return {
        "held_out_loss": float(losses.mean()),
        "in_context_score": in_context_score(losses) if losses.shape[1] >= 115 else None,
        "first_copy_loss": scores.first_copy,
        "second_copy_loss": scores.second_copy,
        "best_previous_token": float(scores.previous.max()),
        "best_induction": float(scores.induction.max()),
        "pronoun_accuracy": float((margins > 0).mean()),
        "previous_token": scores.previous.round(4).tolist(),
        "induction": scores.induction.round(4).tolist(),
    }


def ordinary_ids(tokenizer: PreTrainedTokenizerFast) -> list[int]:
    """All ids but those of special tokens."""
    return sorted(set(tokenizer.get_vocab().values()) - set(tokenizer.all_special_ids))


def train_gpt(folder: Path, out: Path, settings: Settings, *, until: int | None = None) -> dict:
    """Train tiny-gpt on the texts of `folder`; tokenizer, model and curve go to `out`, and the curve comes back."""
    out.mkdir(parents=True, exist_ok=True)
    sources = read_sources(folder)
    plain = [text for source in sources for text in sentences(source.train)]
    made = generated_texts(settings.n_generated, settings.seed)
    tokenizer_file = byte_level(plain + made[: 2 * len(plain)], settings.vocabulary, [START])
    add_frame(tokenizer_file, START, None)
    save_tokenizer(tokenizer_file, out, settings.length, bos_token=START, eos_token=START)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(out)

    length = settings.length - 1
    mixture = build_mixture(
        tokenizer_file, plain, made, length=length, seed=settings.seed, n_repeats=settings.n_repeats,
        share_generated=settings.share_generated, share_repeated=settings.share_repeated,
    )  # fmt: skip
    held_out = framed(held_out_rows(tokenizer_file, sources, length, settings.n_probes), tokenizer.bos_token_id)
    model = build_model(settings, tokenizer_file.get_vocab_size(), tokenizer.bos_token_id, settings.seed)
    schedule = settings.schedule()

    def loss_of(model: nn.Module, step: int) -> Tensor:
        return mean_loss(model, framed(mixture.rows(schedule.batch, schedule.seed, step), tokenizer.bos_token_id))

    def measure(model: nn.Module) -> dict[str, Any]:
        return measure_decoder(model, tokenizer, held_out, settings.n_probes)

    result = train(model, schedule, loss_of, measure, out, until=until)
    model.save_pretrained(out)
    (out / "run.json").write_text(json.dumps(result, indent=1) + "\n")
    return result
