"""One forward pass, kept as plain arrays. Weights are quadratic, so they are computed when somebody looks."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from attnviz.core.attention import Stages, attention, attention_from_scores

KINDS = ("encoder", "decoder", "cross")
BLOCK_BYTES = 8 * 2**20  # of one stage [heads, rows, keys], where a layer is gone through some rows at a time


@dataclass(frozen=True, order=True)
class Head:
    """The address of one head; reads L5.H1, both counted from 0."""

    kind: str
    layer: int
    head: int

    def __str__(self) -> str:
        return f"L{self.layer}.H{self.head}"


@dataclass(frozen=True, eq=False)
class LayerAttention:
    """What one layer's attention was computed from.

    q [heads, queries, d_k], k [kv_heads, keys, d_k], v [kv_heads, keys, d_v] are as they meet in the dot product:
    rotary positions and the like are already in them. `scale` is the model's own. `mask` is None (all may look),
    boolean or additive [1 or heads, queries, keys], `bias` likewise additive; layers share these arrays where the
    model does. `softcap` and `sink` [heads] as in `core.attention.attention`.

    Where q and k are not known they are None, and `scores` [heads, queries, keys] are what softmax was given. Where
    values are not known, v has no dimensions.

    `output_projection` [heads, d_v, d_model] takes each head's output into the model's width, where their sum (and a
    bias) is what the block adds; a view of the model's own weights. None where another thing is done to the output.
    """

    kind: str
    index: int
    q: np.ndarray | None
    k: np.ndarray | None
    v: np.ndarray
    scale: float
    mask: np.ndarray | None = None
    bias: np.ndarray | None = None
    softcap: float | None = None
    sink: np.ndarray | None = None
    scores: np.ndarray | None = None
    output_projection: np.ndarray | None = None

    @property
    def n_heads(self) -> int:
        return self._queries_first.shape[0]

    @property
    def n_queries(self) -> int:
        return self._queries_first.shape[1]

    @property
    def _queries_first(self) -> np.ndarray:
        """Whatever is known of each head and query: [heads, queries, ...]."""
        known = self.q if self.scores is None else self.scores
        assert known is not None
        return known

    def vectors(self, head: int) -> tuple[np.ndarray | None, np.ndarray | None, np.ndarray]:
        """One head's q [queries, d_k], k [keys, d_k] (None where not known) and v [keys, d_v]; grouped heads share."""
        kv_head = head // (self.n_heads // self.v.shape[0])
        if self.q is None or self.k is None:
            return None, None, self.v[kv_head]
        return self.q[head], self.k[kv_head], self.v[kv_head]

    def attention(self, head: int | None = None, rows: np.ndarray | None = None) -> Stages:
        """All stages of every head [heads, queries, keys], or of one [queries, keys]; of the given query rows only."""
        heads = slice(None) if head is None else slice(head, head + 1)
        group = self.n_heads // self.v.shape[0]
        kv_heads = heads if head is None else slice(head // group, head // group + 1)
        stages = self._stages(heads, kv_heads, slice(None) if rows is None else rows)
        return stages if head is None else Stages(**{name: value[0] for name, value in vars(stages).items()})

    def blocks(self, head: int | None = None, rows: Sequence[int] | None = None) -> Iterator[tuple[np.ndarray, Stages]]:
        """Some query rows after the other (None: all): their numbers, and their stages as `attention` gives them.

        No array of a stage is larger than BLOCK_BYTES, so any length of text can be gone through.
        """
        numbers = np.arange(self.n_queries) if rows is None else np.asarray(rows)
        row_bytes = (self.n_heads if head is None else 1) * self.v.shape[1] * 4
        step = max(1, BLOCK_BYTES // row_bytes)
        for start in range(0, len(numbers), step):
            block = numbers[start : start + step]
            yield block, self.attention(head, block)

    def _stages(self, heads: slice, kv_heads: slice, rows: np.ndarray | slice) -> Stages:
        def part(extra: np.ndarray | None) -> np.ndarray | None:
            return None if extra is None else (extra if extra.shape[0] == 1 else extra[heads])[:, rows]

        if self.q is None or self.k is None:
            return attention_from_scores(part(self.scores), self.v[kv_heads], scale=self.scale)
        return attention(
            part(self.q),
            self.k[kv_heads],
            self.v[kv_heads],
            scale=self.scale,
            mask=part(self.mask),
            bias=part(self.bias),
            softcap=self.softcap,
            sink=None if self.sink is None else self.sink[heads],
        )


@dataclass(frozen=True, eq=False)
class HeadAttention:
    """One head of a trace: `trace[head]`. Its numbers are computed when they are asked for.

    `queries` and `keys` are the tokens that attend and that are attended to.
    """

    head: Head
    layer: LayerAttention
    queries: tuple[str, ...]
    keys: tuple[str, ...]

    @property
    def weights(self) -> np.ndarray:
        """[queries, keys]; every row that may look anywhere sums to one (less the sink's share)."""
        return self.stages().weights

    @property
    def scores(self) -> np.ndarray:
        """[queries, keys] as softmax gets them: scaled, with bias and mask, −∞ where a key is out of reach."""
        return self.stages().masked

    @property
    def q(self) -> np.ndarray | None:
        """[queries, d_k]; None where the capture could not follow it, as is k."""
        return self.layer.vectors(self.head.head)[0]

    @property
    def k(self) -> np.ndarray | None:
        """[keys, d_k]."""
        return self.layer.vectors(self.head.head)[1]

    @property
    def v(self) -> np.ndarray:
        """[keys, d_v]; without dimensions where nothing is known of it."""
        return self.layer.vectors(self.head.head)[2]

    def stages(self, rows: Sequence[int] | None = None) -> Stages:
        """Every step of the formula [queries, keys], or of some query rows."""
        return self.layer.attention(self.head.head, None if rows is None else np.asarray(rows))


@dataclass(frozen=True, eq=False)
class Trace:
    """A text as a model read it, and every layer's queries, keys and values.

    `tokens` are as a person reads them; `pieces` are the tokenizer's own spelling. `offsets` are (start, end) in the
    text, or in `text_pair` where `segments` says 1; `words` number the words of each text, None for special tokens.
    """

    model: str
    revision: str
    architecture: str
    text: str
    text_pair: str | None
    tokens: tuple[str, ...]
    pieces: tuple[str, ...]
    token_ids: tuple[int, ...]
    offsets: tuple[tuple[int, int], ...]
    words: tuple[int | None, ...]
    segments: tuple[int | None, ...]
    layers: tuple[LayerAttention, ...]
    seconds: float
    decoder_tokens: tuple[str, ...] | None = None
    decoder_text: str | None = None  # as it was given; None where the model wrote its own
    inputs: Mapping[str, Sequence[int]] = field(default_factory=dict)  # what the model was given, by argument
    route: str = "interface"  # how the layers were captured; "fallback" where the softmax itself was tapped
    read_special: bool = False  # whether special tokens typed in the text were read as such
    add_special: bool = True  # whether the tokenizer's own stand around it
    from_ids: bool = False  # whether it was read from token ids, which may spell no text
    written: int = 0  # how many tokens, the last ones, the model wrote itself; they are part of `text`
    # Heads whose output the model went on with was another, by what it was; their own layers are as before that.
    replaced: Mapping[Head, "np.ndarray | float"] = field(default_factory=dict)

    @property
    def weights_only(self) -> bool:
        """Whether its weights were given, by a file or by another program, and nothing else is known."""
        return self.route == "weights"

    @property
    def wrote(self) -> bool:
        """Whether the model wrote some of its tokens itself."""
        return self.written > 0 or (self.decoder_tokens is not None and self.decoder_text is None)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of layer there are, in reading order."""
        return tuple(kind for kind in KINDS if any(layer.kind == kind for layer in self.layers))

    def of_kind(self, kind: str | None = None) -> tuple[LayerAttention, ...]:
        """The layers of one kind, in order; None stands for the first kind. Raises KeyError for a kind not there."""
        kind = self.kinds[0] if kind is None else kind
        if kind not in self.kinds:
            raise KeyError(f"no {kind!r} layers; {self.model} has {', '.join(self.kinds)}")
        return tuple(layer for layer in self.layers if layer.kind == kind)

    def sides(self, kind: str | None = None) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The tokens that attend and the tokens that are attended to, in layers of one kind."""
        written = self.tokens if self.decoder_tokens is None else self.decoder_tokens
        sides = {"encoder": (self.tokens, self.tokens), "decoder": (written, written), "cross": (written, self.tokens)}
        return sides[self.of_kind(kind)[0].kind]

    def layer(self, index: int, kind: str | None = None) -> LayerAttention:
        """Raises IndexError where there is no such layer."""
        layers = self.of_kind(kind)
        if not 0 <= index < len(layers):
            raise IndexError(f"no layer {index}; {self.model} has layers 0 to {len(layers) - 1}")
        return layers[index]

    def weights(self, layer: int, head: int, kind: str | None = None) -> np.ndarray:
        """`trace[Head(kind, layer, head)].weights`, of the first kind where none is given."""
        return self[Head(self.of_kind(kind)[0].kind, layer, head)].weights

    def __getitem__(self, head: Head) -> HeadAttention:
        """One head. Raises KeyError for a kind, and IndexError for a layer or a head that the trace does not have."""
        layer = self.layer(head.layer, head.kind)
        if not 0 <= head.head < layer.n_heads:
            raise IndexError(f"no head {head.head} in layer {head.layer}; it has heads 0 to {layer.n_heads - 1}")
        return HeadAttention(head, layer, *self.sides(head.kind))

    def heads(self) -> Iterator[Head]:
        """Every head, in the order of the layers."""
        return (Head(layer.kind, layer.index, head) for layer in self.layers for head in range(layer.n_heads))
