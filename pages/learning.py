"""Learning it: gradient descent on W_Q, W_K and W_V, step by step, until each question finds its key."""

import time
from functools import partial

import pandas as pd
import streamlit as st

from attnviz.lessons import learning
from attnviz.ui import exports
from attnviz.ui.chart import show_chart
from attnviz.ui.export_menu import export_menu
from attnviz.ui.pages import end_lesson
from attnviz.ui.state import choose, chosen_by, url_state
from attnviz.ui.theme import theme

FRAMES = 15  # of a film from the first step to the last
FRAME_SECONDS = 0.7  # the browser draws every chart anew

chosen = url_state()
rate = min(learning.RATES, key=lambda known: abs(known - chosen.learning_rate))
seed = min(chosen.learning_seed, learning.SEEDS[-1])
training = learning.train(rate, seed)
last = len(training.projections) - 1
step = min(chosen.learning_step, last)
choose(learning_rate=rate, learning_seed=seed, learning_step=step)
example = learning.example()
*items, asked = learning.tokens(example.X[0])

st.title("Learning it")
st.markdown(
    f"Four names are stored, each with a colour: **{', '.join(items)}**. Then one of them is asked for: **{asked}** "
    f"should give **{learning.VALUES[example.targets[0].argmax()]}**. A name asked for and the same name stored are "
    "different vectors, so at first nothing matches. Gradient descent on W_Q, W_K and W_V finds out what belongs "
    "together."
)
slider, play = st.columns([5, 1], vertical_alignment="bottom")
with slider:
    chosen_by(st.slider, "learning_step", "Training step", step, min_value=0, max_value=last)
playing = st.session_state.film = st.session_state.get("film", False) and step < last


def play_or_stop() -> None:
    """A film starts where the slider is, or from the beginning when that is the end."""
    st.session_state.film = not playing
    if step == last:
        choose(learning_step=0)


play.button(
    "Stop" if playing else "Play", icon=":material/stop:" if playing else ":material/play_arrow:",
    key="play", on_click=play_or_stop, width="stretch",
)  # fmt: skip
if training.diverged:
    st.warning(
        f"At a learning rate of {rate:g} each step overshoots: the loss grew to {training.training[-1].loss:,.0f}, and "
        f"training was ended after step {last}. Choose a smaller rate.",
        icon=":material/warning:",
    )
left, right = st.columns(2, gap="large")
stages = learning.attend(training.projections[step], example.X)[-1]
weights, output = stages.weights[:, 0], stages.output[:, 0]
seen, unseen = training.training[step], training.held_out[step]


settings = {"rate": rate, "seed": seed, "step": step}
drawn = learning.charts(**settings, theme=theme())


def show(place, name: str, alt: str) -> None:
    show_chart(drawn[name], key=name, alt=alt, place=place)


show(
    left,
    "weights",
    f"Weights of four questions over the four items and themselves at step {step}: {weights.round(2).tolist()}",
)
show(
    left,
    "output",
    f"Outputs of the four questions, a number for each colour, at step {step}: {output.round(2).tolist()}",
)
left.caption("Each row is one question. Framed: the colour that it should give.")
show(
    right,
    "curves",
    f"Loss, accuracy and entropy over {last} steps, on training and on held-out sequences; step {step} is marked.",
)
right.markdown(
    f"Step {step}: **{unseen.accuracy:.0%}** of {learning.HELD_OUT} sequences that training never saw are answered "
    f"right ({seen.accuracy:.0%} of the {learning.TRAINING} it learns from; a guess: {learning.CHANCE:.0%}), "
    f"loss {unseen.loss:.3f} ({seen.loss:.3f}); the weights hold {unseen.entropy:.2f} bits."
)
with right:
    pick_rate, pick_seed = st.columns(2)
    with pick_rate:
        chosen_by(st.select_slider, "learning_rate", "Learning rate", rate, options=learning.RATES)
    with pick_seed:
        chosen_by(st.selectbox, "learning_seed", "Start, drawn with seed", seed, options=learning.SEEDS)

st.subheader("The three matrices")
tables = learning.tables(training.projections[step])
for place, (name, (rows, columns, title)) in zip(st.columns(4, gap="medium"), learning.TABLES.items()):
    show(
        place,
        name,
        f"{title} at step {step}, {len(rows)} rows of {len(columns)}, entries between {tables[name].min():.2f} and "
        f"{tables[name].max():.2f}.",
    )
export_menu("lesson", f"learning it step {step}", partial(exports.of_lesson, "Learning it", learning.charts, settings))
st.caption(
    "Blue is above zero, orange below. W_Q and W_K alone look like noise, because turning both changes no score; their "
    "product shows what is learned: blue down the diagonal, where each question meets its name. W_V then lets colours "
    "through and drops names."
)

st.subheader("The gradients")
st.markdown(
    "Each step subtracts the learning rate times the gradient of the loss. The gradients are written out by hand: from "
    "dO at the output, dV = Wᵀ dO, dW = dO Vᵀ, dS = W ∘ (dW − rowsum(dW ∘ W)), dQ = dS K / √d_k and dK = dSᵀ Q / √d_k, "
    "with W the weights; one product with the tokens' vectors then leads from dQ, dK and dV to W_Q, W_K and W_V."
)
if st.button("Check against torch autograd", icon=":material/balance:"):
    try:
        from attnviz.lessons.gradients import gradient_differences
    except ImportError:
        st.info("torch is not installed here, so there is nothing to check against.")
    else:
        checked = gradient_differences(training.projections[step], learning.data()[0])
        st.table(
            pd.DataFrame(
                [(name, f"{size:.3g}", f"{off:.1e}") for name, (size, off) in checked.items()],
                columns=["matrix", f"largest gradient at step {step}", "largest difference from autograd"],
            ).set_index("matrix")
        )
end_lesson("learning")
if playing:
    time.sleep(FRAME_SECONDS)
    choose(learning_step=min(last, step + max(1, last // FRAMES)))
    st.rerun()
