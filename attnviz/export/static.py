"""The four views on paper: SVG, PNG and PDF by matplotlib, from the numbers on screen, text kept as text.

Figures are made without pyplot, and matplotlib's settings, which are global, are changed under a lock.
"""

import io
import re
import textwrap
from threading import Lock
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap, to_rgba
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager

import attnviz
from attnviz.export.pictures import Picture
from attnviz.figures.heads import scaled
from attnviz.figures.theme import HEAD_COLOURS, THEMES, shortened, visible
from attnviz.reading import strongest

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
WITH_NUMBERS = 16  # rows or columns up to which each cell says its weight
SHAPES = 128  # rows or columns up to which each cell is a shape; a larger map is one image
FAINTEST_LINE = 0.02  # as on screen
WIDTH = 7.0  # inches, without the tokens beside a map
LINE = 17  # points from one line of tokens to the next
WRAP = 108  # characters of a line below the picture

_settings = Lock()


def drawn(picture: Picture, ending: str) -> bytes:
    """A picture as a file: "svg", "png" or "pdf", with a title above, and its provenance below and inside."""
    draw = {"heatmap": _heatmap, "lines": _lines, "strip": _strip, "table": _table}[picture.shown_as]
    colours = THEMES[picture.theme]
    file = io.BytesIO()
    with _settings, matplotlib.rc_context(SETTINGS):
        figure = Figure(facecolor=colours.page)
        axes = figure.add_axes((0, 0, 1, 1))
        draw(figure, axes, picture)
        axes.set_title(_legible(picture.title), loc="left", size=13, weight="bold", color=colours.text, pad=12)
        axes.annotate(
            _below(picture), (0, 0), xycoords="axes fraction", xytext=(0, -14), textcoords="offset points", va="top",
            size=6.5, color=colours.faint, linespacing=1.4,
        )  # fmt: skip
        figure.savefig(
            file, format=ending, dpi=200, bbox_inches="tight", pad_inches=0.3, metadata=_metadata(picture, ending)
        )
    return file.getvalue()


def _below(picture: Picture) -> str:
    told = (*picture.reading.notes, *picture.provenance.lines())
    return "\n".join(textwrap.fill(_legible(line), WRAP) for line in told)


def _metadata(picture: Picture, ending: str) -> dict[str, str | None]:
    """What the file says of itself, by its format's names; no date, so that equal pictures are equal files."""
    title = _legible(f"{picture.title} of {picture.provenance.model}")
    told = _legible("\n".join(picture.provenance.lines()))
    maker = f"attnviz {attnviz.__version__}"
    if ending == "pdf":
        return {"Title": title, "Subject": told, "Creator": maker, "CreationDate": None}
    if ending == "png":
        return {"Title": title, "Description": told, "Software": maker}
    return {"Title": title, "Description": told, "Creator": maker, "Date": None}


