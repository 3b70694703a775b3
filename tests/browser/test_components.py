"""The views that are components of our own, in a real browser: by keyboard alone, by pointer, with any text."""

import re

import pytest

from tests.browser.conftest import CHROMIUM, served

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium on this machine (Debian: apt-get install chromium)"
)
HOSTILE = "<img src=x onerror=alert(1)>"
TOKENS = ["she", "sm", "iled", HOSTILE, "👩‍🚀", "مرحبا", "بالعالم", "你", "好", "\t"]
SCRIPT = f"""
import numpy as np
import streamlit as st
from attnviz.components import canvas_map, lines, strip

wanted, n = st.query_params["view"], int(st.query_params.get("n", 0))
tokens = [f"word{{i}}" for i in range(n)] or {TOKENS!r}[int(st.query_params.get("from", 0)) :]
n = len(tokens)
weights = np.tril(np.random.default_rng(0).random((n, n)) ** 20 + 1e-9)
weights /= weights.sum(axis=1, keepdims=True)
options = {{
    "lines": {{"top_k": int(st.query_params["k"]) if "k" in st.query_params else None}},
    "strip": {{"side": st.query_params.get("side", "query"), "glue": [token == "iled" for token in tokens]}},
    "canvas_map": {{"scale": "log"}},
}}[wanted]

def remember(*choice):
    st.session_state.chosen = choice

view = {{"lines": lines, "strip": strip, "canvas_map": canvas_map}}[wanted]
chosen = st.session_state.get("chosen")
now = view(weights, tokens, tokens, key="it", theme="light", chosen=chosen, on_choose=remember, **options)
st.text(f"returned {{now}}, told {{st.session_state.get('chosen')}}")
"""
SECONDS_OF_KEY = """key => {  // how long the page is busy with one key
    const control = document.querySelector('.st-key-it [data-testid=stBidiComponentIsolated]')
        .shadowRoot.querySelector('.control');
    const start = performance.now();
    control.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true}));
    control.getBoundingClientRect();
    return (performance.now() - start) / 1000;
}"""


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """A server of a script that shows one view, named in the address."""
    script = tmp_path_factory.mktemp("script") / "one_view.py"
    script.write_text(SCRIPT, encoding="utf-8")
    with served(script) as url:
        yield url


@pytest.fixture
def page(browser):
    opened, problems = browser.new_page(viewport={"width": 1000, "height": 900}), []
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on("console", lambda message: message.type == "error" and problems.append(message.text))
    opened.on("dialog", lambda dialog: (problems.append(f"a script ran: {dialog.message}"), dialog.dismiss()))
    yield opened
    opened.close()
    assert problems == []


def open_view(page, address, query):
    page.goto(f"{address}/?view={query}")
    page.locator(".readout").filter(has_text=re.compile(".")).wait_for(timeout=60_000)
    page.get_by_text("returned None, told None").wait_for()


def press(page, *keys):
    for key in keys:
        page.keyboard.press(key)


def tab_into(page):
    for _ in range(10):
        page.keyboard.press("Tab")
        if page.locator(".control:focus-visible").count():
            return
    pytest.fail("Tab does not lead into the view")


def readout(page):
    return re.sub("[\u2068\u2069]", "", page.locator(".readout").text_content())


def test_lines_by_keyboard(address, page):
    open_view(page, address, "lines")
    assert "weights below 0.02 are not drawn" in readout(page)
    tab_into(page)
    assert readout(page) == "she → she 1.0000"
    press(page, "ArrowDown", "ArrowRight")
    assert readout(page).startswith("sm ← ")
    active = page.locator(".control").get_attribute("aria-activedescendant")
    assert page.locator(f"#{active}").get_attribute("aria-label") == page.locator(".readout").text_content()
    press(page, "Enter")
    page.get_by_text("returned ('key', 1), told ('key', 1)").wait_for()
    assert page.locator(".token[aria-selected]").text_content() == "sm"
    press(page, "ArrowLeft", "End")
    assert readout(page).startswith("⇥ → "), "focus was lost when the script ran again"
    press(page, "Escape")
    assert "weights below 0.02 are not drawn" in readout(page)


def test_lines_keep_to_the_strongest_of_each_token(address, page):
    open_view(page, address, "lines&k=1")
    assert readout(page).startswith(f"{len(TOKENS)} lines; at most 1 from each token")


def test_strip_by_keyboard(address, page):
    open_view(page, address, "strip")
    tab_into(page)
    press(page, "ArrowRight", "ArrowRight", "ArrowLeft")
    assert readout(page).startswith("sm → ")
    press(page, "Enter")
    page.get_by_text("returned ('query', 1), told ('query', 1)").wait_for()
    press(page, "End", "Home")
    assert readout(page) == "she → she 1.0000"
    assert page.locator(".token").first.get_attribute("title") == "1.0000"


