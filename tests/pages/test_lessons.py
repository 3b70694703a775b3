"""The lessons through AppTest: they follow their controls, their links, and keep what is typed."""

import pytest
from streamlit.testing.v1 import AppTest

from attnviz.ui.address import UrlState
from attnviz.ui.pages import LESSONS
from tests.pages.test_pages import ROOT


def open_lesson(page, **query):
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    for name, value in query.items():
        app.query_params[name] = value
    app.switch_page(f"pages/{page}.py").run()
    assert not app.exception
    return app


def text(app):
    return (
        " ".join(box.value for box in [*app.markdown, *app.caption, *app.warning])
        .replace("\\", "")
        .replace("\u2060", "")
    )


def test_each_lesson_leads_to_the_next():
    """A class walks through without the menu."""
    for page in LESSONS:
        links = open_lesson(page).get("page_link")
        assert links and links[-1].proto.label.startswith("Next")


@pytest.mark.parametrize(
    "choice, says",
    [({"words": "cat_abc_0~sat_0_1"}, "cat, d0: “abc” is not a number"),
     ({"words": "cat_nan_0~sat_0_1"}, "not a number"),
     ({"words": "cat_1e308_0~sat_0_1"}, "out of range"),
     ({"words": "cat_inf_0~sat_0_1"}, "out of range"),
     ({"words": "cat__0~sat_0_1"}, "cat, d0: is empty"),
     ({"words": "cat_1_0"}, "2 to 8 words"),
     ({"words": "~".join(["cat_1_0"] * 9)}, "here are 9"),
     ({"words": ""}, "Word 1 is empty"),
     ({"w_k": "1_x~0_1"}, "d0, d1: “x” is not a number")],
)  # fmt: skip
def test_a_bad_cell_gets_a_sentence_and_stays_as_it_was_typed(choice, says):
    """The rest of the class's numbers must not be lost to one slip."""
    app = open_lesson("worked_example", **choice)
    assert says in text(app)
    name, typed = next(iter(choice.items()))
    assert app.query_params[name].replace("~", "").replace("_", "").startswith(typed.replace("~", "").replace("_", ""))
    assert app.get("plotly_chart"), "the picture went away"


def test_a_teachers_link_opens_these_very_numbers():
    app = open_lesson("worked_example", words="red_2_0_0~blue_0_1_0~green_0_0_1", w_q="1_0_0~0_1_0~0_0_1",
                      w_k="1_0_0~0_1_0~0_0_1", w_v="1_0_0~0_1_0~0_0_1", row="1", stage="scores")  # fmt: skip
    assert "The row of “blue”" in " ".join(box.value for box in app.subheader)
    assert app.query_params["words"] == "red_2_0_0~blue_0_1_0~green_0_0_1"


def test_presets_fill_the_tables():
    app = open_lesson("worked_example")
    app.selectbox(key="pick_preset").set_value("one loud key").run()
    assert not app.exception
    assert "SHOUT" in app.query_params["words"]
    app.selectbox(key="pick_preset").set_value("random").run()
    before = app.query_params["words"]
    app.number_input(key="pick_seed").set_value(3).run()
    assert not app.exception and app.query_params["words"] != before and app.query_params["seed"] == "3"
    assert app.selectbox(key="pick_preset").value == "random"


def test_more_dimensions_keep_what_was_there():
    app = open_lesson("worked_example")
    app.segmented_control(key="pick_width").set_value(3).run()
    assert app.query_params["words"] == "cat_1_0_0~sat_0_1_0~mat_1_1_0"
    assert app.query_params["w_q"] == "1_0_0~0_1_0~0_0_1"
    app.segmented_control(key="pick_width").set_value(2).run()
    assert app.query_params["words"] == UrlState().words


def test_one_step_at_a_time():
    """The teacher shows the scores before the class has seen the weights."""
    app = open_lesson("worked_example", stage="projections")
    n_charts = [len(app.get("plotly_chart"))]
    for _ in range(4):
        next(button for button in app.button if button.label == "Next step").click().run()
        n_charts.append(len(app.get("plotly_chart")))
    assert n_charts == sorted(n_charts) and len(set(n_charts)) == 5
    assert app.query_params["stage"] == "output"


def test_the_code_on_screen_is_the_code_that_runs():
    import inspect

    from attnviz.core.attention import dot_product_attention

    shown = " ".join(block.value for block in open_lesson("worked_example").code)
    assert inspect.getsource(dot_product_attention).strip() in shown


def test_one_projection_makes_the_scores_symmetric_on_screen():
    app = open_lesson("query_key_value")
    assert "most of its weight to **dog**" in text(app) and "not symmetric" in text(app)
    app.toggle(key="pick_one_projection").set_value(True).run()
    assert "most of its weight to **it**" in text(app) and "are **symmetric**" in text(app)


def test_a_broken_projection_is_told_and_the_rest_goes_on():
    app = open_lesson("query_key_value", needs="x_0_0_0~0_0_0_0~0_0_0_0~0_0_0_0")
    assert "noun, noun: “x” is not a number" in text(app)
    assert app.get("plotly_chart")


def test_soft_lookup_follows_its_sliders():
    app = open_lesson("soft_lookup")
    assert "KeyError: 120" in text(app)
    app.slider(key="pick_direction").set_value(180).run()
    assert "the dictionary says **11 mm**" in text(app)
    app.select_slider(key="pick_temperature").set_value(20.0).run()
    assert "**2.00 bits**" in text(app) and app.query_params["temperature"] == "20.0"


@pytest.mark.parametrize("damage", [{"temperature": "hot"}, {"temperature": "nan"}, {"direction": "-3"}])
def test_a_damaged_lesson_link_opens_with_a_notice(damage):
    app = open_lesson("soft_lookup", **damage)
    assert next(iter(damage)) in " ".join(box.value for box in app.info).replace("\\", "") or app.get("plotly_chart")


def test_patterns_shows_the_illustration_and_loads_no_model_until_asked():
    app = open_lesson("patterns")
    assert len(app.get("plotly_chart")) == 1 and "made up" in text(app)


@pytest.mark.parametrize("model", ["tiny-gpt", "tiny-bert", "tiny-translator"])
def test_patterns_finds_the_closest_head_and_opens_it(model):
    app = open_lesson("patterns")
    app.segmented_control(key="pick_read_by").set_value(model).run()
    assert not app.exception and not app.error
    assert "comes closest" in text(app) and "recomputed" in text(app)
    app.button[0].click().run()
    assert not app.exception
    assert app.query_params["model"] == model and app.query_params["text"] == "The cat sat on the mat"


def test_patterns_with_a_model_that_is_not_here():
    app = open_lesson("patterns", read_by="gone/model")
    assert "not on this machine" in " ".join(box.value for box in app.error)
