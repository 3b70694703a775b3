"""What a language model expects: at the end of a text, or where a token is masked."""

import inspect
from typing import Any

import torch

from attnviz.capture.ablation import as_traced
from attnviz.capture.layers import forward
from attnviz.capture.tracing import batch_of_one
from attnviz.errors import explained
from attnviz.models.loading import LoadedModel
from attnviz.models.text import tokens_of_ids
from attnviz.traces import Trace

Prediction = tuple[int, list[tuple[str, float]]]  # a position, and tokens with their probabilities


def predictions(model: LoadedModel, traced: Trace, k: int = 5) -> list[Prediction]:
    """The k likeliest tokens at each position that the model predicts from, the likeliest first.

    A decoder predicts what follows its last token, a masked language model each mask. Positions count the trace's
    tokens, or its decoder's where it has any. Empty where the model has no language-model head, or the text no mask.
    Heads that the trace has replaced are replaced here too.

    Raises AttnvizError when memory runs out.
    """
    positions = _positions(model, traced)
    if model.language_model is None or not positions:
        return []
    failed = explained(f"{model.name} cannot predict what follows this text", "take another text, or another model")
    with failed, model.lock, as_traced(model.module, traced):
        logits = _logits(model.language_model, batch_of_one(model.module, traced.inputs), positions)
        likeliest = torch.softmax(logits.float(), dim=-1).topk(min(k, logits.shape[-1]))
        return [
            (position, [(tokens_of_ids(model.tokenizer, [number])[0], p) for number, p in zip(numbers, chances)])
            for position, numbers, chances in zip(positions, likeliest.indices.tolist(), likeliest.values.tolist())
        ]


def _logits(module: Any, inputs: dict[str, torch.Tensor], positions: list[int]) -> torch.Tensor:
    """[positions, vocabulary]; no others are computed where only the last are asked for and the model can do that."""
    if positions == [inputs["input_ids"].shape[1] - 1] and keeps_last_logits(module):
        return forward(module, inputs, logits_to_keep=1).logits[0, -1:]
    return forward(module, inputs).logits[0, positions]


def keeps_last_logits(module: Any) -> bool:
    """Whether the model can give the logits of its last token alone."""
    return "logits_to_keep" in inspect.signature(module.forward).parameters


def _positions(model: LoadedModel, traced: Trace) -> list[int]:
    if traced.kinds == ("encoder",):
        mask = model.tokenizer.mask_token_id
        return [i for i, number in enumerate(traced.token_ids) if mask is not None and number == mask]
    return [len(traced.token_ids if traced.decoder_tokens is None else traced.decoder_tokens) - 1]
