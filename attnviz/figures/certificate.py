"""The certificate as a picture: one cell a head."""

import math
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from attnviz.figures.theme import THEMES, styled
from attnviz.validation.results import Certificate
from attnviz.validation.table import stored_report

ERRORS = {"drift": "End to end", "weight_error": "Weights", "output_error": "Output"}


def certificate_grid(errors: np.ndarray, gate: float, *, title: str, theme: str = "light") -> go.Figure:
    """errors [layers, heads] on a logarithmic scale from 1e-9 to the gate; heads past the gate are crossed out.

    NaN in `errors` marks heads that a layer does not have.
    """
    n_layers, n_heads = errors.shape
    decades = np.log10(np.maximum(errors, 1e-9))
    colours = THEMES[theme]
    ticks = np.arange(-9, int(np.ceil(np.log10(gate))) + 1)
    figure = go.Figure(
        go.Heatmap(
            z=decades,
            customdata=errors,
            zmin=-9,
            zmax=float(np.log10(gate)),
            colorscale=colours.ink_scale(),
            xgap=2,
            ygap=2,
            hovertemplate="L%{y}.H%{x}: largest difference %{customdata:.2e}<extra></extra>",
            colorbar={"title": {"text": "difference", "side": "right"}, "thickness": 10, "outlinewidth": 0, "x": 1.01,
                      "tickvals": ticks.tolist(), "ticktext": [f"1e{tick}" for tick in ticks]},
        )
    )  # fmt: skip
    layers, heads = np.nonzero(errors > gate)
    figure.add_scatter(
        x=heads, y=layers, mode="markers", hoverinfo="skip",
        marker={"symbol": "x", "size": 12, "color": colours.alarm, "line": {"width": 0}},
    )  # fmt: skip
    figure.update_xaxes(
        title="head", dtick=-(-n_heads // 24), tick0=0, tickformat="d", ticks="", range=[-0.5, n_heads - 0.5]
    )
    figure.update_yaxes(
        title="layer", dtick=-(-n_layers // 24), tick0=0, tickformat="d", ticks="", range=[n_layers - 0.5, -0.5]
    )
    height = max(220, min(44, 900 // n_layers) * n_layers + 110)
    return styled(figure, theme, height=height, margin={"l": 50, "r": 80, "t": 44, "b": 48}, title=title)


def errors_by_route(errors: Sequence[tuple[str, float]], *, theme: str = "light") -> go.Figure:
    """How many architectures there are in each decade of error, for (route, error) pairs."""
    colours = THEMES[theme]
    routes_and_decades = [(route, math.ceil(math.log10(max(error, 1e-12)))) for route, error in errors]
    decades = [decade for _, decade in routes_and_decades]
    span = list(range(min(decades), max(decades) + 1))
    figure = go.Figure(
        [
            go.Bar(
                x=span, y=[routes_and_decades.count((route, decade)) for decade in span],
                name=name, marker_color=colour,
                hovertemplate=f"at most 1e%{{x}}, {name}: %{{y}}<extra></extra>",
            )
            for route, name, colour in (
                ("interface", "transformers' interface", colours.accent), ("fallback", "tap on softmax", colours.alarm),
            )
        ],
        layout={
            "xaxis": {"constrain": None, "title": "largest difference, at most", "tickvals": span,
                      "ticktext": [f"1e{decade}" for decade in span]},
            "yaxis": {"constrain": None, "title": "architectures", "showgrid": True, "gridcolor": colours.ink[1]},
        },
    )  # fmt: skip
    styled(figure, theme, height=300, margin={"l": 58, "r": 10, "t": 70, "b": 44}, title="End to end, by route")
    figure.layout.showlegend = True
    figure.layout.legend = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}
    return figure


def certificate_charts(found: Certificate, shown: str, *, theme: str = "light") -> dict[str, go.Figure]:
    """One of ERRORS for every head of a certificate, a chart for each kind of layer."""
    gate = found.drift_tolerance if shown == "drift" else found.tolerance
    charts = {}
    for kind in dict.fromkeys(errors.kind for errors in found.heads):
        errors_of = [errors for errors in found.heads if errors.kind == kind]
        shape = (1 + max(getattr(errors, side) for errors in errors_of) for side in ("layer", "head"))
        grid = np.full(tuple(shape), np.nan)
        for errors in errors_of:
            grid[errors.layer, errors.head] = getattr(errors, shown)
        title = f"{ERRORS[shown]}: largest difference, {kind}"
        charts[kind] = certificate_grid(grid, gate, title=title, theme=theme)
    return charts


def architecture_charts(*, theme: str = "light") -> dict[str, go.Figure]:
    """The errors of all certified architectures."""
    passed = [one for one in stored_report()["architectures"] if one["passed"]]
    return {"errors": errors_by_route([(one["route"], one["drift"]) for one in passed], theme=theme)}
