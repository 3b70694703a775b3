"""What heads seem to do: a mosaic of labels, a label's scores over all heads, and one head's evidence.

A label is known by its letter; its colour says the family, and how the cell is drawn says the confidence.
"""

import html
from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from attnviz.figures.head_grid import GRID_WIDTH
from attnviz.figures.theme import THEMES, styled
from attnviz.labels.definitions import spec_of
from attnviz.labels.method import spelt
from attnviz.labels.results import LabelResults
from attnviz.labels.summary import Evidence, closest, evidence, first_labels

# After Okabe & Ito, apart for every eye: for the light theme, and lighter for the dark one.
FAMILIES = {
    "place": ("#0072B2", "#56B4E9"),
    "repetition": ("#D55E00", "#F2995F"),
    "words": ("#009E73", "#2FC79B"),
    "syntax": ("#B45C8D", "#E0A3C6"),
    "reference": ("#C98A00", "#E69F00"),
}
SHARE = {"high": 1.0, "medium": 0.42, "low": 0.14}  # of the family's colour in a cell
COUNTED = 16  # heads a layer; with more, a cell has no room for the count of further labels
FRAMES = {"medium": "solid", "low": "dot"}


def letter_of(label: str) -> str:
    return spec_of(label).letter


def colour_of(label: str, theme: str) -> str:
    return FAMILIES[spec_of(label).family][theme == "dark"]


