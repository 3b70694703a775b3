"""What all drawings on paper share: matplotlib's settings, the lines below a picture and inside its file, and colours.

Figures are made without pyplot, and matplotlib's settings, which are global, are changed under a lock.
"""

import io
import re
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

import matplotlib
import numpy as np
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.transforms import Transform

import attnviz
from attnviz.export.figure_set import FigureSet
from attnviz.figures.theme import THEMES

OTHER_SCRIPTS = ("Noto Sans CJK JP", "PingFang SC", "Microsoft YaHei", "Noto Sans Arabic", "Noto Sans Hebrew",
                 "Noto Sans Devanagari", "Noto Sans Thai")  # fmt: skip
SETTINGS: Any = {
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
    "text.parse_math": False,
    "path.simplify": False,
    "font.family": ["DejaVu Sans", *(name for name in OTHER_SCRIPTS if name in fontManager.get_font_names())],
}
NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
WRAP = 108  # characters of a line below the picture


_lock = Lock()


@contextmanager
def settings() -> Iterator[None]:
    """Ours, while something is drawn."""
    with _lock, matplotlib.rc_context(SETTINGS):
        yield


def saved(figure: Figure, figures: FigureSet, ending: str, place: Transform) -> bytes:
    """The file, with what is told of the picture from `place` on downwards, and inside."""
    figure.text(
        0, 0, _below(figures), transform=place, va="top", size=6.5, color=THEMES[figures.theme].faint, linespacing=1.4
    )
    file = io.BytesIO()
    figure.savefig(
        file, format=ending, dpi=200, bbox_inches="tight", pad_inches=0.3, metadata=_metadata(figures, ending)
    )
    return file.getvalue()


def _below(figures: FigureSet) -> str:
    told = (*figures.notes, *figures.provenance)
    return "\n".join(textwrap.fill(in_xml(line), WRAP) for line in told)


def _metadata(figures: FigureSet, ending: str) -> dict[str, str | None]:
    """What the file says of itself, by its format's names; no date, so that equal pictures are equal files."""
    title, told = in_xml(figures.title), in_xml("\n".join(figures.provenance))
    maker = f"attnviz {attnviz.__version__}"
    if ending == "pdf":
        return {"Title": title, "Subject": told, "Creator": maker, "CreationDate": None}
    if ending == "png":
        return {"Title": title, "Description": told, "Software": maker}
    return {"Title": title, "Description": told, "Creator": maker, "Date": None}


def on_ink(shade: Any, theme: str) -> str:
    """The colour of text that can be read on a shade: the theme's own, or its page's."""
    colours = THEMES[theme]
    apart = [(abs(_light(colour) - _light(shade)), colour) for colour in (colours.text, colours.page)]
    return max(apart)[1]


def _light(shade: Any) -> float:
    return float(np.dot(to_rgba(shade)[:3], (0.299, 0.587, 0.114)))


def in_xml(text: str) -> str:
    """Text that may stand in an SVG: XML has no place for most control characters."""
    return NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", text)
