"""The certificate: every head of a trace against a second, independent pass through the model's eager attention.

The second pass runs on a twin of the model that shares its tensors, so nothing is toggled on the model itself. The
twin's weights are those that really multiplied its values, seen by a tap on torch's operations, not those that
transformers reports. Each layer is compared as it runs and let go. Three errors a head, the largest over the rows:

    weight_error   our core on the twin's own q, k, v, mask and scale, against the weights that the twin computed
    drift          the weights on screen, from our own pass, against the twin's: all differences end to end
    output_error   the weighted sum of values from our core against the twin's, over the twin's largest |output|

Padding, and rows that the mask leaves without any key, are left out everywhere: eager attention spreads those over all
keys. A certificate whose twin ran softmax in more heads than were compared does not pass.
"""

import copy
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from attnviz.capture.ablation import as_traced
from attnviz.capture.interface import AttentionCall
from attnviz.capture.layers import Inputs, Progress, changes_of, changing, eager_pass, to_numpy
from attnviz.capture.tracing import batch_of_one, read_text, trace
from attnviz.core.attention import Stages, attention, attention_from_scores
from attnviz.errors import AttnvizError
from attnviz.models.loading import LoadedModel
from attnviz.traces import LayerAttention, Trace
from attnviz.validation.results import Certificate, HeadErrors
from attnviz.validation.sentences import SENTENCES

TOLERANCE = 1e-5  # in float32; weights are at most one, so this is absolute
HALF_TOLERANCE = 8  # times the epsilon of a half format, in which the model itself rounds its scores
ALL_ROWS_UP_TO = 1024  # tokens; above it, this many query rows of each head are compared:
SAMPLED_ROWS = 64


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
    return merged(certificates)


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


def certify(model: LoadedModel, traced: Trace, *, progress: Progress | None = None) -> Certificate:
    """Compare one trace with the model's eager attention on the same text, with the same heads replaced, if any.

    `progress(layers done)` is called after each layer; what it raises ends the comparison. Raises ValueError where
    layers or shapes are not the same.
    """
    with model.lock, as_traced(model.module, traced):
        inputs = batch_of_one(model.module, traced.inputs)
        (certificate,) = certify_batch(model.module, traced.model, inputs, traced.route, [traced.layers], progress)
    return certificate


def certify_batch(
    module: Any,
    name: str,
    inputs: Inputs,
    route: str,
    texts: Sequence[Sequence[LayerAttention]],
    progress: Progress | None = None,
) -> list[Certificate]:
    """Compare each text's layers, captured by `route` from a batch, with the model's eager attention on that batch.

    Raises ValueError where layers or shapes are not the same.
    """
    comparisons = [_Comparison(layers, inputs, text) for text, layers in enumerate(texts)]

    def compare(call: AttentionCall, output: torch.Tensor, weights: torch.Tensor) -> None:
        for text, comparison in enumerate(comparisons):
            comparison.add(call.of_text(text), output[text], weights[text])
        if progress is not None:
            progress(len(comparisons[0].row_sums))

    heads_expected = eager_pass(module, inputs, route, compare)
    half = module.dtype.itemsize < 4
    tolerance = HALF_TOLERANCE * torch.finfo(module.dtype).eps if half else TOLERANCE
    gate = 2 * tolerance
    if _max(comparison.drift for comparison in comparisons) > gate:  # is the format itself that far from the truth?
        gate = max(gate, (1 if half else 10) * _float64_distance(module, inputs, route))
    return [
        comparison.certificate(
            model=name, architecture=module.config.model_type, route=route, tolerance=tolerance, drift_tolerance=gate,
            heads_expected=heads_expected,
        )
        for comparison in comparisons
    ]  # fmt: skip


