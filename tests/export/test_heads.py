"""An exported view is opened again: each file holds the numbers on screen, and says where they come from."""

import csv
import html
import io
import re
import subprocess
import sys
import zlib
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from attnviz import export
from attnviz.capture.tracing import trace
from attnviz.figures.theme import THEMES
from attnviz.maps.attention_map import AttentionMap, continues_word, strongest_cells
from attnviz.models.loading import load_model
from attnviz.traces import Head
from attnviz.ui.address import UrlState
from attnviz.ui.exports import of_head
from attnviz.ui.head_views import HEAD_VIEWS
from attnviz.ui.map_options import chosen_map
from tests.pages.test_pages import open_app

ROOT = Path(__file__).parents[2]
HOSTILE = "<img src=x onerror=alert(1)>"
TEXT = f"The cat {HOSTILE} $x$ sat &amp; 你好\x07\tmat -->"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def traced():
    return trace(load_model("tiny-gpt"), TEXT)


def picture(traced, targets=(), **choices):
    view = UrlState(model="tiny-gpt", text=TEXT, **choices)
    found = chosen_map(traced, Head("decoder", 1, 2), view)
    glue = tuple(
        continues_word(traced, "decoder", side, of_keys=keys) for side, keys in ((found.rows, 0), (found.columns, 1))
    )
    return of_head(traced, Head("decoder", 1, 2), found, view, "L1.H2", (3, 1), glue, "light", targets)


def map_of(figure_set):
    arrays = figure_set.pictures[""].table.arrays
    sides = (tuple((str(name), [place]) for place, name in enumerate(arrays[side])) for side in ("queries", "keys"))
    return AttentionMap(arrays["weights"], *sides, tuple(figure_set.notes))


def texts_of(svg: bytes) -> list[str]:
    """Every text of an SVG, as an XML parser reads it."""
    return ["".join(text.itertext()) for text in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def shown_weights(figure_set, shown_as) -> list[str]:
    """What each view writes beside its tokens."""
    found = map_of(figure_set)
    return {
        "heatmap": [],
        "lines": [],
        "strip": [f"{weight:.2f}" for weight in found.weights[3]],
        "table": [f"{weight:.4f}" for _, _, weight, *_ in strongest_cells(found)],
    }[shown_as]


@pytest.mark.parametrize("shown_as", HEAD_VIEWS)
def test_svg_holds_tokens_numbers_and_provenance_as_text(traced, shown_as):
    figure_set = picture(traced, shown_as=shown_as, hide_special=True)
    file = export.made(figure_set, "svg")
    texts = texts_of(file)
    assert set(shown_weights(figure_set, shown_as)) <= set(texts)
    assert {"sat", "im", "你 3/3", "L1.H2"} <= set(texts)
    for line in figure_set.provenance:
        assert line[:40] in " ".join(texts)
    metadata = "".join(ElementTree.fromstring(file).find(f"{SVG}metadata").itertext())
    assert all(line in metadata for line in figure_set.provenance)
    assert HOSTILE.encode() not in file and b"<script" not in file


def test_svg_heatmap_says_the_weight_in_each_cell_and_paints_it(traced):
    short = trace(load_model("tiny-gpt"), "the cat sat")
    view = UrlState(model="tiny-gpt", text="the cat sat")
    found = chosen_map(short, Head("decoder", 1, 2), view)
    figure_set = of_head(short, Head("decoder", 1, 2), found, view, "L1.H2", None, ((), ()), "light")
    file = export.made(figure_set, "svg")
    texts = texts_of(file)
    assert [text for text in texts if re.fullmatch(r"\d\.\d\d", text)] == [f"{w:.2f}" for w in found.weights.flat]
    cells = re.findall(rb'<path d="[^"]*" clip-path[^>]*style="fill: (#[0-9a-f]{6}); stroke: #fcfbf7', file)
    assert len(cells) == found.weights.size and len(set(cells)) > 3


@pytest.mark.parametrize("ending", ["svg", "html", "py"])
def test_the_frame_of_the_chosen_cell_and_the_line_round_targets_are_in_the_file(traced, ending):
    """Without them nobody who gets the file sees what it was made to show."""
    framed, plain = picture(traced, targets={(3, 1), (4, 2)}), picture(traced)
    (shape,) = framed.figures[""].layout.shapes
    assert (shape.x0, shape.y0) == (0.5, 2.5) and shape.line.color == THEMES["light"].alarm
    file, other = (export.made(one, ending).decode() for one in (framed, plain))
    if ending == "svg":
        assert file.count(f"stroke: {THEMES['light'].alarm}") == 1 and f"stroke: {THEMES['light'].accent}" in file
        assert f"stroke: {THEMES['light'].accent}" not in other
    elif ending == "html":
        assert '"shapes":[{' in file.replace(" ", "") and file != other
    else:
        assert "cell=(3, 1)" in file and "marked=[(3, 1), (4, 2)]" in file and "marked" not in other


@pytest.mark.parametrize("shown_as", ["lines", "strip", "table"])
def test_the_python_lines_make_the_view_that_was_on_screen(traced, tmp_path, shown_as):
    figure_set = picture(traced, shown_as=shown_as)
    code = export.made(figure_set, "py").decode()
    subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, check=True, timeout=120, env={"PYTHONPATH": str(ROOT), "PATH": ""}
    )
    made = set(texts_of((tmp_path / "attention.svg").read_bytes()))
    assert {"L1.H2", *shown_weights(figure_set, shown_as)} <= made


