"""What the cards state of a model, computed from the model and from probes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import PreTrainedTokenizerFast

from attnviz.probes import Repeat, Sentence

EARLY, LATE = slice(5, 15), slice(105, 115)


@contextmanager
def eager(model: Any):
    """Let a model return its attention weights for a while."""
    before = model.config._attn_implementation
    model.set_attn_implementation("eager")
    try:
        yield
    finally:
        model.set_attn_implementation(before)


def token_losses(model: nn.Module, ids: Tensor) -> Tensor:
    """[rows, n - 1] nats with which a decoder predicts `ids` [rows, n] from the second token on."""
    logits = model(input_ids=ids).logits[:, :-1]
    return cross_entropy(logits.transpose(1, 2), ids[:, 1:], reduction="none")


@dataclass(frozen=True)
class RepeatScores:
    """Scores of every head on repeats, [layers, heads] each, and the loss of either copy in nats a token.

    `previous_share` is the share of rows whose largest weight lies on the previous token; `uniform` is what even
    weights would give for (previous, induction).
    """

    previous: np.ndarray
    previous_share: np.ndarray
    induction: np.ndarray
    induction_control: np.ndarray
    first_copy: float
    second_copy: float
    uniform: tuple[float, float]


def repeat_scores(model: Any, probes: Sequence[Repeat]) -> RepeatScores:
    """Score a decoder on repeats: previous token from the third row on, induction in the second copy only."""
    previous, share, induction, control = [], [], [], []
    first, second, even = [], [], []
    with eager(model):
        for period in sorted({probe.period for probe in probes}):
            group = [probe for probe in probes if probe.period == period]
            ids = torch.tensor([probe.ids for probe in group])
            answer = model(input_ids=ids, output_attentions=True)
            weights = torch.stack(answer.attentions)  # [layers, rows, heads, queries, keys]
            rows = torch.arange(2, ids.shape[1])
            at, targets = torch.from_numpy(group[0].queries()), torch.from_numpy(group[0].induction_targets())
            previous.append(weights[..., rows, rows - 1].mean(-1))
            share.append((weights[..., rows, :].argmax(-1) == rows - 1).float().mean(-1))
            induction.append(weights[..., at, targets].mean(-1))
            other = torch.tensor([probe.control for probe in group])
            unrepeated = torch.stack(model(input_ids=other, output_attentions=True).attentions)
            control.append(unrepeated[..., at, targets].mean(-1))
            losses = cross_entropy(answer.logits[:, :-1].transpose(1, 2), ids[:, 1:], reduction="none")
            first.append(losses[:, :period].flatten())
            # The first token of the second copy cannot be foreseen.
            second.append(losses[:, period + 1 :].flatten())
            even.append((float((1 / (rows + 1)).mean()), float((1 / (at + 1)).mean())))
    mean = [torch.cat(parts, 1).mean(1).numpy() for parts in (previous, share, induction, control)]
    return RepeatScores(
        previous=mean[0],
        previous_share=mean[1],
        induction=mean[2],
        induction_control=mean[3],
        first_copy=float(torch.cat(first).mean()),
        second_copy=float(torch.cat(second).mean()),
        uniform=(float(np.mean([a for a, _ in even])), float(np.mean([b for _, b in even]))),
    )


def held_out_losses(model: nn.Module, rows: Tensor, size: int = 64) -> Tensor:
    """[rows, n - 1] nats of a decoder on held-out rows, `size` rows at a time."""
    return torch.cat([token_losses(model, part) for part in rows.split(size)])


def in_context_score(losses: Tensor) -> float:
    """Mean loss around position 110 minus that around position 10: what the context is worth, in nats."""
    return float(losses[:, LATE].mean() - losses[:, EARLY].mean())


def _candidates(
    tokenizer: PreTrainedTokenizerFast, sentences: Sequence[Sentence]
) -> tuple[list[list[int]], list[list[int]]]:
    """Ids of every sentence, right then wrong, special tokens included, and the places of its pronoun's tokens.

    Raises ValueError for a sentence without a pronoun.
    """
    rows, places = [], []
    for sentence in sentences:
        if sentence.pronoun is None or sentence.wrong_pronoun is None:
            raise ValueError(f"no pronoun to score in {sentence.text!r}")
        start, end = sentence.spans[sentence.pronoun]
        for text, stop in ((sentence.text, end), (sentence.with_wrong_pronoun(), start + len(sentence.wrong_pronoun))):
            encoded = tokenizer(text, return_offsets_mapping=True)
            rows.append(encoded["input_ids"])
            offsets = enumerate(encoded["offset_mapping"])
            places.append([place for place, (a, b) in offsets if a < stop and b > start and b > a])
    return rows, places


def pronoun_margins_decoder(
    model: nn.Module, tokenizer: PreTrainedTokenizerFast, sentences: Sequence[Sentence]
) -> np.ndarray:
    """[sentences] log-probability of the right pronoun minus the wrong one, after all that stands before it."""
    rows, places = _candidates(tokenizer, sentences)
    read = [row[: found[-1] + 1] for row, found in zip(rows, places, strict=True)]
    scores = np.array(_decoder_scores(model, read, places))
    return scores[0::2] - scores[1::2]


def _decoder_scores(model: nn.Module, rows: list[list[int]], places: list[list[int]], size: int = 128) -> list[float]:
    """Summed log-probability of the tokens at `places` of each row; rows are padded on the right, never read."""
    scores = []
    for begin in range(0, len(rows), size):
        part, where = rows[begin : begin + size], places[begin : begin + size]
        width = max(map(len, part))
        ids = torch.tensor([row + [0] * (width - len(row)) for row in part])
        logs = model(input_ids=ids).logits.log_softmax(-1)
        for row, (tokens, found) in enumerate(zip(part, where, strict=True)):
            scores.append(sum(float(logs[row, place - 1, tokens[place]]) for place in found))
    return scores


def pronoun_margins_encoder(
    model: nn.Module, tokenizer: PreTrainedTokenizerFast, sentences: Sequence[Sentence]
) -> np.ndarray:
    """[sentences] log-probability of the right pronoun minus the wrong one, where the pronoun is masked.

    Each candidate is masked as the number of tokens that it takes itself.
    """
    rows, places = _candidates(tokenizer, sentences)
    masked = [row.copy() for row in rows]
    for row, found in zip(masked, places, strict=True):
        for place in found:
            row[place] = tokenizer.mask_token_id
    scores = []
    for begin in range(0, len(rows), 128):
        part = tokenizer.pad({"input_ids": masked[begin : begin + 128]}, return_tensors="pt")
        logs = model(**part).logits.log_softmax(-1)
        for number in range(len(logs)):
            tokens, found = rows[begin + number], places[begin + number]
            scores.append(sum(float(logs[number, place, tokens[place]]) for place in found))
    return np.array(scores)[0::2] - np.array(scores)[1::2]


def neighbour_scores(
    model: Any, tokenizer: PreTrainedTokenizerFast, texts: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """[layers, heads] mean weight on the previous and on the next token; special tokens are neither row nor target."""
    before, after = [], []
    with eager(model):
        for text in texts:
            ids = tokenizer(text, return_tensors="pt")["input_ids"]
            weights = torch.stack(model(input_ids=ids, output_attentions=True).attentions)[:, 0]
            inner = torch.arange(2, ids.shape[1] - 2)
            before.append(weights[..., inner, inner - 1])
            after.append(weights[..., inner, inner + 1])
    return torch.cat(before, -1).mean(-1).numpy(), torch.cat(after, -1).mean(-1).numpy()
