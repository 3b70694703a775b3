"""A text through a model, once: the Trace."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from attnviz.capture.generation import decoder_ids
from attnviz.capture.interface import AttentionCall, normalise_mask, prepare, recording
from attnviz.errors import AttnvizError
from attnviz.models.loading import LoadedModel, explain_out_of_memory
from attnviz.models.text import TokenizedText, check_text, tokenize, tokens_of_ids
from attnviz.traces import LayerAttention, Trace


def trace(model: LoadedModel, text: str, text_pair: str | None = None, decoder_text: str | None = None) -> Trace:
    """One forward pass over a text (or a pair of texts, where the model takes them).

    An encoder-decoder reads `decoder_text` on its decoder's side, or without one what it writes itself.

    Raises:
        AttnvizError: the text or the model cannot be traced; the message says why and what to do.
    """
    read = read_text(model, text, text_pair)
    two_sided = model.module.config.is_encoder_decoder
    if decoder_text is not None:
        if not two_sided:
            raise AttnvizError(f"{model.name} has no decoder beside an encoder: leave the decoder's text out.")
        check_text(decoder_text)
    in_encoder = {id(part) for part in model.module.get_encoder().modules()} if two_sided else set()
    layers: list[LayerAttention] = []
    masks: dict[int, tuple[torch.Tensor, np.ndarray | None]] = {}  # layers share masks: each converted once

    def shared(tensor: torch.Tensor | None, n_keys: int) -> np.ndarray | None:
        if tensor is None:
            return None
        if id(tensor) not in masks:
            converted = normalise_mask(tensor, n_keys)
            masks[id(tensor)] = (tensor, None if converted is None else to_numpy(converted[0]))
        return masks[id(tensor)][1]

    def keep(call: AttentionCall) -> None:
        if not all(bool(torch.isfinite(part).all()) for part in (call.query, call.key, call.value)):
            raise AttnvizError(f"{model.name} computes NaN or infinity here: its weights are damaged, fetch it again.")
        looks_across = two_sided and not call.is_causal and id(call.module) not in in_encoder
        kind = "cross" if looks_across else "decoder" if call.is_causal else "encoder"
        layers.append(
            LayerAttention(
                kind=kind,
                index=sum(layer.kind == kind for layer in layers),
                q=to_numpy(call.query[0]),
                k=to_numpy(call.key[0]),
                v=to_numpy(call.value[0]),
                scale=float(call.scale),
                mask=shared(call.mask, call.key.shape[-2]),
                bias=shared(call.bias, call.key.shape[-2]),
                softcap=call.softcap,
                sink=None if call.sink is None else to_numpy(call.sink.reshape(-1)),
            )
        )

    start = time.perf_counter()
    with model.lock:
        prepare(model.module)
        inputs = dict(read.inputs)
        if two_sided:
            inputs["decoder_input_ids"] = decoder_ids(model, inputs, decoder_text)
            if model.limit is not None and len(inputs["decoder_input_ids"]) > model.limit:
                raise AttnvizError(f"The decoder's text is longer than the {model.limit:,} tokens that it reads.")
        with recording(keep):
            run(model.module, inputs)
    if not layers:
        raise AttnvizError(f"No attention layer ran in {model.name}: it has none that this version can capture.")
    return Trace(
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
        layers=tuple(layers),
        seconds=time.perf_counter() - start,
        decoder_tokens=tokens_of_ids(model.tokenizer, inputs["decoder_input_ids"]) if two_sided else None,
        decoder_text=decoder_text,
        inputs=inputs,
    )


def read_text(model: LoadedModel, text: str, text_pair: str | None = None) -> TokenizedText:
    """The text as this model reads it. Raises AttnvizError for a text, or a pair, that it cannot read."""
    with model.lock:  # a fast tokenizer is not to be used from two threads at once
        read = tokenize(model.tokenizer, text, text_pair, limit=model.limit)
    if max(read.inputs["input_ids"]) >= model.module.get_input_embeddings().num_embeddings:
        raise AttnvizError(f"The tokenizer of {model.name} knows more tokens than its weights: fetch the model again.")
    if text_pair is not None and read.segments[read.segments.index(1) - 1] is not None:  # nothing parts the two
        raise AttnvizError(f"{model.name} reads one text, not a pair: leave the second one out.")
    return read


def run(module: Any, inputs: Mapping[str, Sequence[int]]) -> None:
    """One plain forward pass over one text; `inputs` as in `Trace`. Raises AttnvizError when memory runs out."""
    device = next(module.parameters()).device
    tensors = {name: torch.tensor([values], device=device) for name, values in inputs.items()}
    try:
        with torch.inference_mode():
            module(**tensors)
    except (RuntimeError, MemoryError) as error:
        raise explain_out_of_memory(error) or error from error


def to_numpy(tensor: torch.Tensor) -> np.ndarray:
    """A read-only copy; half precision as float32."""
    wide = tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor
    array = np.array(wide.detach().cpu(), order="C")
    array.flags.writeable = False
    return array
