"""The route for models whose attention does not go through transformers' interface: a tap on the softmax they run.

A dispatch mode sees every operation that torch runs. It follows the product of queries and keys through views, scaling,
biases and masks into a softmax, and what the softmax gives into its product with the values. Scores that come about
in another way than `scale · q·kᵀ + bias` and a mask are kept as they are, finished. A softmax over what a linear layer
gives is a router, not attention. One that is followed to no product with values is counted, so that nothing slips by.

On both routes it also sees which weight an attention's output meets next: the output projection.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.weak import WeakTensorKeyDictionary

from attnviz.capture.interface import AttentionCall, Uncapturable, computing
from attnviz.core.attention import attention

FORBIDDEN = -1e4  # this much, or less, is what models put on a key that may not be looked at
VIEWS = {"view", "_unsafe_view", "transpose", "permute", "expand", "squeeze", "unsqueeze", "clone", "_to_copy",
         "alias", "detach", "t", "slice", "select"}  # fmt: skip
COMMUTATIVE = {"add", "mul"}
CLAMPS = {"maximum", "clamp", "clamp_min"}  # at the lowest finite number
POINTWISE = {"sub", "div", "masked_fill", "where"} | COMMUTATIVE | CLAMPS


@dataclass(frozen=True, eq=False)
class Scores:
    """scale · query·keyᵀ + bias: operands [groups, positions, d_k] as they met, bias in the layout of the scores."""

    query: torch.Tensor
    key: torch.Tensor
    scale: float = 1.0
    bias: torch.Tensor | None = None


@dataclass(frozen=True, eq=False)
class Projection:
    """What a linear layer gives; `place` is the number of the attention whose output it was given, exactly that."""

    place: int | None = None


@dataclass(frozen=True, eq=False)
class Softmax:
    """A softmax over `scores`; `source` is what they were made of, None where that is not known."""

    scores: torch.Tensor
    source: Scores | None

    def n_heads(self, batch: int) -> int:
        """How many [queries, keys] it holds for each text."""
        return self.scores.shape[:-2].numel() // batch


@dataclass(frozen=True, eq=False)
class Output:
    """What an attention gives; `place` is its number among those that ran."""

    place: int


@dataclass(frozen=True, eq=False)
class Attended:
    """One attention that ran: weights [batch, heads, queries, keys], the very matrix that multiplied the values.

    value [batch, kv_heads, keys, d_v], output [batch, queries, heads, d_v]; `module` is the encoder of an
    encoder-decoder if it ran there, else None.
    """

    weights: torch.Tensor
    value: torch.Tensor
    output: torch.Tensor
    softmax: Softmax
    module: Any


class SoftmaxTap(TorchDispatchMode):
    """Gives each attention that runs inside to `watcher`; what runs and cannot be followed stays in `unfollowed`.

    `lengths` are those of the texts in the batch: attention over anything else, such as blocks, is not followed.
    With None for them, all is. `projections` holds, for each attention whose output was followed, the weights
    [heads · d_v, d_model] that met exactly this output: views of the model's own. `added` are the numbers of those
    whose projection was then added to something of its size as it is, such as the residual stream.
    """

    def __init__(self, batch: int, lengths: Collection[int] | None, watcher: Callable[[Attended], object]) -> None:
        super().__init__()
        self.batch = batch
        self.lengths = None if lengths is None else set(lengths)
        self.watcher = watcher
        self.module: Any = None  # an encoder-decoder's encoder, while that is running
        self.n_heads = 0
        self.unfollowed: set[Softmax] = set()
        self.projections: list[list[torch.Tensor]] = []
        self.added: set[int] = set()
        self._output: Any = None  # of the latest attention
        self._known: Any = WeakTensorKeyDictionary()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = func.overloadpacket.__name__
        known = [self._known.get(value) if isinstance(value, torch.Tensor) else None for value in args]
        result = func(*args, **kwargs)
        if name == "bmm":
            self._multiplied(Scores(args[0], args[1].mT), args, known, result)
        elif name == "baddbmm":
            bias = kwargs.get("beta", 1) * args[0]
            scores = Scores(args[1], args[2].mT, kwargs.get("alpha", 1), bias.expand_as(result))
            self._multiplied(scores, args[1:], known[1:], result)
        elif name in ("mm", "addmm"):
            self._known[result] = Projection(self._projected(args[-2], known[-2], args[-1]))
        elif name in ("_softmax", "_safe_softmax"):
            self._softmaxed(args[0], args[1], known[0], result)
        elif name.startswith("_scaled_dot_product") and not computing.get():
            self._expect(Softmax(result[0], None))  # fused: its weights never exist
        elif name in VIEWS and known[0] is not None:
            self._known[result] = _viewed(known[0], func, args, kwargs)
        elif name.rstrip("_") in POINTWISE and any(known):
            if name.rstrip("_") == "add" and kwargs.get("alpha", 1) == 1:
                self._added(args, known)
            self._learn(result, _changed(name.rstrip("_"), args, kwargs, known, result))
        return result

    def follow(self, tensor: torch.Tensor, output: torch.Tensor) -> None:
        """See what `tensor` meets, which the model goes on with; output [batch, queries, heads, d_v] holds the same."""
        self._known[tensor] = Output(len(self.projections))
        self._output = output
        self.projections.append([])

    def _projected(self, rows: torch.Tensor, known: Any, weight: torch.Tensor) -> int | None:
        """rows [batch · queries, width] have met weight [width, d_model]; of which attention they are the output."""
        latest = len(self.projections) - 1
        if isinstance(known, Output) and known.place == latest:
            whole = self._output.flatten(-2).flatten(0, 1)
            if torch.equal(rows, whole):
                self.projections[latest].append(weight)
                return latest
        return None

    def _added(self, terms: Any, known: Any) -> None:
        if all(isinstance(term, torch.Tensor) for term in terms) and terms[0].shape == terms[1].shape:
            self.added |= {one.place for one in known if isinstance(one, Projection) and one.place is not None}

    def _learn(self, tensor: torch.Tensor, known: Any) -> None:
        if known is not None:
            self._known[tensor] = known
        else:
            self._known.pop(tensor, None)  # an operation in place has made it something else

    def _softmaxed(self, scores: torch.Tensor, axis: int, known: Any, result: torch.Tensor) -> None:
        last = axis % scores.ndim == scores.ndim - 1
        if scores.ndim < 3 or not last or isinstance(known, Projection) or computing.get():
            return
        softmax = Softmax(scores, known if isinstance(known, Scores) else None)
        self._expect(softmax)
        self._known[result] = softmax

    def _expect(self, softmax: Softmax) -> None:
        self.n_heads += softmax.n_heads(self.batch)
        self.unfollowed.add(softmax)

    def _multiplied(self, scores: Scores, operands, known, result: torch.Tensor) -> None:
        left, right = known
        if isinstance(left, Softmax) and isinstance(right, Softmax):
            self._known[result] = left  # several softmaxes multiplied approximate one: none of them is the weights
        elif isinstance(left, Softmax):
            self._finish(left, operands[0], operands[1], result, result)
        elif isinstance(right, Softmax):
            self._finish(right, operands[1].mT, operands[0].mT, result.mT, result)
        else:
            self._known[result] = scores

    def _finish(self, softmax: Softmax, weights, values, output, result: torch.Tensor) -> None:
        """weights [groups, queries, keys] have met values [groups, keys, d_v]; `result` holds output, or its mT."""
        groups, n_queries, n_keys = weights.shape
        n_heads = softmax.n_heads(self.batch)
        if groups != self.batch * n_heads or (self.lengths is not None and not {n_queries, n_keys} <= self.lengths):
            return
        if softmax not in self.unfollowed:  # a second product, such as with relative positions, is no second layer
            return
        self.unfollowed.discard(softmax)
        output = output.reshape(self.batch, n_heads, n_queries, -1).transpose(1, 2)
        self.follow(result, output)
        self.watcher(
            Attended(
                weights.reshape(self.batch, n_heads, n_queries, n_keys),
                values.reshape(self.batch, -1, *values.shape[-2:]),
                output,
                softmax,
                self.module,
            )
        )


class Unfused(TorchFunctionMode):
    """Has torch compute its fused attention step by step, so that the tap sees a softmax."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func is torch.nn.functional.scaled_dot_product_attention:
            return _step_by_step(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))


