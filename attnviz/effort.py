"""What it takes to read a long text, said before it is read: seconds, bytes, and how many bytes are free.

Bytes are counted from the shapes of what is kept and of what is held for a moment. Seconds are those of a short text
through the same model and of one block of scores, both on this machine, scaled up. Both are meant as upper bounds:
other work on the machine can still make it slower.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from attnviz.capture.generation import LONGEST
from attnviz.capture.layers import capture_batch
from attnviz.capture.predictions import keeps_last_logits
from attnviz.capture.tracing import batch_of_one
from attnviz.core.attention import attention, causal_mask
from attnviz.models.loading import LoadedModel
from attnviz.traces import BLOCK_BYTES, LayerAttention
from attnviz.validation.certificate import ALL_ROWS_UP_TO

SAMPLE = 64  # tokens of the short text; a text that is no longer is not estimated
SLOW, LARGE = 2.0, 500 * 10**6  # seconds and bytes from which a reader is asked first
RUNNING = 0.15  # seconds that each thing is timed for
BLOCK = (64, 2048)  # queries and keys whose scores are timed
TIMES = 1.5  # seconds are said this much longer, and bytes this much larger, than they are counted
BYTES = 1.2
ALWAYS = 64 * 2**20  # bytes: the page itself, and what the allocator keeps
CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Size:
    """One layer's sizes; `mask, bias, scores` count bytes for each pair of a query and a key that are kept for it."""

    kind: str
    n_heads: int
    n_kv_heads: int
    d_k: int
    d_v: int
    pairwise: float  # bytes for each pair of a query and a key that this layer keeps, unless an earlier one has them


@dataclass(frozen=True)
class Pace:
    """One model on this machine."""

    seconds_a_token: float
    seconds_a_score: float
    layers: tuple[Size, ...]
    route: str
    width: int  # the most numbers that a layer holds for a token
    logits: int  # numbers a token that its predictions take


@dataclass(frozen=True)
class Effort:
    """Upper bounds of reading a text, and of checking it against the model's own attention afterwards."""

    n_tokens: int
    seconds: float
    n_bytes: int
    checking_seconds: float
    checking_bytes: int
    free: int  # bytes

    @property
    def heavy(self) -> bool:
        """Whether a reader is to be asked first."""
        return self.seconds + self.checking_seconds > SLOW or max(self.n_bytes, self.checking_bytes) > LARGE


def pace(model: LoadedModel, inputs: Mapping[str, Sequence[int]]) -> Pace:
    """How fast this machine takes a model, measured on the first SAMPLE tokens of a text; `inputs` as in `Trace`.

    Raises Uncapturable for a model that cannot be shown, and AttnvizError when memory runs out.
    """
    short = {name: list(values)[:SAMPLE] for name, values in inputs.items()}
    if model.module.config.is_encoder_decoder:
        short["decoder_input_ids"] = [model.module.config.decoder_start_token_id or 0] * SAMPLE
    with model.lock:
        batch = batch_of_one(model.module, short)
        captured = []
        seconds = _seconds(lambda: captured.append(capture_batch(model.module, batch)))
    route, (layers,) = captured[-1]
    matrices = [p for name, p in model.module.named_parameters() if p.ndim > 1 and "embed" not in name]
    head = model.language_model
    predicts = head is not None and not keeps_last_logits(head)
    return Pace(
        seconds_a_token=seconds / len(short["input_ids"]),
        seconds_a_score=_seconds_a_score(max(layer.v.shape[-1] for layer in layers)),
        layers=tuple(_size(layer, layers[:place]) for place, layer in enumerate(layers)),
        route=route,
        width=max((max(p.shape[-2:]) for p in matrices), default=0),
        logits=head.config.vocab_size if predicts else 0,
    )


