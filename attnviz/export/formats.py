"""The files that a set of figures can be exported as: one entry of FORMATS a format."""

import csv
import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from attnviz.export.figure_set import FigureSet


@dataclass(frozen=True)
class Format:
    """A kind of file: the ending of its name, what a menu calls it, its MIME type, and what makes it."""

    suffix: str
    label: str
    mime: str
    write: Callable[[FigureSet], bytes]


def made(figures: FigureSet, suffix: str) -> bytes:
    """A set as a file of one of FORMATS. matplotlib and Plotly's script are loaded only where they are needed."""
    return FORMATS[suffix].write(figures)


def _painted(suffix: str) -> Callable[[FigureSet], bytes]:
    def write(figures: FigureSet) -> bytes:
        from attnviz.export.paint import painted

        return painted(figures, suffix)

    return write


def _html(figures: FigureSet) -> bytes:
    from attnviz.export.html_page import page

    return page(figures).encode()


def _python(figures: FigureSet) -> bytes:
    return (_commented(figures.provenance) + "\n" + figures.python).encode()


def _csv(figures: FigureSet) -> bytes:
    """Provenance and notes in lines that start with #, then one line a number, with the picture it belongs to where
    that has a name."""
    file = io.StringIO()
    file.write(_commented((*figures.provenance, *figures.notes)))
    lines = csv.writer(file)
    named = ["picture"] if any(figures.pictures) else []
    first = next(iter(figures.pictures.values()))
    lines.writerow([*named, *first.table.columns])
    for name, picture in figures.pictures.items():
        for row in zip(*picture.table.columns.values()):
            lines.writerow([*([name] if named else []), *map(_plain, row)])
    return file.getvalue().encode()


def _npz(figures: FigureSet) -> bytes:
    """The arrays of each picture, behind its name and a point where it has one. Readable without pickle."""
    arrays = {"provenance": np.array(figures.provenance), "notes": np.array(figures.notes, dtype=np.str_)}
    for name, picture in figures.pictures.items():
        arrays |= {".".join(filter(None, (name, of))): array for of, array in picture.table.arrays.items()}
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **arrays)  # type: ignore[arg-type]
    return file.getvalue()


def _plain(value: object) -> str:
    """A number with all its digits, or a text."""
    return repr(value.item()) if isinstance(value, np.number) else str(value)


def _commented(lines: Iterable[str]) -> str:
    return "".join(f"# {line}\n" for line in lines)


FORMATS = {
    one.suffix: one
    for one in (
        Format("svg", "SVG, text as text", "image/svg+xml", _painted("svg")),
        Format("png", "PNG", "image/png", _painted("png")),
        Format("pdf", "PDF", "application/pdf", _painted("pdf")),
        Format("html", "HTML, opens offline", "text/html", _html),
        Format("csv", "CSV", "text/csv", _csv),
        Format("npz", "NPZ, for NumPy", "application/octet-stream", _npz),
        Format("py", "Python that makes it again", "text/x-python", _python),
    )
}
