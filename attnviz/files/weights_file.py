"""Weights that another program computed, or that were recorded, with their tokens: checked, and opened like a trace.

The format of the files, NPZ or JSON, is in docs/own-tensors.md. Nothing in a file is ever run: object arrays, which
need pickle, are refused, and the size that a file unpacks to is looked up before any of it is unpacked.
"""

import hashlib
import io
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from attnviz.errors import AttnvizError, in_one_line, json_object
from attnviz.traces import LayerAttention, Trace

MOST_BYTES = 256 * 2**20  # bytes, unpacked
MOST_JSON = 64 * 2**20  # bytes; as Python's lists it takes ten times as much
ROW_TOLERANCE = 0.01  # what a row's sum may differ from 1: half formats keep three digits
WHOLE = ("weights", "attentions")
LAYER = re.compile(r"(?:layer|attentions)_(\d{1,4})")
RECORDED = re.compile(r"L(\d{1,4})\.(encoder|decoder|cross)\.weights")  # as attnviz writes them
NO_DECODER = ("decoder_tokens", None)  # in the JSON of a model without one
SEE = "docs/own-tensors.md shows how to save it"
HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


@dataclass(frozen=True, eq=False)
class WeightsFile:
    """What a file holds: a trace without queries, keys and values, what was done to its weights, and what the file says
    of where they come from."""

    trace: Trace
    notes: tuple[str, ...]
    provenance: tuple[str, ...] = ()


def load_weights(file: bytes, name: str) -> WeightsFile:
    """Weights and tokens from the bytes of a file; `name` tells by its ending what it is.

    Raises AttnvizError for everything that is not as the format says, with the place and what to do.
    """
    ending = name.lower().rpartition(".")[2]
    if ending not in ("npz", "json"):
        raise AttnvizError(f"'{in_one_line(name)}' is neither .npz nor .json: {SEE}.")
    arrays = _from_npz(file) if ending == "npz" else _from_json(file)
    trace, worst = _checked(arrays, name, hashlib.sha256(file).hexdigest()[:12])
    notes = (f"Rows sum to 1 within {worst:.1e}, and are drawn as shares of their sum.",) if worst > 1e-5 else ()
    return WeightsFile(trace, notes, _strings(arrays, "provenance") if "provenance" in arrays else ())


def from_weights(weights: Any, tokens: Sequence[str], decoder_tokens: Sequence[str] | None = None) -> Trace:
    """A trace of weights in memory, NumPy's or torch's, for `attnviz.figures` and all else that needs no q and k.

    `weights` is a model's `attentions` or `cross_attentions` as transformers returns them (a tuple of layers
    [1, heads, queries, keys]), or one array [layers, heads, queries, keys]. `tokens` name the keys, and the queries too
    unless `decoder_tokens` do.

    Raises AttnvizError for what `read` would refuse in a file.
    """
    arrays = (
        {f"layer_{index}": _plain(layer) for index, layer in enumerate(weights)}
        if isinstance(weights, list | tuple)
        else {"weights": _plain(weights)}
    )
    sides = {"tokens": tokens} | ({} if decoder_tokens is None else {"decoder_tokens": decoder_tokens})
    arrays |= {name: _as_array(name, list(side)) for name, side in sides.items()}
    return _checked(arrays, "your own weights", "in memory")[0]


def _plain(array: Any) -> np.ndarray:
    """An array, or a tensor of torch's: of any device, with or without gradients, in any format."""
    return array.detach().float().cpu().numpy() if hasattr(array, "detach") else np.asarray(array)


def _checked(arrays: Mapping[str, np.ndarray], name: str, revision: str) -> tuple[Trace, float]:
    """The trace, and the largest distance of a row's sum from 1."""
    layers = _layers(arrays)
    tokens = _tokens(arrays, "tokens")
    written = _tokens(arrays, "decoder_tokens") if np.size(arrays.get("decoder_tokens", ())) else None
    if "" in layers:
        layers = {_kind(layers[""], written): layers[""]}
    for kind, its in layers.items():
        _check_sides(kind, its, tokens, written)
    worst = max(_checked_rows(index, layer) for its in layers.values() for index, layer in enumerate(its))
    return _opened(name, revision, layers, tokens, written), worst


