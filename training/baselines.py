"""Kneser-Ney models of the same tokens, from nltk: what counting pairs and triples of tokens gives."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from nltk.lm import KneserNeyInterpolated, NgramCounter, Vocabulary
from nltk.util import everygrams

DISCOUNTS = (0.6, 0.75, 0.9)


def count_ngrams(ids: np.ndarray, order: int) -> NgramCounter:
    """Counts of all runs of one to `order` tokens in a stream of token ids."""
    return NgramCounter([everygrams(ids.tolist(), max_len=order)])


def kneser_ney_losses(ids: np.ndarray, order: int, contexts: np.ndarray, targets: np.ndarray) -> tuple[float, float]:
    """Mean nats of `targets` [n] after `contexts` [n, order - 1], and the discount that did best on just these.

    `ids` is the stream to count. The choice of the discount on the scored tokens favours the baseline. nltk finds the
    continuations of a word or context by going through all counts, so the answers are kept. Raises ValueError for a
    token that the counts do not hold.
    """
    vocabulary = Vocabulary(ids.tolist())
    if missing := set(targets.tolist()) - set(vocabulary.counts):
        raise ValueError(f"{len(missing)} tokens never occur in the training text")
    counter = count_ngrams(ids, order)
    model = KneserNeyInterpolated(order, vocabulary=vocabulary, counter=counter)
    estimator = model.estimator
    estimator._continuation_counts = lru_cache(maxsize=None)(estimator._continuation_counts)
    found = {}
    for discount in DISCOUNTS:
        estimator.discount = discount
        pairs = zip(contexts.tolist(), targets.tolist(), strict=True)
        scores = [model.unmasked_score(target, tuple(context)) for context, target in pairs]
        found[discount] = float(-np.log(scores).mean())
    best = min(found, key=found.__getitem__)
    return found[best], best
