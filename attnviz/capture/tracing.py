"""A text through a model, once: the Trace."""

import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch

from attnviz.capture.ablation import intervened
from attnviz.capture.generation import decoder_ids, most_written, written_ids
from attnviz.capture.interface import Uncapturable
from attnviz.capture.layers import Progress, capture_batch, forward
from attnviz.errors import AttnvizError, explained
from attnviz.models.loading import LoadedModel
from attnviz.models.text import TokenizedText, check_text, read_ids, tokenize, tokens_of_ids, with_written
from attnviz.traces import Head, LayerAttention, Trace


def trace(
    model: LoadedModel,
    text: str,
    text_pair: str | None = None,
    decoder_text: str | None = None,
    *,
    read_special: bool = False,
    add_special: bool = True,
    write: int = 0,
    replaced: Mapping[Head, np.ndarray | float] | None = None,
    progress: Progress | None = None,
) -> Trace:
    """One forward pass over a text (or a pair of texts, where the model takes them).

    An encoder-decoder reads `decoder_text` on its decoder's side, or without one what it writes itself.
    `add_special` puts the tokenizer's special tokens around the text, such as the start token; `read_special` reads
    typed ones, such as [MASK], as what they stand for, where they would be plain text. A decoder's text always
    begins with its start token. With `write`, a model that is a decoder alone writes up to so many tokens after the
    text, greedily, until it ends it; then the finished text is read in one pass, which shows what each token looked
    at as it was written, and what the last one looks at. `replaced` gives heads another output that the model goes on
    with, such as 0 or a mean [d_v]; what the model writes itself, it writes untouched. `progress(parts done)` is called
    after each token that is written, of at most `most_written`, and then after each layer; what it raises ends the run,
    and nothing of it is kept.

    Raises:
        AttnvizError: the text or the model cannot be traced; the message says why and what to do.
    """
    if write < 0:
        raise AttnvizError(f"A model cannot write {write} tokens: give 0 or more.")
    if write and text_pair is not None:
        raise AttnvizError("A model writes after one text, not after a pair: leave the second one out.")
    read = read_text(model, text, text_pair, read_special=read_special, add_special=add_special)
    two_sided = model.module.config.is_encoder_decoder
    if decoder_text is not None:
        if not two_sided:
            raise AttnvizError(f"{model.name} has no decoder beside an encoder: leave the decoder's text out.")
        check_text(decoder_text)
    start = time.perf_counter()
    writing = most_written(model, decoder_text, write)
    with model.lock:
        written = written_ids(model, read.inputs, write, progress) if write else []
        text, read = with_written(model.tokenizer, text, read, written) if written else (text, read)
        inputs = dict(read.inputs)
        if two_sided:
            inputs["decoder_input_ids"] = decoder_ids(model, inputs, decoder_text, read_special, progress)
            if model.limit is not None and len(inputs["decoder_input_ids"]) > model.limit:
                raise AttnvizError(f"The decoder's text is longer than the {model.limit:,} tokens that it reads.")
        try:
            after = None if progress is None else (lambda done: progress(writing + done))
            with (
                explained(f"{model.name} cannot read this text", "take another text, or another model"),
                intervened(model.module, replaced) if replaced else nullcontext(),
            ):
                route, (layers,) = capture_batch(model.module, batch_of_one(model.module, inputs), after)
        except Uncapturable as reason:
            raise AttnvizError(f"{model.name} cannot be shown. {reason} Pick another model.") from reason
    traced = Trace(
        model=model.name,
        revision=model.revision,
        architecture=model.architecture,
        text=text,
        text_pair=text_pair,
        tokens=read.tokens,
        pieces=read.pieces,
        token_ids=tuple(read.inputs["input_ids"]),
        offsets=read.offsets,
        words=read.words,
        segments=read.segments,
        layers=layers,
        seconds=time.perf_counter() - start,
        decoder_tokens=tokens_of_ids(model.tokenizer, inputs["decoder_input_ids"]) if two_sided else None,
        decoder_text=decoder_text,
        inputs=inputs,
        route=route,
        read_special=read_special,
        add_special=add_special,
        written=len(written),
        replaced=dict(replaced or {}),
    )
    if written and traced.kinds != ("decoder",):
        raise AttnvizError(f"{model.name} looks at later tokens too, so it cannot be shown as it writes: leave it out.")
    for layer in layers:
        queries, keys = traced.sides(layer.kind)
        if (layer.n_queries, layer.v.shape[1]) != (len(queries), len(keys)):
            raise AttnvizError(
                f"{model.name} cannot be shown. Its attention runs over positions that are not the text's tokens. "
                "Pick another model."
            )
    return traced


