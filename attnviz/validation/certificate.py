"""The certificate: every head of a trace against a second, independent pass through transformers' eager attention.

The second pass runs on a twin of the model that shares its tensors, so nothing is toggled on the model itself. Each
layer is compared as it runs and let go. Three errors a head, the largest over the compared rows:

    weight_error   our core on the twin's own q, k, v, mask and scale, against the weights that the twin computed
    drift          the weights on screen, from our own pass, against the twin's: all differences end to end
    output_error   the weighted sum of values from our core against the twin's, over the twin's largest |output|

Rows that the mask leaves without any key are left out everywhere: eager attention spreads them over all keys.
"""

import copy
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch

from attnviz.capture.interface import AttentionCall, eager_twin, normalise_mask, watching_eager
from attnviz.capture.tracing import read_text, run, to_numpy, trace
from attnviz.core.attention import attention
from attnviz.errors import AttnvizError
from attnviz.models.loading import LoadedModel
from attnviz.traces import Head, LayerAttention, Trace
from attnviz.validation.sentences import SENTENCES

TOLERANCE = 1e-5  # float32; weights are at most one, so this is absolute
SMALLEST_DRIFT_GATE = 2e-5
ALL_ROWS_UP_TO = 1024  # tokens; above it, this many query rows of each head are compared:
SAMPLED_ROWS = 64

_twins: "weakref.WeakKeyDictionary[Any, Any]" = weakref.WeakKeyDictionary()


@dataclass(frozen=True)
class HeadErrors:
    """The largest differences of one head, as defined above."""

    kind: str
    layer: int
    head: int
    weight_error: float
    drift: float
    output_error: float

    @property
    def address(self) -> Head:
        """Which head this is."""
        return Head(self.kind, self.layer, self.head)


@dataclass(frozen=True)
class Certificate:
    """What the comparison found, the maximum over the texts; every head once."""

    model: str
    architecture: str
    route: str
    texts: int
    n_layers: int
    n_heads: int
    max_weight_error: float
    max_drift: float
    max_output_error: float
    max_output_drift: float  # the same, of the output that the trace gives, end to end; held to the gate of drift
    max_row_sum_error: float
    causal_leak: float | None  # the largest weight on a later token; None where layers look both ways
    tolerance: float
    drift_tolerance: float
    passed: bool  # on every text, every error was within its gate
    sampled: bool  # whether only some rows of a long text were compared
    heads: tuple[HeadErrors, ...]

    def of(self, head: Head) -> HeadErrors:
        """The errors of one head. Raises KeyError where it was not compared."""
        for errors in self.heads:
            if errors.address == head:
                return errors
        raise KeyError(f"{head.kind} {head} was not compared")

    def to_dict(self) -> dict[str, Any]:
        """The stable JSON shape of `python -m attnviz validate MODEL --json`; NaN, which is no JSON, becomes None."""
        keys = ("model", "architecture", "route", "texts", "n_layers", "n_heads", "max_weight_error", "max_drift",
                "max_output_error", "max_row_sum_error", "causal_leak", "tolerance", "passed")  # fmt: skip
        shape = {key: getattr(self, key) for key in keys} | {"heads": [asdict(errors) for errors in self.heads]}
        return _without_nan(shape)


def validate(
    model: LoadedModel,
    texts: str | Sequence[str] | None = None,
    *,
    progress: Callable[[int, int], object] | None = None,
) -> Certificate:
    """Certify every head of a model on some texts (None: those of the ten built-in sentences that it can read whole).

    `progress(texts done, texts in all)` is called after each. Raises AttnvizError for a text that cannot be traced.
    """
    if texts is None:
        texts = _sentences_for(model)
    elif isinstance(texts, str):
        texts = [texts]
    if not texts:
        raise AttnvizError(
            "There is no text to validate on: give one, or leave the list out for the built-in sentences."
        )
    certificates = []
    for done, text in enumerate(texts, start=1):
        certificates.append(certify(model, trace(model, text)))
        if progress is not None:
            progress(done, len(texts))
    return _merged(certificates)


def _sentences_for(model: LoadedModel) -> list[str]:
    readable = []
    for sentence in SENTENCES:
        try:
            read_text(model, sentence)
        except AttnvizError as error:
            reason = error
        else:
            readable.append(sentence)
    if not readable:
        raise reason
    return readable


