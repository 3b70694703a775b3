"""Lines, text and table on paper, by matplotlib, from the numbers on screen; text stays text."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap, to_rgba
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation, Transform

from attnviz.export import paper
from attnviz.export.figure_set import Marks
from attnviz.figures.theme import HEAD_COLOURS, THEMES, shortened, visible
from attnviz.maps.attention_map import strongest_cells

FAINTEST_LINE = 0.02  # as on screen
WIDTH = 7.0  # inches
LINE = 17  # points from one line of tokens to the next


def drawn(marks: Marks) -> tuple[Figure, Transform]:
    """The sheet, as large as it needs, with the title above; and where what is told below it begins."""
    figure = Figure(facecolor=THEMES[marks.theme].page)
    axes = figure.add_axes((0, 0, 1, 1))
    {"lines": _lines, "strip": _strip, "table": _table}[marks.shown_as](figure, axes, marks)
    colour = THEMES[marks.theme].text
    axes.set_title(paper.in_xml(marks.title), loc="left", size=13, weight="bold", color=colour, pad=12)
    return figure, axes.transAxes + ScaledTranslation(0, -14 / 72, figure.dpi_scale_trans)


def save(marks: Marks, path: Path) -> None:
    """As a picture without provenance; the ending of `path` says which kind."""
    with paper.settings():
        figure, _ = drawn(marks)
        figure.savefig(path, dpi=200, bbox_inches="tight", pad_inches=0.3)


def _lines(figure: Figure, axes: Axes, marks: Marks) -> None:
    found, colours = marks.attention_map, THEMES[marks.theme]
    _lined(figure, axes, max(found.weights.shape))
    sides = ((found.queries, 0.29, "right", marks.cell and marks.cell[0]), (found.keys, 0.71, "left", None))
    for tokens, x, side, chosen in sides:
        for place, token in enumerate(tokens):
            colour = colours.alarm if place == chosen else colours.text
            axes.text(x, place + 0.5, _token(token), ha=side, va="center", size=9, color=colour)
    for place, name in enumerate(found.heads):
        axes.text(1, place + 0.5, name, ha="right", va="center", size=9, color=HEAD_COLOURS[place % len(HEAD_COLOURS)])
    links = _links(marks)
    top = max(1.0, found.weights.max())
    along = np.linspace(0, 1, 24)
    bend = along**2 * (3 - 2 * along)
    axes.add_collection(
        LineCollection(
            [np.column_stack([0.3 + 0.4 * along, i + 0.5 + (j - i) * bend]) for i, j, _ in links],
            colors=[to_rgba(_head_colour(marks, i, j), min(1, 0.06 + weight / top)) for i, j, weight in links],
            linewidths=[0.5 + 2 * weight / top for *_, weight in links],
        )
    )


def _head_colour(marks: Marks, row: int, column: int) -> str:
    """The accent, or, of several heads, the colour of the one that is strongest there."""
    strongest_heads = marks.attention_map.strongest
    if strongest_heads is None:
        return THEMES[marks.theme].accent
    return HEAD_COLOURS[strongest_heads[row, column] % len(HEAD_COLOURS)]


def _links(marks: Marks) -> list[tuple[int, int, float]]:
    """Row, column and weight of each line, weakest first, so that the strongest lie on top."""
    weights = marks.attention_map.weights
    most = marks.top_k or weights.shape[1]
    least = max(marks.threshold, FAINTEST_LINE)
    kept = [(i, int(j)) for i, row in enumerate(weights) for j in np.argsort(-row, kind="stable")[:most]]
    return sorted(((*at, float(weights[at])) for at in kept if weights[at] >= least), key=lambda link: link[2])


def _strip(figure: Figure, axes: Axes, marks: Marks) -> None:
    """The text with the chosen token's row (or column) as ink behind each token, its weight below."""
    found, ink = marks.attention_map, _ink(marks)
    row, column = marks.cell or (0, 0)
    from_chosen = marks.side == "query"
    weights, tokens = (found.weights[row], found.keys) if from_chosen else (found.weights[:, column], found.queries)
    chosen = found.queries[row] if from_chosen else found.keys[column]
    glued = marks.glue[1 if from_chosen else 0] or [False] * len(tokens)
    top = max(1.0, found.weights.max())
    width = 72 * WIDTH
    figure.set_size_inches(WIDTH, WIDTH)
    axes.set(xlim=(0, width), ylim=(width, 0))
    axes.axis("off")
    says = "Where this token looks: " if from_chosen else "Who looks at this token: "
    axes.text(0, 0, says + _token(chosen), size=9, color=THEMES[marks.theme].alarm)
    x, y = 0.0, 2 * LINE
    for token, weight, continues in zip(tokens, weights, glued):
        shade = ink(weight / top)
        text = axes.text(
            x, y, visible(paper.in_xml(token)), size=11, color=paper.on_ink(shade, marks.theme),
            bbox={"facecolor": shade, "edgecolor": "none", "pad": 2},
        )  # fmt: skip
        long = 72 * text.get_window_extent().width / figure.dpi
        x += 0 if continues or x == 0 else 5
        if x + long > width and x > 0:
            x, y = 0.0, y + 2 * LINE
        text.set_position((x, y))
        axes.text(x, y + 10, f"{weight:.2f}", size=5.5, color=THEMES[marks.theme].faint)
        x += max(long, 12) + 4
    figure.set_size_inches(WIDTH, (y + LINE) / 72)
    axes.set_ylim(y + LINE, 0)


def _table(figure: Figure, axes: Axes, marks: Marks) -> None:
    colours, cells = THEMES[marks.theme], strongest_cells(marks.attention_map)
    _lined(figure, axes, len(cells) + 1)
    top = max(1.0, marks.attention_map.weights.max())
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


def _ink(marks: Marks) -> LinearSegmentedColormap:
    return LinearSegmentedColormap.from_list("ink", THEMES[marks.theme].ink_scale())


def _token(token: str) -> str:
    return shortened(visible(paper.in_xml(token)))
