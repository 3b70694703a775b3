"""Why scores are divided by √d_k: what happens to softmax when they are not, measured on sampled vectors."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import plotly.graph_objects as go

from attnviz.core.attention import attention
from attnviz.figures.theme import THEMES, styled

WIDTHS = tuple(2**power for power in range(11))  # d_k from 1 to 1,024


@dataclass(frozen=True)
class Choices:
    """The width of queries and keys."""

    d_k: int = 64


@dataclass(frozen=True, eq=False)
class ScoreSample:
    """Queries against keys of one width, unscaled or divided by √d_k; `weights` [queries, keys].

    `spread` is the standard deviation of the scores, `winner` the mean largest weight of a row, `gradient` the mean
    size of a row's softmax gradient: the Frobenius norm of ∂weights/∂scores = diag(w) − w wᵀ.
    """

    d_k: int
    scaled: bool
    weights: np.ndarray
    spread: float
    winner: float
    gradient: float


@cache
def sample_scores(d_k: int, *, scaled: bool, n_keys: int = 16, n_queries: int = 200, seed: int = 0) -> ScoreSample:
    """Attention over vectors whose entries are independent, with mean 0 and variance 1; each query has keys of its own.

    A score is then a sum of d_k products of variance 1, so its spread is √d_k, or 1 once divided by √d_k
    (Vaswani et al. 2017, footnote 4).
    """
    rng = np.random.default_rng(seed)
    q, k = rng.normal(size=(n_queries, 1, d_k)), rng.normal(size=(n_queries, n_keys, d_k))
    stages = attention(q, k, np.zeros((n_queries, n_keys, 1)), scale=1 / math.sqrt(d_k) if scaled else 1.0)
    w = stages.weights[:, 0]
    squares = (w**2).sum(axis=-1)
    # ‖diag(w) − w wᵀ‖² = Σ w² − 2 Σ w³ + (Σ w²)²
    gradients = np.sqrt(np.maximum(squares - 2 * (w**3).sum(axis=-1) + squares**2, 0))
    return ScoreSample(
        d_k, scaled, w, float(stages.scaled.std()), float(w.max(axis=-1).mean()), float(gradients.mean())
    )


# ---- figures


def over_width(
    samples: Sequence[ScoreSample],
    measure: str,
    *,
    title: str,
    unit: str,
    law: Sequence[float] | None,
    d_k: int,
    theme: str,
) -> go.Figure:
    """One measure (`spread`, `winner`, `gradient`) over d_k, unscaled and scaled; `law` is drawn dashed behind."""
    colours = THEMES[theme]
    widths = sorted({sample.d_k for sample in samples})
    figure = go.Figure()
    if law is not None:
        figure.add_scatter(x=widths, y=list(law), mode="lines", name="√d_k, the law", hoverinfo="skip",
                           line={"color": colours.faint, "dash": "dash", "width": 2})  # fmt: skip
    series = ((False, "not divided", colours.alarm, "circle"), (True, "divided by √d_k", colours.accent, "square"))
    for scaled, name, colour, symbol in series:
        values = [getattr(sample, measure) for sample in samples if sample.scaled is scaled]
        figure.add_scatter(
            x=widths, y=values, mode="lines+markers", name=name, line={"color": colour, "width": 2},
            marker={"symbol": symbol, "size": 7}, hovertemplate=f"d_k %{{x}}, {name}: %{{y:.3f}}<extra></extra>",
        )  # fmt: skip
    styled(figure, theme, height=330, margin={"l": 52, "r": 10, "t": 70, "b": 44}, title=title)
    figure.update_layout(showlegend=True, legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0})
    figure.update_xaxes(
        constrain=None, type="log", title="d_k", tickvals=widths[::2], showline=True, linecolor=colours.faint
    )
    figure.update_yaxes(constrain=None, title=unit, showgrid=True, gridcolor=colours.ink[1], rangemode="tozero")
    if law is not None:
        figure.update_yaxes(type="log", tickvals=widths[:6])
    figure.add_vline(x=d_k, line={"color": colours.text, "width": 1, "dash": "dot"})
    return figure


def two_rows(unscaled: np.ndarray, scaled: np.ndarray, *, title: str, theme: str) -> go.Figure:
    """The same query's weights [keys], largest first, without and with the division."""
    colours = THEMES[theme]
    order = np.argsort(-unscaled, kind="stable")
    places = list(range(1, len(order) + 1))
    figure = go.Figure()
    for weights, name, colour in (
        (unscaled, "not divided", colours.alarm),
        (scaled, "divided by √d_k", colours.accent),
    ):
        figure.add_bar(x=places, y=weights[order], name=name, marker_color=colour,
                       hovertemplate=f"key %{{x}}, {name}: %{{y:.3f}}<extra></extra>")  # fmt: skip
    styled(figure, theme, height=330, margin={"l": 52, "r": 10, "t": 70, "b": 44}, title=title)
    figure.update_layout(showlegend=True, legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0})
    figure.update_xaxes(constrain=None, title="key, best match first", dtick=1)
    figure.update_yaxes(constrain=None, title="weight", range=[0, 1.02], showgrid=True, gridcolor=colours.ink[1])
    return figure


def charts(d_k: int, *, theme: str = "light") -> dict[str, go.Figure]:
    """Scores, weights and gradients over the width of queries and keys, with and without the division by √d_k."""
    samples = [sample_scores(width, scaled=scaled) for width in WIDTHS for scaled in (False, True)]
    rows = [sample_scores(d_k, scaled=scaled).weights[0] for scaled in (False, True)]
    law = [math.sqrt(width) for width in WIDTHS]
    over = {
        name: over_width(
            samples, name, title=title, unit=unit, law=law if name == "spread" else None, d_k=d_k, theme=theme
        )
        for name, title, unit in (
            ("spread", "Spread of the scores", "standard deviation"),
            ("winner", "Weight of the winner", "mean largest weight"),
            ("gradient", "Gradient through softmax", "mean size"),
        )
    }
    row = two_rows(*rows, title="One query's row", theme=theme)
    return {"spread": over["spread"], "row": row, "winner": over["winner"], "gradient": over["gradient"]}