def test_lines_draws_those_on_screen(traced):
    figure_set = picture(traced, shown_as="lines", threshold=0.2, top_k=2)
    drawn = ElementTree.fromstring(export.made(figure_set, "svg")).find(f".//{SVG}g[@id='LineCollection_1']")
    largest = np.sort(map_of(figure_set).weights, axis=1)[:, -2:]
    assert len(drawn.findall(f"{SVG}path")) == (largest >= 0.2).sum()


def test_lines_of_several_heads_have_their_colours(traced):
    file = export.made(picture(traced, shown_as="lines", combine="max", heads="0-2"), "svg")
    assert {"H0", "H2"} <= set(texts_of(file))
    strokes = set(re.findall(r"stroke: (#[0-9a-f]{6})", file.decode().partition("LineCollection_1")[2]))
    assert {"#0072b2", "#d55e00"} <= strokes


@pytest.mark.parametrize("shown_as", HEAD_VIEWS)
def test_png_is_large_enough_to_print_and_not_blank(traced, shown_as):
    figure_set = picture(traced, shown_as=shown_as)
    with Image.open(io.BytesIO(export.made(figure_set, "png"))) as image:
        assert image.width > 1400 and image.height > 600
        assert len(np.unique(np.asarray(image.convert("L")))) > 20
        assert all(line in image.text["Description"] for line in figure_set.provenance)


@pytest.mark.parametrize("shown_as", HEAD_VIEWS)
def test_pdf_keeps_text_as_text(traced, shown_as):
    figure_set = picture(traced, shown_as=shown_as)
    texts = pdf_texts(export.made(figure_set, "pdf"))
    assert {"sat", "im", "L1.H2"} <= set(texts) and set(shown_weights(figure_set, shown_as)) <= set(texts)
    assert any("tiny-gpt" in text for text in texts)


@pytest.mark.parametrize("shown_as", HEAD_VIEWS)
def test_html_needs_no_network_and_runs_nothing_of_the_text(traced, shown_as):
    figure_set = picture(traced, shown_as=shown_as)
    page = export.made(figure_set, "html").decode()
    assert "Plotly.newPlot" in page and len(page) > 3_000_000, "Plotly's script is inside"
    assert not re.search(r"<(script|link|img|iframe)\b[^>]*\b(src|href)\s*=", page)
    assert HOSTILE not in page and "mat -->" not in page
    assert all(html.escape(line) in page for line in figure_set.provenance)
    assert ("<svg" in page.split("Plotly.newPlot")[0].split("<script")[0]) == (shown_as != "heatmap")


