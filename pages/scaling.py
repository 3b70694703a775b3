"""Why divide by √d_k: longer vectors make larger scores, and softmax stops sharing."""

import math
from functools import partial

import streamlit as st

from attnviz.lessons import scaling
from attnviz.lessons.scaling import WIDTHS, sample_scores
from attnviz.ui import exports
from attnviz.ui.chart import show_chart
from attnviz.ui.export_menu import export_menu
from attnviz.ui.pages import end_lesson
from attnviz.ui.state import chosen_by, url_state
from attnviz.ui.theme import theme

chosen = url_state()
d_k = max((width for width in WIDTHS if width <= chosen.d_k), default=WIDTHS[0])
here = {scaled: sample_scores(d_k, scaled=scaled) for scaled in (False, True)}

st.title("Why divide by √d_k")
st.markdown(
    "A score adds up d_k products. The more there are, the further the sum strays from zero, and softmax turns a large "
    "lead into everything: one key takes the whole row, and the gradient that should correct it fades. Dividing by "
    "√d_k takes the length out again."
)
chosen_by(st.select_slider, "d_k", "Width of queries and keys, d_k", d_k, options=WIDTHS)
st.markdown(
    f"At d_k = {d_k} the scores spread by **{here[False].spread:.2f}** (the law: √{d_k} = {math.sqrt(d_k):.2f}), and "
    f"the best of 16 keys takes **{here[False].winner:.0%}** of its row. Divided, they spread by "
    f"**{here[True].spread:.2f}** and it takes **{here[True].winner:.0%}**."
)
drawn = scaling.charts(d_k, theme=theme())
places = [place for _ in range(2) for place in st.columns(2, gap="large")]
for place, (name, chart) in zip(places, drawn.items()):
    show_chart(
        chart,
        key=f"scaling_{name}",
        alt=f"{chart.layout.title.text}: without and with the division by √d_k, for d_k from 1 to 1,024; at {d_k} "
        f"{getattr(here[False], name, here[False].winner):.3f} and {getattr(here[True], name, here[True].winner):.3f}.",
        place=place,
    )
export_menu("lesson", "why divide", partial(exports.of_lesson, "Why divide by √d_k", scaling.charts, {"d_k": d_k}))
st.caption(
    "200 queries with 16 keys each, drawn for each width with entries of mean 0 and variance 1. In a trained model "
    "entries are neither independent nor of variance 1: there the division sets where training starts, not where it "
    "ends."
)
end_lesson("scaling")
