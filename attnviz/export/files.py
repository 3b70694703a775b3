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
        return (_commented(picture.provenance) + "\n" + picture.python).encode()
    return {"csv": _csv, "npz": _npz}[ending](picture)


def _csv(picture: Picture) -> bytes:
    """Provenance in lines that start with #, then one line a number, with the drawing or the head it belongs to."""
    file = io.StringIO()
    file.write(_commented((*picture.provenance, *picture.notes)))
    lines = csv.writer(file)
    first = picture.drawings[0]
    several = ["drawing"] if len(picture.drawings) > 1 else []
    of_head = ["head"] if first.reading.weights.ndim == 3 else []
    rows, columns, numbers = first.axes
    lines.writerow([*several, *of_head, "row", rows, "column", columns, numbers])
    for drawing in picture.drawings:
        name = [drawing.name] if several else []
        queries, keys = drawing.reading.queries, drawing.reading.keys
        for (*head, i, j), number in np.ndenumerate(drawing.reading.weights):
            whose = ["L{}.H{}".format(*drawing.heads[place]) for place in head]
            lines.writerow([*name, *whose, i, queries[i], j, keys[j], repr(float(number))])
    return file.getvalue().encode()


def _npz(picture: Picture) -> bytes:
    """Of each drawing its numbers as weights [rows, columns] (of a grid [heads, rows, columns]), and what rows
    (queries) and columns (keys) are called; of several, each behind the drawing's name and a point. Readable without
    pickle."""
    arrays = {"provenance": np.array(picture.provenance), "notes": np.array(picture.notes, dtype=np.str_)}
    for drawing in picture.drawings:
        before = f"{drawing.name}." if len(picture.drawings) > 1 else ""
        arrays[f"{before}weights"] = drawing.reading.weights
        arrays[f"{before}queries"] = np.array(drawing.reading.queries, dtype=np.str_)
        arrays[f"{before}keys"] = np.array(drawing.reading.keys, dtype=np.str_)
        if drawing.heads:
            arrays[f"{before}heads"] = np.array(drawing.heads)
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **arrays)
    return file.getvalue()


def _commented(lines: Iterable[str]) -> str:
    return "".join(f"# {line}\n" for line in lines)