def _heatmap(figure: Figure, axes: Axes, picture: Picture) -> None:
    found, colours, ink = picture.reading, THEMES[picture.theme], _ink(picture)
    values, low, high, ticks = scaled(found.weights, picture.scale, picture.top)
    n_rows, n_columns = values.shape
    figure.set_size_inches(WIDTH, WIDTH * n_rows / n_columns)
    gap = {"edgecolors": colours.page, "linewidth": 0.8} if max(values.shape) <= SHAPES else {"rasterized": True}
    cells = axes.pcolormesh(values, cmap=ink, vmin=low, vmax=high, **gap)
    axes.invert_yaxis()
    axes.set_aspect("equal")
    if max(values.shape) <= WITH_NUMBERS:
        for (i, j), weight in np.ndenumerate(found.weights):
            shade = ink((values[i, j] - low) / (high - low))
            axes.text(j + 0.5, i + 0.5, f"{weight:.2f}", ha="center", va="center", size=7, color=_on(shade, picture))
    step = -(-max(values.shape) // 48)
    size = 9 if max(values.shape) <= 32 else 6
    for axis, tokens in ((axes.xaxis, found.keys), (axes.yaxis, found.queries)):
        axis.set_ticks([place + 0.5 for place in range(0, len(tokens), step)], [_token(one) for one in tokens[::step]])
    axes.tick_params("both", length=0, labelsize=size, labelcolor=colours.text)
    axes.tick_params("x", labeltop=True, labelbottom=False)
    for label in axes.get_xticklabels():
        label.set(rotation=60, ha="left", rotation_mode="anchor")
    axes.set_ylabel("from (queries)", size=8, color=colours.faint)
    axes.set_xlabel("to (keys)", size=8, color=colours.faint)
    axes.xaxis.set_label_position("top")
    axes.spines[:].set_visible(False)
    bar = figure.colorbar(cells, cax=axes.inset_axes((1.03, 0, 0.02, 0.4)), ticks=list(ticks))
    bar.set_ticklabels(list(ticks.values()), size=7, color=colours.text)
    bar.set_label({"row": "of the row's largest"}.get(picture.scale, "weight"), size=7, color=colours.text)
    bar.outline.set_visible(False)


def _lines(figure: Figure, axes: Axes, picture: Picture) -> None:
    found, colours = picture.reading, THEMES[picture.theme]
    _lined(figure, axes, max(found.weights.shape))
    sides = ((found.queries, 0.29, "right", picture.cell[0]), (found.keys, 0.71, "left", None))
    for tokens, x, side, chosen in sides:
        for place, token in enumerate(tokens):
            colour = colours.alarm if place == chosen else colours.text
            axes.text(x, place + 0.5, _token(token), ha=side, va="center", size=9, color=colour)
    for place, name in enumerate(found.heads):
        axes.text(1, place + 0.5, name, ha="right", va="center", size=9, color=HEAD_COLOURS[place % len(HEAD_COLOURS)])
    links = _links(picture)
    top = max(1.0, found.weights.max())
    along = np.linspace(0, 1, 24)
    bend = along**2 * (3 - 2 * along)
    axes.add_collection(
        LineCollection(
            [np.column_stack([0.3 + 0.4 * along, i + 0.5 + (j - i) * bend]) for i, j, _ in links],
            colors=[to_rgba(_head_colour(picture, i, j), min(1, 0.06 + weight / top)) for i, j, weight in links],
            linewidths=[0.5 + 2 * weight / top for *_, weight in links],
        )
    )


def _head_colour(picture: Picture, row: int, column: int) -> str:
    """The accent, or, of several heads, the colour of the one that is strongest there."""
    strongest_heads = picture.reading.strongest
    if strongest_heads is None:
        return THEMES[picture.theme].accent
    return HEAD_COLOURS[strongest_heads[row, column] % len(HEAD_COLOURS)]


def _links(picture: Picture) -> list[tuple[int, int, float]]:
    """Row, column and weight of each line, weakest first, so that the strongest lie on top."""
    weights = picture.reading.weights
    most = picture.top_k or weights.shape[1]
    least = max(picture.threshold, FAINTEST_LINE)
    kept = [(i, int(j)) for i, row in enumerate(weights) for j in np.argsort(-row, kind="stable")[:most]]
    return sorted(((*at, float(weights[at])) for at in kept if weights[at] >= least), key=lambda link: link[2])


def _strip(figure: Figure, axes: Axes, picture: Picture) -> None:
    """The text with the chosen token's row (or column) as ink behind each token, its weight below."""
    found, ink = picture.reading, _ink(picture)
    row, column = picture.cell
    from_chosen = picture.side == "query"
    weights, tokens = (found.weights[row], found.keys) if from_chosen else (found.weights[:, column], found.queries)
    chosen = found.queries[row] if from_chosen else found.keys[column]
    glued = picture.glue[1 if from_chosen else 0] or [False] * len(tokens)
    top = max(1.0, found.weights.max())
    width = 72 * WIDTH
    figure.set_size_inches(WIDTH, WIDTH)
    axes.set(xlim=(0, width), ylim=(width, 0))
    axes.axis("off")
    says = "Where this token looks: " if from_chosen else "Who looks at this token: "
    axes.text(0, 0, says + _token(chosen), size=9, color=THEMES[picture.theme].alarm)
    x, y = 0.0, 2 * LINE
    for token, weight, continues in zip(tokens, weights, glued):
        shade = ink(weight / top)
        text = axes.text(
            x, y, visible(_legible(token)), size=11, color=_on(shade, picture),
            bbox={"facecolor": shade, "edgecolor": "none", "pad": 2},
        )  # fmt: skip
        long = 72 * text.get_window_extent().width / figure.dpi
        x += 0 if continues or x == 0 else 5
        if x + long > width and x > 0:
            x, y = 0.0, y + 2 * LINE
        text.set_position((x, y))
        axes.text(x, y + 10, f"{weight:.2f}", size=5.5, color=THEMES[picture.theme].faint)
        x += max(long, 12) + 4
    figure.set_size_inches(WIDTH, (y + LINE) / 72)
    axes.set_ylim(y + LINE, 0)


def _table(figure: Figure, axes: Axes, picture: Picture) -> None:
    colours, cells = THEMES[picture.theme], strongest(picture.reading)
    _lined(figure, axes, len(cells) + 1)
    top = max(1.0, picture.reading.weights.max())
    for x, name in zip((0.0, 0.3, 0.6), ("from", "to", "weight")):
        axes.text(x, 0.5, name, size=9, va="center", color=colours.faint)
    for place, (query, key, weight, *_) in enumerate(cells, 1):
        for x, text in zip((0.0, 0.3, 0.6), (_token(query), _token(key), f"{weight:.4f}")):
            axes.text(x, place + 0.5, text, size=9, va="center", color=colours.text)
    axes.barh(
        [place + 1.5 for place in range(len(cells))], [0.28 * weight / top for _, _, weight, *_ in cells],
        left=0.72, height=0.5, color=colours.accent,
    )  # fmt: skip


def _lined(figure: Figure, axes: Axes, n_lines: int) -> None:
    """Axes without a frame, one unit to a line of text, counted from the top."""
    figure.set_size_inches(WIDTH, n_lines * LINE / 72)
    axes.set(xlim=(0, 1), ylim=(n_lines, 0))
    axes.axis("off")


def _ink(picture: Picture) -> LinearSegmentedColormap:
    return LinearSegmentedColormap.from_list("ink", THEMES[picture.theme].ink_scale())


def _on(shade: Any, picture: Picture) -> str:
    """The colour of text that can be read on a shade: the theme's own, or its page's."""
    colours = THEMES[picture.theme]
    apart = [(abs(_light(to_rgba(colour)) - _light(shade)), colour) for colour in (colours.text, colours.page)]
    return max(apart)[1]


def _light(shade: Any) -> float:
    return float(np.dot(shade[:3], (0.299, 0.587, 0.114)))


def _token(token: str) -> str:
    return shortened(visible(_legible(token)))


def _legible(text: str) -> str:
    """Text that may stand in an SVG: XML has no place for most control characters."""
    return NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", text)
