"""Every layer's attention in one forward pass over a batch, by whichever route shows all of it."""

import itertools
import weakref
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from attnviz.capture.fallbacks import Attended, SoftmaxTap, Unfused, as_call
from attnviz.capture.interface import (
    AttentionCall,
    Bypassed,
    Uncapturable,
    eager_twin,
    prepare,
    recording,
    watching_eager,
)
from attnviz.errors import AttnvizError
from attnviz.models.loading import explain_out_of_memory
from attnviz.traces import LayerAttention

Inputs = Mapping[str, torch.Tensor]  # [batch, tokens] by the name of the argument
EagerWatcher = Callable[[AttentionCall, torch.Tensor, torch.Tensor], None]
Progress = Callable[[int], object]  # told how many layers are done
Keep = Callable[[str, int, AttentionCall], Any]
Change = Callable[[str, int, torch.Tensor], None]
_twins: "weakref.WeakKeyDictionary[Any, Any]" = weakref.WeakKeyDictionary()
_bypassing: "weakref.WeakSet[Any]" = weakref.WeakSet()  # models that are known not to show all at the interface
_changes: ContextVar[tuple[tuple[Any, Change], ...]] = ContextVar("attnviz_changes", default=())


@dataclass(frozen=True, eq=False)
class Pass:
    """One forward pass: its route, "interface" or "fallback", what the module gave, what was kept of each attention in
    the order in which they ran, the weights that the output of each met next, and the numbers of those that were then
    added to the residual stream as they were."""

    route: str
    result: Any
    kept: list[Any]
    projections: list[list[torch.Tensor]]
    added: set[int]


def capture_batch(
    module: Any, inputs: Inputs, progress: Progress | None = None
) -> tuple[str, list[tuple[LayerAttention, ...]]]:
    """The route, "interface" or "fallback", and for each text of the batch its layers.

    `progress` is told how many layers are done; what it raises ends the pass. Raises Uncapturable where neither route
    shows every layer; the message says why.
    """
    shared = _SharedMasks(_batch(inputs))
    numbers = itertools.count(1)

    def keep(kind: str, index: int, call: AttentionCall) -> list[LayerAttention]:
        check_finite(module, call)
        layers = _layer_of_each_text(kind, index, call, shared)
        if progress is not None:
            progress(next(numbers))
        return layers

    seen = observe(module, inputs, keep)
    weights = [view_of(met[0]) if len(met) == 1 else None for met in seen.projections]
    return seen.route, [
        tuple(replace(layer, output_projection=_by_head(layer, weight)) for layer, weight in zip(layers, weights))
        for layers in zip(*seen.kept)
    ]


def observe(module: Any, inputs: Inputs, keep: Keep, **savings: Any) -> Pass:
    """One forward pass by the route that shows all of the model's attention, changed as `changing` says; `savings` are
    arguments of the model that have it compute less.

    Each attention is given to `keep(kind, index, call)` with its address and its output. A pass that turns out not to
    show all at the interface is run again on the other route, and what it gave to `keep` is left out.

    Raises Uncapturable where neither route shows every layer, and AttnvizError when memory runs out.
    """
    if module not in _bypassing:
        before = module.config._attn_implementation
        try:
            return _through_interface(module, inputs, keep, savings)
        except Bypassed:
            _bypassing.add(module)
            if module.config._attn_implementation != before:
                module.set_attn_implementation(before)
    return _through_softmax(module, inputs, keep, savings)


@contextmanager
def changing(module: Any, change: Change) -> Iterator[None]:
    """In this thread, give each attention's output [batch, queries, heads, d_v], in every pass of this model with or
    without its head, to `change(kind, index, output)`, which may change it in place, before the model goes on."""
    token = _changes.set((*_changes.get(), (module, change)))
    try:
        yield
    finally:
        _changes.reset(token)


def changes_of(module: Any) -> list[Change]:
    """What `changing` says of this model now, the outermost first."""
    return [change for changed, change in _changes.get() if changed.base_model is module.base_model]