def certify(model: LoadedModel, traced: Trace) -> Certificate:
    """Compare one trace with transformers' eager attention on the same text.

    Raises ValueError where layers or shapes are not the same.
    """
    heads: list[HeadErrors] = []
    output_drifts: list[float] = []
    row_sums: list[float] = []
    leaks: list[float] = []
    remaining = iter(traced.layers)

    def compare(call: AttentionCall, output: torch.Tensor, weights: torch.Tensor) -> None:
        layer = next(remaining, None)
        if layer is None:
            raise ValueError(f"the trace has {len(traced.layers)} layers, and eager attention ran in more")
        rows = _rows(layer.q.shape[1])
        found, output_drift = _compare_heads(layer, call, to_numpy(output[0]), to_numpy(weights[0]), rows)
        heads.extend(found)
        output_drifts.append(output_drift)
        row_sum, leak = _check_rows(layer, rows)
        row_sums.append(row_sum)
        if leak is not None:
            leaks.append(leak)

    with model.lock:
        twin = _twin(model.module)
        with watching_eager(compare):
            run(twin, traced.inputs)
        if len(row_sums) != len(traced.layers):
            raise ValueError(f"the trace has {len(traced.layers)} layers, and eager attention ran in {len(row_sums)}")
        weight_error, drift, output_error = (
            _max(getattr(errors, name) for errors in heads) for name in ("weight_error", "drift", "output_error")
        )
        gate = SMALLEST_DRIFT_GATE
        if _max([drift, *output_drifts]) > gate:  # is float32 itself that far from the truth here?
            gate = max(gate, 10 * _float32_distance(model.module, traced.inputs))
    return Certificate(
        model=traced.model,
        architecture=traced.architecture,
        route="interface",
        texts=1,
        n_layers=len(traced.layers),
        n_heads=max(layer.n_heads for layer in traced.layers),
        max_weight_error=weight_error,
        max_drift=drift,
        max_output_error=output_error,
        max_output_drift=_max(output_drifts),
        max_row_sum_error=_max(row_sums),
        causal_leak=_max(leaks) if leaks else None,
        tolerance=TOLERANCE,
        drift_tolerance=gate,
        passed=_max([weight_error, output_error, *row_sums]) <= TOLERANCE
        and _max([drift, *output_drifts]) <= gate
        and not any(leaks),
        sampled=any(layer.q.shape[1] > ALL_ROWS_UP_TO for layer in traced.layers),
        heads=tuple(heads),
    )


def _compare_heads(
    layer: LayerAttention, call: AttentionCall, output: np.ndarray, weights: np.ndarray, rows: np.ndarray
) -> tuple[list[HeadErrors], float]:
    """output [queries, heads, d_v] and weights [heads, queries, keys] are what eager attention made of the call.

    Returns the errors of each head, and the largest difference between the outputs, end to end.
    """
    theirs = weights[:, rows]
    their_output = output.swapaxes(0, 1)[:, rows]
    shown = layer.attention(rows=rows)
    ours = _core_on(call, rows)
    if not shown.weights.shape == theirs.shape == tuple(ours.weights.shape):
        raise ValueError(
            f"layer {layer.index}: weights {shown.weights.shape} on screen, {theirs.shape} in eager attention"
        )
    mask = normalise_mask(call.mask, call.key.shape[-2])
    live = _live_rows(None if mask is None else to_numpy(mask[0]), theirs.shape[0], rows)
    largest_output = float(np.abs(their_output).max()) or 1.0
    output_drift = _largest(shown.output - their_output, live) / largest_output
    errors = [
        HeadErrors(
            kind=layer.kind,
            layer=layer.index,
            head=head,
            weight_error=_largest(to_numpy(ours.weights[head]) - theirs[head], live[head]),
            drift=_largest(shown.weights[head] - theirs[head], live[head]),
            output_error=_largest(to_numpy(ours.output[head]) - their_output[head], live[head]) / largest_output,
        )
        for head in range(layer.n_heads)
    ]
    return errors, output_drift


