"""Every layer's weights on a batch, one layer at a time: made as the layer runs, reduced, and let go."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from torch.utils._python_dispatch import _disable_current_modes

from attnviz.capture.interface import AttentionCall
from attnviz.capture.layers import check_finite, observe
from attnviz.core.attention import Stages, attention, attention_from_scores

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class LayerWeights:
    """One layer on a batch: weights [batch, heads, queries, keys], output [batch, heads, queries, d_v], and `visible`
    [batch, queries, keys], which keys a row may look at, in any of its heads."""

    kind: str
    index: int
    weights: np.ndarray
    output: np.ndarray
    visible: np.ndarray


def reduce_weights(module: Any, rows: Sequence[Sequence[int]], reduce: Callable[[LayerWeights], T]) -> list[T]:
    """What `reduce` makes of each layer's weights on some equally long texts, given as token ids, in one forward pass.

    Raises Uncapturable for a model that no route can show, and AttnvizError when memory runs out.
    """

    def keep(kind: str, index: int, call: AttentionCall) -> T:
        with _disable_current_modes():  # the tap would look at every operation of ours, in vain
            check_finite(module, call)
            stages = _attention_of(call)
            arrays = stages.weights, stages.output, (stages.masked > -math.inf).any(1)
        return reduce(LayerWeights(kind, index, *(array.cpu().numpy() for array in arrays)))

    return observe(module, {"input_ids": torch.tensor(rows, device=module.device)}, keep).kept


def _attention_of(call: AttentionCall) -> Stages:
    """The core's, on the batch."""
    if call.query is None or call.key is None:
        return attention_from_scores(call.scores, call.value, scale=call.scale)
    return attention(
        call.query,
        call.key,
        call.value,
        scale=call.scale,
        mask=call.every_query(call.mask),
        bias=call.every_query(call.bias),
        softcap=call.softcap,
        sink=None if call.sink is None else call.sink.reshape(-1),
    )
