"""What attention costs: operations and bytes, counted from its sizes.

An operation is one floating-point operation. A product of [a, b] and [b, c] counts 2·a·b·c: a multiplication and an
addition for each pair of numbers that meet (Kaplan et al. 2020, section 2.1, and most counts since). One head reads
d_k numbers of each query and key and d_v = d_k of each value; its heads side by side make d_model = heads · d_k.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, replace

import plotly.graph_objects as go

from attnviz.figures.theme import THEMES, Theme, styled
from attnviz.units import counted, lasting, sized

SOFTMAX_OPERATIONS = 5  # a score: find the row's largest, subtract it, exponentiate, add up, divide
PROJECTIONS = 4  # W_Q, W_K, W_V, and W_O that mixes the heads' outputs; d_model by d_model each
BYTES_A_NUMBER = 4  # float32


@dataclass(frozen=True)
class Choices:
    """The sizes that are counted, as `Size` has them."""

    n: int = 1024
    d_k: int = 64
    n_heads: int = 12
    n_layers: int = 12


@dataclass(frozen=True)
class Size:
    """n tokens that attend to n tokens, in `n_layers` layers of `n_heads` heads of width `d_k`."""

    n: int
    d_k: int
    n_heads: int = 1
    n_layers: int = 1

    @property
    def d_model(self) -> int:
        return self.n_heads * self.d_k


LENGTHS = tuple(2**power for power in range(4, 21))  # n from 16 to 1,048,576
LARGEST = Size(n=1_048_576, d_k=1024, n_heads=128, n_layers=128)

MEMORIES = {"1 GB": 10**9, "16 GB laptop": 16 * 10**9, "80 GB GPU": 80 * 10**9}  # bytes

PRESETS = {  # name: published size, at the longest text that the model was made for; where the size is published
    "BERT-base": (Size(512, 64, 12, 12), "Devlin et al. 2019, section 3"),
    "GPT-2 small": (Size(1024, 64, 12, 12), "Radford et al. 2019, table 2; heads: the released configuration"),
    "T5-small encoder": (Size(512, 64, 8, 6), "Raffel et al. 2020, section 3.7"),
    "GPT-3 175B": (Size(2048, 128, 96, 96), "Brown et al. 2020, table 2.1"),
    "Llama 2 7B": (Size(4096, 128, 32, 32), "Touvron et al. 2023, LLaMA, table 2; length: Llama 2, table 1"),
    "Code Llama 7B": (Size(100_000, 128, 32, 32), "Rozière et al. 2023: Llama 2's sizes, tested up to 100,000 tokens"),
    "The section's exercise": (Size(1000, 512), "section 5.2, exercise 3"),
}


def within_limits(size: Size) -> Size:
    """The nearest size whose every part is at least 1 and at most LARGEST's."""
    return Size(*(min(max(1, given), most) for given, most in zip(astuple(size), astuple(LARGEST))))


@dataclass(frozen=True)
class Operations:
    """Floating-point operations by step; `projections` are the linear layers around attention, not part of it."""

    scores: int  # Q·Kᵀ
    softmax: int
    output: int  # weights·V
    projections: int

    @property
    def attention(self) -> int:
        return self.scores + self.softmax + self.output


def operations(size: Size) -> Operations:
    """Operations of all heads of all layers, where every query looks at every key (a causal mask needs about half)."""
    heads = size.n_layers * size.n_heads
    product = 2 * size.n**2 * size.d_k
    projections = size.n_layers * PROJECTIONS * 2 * size.n * size.d_model**2
    return Operations(heads * product, heads * SOFTMAX_OPERATIONS * size.n**2, heads * product, projections)


def weights_bytes(size: Size) -> int:
    """Bytes of the weights [layers, heads, n, n]."""
    return size.n_layers * size.n_heads * size.n**2 * BYTES_A_NUMBER


def vectors_bytes(size: Size) -> int:
    """Bytes of the queries, keys and values, each [layers, heads, n, d_k]."""
    return 3 * size.n_layers * size.n * size.d_model * BYTES_A_NUMBER


def overtakes_at(size: Size) -> float:
    """The n from which attention takes more operations than the projections: 8·d_model² / (4·d_model + 5·heads)."""
    return 2 * PROJECTIONS * size.d_model**2 / (4 * size.d_model + SOFTMAX_OPERATIONS * size.n_heads)


def lengths_that_fill(size: Size) -> dict[str, int]:
    """The largest n whose weights, in one layer, fit into each of MEMORIES."""
    return {name: math.isqrt(n_bytes // (size.n_heads * BYTES_A_NUMBER)) for name, n_bytes in MEMORIES.items()}


# ---- figures


def operations_over_length(size: Size, *, theme: str) -> go.Figure:
    """Operations of attention and of the projections around it over n; where they cross, and `size.n`, are marked."""
    colours = THEMES[theme]
    counts = [operations(replace(size, n=n)) for n in LENGTHS]
    figure = go.Figure()
    _line(figure, LENGTHS, [count.attention for count in counts], "attention", colours.alarm, "circle", counted)
    _line(figure, LENGTHS, [count.projections for count in counts], "projections", colours.accent, "square", counted)
    crossing = overtakes_at(size)
    there = replace(size, n=round(crossing))
    figure.add_scatter(
        x=[crossing], y=[operations(there).projections], mode="markers+text", text=[f"  n = {there.n:,}"],
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
    full = lengths_that_fill(size)
    for name, n_bytes in MEMORIES.items():
        figure.add_hrect(y0=n_bytes, y1=10**18, fillcolor=colours.ink[1], opacity=0.5, line_width=0, layer="below")
        figure.add_annotation(xref="paper", x=0.01, xanchor="left", y=math.log10(n_bytes), yanchor="bottom",
                              text=f"{name}: n = {full[name]:,}", showarrow=False, font_size=12)  # fmt: skip
    _line(figure, LENGTHS, [weights_bytes(layer) for layer in layers], "weights", colours.alarm, "circle", sized)
    _line(figure, LENGTHS, [vectors_bytes(layer) for layer in layers], "queries, keys, values", colours.accent,
          "square", sized)  # fmt: skip
    figure.add_scatter(
        x=list(full.values()), y=list(MEMORIES.values()), mode="markers", customdata=list(full),
        name="full", showlegend=False, marker={"symbol": "diamond", "size": 12, "color": colours.text},
        hovertemplate="%{customdata}: full at n = %{x:,}<extra></extra>",
    )  # fmt: skip
    top = 1.5 * weights_bytes(layers[-1])
    figure.update_yaxes(range=[math.log10(weights_bytes(layers[0])) - 0.4, math.log10(top)])
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


def charts(n: int, d_k: int, n_heads: int, n_layers: int, *, theme: str = "light") -> dict[str, go.Figure]:
    """Operations and bytes over the length of the text."""
    size = Size(n, d_k, n_heads, n_layers)
    return {
        "operations": operations_over_length(size, theme=theme),
        "memory": memory_wall(size, theme=theme),
    }