def _step_by_step(query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, **options):
    if attn_mask is not None and attn_mask.dtype == torch.bool:  # these steps would add it, as 0 and 1
        attn_mask = torch.zeros_like(attn_mask, dtype=query.dtype).masked_fill(~attn_mask, float("-inf"))
    steps = torch.ops.aten._scaled_dot_product_attention_math
    return steps(query, key, value, attn_mask, dropout_p, is_causal, **options)[0]


def _viewed(known, func, args, kwargs):
    if isinstance(known, Scores) and known.bias is not None:
        try:
            return replace(known, bias=func(known.bias, *args[1:], **kwargs))
        except RuntimeError:  # it stands for more numbers than it holds, and has no such view
            return replace(known, bias=func(known.bias.contiguous(), *args[1:], **kwargs))
    return known


def _changed(name, args, kwargs, known, result):
    """What is known of the result of a pointwise operation; None where that is nothing."""
    if any(isinstance(one, Output) for one in known):
        return None
    if name == "where":
        return _where(args, known, result)
    if name in COMMUTATIVE and isinstance(known[1], (Scores, Softmax)) and not isinstance(known[0], Scores):
        args, known = args[1::-1], known[1::-1]
    first, other = known[0], args[1]
    if isinstance(first, Projection):
        return None if name in ("add", "sub", "where") else Projection()
    if not isinstance(first, Scores) or name in CLAMPS:
        return first
    bias = result.new_zeros(()) if first.bias is None else first.bias  # as small as it can be said: it is quadratic
    if name == "masked_fill":
        return replace(first, bias=bias.masked_fill(other, args[2]).expand_as(result))
    if name in ("add", "sub"):
        step = kwargs.get("alpha", 1) * (1 if name == "add" else -1)
        return replace(first, bias=(bias + step * other).expand_as(result))
    if isinstance(other, torch.Tensor) and other.numel() > 1:
        return (
            replace(first, bias=(bias * other).expand_as(result)) if name == "mul" else None
        )  # a mask of zeros and ones
    factor = float(other) if name == "mul" else 1 / float(other)
    return replace(first, scale=first.scale * factor, bias=None if first.bias is None else bias * factor)


