"""The route through transformers' attention interface: what every layer's attention was given.

A function registered under its own name stands where transformers would call SDPA. It records queries, keys,
values, mask and scale, and lets SDPA compute on, so capturing costs about what a plain forward pass costs.
"""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import eager_mask

from attnviz.core.attention import attention
from attnviz.errors import AttnvizError
from attnviz.traces import BLOCK_BYTES

IMPLEMENTATION = "attnviz"
# Arguments that say nothing about the weights which mask, scale and the ones used here do not say already. Anything
# else (a sparse selection, packed lengths) would change them unseen, so it is refused.
HARMLESS = {"is_causal", "position_ids", "sliding_window", "use_cache", "return_dict", "output_attentions",
            "output_hidden_states", "output_router_logits", "cache_position", "layer_head_mask",
            "deterministic"}  # fmt: skip


@dataclass(frozen=True, eq=False)
class AttentionCall:
    """One call of a layer's attention, as torch tensors on the model's device, with their batch axis.

    query [batch, heads, queries, d_k], key and value [batch, kv_heads, keys, …], mask and bias as the model made them;
    `is_causal` says that the layer, which is `module` or in it, looks backwards only. Where query and key are not
    known they are None, and `scores` [batch, heads, queries, keys] are what softmax was given, -inf at forbidden keys.
    `output` [batch, queries, heads, d_v] is the very tensor that the model goes on with, where that is known.
    """

    query: torch.Tensor | None
    key: torch.Tensor | None
    value: torch.Tensor
    mask: torch.Tensor | None
    scale: float
    bias: torch.Tensor | None
    softcap: float | None
    sink: torch.Tensor | None
    is_causal: bool
    module: Any
    scores: torch.Tensor | None = None
    output: torch.Tensor | None = None

    @property
    def n_queries(self) -> int:
        known = self.query if self.scores is None else self.scores
        assert known is not None
        return known.shape[-2]

    def every_query(self, extra: torch.Tensor | None) -> torch.Tensor | None:
        """A mask or bias as what it means, [batch or 1, heads or 1, queries, keys]."""
        meant = normalise_mask(extra, self.value.shape[-2])
        return None if meant is None else meant.expand(*meant.shape[:2], self.n_queries, -1)

    def of_text(self, text: int) -> "AttentionCall":
        """One text of the batch, without the batch axis; its mask as what it means."""

        def part(tensor: torch.Tensor | None) -> torch.Tensor | None:
            return None if tensor is None else tensor[text % len(tensor)]

        return replace(
            self,
            query=part(self.query),
            key=part(self.key),
            value=self.value[text],
            mask=part(self.every_query(self.mask)),
            bias=part(self.every_query(self.bias)),
            sink=None if self.sink is None else self.sink.reshape(-1),
            scores=part(self.scores),
        )


class Bypassed(AttnvizError):
    """What a model's attention does cannot be seen, or not wholly, at the interface."""


class Uncapturable(AttnvizError):
    """A model's attention, or its lack of it, is nothing that either route can show; the message is the reason."""


Watcher = Callable[[AttentionCall], None]
EagerWatcher = Callable[[AttentionCall, torch.Tensor, torch.Tensor], None]
_recorder: ContextVar[Watcher | None] = ContextVar("attnviz_recorder", default=None)
computing: ContextVar[bool] = ContextVar("attnviz_computing", default=False)  # whether a recorded attention runs now
_eager_watcher: ContextVar[EagerWatcher | None] = ContextVar("attnviz_eager_watcher", default=None)


@contextmanager
def recording(watcher: Watcher) -> Iterator[None]:
    """Give each attention call of a prepared model, in this thread, to `watcher`."""
    token = _recorder.set(watcher)
    try:
        yield
    finally:
        _recorder.reset(token)


@contextmanager
def watching_eager(watcher: EagerWatcher) -> Iterator[None]:
    """Give each call of transformers' own eager attention, in this thread, to `watcher(call, output, weights)`.

    output [batch, queries, heads, d_v], weights [batch, heads, queries, keys].
    """
    token = _eager_watcher.set(watcher)
    try:
        yield
    finally:
        _eager_watcher.reset(token)


def prepare(module: Any) -> None:
    """Route a model's attention through the recorder, once and for good; idle, it runs SDPA as before.

    From then on it keeps no keys and values for a next token, unless a call asks for them, as writing does.
    Raises Bypassed for a model whose attention does not go through the interface.
    """
    if module.config._attn_implementation == IMPLEMENTATION:
        return
    if not type(module)._can_set_attn_implementation():
        raise Bypassed(f"{type(module).__name__} computes attention without transformers' attention interface.")
    module.set_attn_implementation(IMPLEMENTATION)
    module.config.use_cache = False


