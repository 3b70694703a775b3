"""What `attention` accepts: arrays of one library, on one device, of shapes that fit, holding numbers."""

import math
from numbers import Real
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device, is_array_api_obj

Array = Any  # a NumPy array or a torch tensor
OPTIONAL = ("mask", "bias", "sink")


def as_arrays(**arguments) -> tuple[Any, ...]:
    """The shared array namespace, then every argument as one real floating type; an OPTIONAL None stays None.

    Plain Python lists become NumPy arrays, half precision float32, integers the library's default float;
    a boolean `mask` stays boolean. Raises TypeError and ValueError as `attention` documents.
    """
    given = {
        name: value if is_array_api_obj(value) else _from_python(name, value)
        for name, value in arguments.items()
        if value is not None or name not in OPTIONAL
    }
    libraries = {name: type(value).__module__.partition(".")[0] for name, value in given.items()}
    if len(set(libraries.values())) > 1:
        found = ", ".join(f"{name}: {library}" for name, library in libraries.items())
        raise TypeError(f"arrays from different libraries ({found}); expected all from one")
    devices = {name: str(device(value)) for name, value in given.items()}
    if len(set(devices.values())) > 1:
        found = ", ".join(f"{name} {size(given[name])} on {where}" for name, where in devices.items())
        raise ValueError(f"arrays on different devices ({found}); expected all on one")
    xp = array_namespace(*given.values())
    given = {name: _widened(xp, name, value) for name, value in given.items()}
    common = xp.result_type(*(value.dtype for name, value in given.items() if name not in OPTIONAL))
    given = {n: value if value.dtype in (common, xp.bool) else xp.astype(value, common) for n, value in given.items()}
    return xp, *(given.get(name) for name in arguments)


def check_attention(xp, q, k, v, scale, mask, bias, softcap, sink) -> None:
    """Raise ValueError, naming the argument, its shape and what was expected, unless all of it fits together."""
    for name, value in (("q", q), ("k", k), ("v", v)):
        if value.ndim < 2:
            raise ValueError(f"{name} {size(value)} has {value.ndim} axes; expected [..., heads, positions, width]")
        if 0 in value.shape:
            raise ValueError(f"{name} {size(value)} is empty; expected at least one position, head and dimension")
        if not bool(xp.all(xp.isfinite(value))):
            raise ValueError(f"{name} {size(value)} holds NaN or infinity; expected finite numbers")
    if not q.ndim == k.ndim == v.ndim:
        raise ValueError(f"q {size(q)}, k {size(k)} and v {size(v)}; expected the same number of axes")
    if q.shape[-1] != k.shape[-1]:
        raise ValueError(f"q {size(q)} and k {size(k)} differ in d_k, the last axis; a dot product needs one length")
    if k.shape[:-1] != v.shape[:-1]:
        raise ValueError(f"k {size(k)} and v {size(v)} differ before the last axis; expected one value a key")
    if q.ndim > 2 and (q.shape[:-3] != k.shape[:-3] or q.shape[-3] % k.shape[-3]):
        raise ValueError(
            f"q {size(q)} and k {size(k)} do not pair up; expected equal batch axes, and query heads that are a "
            f"multiple of the key heads"
        )
    scores = (*q.shape[:-1], k.shape[-2])
    for name, value in (("mask", mask), ("bias", bias)):
        if value is None:
            continue
        if not _broadcasts(value.shape, scores):
            raise ValueError(f"{name} {size(value)} does not broadcast to the scores {list(scores)}")
        if value.dtype != xp.bool and not bool(xp.all(value < math.inf)):
            raise ValueError(f"{name} {size(value)} holds NaN or +inf; expected numbers, or -inf where none may look")
    if sink is not None:
        if sink.ndim and (sink.ndim > 1 or len(scores) < 3 or sink.shape[0] != scores[-3]):
            raise ValueError(f"sink {size(sink)} does not fit the scores {list(scores)}; expected one number a head")
        if not bool(xp.all(xp.isfinite(sink))):
            raise ValueError(f"sink {size(sink)} holds NaN or infinity; expected finite numbers")
    for name, number in (("scale", scale), ("softcap", 1 if softcap is None else softcap)):
        if not isinstance(number, Real):
            raise TypeError(f"{name} is a {type(number).__name__}; expected a number")
    if not math.isfinite(scale):
        raise ValueError(f"scale is {scale}; expected a finite number")
    if softcap is not None and not 0 < softcap < math.inf:
        raise ValueError(f"softcap is {softcap}; expected a positive number, or None for no cap")


def check_scores(xp, scores, v) -> None:
    """Raise ValueError unless the values v, of any width, fit the scores and are finite. Softmax checks the scores."""
    if scores.ndim < 2 or scores.ndim != v.ndim or 0 in (*scores.shape, *v.shape[:-1]):
        raise ValueError(f"scores {size(scores)} and v {size(v)}; expected the same number of axes, none of them empty")
    heads_fit = scores.ndim == 2 or (scores.shape[:-3] == v.shape[:-3] and scores.shape[-3] % v.shape[-3] == 0)
    if scores.shape[-1] != v.shape[-2] or not heads_fit:
        raise ValueError(f"scores {size(scores)} and v {size(v)} do not pair up; expected one value a key")
    if not bool(xp.all(xp.isfinite(v))):
        raise ValueError(f"v {size(v)} holds NaN or infinity; expected finite numbers")


def size(value) -> str:
    """The shape as messages show it: [3, 2]."""
    return str(list(value.shape))


def _from_python(name, value) -> np.ndarray:
    try:
        array = np.asarray(value)
    except ValueError:  # rows of different lengths
        array = np.array(None)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} is a {type(value).__name__} that holds no numbers; expected an array")
    return array if array.dtype == bool and name == "mask" else array.astype(float)


def _widened(xp, name, value) -> Array:
    if value.dtype == xp.bool and name == "mask":
        return value
    if xp.isdtype(value.dtype, "integral"):
        return xp.astype(value, xp.asarray(0.0).dtype)
    if not xp.isdtype(value.dtype, "real floating"):
        raise TypeError(f"{name} {size(value)} has dtype {value.dtype}; expected real numbers")
    return xp.astype(value, xp.float32) if xp.finfo(value.dtype).bits < 32 else value


def _broadcasts(shape, target) -> bool:
    try:
        return np.broadcast_shapes(tuple(shape), tuple(target)) == tuple(target)
    except ValueError:
        return False
