"""Exercises: predict, compute, and be told what is off. A teacher's link opens one with chosen numbers."""

from functools import partial

import streamlit as st

from attnviz.lessons.exercises import EXERCISES, charts
from attnviz.lessons.exercises.harder import hull_output
from attnviz.lessons.typed import read_matrix
from attnviz.ui import exports
from attnviz.ui.chart import show_chart
from attnviz.ui.exercises import ask, draw, offer_solution, pick, solved, teacher, work_on
from attnviz.ui.export_menu import export_menu
from attnviz.ui.messages import plain
from attnviz.ui.pages import end_lesson
from attnviz.ui.state import chosen_by, url_state
from attnviz.ui.theme import theme

name = url_state().exercise
plan = EXERCISES[name]
order = list(EXERCISES)

st.title("Exercises")
picker = st.container()
st.subheader(f"{order.index(name) + 1} · {plan.title}")
task = st.container()
values, complaints = teacher(name, plan.numbers) if plan.numbers else (None, [])
exercise = plan.build(values) if plan.numbers else plan.build()
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
        picture = st.empty()
        below = st.container()
        if name == "patterns":
            st.page_link("pages/heads.py", label="Find such patterns in a trained model", icon=":material/grid_view:")
    with answers:
        predicted = pick(exercise.prediction, work, f"guess_{work.key}")
        outcome = st.empty()
        done = False
        if predicted is None:
            st.caption("The questions follow your prediction.")
        else:
            done = all(ask(question, work, f"{question.name}_{work.key}") for question in exercise.questions)
            offer_solution(work)
        if done:
            solved().add(name)
        if predicted is not None and (done or work.revealed):
            held = (
                "Your prediction holds." if predicted == exercise.prediction.right else "Your prediction does not hold."
            )
            outcome.info(f"{held} {plain(exercise.prediction.says[predicted])}", icon=":material/lightbulb:")
    if work.revealed:
        st.subheader("Solution")
        draw(exercise.solution, f"solution_{work.key}")

settings = {"solution": work.revealed} | ({} if values is None else {"numbers": values.tolist()})
if name == "hull":
    typed = work.answers.get("inside", [[""] * 3])
    query, _ = read_matrix(typed, ("q0",), ("d0", "d1", "d2"))
    output = None if query is None else hull_output(query)[0]
    if query is not None:
        settings["query"] = query.tolist()
    show_chart(
        charts.charts(name, **settings, theme=theme())["reach"],
        key="reach",
        alt="A triangle with the values as corners; A lies inside it, B outside, C on the corner v1."
        + ("" if output is None else f" Your output lies at {output.round(4).tolist()}."),
        place=picture,
    )

if exercise.given or name == "hull":
    with below:
        export_menu(
            "exercise", f"exercise {plan.title}",
            partial(exports.of_lesson, f"Exercise: {plan.title}", charts.charts, {"name": name} | settings),
        )  # fmt: skip

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
        wrap=True,
    )
end_lesson("exercises")