def _where(args, known, result):
    """torch.where(condition, one, other), with the scores on either side."""
    condition, one, other = args
    scores = known[1] if isinstance(known[1], Scores) else known[2]
    if not isinstance(scores, Scores):
        return scores
    bias = result.new_zeros(()) if scores.bias is None else scores.bias
    chosen = torch.where(condition, bias, other) if scores is known[1] else torch.where(condition, one, bias)
    return replace(scores, bias=chosen.expand_as(result))


def as_call(attended: Attended) -> AttentionCall:
    """What the core needs to recompute one attention: query, key, scale, bias and mask where they reproduce the
    softmax, else its finished scores. Whether it looks backwards only is read off them.

    Raises Uncapturable where there is neither.
    """
    weights, source = attended.weights, attended.softmax.source
    if attended.softmax.scores.numel() != weights.numel():
        raise Uncapturable("Its softmax has more columns than there are keys, and what fills them is not known.")
    scores = attended.softmax.scores.reshape(weights.shape)
    forbidden = scores <= FORBIDDEN
    n_queries, n_keys = weights.shape[-2:]
    later = torch.ones(n_queries, n_keys, dtype=torch.bool, device=weights.device).triu(1)
    finished = AttentionCall(
        query=None,
        key=None,
        value=attended.value,
        mask=None,
        scale=1.0,
        bias=None,
        softcap=None,
        sink=None,
        is_causal=attended.module is None and n_queries == n_keys and bool(forbidden[..., later].all()),
        module=attended.module,
        scores=scores.masked_fill(forbidden, float("-inf")),
    )
    if source is None or not _fits(source, weights, attended.value.shape[1]):
        return finished
    call = replace(finished, scores=None, **_operands(source, weights))
    return call if _reproduces(call, weights) else finished


def _fits(source: Scores, weights: torch.Tensor, n_kv_heads: int) -> bool:
    """Whether query and key can be read as finite [batch, heads, positions, d_k] beside these weights and values."""
    batch, n_heads, n_queries, n_keys = weights.shape
    d_k = source.query.shape[-1]
    queries_fit = source.query.numel() == batch * n_heads * n_queries * d_k
    keys_fit = source.key.numel() == batch * n_kv_heads * n_keys * d_k
    return queries_fit and keys_fit and all(bool(torch.isfinite(part).all()) for part in (source.query, source.key))


def _operands(source: Scores, weights: torch.Tensor) -> dict[str, Any]:
    """query, key, scale, mask and bias in the shapes of an AttentionCall."""
    batch, n_heads, n_queries, n_keys = weights.shape
    operands: dict[str, Any] = {
        "query": source.query.reshape(batch, n_heads, n_queries, -1),
        "key": source.key.reshape(batch, -1, n_keys, source.key.shape[-1]),
        "scale": source.scale,
    }
    if source.bias is not None:
        bias = source.bias.reshape(weights.shape)
        forbidden = bias <= FORBIDDEN
        if bool(forbidden.any()):
            operands["mask"] = _by_head(~forbidden)
        bias = bias.masked_fill(forbidden, 0)
        if bool(bias.any()):
            operands["bias"] = _by_head(bias)
    return operands


def _by_head(extra: torch.Tensor) -> torch.Tensor:
    """[batch, heads, queries, keys] with one head where all are the same."""
    return extra[:, :1] if bool((extra == extra[:, :1]).all()) else extra


def _reproduces(call: AttentionCall, weights: torch.Tensor) -> bool:
    """Whether the operands were followed rightly; roughly, since how closely is for the certificate to say."""
    stages = attention(call.query, call.key, call.value, scale=call.scale, mask=call.mask, bias=call.bias)
    off = (stages.weights - weights).abs().amax(dim=-1).masked_fill(stages.dead_rows, 0)
    return float(off.max()) <= torch.finfo(weights.dtype).eps ** 0.5
