"""What labelling a model would take, before it is done."""

from __future__ import annotations

import time

from attnviz.models.loading import LoadedModel

from .decide import SEED
from .evaluate import looks_back
from .probe_sets import first_family, special_tokens_of
from .scores import count_hits

TIMED = 8  # passages


def cost(model: LoadedModel) -> tuple[int, float]:
    """About how many tokens labelling this model reads, and how many seconds it takes here, by a timing of a few.

    Raises AttnvizError for a model that cannot be labelled.
    """
    with model.lock:
        start = time.perf_counter()
        probes = first_family(model.tokenizer, special_tokens_of(model.tokenizer, looks_back(model), model.limit), SEED)
        made = time.perf_counter()
        count_hits(model.module, probes[:TIMED])
        timed = time.perf_counter() - made
    tokens = 2 * sum(len(probe.ids) for probe in probes)
    return tokens, 2 * (made - start) + timed * tokens / sum(len(probe.ids) for probe in probes[:TIMED])