def _kind(layers: Sequence[np.ndarray], written: tuple[str, ...] | None) -> str:
    if written is not None:
        return "cross"
    return "encoder" if any(np.triu(layer, 1).any() for layer in layers) else "decoder"


# ---- files to arrays


def _from_npz(file: bytes) -> dict[str, np.ndarray]:
    try:
        with zipfile.ZipFile(io.BytesIO(file)) as archive:
            members = archive.infolist()
            size = sum(member.file_size for member in members)
            if size > MOST_BYTES:
                raise AttnvizError(
                    f"The file unpacks to {size / 2**20:,.0f} MiB, and {MOST_BYTES // 2**20} are opened: save "
                    "fewer layers, or fewer tokens, or float16."
                )
            return {member.filename.removesuffix(".npy"): _array(archive, member) for member in members}
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise AttnvizError(f"The file is no whole .npz ({in_one_line(error)}): save it again with np.savez.") from error


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    """One array. Raises ValueError for what np.savez does not write."""
    name = in_one_line(member.filename, 40)
    with archive.open(member) as packed:
        version = np.lib.format.read_magic(packed)
        if version not in HEADERS:
            raise ValueError(f"'{name}' has a header of version {version}")
        shape, fortran, dtype = HEADERS[version](packed)
        if dtype.hasobject:
            raise AttnvizError(
                f"'{name}' holds Python objects, which only pickle opens: save numbers as a float array and tokens as "
                "np.array(tokens, dtype=str)."
            )
        rest = packed.read()
    count = int(np.prod(shape, dtype=object))
    if count * dtype.itemsize != len(rest):
        raise ValueError(f"'{name}' says it holds {count} numbers and does not")
    return np.frombuffer(rest, dtype).reshape(shape, order="F" if fortran else "C")


def _from_json(file: bytes) -> dict[str, np.ndarray]:
    if len(file) > MOST_JSON:
        raise AttnvizError(f"JSON is opened up to {MOST_JSON // 2**20} MiB: save this as .npz.")
    wanted = f"an object with 'tokens' is expected: {SEE}"
    told = json_object(file, "The file", wanted, "save it again with json.dump")
    told |= _recorded_layers(told.pop("layers", None))
    known = {name: value for name, value in told.items() if _is_tokens(name) or _is_weights(name)}
    return {name: _as_array(name, value) for name, value in known.items() if (name, value) != NO_DECODER}


def _recorded_layers(layers: Any) -> dict[str, Any]:
    """The layers that `python -m attnviz trace --out F.json` writes, by the names that they have in its NPZ."""
    listed = layers if isinstance(layers, list) else []
    return {f"L{one.get('index')}.{one.get('kind')}.weights": one.get("weights") for one in listed if type(one) is dict}


def _as_array(name: str, value: Any) -> np.ndarray:
    if _is_tokens(name) and not (isinstance(value, list) and all(isinstance(one, str) for one in value)):
        raise AttnvizError(f"'{name}' must be a list of strings, one a token.")
    try:
        return np.array(value, dtype=np.str_ if _is_tokens(name) else None)
    except ValueError as error:
        raise AttnvizError(
            f"'{in_one_line(name)}' has rows of different lengths: every head needs as many rows and columns."
        ) from error


# ---- arrays to layers and tokens


def _is_tokens(name: str) -> bool:
    return name in ("tokens", "decoder_tokens")


def _is_weights(name: str) -> bool:
    return name in WHOLE or LAYER.fullmatch(name) is not None or RECORDED.fullmatch(name) is not None


