"""The files that a picture can be taken away as."""

import csv
import io
from collections.abc import Iterable

import numpy as np

from attnviz.export.pictures import Picture

ENDINGS = {
    "svg": "SVG, text as text",
    "png": "PNG",
    "pdf": "PDF",
    "html": "HTML, opens offline",
    "csv": "CSV",
    "npz": "NPZ, for NumPy",
    "py": "Python that makes it again",
}


def made(picture: Picture, ending: str) -> bytes:
    """A picture as a file with one of ENDINGS. matplotlib and Plotly's script are loaded only where they are needed."""
    if ending in ("svg", "png", "pdf"):
        from attnviz.export.static import drawn

        return drawn(picture, ending)
    if ending == "html":
        from attnviz.export.offline import page

        return page(picture).encode()
    if ending == "py":
        return (_commented(picture.provenance.lines()) + "\n" + picture.python).encode()
    return {"csv": _csv, "npz": _npz}[ending](picture)


def _csv(picture: Picture) -> bytes:
    """Provenance in lines that start with #, then one line a weight."""
    file = io.StringIO()
    file.write(_commented((*picture.provenance.lines(), *picture.reading.notes)))
    lines = csv.writer(file)
    lines.writerow(["row", "from", "column", "to", "weight"])
    found = picture.reading
    queries, keys = found.queries, found.keys
    for (i, j), weight in np.ndenumerate(found.weights):
        lines.writerow([i, queries[i], j, keys[j], repr(float(weight))])
    return file.getvalue().encode()


def _npz(picture: Picture) -> bytes:
    """weights [rows, columns], queries, keys, notes and provenance; readable without pickle."""
    found = picture.reading
    words = {"queries": found.queries, "keys": found.keys, "notes": found.notes}
    arrays = {name: np.array(value, dtype=np.str_) for name, value in words.items()}
    arrays |= {"weights": found.weights, "provenance": np.array(picture.provenance.lines())}
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **arrays)
    return file.getvalue()


def _commented(lines: Iterable[str]) -> str:
    return "".join(f"# {line}\n" for line in lines)