def eager_pass(module: Any, inputs: Inputs, route: str, watcher: EagerWatcher) -> int:
    """Run the model's eager twin, changed as `changing` says of the model, and give each attention to
    `watcher(call, output, weights)` as it runs, before that change.

    output [batch, queries, heads, d_v]; weights [batch, heads, queries, keys] are those that multiplied the values.
    Returns how many heads softmax ran in, followed or not.
    """
    latest: list[Attended] = []
    twin = twin_of(module)
    attentions = _Attentions(module, twin, lambda kind, index, call: None)

    def watch(call: AttentionCall, output: torch.Tensor, weights: torch.Tensor) -> None:
        watcher(call, output, weights)
        attentions.add(replace(call, output=output))

    if route == "fallback":
        tap = _tap(inputs, lambda attended: watch(as_call(attended), attended.output, attended.weights))
        with tap, Unfused(), _telling_parts(twin, tap):
            _plain(twin, inputs)
        return tap.n_heads

    def called(call: AttentionCall, output: torch.Tensor, weights: torch.Tensor) -> None:
        if not latest:
            raise ValueError(f"{type(call.module).__name__} ran no softmax whose weights multiplied its values")
        watch(call, output, latest.pop().weights)

    tap = SoftmaxTap(_batch(inputs), None, latest.append)
    with tap, watching_eager(called):
        _plain(twin, inputs)
    return tap.n_heads


def forward(module: Any, inputs: Inputs, **savings: Any) -> Any:
    """What the module gives in one forward pass, changed as `changing` says; `savings` as in `observe`.

    Raises AttnvizError when memory runs out, and Uncapturable for a change where no route shows every layer.
    """
    if changes_of(module):
        return observe(module, inputs, lambda kind, index, call: None, **savings).result
    return _plain(module, inputs, **savings)


def _plain(module: Any, inputs: Inputs, **savings: Any) -> Any:
    try:
        with torch.no_grad():
            return module(**inputs, **savings)
    except (RuntimeError, MemoryError) as error:
        raise explain_out_of_memory(error) or error from error


def twin_of(module: Any) -> Any:
    """The model's eager twin, made once; it goes when the model goes."""
    if module not in _twins:
        _twins[module] = eager_twin(module)
    return _twins[module]


def to_numpy(tensor: torch.Tensor) -> np.ndarray:
    """A read-only copy; half precision as float32."""
    wide = tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor
    array = np.array(wide.detach().cpu(), order="C")
    array.flags.writeable = False
    return array


def view_of(weight: torch.Tensor) -> np.ndarray:
    """A read-only array on the tensor's own memory; half precision, and what is on another device, as a copy."""
    wide = weight.float() if weight.dtype in (torch.float16, torch.bfloat16) else weight
    array = wide.detach().cpu().numpy().view()
    array.flags.writeable = False
    return array


def _through_interface(module: Any, inputs: Inputs, keep: Keep, savings: Mapping[str, Any]) -> Pass:
    prepare(module)
    attentions = _Attentions(module, module, keep)
    tap = _tap(inputs, lambda attended: None)

    def called(call: AttentionCall) -> None:
        attentions.add(call)
        assert call.output is not None
        tap.follow(call.output, call.output)

    with tap, recording(called):
        result = _plain(module, inputs, **savings)
    if tap.n_heads:
        raise Bypassed(f"{type(module).__name__} computes some of its attention without the interface.")
    return attentions.as_pass("interface", result, tap)


def _through_softmax(module: Any, inputs: Inputs, keep: Keep, savings: Mapping[str, Any]) -> Pass:
    twin = twin_of(module)
    attentions = _Attentions(module, twin, keep)
    tap = _tap(inputs, lambda attended: attentions.add(replace(as_call(attended), output=attended.output)))
    with tap, Unfused(), _telling_parts(twin, tap):
        result = _plain(twin, inputs, **savings)
    if tap.unfollowed:
        raise Uncapturable(
            f"{len(tap.unfollowed)} of its softmaxes give no weights of tokens over tokens: they run over blocks of "
            "keys, over pooled or added positions, or are multiplied with one another."
        )
    return attentions.as_pass("fallback", result, tap)


