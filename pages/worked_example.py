"""The section's worked example, "cat sat mat": every stage with exact numbers, one row followed step by step."""

import numpy as np
import pandas as pd
import streamlit as st

from attnviz import figures
from attnviz.core.worked_example import printed_and_exact, worked_example, wrong_rows
from attnviz.ui.lessons import end_lesson
from attnviz.ui.state import chosen_by, view
from attnviz.ui.stories import tell
from attnviz.ui.theme import theme

COLUMNS = ("d0", "d1")

chosen = view()
st.title("Attention on three words")
st.markdown(
    "Each word asks a question (its **query**), offers itself (its **key**) and has something to give (its **value**). "
    "Here all three are the same two numbers, so you can follow every step in your head."
)
st.page_link("pages/heads.py", label="See it in a trained model", icon=":material/grid_view:")
pick_row, pick_scale, pick_mask = st.columns([2, 1, 1], vertical_alignment="bottom")
with pick_scale:
    chosen_by(st.toggle, "scaled", "Divide by √d_k", chosen.scaled, help="Real models do; the book's example does not.")
with pick_mask:
    chosen_by(st.toggle, "causal", "No looking ahead", chosen.causal, help="The causal mask of language models.")
example = worked_example(scaled=chosen.scaled, causal=chosen.causal)
stages, tokens = example.stages, example.tokens
row = min(chosen.row, len(tokens) - 1)
with pick_row:
    chosen_by(
        st.segmented_control, "row", "Follow the row of", row, options=range(len(tokens)),
        format_func=lambda i: tokens[i], required=True,
    )  # fmt: skip


def draw(place, name: str, values: np.ndarray, columns: tuple[str, ...], title: str, says: str, **options) -> None:
    with place:
        st.plotly_chart(
            figures.matrix(values, tokens, columns, title=title, theme=theme(), **options),
            key=name,
            theme=None,
            config={"displayModeBar": False},
            alt=f"{title}: "
            + "; ".join(f"{token} {np.round(line, 4).tolist()}" for token, line in zip(tokens, values)),
        )
        st.caption(says)


steps = [("vectors", example.Q, COLUMNS, "Q = K = V", "One row a word: its two numbers."),
         ("scores", stages.scores, tokens, "Scores  Q·Kᵀ", "Each query times each key: how they match.")]  # fmt: skip
if chosen.scaled:
    steps.append(("scaled", stages.scaled, tokens, "Scaled  ÷ √2", "Smaller scores, softer shares."))
if chosen.causal:
    steps.append(("masked", stages.masked, tokens, "Masked", "What comes later is out of reach: −∞."))
steps += [("weights", stages.weights, tokens, "Weights  softmax", "e to each score, shared out: every row sums to 1."),
          ("output", stages.output, COLUMNS, "Output  weights·V", "Each word's blend of all values.")]  # fmt: skip
wide = 4 if len(steps) == 4 else 3
places = [place for start in range(0, len(steps), wide) for place in st.columns(wide)[: len(steps) - start]]
for place, (name, values, columns, title, says) in zip(places, steps):
    draw(place, name, values, columns, title, says, chosen_row=row)

st.subheader(f"The row of “{tokens[row]}”, number by number")
powers = example.powers(row)
story = pd.DataFrame(
    {
        "key": tokens,
        "q · k": [
            " + ".join(f"{q:g}·{k:g}" for q, k in zip(example.Q[row], key)) + f" = {score:g}"
            for key, score in zip(example.K, stages.scores[row])
        ],
        "score": [f"{score:.4f}".replace("-inf", "−∞") for score in stages.masked[row]],
        "e^score": [f"{power:.4f}" for power in powers],
        "weight": [f"{power:.4f} / {powers.sum():.4f} = {w:.4f}" for power, w in zip(powers, stages.weights[row])],
        "weight · value": [f"{w:.4f} · [{v[0]:g}, {v[1]:g}]" for w, v in zip(stages.weights[row], example.V)],
    }
).set_index("key")
st.table(story)
st.markdown(
    f"Added up, **{tokens[row]}** becomes **[{stages.output[row, 0]:.4f}, {stages.output[row, 1]:.4f}]**: "
    f"a point inside the triangle of the three values, because the weights are positive and sum to 1."
)

key = chosen.key if chosen.key < len(tokens) else int(stages.weights[row].argmax())
chosen_by(
    st.segmented_control, "key", f"One number's story: from {tokens[row]} to", key, options=range(len(tokens)),
    format_func=lambda i: tokens[i], required=True,
)  # fmt: skip
tell(stages, (example.Q, example.K, example.V), example.scale, (row, key), tokens, tokens)

st.subheader("If you have the book open")
wrong = wrong_rows()
right = " and ".join(f"**{token}**" for token in tokens if token not in wrong)
st.markdown(
    f"The section prints this example with two digits. Right: the row of {right}. Not right: the rows of "
    f"{' and '.join(f'**{token}**' for token in wrong)}, whose framed numbers differ from the exact ones. Nothing is "
    "wrong with the method, only with the arithmetic on the page."
)
book, ours = st.columns(2, gap="large")
labels = (*(f"→ {token}" for token in tokens), "out d0", "out d1")
printed, exact, off = printed_and_exact()
draw(
    book,
    "printed",
    printed,
    labels,
    "As printed",
    "Framed: not the exact number to two digits.",
    digits=2,
    flagged=off,
)
draw(ours, "exact", exact, labels, "Exact", "Unscaled and unmasked, as in the section.", digits=4)
end_lesson("worked_example")
