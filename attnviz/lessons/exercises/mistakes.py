"""The wrong turns on the way from queries and keys to the output, each computed with the core."""

import numpy as np

from attnviz.core.attention import attention, softmax
from attnviz.lessons.exercises.answers import Mistake


def of_scores(Q: np.ndarray, K: np.ndarray) -> list[Mistake]:
    """Q [queries, d_k], K [keys, d_k]: what else is taken for Q·Kᵀ."""
    scores = attention(Q, K, K).scores
    width = Q.shape[1]
    mistakes = [
        Mistake(
            scores.T, "These are the scores transposed: a row belongs to a query, a column to a key. This is K·Qᵀ."
        ),
        Mistake(
            scores / np.sqrt(width), "These scores are scaled: divided by √d_k. This exercise uses them as they are."
        ),
        Mistake(scores / width, "These scores are divided by d_k. This exercise uses them as they are."),
        Mistake(softmax(scores), "These are the weights already: the scores come before softmax."),
        Mistake(np.exp(scores), "These are the exponentials already: the scores come before softmax."),
    ]
    if K.shape[0] == width:
        mistakes.append(Mistake(Q @ K, "This is Q·K: K is not transposed. A score is a query's row times a key's row."))
    return mistakes


def of_weights(scores: np.ndarray, d_k: int) -> list[Mistake]:
    """Scores [queries, keys], unscaled and unmasked: what else is taken for the softmax of each row."""
    weights, powers = softmax(scores), np.exp(scores)
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = scores / scores.sum(axis=1, keepdims=True)
    return [
        Mistake(weights.T, "These are the weights transposed: every row, not every column, belongs to a query."),
        Mistake(softmax(scores, axis=0), "Softmax went down the columns, which sum to 1 here; it shares out each row."),
        Mistake(
            softmax(scores / np.sqrt(d_k)), "The scores were scaled, divided by √d_k; this exercise does not do that."
        ),
        Mistake(powers, "These are exponentials that were not divided: divide each row by its sum."),
        Mistake(powers / powers.sum(), "The whole table sums to 1 here; each row has to: divide by the row's own sum."),
        Mistake(shares, "Each score was divided by its row's sum without the exponentials: first e to each score."),
        Mistake(scores, "These are still the scores: softmax turns each row into shares of 1."),
        Mistake(100 * weights, "These are percentages: weights are shares of 1."),
    ]


def of_output(Q: np.ndarray, K: np.ndarray, V: np.ndarray) -> list[Mistake]:
    """Q [queries, d_k], K [keys, d_k], V [keys, d_v]: what else is taken for weights·V."""
    stages = attention(Q, K, V)
    scores, weights = stages.scores, stages.weights
    mistakes = [
        Mistake(
            stages.output.T, "This is the output transposed: a row belongs to a query, a column to a dimension of V."
        ),
        Mistake(weights, "These are the weights; the output is the weights times V."),
        Mistake(softmax(scores / np.sqrt(Q.shape[1])) @ V, "The scores were scaled, divided by √d_k, before softmax."),
        Mistake(softmax(scores, axis=0) @ V, "Softmax went down the columns before the sum; it shares out each row."),
        Mistake(np.exp(scores) @ V, "The exponentials were not divided by their row's sum before the weighted sum."),
        Mistake(scores @ V, "The scores themselves were used: softmax is missing before the weighted sum."),
        Mistake(weights @ K, "The weights blend the keys here; they have to blend the values."),
        Mistake(V[scores.argmax(axis=1)], "Only the best match was taken; every value counts, by its weight."),
        Mistake(
            np.tile(V.mean(axis=0), (len(Q), 1)), "This is the plain mean of the values; each counts by its weight."
        ),
    ]
    if len(Q) == len(K):
        mistakes.append(
            Mistake(weights.T @ V, "The weights were transposed before the sum: a row of weights blends V.")
        )
    return mistakes


