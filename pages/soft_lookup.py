"""Soft lookup: a dictionary that never fails, blends what lies between its keys, and can be learned."""

import math
from functools import partial

import numpy as np
import streamlit as st

from attnviz.lessons import soft_lookup
from attnviz.ui import exports
from attnviz.ui.chart import show_chart
from attnviz.ui.export_menu import export_menu
from attnviz.ui.pages import end_lesson
from attnviz.ui.state import chosen_by, url_state
from attnviz.ui.theme import theme

chosen = url_state()
direction = chosen.direction % 360
temperature = min(soft_lookup.TEMPERATURES, key=lambda known: abs(known - chosen.temperature))
here = soft_lookup.soft_lookup([direction], temperature)
around = soft_lookup.soft_lookup(soft_lookup.CIRCLE, temperature)
most = math.log2(len(soft_lookup.NAMES))
try:
    hard = f"**{soft_lookup.hard_lookup(direction):g} mm**"
except KeyError:
    hard = f"**KeyError: {direction}**"

st.title("Soft lookup")
st.markdown(
    "A dictionary knows how much rain four winds bring. Asked for one of them it answers; asked for a direction in "
    "between it fails. Attention compares the query with *every* key and blends the values."
)
pick_direction, pick_temperature = st.columns(2, gap="large")
with pick_direction:
    chosen_by(st.slider, "direction", "The wind that you ask for, degrees", direction, min_value=0, max_value=359)
with pick_temperature:
    chosen_by(
        st.select_slider, "temperature", "Temperature: from one key to all alike", temperature,
        options=soft_lookup.TEMPERATURES, help="Scores are divided by it. √d_k is such a temperature.",
    )  # fmt: skip
stored = ", ".join(f"{name} ({angle:g}°): {value:g}" for name, angle, value in
                   zip(soft_lookup.NAMES, soft_lookup.ANGLES, soft_lookup.VALUES))  # fmt: skip
st.markdown(
    f"`{{{stored}}}` at {direction}°: the dictionary says {hard}, the nearest key "
    f"**{soft_lookup.nearest_lookup([direction])[0]:g} mm**, attention **{here.answers[0]:.2f} mm** from weights of "
    f"**{here.bits[0]:.2f} bits** (0: one key takes all; log₂ {len(soft_lookup.NAMES)} = {most:g}: all alike)."
)
bits = [soft_lookup.soft_lookup(np.array([direction]), step).bits[0] for step in soft_lookup.TEMPERATURES]
says = {
    "shares": "; ".join(f"{name} {weight:.3f}" for name, weight in zip(soft_lookup.NAMES, here.weights[0])),
    "answers": f"soft from {around.answers.min():.1f} to {around.answers.max():.1f} mm, here {here.answers[0]:.2f} mm",
    "entropy": f"{bits[0]:.2f} bits at temperature {soft_lookup.TEMPERATURES[0]}, {bits[-1]:.2f} at "
    f"{soft_lookup.TEMPERATURES[-1]:g}",
    "slopes": f"soft {here.slopes[0]:.3f} mm a degree here, the nearest key's 0 wherever it has one",
}
settings = {"direction": direction, "temperature": temperature}
places = [place for _ in range(2) for place in st.columns(2, gap="large")]
for place, (name, chart) in zip(places, soft_lookup.charts(**settings, theme=theme()).items()):
    show_chart(chart, key=f"lookup_{name}", alt=f"{chart.layout.title.text}: {says[name]}.", place=place)
export_menu("lesson", "soft lookup", partial(exports.of_lesson, "Soft lookup", soft_lookup.charts, settings))
st.caption(
    "Learning needs a slope: a small change of the query has to change the answer. The nearest key's answer is flat, "
    "then jumps, so nothing flows back through it; the soft answer has a slope everywhere (here by the chain rule). "
    "Cold makes it steep at the border between two keys and flat elsewhere."
)
end_lesson("soft_lookup")
