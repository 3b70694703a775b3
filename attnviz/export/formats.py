"""The files that a picture can be taken away as."""

import csv
import io
from collections.abc import Iterable, Mapping

import numpy as np

from attnviz.export.figure_set import Picture, Plotted
from attnviz.export.tables import series_of

ENDINGS = {
    "svg": "SVG, text as text",
    "png": "PNG",
    "pdf": "PDF",
    "html": "HTML, opens offline",
    "csv": "CSV",
    "npz": "NPZ, for NumPy",
    "py": "Python that makes it again",
}


def made(picture: Picture | Plotted, ending: str) -> bytes:
    """A picture as a file with one of ENDINGS. matplotlib and Plotly's script are loaded only where they are needed."""
    if ending in ("svg", "png", "pdf"):
        from attnviz.export import marks, paint

        return paint.drawn(picture, ending) if isinstance(picture, Plotted) else marks.drawn(picture, ending)
    if ending == "html":
        from attnviz.export.html_page import page

        return page(picture).encode()
    if ending == "py":
        return (_commented(picture.provenance) + "\n" + picture.python).encode()
    if isinstance(picture, Plotted):
        return {"csv": _csv_of_charts, "npz": _npz_of_charts}[ending](picture)
    return {"csv": _csv, "npz": _npz}[ending](picture)


def _csv_of_charts(picture: Plotted) -> bytes:
    """Provenance as in `_csv`, then one line a point, or a cell of a map, with its chart and its series."""
    file = io.StringIO()
    file.write(_commented((*picture.provenance, *picture.notes)))
    lines = csv.writer(file)
    lines.writerow(["chart", "series", "x", "y", "z", "low", "high", "says"])
    for name, figure in picture.figures.items():
        for one in series_of(figure):
            for place in np.ndindex(one.says.shape):
                x, y = place[-1], place[0]
                extra = [one.numbers[of][place] if of in one.numbers else "" for of in ("z", "low", "high")]
                row = [one.numbers["x"][x], one.numbers["y"][y], *extra, one.says[place]]
                lines.writerow([name, one.name, *map(_plain, row)])
    return file.getvalue().encode()


def _plain(value: object) -> str:
    """A number with all its digits, or a text."""
    return repr(value.item()) if isinstance(value, np.number) else str(value)


def _npz_of_charts(picture: Plotted) -> bytes:
    """Of each series its arrays, behind the names of its chart and, where it has one, its own. Readable without
    pickle."""
    arrays = {"provenance": np.array(picture.provenance), "notes": np.array(picture.notes, dtype=np.str_)}
    for name, figure in picture.figures.items():
        for one in series_of(figure):
            before = ".".join(part for part in (name, one.name) if part)
            says = {"says": one.says} if one.says.any() else {}
            arrays |= {f"{before}.{of}": numbers for of, numbers in (*one.numbers.items(), *says.items())}
    return _zipped(arrays)


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
    return _zipped(arrays)


def _zipped(arrays: Mapping[str, np.ndarray]) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **arrays)  # type: ignore[arg-type]
    return file.getvalue()


def _commented(lines: Iterable[str]) -> str:
    return "".join(f"# {line}\n" for line in lines)
