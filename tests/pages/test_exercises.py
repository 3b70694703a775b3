"""The exercises through Streamlit's AppTest; what is typed into tables is tested in a real browser and in core."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from attnviz.lessons.exercises import EXERCISES

ROOT = Path(__file__).parents[2]
UNCERTAIN = "cannot be used"


def open_exercise(name, **query):
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    for field, value in ({"v": "1", "exercise": name} | query).items():
        app.query_params[field] = value
    return app.switch_page("pages/exercises.py").run()


def pills(app, start):
    return next(group for group in app.get("button_group") if group.key.startswith(start))


def said(app):
    boxes = [*app.error, *app.info, *app.warning, *app.success]
    return " ".join(str(box.value) for box in boxes).replace("\\", "").replace("\u2060", "")


def predict(app, option=0):
    pills(app, "guess").set_value(option)
    return app.run()


@pytest.mark.parametrize("name", EXERCISES)
def test_every_exercise_opens_by_its_link_with_its_task_and_a_picture(name):
    app = open_exercise(name)
    assert not app.exception and not app.error
    assert EXERCISES[name].title in app.subheader[0].value
    assert app.get("plotly_chart")
    assert app.query_params["exercise"] == name


@pytest.mark.parametrize("name", EXERCISES)
def test_the_question_follows_the_prediction_and_the_solution_the_asking(name):
    app = open_exercise(name)
    before = len(app.get("plotly_chart"))
    predict(app)
    assert "prediction" not in said(app), "the answer is told before a try"
    next(button for button in app.button if "solution" in button.label).click().run()
    assert not app.exception
    assert "prediction" in said(app)
    assert len(app.get("plotly_chart")) > before
    assert all(chart.proto.alt for chart in app.get("plotly_chart"))


def solve_patterns(app):
    predict(app, 3)
    for letter, right in zip("ABCD", (3, 0, 4, 2)):
        pills(app, f"{letter}_patterns").set_value(right)
        app.run()
    return app


def test_a_solved_exercise_is_counted_and_stays_so_on_other_pages():
    app = solve_patterns(open_exercise("patterns"))
    assert "Your prediction holds" in said(app)
    assert pills(app, "pick_exercise").label.startswith("1 of 10 solved")
    app.switch_page("pages/worked_example.py").run()
    app.switch_page("pages/exercises.py").run()
    assert pills(app, "pick_exercise").label.startswith("1 of 10 solved")
    assert pills(app, "B_patterns").value == 0, "an answer was lost"


def test_a_wrong_choice_is_told_why():
    app = predict(open_exercise("patterns"))
    pills(app, "A_patterns").set_value(0)
    app.run()
    assert "Not here: on average the token before gets" in said(app)


def test_a_teacher_s_link_opens_an_exercise_with_the_chosen_numbers():
    numbers = "mask~0_0_0~0_0_0~0_0_0"
    app = open_exercise("mask", numbers=numbers)
    assert not app.exception and UNCERTAIN not in said(app)
    assert "cat [0.0, 0.0, 0.0]" in app.get("plotly_chart")[0].proto.alt
    assert app.query_params["numbers"] == numbers
    assert "exercise=mask&numbers=mask" in app.code[0].value


@pytest.mark.parametrize(
    "name, numbers, named",
    [
        ("hand", "hand~1_0", "6 × 2 numbers"),
        ("hand", "hand~1_0~0_1~1_1~1_0~1_1~1_<b>x</b>", "v1, d1: “<b>x</b>” is not a number"),
        ("mask", "mask~1_2_3~4_5_6~7_8_1e308", "out of range"),
        ("entropy", "entropy~1_1_1_1~1_0_0_0~1_0_0_0", "sum 1"),
        ("operations", "operations~0_512", "whole numbers"),
        ("gradient", "gradient", "1 × 3 numbers"),
    ],
)
def test_unusable_numbers_in_a_link_get_a_sentence_and_the_exercise_opens_with_its_own(name, numbers, named):
    app = open_exercise(name, numbers=numbers)
    assert not app.exception
    assert UNCERTAIN in said(app) and named in said(app)
    assert app.get("plotly_chart")


@pytest.mark.parametrize("query", [{"exercise": "eleven"}, {"numbers": "nonsense"}, {"numbers": "%"}])
def test_a_damaged_link_opens_the_first_exercise_and_says_so(query):
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    for field, value in query.items():
        app.query_params[field] = value
    app.run()
    assert "makes no sense" in said(app)
    app.switch_page("pages/exercises.py").run()
    assert not app.exception
    assert "By hand" in app.subheader[0].value


def test_numbers_for_one_exercise_do_not_follow_to_another():
    app = open_exercise("mask", numbers="mask~0_0_0~0_0_0~0_0_0")
    pills(app, "pick_exercise").set_value("hand")
    app.run()
    assert not app.exception and UNCERTAIN not in said(app)
    assert "numbers" not in app.query_params
