"""A small example of the three roles: words by their features, what each kind of word needs, and what it offers."""

import numpy as np

TOKENS = ("dog", "chased", "ball", "it")
FEATURES = ("noun", "verb", "pronoun", "alive")
X = np.array([[1.0, 0, 0, 1], [0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0]])  # [tokens, features]

# Rows: the feature that a word has; columns: the features that its query asks for, or that its key shows.
NEEDS = np.array([[0.0, 2, 0, 0], [2, 0, 0, 0], [3, 0, 0, 2], [0, 0, 0, 0]])  # W_Q: a pronoun needs a living noun
OFFERS = np.eye(4)  # W_K: a word shows what it is


def asymmetry(scores: np.ndarray) -> float:
    """The largest difference between scores [n, n] and their mirror image: 0 wherever W_Q = W_K.

    With one projection W for both, S = X W Wᵀ Xᵀ, and S equals its own transpose.
    """
    return float(np.abs(scores - scores.T).max())
