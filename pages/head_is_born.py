"""A head is born: one head of tiny-gpt at any kept moment of its training, on the reader's own sentence."""

import time
from functools import partial

import streamlit as st

from attnviz import figures
from attnviz.errors import AttnvizError
from attnviz.models.catalog import checkpoints, training_curves
from attnviz.traces import Head
from attnviz.ui import cache, exports
from attnviz.ui.certificates import badge
from attnviz.ui.chart import show_chart
from attnviz.ui.export_menu import export_menu, name_of
from attnviz.ui.messages import show_error
from attnviz.ui.state import choose, chosen_by, url_state
from attnviz.ui.theme import theme

MODEL = "tiny-gpt"
REPEATING = "The old fox saw a red hen. The old fox saw a red hen"

chosen = url_state()
steps = list(checkpoints(MODEL))
evaluations = training_curves(MODEL)
scores = evaluations[-1]["induction"]
step = max((kept for kept in steps if kept <= chosen.step), default=steps[0])
layer, head = min(chosen.layer, len(scores) - 1), min(chosen.head, len(scores[0]) - 1)
choose(step=step, layer=layer, head=head)

st.title("A head is born")
st.markdown(
    "An **induction head** looks for an earlier place where the present token stood, and reads what came *next* there. "
    "Nobody builds it: at step 0 all heads look everywhere. Move the slider, or press play, and watch one appear."
)


def strongest(name: str) -> tuple[int, int]:
    """The head with the highest score at the end of training."""
    last = evaluations[-1][name]
    return max(((i, j) for i in range(len(last)) for j in range(len(last[i]))), key=lambda at: last[at[0]][at[1]])


slider, play = st.columns([5, 1], vertical_alignment="bottom")
with slider:
    chosen_by(st.select_slider, "step", "Training step", step, options=steps)
playing = play.button("Play", icon=":material/play_arrow:", width="stretch")

left, right = st.columns(2, gap="large")
with left:
    pick_layer, pick_head = st.columns(2)
    with pick_layer:
        chosen_by(st.selectbox, "layer", "Layer", layer, options=range(len(scores)))
    with pick_head:
        chosen_by(st.selectbox, "head", "Head", head, options=range(len(scores[0])))
    shortcuts = st.container(horizontal=True)
    for label, name in (("Induction head", "induction"), ("Previous-token head", "previous_token")):
        best_layer, best_head = strongest(name)
        shortcuts.button(
            f"{label} L{best_layer}.H{best_head}", on_click=choose, kwargs={"layer": best_layer, "head": best_head}
        )
    if chosen.text != REPEATING:
        shortcuts.button("A sentence that repeats", on_click=choose, kwargs={"text": REPEATING})
    certificate_line = st.empty()
    map_place = st.empty()
with right:
    curves_place = st.empty()
    st.caption(
        "Scores: the average weight that each head gives to the induction target, or to the previous token, on random "
        "tokens that repeat. Every thin line is a head; the strong one is yours."
    )


def draw(at: int) -> None:
    """The head's map and the marked curves at one step."""
    trace = cache.trace_of(f"{MODEL}@{at}", "bundled", url_state().text)
    drawn = figures.training_charts(trace, MODEL, at, layer, head, theme=theme())
    show_chart(
        drawn["map"],
        alt=f"Attention weights of L{layer}.H{head} after {at} training steps, over: {' '.join(trace.tokens)[:300]}",
        place=map_place,
    )
    show_chart(
        drawn["curves"],
        alt=f"Scores of all heads and losses over {steps[-1]} training steps. At the marked step {at}, "
        f"L{layer}.H{head} has an induction score near {_score(at):.2f}.",
        place=curves_place,
    )


def _score(at: int) -> float:
    nearest = min(evaluations, key=lambda evaluation: abs(evaluation["step"] - at))
    return nearest["induction"][layer][head]


try:
    if playing:
        for moment in steps:
            draw(moment)
            time.sleep(0.5)
        choose(step=steps[-1])
        st.rerun()
    draw(step)
    certificate_line.badge("checking against the model's own attention…", icon=":material/hourglass_top:", color="gray")
    trace, at = cache.trace_of(f"{MODEL}@{step}", "bundled", url_state().text), Head("decoder", layer, head)
    settings = {"model": MODEL, "step": step, "layer": layer, "head": head}
    with left:
        export_menu(
            "born", name_of(MODEL, at, "step", step),
            partial(exports.of_traced, "A head is born", figures.training_charts, trace, at, str(at), settings),
        )  # fmt: skip
    badge(certificate_line, cache.certificate_of(trace), at)
except AttnvizError as error:
    show_error(error)
