"""A view is saved, and opened in a fresh session; a link is copied: by keyboard and by pointer, in a real browser."""

import json

PATIENCE = 60_000  # milliseconds; the first page imports torch
LINK = "heads?v=1&model=tiny-gpt&text=the+fox+saw+the+hen&layer=1&head=2&query=4&key=1&merge_words=1"
NOTE = "crazy <img src=x onerror=alert(1)>\nsecond line"


def test_the_address_of_earlier_versions_opens_on_a_fresh_server(page, address):
    """First here, so that nobody has been on the server: Streamlit then knows no page but the files of pages/."""
    page.goto(f"{address}/findings?v=1&model=tiny-gpt")
    page.get_by_role("heading", name="Saved views").wait_for(timeout=PATIENCE)
    assert page.get_by_text("Page not found").count() == 0 and page.problems == []


def test_a_view_is_saved_by_keyboard_and_opens_the_same_view_in_a_fresh_session(browser, page, address, tmp_path):
    page.goto(f"{address}/{LINK}")
    page.get_by_text("recomputed").first.wait_for(timeout=PATIENCE)
    page.wait_for_load_state("networkidle")
    page.get_by_role("button", name="Save this view").press("Enter")
    box = page.get_by_label("Note")
    box.wait_for()
    box.focus()
    page.keyboard.type(NOTE)  # with letters that are Streamlit's keys for "rerun" and "clear the cache"
    page.keyboard.press("Tab")
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    download.value.save_as(tmp_path / "view.json")
    assert json.loads((tmp_path / "view.json").read_text())["note"] == NOTE, "not what was typed last"
    assert page.get_by_role("dialog", name="Clear caches").count() == 0

    fresh = browser.new_context().new_page()
    problems = []
    fresh.on("dialog", lambda dialog: (problems.append(dialog.message), dialog.dismiss()))
    fresh.goto(f"{address}/findings")
    fresh.locator("input[type=file]").set_input_files(tmp_path / "view.json")
    fresh.get_by_role("button", name="Open").click(timeout=PATIENCE)
    fresh.get_by_text("The numbers still hold").wait_for(timeout=PATIENCE)
    fresh.locator(".gtitle", has_text="L1.H2").wait_for(timeout=PATIENCE)
    assert fresh.get_by_test_id("stText").inner_text() == NOTE
    fresh.wait_for_url("**layer=1&head=2&query=4&key=1*", timeout=PATIENCE)
    assert fresh.url == page.url
    fresh.get_by_role("button", name="Close").click()
    fresh.get_by_test_id("stText").wait_for(state="detached", timeout=PATIENCE)
    assert problems == page.problems == []
    fresh.context.close()


def test_the_link_is_copied_as_the_address_stands(browser, address):
    page = browser.new_context(permissions=["clipboard-read", "clipboard-write"]).new_page()
    page.goto(f"{address}/{LINK}")
    page.get_by_text("recomputed").first.wait_for(timeout=PATIENCE)
    page.get_by_role("button", name="Copy link").press("Enter")
    page.get_by_role("status").get_by_text("Copied", exact=True).wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == page.url
    box = page.get_by_label("Sentence", exact=True)
    box.fill("word " * 1000)
    box.press("Control+Enter")
    page.get_by_text("a copied link opens without it").wait_for(timeout=PATIENCE)
    page.get_by_role("button", name="Copy link").click()
    page.get_by_text("Copied without the text").wait_for()
    page.context.close()


def test_where_a_page_may_not_copy_it_says_so(browser, address):
    page = browser.new_page()
    page.add_init_script("delete Navigator.prototype.clipboard; document.execCommand = () => false;")
    page.goto(f"{address}/scaling")
    page.get_by_role("button", name="Copy link").click(timeout=PATIENCE)
    page.get_by_text("take the link from the address bar").wait_for()
    page.close()
