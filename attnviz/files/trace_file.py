"""A trace as a file: NPZ, JSON, CSV or HTML; and its weights alone, as a recording."""

import csv
import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from attnviz import figures
from attnviz.errors import AttnvizError, in_one_line
from attnviz.traces import Trace

FORMATS = (".npz", ".json", ".csv", ".html")


def as_json(trace: Trace) -> dict[str, Any]:
    """The stable JSON shape of `python -m attnviz trace`; weights [heads][queries][keys]."""
    return {
        "model": trace.model,
        "architecture": trace.architecture,
        "tokens": list(trace.tokens),
        "decoder_tokens": None if trace.decoder_tokens is None else list(trace.decoder_tokens),
        "layers": [
            {"index": layer.index, "kind": layer.kind, "weights": layer.attention().weights.tolist()}
            for layer in trace.layers
        ],
    }


def write(trace: Trace, path: Path) -> None:
    """Write a trace in the format that the file's ending names.

    Raises AttnvizError for an ending that is none of FORMATS, and where the file cannot be written.
    """
    writers = {".npz": _write_npz, ".json": _write_json, ".csv": _write_csv, ".html": _write_html}
    if path.suffix not in writers:
        raise AttnvizError(
            f"'{in_one_line(path)}' ends in none of {', '.join(FORMATS)}: name the file with one of them."
        )
    try:
        writers[path.suffix](trace, path)
    except OSError as error:
        raise AttnvizError(
            f"'{in_one_line(path)}' cannot be written ({error.strerror}): choose another place."
        ) from error


def recording(trace: Trace, provenance: Iterable[str]) -> bytes:
    """Every weight and the lines that say where they come from, as an NPZ that *Your own weights* opens without the
    model."""
    arrays = {f"L{layer.index}.{layer.kind}.weights": layer.attention().weights for layer in trace.layers}
    arrays |= {"tokens": np.array(trace.tokens), "provenance": np.array(list(provenance))}
    if trace.decoder_tokens is not None:
        arrays["decoder_tokens"] = np.array(trace.decoder_tokens)
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **arrays)
    return file.getvalue()


def _write_npz(trace: Trace, path: Path) -> None:
    arrays = {"tokens": np.array(trace.tokens), "decoder_tokens": np.array(trace.decoder_tokens or (), dtype=np.str_)}
    for layer in trace.layers:
        name = f"L{layer.index}.{layer.kind}"
        arrays |= {f"{name}.weights": layer.attention().weights}
        known = {"q": layer.q, "k": layer.k, "v": layer.v, "scores": layer.scores}
        arrays |= {f"{name}.{part}": array for part, array in known.items() if array is not None}
    with path.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def _write_json(trace: Trace, path: Path) -> None:
    path.write_text(json.dumps(as_json(trace), ensure_ascii=False), encoding="utf-8")


def _write_csv(trace: Trace, path: Path) -> None:
    """One line a weight; masked pairs are left out."""
    with path.open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow(["kind", "layer", "head", "query_position", "query", "key_position", "key", "weight"])
        for layer in trace.layers:
            stages = layer.attention()
            queries, keys = trace.sides(layer.kind)
            for head, i, j in np.argwhere(~np.isneginf(stages.masked)).tolist():
                weight = repr(float(stages.weights[head, i, j]))
                lines.writerow([layer.kind, layer.index, head, i, queries[i], j, keys[j], weight])


def _write_html(trace: Trace, path: Path) -> None:
    """All heads in one picture, with Plotly's script inside, so that it opens without a network."""
    figure = figures.all_heads(trace, cells=64)
    figure.update_layout(
        paper_bgcolor="#fcfbf7", title_text=f"All heads of {in_one_line(trace.model)}".replace("<", "&lt;")
    )
    path.write_text(figure.to_html(include_plotlyjs=True, full_html=True), encoding="utf-8")