class _Attentions:
    """The attentions of one pass of `running`, which is the model or its twin: numbered by kind, changed, and kept."""

    def __init__(self, module: Any, running: Any, keep: Keep) -> None:
        self.two_sided = running.config.is_encoder_decoder
        self.in_encoder = {id(part) for part in running.get_encoder().modules()} if self.two_sided else set()
        self.changes = changes_of(module)
        self.keep = keep
        self.kept: list[Any] = []
        self.counted: Counter[str] = Counter()

    def add(self, call: AttentionCall) -> None:
        looks_across = self.two_sided and not call.is_causal and id(call.module) not in self.in_encoder
        kind = "cross" if looks_across else "decoder" if call.is_causal else "encoder"
        index = self.counted[kind]
        self.counted[kind] += 1
        assert call.output is not None
        for change in self.changes:
            change(kind, index, call.output)
        self.kept.append(self.keep(kind, index, call))

    def as_pass(self, route: str, result: Any, tap: SoftmaxTap) -> Pass:
        """Raises Uncapturable where no attention ran."""
        if not self.kept:
            raise Uncapturable("It never calls softmax over keys: it has no attention, or computes it in another way.")
        return Pass(route, result, self.kept, tap.projections, tap.added)


def check_finite(module: Any, call: AttentionCall) -> None:
    parts = [part for part in (call.query, call.key, call.value) if part is not None]
    scores_fit = call.scores is None or bool((call.scores < float("inf")).all())  # NaN compares false
    if not scores_fit or not all(bool(torch.isfinite(part).all()) for part in parts):
        name = type(module).__name__
        raise AttnvizError(f"{name} computes NaN or infinity here: its weights are damaged, fetch the model again.")


def _layer_of_each_text(kind: str, index: int, call: AttentionCall, shared: "_SharedMasks") -> list[LayerAttention]:
    masks, biases = shared.of_each_text(call, call.mask), shared.of_each_text(call, call.bias)
    return [
        LayerAttention(
            kind=kind,
            index=index,
            q=None if call.query is None else to_numpy(call.query[text]),
            k=None if call.key is None else to_numpy(call.key[text]),
            v=to_numpy(call.value[text]),
            scale=float(call.scale),
            mask=masks[text],
            bias=biases[text],
            softcap=call.softcap,
            sink=None if call.sink is None else to_numpy(call.sink.reshape(-1)),
            scores=None if call.scores is None else to_numpy(call.scores[text]),
        )
        for text in range(shared.n_texts)
    ]


class _SharedMasks:
    """A mask or bias for each text; layers that have the same share it, since it is quadratic."""

    def __init__(self, n_texts: int) -> None:
        self.n_texts = n_texts
        self.known: dict[int, tuple[torch.Tensor, list[np.ndarray | None]]] = {}

    def of_each_text(self, call: AttentionCall, tensor: torch.Tensor | None) -> list[np.ndarray | None]:
        if tensor is None:
            return [None] * self.n_texts
        if id(tensor) not in self.known:
            meant = call.every_query(tensor)
            rows = [None if meant is None else to_numpy(meant[text % len(meant)]) for text in range(self.n_texts)]
            for _, seen in self.known.values():
                if all(_equal(one, other) for one, other in zip(rows, seen)):
                    return seen
            self.known[id(tensor)] = (tensor, rows)
        return self.known[id(tensor)][1]


def _by_head(layer: LayerAttention, weight: np.ndarray | None) -> np.ndarray | None:
    """[heads · d_v, d_model] as [heads, d_v, d_model]."""
    return None if weight is None else weight.reshape(layer.n_heads, layer.v.shape[-1], -1)


def _equal(one: np.ndarray | None, other: np.ndarray | None) -> bool:
    if one is None or other is None:
        return one is other
    return one.dtype == other.dtype and np.array_equal(one, other)


def _tap(inputs: Inputs, watcher: Callable[[Attended], object]) -> SoftmaxTap:
    return SoftmaxTap(_batch(inputs), {tensor.shape[1] for tensor in inputs.values()}, watcher)


def _batch(inputs: Inputs) -> int:
    return next(iter(inputs.values())).shape[0]


@contextmanager
def _telling_parts(twin: Any, tap: SoftmaxTap) -> Iterator[None]:
    """Tell the tap when an encoder-decoder's encoder is running. The twin is run under its model's lock."""
    if not twin.config.is_encoder_decoder:
        yield
        return
    encoder = twin.get_encoder()

    def entered(module, arguments):
        tap.module = encoder

    def left(module, arguments, output):
        tap.module = None

    handles = [encoder.register_forward_pre_hook(entered), encoder.register_forward_hook(left)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
