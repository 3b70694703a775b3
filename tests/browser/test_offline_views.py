"""Each view's HTML file, opened in a browser with the network cut, shows the numbers that were on screen."""

import numpy as np
import pytest

from attnviz import export
from tests.browser.conftest import CHROMIUM
from tests.export.test_views import VIEWS, numbers, picture

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
# What stands in each chart as the browser has it: hover numbers where the ink is not the number itself.
DRAWN = """[...document.querySelectorAll('.js-plotly-plot')].map(chart => {
    const data = chart._fullData[0], flat = rows => Array.from(rows, row => Array.from(row)).flat();
    if (data.type !== 'heatmap') return Array.from(data.x).flatMap((x, i) => [x, data.y[i]]);
    return flat(data.customdata ?? data.z);
})"""


@pytest.mark.parametrize("view", VIEWS)
def test_the_file_shows_its_numbers_without_a_network(browser, tmp_path, view):
    file = tmp_path / "it.html"
    file.write_bytes(export.made(picture(view), "html"))
    opened, asked_for, problems = browser.new_page(offline=True), [], []
    opened.on("request", lambda request: asked_for.append(request.url))
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.goto(file.as_uri())
    opened.locator(".js-plotly-plot .main-svg:first-of-type").nth(len(picture(view).pictures) - 1).wait_for()
    charts = opened.evaluate(DRAWN)
    assert not problems and [url for url in asked_for if not url.startswith(("file:", "data:", "blob:"))] == []
    assert "tiny-gpt" in opened.locator("footer").inner_text() or view == "example"
    opened.close()
    assert len(charts) == len(numbers(view))
    for chart, expected in zip(charts, numbers(view)):
        if view == "grid":  # shades of all heads with gaps between them
            assert len(chart) == (4 * expected.shape[1] + 3) ** 2
            continue
        found = np.array([np.nan if number is None else number for number in chart], dtype=float)
        expected = np.where(np.isneginf(expected), np.nan, expected).ravel()
        np.testing.assert_allclose(np.where(np.isfinite(found), found, np.nan), expected, atol=1e-5)
