"""The section's picture of a pattern: what the word "sat" might look at. Made up there, and kept as an illustration."""

import html
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from attnviz.core.measures import variation
from attnviz.figures.theme import THEMES, shortened, styled
from attnviz.maps import head_statistics
from attnviz.traces import Trace

TEXT = "The cat sat on the mat"
WORDS = tuple(TEXT.split())
QUERY = WORDS.index("sat")
ILLUSTRATION = np.array([0.05, 0.70, 0.02, 0.03, 0.05, 0.15])  # [words], as the section draws it


@dataclass(frozen=True)
class Choices:
    """The model whose heads are held against the illustration; empty: none."""

    read_by: str = ""


def out_of_reach() -> float:
    """The illustration's weight on words after the query: no head that cannot look ahead comes closer than this."""
    return float(ILLUSTRATION[QUERY + 1 :].sum())


# ---- figures


def rows_beside(words: Sequence[str], rows: Sequence[tuple[str, np.ndarray]], *, title: str, theme: str) -> go.Figure:
    """Named rows of weights [words] as bars side by side; the first is hatched, as something that was not measured."""
    colours = THEMES[theme]
    places = list(range(len(words)))
    figure = go.Figure(
        [
            go.Bar(
                x=places, y=row.tolist(), name=name,
                hovertemplate=f"%{{x}}, {html.escape(name)}: %{{y:.3f}}<extra></extra>",
                marker={"color": colours.faint if first else colours.accent,
                        "pattern": {"shape": "/", "fgcolor": colours.faint} if first else None,
                        "line": {"color": colours.faint, "width": 1 if first else 0}},
            )
            for first, (name, row) in zip([True] + [False] * len(rows), rows)
        ],
        layout={
            "xaxis": {"constrain": None, "tickvals": places, "ticktext": _labels(words)},
            "yaxis": {"constrain": None, "title": "weight", "range": [0, 1.02], "showgrid": True,
                      "gridcolor": colours.ink[1]},
        },
    )  # fmt: skip
    styled(figure, theme, height=330, margin={"l": 52, "r": 10, "t": 70, "b": 34}, title=title)
    figure.layout.showlegend = True
    figure.layout.legend = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}
    return figure


def row_of_every_head(
    words: Sequence[str], heads: Sequence[str], rows: np.ndarray, *, title: str, theme: str
) -> go.Figure:
    """rows [heads, words] as a map, a line for each head in the order given; ink is weight, 0 to 1."""
    every = -(-len(heads) // 48)
    places = list(range(0, len(heads), every))
    figure = go.Figure(
        go.Heatmap(
            z=rows.astype(np.float32), zmin=0, zmax=1, colorscale=THEMES[theme].ink_scale(), showscale=False,
            customdata=[[head] * len(words) for head in heads], xgap=1, ygap=1,
            hovertemplate="%{customdata} → %{x}: %{z:.4f}<extra></extra>",
        ),
        layout={
            "xaxis": {"side": "top", "tickvals": list(range(len(words))), "ticktext": _labels(words),
                      "fixedrange": True},
            "yaxis": {"tickvals": places, "ticktext": [heads[place] for place in places], "fixedrange": True,
                      "range": [len(heads) - 0.5, -0.5], "ticklabelstandoff": 4},
        },
    )  # fmt: skip
    height = 70 + max(8, min(20, 640 // len(heads))) * len(heads)
    return styled(figure, theme, height=height, margin={"l": 60, "r": 10, "t": 62, "b": 8}, title=title)


def _labels(words: Sequence[str]) -> list[str]:
    return [html.escape(shortened(word, 9)) for word in words]


def illustration_charts(*, theme: str = "light") -> dict[str, go.Figure]:
    """The section's weights of "sat", which nobody measured."""
    rows = [("illustration", ILLUSTRATION)]
    return {"illustration": rows_beside(WORDS, rows, title="“sat” looks at…", theme=theme)}


def model_charts(trace: Trace, *, theme: str = "light") -> dict[str, go.Figure]:
    """The same beside the head that comes closest, and beside all heads, the closest first."""
    words, target, heads, rows = head_statistics.row_in_every_head(trace, ILLUSTRATION, QUERY)
    order = np.argsort(variation(rows, target), kind="stable")
    names = [str(heads[place]) for place in order]
    beside = [("illustration", target), (f"{trace.model} {names[0]}", rows[order[0]])]
    return {
        "beside": rows_beside(words, beside, title="“sat” looks at…", theme=theme),
        "heads": row_of_every_head(
            words, names, rows[order], title="The same row in every head", theme=theme
        ),
    }  # fmt: skip
