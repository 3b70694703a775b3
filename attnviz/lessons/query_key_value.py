"""A small example of the three roles: words by their features, what each kind of word needs, and what it offers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from attnviz import figures
from attnviz.core.attention import attention

TOKENS = ("dog", "chased", "ball", "it")
FEATURES = ("noun", "verb", "pronoun", "alive")
X = np.array([[1.0, 0, 0, 1], [0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0]])  # [tokens, features]

# Rows: the feature that a word has; columns: the features that its query asks for, or that its key shows.
NEEDS = np.array([[0.0, 2, 0, 0], [2, 0, 0, 0], [3, 0, 0, 2], [0, 0, 0, 0]])  # W_Q: a pronoun needs a living noun
OFFERS = np.eye(4)  # W_K: a word shows what it is


@dataclass(frozen=True)
class Choices:
    """W_Q and W_K as they were typed (`ui.tables.to_text`), and whether W_K stands for both."""

    needs: str = "0_2_0_0~2_0_0_0~3_0_0_2~0_0_0_0"
    offers: str = "1_0_0_0~0_1_0_0~0_0_1_0~0_0_0_1"
    one_projection: bool = False


def asymmetry(scores: np.ndarray) -> float:
    """The largest difference between scores [n, n] and their mirror image: 0 wherever W_Q = W_K.

    With one projection W for both, S = X W Wᵀ Xᵀ, and S equals its own transpose.
    """
    return float(np.abs(scores - scores.T).max())


# ---- figures


def charts(
    needs: Sequence[Sequence[float]], offers: Sequence[Sequence[float]], *, theme: str = "light"
) -> dict[str, go.Figure]:
    """`needs` is W_Q, `offers` W_K; the value of a word is its own features."""
    Q, K = X @ np.asarray(needs, dtype=float), X @ np.asarray(offers, dtype=float)
    stages = attention(Q, K, X)
    shown = {
        "queries": (Q, FEATURES, "Queries  X·W_Q"),
        "keys": (K, FEATURES, "Keys  X·W_K"),
        "scores": (stages.scores, TOKENS, "Scores  Q·Kᵀ"),
        "weights": (stages.weights, TOKENS, "Weights  softmax"),
        "output": (stages.output, FEATURES, "Output  weights·V"),
    }
    row = TOKENS.index("it")
    return {
        name: figures.matrix(values, TOKENS, columns, title=title, digits=2, chosen_row=row, theme=theme)
        for name, (values, columns, title) in shown.items()
    }