def of_masked_weights(scores: np.ndarray, mask: np.ndarray, scale: float) -> list[Mistake]:
    """Scores [queries, keys] before the scale, mask True where a query may look: what else is taken for the weights."""
    scaled = scores * scale
    free = softmax(scaled)
    masked = np.where(mask, scaled, -np.inf)
    earlier_only = mask & ~np.eye(len(mask), dtype=bool)
    return [
        Mistake(free, "The mask is forgotten: a query may not look at what comes after it."),
        Mistake(free * mask, "Masked after softmax and not shared out again: these rows do not sum to 1."),
        Mistake(
            softmax(np.where(mask, scaled, 0.0)),
            "The forbidden scores were set to 0, and e⁰ is 1: they have to be −∞, which leaves no weight.",
        ),
        Mistake(
            softmax(np.where(mask.T, scaled, -np.inf)),
            "The mask is the wrong way round: these queries see themselves and what comes after.",
        ),
        Mistake(
            softmax(np.where(earlier_only, scaled, -np.inf)),
            "A query sees itself too; here only what came before it is left.",
        ),
        Mistake(softmax(np.where(mask, scores, -np.inf)), "Unscaled: the scores were not divided by √d_k."),
        Mistake(softmax(scores), "Unscaled and unmasked: divide by √d_k, then mask."),
        Mistake(softmax(np.where(mask, scores * scale**2, -np.inf)), "Divided by d_k; the scale is its root, √d_k."),
        Mistake(softmax(masked, axis=0), "Softmax went down the columns; it shares out each row."),
        Mistake(softmax(masked).T, "These are the weights transposed: every row belongs to a query."),
        Mistake(np.exp(masked), "These are exponentials that were not divided: divide each row by its sum."),
    ]


def of_entropy(weights: np.ndarray, bits: np.ndarray) -> list[Mistake]:
    """Rows of weights [rows, keys] and their entropy [rows, 1] in bits: what else is taken for it."""
    some = weights > 0
    surprises = -np.log2(np.where(some, weights, 1.0))
    return [
        Mistake(
            bits * np.log(2), "These are nats, from the natural logarithm. Bits take log₂: divide by ln 2 = 0.6931."
        ),
        Mistake(bits * np.log10(2), "These come from the logarithm to base 10. Bits take log₂: divide by 0.3010."),
        Mistake(-bits, "The sign is missing: log₂ of a share is negative, and entropy is minus the sum."),
        Mistake(
            surprises.sum(axis=1, keepdims=True),
            "This adds up −log₂ w alone: each has to be multiplied by its weight w.",
        ),
        Mistake(
            surprises.sum(axis=1, keepdims=True) / weights.shape[1],
            "This is the plain mean of −log₂ w: each has to count by its weight w.",
        ),
        Mistake(2**bits, "This is 2 to the entropy, the number of keys that share as widely; bits are its log₂."),
        Mistake(
            bits / np.log2(weights.shape[1]),
            f"This is a share of the largest entropy, log₂ {weights.shape[1]}; give the bits themselves.",
        ),
    ]


def of_softmax_gradient(w: np.ndarray) -> list[Mistake]:
    """One row of weights [keys]: what else is taken for diag(w) − w wᵀ."""
    right = np.diag(w) - np.outer(w, w)
    return [
        Mistake(-right, "Every sign is turned: raising a score raises its own weight and lowers the others."),
        Mistake(np.diag(w), "The part −w wᵀ is missing: a weight also falls when another score rises."),
        Mistake(-np.outer(w, w), "The part diag(w) is missing: on the diagonal it is w − w²."),
        Mistake(np.outer(w, w), "This is w wᵀ alone: it is taken away from diag(w)."),
        Mistake(np.diag(np.diag(right)), "The diagonal is right; the other cells are not 0, because a row sums to 1."),
        Mistake(np.diag(w) + np.outer(w, w), "The sign of w wᵀ is turned: it is taken away from diag(w)."),
        Mistake(np.eye(len(w)) - np.outer(w, w), "diag(w) has the weights on its diagonal, not ones."),
        Mistake(np.tile(np.diag(right), (len(w), 1)), "w − w² is right on the diagonal only; elsewhere it is −w w′."),
    ]
