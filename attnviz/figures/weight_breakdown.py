"""Explain this cell: where one weight comes from, what it competes with, and what it carries."""

import html
import itertools
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from attnviz.core.attention import Stages
from attnviz.figures.theme import THEMES, shortened, styled
from attnviz.traces import Head, Trace

BARS = 8  # at most so many bars a chart; what is left out is summed up in one more


def breakdown_charts(
    stages: Stages,
    q: np.ndarray | None,
    k: np.ndarray | None,
    v: np.ndarray,
    cell: tuple[int, int],
    keys: Sequence[str],
    *,
    theme: str = "light",
) -> list[go.Figure]:
    """Charts, in the order of the formula, for the weight of cell (query i, key j) of one head.

    stages are that head's [queries, keys]; q [queries, d_k], k [keys, d_k], v [keys, d_v] are as they met in it.
    First to last: q·k dimension by dimension; what is done to the score; whom it competes with in its row; how long
    weight × value is for each key (before the output projection). Without q and k the first chart is left out,
    and without values (d_v = 0) the last.
    """
    i, j = cell
    names = _named(keys)
    lengths = stages.weights[i] * np.linalg.norm(v, axis=-1)
    charts = [
        ("Score by step", _steps(stages, i, j, "score" if q is None else "q · k")),
        ("Row after softmax", _largest_first(stages.weights[i], names, keep=j)),
    ]
    if v.shape[-1]:
        charts.append(("What it carries", _largest_first(lengths, names, keep=j)))
    if q is not None and k is not None:
        charts.insert(0, ("q · k by dimension", _largest_first(q[i] * k[j], [f"dim {d}" for d in range(q.shape[1])])))
    most = max(len(values) for _, (_, values) in charts)
    return [_bars(title, labels, values, most, names[j], theme) for title, (labels, values) in charts]


def _bars(title: str, labels: list[str], values: np.ndarray, most: int, chosen: str, theme: str) -> go.Figure:
    """One chart, as tall as the one with the `most` bars needs."""
    colours = THEMES[theme]
    places = list(range(len(values)))
    ink = [colours.alarm if label == chosen else colours.accent for label in labels]
    still = {"constrain": None, "fixedrange": True}
    figure = go.Figure(
        go.Bar(
            x=values, y=places, orientation="h", customdata=labels,
            marker={"color": ink, "line": {"width": 0}},
            hovertemplate="%{customdata}: %{x:.4f}<extra></extra>",
        ),
        layout={
            "bargap": 0.25,
            "xaxis": still | {"showgrid": True, "gridcolor": colours.ink[1], "nticks": 4, "zeroline": True,
                              "zerolinecolor": colours.faint},
            "yaxis": still | {"tickvals": places, "ticktext": labels, "range": [most - 0.4, -0.6],
                              "ticklabelstandoff": 4},
        },
    )  # fmt: skip
    margin = {"l": 92, "r": 12, "t": 40, "b": 28}
    styled(figure, theme, height=80 + 24 * most, margin=margin, title=title)
    figure.layout.title.font.size = 15
    return figure


def _steps(stages: Stages, i: int, j: int, first: str) -> tuple[list[str], np.ndarray]:
    """The score after each step that changed it; a masked cell ends at −∞, which has no bar."""
    names = {"scores": first, "scaled": "scaled", "biased": "+ bias, cap", "masked": "+ mask"}
    values = [(label, float(getattr(stages, name)[i, j])) for name, label in names.items()]
    kept = [values[0], *(later for earlier, later in itertools.pairwise(values) if later[1] != earlier[1])]
    labels = [f"{label} = −∞" if np.isneginf(value) else label for label, value in kept]
    return labels, np.array([0.0 if np.isneginf(value) else value for _, value in kept])


def _largest_first(values: np.ndarray, labels: list[str], keep: int | None = None) -> tuple[list[str], np.ndarray]:
    """The largest by size, `keep` among them whatever its size, and the sum of the rest."""
    order = np.argsort(-np.abs(values), kind="stable")
    shown = order[:BARS]
    if keep is not None and keep not in shown:
        shown = np.append(shown[:-1], keep)
    rest = np.setdiff1d(order, shown)
    names = [labels[index] for index in shown] + ([f"{len(rest)} others"] if len(rest) else [])
    return names, np.append(values[shown], values[rest].sum() if len(rest) else [])


def _named(tokens: Sequence[str]) -> list[str]:
    """Tokens told apart by their place, since one may stand twice."""
    return [f"{html.escape(shortened(token, 10))} {index}" for index, token in enumerate(tokens)]


def weight_breakdown(
    stages: Stages,
    vectors: tuple[np.ndarray | None, np.ndarray | None, np.ndarray],
    cell: tuple[int, int],
    keys: Sequence[str],
    *,
    theme: str = "light",
) -> dict[str, go.Figure]:
    """How one weight is computed, by name; as `breakdown_charts`, `vectors` being q, k and v."""
    charts = breakdown_charts(stages, *vectors, cell, keys, theme=theme)
    names = ("dimensions", "steps", "row", "carried")[0 if vectors[0] is not None else 1 :]
    return dict(zip(names, charts))


def weight_breakdown_in(
    trace: Trace, head: Head, *, query: int, key: int, theme: str = "light"
) -> dict[str, go.Figure]:
    """How the weight of a cell of a head is computed."""
    found = trace[head]
    row = None if found.q is None else found.q[query : query + 1]
    return weight_breakdown(found.stages([query]), (row, found.k, found.v), (0, key), found.keys, theme=theme)
