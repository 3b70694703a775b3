"""Exercises: predict, compute, and be told what is off. A teacher's link opens one with chosen numbers."""

import streamlit as st

from attnviz import figures
from attnviz.core.exercises import EXERCISES
from attnviz.core.exercises.harder import CORNERS, POINTS
from attnviz.ui.exercises import ask, draw, pick, solved, teacher, work_on
from attnviz.ui.lessons import end_lesson
from attnviz.ui.messages import plain
from attnviz.ui.state import chosen_by, view
from attnviz.ui.theme import theme

name = view().exercise
plan = EXERCISES[name]
order = list(EXERCISES)

st.title("Exercises")
picker = st.container()
st.subheader(f"{order.index(name) + 1} · {plan.title}")
task = st.container()
if plan.numbers:
    values, complaints = teacher(name, plan.numbers)
    exercise = plan.build(values)
else:
    values, complaints = None, []
    exercise = plan.build()
work = work_on(name, values)

with task:
    st.markdown(exercise.task)
    if complaints:
        st.warning(
            plain("The chosen numbers cannot be used; the exercise's own are shown. " + " ".join(complaints)),
            icon=":material/link_off:",
        )
    given, answers = st.columns(2, gap="large")
    with given:
        draw(exercise.given, f"given_{work.key}")
        if name == "hull":
            st.plotly_chart(
                figures.within_reach(CORNERS, POINTS, title="Values and points", theme=theme()),
                key="reach",
                theme=None,
                config={"displayModeBar": False},
                alt="A triangle with the values as corners; A lies inside it, B outside, C on the corner v1.",
            )
        if name == "patterns":
            st.page_link("pages/heads.py", label="Find such patterns in a trained model", icon=":material/grid_view:")
    with answers:
        prediction = exercise.prediction
        predicted = pick(prediction, work, f"guess_{work.key}")
        done = predicted is not None and all(
            ask(question, work, f"{question.name}_{work.key}") for question in exercise.questions
        )
        if done:
            solved().add(name)
        if predicted is None:
            st.caption("Predict first; the questions follow.")
        elif not work.revealed:
            label = "Show the solution" if work.tried else "Show the solution without a try"
            work.revealed = st.button(label, key=f"reveal_{work.key}", icon=":material/visibility:")
        if done or work.revealed:
            held = "Your prediction holds." if predicted == prediction.right else "Your prediction does not hold."
            st.info(f"{held} {plain(prediction.says[predicted or 0])}", icon=":material/lightbulb:")
    if work.revealed:
        draw(exercise.solution, f"solution_{work.key}")

with picker:
    chosen_by(
        st.pills,
        "exercise",
        f"{len(solved())} of {len(EXERCISES)} solved in this session",
        name,
        options=order,
        format_func=lambda other: (
            f"{'✓ ' if other in solved() else ''}{order.index(other) + 1} {EXERCISES[other].title}"
        ),
        required=True,
    )
end_lesson("exercises")
