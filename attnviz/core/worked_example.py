"""The section's worked example, "cat sat mat", as data: what goes in, what it prints, and what is exact."""

import math
from dataclasses import dataclass

import numpy as np

from attnviz.core.attention import Stages, attention, causal_mask

TOKENS = ("cat", "sat", "mat")
X = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])  # [tokens, d_model]
W_Q = W_K = W_V = np.eye(2)  # [d_model, d_k]: the projections change nothing, so Q = K = V = X

# What the section prints for the unscaled, unmasked example.
PRINTED_WEIGHTS = np.array([[0.42, 0.16, 0.42], [0.18, 0.33, 0.49], [0.18, 0.18, 0.64]])
PRINTED_OUTPUT = np.array([[0.84, 0.58], [0.67, 0.82], [0.82, 0.82]])


@dataclass(frozen=True, eq=False)
class WorkedExample:
    """Q, K [tokens, d_k], V [tokens, d_v], the scale and mask that were chosen, and every stage."""

    tokens: tuple[str, ...]
    Q: np.ndarray
    K: np.ndarray
    V: np.ndarray
    scale: float
    mask: np.ndarray | None
    stages: Stages

    def powers(self, row: int) -> np.ndarray:
        """e to each score of one row [keys], as one writes it by hand; the core shifts the scores first."""
        return np.exp(self.stages.masked[row])


def worked_example(*, scaled: bool = False, causal: bool = False) -> WorkedExample:
    """The example, with 1/√d_k and a causal mask if asked for (the section itself uses neither)."""
    Q, K, V = X @ W_Q, X @ W_K, X @ W_V
    scale = 1 / math.sqrt(Q.shape[-1]) if scaled else 1.0
    mask = causal_mask(len(TOKENS)) if causal else None
    return WorkedExample(TOKENS, Q, K, V, scale, mask, attention(Q, K, V, scale=scale, mask=mask))


def printed_and_exact() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights beside output [tokens, 5], as printed and exact, and which printed figures are not the rounded exact."""
    stages = worked_example().stages
    printed, exact = np.hstack([PRINTED_WEIGHTS, PRINTED_OUTPUT]), np.hstack([stages.weights, stages.output])
    return printed, exact, ~np.isclose(np.round(exact, 2), printed)


def wrong_rows() -> list[str]:
    """The tokens whose printed figures are not the exact ones rounded to the two digits printed."""
    _, _, wrong = printed_and_exact()
    return [token for token, row in zip(TOKENS, wrong) if row.any()]