def test_csv_equals_the_map_below_its_provenance(traced):
    figure_set = picture(traced, merge_words=True)
    lines = export.made(figure_set, "csv").decode().split("\n")
    told = [line.removeprefix("# ") for line in lines if line.startswith("# ")]
    assert told == [*figure_set.provenance, *figure_set.notes]
    rows = list(csv.DictReader(io.StringIO("\n".join(lines[len(told) :]))))
    weights = np.full(map_of(figure_set).weights.shape, np.nan)
    for row in rows:
        i, j = int(row["row"]), int(row["column"])
        weights[i, j] = float(row["weight"])
        assert (row["from"], row["to"]) == (map_of(figure_set).queries[i], map_of(figure_set).keys[j])
    np.testing.assert_array_equal(weights, map_of(figure_set).weights)


def test_npz_equals_the_map_and_needs_no_pickle(traced):
    figure_set = picture(traced, hide_first=True)
    with np.load(io.BytesIO(export.made(figure_set, "npz")), allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["weights"], map_of(figure_set).weights)
        assert arrays["queries"].tolist() == list(map_of(figure_set).queries)
        assert arrays["keys"].tolist() == list(map_of(figure_set).keys)
        assert arrays["notes"].tolist() == list(map_of(figure_set).notes)
        assert arrays["provenance"].tolist() == list(figure_set.provenance)


@pytest.mark.parametrize("ending", ["py", "html"])
def test_the_python_lines_make_the_same_numbers_in_a_fresh_process(traced, tmp_path, ending):
    choices = {"combine": "max", "heads": "0-2", "merge_words": True, "hide_first": True, "renormalise": True}
    figure_set = picture(traced, **choices, window=9, queries_at=4, keys_at=1)
    assert len(map_of(figure_set).rows) <= 9 and map_of(figure_set).notes[-1].startswith("Window: queries")
    code = export.made(figure_set, ending).decode()
    if ending == "html":
        code = html.unescape(re.search(r'<pre id="python">(.*?)</pre>', code, re.S).group(1))
    code += "\nimport numpy\nnumpy.savez('again.npz', weights=attention_map.weights, z=figure.data[0].z, "
    code += "keys=attention_map.keys)\n"
    subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, check=True, timeout=120, env={"PYTHONPATH": str(ROOT), "PATH": ""}
    )
    with np.load(tmp_path / "again.npz") as again:
        np.testing.assert_allclose(again["weights"], map_of(figure_set).weights, atol=1e-6)
        np.testing.assert_allclose(again["z"], map_of(figure_set).weights, atol=1e-6)
        assert again["keys"].tolist() == list(map_of(figure_set).keys)


def test_provenance_says_all_that_is_needed_to_make_it_again(traced):
    told = "\n".join(picture(traced, scale="log", hide_first=True).provenance)
    for part in ("tiny-gpt", "bundled", "decoder L1.H2", '"scale": "log"', '"hide_first": true', "recomputed",
                 "e-0", "torch 2", "transformers 5", "attnviz 0"):  # fmt: skip
        assert part in told
    assert all("\n" not in line for line in told.split("\n"))


def test_the_page_offers_every_format_and_makes_none_before_it_is_asked():
    """matplotlib takes a second to load: a page that is only looked at must not pay for it."""
    app = open_app("heads.py", model="tiny-gpt")
    offered = {button.proto.id.rsplit("_", 1)[-1] for button in app.get("download_button")}
    assert offered == {*export.FORMATS, "recording"}
    code = """
import sys
from tests.pages.test_pages import open_app
app = open_app("heads.py", model="tiny-gpt")
assert not app.exception and app.get("download_button")
assert "matplotlib" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=120)


def pdf_texts(file: bytes) -> list[str]:
    """The texts of a PDF whose character codes are Unicode, two bytes each, as matplotlib writes Type 42 fonts."""
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", file, re.S)
    drawn = [zlib.decompressobj().decompress(stream) for stream in streams if stream.startswith(b"x")]
    blocks = [block for stream in drawn for block in re.findall(rb"BT\n(.*?)\nET", stream, re.S)]
    return [_unescaped(b"".join(re.findall(rb"\(((?:\\.|[^\\)])*)\)", block, re.S))) for block in blocks]


def _unescaped(coded: bytes) -> str:
    return re.sub(rb"\\(.)", rb"\1", coded, flags=re.S).decode("utf-16-be", errors="replace")
