"""Every layer's attention in one forward pass over a batch, by whichever route shows all of it."""

import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
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
Progress = Callable[[int], object]  # told how many layers are done; what it raises ends the run
_twins: "weakref.WeakKeyDictionary[Any, Any]" = weakref.WeakKeyDictionary()
_bypassing: "weakref.WeakSet[Any]" = weakref.WeakSet()  # models that are known not to show all at the interface


def capture_batch(
    module: Any, inputs: Inputs, progress: Progress | None = None
) -> tuple[str, list[tuple[LayerAttention, ...]]]:
    """The route, "interface" or "fallback", and for each text of the batch its layers.

    Raises Uncapturable where neither route shows every layer; the message says why.
    """
    if module not in _bypassing:
        try:
            return "interface", _through_interface(module, inputs, progress)
        except Bypassed:
            _bypassing.add(module)
    return "fallback", _through_softmax(module, inputs, progress)


def eager_pass(module: Any, inputs: Inputs, route: str, watcher: EagerWatcher) -> int:
    """Run the model's eager twin, and give each attention to `watcher(call, output, weights)` as it runs.

    output [batch, queries, heads, d_v]; weights [batch, heads, queries, keys] are those that multiplied the values.
    Returns how many heads softmax ran in, followed or not.
    """
    latest: list[Attended] = []
    twin = twin_of(module)
    if route == "fallback":
        tap = _tap(inputs, lambda attended: watcher(as_call(attended), attended.output, attended.weights))
        with tap, Unfused(), _telling_parts(twin, tap):
            forward(twin, inputs)
        return tap.n_heads

    def called(call: AttentionCall, output: torch.Tensor, weights: torch.Tensor) -> None:
        if not latest:
            raise ValueError(f"{type(call.module).__name__} ran no softmax whose weights multiplied its values")
        watcher(call, output, latest.pop().weights)

    tap = SoftmaxTap(_batch(inputs), None, latest.append)
    with tap, watching_eager(called):
        forward(twin, inputs)
    return tap.n_heads


def forward(module: Any, inputs: Inputs) -> Any:
    """What the module gives in one plain forward pass. Raises AttnvizError when memory runs out."""
    try:
        with torch.no_grad():
            return module(**inputs)
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


def _through_interface(module: Any, inputs: Inputs, progress: Progress | None) -> list[tuple[LayerAttention, ...]]:
    prepare(module)
    layers = _Layers(module, inputs, progress)
    tap = _tap(inputs, lambda attended: None)

    def called(call: AttentionCall) -> None:
        layers.add(call)
        assert call.output is not None
        tap.follow(call.output, call.output)

    with tap, recording(called):
        forward(module, inputs)
    if tap.n_heads:
        raise Bypassed(f"{type(module).__name__} computes some of its attention without the interface.")
    return layers.of_each_text(tap.projections)


def _through_softmax(module: Any, inputs: Inputs, progress: Progress | None) -> list[tuple[LayerAttention, ...]]:
    twin = twin_of(module)
    layers = _Layers(twin, inputs, progress)
    tap = _tap(inputs, lambda attended: layers.add(as_call(attended)))
    with tap, Unfused(), _telling_parts(twin, tap):
        forward(twin, inputs)
    if tap.unfollowed:
        raise Uncapturable(
            f"{len(tap.unfollowed)} of its softmaxes give no weights of tokens over tokens: they run over blocks of "
            "keys, over pooled or added positions, or are multiplied with one another."
        )
    return layers.of_each_text(tap.projections)


class _Layers:
    """Collects attention calls as the layers of each text in the batch."""

    def __init__(self, module: Any, inputs: Inputs, progress: Progress | None) -> None:
        self.module = module
        self.progress = progress
        self.two_sided = module.config.is_encoder_decoder
        self.in_encoder = {id(part) for part in module.get_encoder().modules()} if self.two_sided else set()
        self.texts: list[list[LayerAttention]] = [[] for _ in range(_batch(inputs))]
        self.masks: dict[int, tuple[torch.Tensor, list[np.ndarray | None]]] = {}

    def add(self, call: AttentionCall) -> None:
        parts = [part for part in (call.query, call.key, call.value) if part is not None]
        scores_fit = call.scores is None or bool((call.scores < float("inf")).all())  # NaN compares false
        if not scores_fit or not all(bool(torch.isfinite(part).all()) for part in parts):
            name = type(self.module).__name__
            raise AttnvizError(f"{name} computes NaN or infinity here: its weights are damaged, fetch the model again.")
        looks_across = self.two_sided and not call.is_causal and id(call.module) not in self.in_encoder
        kind = "cross" if looks_across else "decoder" if call.is_causal else "encoder"
        masks, biases = self._shared(call, call.mask), self._shared(call, call.bias)
        for text, layers in enumerate(self.texts):
            layers.append(
                LayerAttention(
                    kind=kind,
                    index=sum(layer.kind == kind for layer in layers),
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
            )

        if self.progress is not None:
            self.progress(len(self.texts[0]))

    def of_each_text(self, projections: list[list[torch.Tensor]]) -> list[tuple[LayerAttention, ...]]:
        """Each with the one weight that its output met, if there is one. Raises Uncapturable where no attention ran."""
        if not self.texts[0]:
            raise Uncapturable("It never calls softmax over keys: it has no attention, or computes it in another way.")
        weights = [view_of(met[0]) if len(met) == 1 else None for met in projections]
        return [
            tuple(replace(layer, output_projection=_by_head(layer, weight)) for layer, weight in zip(layers, weights))
            for layers in self.texts
        ]

    def _shared(self, call: AttentionCall, tensor: torch.Tensor | None) -> list[np.ndarray | None]:
        """A mask or bias for each text; layers that have the same share it, since it is quadratic."""
        if tensor is None:
            return [None] * len(self.texts)
        if id(tensor) not in self.masks:
            meant = call.every_query(tensor)
            rows = [None if meant is None else to_numpy(meant[text % len(meant)]) for text in range(len(self.texts))]
            for _, seen in self.masks.values():
                if all(_equal(one, other) for one, other in zip(rows, seen)):
                    return seen
            self.masks[id(tensor)] = (tensor, rows)
        return self.masks[id(tensor)][1]


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
