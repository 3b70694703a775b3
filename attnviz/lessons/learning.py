"""W_Q, W_K and W_V learned by gradient descent on a retrieval task, with gradients written out by hand.

A sequence holds items, each a name with a value, and ends in a query that asks for one name; the output at the query
should be the value stored under it. A stored name and the same name asked for are different one-hot entries, so
queries and keys match only once W_Q and W_K have learned which belong together, and identity projections never do.
"""

import html
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go

from attnviz import figures
from attnviz.core.attention import Stages, attention
from attnviz.core.measures import entropy
from attnviz.figures.theme import THEMES, styled

NAMES = ("ant", "bee", "cat", "dog", "elk", "fox")
VALUES = ("red", "blue", "green", "gold", "grey", "pink")
ASKED = tuple(f"{name}?" for name in NAMES)
INPUTS = (*NAMES, *ASKED, *VALUES)  # what each entry of a one-hot vector stands for
ITEMS = 4  # of a sequence, each with another name and another value
WIDTH = 6  # d_k
SCALE = 1 / math.sqrt(WIDTH)
TRAINING, HELD_OUT = 96, 96  # sequences

STEPS = 150
RATES = (0.1, 0.3, 1.0, 3.0, 10.0)
SEEDS = range(8)
DIVERGED = 1e3  # a loss that is not below this ends the training
CHANCE = 1 / len(VALUES)  # accuracy of a guess
EVEN_LOSS = 1 - 1 / ITEMS  # of an output that is the mean of the values in the sequence


@dataclass(frozen=True)
class Choices:
    """One training, and a step of it."""

    learning_rate: float = 3.0
    learning_seed: int = 0
    learning_step: int = 0


@dataclass(frozen=True, eq=False)
class Sequences:
    """X [sequences, items + 1, inputs], one-hot name and value; targets [sequences, values], one-hot."""

    X: np.ndarray
    targets: np.ndarray


@dataclass(frozen=True, eq=False)
class Projections:
    """W_Q, W_K [inputs, d_k] and W_V [inputs, values]; also the gradients of a loss with respect to them."""

    W_Q: np.ndarray
    W_K: np.ndarray
    W_V: np.ndarray


@dataclass(frozen=True)
class Measures:
    """Of one step: the mean over sequences of ‖output − target‖², the share of right answers, and the mean entropy
    of the weights in bits.
    """

    loss: float
    accuracy: float
    entropy: float


@dataclass(frozen=True, eq=False)
class Training:
    """What was kept of every step from 0 on; shorter than STEPS + 1 where the loss ran away."""

    projections: list[Projections]
    training: list[Measures]
    held_out: list[Measures]

    @property
    def diverged(self) -> bool:
        return len(self.projections) <= STEPS

    @cached_property
    def largest(self) -> dict[str, float]:
        """The largest size of an entry over all steps, by the name in `tables`: a colour scale that holds still."""
        every = [tables(projections) for projections in self.projections]
        return {name: max(float(np.abs(step[name]).max()) for step in every) for name in every[0]}


def tables(projections: Projections) -> dict[str, np.ndarray]:
    """The three matrices, and `match` [names asked for, names stored]: what a name adds to the score of its item."""
    asked, stored = projections.W_Q[len(NAMES) : 2 * len(NAMES)], projections.W_K[: len(NAMES)]
    return {"W_Q": projections.W_Q, "W_K": projections.W_K, "W_V": projections.W_V,
            "match": SCALE * asked @ stored.T}  # fmt: skip


def attend(projections: Projections, X: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, Stages]:
    """Q [sequences, 1, d_k] of the last token, K and V of all, and every stage of scaled attention over them."""
    Q, K, V = X[:, -1:] @ projections.W_Q, X @ projections.W_K, X @ projections.W_V
    return Q, K, V, attention(Q, K, V, scale=SCALE)


def attention_gradients(Q, K, V, weights, d_output, *, scale: float = 1.0):
    """Gradients of a loss with respect to Q, K and V, from its gradient with respect to the output.

    Q [..., queries, d_k], K [..., keys, d_k], V [..., keys, d_v], weights [..., queries, keys] as `attention` gave
    them, d_output [..., queries, d_v]. A masked weight is zero, and passes nothing on.

        dV = Wᵀ dO     dW = dO Vᵀ     dS = W ∘ (dW − rowsum(dW ∘ W))     dQ = scale · dS K     dK = scale · dSᵀ Q

    Source: Dao et al. (2022), "FlashAttention", appendix B.2; dS is softmax's Jacobian, diag(w) − w wᵀ, at work.
    """
    d_V = weights.swapaxes(-1, -2) @ d_output
    d_weights = d_output @ V.swapaxes(-1, -2)
    d_scores = weights * (d_weights - (d_weights * weights).sum(axis=-1, keepdims=True))
    return scale * d_scores @ K, scale * d_scores.swapaxes(-1, -2) @ Q, d_V


