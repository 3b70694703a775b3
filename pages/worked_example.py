"""The worked example: a few words in a few dimensions, every stage with exact numbers, one row followed."""

import inspect
from functools import partial

import numpy as np
import streamlit as st

from attnviz import figures
from attnviz.core import attention as core
from attnviz.lessons import worked_example as lesson
from attnviz.lessons.worked_example import (
    STAGES,
    THE_SECTION,
    dimensions,
    printed_and_exact,
    worked_example,
    wrong_rows,
)
from attnviz.ui import exports
from attnviz.ui.chart import show_chart
from attnviz.ui.example import edited_inputs, preset_of, projections_in_numbers, row_in_numbers
from attnviz.ui.export_menu import export_menu
from attnviz.ui.messages import plain
from attnviz.ui.pages import end_lesson
from attnviz.ui.state import choose, chosen_by, url_state
from attnviz.ui.theme import theme
from attnviz.ui.weight_breakdown import show_breakdown

NAMES = {"projections": "Q, K, V", "scores": "Scores", "scaled": "÷ √d", "masked": "Mask", "powers": "e to the score",
         "weights": "Weights", "output": "Output"}  # fmt: skip

chosen = url_state()
st.title("Attention, number by number")
st.markdown(
    "Each word asks a question (its **query**), offers itself (its **key**) and has something to give (its **value**). "
    "Change any number and watch where it goes."
)
left, right = st.columns([5, 6], gap="large")
with left:
    inputs = edited_inputs()
    switches = st.columns(2)
    with switches[0]:
        chosen_by(
            st.toggle, "scaled", "Divide by √d", chosen.scaled, help="Real models do; the section's example does not."
        )
    with switches[1]:
        chosen_by(st.toggle, "causal", "No looking ahead", chosen.causal, help="The causal mask of language models.")
example = worked_example(inputs, scaled=chosen.scaled, causal=chosen.causal)
stages, tokens = example.stages, inputs.tokens
axes = dimensions(inputs.X.shape[1])
row = min(chosen.row, len(tokens) - 1)
skipped = {"scaled": not chosen.scaled, "masked": not chosen.causal}
steps = [stage for stage in STAGES if not skipped.get(stage)]
stage = chosen.stage if chosen.stage in steps else steps[-1]


def draw(place, name: str, values: np.ndarray, columns: tuple[str, ...], title: str, says: str, **options) -> None:
    with place:
        show_chart(
            figures.matrix(values, tokens, columns, title=title, theme=theme(), **options),
            key=name,
            alt=f"{title}: "
            + "; ".join(f"{token} {np.round(line, 4).tolist()}" for token, line in zip(tokens, values)),
        )
        st.caption(says)


with right:
    chosen_by(
        st.segmented_control, "row", "Follow the row of", row, options=range(len(tokens)),
        format_func=lambda i: plain(tokens[i]), required=True,
    )  # fmt: skip
    if len(axes) == 2:
        for place, (name, plane) in zip(st.columns(2), lesson.planes(example, row, theme=theme()).items()):
            show_chart(
                plane,
                key=f"plane_{name[0]}",
                alt=f"The plane with {name}: "
                + "; ".join(
                    f"{text} at ({x:.3f}, {y:.3f})"
                    for points in plane.data
                    if points.text
                    for text, x, y in zip(points.text, points.x, points.y)
                ),
                place=place,
            )
        st.caption(
            "Left: a score is how far a key reaches along the query (dotted), times the query's length. Right: outputs "
            "lie inside the hull of the values, because weights are positive and sum to 1."
        )
    else:
        st.caption("With two dimensions there is a picture of the plane here.")

st.subheader("Step by step")
pick_step, go_on = st.columns([5, 1], vertical_alignment="bottom")
with pick_step:
    chosen_by(
        st.segmented_control,
        "stage",
        "Worked out as far as",
        stage,
        options=steps,
        format_func=NAMES.get,
        required=True,
    )
after = steps[(steps.index(stage) + 1) % len(steps)]
go_on.button(
    "From the start" if after == steps[0] else "Next step", icon=":material/arrow_forward:", width="stretch",
    on_click=choose, kwargs={"stage": after},
)  # fmt: skip