def _layers(arrays: Mapping[str, np.ndarray]) -> dict[str, list[np.ndarray]]:
    """By kind, each layer's weights [heads, queries, keys] as float32; "" where names say no kind."""
    names = [name for name in arrays if _is_weights(name)]
    if not names:
        held = ", ".join(in_one_line(name, 30) for name in list(arrays)[:6]) or "nothing"
        raise AttnvizError(f"The file has no 'weights' and no 'layer_0' (it holds {held}): {SEE}.")
    whole = [name for name in names if name in WHOLE]
    if whole and len(names) > 1:
        raise AttnvizError(f"The file holds {' and '.join(names[:3])}: keep either all layers in one, or one a layer.")
    if whole:
        layers = _all_layers(whole[0], arrays[whole[0]])
        return {"": [_one_text(f"{whole[0]}[{index}]", layer) for index, layer in enumerate(layers)]}
    recorded = [found for name in names if (found := RECORDED.fullmatch(name))]
    if recorded and len(recorded) < len(names):
        raise AttnvizError(f"The file holds {' and '.join(names[:3])}: keep either names of one kind or of the other.")
    kinds = {found[2]: [one.string for one in recorded if one[2] == found[2]] for found in recorded} or {"": names}
    return {
        kind: [_one_text(name, _numbers(name, arrays[name])) for name in _in_order(its)] for kind, its in kinds.items()
    }


def _in_order(names: list[str]) -> list[str]:
    """Names of layers by number. Raises AttnvizError where one is missing or there twice."""
    numbered = sorted((int(re.sub(r"\D", "", name)), name) for name in names)
    for expected, (number, name) in enumerate(numbered):
        if number != expected:
            raise AttnvizError(f"'{name}' stands where layer {expected} is expected: number the layers 0, 1, 2 …")
    return [name for _, name in numbered]


def _all_layers(name: str, array: np.ndarray) -> np.ndarray:
    """[layers, heads, n, n], [layers, 1, heads, n, n], or the heads of one layer [heads, n, n]."""
    array = _numbers(name, array)
    if array.ndim not in (3, 4, 5):
        raise AttnvizError(f"'{name}' has shape {list(array.shape)}, where [layers, heads, queries, keys] is expected.")
    return array[None] if array.ndim == 3 else array


def _numbers(name: str, array: np.ndarray) -> np.ndarray:
    if array.dtype.kind not in "fiu":
        raise AttnvizError(f"'{name}' holds {array.dtype.name}, where weights are real numbers from 0 to 1.")
    if 0 in array.shape:
        raise AttnvizError(f"'{name}' has shape {list(array.shape)}: there is nothing in it.")
    return array


def _one_text(name: str, layer: np.ndarray) -> np.ndarray:
    """[heads, queries, keys] of a layer that may carry a batch of one text."""
    if layer.ndim == 4 and layer.shape[0] != 1:
        raise AttnvizError(f"'{name}' holds a batch of {layer.shape[0]} texts: save one of them, as in layer[:1].")
    if layer.ndim not in (3, 4):
        raise AttnvizError(f"'{name}' has shape {list(layer.shape)}, where [heads, queries, keys] is expected.")
    return layer.reshape(layer.shape[-3:]).astype(np.float32)


def _tokens(arrays: Mapping[str, np.ndarray], name: str) -> tuple[str, ...]:
    if name not in arrays:
        raise AttnvizError(f"The file has no '{name}': save them beside the weights, one string a token.")
    if not arrays[name].size:
        raise AttnvizError(f"'{name}' is empty: save one string a token.")
    return _strings(arrays, name)


def _strings(arrays: Mapping[str, np.ndarray], name: str) -> tuple[str, ...]:
    array = arrays[name]
    if array.dtype.kind != "U" or array.ndim != 1:
        raise AttnvizError(f"'{name}' must be a flat list of strings: save np.array({name}, dtype=str).")
    return tuple(array.tolist())


# ---- checks