def loss_and_gradients(projections: Projections, sequences: Sequences) -> tuple[Measures, Projections]:
    """How well these projections answer, and the gradients of the loss: of W_K, Xᵀ dK summed over sequences."""
    X, targets = sequences.X, sequences.targets
    Q, K, V, stages = attend(projections, X)
    d_output = 2 * (stages.output - targets[:, None]) / len(X)
    d_Q, d_K, d_V = attention_gradients(Q, K, V, stages.weights, d_output, scale=SCALE)
    gradients = (np.tensordot(x, d, axes=((0, 1), (0, 1))) for x, d in ((X[:, -1:], d_Q), (X, d_K), (X, d_V)))
    return _measured(stages, targets), Projections(*gradients)


def measure(projections: Projections, sequences: Sequences) -> Measures:
    """How well these projections answer."""
    return _measured(attend(projections, sequences.X)[-1], sequences.targets)


@lru_cache(maxsize=16)
def train(rate: float, seed: int) -> Training:
    """Gradient descent on all training sequences at once, from a start that `seed` draws; every step is kept."""
    rng = np.random.default_rng(seed)
    shapes = ((len(INPUTS), WIDTH), (len(INPUTS), WIDTH), (len(INPUTS), len(VALUES)))
    projections = Projections(*(0.3 * rng.normal(size=shape) for shape in shapes))
    seen, unseen = data()
    kept = Training([], [], [])
    for _ in range(STEPS + 1):
        measures, gradients = loss_and_gradients(projections, seen)
        if not measures.loss < DIVERGED:
            break
        kept.projections.append(projections)
        kept.training.append(measures)
        kept.held_out.append(measure(projections, unseen))
        projections = Projections(
            projections.W_Q - rate * gradients.W_Q,
            projections.W_K - rate * gradients.W_K,
            projections.W_V - rate * gradients.W_V,
        )
    return kept


@cache
def data() -> tuple[Sequences, Sequences]:
    """Training and held-out sequences; no two of all these ask the same of the same items."""
    names = itertools.combinations(range(len(NAMES)), ITEMS)
    values = itertools.permutations(range(len(VALUES)), ITEMS)
    tasks = list(itertools.product(names, values, range(ITEMS)))
    drawn = np.random.default_rng(0).permutation(len(tasks))[: TRAINING + HELD_OUT]
    return _sequences([tasks[i] for i in drawn[:TRAINING]]), _sequences([tasks[i] for i in drawn[TRAINING:]])


@cache
def example() -> Sequences:
    """The items of the first held-out sequence under each of their four questions."""
    X = np.repeat(data()[1].X[:1], ITEMS, axis=0)
    X[:, -1] = 0
    stored = X[0, :ITEMS, : len(NAMES)].argmax(axis=-1)
    X[np.arange(ITEMS), -1, len(NAMES) + stored] = 1
    return Sequences(X, X[0, :ITEMS, 2 * len(NAMES) :])


def tokens(sequence: np.ndarray) -> tuple[str, ...]:
    """What stands at each position of one sequence [items + 1, inputs], for a person: "cat red", and last "cat?"."""
    return tuple(" ".join(INPUTS[i] for i in np.flatnonzero(vector)) for vector in sequence)


def _sequences(tasks) -> Sequences:
    """One sequence a task: which names are stored, with which values, and which item is asked for."""
    X = np.zeros((len(tasks), ITEMS + 1, len(INPUTS)))
    targets = np.zeros((len(tasks), len(VALUES)))
    for sequence, target, (names, values, asked) in zip(X, targets, tasks):
        for position, (name, value) in enumerate(zip(names, values)):
            sequence[position, [name, 2 * len(NAMES) + value]] = 1
        sequence[-1, len(NAMES) + names[asked]] = 1
        target[values[asked]] = 1
    return Sequences(X, targets)


def _measured(stages: Stages, targets: np.ndarray) -> Measures:
    answers, weights = stages.output[:, 0], stages.weights[:, 0]
    right = answers.argmax(axis=-1) == targets.argmax(axis=-1)
    return Measures(
        float(((answers - targets) ** 2).sum(axis=-1).mean()), float(right.mean()), float(entropy(weights).mean())
    )


# ---- figures


class Panel(NamedTuple):
    """One of the charts above each other: the format of its numbers, a level to compare with, its y axis and place."""

    title: str
    number: str
    level: float
    level_name: str
    axis: dict[str, Any]
    place: tuple[float, float]


PANELS = {
    "loss": Panel("loss: squared distance from the right value", ".3f", EVEN_LOSS, "mean of the stored values",
                  {"type": "log", "dtick": 1}, (0.74, 1.0)),
    "accuracy": Panel("accuracy: share of right answers", ".0%", CHANCE, "a guess",
                      {"range": [-0.02, 1.02], "tickformat": ".0%", "tickvals": [0, 0.5, 1]}, (0.37, 0.63)),
    "entropy": Panel("entropy of the weights, bits", ".2f", math.log2(ITEMS + 1), "even weights",
                     {"range": [0, 2.6]}, (0.0, 0.26)),
}  # fmt: skip


