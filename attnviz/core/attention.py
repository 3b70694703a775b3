"""Dot-product attention from scratch: one function for the toy, the real models and the clicked cell.

    scores  = q kᵀ                                    how well each query matches each key
    weights = softmax(mask(scale · scores + bias))    each row becomes shares of one
    output  = weights v                               each query's blend of the values

Source: Vaswani et al. (2017), "Attention Is All You Need", section 3.2.1. Works on NumPy and torch
arrays alike through the array API standard, and torch's autograd flows through every line.
"""

import math
from dataclasses import dataclass

import numpy as np

from attnviz.core.checks import Array, as_arrays, check_attention, check_scores, size


@dataclass(frozen=True, eq=False)
class Stages:
    """Every step from scores to output, in the order in which `attention` takes them.

    Shapes: `scores, scaled, biased, masked, weights` [..., heads, queries, keys];
    `output` [..., heads, queries, d_v]; `sink_share, dead_rows` [..., heads, queries].
    A step that does nothing holds the very array of the step before it.
    """

    scores: Array  # q·k
    scaled: Array  # scale · scores
    biased: Array  # scaled + bias, then soft-capped
    masked: Array  # -inf where a query may not look
    weights: Array  # softmax over the keys: a live row sums to 1 - sink_share
    output: Array  # weights @ v
    sink_share: Array  # what the sink takes of each row; zero without a sink
    dead_rows: Array  # True where the mask leaves no key: weights and output are zero there


def attention(q, k, v, *, scale=1.0, mask=None, bias=None, softcap=None, sink=None) -> Stages:
    """Attention of queries over keys and values, every stage kept.

    Args:
        q: queries [..., heads, queries, d_k], or [queries, d_k].
        k: keys [..., kv_heads, keys, d_k]. `heads` is a multiple of `kv_heads`: with g = heads / kv_heads,
            key head j serves the query heads j·g … j·g+g-1 (grouped-query attention, Ainslie et al. 2023).
        v: values [..., kv_heads, keys, d_v].
        scale: the factor on the scores; never guessed (1/√d_k has to be asked for).
        mask: broadcasts to the scores; boolean (True: may look) or additive (-inf: may not look).
        bias: added to the scaled scores, such as a relative position bias; broadcasts to the scores.
        softcap: c turns the biased scores x into c·tanh(x/c) (Gemma 2).
        sink: one score, or one a head [heads], of an extra column that takes weight and has no value (GPT-OSS).

    Half precision is computed in float32, integers in the library's default float.

    Raises:
        TypeError: an argument is no real-valued array, or the arrays come from different libraries.
        ValueError: shapes that do not fit, an empty sequence, mixed devices, NaN, or infinity (only -inf in
            mask and bias is legal). The message names the argument, its shape and what was expected.
    """
    xp, q, k, v, mask, bias, sink = as_arrays(q=q, k=k, v=v, mask=mask, bias=bias, sink=sink)
    check_attention(xp, q, k, v, scale, mask, bias, softcap, sink)

    scores = _matmul_by_group(xp, q, xp.matrix_transpose(k))
    scaled = scores if scale == 1 else scores * scale
    biased = scaled if bias is None else scaled + bias
    if softcap is not None:
        biased = softcap * xp.tanh(biased / softcap)
    if mask is None:
        masked = biased
    elif mask.dtype == xp.bool:
        masked = xp.where(mask, biased, -math.inf)
    else:
        masked = biased + mask
    if sink is not None and sink.ndim == 1:
        sink = sink[:, None, None]
    weights, sink_share, dead_rows = _softmax(xp, masked, axis=-1, sink=sink)
    output = _matmul_by_group(xp, weights, v)
    return Stages(scores, scaled, biased, masked, weights, output, sink_share[..., 0], dead_rows[..., 0])


def attention_from_scores(scores, v, *, scale=1.0) -> Stages:
    """Attention where only finished scores [..., heads, queries, keys] are known: -inf where a query may not look.

    v [..., kv_heads, keys, d_v]. Raises TypeError and ValueError as `attention` does.
    """
    xp, scores, v = as_arrays(scores=scores, v=v)
    check_scores(xp, scores, v)
    scaled = scores if scale == 1 else scores * scale
    weights, sink_share, dead_rows = _softmax(xp, scaled, axis=-1)
    output = _matmul_by_group(xp, weights, v)
    return Stages(scores, scaled, scaled, scaled, weights, output, sink_share[..., 0], dead_rows[..., 0])


def dot_product_attention(Q, K, V) -> tuple[Array, Array]:
    """The bare mechanism, unscaled: Q [n, d_k], K [m, d_k], V [m, d_v] → output [n, d_v], weights [n, m]."""
    stages = attention(Q, K, V)
    return stages.output, stages.weights


def softmax(x, axis: int = -1) -> Array:
    """exp(x) / Σ exp(x) along `axis`, shifted by the largest entry so that nothing overflows.

    -inf entries get exactly zero; a slice of nothing but -inf is all zero.
    Raises ValueError on NaN, +inf or an empty axis.
    """
    xp, x = as_arrays(x=x)
    if x.ndim == 0 or x.shape[axis] == 0:
        raise ValueError(f"x {size(x)} has nothing to share out along axis {axis}; expected at least one entry")
    return _softmax(xp, x, axis)[0]


def causal_mask(n_queries: int, n_keys: int | None = None) -> np.ndarray:
    """Boolean [queries, keys]: a query sees itself and what came before; the last query sees every key."""
    n_keys = n_queries if n_keys is None else n_keys
    return np.arange(n_keys)[None, :] <= np.arange(n_queries)[:, None] + (n_keys - n_queries)


def _softmax(xp, x, axis, sink=None) -> tuple[Array, Array, Array]:
    """weights like x; sink_share and dead_rows with `axis` kept at length 1."""
    top = xp.max(x, axis=axis, keepdims=True)
    if not bool(xp.all(top < math.inf)):  # NaN compares false, and max carries it here
        raise ValueError(f"scores {size(x)} hold NaN or +inf; expected numbers or -inf (did q·k overflow?)")
    dead_rows = top == -math.inf
    top = xp.where(dead_rows, 0.0, top)
    if sink is not None:
        top = xp.maximum(top, sink)
    powers = xp.exp(x - top)
    total = xp.sum(powers, axis=axis, keepdims=True)
    sink_power = xp.zeros_like(total) if sink is None else xp.exp(sink - top)
    total = total + sink_power
    total = xp.where(total == 0, 1.0, total)
    return powers / total, sink_power / total, dead_rows


def _matmul_by_group(xp, many, few) -> Array:
    """many [..., heads, n, a] @ few [..., kv_heads, a, m]: each head of `few` serves a group of `many`."""
    if many.shape[:-2] == few.shape[:-2]:
        return xp.matmul(many, few)
    *batch, heads, n, a = many.shape
    kv_heads, m = few.shape[-3], few.shape[-1]
    grouped = xp.reshape(many, (*batch, kv_heads, heads // kv_heads, n, a))
    return xp.reshape(xp.matmul(grouped, few[..., None, :, :]), (*batch, heads, n, m))