def _core_on(call: AttentionCall, rows: np.ndarray):
    """Our attention on the very tensors that the twin used, as torch computes it."""

    def part(extra: torch.Tensor | None) -> torch.Tensor | None:
        return None if extra is None else extra[0][:, rows]

    return attention(
        call.query[0][:, rows],
        call.key[0],
        call.value[0],
        scale=call.scale,
        mask=part(normalise_mask(call.mask, call.key.shape[-2])),
        bias=part(call.bias),
        softcap=call.softcap,
        sink=None if call.sink is None else call.sink.reshape(-1),
    )


def _check_rows(layer: LayerAttention, rows: np.ndarray) -> tuple[float, float | None]:
    """How far live rows are from summing to one, and the largest weight on a later token (None: may look ahead)."""
    stages = layer.attention(rows=rows)
    live = _live_rows(layer.mask, layer.n_heads, rows)
    off = np.abs(stages.weights.sum(axis=-1, dtype=np.float64) + stages.sink_share - 1)
    row_sum = float(off[live].max(initial=0))
    if layer.kind != "decoder":
        return row_sum, None
    n_keys = stages.weights.shape[-1]
    later = np.arange(n_keys)[None, :] > rows[:, None] + (n_keys - layer.q.shape[1])
    return row_sum, float(np.abs(stages.weights * later).max())


def _live_rows(mask: np.ndarray | None, n_heads: int, rows: np.ndarray) -> np.ndarray:
    """Boolean [heads, rows]: which rows the mask [1 or heads, queries, keys] leaves a key. Not asked of the core."""
    if mask is None:
        return np.ones((n_heads, len(rows)), dtype=bool)
    allowed = mask if mask.dtype == bool else ~np.isneginf(mask)
    return np.broadcast_to(allowed[:, rows].any(axis=-1), (n_heads, len(rows)))


def _largest(difference: np.ndarray, live: np.ndarray) -> float:
    return float(np.abs(difference[live]).max(initial=0))


def _rows(n_queries: int) -> np.ndarray:
    """The query rows that are compared: all of them, or a sample that is the same every time."""
    if n_queries <= ALL_ROWS_UP_TO:
        return np.arange(n_queries)
    return np.sort(np.random.default_rng(0).choice(n_queries, SAMPLED_ROWS, replace=False))


def _float32_distance(module: Any, inputs: Mapping[str, Sequence[int]]) -> float:
    """How far eager weights, and outputs over their largest, are apart in float32 and float64: float32's own cost."""

    def results(twin: Any) -> list[np.ndarray]:
        kept: list[np.ndarray] = []

        def keep(call: AttentionCall, output: torch.Tensor, weights: torch.Tensor) -> None:
            rows = _rows(weights.shape[-2])
            kept.append(to_numpy(weights[0][:, rows]))
            kept.append(to_numpy(output[0][rows] / output.abs().max()))

        with watching_eager(keep):
            run(twin, inputs)
        return kept

    single = results(_twin(module))
    try:
        double = results(eager_twin(copy.deepcopy(module).double()))
    except RuntimeError:  # some operations (grouped matrix products) have no float64 form: then nothing is excused
        return 0.0
    return max(float(np.abs(a - b).max()) for a, b in zip(single, double))


def _twin(module: Any) -> Any:
    if module not in _twins:
        _twins[module] = eager_twin(module)
    return _twins[module]


def _merged(certificates: list[Certificate]) -> Certificate:
    """One certificate for several texts of one model: the largest of every error, head by head."""

    def largest(of: Sequence[Any], *names: str) -> dict[str, Any]:
        return {name: _max(getattr(one, name) for one in of) for name in names}

    leaks = [one.causal_leak for one in certificates if one.causal_leak is not None]
    return replace(
        certificates[0],
        texts=len(certificates),
        **largest(certificates, "max_weight_error", "max_drift", "max_output_error", "max_output_drift"),
        **largest(certificates, "max_row_sum_error", "drift_tolerance"),
        causal_leak=_max(leaks) if leaks else None,
        sampled=any(one.sampled for one in certificates),
        passed=all(one.passed for one in certificates),
        heads=tuple(
            replace(same[0], **largest(same, "weight_error", "drift", "output_error"))
            for same in zip(*(one.heads for one in certificates), strict=True)
        ),
    )


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_nan(inner) for inner in value]
    return None if value != value else value


def _max(numbers: Iterable[float]) -> float:
    """The largest; NaN if any is, so that it can never pass a gate."""
    return float(np.max([*numbers]))