same = np.array_equal(example.Q, example.K) and np.array_equal(example.K, example.V)
projected = [("Q = K = V", example.Q)] if same else [("Q = X W_Q", example.Q), ("K = X W_K", example.K),
                                                     ("V = X W_V", example.V)]  # fmt: skip
matrices = [("projections", title, values, axes, "One row a word.") for title, values in projected]
matrices += [
    ("scores", "Scores  Q·Kᵀ", stages.scores, tokens, "Each query times each key: how they match."),
    ("scaled", f"Scaled  ÷ √{len(axes)}", stages.scaled, tokens, "Smaller scores, softer shares."),
    ("masked", "Masked", stages.masked, tokens, "What comes later is out of reach: −∞."),
    ("powers", "e to the score", example.powers, tokens, "Positive, whatever the score; a lead becomes a factor."
     if not example.shift.any() else "Large scores: each row's largest is taken off first, which changes no weight."),
    ("weights", "Weights  softmax", stages.weights, tokens, "Divided by the row's sum: every row sums to 1."),
    ("output", "Output  weights·V", stages.output, axes, "Each word's blend of all values."),
]  # fmt: skip
matrices = [chart for chart in matrices if chart[0] in steps[: steps.index(stage) + 1]]
wide = 4 if len(matrices) == 4 else 3
places = [place for start in range(0, len(matrices), wide) for place in st.columns(wide)]
for place, (name, title, values, columns, says) in zip(places, matrices):
    draw(place, f"{name}_{title[0]}", values, columns, title, says, chosen_row=row)
shown = [
    (title[0] if name == "projections" else name, title, values, columns)
    for name, title, values, columns, _ in matrices
]
export_menu(
    "example", "worked example",
    partial(exports.of_example, example, shown, row,
            {"scaled": chosen.scaled, "causal": chosen.causal, "stage": stage}),
)  # fmt: skip

st.subheader(f"The row of “{plain(tokens[row])}”, number by number")
st.markdown(f"`{projections_in_numbers(example, row)}`")
if stage != "projections":
    st.table(row_in_numbers(example, row, stage))
if stage == "output":
    result = ", ".join(f"{value:.4f}" for value in stages.output[row])
    st.markdown(f"Added up, **{plain(tokens[row])}** becomes **[{result}]**.")
    key = chosen.key if chosen.key < len(tokens) else int(stages.weights[row].argmax())
    chosen_by(
        st.segmented_control, "key", f"How this weight is computed: from {plain(tokens[row])} to", key,
        options=range(len(tokens)), format_func=lambda i: plain(tokens[i]), required=True,
    )  # fmt: skip
    show_breakdown(stages, (example.Q, example.K, example.V), example.scale, (row, key), tokens, tokens)
    shown_too = {"tokens": list(tokens)} | {one: getattr(inputs, one).tolist() for one in ("X", "W_Q", "W_K", "W_V")}
    shown_too |= {"scaled": chosen.scaled, "causal": chosen.causal, "row": row, "key": key}
    export_menu(
        "weight", "one weight of the worked example",
        partial(exports.of_lesson, "One weight of the worked example", lesson.charts, shown_too),
    )  # fmt: skip

if preset_of(inputs) == THE_SECTION:
    st.subheader("If you have the book open")
    wrong = wrong_rows()
    right_rows = " and ".join(f"**{token}**" for token in tokens if token not in wrong)
    st.markdown(
        f"The section prints this example with two digits. Right: the row of {right_rows}. Not right: the rows of "
        f"{' and '.join(f'**{token}**' for token in wrong)}, whose framed numbers differ from the exact ones. Nothing "
        "is wrong with the method, only with the arithmetic on the page."
    )
    book, ours = st.columns(2, gap="large")
    labels = (*(f"→ {token}" for token in tokens), "out d0", "out d1")
    printed, exact, off = printed_and_exact()
    draw(book, "printed", printed, labels, "As printed", "Framed: not the exact number to two digits.",
         digits=2, flagged=off)  # fmt: skip
    draw(ours, "exact", exact, labels, "Exact", "Unscaled and unmasked, as in the section.", digits=4)
    export_menu("book", "as printed", partial(exports.of_lesson, "As printed and exact", lesson.printed_charts, {}))

with st.expander("The code that computed this", icon=":material/code:"):
    st.code(
        inspect.getsource(core.dot_product_attention) + "\n\n" + inspect.getsource(core.attention), language="python"
    )
end_lesson("worked_example")