def learning_curves(training: Training, step: int, *, theme: str) -> go.Figure:
    """Loss, accuracy and entropy over the steps, on training and held-out sequences; `step` is marked."""
    colours = THEMES[theme]
    last = len(training.projections) - 1
    layout: dict[str, Any] = {
        "xaxis": {"title": "training step", "range": [0, last], "showline": True, "linecolor": colours.faint,
                  "anchor": "y3"},
        "shapes": [{"type": "line", "x0": step, "x1": step, "yref": "paper", "y0": 0, "y1": 1,
                    "line": {"color": colours.text, "width": 1, "dash": "dot"}}],
        "annotations": [
            {"text": panel.title, "xref": "paper", "x": 0, "xanchor": "left", "yref": "paper", "y": panel.place[1],
             "yanchor": "bottom", "showarrow": False, "font": {"color": colours.faint}}
            for panel in PANELS.values()
        ],
    }  # fmt: skip
    lines = []
    for row, (measure, panel) in enumerate(PANELS.items(), start=1):
        layout[f"yaxis{row}"] = panel.axis | {"domain": panel.place, "gridcolor": colours.ink[1]}
        lines.append(
            go.Scatter(
                x=[0, last], y=[panel.level] * 2, yaxis=f"y{row}", mode="lines+text", text=["", panel.level_name],
                textposition="top left", textfont={"size": 11, "color": colours.faint}, hoverinfo="skip",
                showlegend=False, line={"color": colours.faint, "width": 1, "dash": "dot"},
            )
        )  # fmt: skip
        for name, measures, colour, dash in (
            ("training", training.training, colours.accent, "solid"),
            ("held out", training.held_out, colours.alarm, "dash"),
        ):
            lines.append(
                go.Scatter(
                    y=[getattr(measured, measure) for measured in measures], yaxis=f"y{row}", mode="lines",
                    name=name, meta=measure, line={"color": colour, "width": 2, "dash": dash}, showlegend=row == 1,
                    hovertemplate=f"step %{{x}}, {name}: %{{y:{panel.number}}}<extra></extra>",
                )
            )  # fmt: skip
    figure = go.Figure(lines, layout)
    styled(figure, theme, height=520, margin={"l": 50, "r": 10, "t": 96, "b": 44}, title="Over training")
    figure.update_layout(showlegend=True, legend={"orientation": "h", "y": 1.07, "yanchor": "bottom", "x": 0})
    figure.update_xaxes(constrain=None)
    figure.update_yaxes(constrain=None, showgrid=True)
    return figure


def signed_matrix(
    values: np.ndarray, rows: Sequence[str], columns: Sequence[str], largest: float, *, title: str, theme: str
) -> go.Figure:
    """values [rows, columns]: orange below zero, blue above, full colour at ±`largest`."""
    figure = go.Figure(
        go.Heatmap(
            z=values, zmin=-largest, zmax=largest, colorscale=THEMES[theme].signed_scale(), showscale=False,
            xgap=1, ygap=1, hovertemplate="%{y}, %{x}: %{z:.3f}<extra></extra>",
            x=[html.escape(name) for name in columns], y=[html.escape(name) for name in rows],
        )
    )  # fmt: skip
    both = {"ticks": "", "dtick": 1, "fixedrange": True, "tickfont": {"size": 11}}
    figure.layout.xaxis = both | {"side": "top", "tickangle": 0}
    figure.layout.yaxis = both | {"autorange": "reversed", "ticklabelstandoff": 4}
    left = 14 + 8 * max(len(name) for name in rows)
    return styled(figure, theme, height=82 + 20 * len(rows), margin={"l": left, "r": 4, "t": 58, "b": 8}, title=title)


TABLES = {  # of Learning it, name: rows, columns, title
    "match": (ASKED, NAMES, "Match: W_Q·W_Kᵀ"),
    "W_Q": (INPUTS, range(WIDTH), "W_Q"),
    "W_K": (INPUTS, range(WIDTH), "W_K"),
    "W_V": (INPUTS, VALUES, "W_V"),
}


def charts(rate: float, seed: int, step: int, *, theme: str = "light") -> dict[str, go.Figure]:
    """One step of a training: weights, output, curves, and the matrices of TABLES."""
    training, shown = train(rate, seed), example()
    stages = attend(training.projections[step], shown.X)[-1]
    *items, _ = tokens(shown.X[0])
    questions = [tokens(sequence)[-1] for sequence in shown.X]
    matrices = tables(training.projections[step])
    return {
        "weights": figures.matrix(
            stages.weights[:, 0], questions, (*items, "itself"), title=f"Weights at step {step}", digits=2, theme=theme
        ),
        "output": figures.matrix(
            stages.output[:, 0], questions, VALUES, title="Output", digits=2, flagged=shown.targets > 0,
            theme=theme,
        ),
        "curves": learning_curves(training, step, theme=theme),
    } | {
        name: signed_matrix(
            matrices[name], rows, [str(column) for column in columns], training.largest[name], title=title, theme=theme
        )
        for name, (rows, columns, title) in TABLES.items()
    }  # fmt: skip
