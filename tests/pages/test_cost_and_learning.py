"""The lessons on cost and on learning, as a reader uses them."""

import sys
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from attnviz.lessons import learning, timing

ROOT = Path(__file__).parents[2]


def open_page(page, **query):
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    for name, value in ({"v": "1"} | query).items():
        app.query_params[name] = value
    return app.switch_page(f"pages/{page}.py").run()


def press(app, label):
    return next(button for button in app.button if button.label == label).click().run()


def text_of(app):
    return " ".join(str(box.value) for box in [*app.markdown, *app.caption, *app.info, *app.success, *app.warning])


@pytest.fixture
def briefly(monkeypatch):
    """Measure few and short texts, so that a test takes no seconds."""
    monkeypatch.setattr(timing, "LENGTHS", (16, 512, 600))
    monkeypatch.setattr(timing, "BUDGET", 1e-4)
    monkeypatch.setattr(timing, "ROUNDS", 1)


def test_a_preset_fills_the_sliders_and_the_address():
    app = open_page("cost")
    app.button_group(key="preset").set_value("GPT-3 175B").run()
    assert not app.exception
    assert [app.select_slider(key=f"pick_{name}").value for name in ("n", "d_k", "n_heads", "n_layers")] == [
        2048, 128, 96, 96,
    ]  # fmt: skip
    assert (app.query_params["n_heads"], app.query_params["n"]) == ("96", "2048")
    assert "Brown et al. 2020" in text_of(app)


def test_a_moved_slider_lets_the_preset_go():
    """The page would name a published size that is not on screen."""
    app = open_page("cost")
    assert app.button_group(key="preset").value == "GPT-2 small"
    app.select_slider(key="pick_n").set_value(65_536).run()
    assert app.button_group(key="preset").value is None
    assert "your own" in text_of(app)


def test_the_sections_exercise_and_its_ten_billion_are_counted():
    app = open_page("cost", n="1000", d_k="512", n_heads="1", n_layers="1")
    table = app.table[0].value
    assert table.loc["Q·Kᵀ", "in all"] == "1.02 billion"
    assert table.loc["attention in all", "in all"] == "2.05 billion"
    assert "2 · 100,000² · 512 = **10.2 trillion**" in text_of(app)


@pytest.mark.parametrize("value", ["0", "9999999", "-1", "many", "1e9", "777"])
def test_any_size_in_a_link_is_shown_or_replaced(value):
    app = open_page("cost", n=value, d_k=value, n_heads=value, n_layers=value)
    assert not app.exception and not app.error


def test_measured_times_stay_when_something_else_changes(briefly):
    app = press(open_page("cost"), "Measure on this machine")
    assert not app.exception
    assert len(app.metric) == 2 and len(app.get("plotly_chart")) == 3
    app.select_slider(key="pick_n").set_value(4096).run()
    assert len(app.metric) == 2 and len(app.get("plotly_chart")) == 3


def test_without_torch_the_core_is_measured_alone_and_the_page_says_so(briefly, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    app = press(open_page("cost"), "Measure on this machine")
    assert not app.exception
    assert len(app.metric) == 1 and "torch is not installed" in text_of(app)


def test_a_step_on_the_slider_is_on_screen_and_in_the_address():
    app = open_page("learning")
    app.slider(key="pick_learning_step").set_value(120).run()
    assert not app.exception
    assert app.query_params["learning_step"] == "120"
    assert "Step 120: **100%**" in text_of(app)


def test_playing_ends_at_the_last_step(monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    app = press(open_page("learning", learning_step="100"), "Play")
    assert not app.exception
    assert app.slider(key="pick_learning_step").value == learning.STEPS
    app.slider(key="pick_learning_step").set_value(3).run()
    assert app.slider(key="pick_learning_step").value == 3, "the film went on by itself"


def test_a_rate_that_runs_away_is_said_and_can_be_played(monkeypatch):
    """NaN, an empty chart or an exception, in front of the class."""
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    app = open_page("learning", learning_step="150")
    app.select_slider(key="pick_learning_rate").set_value(learning.RATES[-1]).run()
    assert not app.exception and "overshoots" in text_of(app)
    last = app.slider(key="pick_learning_step").value
    assert 0 < last < learning.STEPS and app.query_params["learning_step"] == str(last)
    press(app, "Play")
    assert not app.exception and app.slider(key="pick_learning_step").value == last


def test_gradients_are_checked_against_autograd_at_the_step_on_screen():
    app = press(open_page("learning", learning_step="20"), "Check against torch autograd")
    assert not app.exception
    table = app.table[0].value
    assert list(table.index) == ["W_Q", "W_K", "W_V"]
    assert table.columns[0].endswith("step 20")
    assert all(float(off) < 1e-12 for off in table.iloc[:, 1])


def test_without_torch_the_check_is_a_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "attnviz.lessons.gradients", raising=False)
    app = press(open_page("learning"), "Check against torch autograd")
    assert not app.exception and not app.table
    assert "torch is not installed" in text_of(app)


@pytest.mark.parametrize("value", ["nan", "1e300", "-5", "0", "9999999", "fast"])
def test_any_training_in_a_link_is_shown_or_replaced(value):
    app = open_page("learning", learning_rate=value, learning_seed=value, learning_step=value)
    assert not app.exception and not app.error
    assert float(app.query_params["learning_rate"]) in learning.RATES