def label_mosaic(
    found: Mapping[tuple[int, int], Sequence[tuple[str, str, str, float]]],
    *,
    chosen: tuple[int, int] | None = None,
    theme: str = "light",
    title: str = "What each head seems to do",
) -> go.Figure:
    """Every head (layer, head) with the first of its labels (name, label, confidence, score), layers down and heads
    across.

    Filled is high confidence, framed medium, dotted low; a head without a label stays plain, and a small number counts
    further labels where there is room. Each head has a marker whose customdata is [layer, head], so that a click can be
    told apart.
    """
    colours = THEMES[theme]
    n_layers, n_heads = 1 + max(layer for layer, _ in found), 1 + max(head for _, head in found)
    fills = [colours.ink[0]]
    cells = np.full((n_layers, n_heads), np.nan)
    letters = np.full((n_layers, n_heads), "", dtype=object)
    shapes = []
    for (layer, head), labels in found.items():
        cells[layer, head] = 0
        if not labels:
            continue
        _, label, confidence, _ = labels[0]
        fill = _blend(colour_of(label, theme), colours.page, SHARE[confidence])
        if fill not in fills:
            fills.append(fill)
        cells[layer, head] = fills.index(fill)
        more = len(labels) - 1 if n_heads <= COUNTED else 0
        letters[layer, head] = letter_of(label) + (f"<sup>+{more}</sup>" if more else "")
        if confidence in FRAMES:
            line = {"color": colour_of(label, theme), "width": 2 if confidence == "medium" else 1.5}
            shapes.append(_frame(layer, head, line | {"dash": FRAMES[confidence]}, 0.44))
    if chosen is not None:
        shapes.append(_frame(*chosen, {"color": colours.text, "width": 2.5}, 0.5))
    side = min(72.0, GRID_WIDTH / n_heads)
    every = -(-n_heads // 24)
    small = {"size": 11, "color": colours.faint}
    steps = [
        (edge, fill) for place, fill in enumerate(fills) for edge in (place / len(fills), (place + 1) / len(fills))
    ]
    figure = go.Figure(
        [
            go.Heatmap(
                z=cells, zmin=-0.5, zmax=len(fills) - 0.5, colorscale=steps, showscale=False, xgap=3, ygap=3,
                text=letters, texttemplate="%{text}", textfont={"size": max(9, min(17, round(0.42 * side)))},
                hoverinfo="skip",
            ),
            go.Scatter(
                x=[head for _, head in found], y=[layer for layer, _ in found], mode="markers",
                customdata=list(found), hovertext=[_told(*place) for place in found.items()],
                hovertemplate="%{hovertext}<extra></extra>",
                marker={"symbol": "square", "size": max(4, 0.86 * side), "color": "rgba(0,0,0,0.004)"},
                selected={"marker": {"opacity": 0.004}}, unselected={"marker": {"opacity": 0.004}},
            ),
        ],
        layout={
            "shapes": shapes,
            "xaxis": {"side": "top", "tickvals": list(range(0, n_heads, every)), "tickfont": small, "fixedrange": True,
                      "ticktext": [f"H{head}" for head in range(0, n_heads, every)],
                      "range": [-0.5, n_heads - 0.5]},
            "yaxis": {"tickvals": list(range(n_layers)), "ticktext": [f"L{layer}" for layer in range(n_layers)],
                      "range": [n_layers - 0.5, -0.5], "scaleanchor": "x", "tickfont": small, "fixedrange": True},
        },
    )  # fmt: skip
    height = round(side * n_layers) + 66
    return styled(figure, theme, height=height, margin={"l": 34, "r": 4, "t": 58, "b": 4}, title=title)


def scores_over_heads(
    found: Mapping[tuple[int, int], Evidence],
    *,
    title: str,
    chosen: tuple[int, int] | None = None,
    theme: str = "light",
) -> go.Figure:
    """One label's score of every head (layer, head) with its 95 % interval, a line of dots a layer, the threshold and
    the control across. Filled dots have the label, hollow ones have not, and diamonds have the threshold within their
    interval. customdata is [layer, head]."""
    colours = THEMES[theme]
    n_layers, n_heads = 1 + max(layer for layer, _ in found), 1 + max(head for _, head in found)
    given = next(iter(found.values()))
    colour = colour_of(given.label, theme)
    own = [colour if one.confidence else colours.page for one in found.values()]
    threshold, baseline = (float(np.mean([getattr(one, name) for one in found.values()])) for name in
                           ("threshold", "baseline"))  # fmt: skip
    several = len({one.baseline for one in found.values()}) > 1
    control = f"control {baseline:.2f}" + (" on average" if several else "")
    figure = go.Figure(
        go.Scatter(
            x=[one.score for one in found.values()],
            y=[layer + 0.7 * ((head + 0.5) / n_heads - 0.5) for layer, head in found],
            mode="markers",
            customdata=list(found),
            error_x={"type": "data", "symmetric": False, "array": [one.high - one.score for one in found.values()],
                     "arrayminus": [one.score - one.low for one in found.values()], "width": 0, "thickness": 1.2,
                     "color": colours.faint},
            marker={"opacity": 1, "size": [11 if place == chosen else 8 for place in found], "color": own,
                    "symbol": ["diamond" if one.near else "circle" for one in found.values()],
                    "line": {"width": 1.6, "color": [colours.text if place == chosen else
                                                     colour if one.confidence or one.near else colours.faint
                                                     for place, one in found.items()]}},
            selected={"marker": {"opacity": 1}}, unselected={"marker": {"opacity": 1}},
            hovertext=[f"L{layer}.H{head}: {_numbers(one)}" for (layer, head), one in found.items()],
            hovertemplate="%{hovertext}<extra></extra>",
        ),
        layout={
            "shapes": [_line(threshold, "dash", colours.alarm), _line(baseline, "dot", colours.faint)],
            "annotations": _named([(threshold, f"threshold {threshold:.2f}", colours.alarm),
                                   (baseline, control, colours.faint)]),
            "xaxis": {"constrain": None, "title": "score", "range": [-0.02, 1.02], "showgrid": True,
                      "gridcolor": colours.ink[1], "fixedrange": True},
            "yaxis": {"constrain": None, "tickvals": list(range(n_layers)), "fixedrange": True,
                      "ticktext": [f"L{layer}" for layer in range(n_layers)], "range": [n_layers - 0.5, -0.5]},
        },
    )  # fmt: skip
    height = max(30, min(56, 560 // n_layers)) * n_layers + 118
    return styled(figure, theme, height=height, margin={"l": 34, "r": 8, "t": 72, "b": 46}, title=title)


def head_evidence(rows: Sequence[tuple[str, Evidence]], *, title: str, theme: str = "light") -> go.Figure:
    """One head's labels by name, each with its score as a dot, its 95 % interval, its control as a hollow diamond and
    its threshold as a bar; filled dots are labels that it has."""
    colours = THEMES[theme]
    places = list(range(len(rows)))
    own = [colour_of(one.label, theme) for _, one in rows]
    told = [f"{html.escape(name)}: {_numbers(one)}" for name, one in rows]
    hover = {"hovertext": told, "hovertemplate": "%{hovertext}<extra></extra>"}
    figure = go.Figure(
        [
            go.Scatter(
                x=[one.threshold for _, one in rows], y=places, mode="markers", name="threshold",
                marker={"symbol": "line-ns", "size": 15, "line": {"width": 2.5, "color": colours.alarm}}, **hover,
            ),
            go.Scatter(
                x=[one.baseline for _, one in rows], y=places, mode="markers", name="control",
                marker={"symbol": "diamond-open", "size": 9, "color": colours.faint, "line": {"width": 1.5}}, **hover,
            ),
            go.Scatter(
                x=[one.score for _, one in rows], y=places, mode="markers", name="score",
                error_x={"type": "data", "symmetric": False, "array": [one.high - one.score for _, one in rows],
                         "arrayminus": [one.score - one.low for _, one in rows], "width": 4, "thickness": 1.6,
                         "color": colours.text},
                marker={"size": 11, "line": {"width": 2, "color": own},
                        "color": [colour if one.confidence else colours.page
                                  for colour, (_, one) in zip(own, rows)]}, **hover,
            ),
        ],
        layout={
            "xaxis": {"constrain": None, "range": [-0.02, 1.04], "showgrid": True, "gridcolor": colours.ink[1],
                      "fixedrange": True},
            "yaxis": {"constrain": None, "tickvals": places, "ticktext": [html.escape(name) for name, _ in rows],
                      "range": [len(rows) - 0.4, -0.6], "ticklabelstandoff": 6, "fixedrange": True},
        },
    )  # fmt: skip
    left = 20 + round(6.6 * max(len(name) for name, _ in rows))
    styled(figure, theme, height=34 * len(rows) + 76, margin={"l": left, "r": 8, "t": 42, "b": 30}, title=title)
    figure.layout.title.update(xref="container")
    return figure


def label_charts(
    results: LabelResults, layer: int, head: int, *, label: str, confidence: str, scores_of: str, theme: str = "light"
) -> dict[str, go.Figure]:
    """Every head of a model with the first of its labels that count (`label` "" for all kinds), the evidence of one
    head, and one label's scores over all heads."""
    at = layer, head
    cells = first_labels(results, label, confidence)
    scores = {(one.layer, one.head): evidence(results, number, scores_of) for number, one in enumerate(results.heads)}
    return {
        "mosaic": label_mosaic(cells, chosen=at, theme=theme),
        **evidence_charts(results, layer, head, theme=theme),
        "scores": scores_over_heads(scores, title=spelt(scores_of).capitalize(), chosen=at, theme=theme),
    }


def evidence_charts(results: LabelResults, layer: int, head: int, *, theme: str = "light") -> dict[str, go.Figure]:
    """The labels that a head has, and those that it comes closest to."""
    number = [(one.layer, one.head) for one in results.heads].index((layer, head))
    rows = [(spelt(one.label), one) for one in closest(results, number)]
    return {"evidence": head_evidence(rows, title="Scores and thresholds", theme=theme)}


def _told(place: tuple[int, int], labels: Sequence[tuple[str, str, str, float]]) -> str:
    lines = [f"{html.escape(name)} {score:.2f}, {confidence}" for name, _, confidence, score in labels]
    return "<br>".join([f"<b>L{place[0]}.H{place[1]}</b>", *(lines or ["unlabelled"])])


def _numbers(one: Evidence) -> str:
    verdict = f"{one.confidence} confidence" if one.confidence else "no label"
    return (
        f"{one.score:.3f}, interval {one.low:.3f} to {one.high:.3f}<br>"
        f"control {one.baseline:.3f}, threshold {one.threshold:.3f}: {verdict}"
    )


def _frame(layer: int, head: int, line: dict, reach: float) -> dict:
    return {"type": "rect", "x0": head - reach, "x1": head + reach, "y0": layer - reach, "y1": layer + reach,
            "line": line, "fillcolor": "rgba(0,0,0,0)"}  # fmt: skip


def _line(x: float, dash: str, colour: str) -> dict:
    return {"type": "line", "x0": x, "x1": x, "y0": 0, "y1": 1, "yref": "paper",
            "line": {"dash": dash, "color": colour, "width": 1.5}}  # fmt: skip


def _named(lines: Sequence[tuple[float, str, str]]) -> list[dict]:
    """Names above vertical lines, one line of text each, written towards the middle."""
    return [
        {"x": x, "y": 1, "yref": "paper", "yanchor": "bottom", "yshift": 14 * row, "text": text, "showarrow": False,
         "xanchor": "left" if x < 0.5 else "right", "font": {"size": 12, "color": colour}}
        for row, (x, text, colour) in enumerate(lines)
    ]  # fmt: skip


def _blend(colour: str, page: str, share: float) -> str:
    pairs = ((int(colour[at : at + 2], 16), int(page[at : at + 2], 16)) for at in (1, 3, 5))
    return "#" + "".join(f"{round(share * own + (1 - share) * other):02x}" for own, other in pairs)
