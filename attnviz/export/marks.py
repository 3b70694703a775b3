"""Views that are no Plotly figure on paper, by matplotlib, from the numbers on screen; text stays text."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation, Transform

from attnviz.export import paper
from attnviz.export.figure_set import Marks
from attnviz.figures.theme import THEMES, shortened, visible

WIDTH = 7.0  # inches
LINE = 17  # points from one line of tokens to the next


def drawn(marks: Marks) -> tuple[Figure, Transform]:
    """The sheet, as large as it needs, with the title above; and where what is told below it begins."""
    figure = Figure(facecolor=THEMES[marks.theme].page)
    axes = figure.add_axes((0, 0, 1, 1))
    marks.paint(figure, axes, marks)
    colour = THEMES[marks.theme].text
    axes.set_title(paper.in_xml(marks.title), loc="left", size=13, weight="bold", color=colour, pad=12)
    return figure, axes.transAxes + ScaledTranslation(0, -14 / 72, figure.dpi_scale_trans)


def save(marks: Marks, path: Path) -> None:
    """As a picture without provenance; the ending of `path` says which kind."""
    with paper.settings():
        figure, _ = drawn(marks)
        figure.savefig(path, dpi=200, bbox_inches="tight", pad_inches=0.3)


def lined(figure: Figure, axes: Axes, n_lines: int) -> None:
    """Axes without a frame, one unit to a line of text, counted from the top."""
    figure.set_size_inches(WIDTH, n_lines * LINE / 72)
    axes.set(xlim=(0, 1), ylim=(n_lines, 0))
    axes.axis("off")


def token_text(token: str) -> str:
    """As it is set: invisible letters made visible, a long one cut short."""
    return shortened(visible(paper.in_xml(token)))
