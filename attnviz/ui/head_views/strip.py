"""Text: the sentence, with where one token looks, or who looks at it, as ink behind the words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from attnviz import components
from attnviz.choices import one_of
from attnviz.figures.theme import THEMES, visible
from attnviz.ui.head_view import HeadView, Shown
from attnviz.ui.state import chosen_by, current
from attnviz.ui.theme import theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from attnviz.export import Marks


@dataclass(frozen=True)
class Choices:
    """The `side` of the chosen token: "query" shows where it looks, "key" who looks at it."""

    side: str = one_of(("query", "key"))


def show(shown: Shown) -> None:
    """A click on a word chooses it."""
    chosen_by(st.segmented_control, "side", "Painted on the text", current().side, options=("query", "key"),
              format_func={"query": "where a token looks", "key": "who looks at it"}.get, required=True)  # fmt: skip
    st.markdown(f"**{shown.title}**")
    side, found, cell = current().side, shown.found, shown.cell
    components.strip(
        found.weights, found.queries, found.keys, key="strip", theme=theme(), side=side,
        glue=shown.glue[0], key_glue=shown.glue[1],
        chosen=None if cell is None else (side, cell[0] if side == "query" else cell[1]),
        on_choose=shown.choose_token,
    )  # fmt: skip


def paint(figure: Figure, axes: Axes, marks: Marks) -> None:
    """The text with the chosen token's row (or column) as ink behind each token, its weight below."""
    from matplotlib.colors import LinearSegmentedColormap

    from attnviz.export import paper
    from attnviz.export.marks import LINE, WIDTH, token_text

    found, ink = marks.attention_map, LinearSegmentedColormap.from_list("ink", THEMES[marks.theme].ink_scale())
    row, column = marks.cell or (0, 0)
    from_chosen = marks.settings["side"] == "query"
    weights, tokens = (found.weights[row], found.keys) if from_chosen else (found.weights[:, column], found.queries)
    chosen = found.queries[row] if from_chosen else found.keys[column]
    glued = marks.glue[1 if from_chosen else 0] or [False] * len(tokens)
    top = max(1.0, found.weights.max())
    width = 72 * WIDTH
    figure.set_size_inches(WIDTH, WIDTH)
    axes.set(xlim=(0, width), ylim=(width, 0))
    axes.axis("off")
    says = "Where this token looks: " if from_chosen else "Who looks at this token: "
    axes.text(0, 0, says + token_text(chosen), size=9, color=THEMES[marks.theme].alarm)
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


VIEW = HeadView(name="strip", order=30, title="Text", show=show, choices=Choices, paint=paint, spaced=True)
