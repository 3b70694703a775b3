"""The lessons in a real browser: the worked example without a mouse, and every lesson on a phone."""

import pytest

from attnviz.ui.pages import LESSONS

PATIENCE = 60_000  # milliseconds
ON_NEXT_STEP = (
    "() => document.activeElement.matches('button') && document.activeElement.innerText.includes('Next step')"
)
IN_TABLE = "() => document.activeElement.matches('.st-key-words_1 canvas')"
IN_ROWS = "() => document.activeElement.matches('.st-key-pick_row button')"


def tab_to(page, reached, most=80):
    """Press Tab until something holds of what has the focus."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if reached():
            return
    pytest.fail("Tab never arrives there")


def test_the_worked_example_is_walked_with_the_keyboard_alone(address, page):
    page.goto(f"{address}/?v=1&stage=projections")
    page.locator(".gtitle", has_text="Q = K = V").wait_for(timeout=PATIENCE)
    page.wait_for_timeout(1000)  # the table's own script
    tab_to(page, lambda: page.evaluate(IN_TABLE))
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    editor = page.locator("#portal textarea, #portal input").first
    editor.wait_for(timeout=PATIENCE)
    page.wait_for_timeout(300)  # until it takes keys
    page.keyboard.press("Control+A")
    page.keyboard.type("3")
    page.wait_for_timeout(300)
    page.keyboard.press("Enter")
    page.wait_for_url("**words=cat_3_0~*", timeout=PATIENCE)
    tab_to(page, lambda: page.evaluate(ON_NEXT_STEP))
    for stage in ("scores", "powers", "weights", "output"):
        page.keyboard.press("Enter")
        page.wait_for_url(f"**stage={stage}*", timeout=PATIENCE)
    page.get_by_text("Added up").wait_for(timeout=PATIENCE)
    tab_to(page, lambda: page.evaluate(IN_ROWS))
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_url("**row=1*", timeout=PATIENCE)
    page.get_by_text("The row of “sat”").wait_for(timeout=PATIENCE)
    assert page.problems == []


@pytest.mark.parametrize("lesson", ["", *list(LESSONS)[1:]])
def test_a_lesson_fits_a_phone(address, page, lesson):
    """Text that runs out of the screen is lost to whoever holds it."""
    page.set_viewport_size({"width": 420, "height": 900})
    page.goto(f"{address}/{lesson}?v=1")
    page.locator(".js-plotly-plot").first.wait_for(timeout=PATIENCE)
    page.get_by_text("Next:").last.wait_for(timeout=PATIENCE)
    assert page.evaluate("document.documentElement.scrollWidth") <= 420
    assert page.problems == []
