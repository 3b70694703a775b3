"""Why scores are divided by √d_k: what happens to softmax when they are not, measured on sampled vectors."""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np

from attnviz.core.attention import attention

WIDTHS = tuple(2**power for power in range(11))  # d_k from 1 to 1,024


@dataclass(frozen=True, eq=False)
class ScoreSample:
    """Queries against keys of one width, unscaled or divided by √d_k; `weights` [queries, keys].

    `spread` is the standard deviation of the scores, `winner` the mean largest weight of a row, `gradient` the mean
    size of a row's softmax gradient: the Frobenius norm of ∂weights/∂scores = diag(w) − w wᵀ.
    """

    d_k: int
    scaled: bool
    weights: np.ndarray
    spread: float
    winner: float
    gradient: float


@cache
def sample_scores(d_k: int, *, scaled: bool, n_keys: int = 16, n_queries: int = 200, seed: int = 0) -> ScoreSample:
    """Attention over vectors whose entries are independent, with mean 0 and variance 1; each query has keys of its own.

    A score is then a sum of d_k products of variance 1, so its spread is √d_k, or 1 once divided by √d_k
    (Vaswani et al. 2017, footnote 4).
    """
    rng = np.random.default_rng(seed)
    q, k = rng.normal(size=(n_queries, 1, d_k)), rng.normal(size=(n_queries, n_keys, d_k))
    stages = attention(q, k, np.zeros((n_queries, n_keys, 1)), scale=1 / math.sqrt(d_k) if scaled else 1.0)
    w = stages.weights[:, 0]
    squares = (w**2).sum(axis=-1)
    # ‖diag(w) − w wᵀ‖² = Σ w² − 2 Σ w³ + (Σ w²)²
    gradients = np.sqrt(np.maximum(squares - 2 * (w**3).sum(axis=-1) + squares**2, 0))
    return ScoreSample(
        d_k, scaled, w, float(stages.scaled.std()), float(w.max(axis=-1).mean()), float(gradients.mean())
    )
