"""A text through a model, once: the Trace."""

import time
from typing import Any

import numpy as np
import torch

from attnviz.capture.interface import AttentionCall, additive_to_boolean, prepare, recording
from attnviz.errors import AttnvizError
from attnviz.models.loading import LoadedModel, explain_out_of_memory
from attnviz.models.text import TokenizedText, tokenize
from attnviz.traces import LayerAttention, Trace


def trace(model: LoadedModel, text: str, text_pair: str | None = None) -> Trace:
    """One forward pass over a text (or a pair of texts, where the model takes them).

    Raises:
        AttnvizError: the text or the model cannot be traced; the message says why and what to do.
    """
    read = read_text(model, text, text_pair)
    layers: list[LayerAttention] = []
    masks: dict[int, tuple[torch.Tensor, np.ndarray | None]] = {}  # layers share masks: each converted once

    def shared(tensor: torch.Tensor | None, n_keys: int) -> np.ndarray | None:
        if tensor is None:
            return None
        if id(tensor) not in masks:
            converted = additive_to_boolean(tensor, n_keys)
            masks[id(tensor)] = (tensor, None if converted is None else to_numpy(converted[0]))
        return masks[id(tensor)][1]

    def keep(call: AttentionCall) -> None:
        if not all(bool(torch.isfinite(part).all()) for part in (call.query, call.key, call.value)):
            raise AttnvizError(f"{model.name} computes NaN or infinity here: its weights are damaged, fetch it again.")
        kind = "decoder" if call.is_causal else "encoder"
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
        with recording(keep):
            run(model.module, read)
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


def run(module: Any, read: TokenizedText) -> None:
    """One plain forward pass. Raises AttnvizError when memory runs out."""
    device = next(module.parameters()).device
    inputs = {name: torch.tensor([values], device=device) for name, values in read.inputs.items()}
    try:
        with torch.inference_mode():
            module(**inputs)
    except (RuntimeError, MemoryError) as error:
        raise explain_out_of_memory(error) or error from error


def to_numpy(tensor: torch.Tensor) -> np.ndarray:
    """A read-only copy; half precision as float32."""
    wide = tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor
    array = np.array(wide.detach().cpu(), order="C")
    array.flags.writeable = False
    return array
