"""The worked example as data: what goes in, every stage, and the section's "cat sat mat" with what it prints."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from attnviz import figures
from attnviz.choices import one_of
from attnviz.core.attention import Stages, attention, causal_mask
from attnviz.figures.weight_breakdown import weight_breakdown
from attnviz.lessons.plane import queries_and_keys, values_and_outputs
from attnviz.lessons.typed import read_matrix

FEWEST, MOST = 2, 8  # tokens
WIDEST = 4  # dimensions


STAGES = ("projections", "scores", "scaled", "masked", "powers", "weights", "output")


@dataclass(frozen=True)
class Choices:
    """The tables as they were typed (`ui.tables.to_text`) or drawn with a `seed`; `stage` is how far the example is
    worked out, and `row` the token whose row is followed."""

    words: str = "cat_1_0~sat_0_1~mat_1_1"
    w_q: str = "1_0~0_1"
    w_k: str = "1_0~0_1"
    w_v: str = "1_0~0_1"
    seed: int = 0
    scaled: bool = False
    causal: bool = False
    stage: str = one_of(STAGES, "output")
    row: int = 0


@dataclass(frozen=True, eq=False)
class Inputs:
    """tokens, their vectors X [tokens, d_model], and the projections W_Q, W_K, W_V [d_model, d_k]."""

    tokens: tuple[str, ...]
    X: np.ndarray
    W_Q: np.ndarray
    W_K: np.ndarray
    W_V: np.ndarray


SECTION = Inputs(("cat", "sat", "mat"), np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), np.eye(2), np.eye(2), np.eye(2))
# What the section prints for its example, which is neither scaled nor masked.
PRINTED_WEIGHTS = np.array([[0.42, 0.16, 0.42], [0.18, 0.33, 0.49], [0.18, 0.18, 0.64]])
PRINTED_OUTPUT = np.array([[0.84, 0.58], [0.67, 0.82], [0.82, 0.82]])

READABLE = 20.0  # a score whose power of e is still read as a plain number


@dataclass(frozen=True, eq=False)
class WorkedExample:
    """The inputs, their Q, K [tokens, d_k] and V [tokens, d_v], the scale and mask chosen, and every stage."""

    inputs: Inputs
    Q: np.ndarray
    K: np.ndarray
    V: np.ndarray
    scale: float
    mask: np.ndarray | None
    stages: Stages

    @property
    def shift(self) -> np.ndarray:
        """What is taken off each row's scores before the exponential [tokens, 1].

        Zero while scores are small, as one does it by hand, and the row's largest once a power would be unreadable;
        the weights are the same either way.
        """
        masked = self.stages.masked
        largest = masked.max(axis=-1, keepdims=True)
        return np.where(np.abs(masked[np.isfinite(masked)]).max() > READABLE, largest, 0.0)

    @property
    def powers(self) -> np.ndarray:
        """e to each shifted score [tokens, tokens]; a row's weights are its powers over their sum."""
        return np.exp(self.stages.masked - self.shift)


def worked_example(inputs: Inputs = SECTION, *, scaled: bool = False, causal: bool = False) -> WorkedExample:
    """The example worked out, with 1/√d_k and a causal mask if asked for (the section itself uses neither).

    Raises ValueError where the shapes do not fit or a number is not finite.
    """
    Q, K, V = inputs.X @ inputs.W_Q, inputs.X @ inputs.W_K, inputs.X @ inputs.W_V
    scale = 1 / math.sqrt(Q.shape[-1]) if scaled else 1.0
    mask = causal_mask(len(inputs.tokens)) if causal else None
    return WorkedExample(inputs, Q, K, V, scale, mask, attention(Q, K, V, scale=scale, mask=mask))


def read_inputs(
    words: Sequence[Sequence[str]],
    W_Q: Sequence[Sequence[str]],
    W_K: Sequence[Sequence[str]],
    W_V: Sequence[Sequence[str]],
) -> tuple[Inputs | None, dict[str, list[str]]]:
    """Typed cells to inputs: `words` [tokens][1 + d] has a token before its vector, the projections are [d][d].

    Returns None where something is wrong, and for each table ("words", "W_Q", "W_K", "W_V") a sentence on each fault.
    """
    d = len(words[0]) - 1 if words else 0
    axes = dimensions(d)
    tokens = tuple(row[0].strip() for row in words)
    X, complaints = read_matrix(
        [row[1:] for row in words], [token or f"word {i}" for i, token in enumerate(tokens, 1)], axes
    )
    found = {"words": [f"Word {i} is empty." for i, token in enumerate(tokens, 1) if not token] + complaints}
    if not FEWEST <= len(words) <= MOST:
        found["words"].append(f"An example has {FEWEST} to {MOST} words, and here are {len(words)}.")
    arrays = [X]
    for name, cells in (("W_Q", W_Q), ("W_K", W_K), ("W_V", W_V)):
        W, found[name] = read_matrix(cells, axes, axes)
        arrays.append(W)
    if any(found.values()):
        return None, found
    return Inputs(tokens, *[array for array in arrays if array is not None]), found