class _Comparison:
    """One text's layers against what the twin computes, layer by layer."""

    def __init__(self, layers: Sequence[LayerAttention], inputs: Inputs, text: int) -> None:
        self.layers = layers
        self.inputs = inputs
        self.text = text
        self.heads: list[HeadErrors] = []
        self.output_drifts: list[float] = []
        self.row_sums: list[float] = []
        self.leaks: list[float] = []

    def add(self, call: AttentionCall, output: torch.Tensor, weights: torch.Tensor) -> None:
        """One attention of the twin; output [queries, heads, d_v], weights [heads, queries, keys]."""
        done = len(self.row_sums)
        if done == len(self.layers):
            raise ValueError(f"the trace has {done} layers, and eager attention ran in more")
        layer = self.layers[done]
        rows = _sample(_real_rows(self.inputs, self.text, layer.n_queries))
        found, output_drift = _compare_heads(layer, call, to_numpy(output[rows]), to_numpy(weights[:, rows]), rows)
        self.heads.extend(found)
        self.output_drifts.append(output_drift)
        row_sum, leak = _check_rows(layer, rows)
        self.row_sums.append(row_sum)
        if leak is not None:
            self.leaks.append(leak)

    @property
    def drift(self) -> float:
        """The largest, of weights and of outputs."""
        return _max([*(errors.drift for errors in self.heads), *self.output_drifts])

    def certificate(self, *, tolerance: float, drift_tolerance: float, heads_expected: int, **about) -> Certificate:
        """What was found. Raises ValueError where not every layer was compared."""
        if not self.layers or len(self.row_sums) != len(self.layers):
            raise ValueError(
                f"the trace has {len(self.layers)} layers, and eager attention ran in {len(self.row_sums)}"
            )
        weight_error, output_error = (
            _max(getattr(errors, name) for errors in self.heads) for name in ("weight_error", "output_error")
        )
        return Certificate(
            **about,
            texts=1,
            n_layers=len(self.layers),
            n_heads=max(layer.n_heads for layer in self.layers),
            max_weight_error=weight_error,
            max_drift=_max(errors.drift for errors in self.heads),
            max_output_error=output_error,
            max_output_drift=_max(self.output_drifts),
            max_row_sum_error=_max(self.row_sums),
            causal_leak=_max(self.leaks) if self.leaks else None,
            tolerance=tolerance,
            drift_tolerance=drift_tolerance,
            passed=_max([weight_error, output_error]) <= tolerance
            and _max(self.row_sums) <= TOLERANCE
            and self.drift <= drift_tolerance
            and not any(self.leaks)
            and len(self.heads) == heads_expected,
            sampled=any(layer.n_queries > ALL_ROWS_UP_TO for layer in self.layers),
            heads_expected=heads_expected,
            heads=tuple(self.heads),
        )


def _compare_heads(
    layer: LayerAttention, call: AttentionCall, output: np.ndarray, weights: np.ndarray, rows: np.ndarray
) -> tuple[list[HeadErrors], float]:
    """output [rows, heads, d_v] and weights [heads, rows, keys] are what the twin made of the call, of one text.

    Returns the errors of each head, and the largest difference between the outputs, end to end.
    """
    shown = layer.attention(rows=rows)
    ours = _core_on(call, rows)
    theirs = _after_sink(weights, ours)
    their_output = output.swapaxes(0, 1)
    if not shown.weights.shape == theirs.shape == tuple(ours.weights.shape):
        raise ValueError(
            f"layer {layer.index}: weights {shown.weights.shape} on screen, {theirs.shape} in eager attention"
        )
    allowed = [None if part is None else to_numpy(part) for part in (call.mask, call.scores)]
    live = _live_rows(allowed[0], allowed[1], rows, theirs)
    if not live.any(axis=1).all():
        raise ValueError(f"layer {layer.index}: a head has no row that could be compared")
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


def _after_sink(theirs: np.ndarray, ours: Stages) -> np.ndarray:
    """Weights [heads, rows, keys] less the sink's share, where the twin takes that off the output and not off them."""
    if np.abs(theirs.sum(axis=-1) - 1).max() > TOLERANCE:
        return theirs
    return theirs * (1 - to_numpy(ours.sink_share))[..., None]


def _core_on(call: AttentionCall, rows: np.ndarray) -> Stages:
    """Our attention on the very tensors that the twin used for one text, as torch computes it."""

    def part(tensor: torch.Tensor | None) -> torch.Tensor | None:
        return None if tensor is None else tensor[:, rows]

    if call.scores is not None:
        return attention_from_scores(part(call.scores), call.value, scale=call.scale)
    return attention(
        part(call.query),
        call.key,
        call.value,
        scale=call.scale,
        mask=part(call.mask),
        bias=part(call.bias),
        softcap=call.softcap,
        sink=call.sink,
    )


