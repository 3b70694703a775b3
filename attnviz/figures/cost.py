"""Operations, bytes and seconds of attention over the length of the text, on logarithmic axes."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

import plotly.graph_objects as go

from attnviz.figures.theme import THEMES, Theme, styled
from attnviz.lessons import cost
from attnviz.lessons.cost import LENGTHS, MEMORIES, Size
from attnviz.units import counted, lasting, sized


def operations_over_length(size: Size, *, theme: str) -> go.Figure:
    """Operations of attention and of the projections around it over n; where they cross, and `size.n`, are marked."""
    colours = THEMES[theme]
    counts = [cost.operations(replace(size, n=n)) for n in LENGTHS]
    figure = go.Figure()
    _line(figure, LENGTHS, [count.attention for count in counts], "attention", colours.alarm, "circle", counted)
    _line(figure, LENGTHS, [count.projections for count in counts], "projections", colours.accent, "square", counted)
    crossing = cost.overtakes_at(size)
    there = replace(size, n=round(crossing))
    figure.add_scatter(
        x=[crossing], y=[cost.operations(there).projections], mode="markers+text", text=[f"  n = {there.n:,}"],
        name="alike", textposition="bottom right", marker={"symbol": "diamond", "size": 12, "color": colours.text},
        showlegend=False, cliponaxis=False,
        hovertemplate=f"From n = {there.n:,} on attention takes more<extra></extra>",
    )  # fmt: skip
    return _over_length(figure, colours, theme, title="Operations", unit="operations", at=size.n)


def memory_wall(size: Size, *, theme: str) -> go.Figure:
    """Bytes of one layer's weights over n, beside its queries, keys and values; where they fill MEMORIES is marked."""
    colours = THEMES[theme]
    layers = [replace(size, n=n, n_layers=1) for n in LENGTHS]
    figure = go.Figure()
    full = cost.lengths_that_fill(size)
    for name, n_bytes in MEMORIES.items():
        figure.add_hrect(y0=n_bytes, y1=10**18, fillcolor=colours.ink[1], opacity=0.5, line_width=0, layer="below")
        figure.add_annotation(xref="paper", x=0.01, xanchor="left", y=math.log10(n_bytes), yanchor="bottom",
                              text=f"{name}: n = {full[name]:,}", showarrow=False, font_size=12)  # fmt: skip
    _line(figure, LENGTHS, [cost.weights_bytes(layer) for layer in layers], "weights", colours.alarm, "circle", sized)
    _line(figure, LENGTHS, [cost.vectors_bytes(layer) for layer in layers], "queries, keys, values", colours.accent,
          "square", sized)  # fmt: skip
    figure.add_scatter(
        x=list(full.values()), y=list(MEMORIES.values()), mode="markers", customdata=list(full),
        name="full", showlegend=False, marker={"symbol": "diamond", "size": 12, "color": colours.text},
        hovertemplate="%{customdata}: full at n = %{x:,}<extra></extra>",
    )  # fmt: skip
    top = 1.5 * cost.weights_bytes(layers[-1])
    figure.update_yaxes(range=[math.log10(cost.weights_bytes(layers[0])) - 0.4, math.log10(top)])
    return _over_length(figure, colours, theme, title="Memory of one layer", unit="bytes", at=size.n)


def measured_times(
    lengths: Sequence[int], seconds: Mapping[str, Sequence[float]], exponents: Mapping[str, float], *, theme: str
) -> go.Figure:
    """Seconds over n of each implementation by name, beside the law c·n² through its last point."""
    colours = THEMES[theme]
    figure = go.Figure()
    styles = ((colours.alarm, "circle"), (colours.accent, "square"))
    for (name, times), (colour, symbol) in zip(seconds.items(), styles):
        law = [times[-1] * (n / lengths[-1]) ** 2 for n in lengths]
        figure.add_scatter(x=list(lengths), y=law, mode="lines", hoverinfo="skip", showlegend=False,
                           line={"color": colours.faint, "dash": "dash", "width": 2})  # fmt: skip
        _line(figure, lengths, times, f"{name}: n<sup>{exponents[name]:.2f}</sup>", colour, symbol, lasting)
    _over_length(figure, colours, theme, title="Measured here, one head", unit="seconds", at=None)
    decades = {10.0**power * unit: f"{10**power} {name}"
               for unit, name in ((1e-6, "µs"), (1e-3, "ms"), (1, "s")) for power in range(3)}  # fmt: skip
    figure.update_xaxes(tickvals=LENGTHS)
    figure.update_yaxes(dtick=None, tickvals=list(decades), ticktext=list(decades.values()))
    return figure


def _line(
    figure: go.Figure, x: Iterable[int], y: Sequence[float], name: str, colour: str, symbol: str,
    said: Callable[[float], str],
) -> None:  # fmt: skip
    figure.add_scatter(
        x=list(x), y=list(y), mode="lines+markers", name=name, line={"color": colour, "width": 2},
        marker={"symbol": symbol, "size": 7}, customdata=[said(value) for value in y],
        hovertemplate=f"n = %{{x:,}}, {name}: %{{customdata}}<extra></extra>",
    )  # fmt: skip


def _over_length(figure: go.Figure, colours: Theme, theme: str, *, title: str, unit: str, at: int | None) -> go.Figure:
    styled(figure, theme, height=380, margin={"l": 62, "r": 16, "t": 70, "b": 46}, title=title)
    figure.update_layout(showlegend=True, legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0})
    figure.update_xaxes(constrain=None, type="log", title="n, tokens", showline=True, linecolor=colours.faint,
                        tickvals=LENGTHS[::4], tickformat=",")  # fmt: skip
    figure.update_yaxes(constrain=None, type="log", title=unit, showgrid=True, gridcolor=colours.ink[1], dtick=3,
                        exponentformat="power")  # fmt: skip
    if at is not None:
        figure.add_vline(x=at, line={"color": colours.text, "width": 1, "dash": "dot"})
    return figure
