"""What can be said of a weight matrix."""

import numpy as np


def entropy(weights: np.ndarray, axis: int = -1) -> np.ndarray:
    """Shannon entropy in bits, −Σ w·log₂ w: 0 where one key takes all, log₂ n where n keys share alike.

    Source: Shannon (1948), "A Mathematical Theory of Communication", section 6.
    """
    logs = np.log2(weights, where=weights > 0, out=np.zeros_like(weights, dtype=float))
    return -(weights * logs).sum(axis=axis)


def variation(p: np.ndarray, q: np.ndarray, axis: int = -1) -> np.ndarray:
    """Total variation distance, ½ Σ |p − q|: the share of the weight that would have to move."""
    return np.abs(p - q).sum(axis=axis) / 2