def _check_rows(layer: LayerAttention, rows: np.ndarray) -> tuple[float, float | None]:
    """How far live rows are from summing to one, and the largest weight on a later token (None: may look ahead)."""
    stages = layer.attention(rows=rows)
    live = _live_rows(layer.mask, layer.scores, rows, stages.weights)
    off = np.abs(stages.weights.sum(axis=-1, dtype=np.float64) + stages.sink_share - 1)
    row_sum = float(off[live].max(initial=0))
    n_keys = stages.weights.shape[-1]
    if layer.kind != "decoder" or n_keys != layer.n_queries:
        return row_sum, None
    later = np.arange(n_keys)[None, :] > rows[:, None]
    return row_sum, float(np.abs(stages.weights * later).max())


def _live_rows(mask: np.ndarray | None, scores: np.ndarray | None, rows: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Boolean [heads, rows]: the rows that mask or finished scores leave a key. Not asked of the core."""
    known = mask if scores is None else scores
    if known is None:
        return np.ones(weights.shape[:2], dtype=bool)
    allowed = known if known.dtype == bool else ~np.isneginf(known)
    return np.broadcast_to(allowed[:, rows].any(axis=-1), weights.shape[:2])


def _largest(difference: np.ndarray, live: np.ndarray) -> float:
    return float(np.abs(difference[live]).max(initial=0))


def _real_rows(inputs: Inputs, text: int, n_queries: int) -> np.ndarray:
    """The query rows of one text that are not padding."""
    mask = inputs.get("attention_mask")
    if mask is None or mask.shape[1] != n_queries:  # the decoder's side of an encoder-decoder comes without padding
        return np.arange(n_queries)
    return np.flatnonzero(to_numpy(mask[text]))


def _sample(rows: np.ndarray) -> np.ndarray:
    """The query rows that are compared: all of them, or a sample that is the same every time."""
    if len(rows) <= ALL_ROWS_UP_TO:
        return rows
    return np.sort(np.random.default_rng(0).choice(rows, SAMPLED_ROWS, replace=False))


def _float64_distance(module: Any, inputs: Inputs, route: str) -> float:
    """How far eager weights, and outputs over their largest, are from those in float64: the model format's own cost."""

    def results(of: Any) -> list[np.ndarray]:
        kept: list[np.ndarray] = []

        def keep(call: AttentionCall, output: torch.Tensor, weights: torch.Tensor) -> None:
            for text in range(len(weights)):
                rows = _sample(_real_rows(inputs, text, weights.shape[-2]))
                kept.append(to_numpy(weights[text][:, rows]))
                kept.append(to_numpy(output[text][rows] / output[text][rows].abs().max()))

        eager_pass(of, inputs, route, keep)
        return kept

    single = results(module)
    try:
        wider = copy.deepcopy(module).double()
        with ExitStack() as stack:
            for change in changes_of(module):
                stack.enter_context(changing(wider, change))
            double = results(wider)
    except (RuntimeError, ValueError):  # some operations have no float64 form, or give NaN: then nothing is excused
        return 0.0
    return max(float(np.abs(a - b).max()) for a, b in zip(single, double))


def merged(certificates: list[Certificate]) -> Certificate:
    """One certificate for several texts of one model: the largest of every error, head by head."""

    def largest(of: Sequence[Any], *names: str) -> dict[str, Any]:
        return {name: _max(getattr(one, name) for one in of) for name in names}

    leaks = [one.causal_leak for one in certificates if one.causal_leak is not None]
    return replace(
        certificates[0],
        texts=len(certificates),
        **largest(certificates, "max_weight_error", "max_drift", "max_output_error", "max_output_drift"),
        **largest(certificates, "max_row_sum_error", "drift_tolerance"),
        heads_expected=max(one.heads_expected for one in certificates),
        causal_leak=_max(leaks) if leaks else None,
        sampled=any(one.sampled for one in certificates),
        passed=all(one.passed for one in certificates),
        heads=tuple(
            replace(same[0], **largest(same, "weight_error", "drift", "output_error"))
            for same in zip(*(one.heads for one in certificates), strict=True)
        ),
    )


def _max(numbers: Iterable[float]) -> float:
    """The largest; NaN if any is, so that it can never pass a gate."""
    return float(np.max([*numbers]))