def trace_ids(model: LoadedModel, ids: Sequence[int]) -> Trace:
    """One forward pass over token ids, special ones among them, for a model with one text: a probe, as it was shown.

    Raises AttnvizError for a model that cannot be traced.
    """
    start = time.perf_counter()
    with model.lock:
        text, read = read_ids(model.tokenizer, ids)
        try:
            with explained(f"{model.name} cannot read these tokens", "take others, or another model"):
                route, (layers,) = capture_batch(model.module, batch_of_one(model.module, read.inputs))
        except Uncapturable as reason:
            raise AttnvizError(f"{model.name} cannot be shown. {reason} Pick another model.") from reason
    return Trace(
        model=model.name,
        revision=model.revision,
        architecture=model.architecture,
        text=text,
        text_pair=None,
        tokens=read.tokens,
        pieces=read.pieces,
        token_ids=tuple(ids),
        offsets=read.offsets,
        words=read.words,
        segments=read.segments,
        layers=layers,
        seconds=time.perf_counter() - start,
        inputs=read.inputs,
        route=route,
        from_ids=True,
    )


def read_text(
    model: LoadedModel,
    text: str,
    text_pair: str | None = None,
    *,
    read_special: bool = False,
    add_special: bool = True,
) -> TokenizedText:
    """The text as this model reads it; `read_special` and `add_special` as in `trace`.

    Raises AttnvizError for a text, or a pair, that it cannot read.
    """
    if text_pair is not None and not add_special:
        raise AttnvizError("Special tokens part the two texts of a pair: leave them on, or the second text out.")
    with model.lock:  # a fast tokenizer is not to be used from two threads at once
        read = tokenize(
            model.tokenizer,
            text,
            text_pair,
            limit=model.limit,
            read_special=read_special,
            add_special=add_special,
        )
    if max(read.inputs["input_ids"]) >= model.module.get_input_embeddings().weight.shape[0]:
        raise AttnvizError(f"The tokenizer of {model.name} knows more tokens than its weights: fetch the model again.")
    if text_pair is not None and read.segments[read.segments.index(1) - 1] is not None:  # nothing parts the two
        raise AttnvizError(f"{model.name} reads one text, not a pair: leave the second one out.")
    return read


def batch_of_one(module: Any, inputs: Mapping[str, Sequence[int]]) -> dict[str, torch.Tensor]:
    """One text's inputs, as in `Trace`, as the tensors [1, tokens] that the module takes."""
    return {name: torch.tensor([values], device=module.device) for name, values in inputs.items()}


def capture_ids(module: Any, rows: Sequence[Sequence[int]]) -> list[tuple[LayerAttention, ...]]:
    """Each layer of each of some equally long texts, given as token ids, in one forward pass.

    Raises Uncapturable for a model that no route can show, and AttnvizError when memory runs out.
    """
    return capture_batch(module, {"input_ids": torch.tensor(rows, device=module.device)})[1]


def run(module: Any, inputs: Mapping[str, Sequence[int]]) -> None:
    """One plain forward pass over one text; `inputs` as in `Trace`. Raises AttnvizError when memory runs out."""
    forward(module, batch_of_one(module, inputs))
