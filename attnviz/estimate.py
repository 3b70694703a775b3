"""What it takes to read a long text, said before it is read: seconds, bytes, and how many bytes are free.

Bytes are counted from the shapes of what is kept and of what is held for a moment. Seconds are those of a short text
through the same model and of one block of scores, both on this machine, scaled up. Both are meant as upper bounds:
other work on the machine can still make it slower.
"""

import gc
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np

from attnviz.capture.generation import LONGEST
from attnviz.capture.layers import capture_batch
from attnviz.capture.memory import hand_back
from attnviz.capture.predictions import keeps_last_logits
from attnviz.capture.tracing import batch_of_one, run
from attnviz.core.attention import attention, causal_mask
from attnviz.maps.similarity import row_divergence
from attnviz.models.loading import LoadedModel
from attnviz.models.memory import free_bytes
from attnviz.traces import BLOCK_BYTES, Head, LayerAttention, Trace
from attnviz.validation.certificate import ALL_ROWS_UP_TO

SAMPLE = 64  # tokens of the short text; a text that is no longer is not estimated
SLOW, LARGE = 2.0, 500 * 10**6  # seconds and bytes from which a reader is asked first
RUNNING = 0.15  # seconds that each thing is timed for
ROWS = 16  # of a text that comparing heads is timed on
BLOCK = (64, 2048)  # queries and keys whose scores are timed
TIMES = 1.5  # seconds are said this much longer, and bytes this much larger, than they are counted
BYTES = 1.2
ALWAYS = 64 * 2**20  # bytes: the page itself, and what the allocator keeps


@dataclass(frozen=True)
class Size:
    """One layer's sizes."""

    kind: str
    n_heads: int
    n_kv_heads: int
    d_k: int
    d_v: int
    pairwise: float  # bytes for each pair of a query and a key that this layer keeps, unless an earlier one has them
    by_core: bool  # whether our core computes its output, which torch has no fused form of


@dataclass(frozen=True)
class Shape:
    """What of a model says how much memory a text takes."""

    layers: tuple[Size, ...]
    route: str
    width: int  # the most numbers that a layer holds for a token
    logits: int  # numbers a token that its predictions take


@dataclass(frozen=True)
class Throughput:
    """One model on this machine."""

    shape: Shape
    seconds_a_token: float
    seconds_a_score: float
    seconds_a_step: float = 0.0  # of writing one token; 0 for a model that cannot


@dataclass(frozen=True)
class Estimate:
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


def measure_throughput(model: LoadedModel, inputs: Mapping[str, Sequence[int]]) -> Throughput:
    """How fast this machine takes a model, measured on the first SAMPLE tokens of a text; `inputs` as in `Trace`.

    Raises Uncapturable for a model that cannot be shown, and AttnvizError when memory runs out.
    """
    short = {name: list(values)[:SAMPLE] for name, values in inputs.items()}
    if model.module.config.is_encoder_decoder:
        short["decoder_input_ids"] = [model.writing.start or 0] * SAMPLE
    first = {name: values[:1] for name, values in short.items()}
    writer = model.language_model or model.module
    with model.lock:
        batch = batch_of_one(model.module, short)
        captured = []
        seconds = _seconds(lambda: captured.append(capture_batch(model.module, batch)))
        step = _seconds(lambda: run(writer, first)) if writer.can_generate() else 0.0
    route, (layers,) = captured[-1]
    width = max(layer.v.shape[-1] for layer in layers)
    return Throughput(shape_of(model, route, layers), seconds / len(short["input_ids"]), _seconds_a_score(width), step)


def shape_of(model: LoadedModel, route: str, layers: Sequence[LayerAttention]) -> Shape:
    """Of a model, and of the layers of any text that was captured from it."""
    matrices = [p for name, p in model.module.named_parameters() if p.ndim > 1 and "embed" not in name]
    head = model.language_model
    predicts = head is not None and not keeps_last_logits(head)
    return Shape(
        layers=tuple(_size(layer, layers[:place]) for place, layer in enumerate(layers)),
        route=route,
        width=max((max(p.shape[-2:]) for p in matrices), default=0),
        logits=head.config.vocab_size if predicts else 0,
    )


