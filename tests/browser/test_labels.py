"""From a cell of the mosaic to the head's card, and on to a sentence that triggers it."""

from .test_app import PATIENCE, TARGET


def test_click_a_cell_open_its_card_and_a_sentence_that_triggers_it(address, page):
    page.goto(f"{address}/head_labels?v=1&model=tiny-gpt")
    page.locator(".gtitle", has_text="What each head seems to do").wait_for(timeout=PATIENCE)
    page.mouse.click(*page.evaluate(TARGET, ["label_mosaic", 2, 0]))
    page.wait_for_url("**layer=2&head=0*", timeout=PATIENCE)
    page.get_by_role("heading", name="L2.H0").wait_for(timeout=PATIENCE)
    page.get_by_role("link", name="Open its card").click()
    page.get_by_role("heading", name="Where it shows: coreference").wait_for(timeout=PATIENCE)
    page.get_by_role("button", name="Open a sentence that triggers it").click()
    page.wait_for_url("**/heads?*", timeout=PATIENCE)
    page.locator(".gtitle", has_text="L2.H0").wait_for(timeout=PATIENCE)
    assert "layer=2&head=0" in page.url and "The+cat+sat" not in page.url
    assert page.problems == []
