"""What attention costs: operations and bytes, counted from its sizes.

An operation is one floating-point operation. A product of [a, b] and [b, c] counts 2·a·b·c: a multiplication and an
addition for each pair of numbers that meet (Kaplan et al. 2020, section 2.1, and most counts since). One head reads
d_k numbers of each query and key and d_v = d_k of each value; its heads side by side make d_model = heads · d_k.
"""

import math
from dataclasses import astuple, dataclass

SOFTMAX_OPERATIONS = 5  # a score: find the row's largest, subtract it, exponentiate, add up, divide
PROJECTIONS = 4  # W_Q, W_K, W_V, and W_O that mixes the heads' outputs; d_model by d_model each
BYTES_A_NUMBER = 4  # float32


@dataclass(frozen=True)
class Size:
    """n tokens that attend to n tokens, in `n_layers` layers of `n_heads` heads of width `d_k`."""

    n: int
    d_k: int
    n_heads: int = 1
    n_layers: int = 1

    @property
    def d_model(self) -> int:
        return self.n_heads * self.d_k


LENGTHS = tuple(2**power for power in range(4, 21))  # n from 16 to 1,048,576
LARGEST = Size(n=1_048_576, d_k=1024, n_heads=128, n_layers=128)

MEMORIES = {"1 GB": 10**9, "16 GB laptop": 16 * 10**9, "80 GB GPU": 80 * 10**9}  # bytes

PRESETS = {  # name: published size, at the longest text that the model was made for; where the size is published
    "BERT-base": (Size(512, 64, 12, 12), "Devlin et al. 2019, section 3"),
    "GPT-2 small": (Size(1024, 64, 12, 12), "Radford et al. 2019, table 2; heads: the released configuration"),
    "T5-small encoder": (Size(512, 64, 8, 6), "Raffel et al. 2020, section 3.7"),
    "GPT-3 175B": (Size(2048, 128, 96, 96), "Brown et al. 2020, table 2.1"),
    "Llama 2 7B": (Size(4096, 128, 32, 32), "Touvron et al. 2023, LLaMA, table 2; length: Llama 2, table 1"),
    "Code Llama 7B": (Size(100_000, 128, 32, 32), "Rozière et al. 2023: Llama 2's sizes, tested up to 100,000 tokens"),
    "The section's exercise": (Size(1000, 512), "section 5.2, exercise 3"),
}


def within_limits(size: Size) -> Size:
    """The nearest size whose every part is at least 1 and at most LARGEST's."""
    return Size(*(min(max(1, given), most) for given, most in zip(astuple(size), astuple(LARGEST))))


@dataclass(frozen=True)
class Operations:
    """Floating-point operations by step; `projections` are the linear layers around attention, not part of it."""

    scores: int  # Q·Kᵀ
    softmax: int
    output: int  # weights·V
    projections: int

    @property
    def attention(self) -> int:
        return self.scores + self.softmax + self.output


def operations(size: Size) -> Operations:
    """Operations of all heads of all layers, where every query looks at every key (a causal mask needs about half)."""
    heads = size.n_layers * size.n_heads
    product = 2 * size.n**2 * size.d_k
    projections = size.n_layers * PROJECTIONS * 2 * size.n * size.d_model**2
    return Operations(heads * product, heads * SOFTMAX_OPERATIONS * size.n**2, heads * product, projections)


def weights_bytes(size: Size) -> int:
    """Bytes of the weights [layers, heads, n, n]."""
    return size.n_layers * size.n_heads * size.n**2 * BYTES_A_NUMBER


def vectors_bytes(size: Size) -> int:
    """Bytes of the queries, keys and values, each [layers, heads, n, d_k]."""
    return 3 * size.n_layers * size.n * size.d_model * BYTES_A_NUMBER


def overtakes_at(size: Size) -> float:
    """The n from which attention takes more operations than the projections: 8·d_model² / (4·d_model + 5·heads)."""
    return 2 * PROJECTIONS * size.d_model**2 / (4 * size.d_model + SOFTMAX_OPERATIONS * size.n_heads)


def lengths_that_fill(size: Size) -> dict[str, int]:
    """The largest n whose weights, in one layer, fit into each of MEMORIES."""
    return {name: math.isqrt(n_bytes // (size.n_heads * BYTES_A_NUMBER)) for name, n_bytes in MEMORIES.items()}
