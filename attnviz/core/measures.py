"""What can be said of weight matrices: of one head, and of all layers together."""

from collections.abc import Iterable, Iterator, Sequence
from functools import reduce

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_flow

FLOW_UNITS = 1_000_000  # maximum flow counts in whole numbers: weights are rounded to this many parts of one


def entropy(weights: np.ndarray, axis: int = -1) -> np.ndarray:
    """Shannon entropy in bits, −Σ w·log₂ w: 0 where one key takes all, log₂ n where n keys share alike.

    Source: Shannon (1948), "A Mathematical Theory of Communication", section 6.
    """
    logs = np.log2(weights, where=weights > 0, out=np.zeros_like(weights, dtype=float))
    return 0.0 - (weights * logs).sum(axis=axis)  # and never a negative zero


def jensen_shannon(p: np.ndarray, q: np.ndarray, axis: int = -1) -> np.ndarray:
    """Jensen–Shannon divergence of two distributions in bits: 0 where they are the same, 1 where they share nothing.

    Source: Lin (1991), "Divergence Measures Based on the Shannon Entropy", section IV.
    """
    return np.maximum(entropy((p + q) / 2, axis) - (entropy(p, axis) + entropy(q, axis)) / 2, 0.0)


def variation(p: np.ndarray, q: np.ndarray, axis: int = -1) -> np.ndarray:
    """Total variation distance, ½ Σ |p − q|: the share of the weight that would have to move."""
    return np.abs(p - q).sum(axis=axis) / 2


def mean_distance(weights: np.ndarray, places: np.ndarray | None = None) -> np.ndarray:
    """weights [..., queries, keys] to how many tokens away each row looks on average [..., queries].

    `places` [queries] are the keys at which the queries stand; without them the last query is taken to stand at the
    last key, as in self-attention.
    """
    n_queries, n_keys = weights.shape[-2:]
    stand = np.arange(n_keys - n_queries, n_keys) if places is None else places
    apart = np.abs(np.arange(n_keys)[None, :] - stand[:, None])
    return (weights * apart).sum(axis=-1)


def value_weighted(weights: np.ndarray, v: np.ndarray, output_projection: np.ndarray) -> np.ndarray:
    """The length of what each key hands to each query, ‖w · v W_O‖ [..., queries, keys].

    weights [..., queries, keys], v [..., keys, d_v], output_projection [..., d_v, d_model] of the same head. It says
    how much arrives in the residual stream, not what, nor whether a later layer reads it; the values' share of the
    projection's bias is left out. Source: Kobayashi et al. (2020), "Attention is Not Only a Weight", section 3.
    """
    return weights * np.linalg.norm(v @ output_projection, axis=-1)[..., None, :]


def rollout(layers: Iterable[np.ndarray]) -> np.ndarray:
    """Attention through all layers [n, n]: row i shares out what of each input token is mixed into token i at the end.

    `layers` are weights [heads, n, n], the first layer first. Heads are averaged, half of each token is kept (the
    residual), rows are made to sum to one, and the layers are multiplied with the later one on the left. It knows
    nothing of values or of what the layers in between do to a vector.
    Source: Abnar & Zuidema (2020), "Quantifying Attention Flow in Transformers", section 3.1.
    """
    return reduce(lambda mixed, step: step @ mixed, with_residual(layers))


def flow(layers: Sequence[np.ndarray], query: int) -> np.ndarray:
    """Maximum flow from one token after the last layer down to each input token [n].

    Every layer's averaged weights, residual included, are the capacities of pipes. Flows compete for no pipe with
    another token's (each is found alone), so they do not sum to one.
    Source: Abnar & Zuidema (2020), section 3.2.
    """
    steps = list(with_residual(layers))
    n = len(steps[0])
    capacities = np.zeros(((len(steps) + 1) * n,) * 2, dtype=np.int32)
    for depth, step in enumerate(reversed(steps)):  # nodes count from the last layer down
        top, below = depth * n, (depth + 1) * n
        capacities[top : top + n, below : below + n] = np.rint(step * FLOW_UNITS)
    graph = csr_array(capacities)
    inputs = range(len(steps) * n, (len(steps) + 1) * n)
    return np.array([maximum_flow(graph, query, token).flow_value for token in inputs]) / FLOW_UNITS


def with_residual(layers: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Each layer's weights [heads, n, n] as one matrix [n, n]: the heads' mean, half of it the token itself."""
    for weights in layers:
        step = (weights.mean(axis=0) + np.eye(weights.shape[-1])) / 2
        yield step / step.sum(axis=-1, keepdims=True)