def estimate(pace: Throughput, n: int, n_decoder: int = LONGEST, writing: int = 0) -> Estimate:
    """For a text of n tokens; `n_decoder` are those of the decoder beside an encoder, and `writing` those that the
    model writes itself.

    Reading counts two passes: what the model expects next is asked for too.
    """
    shape = pace.shape
    scores = sum(layer.n_heads * math.prod(_sides(shape, layer, n, n_decoder)) for layer in shape.layers)
    by_tokens, by_scores = (n + n_decoder * _two_sided(shape)) * pace.seconds_a_token, scores * pace.seconds_a_score
    once = 4 if _unfused(shape) else 2.5  # times that the core would take alone; measured, as the next
    again = 12 if n <= ALL_ROWS_UP_TO or shape.route == "fallback" else 4
    n_bytes, checking_bytes = bytes_of(shape, n, n_decoder)
    return Estimate(
        n_tokens=n,
        seconds=TIMES * (2 * by_tokens + once * by_scores + writing * pace.seconds_a_step),
        n_bytes=n_bytes,
        checking_seconds=TIMES * (by_tokens + again * by_scores),
        checking_bytes=checking_bytes,
        free=free_bytes(),
    )


def comparing_seconds(trace: Trace, head: Head) -> float:
    """Upper bound of `head_divergence` over a text: a few rows of its first layer, timed and scaled up."""
    layers = trace.of_kind(head.kind)
    rows = np.arange(min(ROWS, layers[0].n_queries))
    seconds = _seconds(
        lambda: row_divergence(layers[0].attention(rows=rows), layers[head.layer].attention(head.head, rows))
    )
    n_heads = sum(layer.n_heads for layer in layers)
    return TIMES * seconds / (len(rows) * layers[0].n_heads) * layers[0].n_queries * n_heads


def combine(estimates: Sequence[Estimate]) -> Estimate:
    """Several texts, read and checked one after the other, all of them kept; `free` is that of the first."""
    names = [field.name for field in fields(Estimate) if field.name != "free"]
    return Estimate(**{name: sum(getattr(one, name) for one in estimates) for name in names}, free=estimates[0].free)


def bytes_of(shape: Shape, n: int, n_decoder: int = LONGEST) -> tuple[int, int]:
    """The most that is held at one time while a text is read and drawn, and while it is checked.

    The factors of a layer's scores were measured: torch's eager attention holds 3 such matrices, the tap on a softmax
    up to 20, and comparing all rows 16.
    """
    sides = [_sides(shape, layer, n, n_decoder) for layer in shape.layers]
    kept = sum(_kept(layer, *its) for layer, its in zip(shape.layers, sides))
    scores = 4 * max(layer.n_heads * math.prod(its) for layer, its in zip(shape.layers, sides))
    masks = 16 * max(math.prod(its) for its in sides)
    passing = masks + 32 * (n + n_decoder * _two_sided(shape)) * shape.width
    blocks = (60 if any(layer.by_core for layer in shape.layers) else 24) * min(BLOCK_BYTES, scores)
    tapped = shape.route == "fallback"
    reading = passing + max((22 if tapped else 6 if _unfused(shape) else 0) * scores, blocks, 8 * n * shape.logits)
    checking = passing + ((22 if tapped else 3) + (16 if n <= ALL_ROWS_UP_TO else 0)) * scores
    return round(BYTES * (kept + reading)) + ALWAYS, round(BYTES * (kept + checking)) + ALWAYS


def release_memory() -> None:
    """Collect what nothing refers to any more, and hand its memory back to the machine."""
    gc.collect()
    hand_back()


def _two_sided(shape: Shape) -> bool:
    return any(layer.kind == "cross" for layer in shape.layers)


def _unfused(shape: Shape) -> bool:
    """Whether torch computes attention step by step: always under the tap, and where d_k and d_v differ."""
    return shape.route == "fallback" or any(layer.d_k != layer.d_v for layer in shape.layers)


def _sides(shape: Shape, layer: Size, n: int, n_decoder: int) -> tuple[int, int]:
    """How many queries and keys a layer has."""
    of_decoder = n_decoder if _two_sided(shape) else n
    return n if layer.kind == "encoder" else of_decoder, of_decoder if layer.kind == "decoder" else n


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
        by_core=not (layer.softcap is None and layer.sink is None and layer.bias is None),
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