def dimensions(d: int) -> tuple[str, ...]:
    """What the dimensions of a small vector are called."""
    return tuple(f"d{index}" for index in range(d))


def random_inputs(tokens: tuple[str, ...], d: int, seed: int) -> Inputs:
    """Vectors and projections of normal numbers with one digit after the point, the same for the same seed."""
    rng = np.random.default_rng(seed)
    X, W_Q, W_K, W_V = (np.round(rng.normal(size=(n, d)), 1) for n in (len(tokens), d, d, d))
    return Inputs(tokens, X, W_Q, W_K, W_V)


def printed_and_exact() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights beside output [tokens, 5], as printed and exact, and which printed figures are not the rounded exact."""
    stages = worked_example().stages
    printed, exact = np.hstack([PRINTED_WEIGHTS, PRINTED_OUTPUT]), np.hstack([stages.weights, stages.output])
    return printed, exact, ~np.isclose(np.round(exact, 2), printed)


def wrong_rows() -> list[str]:
    """The tokens whose printed figures are not the exact ones rounded to the two digits printed."""
    _, _, wrong = printed_and_exact()
    return [token for token, row in zip(SECTION.tokens, wrong) if row.any()]


_TURN = np.array([[0.6, 0.8], [-0.8, 0.6]])
THE_SECTION = "the section's"
PRESETS = {
    THE_SECTION: SECTION,
    "orthogonal": Inputs(("red", "green", "blue"), 3 * np.eye(3), np.eye(3), np.eye(3), np.eye(3)),
    "all equal": Inputs(("tick", "tick", "tick"), np.ones((3, 2)), np.eye(2), np.eye(2), np.eye(2)),
    "W_Q = W_K": Inputs(("cat", "sat", "mat"), SECTION.X, _TURN, _TURN, np.eye(2)),
    "one loud key": Inputs(
        ("whisper", "SHOUT", "murmur"),
        np.array([[1.0, 0.5], [4.0, 3.0], [0.5, 1.0]]), np.eye(2), np.eye(2), np.eye(2),
    ),
}  # fmt: skip


# ---- figures


def printed_charts(*, theme: str = "light") -> dict[str, go.Figure]:
    """The section's figures of the worked example, those framed that are not right, and the exact ones."""
    example = worked_example()
    tokens = example.inputs.tokens
    printed, exact, off = printed_and_exact()
    columns = (*(f"→ {token}" for token in tokens), "out d0", "out d1")
    return {
        "printed": figures.matrix(printed, tokens, columns, title="As printed", digits=2, flagged=off, theme=theme),
        "exact": figures.matrix(exact, tokens, columns, title="Exact", theme=theme),
    }


def charts(
    tokens: Sequence[str],
    X: Sequence[Sequence[float]],
    W_Q: Sequence[Sequence[float]],
    W_K: Sequence[Sequence[float]],
    W_V: Sequence[Sequence[float]],
    *,
    scaled: bool,
    causal: bool,
    row: int,
    key: int,
    theme: str = "light",
) -> dict[str, go.Figure]:
    """Beside the worked example's matrices: the plane, where it has two dimensions, and how one weight is computed."""
    inputs = Inputs(tuple(tokens), *(np.asarray(one, dtype=float) for one in (X, W_Q, W_K, W_V)))
    example = worked_example(inputs, scaled=scaled, causal=causal)
    flat = planes(example, row, theme=theme) if inputs.X.shape[1] == 2 else {}
    return flat | weight_breakdown(example.stages, (example.Q, example.K, example.V), (row, key), tokens, theme=theme)


def planes(example: WorkedExample, row: int, *, theme: str = "light") -> dict[str, go.Figure]:
    """A worked example of two dimensions in the plane, one row followed."""
    tokens = example.inputs.tokens
    return {
        "queries and keys": queries_and_keys(example.Q, example.K, tokens, row, theme=theme),
        "values and outputs": values_and_outputs(example.V, example.stages.output, tokens, row, theme=theme),
    }