def eager_twin(module: Any) -> Any:
    """A second model on the same tensors (nothing is copied) that always runs transformers' eager attention.

    It reads a text in one piece: some decoders would otherwise look at its last token only.
    """
    shared = {id(tensor): tensor for tensor in chain(module.parameters(), module.buffers())}
    twin = copy.deepcopy(module, shared)
    twin.set_attn_implementation("eager")
    twin.config.use_cache = False
    return twin


def normalise_mask(mask: torch.Tensor | None, n_keys: int) -> torch.Tensor | None:
    """transformers' additive mask as what it means: None where all may look, boolean, or additive with -inf.

    Forbidden keys carry the lowest finite number of the format (or a sum of such); a real bias is never so low.
    """
    if mask is None:
        return None
    mask = mask[..., :n_keys]
    if mask.dtype == torch.bool:
        return None if bool(mask.all()) else mask
    forbidden = mask <= torch.finfo(mask.dtype).min / 2
    if bool((forbidden | (mask == 0)).all()):
        return ~forbidden if bool(forbidden.any()) else None
    return mask.masked_fill(forbidden, float("-inf"))


def _call(module, query, key, value, attention_mask, scaling=None, **options) -> AttentionCall:
    bias, softcap, sink = (options.pop(name, None) for name in ("position_bias", "softcap", "s_aux"))
    unknown = {name for name, given in options.items() if given is not None} - HARMLESS - {"dropout"}
    if unknown:
        raise Bypassed(f"{type(module).__name__} steers its attention by {', '.join(sorted(unknown))}.")
    if scaling is None:
        raise AttnvizError(f"{type(module).__name__} does not say how it scales its scores, and a guess would not do.")
    if query.shape[-2] > 1 and attention_mask is None and _is_causal(module, options):
        raise AttnvizError(f"{type(module).__name__} is causal and came without its mask: the map would be wrong.")
    causal = _is_causal(module, options)
    return AttentionCall(query, key, value, attention_mask, float(scaling), bias, softcap, sink, causal, module)


def _is_causal(module, options) -> bool:
    given = options.get("is_causal")
    return bool(getattr(module, "is_causal", False) if given is None else given)


def _recorded_attention(module, query, key, value, attention_mask=None, scaling=None, dropout=0.0, **options):
    call = _call(module, query, key, value, attention_mask, scaling, **options)
    token = computing.set(True)
    try:
        output, weights = _computed(call, module)
    finally:
        computing.reset(token)
    watcher = _recorder.get()
    if watcher is not None:
        watcher(replace(call, output=output))
    return output, weights


def _computed(call, module):
    """output [batch, queries, heads, d_v], and None where transformers would have the weights."""
    if call.bias is None and call.softcap is None and call.sink is None:
        return sdpa_attention_forward(
            module, call.query, call.key, call.value, call.mask, scaling=call.scale, is_causal=call.is_causal
        )
    mask = normalise_mask(call.mask, call.key.shape[-2])
    step = max(1, BLOCK_BYTES // (4 * call.query.shape[:2].numel() * call.key.shape[-2]))
    outputs = []
    for start in range(0, call.n_queries, step):
        rows = slice(start, start + step)
        stages = attention(
            call.query[:, :, rows],
            call.key,
            call.value,
            scale=call.scale,
            mask=_some_rows(mask, rows),
            bias=_some_rows(call.bias, rows),
            softcap=call.softcap,
            sink=call.sink,
        )
        outputs.append(stages.output)
    return torch.cat(outputs, dim=2).to(call.value.dtype).transpose(1, 2).contiguous(), None


def _some_rows(extra: torch.Tensor | None, rows: slice) -> torch.Tensor | None:
    """Of a mask or bias [batch, heads, queries or 1, keys]."""
    return extra if extra is None or extra.shape[-2] == 1 else extra[..., rows, :]


def _watched_interface(self, attn_implementation, default):
    chosen = _get_interface(self, attn_implementation, default)
    watcher = _eager_watcher.get()
    if watcher is None:
        return chosen

    def watched(module, query, key, value, attention_mask=None, **options):
        output, weights = chosen(module, query, key, value, attention_mask, **options)
        watcher(_call(module, query, key, value, attention_mask, **options), output, weights)
        return output, weights

    return watched


AttentionInterface.register(IMPLEMENTATION, _recorded_attention)
AttentionMaskInterface.register(IMPLEMENTATION, eager_mask)  # without it every model gets mask=None, silently
# Eager functions are not registered anywhere: a model passes its own as the default of this look-up. Outside
# `watching_eager` the look-up is the original one.
_get_interface = AttentionInterface.get_interface
AttentionInterface.get_interface = _watched_interface  # type: ignore[method-assign]
