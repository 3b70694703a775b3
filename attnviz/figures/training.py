"""How a model's losses and its heads' scores went over training."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from attnviz.figures.heatmap import heatmap
from attnviz.figures.theme import THEMES, styled
from attnviz.models.catalog import training_curves as curves_of
from attnviz.traces import Trace

PANELS = {
    "induction": "weight on the induction target",
    "previous_token": "weight on the previous token",
    "held_out_loss": "loss on held-out text, nats a token",
    "in_context_score": "in-context learning: late minus early loss, nats",
}


def training_curves(
    evaluations: Sequence[Mapping[str, Any]], step: int, layer: int, head: int, *, theme: str = "light"
) -> go.Figure:
    """Four panels over training steps: two scores of every head [layers][heads], and two losses in nats.

    The chosen head's line is drawn strong and `step` is marked.
    """
    colours = THEMES[theme]
    steps = [evaluation["step"] for evaluation in evaluations]
    figure = make_subplots(
        rows=4, cols=1, shared_xaxes=True, vertical_spacing=0.07, subplot_titles=list(PANELS.values())
    )
    first = evaluations[0]
    for row, name in enumerate(("induction", "previous_token"), start=1):
        others = [(i, j) for i, scores in enumerate(first[name]) for j in range(len(scores)) if (i, j) != (layer, head)]
        for i, j in [*others, (layer, head)]:  # the chosen head last, on top
            chosen = (i, j) == (layer, head)
            figure.add_scatter(
                x=steps, y=[evaluation[name][i][j] for evaluation in evaluations], row=row, col=1, mode="lines",
                line={"color": colours.alarm if chosen else colours.faint, "width": 3 if chosen else 1},
                opacity=1 if chosen else 0.55, name=f"L{i}.H{j}", meta=PANELS[name],
                hovertemplate=f"L{i}.H{j} at step %{{x}}: %{{y:.3f}}<extra></extra>",
            )  # fmt: skip
        figure.update_yaxes(range=[-0.02, 1.02], tickvals=[0, 0.5, 1], row=row, col=1)
    for row, name in enumerate(("held_out_loss", "in_context_score"), start=3):
        figure.add_scatter(
            x=steps, y=[evaluation[name] for evaluation in evaluations], row=row, col=1, mode="lines",
            name=PANELS[name], line={"color": colours.accent, "width": 2},
            hovertemplate="step %{x}: %{y:.3f} nats<extra></extra>",
        )  # fmt: skip
    styled(figure, theme, height=560, margin={"l": 44, "r": 10, "t": 62, "b": 44}, title="Over training")
    figure.add_vline(x=step, line={"color": colours.text, "width": 1, "dash": "dot"})
    figure.update_annotations(x=0, xanchor="left", font={"size": 13, "color": colours.faint})
    figure.update_xaxes(constrain=None, showline=True, linecolor=colours.faint, range=[-30, steps[-1] + 30])
    figure.update_yaxes(constrain=None, showgrid=True, gridcolor=colours.ink[1])
    figure.update_xaxes(title="training step", row=4, col=1)
    return figure


def training_charts(
    trace: Trace, model: str, step: int, layer: int, head: int, *, theme: str = "light"
) -> dict[str, go.Figure]:
    """A head at one step of a bundled model's training, on a text that its checkpoint read, and all of its training."""
    title = f"L{layer}.H{head} at step {step:,}"
    return {
        "map": heatmap(trace, layer, head, theme=theme, title=title),
        "curves": training_curves(curves_of(model), step, layer, head, theme=theme),
    }