def _check_sides(kind: str, layers: list[np.ndarray], tokens: tuple[str, ...], written: tuple[str, ...] | None) -> None:
    """As many rows and columns as there are tokens that attend and that are attended to, in every layer."""
    keys = "tokens" if kind != "decoder" or written is None else "decoder_tokens"
    queries = "tokens" if kind == "encoder" or written is None else "decoder_tokens"
    counts = {"tokens": len(tokens), "decoder_tokens": len(written or ())}
    for index, layer in enumerate(layers):
        _, rows, columns = layer.shape
        if written is None and (rows != columns or kind == "cross"):
            raise AttnvizError(
                f"Layer {index} has {rows} rows and {columns} columns: for cross-attention save 'decoder_tokens' too, "
                "the tokens that attend."
            )
        for count, said, side in ((columns, "columns", keys), (rows, "rows", queries)):
            if count != counts[side]:
                raise AttnvizError(f"Layer {index} has {count} {said} for {counts[side]} {side}: save one for each.")


def _checked_rows(index: int, layer: np.ndarray) -> float:
    """The largest distance of a row's sum from 1; a row of zeros may look nowhere. Raises AttnvizError beyond that."""
    if not np.isfinite(layer).all():
        raise AttnvizError(f"{_place(index, ~np.isfinite(layer))} is not finite: save what came out of softmax.")
    outside = (layer < 0) | (layer > 1 + ROW_TOLERANCE)
    if outside.any():
        found = float(layer[outside][0])
        raise AttnvizError(
            f"{_place(index, outside)} is {found:.3g}; weights lie from 0 to 1: are these scores, before softmax?"
        )
    sums = layer.sum(axis=-1, dtype=np.float64)
    off = np.where(sums == 0, 0, np.abs(sums - 1))
    if off.max() > ROW_TOLERANCE:
        turned = np.abs(layer.sum(axis=-2) - 1).max() <= ROW_TOLERANCE
        mend = "columns do: swap the last two axes" if turned else f"{ROW_TOLERANCE} is allowed: save all keys of a row"
        head, row = np.unravel_index(int(off.argmax()), off.shape)
        raise AttnvizError(
            f"{int((off > ROW_TOLERANCE).sum())} rows of layer {index} do not sum to 1, L{index}.H{head} row {row} "
            f"least ({sums[head, row]:.4f}); {mend}."
        )
    return float(off.max())


def _place(index: int, wrong: np.ndarray) -> str:
    head, row, column = np.argwhere(wrong)[0]
    return f"L{index}.H{head}, row {row}, column {column}"


# ---- a trace


def _opened(
    name: str,
    revision: str,
    layers: Mapping[str, list[np.ndarray]],
    tokens: tuple[str, ...],
    written: tuple[str, ...] | None,
) -> Trace:
    return Trace(
        model=in_one_line(name),
        revision=revision,
        architecture="your own weights",
        text=" ".join(tokens),
        text_pair=None,
        tokens=tokens,
        pieces=tokens,
        token_ids=(),
        offsets=tuple(_places(tokens)),
        words=tuple(range(len(tokens))),
        segments=(0,) * len(tokens),
        layers=tuple(_layer(kind, index, layer) for kind, its in layers.items() for index, layer in enumerate(its)),
        seconds=0.0,
        decoder_tokens=written,
        route="weights",
    )


def _layer(kind: str, index: int, weights: np.ndarray) -> LayerAttention:
    """Scores that softmax turns into the weights; values of no dimensions, since nothing is known of them."""
    with np.errstate(divide="ignore"):
        scores = np.log(weights)
    heads, _, keys = weights.shape
    return LayerAttention(kind, index, None, None, np.empty((heads, keys, 0), np.float32), 1.0, scores=scores)


def _places(tokens: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    """Where each token stands in the tokens joined by spaces."""
    start = 0
    for token in tokens:
        yield start, start + len(token)
        start += len(token) + 1
