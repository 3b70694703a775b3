"""One page in a real browser, in every run of the tests; all else that needs one is left to .ci/run."""

PATIENCE = 60_000  # milliseconds


def test_learn_page_is_there_first_and_fits_a_phone(address, page):
    page.set_viewport_size({"width": 420, "height": 900})
    page.goto(address)
    page.get_by_text("Attention, number by number").wait_for(timeout=PATIENCE)
    page.wait_for_function("() => document.querySelectorAll('.js-plotly-plot').length >= 6", timeout=PATIENCE)
    assert page.evaluate("document.documentElement.scrollWidth") <= 420
    assert page.problems == []
