"""Ablation: a head's output is replaced while the model runs, by zero, by its mean, by what another text gave.

A head's output is the weighted sum of its values, before the output projection. Where heads share keys and values, each
query head still has an output of its own.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import numpy as np
import torch

from attnviz.capture.interface import AttentionCall
from attnviz.capture.layers import Inputs, changing, forward, observe, to_numpy
from attnviz.errors import AttnvizError
from attnviz.traces import Head, Trace

Values = torch.Tensor | np.ndarray | float
Replacement = Values | Callable[[torch.Tensor], Values]


@contextmanager
def intervened(module: Any, replacements: Mapping[Head, Replacement]) -> Iterator[Callable[..., Any]]:
    """Inside, these heads' outputs are replaced in every pass of the model that attnviz runs in this thread.

        with intervened(model.module, {Head("decoder", 3, 1): 0}) as run:
            changed = run(**inputs)

    `run` is one forward pass. What `trace`, `predictions` and the labels run inside is changed as well, for the model
    with and without its language-model head; what `module(**inputs)` runs is not. A replacement is whatever broadcasts
    to the head's output [batch, tokens, d_v], such as 0 or a mean [d_v], or a function from that output to such a
    thing. Blocks can be nested: the inner one sees what the outer one put there. Nothing is changed on the module, so
    other threads see nothing of it; take the model's lock, as for any pass.

    Raises AttnvizError for a replacement of another shape, and, on leaving, for a head that no pass inside has met;
    Uncapturable for a model whose attention no route shows.
    """
    met: set[Head] = set()

    def change(kind: str, index: int, output: torch.Tensor) -> None:
        for head, replacement in replacements.items():
            if (head.kind, head.layer) == (kind, index) and 0 <= head.head < output.shape[2]:
                _replace(head, output[:, :, head.head], replacement)
                met.add(head)

    with changing(module, change):
        yield lambda **inputs: forward(module, inputs)
    missed = sorted(set(replacements) - met)
    if missed:
        raise AttnvizError(
            f"No pass went through {missed[0].kind} {missed[0]}: either {type(module).__name__} has no such head, or "
            "it was called by itself instead of through `run`."
        )


def as_traced(module: Any, traced: Trace) -> AbstractContextManager[Any]:
    """Inside, passes are changed as the trace's was, if it was."""
    return intervened(module, traced.replaced) if traced.replaced else nullcontext()


def head_outputs(module: Any, inputs: Inputs) -> dict[Head, np.ndarray]:
    """Every head's output [batch, tokens, d_v] in one pass, bit for bit as the model goes on with it.

    Raises Uncapturable for a model whose attention no route shows, and AttnvizError when memory runs out.
    """

    def keep(kind: str, index: int, call: AttentionCall) -> dict[Head, np.ndarray]:
        assert call.output is not None
        output = to_numpy(call.output)
        return {Head(kind, index, head): output[:, :, head] for head in range(output.shape[2])}

    return {head: output for layer in observe(module, inputs, keep).kept for head, output in layer.items()}


def head_means(module: Any, batches: Iterable[Inputs]) -> dict[Head, np.ndarray]:
    """Every head's mean output [d_v] over all positions of all texts; texts of a batch are equally long, unpadded.

    Errors as in `head_outputs`; ValueError without a batch.
    """
    sums: dict[Head, np.ndarray] = {}
    counts: dict[Head, int] = {}
    for inputs in batches:
        for head, output in head_outputs(module, inputs).items():
            rows = output.reshape(-1, output.shape[-1])
            sums[head] = sums.get(head, 0) + rows.sum(0, dtype=np.float64)
            counts[head] = counts.get(head, 0) + len(rows)
    if not sums:
        raise ValueError("a mean needs at least one batch")
    return {head: total / counts[head] for head, total in sums.items()}


def _replace(head: Head, output: torch.Tensor, replacement: Replacement) -> None:
    """Overwrite one head's output [batch, tokens, d_v], where it lies."""
    values = replacement(output.clone()) if callable(replacement) else replacement
    given = torch.as_tensor(np.array(values) if isinstance(values, np.ndarray) else values).to(output)
    try:
        output.copy_(given)
    except RuntimeError:
        raise AttnvizError(
            f"The output of {head.kind} {head} is {list(output.shape)}, and a replacement of {list(given.shape)} does "
            "not fit it: give [d_v], [tokens, d_v] or [batch, tokens, d_v]."
        ) from None
