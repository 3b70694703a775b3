"""The mean outputs that stand for ablated heads in mean ablation."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

import numpy as np

from attnviz.capture.ablation import head_means
from attnviz.capture.layers import Inputs
from attnviz.capture.tracing import batch_of_one, trace
from attnviz.errors import AttnvizError
from attnviz.models.loading import LoadedModel
from attnviz.traces import Head


def mean_outputs(
    model: LoadedModel, texts: Sequence[str], progress: Callable[[int, int], object] | None = None
) -> dict[Head, np.ndarray]:
    """Every head's mean output [d_v] over all positions of some texts, of those that the model can read.

    `progress(texts done, texts in all)` is called after each. Raises AttnvizError where it can read none.
    """

    def read() -> Iterator[Inputs]:
        for done, text in enumerate(texts, start=1):
            with suppress(AttnvizError):
                yield batch_of_one(model.module, trace(model, text).inputs)
            if progress is not None:
                progress(done, len(texts))

    with model.lock:
        try:
            return head_means(model.module, read())
        except ValueError:
            raise AttnvizError(f"{model.name} reads none of the texts that means are taken over.") from None