def estimate(pace: Pace, n: int, n_decoder: int = LONGEST) -> Effort:
    """For a text of n tokens; `n_decoder` are those of the decoder beside an encoder."""
    two_sided = any(layer.kind == "cross" for layer in pace.layers)
    sides = {"encoder": (n, n), "decoder": (n_decoder, n_decoder) if two_sided else (n, n), "cross": (n_decoder, n)}
    pairs = [math.prod(sides[layer.kind]) for layer in pace.layers]
    scores = sum(layer.n_heads * n_pairs for layer, n_pairs in zip(pace.layers, pairs))
    layer_scores = max(layer.n_heads * n_pairs for layer, n_pairs in zip(pace.layers, pairs))
    kept = sum(_kept(layer, *sides[layer.kind]) for layer in pace.layers)
    tokens = n + (n_decoder if two_sided else 0)
    passing = 16 * max(pairs) + 32 * tokens * pace.width  # the mask, and what one layer works on
    by_softmax = pace.route == "fallback"
    unfused = by_softmax or any(layer.d_k != layer.d_v for layer in pace.layers)
    whole = n <= ALL_ROWS_UP_TO  # whether the certificate compares all rows
    reading = max(passing + 4 * layer_scores * (6 if unfused else 0), 30 * BLOCK_BYTES, 8 * n * pace.logits)
    checking = passing + 4 * layer_scores * ((6 if by_softmax else 3) + (16 if whole else 0))
    once, again = 4 if unfused else 2.5, 12 if whole or by_softmax else 4  # times that the core would take; measured
    return Effort(
        n_tokens=n,
        seconds=TIMES * (tokens * pace.seconds_a_token + once * scores * pace.seconds_a_score),
        n_bytes=round(BYTES * (kept + reading)) + ALWAYS,
        checking_seconds=TIMES * (tokens * pace.seconds_a_token + again * scores * pace.seconds_a_score),
        checking_bytes=round(BYTES * (kept + checking)) + ALWAYS,
        free=free_bytes(),
    )


def free_bytes() -> int:
    """How much memory this process can still take: of the machine, or of the container that it is shut in."""
    free = psutil.virtual_memory().available
    try:
        most, used = ((CGROUP / name).read_text().strip() for name in ("memory.max", "memory.current"))
        held = dict(line.split() for line in (CGROUP / "memory.stat").read_text().splitlines())
        return free if most == "max" else min(free, int(most) - int(used) + int(held["inactive_file"]))
    except (OSError, ValueError, KeyError):  # no such limit here
        return free


def _size(layer: LayerAttention, before: Sequence[LayerAttention]) -> Size:
    n_pairs = layer.n_queries * layer.v.shape[1]
    known = {id(extra) for one in before for extra in (one.mask, one.bias)}
    extras = [extra for extra in (layer.mask, layer.bias, layer.scores) if extra is not None and id(extra) not in known]
    return Size(
        kind=layer.kind,
        n_heads=layer.n_heads,
        n_kv_heads=layer.v.shape[0],
        d_k=0 if layer.q is None else layer.q.shape[-1],
        d_v=layer.v.shape[-1],
        pairwise=sum(extra.nbytes for extra in extras) / n_pairs,
    )


def _kept(layer: Size, n_queries: int, n_keys: int) -> float:
    """Bytes of a layer in a trace."""
    vectors = layer.n_heads * n_queries * layer.d_k + layer.n_kv_heads * n_keys * (layer.d_k + layer.d_v)
    return 4 * vectors + layer.pairwise * n_queries * n_keys


def _seconds_a_score(width: int) -> float:
    """Of our core, one score after the other in a block of them."""
    n_queries, n_keys = BLOCK
    random = np.random.default_rng(0)
    q, k = (random.normal(size=(1, n, max(width, 1))).astype(np.float32) for n in BLOCK)
    mask = causal_mask(n_queries, n_keys)[None]
    return _seconds(lambda: attention(q, k, k, scale=0.1, mask=mask)) / (n_queries * n_keys)


def _seconds(run: Callable[[], object]) -> float:
    """Of one run, on average over RUNNING seconds, so that what else the machine does is part of it.

    A run before them warms up.
    """
    run()
    start, runs = time.perf_counter(), 0
    while (spent := time.perf_counter() - start) < RUNNING:
        run()
        runs += 1
    return spent / runs
