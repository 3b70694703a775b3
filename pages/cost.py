"""What it costs: operations, bytes and seconds, and why twice the text is four times the work."""

from dataclasses import asdict
from functools import partial

import pandas as pd
import streamlit as st

from attnviz.lessons import cost, timing
from attnviz.ui import exports
from attnviz.ui.chart import show_chart
from attnviz.ui.export_menu import export_menu
from attnviz.ui.pages import end_lesson
from attnviz.ui.state import choose, chosen_by, url_state
from attnviz.ui.theme import theme
from attnviz.units import counted, lasting, sized

HEADS = LAYERS = (1, 2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)
WIDTHS = tuple(2**power for power in range(11))

chosen = url_state()
size = cost.within_limits(cost.Size(chosen.n, chosen.d_k, chosen.n_heads, chosen.n_layers))
choose(**asdict(size))
n, d_k, n_heads, n_layers = size.n, size.d_k, size.n_heads, size.n_layers

st.title("What it costs")
st.markdown(
    "Each token's query meets each token's key: n tokens make n² scores, in every head of every layer. "
    "Twice the text is four times the work."
)


def fill() -> None:
    """The sliders take the sizes of the preset that was clicked."""
    if st.session_state.preset:
        choose(**asdict(cost.PRESETS[st.session_state.preset][0]))


preset = next((name for name, (known, _) in cost.PRESETS.items() if known == size), None)
st.session_state.preset = preset
st.pills("Published sizes", list(cost.PRESETS), key="preset", on_change=fill)
sizes = asdict(size)
drawn = cost.charts(**sizes, theme=theme())
count, crossing = cost.operations(size), round(cost.overtakes_at(size))
left, right = st.columns(2, gap="large")
show_chart(
    drawn["operations"],
    key="operations",
    alt=f"Operations over n on logarithmic axes. Attention grows with n², the projections with n; they cross at "
    f"n = {crossing:,}. At n = {n:,} attention takes {counted(count.attention)} operations, the projections "
    f"{counted(count.projections)}.",
    place=left,
)
show_chart(
    drawn["memory"],
    key="memory",
    alt="Bytes over n on logarithmic axes. The weights of one layer grow with n² and fill "
    + ", ".join(f"{name} at n = {full:,}" for name, full in cost.lengths_that_fill(size).items())
    + "; queries, keys and values grow with n.",
    place=right,
)
export_menu("lesson", "what it costs", partial(exports.of_lesson, "What it costs", cost.charts, sizes))
for place, field, label, options in zip(
    st.columns(4, gap="medium"),
    ("n", "d_k", "n_heads", "n_layers"),
    ("Tokens, n", "Width of a head, d_k", "Heads a layer", "Layers"),
    (cost.LENGTHS, WIDTHS, HEADS, LAYERS),
):
    value = getattr(size, field)
    with place:
        chosen_by(st.select_slider, field, label, value, options=sorted({*options, value}), format_func="{:,}".format)

st.markdown(
    f"Attention takes **{counted(count.attention)}** operations; the linear projections around it take "
    f"**{counted(count.projections)}**. From **n = {crossing:,}** on attention is the larger part. "
    f"All its weights together fill **{sized(cost.weights_bytes(size))}**; the queries, keys and values that they are "
    f"computed from, **{sized(cost.vectors_bytes(size))}**."
)

st.subheader("Counted, step by step")
heads = n_heads * n_layers
steps = [
    ("Q·Kᵀ", "O(n²·d_k)", f"2 · {n:,}² · {d_k:,}", count.scores),
    ("softmax", "O(n²)", f"5 · {n:,}²", count.softmax),
    ("weights·V", "O(n²·d_v)", f"2 · {n:,}² · {d_k:,}", count.output),
    ("attention in all", "O(n²·d)", "the three together", count.attention),
    ("projections", "O(n·d_model²)", f"4 · 2 · {n:,} · {size.d_model:,} · {d_k:,}", count.projections),
]
table, notes = st.columns([3, 2], gap="large")
table.table(
    pd.DataFrame(
        [(step, grows, f"{sum_} = {counted(total // heads)}", counted(total)) for step, grows, sum_, total in steps],
        columns=["step", "grows as", "one head", f"all {heads:,} heads" if heads > 1 else "in all"],
    ).set_index("step")
)
long = cost.operations(cost.Size(100_000, d_k))
notes.markdown(
    "An operation is one addition or multiplication of two numbers, so a product of d_k numbers counts 2·d_k. Softmax "
    "counts 5 for each score: compare, subtract, exponentiate, add, divide. Here d_v = d_k, and the projections are "
    f"W_Q, W_K, W_V and W_O, with d_model = heads · d_k = {size.d_model:,}.\n\n"
    f"**The section's 10 billion** operations for n = 100,000 are n² alone, the number of scores. A score is a product "
    f"of {d_k:,} numbers, so Q·Kᵀ takes 2 · 100,000² · {d_k:,} = **{counted(long.scores)}** operations, and attention "
    f"**{counted(long.attention)}**: in one head of one layer."
)

st.subheader("Measured on this machine")
if st.button("Measure on this machine", icon=":material/timer:", help="One head of width d_k, for some seconds."):
    bar = st.progress(0.0)
    st.session_state.timings = timing.measure(d_k, bar.progress)
    bar.empty()
timings = st.session_state.get("timings")
if timings is None:
    st.markdown("The count is a law. Press the button to see whether the clock follows it.")
else:
    chart, beside = st.columns([3, 2], gap="large")
    exponents = timings.exponents
    first, last = timing.LENGTHS[0], timing.LENGTHS[-1]
    show_chart(
        timing.charts(timings.seconds, theme=theme())["timings"],
        key="timings",
        alt=f"Seconds over n, from {first} to {last:,} tokens, on logarithmic axes. "
        + "; ".join(f"{name} grows with n to the {exponent:.2f}" for name, exponent in exponents.items()),
        place=chart,
    )
    with chart:
        measured = {"seconds": {name: list(times) for name, times in timings.seconds.items()}}
        export_menu(
            "timings", "measured times",
            partial(exports.of_lesson, f"Measured, d_k = {timings.d_k}", timing.charts, measured),
        )  # fmt: skip
    for name, exponent in exponents.items():
        pace = timings.pace[name]
        beside.metric(f"{name}, one head, d_k = {timings.d_k}, n = {last:,}", lasting(timings.seconds[name][-1]))
        beside.markdown(
            f"It grows with n to the **{exponent:.2f}**, and does {counted(pace)} operations a second: the attention "
            f"of the sizes above would take {lasting(count.attention / pace)}."
        )
    if timing.FUSED not in exponents:
        beside.info("torch is not installed here, so our core is measured alone.")
    beside.caption(
        f"Exponents: least squares on the logarithms, for n from {timing.FITTED_FROM} to {last:,}. Dashed: n² through "
        "the last point. More than 2: time also goes into moving matrices that outgrow the processor's cache, or into "
        "other work on this machine; the fused kernel keeps no n × n matrix. Where a curve is bumpy, measure again."
    )
st.caption(
    f"Sizes: {cost.PRESETS[preset][1] if preset else 'your own'}. A number takes 4 bytes (float32); a GB is 10⁹ bytes. "
    "Not counted: feed-forward layers, biases, and that a causal mask needs about half of the scores."
)
end_lesson("cost")