def test_strip_shows_who_looks_at_a_token(address, page):
    open_view(page, address, "strip&side=key")
    tab_into(page)
    assert readout(page).startswith("she ← she 1.0000 · ")
    press(page, "Enter")
    page.get_by_text("returned ('key', 0), told ('key', 0)").wait_for()


def test_strip_reads_as_the_text_it_is(address, page):
    open_view(page, address, "strip")
    text = page.locator(".strip .control").inner_text()
    assert text.strip() == f"she smiled {HOSTILE} 👩‍🚀 مرحبا بالعالم 你 好 ⇥"
    right, left = (page.locator(".token", has_text=word).bounding_box() for word in ("مرحبا", "بالعالم"))
    assert left["x"] < right["x"], "two Arabic words in a row read from right to left"


def test_strip_of_an_arabic_text_runs_and_is_walked_from_right_to_left(address, page):
    open_view(page, address, f"strip&from={TOKENS.index('مرحبا')}")
    boxes = [token.bounding_box() for token in page.locator(".token").all()[:3]]
    assert boxes[0]["x"] > boxes[1]["x"] > boxes[2]["x"]
    tab_into(page)
    press(page, "ArrowLeft")
    assert readout(page).startswith("بالعالم → ")


def test_canvas_map_by_keyboard(address, page):
    open_view(page, address, "canvas_map")
    tab_into(page)
    assert readout(page) == "she → she: 1.0000"
    press(page, "ArrowDown", "ArrowRight", "ArrowRight", "+", "ArrowLeft")
    assert readout(page).startswith("sm → sm: ")
    press(page, "Enter")
    page.get_by_text("returned (1, 1), told (1, 1)").wait_for()
    press(page, "ArrowUp", "End")
    assert readout(page) == "she → ⇥: 0.0000", "focus was lost when the script ran again"


def test_canvas_map_by_pointer_zoomed_and_moved(address, page):
    def cell_under(x, y):
        page.mouse.move(x, y)
        return tuple(map(int, re.fullmatch(r"word(\d+) → word(\d+): [01]\.\d{4}", readout(page)).groups()))

    open_view(page, address, "canvas_map&n=200")
    box = page.locator(".control").bounding_box()
    x, y = box["x"] + 300, box["y"] + 300
    start = cell_under(x, y)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -500)
    page.keyboard.up("Control")
    page.locator(".control[style*='touch-action: none']").wait_for()  # as long as it is zoomed in
    assert cell_under(x, y) == start, "zooming leaves the cell under the pointer where it is"
    page.mouse.down()
    page.mouse.move(x - 100, y - 100, steps=4)
    page.mouse.up()
    moved = cell_under(x - 98, y - 98)
    assert max(abs(moved[0] - start[0]), abs(moved[1] - start[1])) <= 1, "the cell moves with the pointer"
    assert page.get_by_text("returned None, told None").is_visible(), "dragging chooses nothing"
    page.mouse.click(x - 98, y - 98)
    page.get_by_text(f"returned {moved}, told {moved}").wait_for()


@pytest.mark.parametrize("view", ["lines", "strip"])
def test_a_token_is_text_whatever_it_says(address, page, view):
    open_view(page, address, view)
    token = page.locator(".token", has_text="onerror").last
    assert token.text_content() == HOSTILE
    token.hover()
    page.locator(".readout", has_text="onerror").wait_for()
    token.click()
    page.get_by_text(re.compile(r"returned \('(key|query)', 3\)")).wait_for()
    assert page.locator(".view img").count() == 0


def test_a_token_on_the_map_is_text_whatever_it_says(address, page):
    open_view(page, address, "canvas_map")
    tab_into(page)
    press(page, "ArrowDown", "ArrowDown", "ArrowDown")
    assert readout(page).startswith(f"{HOSTILE} → she: ")


@pytest.mark.parametrize("view", ["lines", "strip", "canvas_map"])
def test_512_tokens_stay_usable_on_a_phone(address, page, view):
    page.set_viewport_size({"width": 420, "height": 800})
    busy = {}
    for n in (64, 512):
        open_view(page, address, f"{view}&n={n}")
        tab_into(page)
        keys = ("ArrowDown", "ArrowRight", "ArrowDown", "ArrowRight", "ArrowDown", "End")
        busy[n] = min(page.evaluate(SECONDS_OF_KEY, key) for key in keys)
    assert busy[512] < 16 * max(busy[64], 0.005), "a key press touches all pairs, and grows with their number"
    assert page.evaluate("document.documentElement.scrollWidth") <= 420
    assert page.locator(".view").bounding_box()["height"] < 700, "the readout stays in sight"
