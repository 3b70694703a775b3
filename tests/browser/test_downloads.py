"""Files are made when their button is pressed, and the HTML file opens with the network cut."""

import pytest

from tests.browser.conftest import CHROMIUM

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
LINK = "heads?v=1&model=tiny-gpt&text=%3Cimg+src%3Dx+onerror%3Dalert(1)%3E+the+cat&layer=1&head=2&shown_as=lines"


def taken(page, address, label, to):
    page.goto(f"{address}/{LINK}", wait_until="networkidle")
    page.locator(".st-key-export_head button").first.click(timeout=90_000)  # a cold start on a busy machine
    with page.expect_download() as download:
        page.get_by_test_id("stPopoverBody").get_by_role("button", name=label).click()
    download.value.save_as(to)
    return to


def test_a_pressed_button_hands_over_a_file_with_its_certificate(page, address, tmp_path):
    file = taken(page, address, "CSV", tmp_path / "it.csv").read_text(encoding="utf-8")
    assert file.startswith("# model: tiny-gpt") and "# certificate: recomputed" in file


def test_the_html_file_opens_with_the_network_cut(browser, page, address, tmp_path):
    file = taken(page, address, "HTML", tmp_path / "it.html")
    opened, asked_for = browser.new_page(offline=True), []
    opened.on("request", lambda request: asked_for.append(request.url))
    opened.goto(file.as_uri())
    opened.wait_for_selector(".js-plotly-plot .main-svg")
    assert opened.locator("body > svg").first.is_visible(), "the lines, as they were on screen"
    assert "<img src=x" in opened.locator("footer").inner_text()
    assert [url for url in asked_for if not url.startswith(("file:", "data:", "blob:"))] == []
    opened.close()
