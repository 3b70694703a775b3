"""Every view of heads beside the four of one head, exported: each file holds the numbers of the trace."""

import base64
import csv
import html
import io
import json
import re
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from attnviz import export
from attnviz.capture.mean_outputs import mean_outputs
from attnviz.capture.tracing import trace
from attnviz.figures.theme import THEMES
from attnviz.lessons.worked_example import worked_example
from attnviz.maps import options
from attnviz.maps.attention_map import head_map, merge_subwords
from attnviz.maps.difference import compare
from attnviz.maps.head_statistics import measure_heads
from attnviz.maps.options import MapOptions
from attnviz.maps.similarity import head_divergence
from attnviz.models.loading import load_model
from attnviz.traces import Head
from attnviz.ui import exports
from attnviz.ui.address import UrlState
from attnviz.validation.sentences import SENTENCES
from tests.export.test_heads import SVG, pdf_texts, texts_of

ROOT = Path(__file__).parents[2]
TEXT = "The cat <b> ran"
HEAD = Head("decoder", 1, 2)
ABLATED = Head("decoder", 0, 2)
HEADS = [(layer, head) for layer in range(4) for head in range(4)]
VIEWS = ("grid", "measure", "divergence", "plane", "scores", "value", "compare", "example", "written")


@cache
def traced(text=TEXT, write=0):
    return trace(load_model("tiny-gpt"), text, write=write)


@cache
def divergences():
    return head_divergence([traced(), *map(traced, SENTENCES)], HEAD)


@cache
def picture(view, look="light"):
    """As the pages put it together."""
    chosen = UrlState(model="tiny-gpt", text=TEXT, beyond=view)
    if view == "grid":
        found = options.small_maps(traced(), "decoder", MapOptions())
        return exports.of_grid(traced(), HEAD, HEADS, found, chosen, look)
    if view in ("measure", "divergence"):
        name = "entropy" if view == "measure" else "divergence"
        return exports.of_measure(traced(), HEAD, name, (0, 0), numbers(view)[0], name, look)
    if view == "plane":
        return exports.of_plane(
            traced(), HEAD, ("weight", "divergence"), ("weight", "divergence"), (5, 2), HEADS, numbers(view)[0], look
        )
    if view in ("scores", "value"):
        found = options.other_map(traced(), HEAD, 3, view, MapOptions())
        return exports.of_beyond(traced(), HEAD, 3, found, chosen, view, look)
    if view == "compare":
        return comparison("mean", look)
    if view == "written":
        found = head_map(traced(TEXT, 4), HEAD)
        return exports.of_head(traced(TEXT, 4), HEAD, found, chosen, "L1.H2", (0, 0), ((), ()), look)
    example = worked_example(scaled=True, causal=True)
    tokens, stages = example.inputs.tokens, example.stages
    charts = [("masked", "Masked", stages.masked, tokens), ("weights", "Weights", stages.weights, tokens)]
    settings = {"scaled": True, "causal": True}
    return exports.of_example(example, charts, 2, settings, look)


@cache
def without_a_head(ablation):
    """The second side of a comparison."""
    model = load_model("tiny-gpt")
    stands = {"zero": 0, "mean": mean_outputs(model, SENTENCES)[ABLATED]}
    return trace(model, "The dog ran", replaced={ABLATED: stands[ablation]} if ablation else None)


@cache
def comparison(ablation, look="light"):
    """As Compare puts it together, of a window of one side."""
    sides = [(traced(), HEAD), (without_a_head(ablation), Head("decoder", 1, 3))]
    shown = [MapOptions(True, window=8, queries_at=1), MapOptions(True)]
    return exports.of_comparison(compare(tuple(sides), tuple(shown), ablation or "zero"), look)


def numbers(view):
    """What each drawing must hold, worked out from the trace alone."""
    if view == "grid":
        return [np.stack([traced().weights(*head) for head in HEADS])]
    if view == "measure":
        return [measure_heads(traced(), "decoder", "entropy", 0, 0)]
    if view == "divergence":
        return [divergences()]
    if view == "plane":
        return [np.array([(traced().weights(*head)[5, 2], divergences()[head]) for head in HEADS])]
    if view == "scores":
        masked = traced()[HEAD].scores
        return [np.where(np.isneginf(masked), np.nan, masked)]
    if view == "value":
        layer = traced().layers[1]
        lengths = np.linalg.norm(layer.vectors(2)[2] @ layer.output_projection[2], axis=-1)
        return [traced().weights(1, 2) * lengths]
    if view == "compare":
        whole = merge_subwords(head_map(traced(), HEAD), traced(), "decoder")
        places = [place for place, (_, tokens) in enumerate(whole.rows) if set(tokens) & set(range(1, 9))]
        other = without_a_head("mean")
        b = merge_subwords(head_map(other, Head("decoder", 1, 3)), other, "decoder")
        change = weights_of(picture(view))[2]  # held to the two in test_comparing
        return [whole.weights[np.ix_(places, places)], b.weights, change]
    if view == "written":
        return [traced(TEXT, 4).weights(1, 2)]
    stages = worked_example(scaled=True, causal=True).stages
    return [stages.masked, stages.weights]


def weights_of(figure_set):
    """The numbers of each picture of a set."""
    return [one.table.arrays["weights"] for one in figure_set.pictures.values()]


def parsed(view):
    return ElementTree.fromstring(export.made(picture(view), "svg"))


def painted(view):
    """The styles of the cells of each map of an SVG."""
    meshes = [group for group in parsed(view).iter(f"{SVG}g") if group.get("id", "").endswith(" 0")]
    return [[path.get("style") for path in mesh.findall(f"{SVG}path")] for mesh in meshes]


@pytest.mark.parametrize("view", VIEWS)
def test_what_is_drawn_is_the_traces(view):
    drawn = weights_of(picture(view))
    assert len(drawn) == len(numbers(view))
    for weights, expected in zip(drawn, numbers(view)):
        np.testing.assert_allclose(weights, expected, atol=1e-6)


@pytest.mark.parametrize("view", [view for view in VIEWS if view not in ("grid", "plane")])
def test_svg_says_each_number_in_its_cell_and_where_it_comes_from(view):
    figure_set = picture(view)
    texts = texts_of(export.made(figure_set, "svg"))
    expected = [f"{number:.2f}" for one in numbers(view) for number in one.flat if not np.isnan(number)]
    if view == "example":  # as its cells say on screen
        expected = [text for figure in figure_set.figures.values() for text in np.ravel(figure.data[0].text)]
    centred = ["".join(text.itertext()) for text in parsed(view).iter(f"{SVG}text") if "middle" in text.get("style")]
    assert Counter(expected) <= Counter(centred)
    assert all(line[:40] in " ".join(texts) for line in figure_set.provenance)


def test_svg_of_a_difference_is_blue_above_zero_and_orange_below():
    """A reader must see from the colour which side looks there more."""
    change = weights_of(picture("compare"))[2]
    maps = [cells for cells in painted("compare") if len(cells) == change.size]
    fills = [re.search("fill: #(..)(..)(..)", style).groups() for style in maps[-1]]
    for (red, _, blue), number in zip(fills, change.flat):
        if abs(number) > 0.1 * np.abs(change).max():
            assert (int(blue, 16) > int(red, 16)) == (number > 0)


def test_svg_of_scores_leaves_what_the_mask_forbids_as_paper():
    inked = [style for style in painted("scores")[0] if "fill: #" in style and "fill-opacity: 0" not in style]
    assert len(inked) == np.isfinite(numbers("scores")[0]).sum() < numbers("scores")[0].size


def test_svg_grid_shows_every_head_in_its_place():
    image = next(parsed("grid").iter(f"{SVG}image"))
    name = "{http://www.w3.org/1999/xlink}href"
    drawn = Image.open(io.BytesIO(base64.b64decode(image.get(name).partition(",")[2])))
    light = np.asarray(drawn.convert("L"), dtype=float)[::-1]  # the file turns the image round
    maps = numbers("grid")[0]
    n = maps.shape[-1]
    step, side = n + 1, 4 * (n + 1) - 1
    for (layer, head), weights in zip(HEADS, maps):
        rows = ((layer * step + np.arange(n) + 0.5) / side * light.shape[0]).astype(int)
        columns = ((head * step + np.arange(n) + 0.5) / side * light.shape[1]).astype(int)
        cells = light[np.ix_(rows, columns)]
        order = np.argsort(weights, axis=None)
        assert (np.diff(cells.ravel()[order]) <= 1).all(), "more weight, more ink"
    assert {f"L{i}" for i in range(4)} | {f"H{i}" for i in range(4)} <= set(
        texts_of(export.made(picture("grid"), "svg"))
    )


def test_svg_plane_names_the_chosen_head_and_puts_each_where_its_numbers_say():
    svg = parsed("plane")
    assert str(HEAD) in texts_of(ElementTree.tostring(svg))
    dots = [use for group in svg.iter(f"{SVG}g") if group.get("id") == " 0" for use in group.iter(f"{SVG}use")]
    at = np.array(sorted((float(dot.get("x")), -float(dot.get("y"))) for dot in dots))
    points = np.array(sorted(map(tuple, numbers("plane")[0])))
    assert len(at) == len(points)
    for drawn, expected in zip(at.T, points.T):
        scaled = np.polyval(np.polyfit(expected, drawn, 1), expected)
        np.testing.assert_allclose(drawn, scaled, atol=0.01)


@pytest.mark.parametrize("look", THEMES)
@pytest.mark.parametrize("view", VIEWS)
def test_png_is_large_enough_to_print_and_not_blank(view, look):
    with Image.open(io.BytesIO(export.made(picture(view, look), "png"))) as image:
        assert image.width > 700 and image.height > 400
        assert len(np.unique(np.asarray(image.convert("L")))) > 20
        assert all(line in image.text["Description"] for line in picture(view).provenance)


@pytest.mark.parametrize("view", VIEWS)
def test_pdf_keeps_text_as_text(view):
    texts = pdf_texts(export.made(picture(view), "pdf"))
    expected = {"grid": "L3", "measure": "H3", "divergence": "H3", "plane": str(HEAD), "example": "mat"}.get(
        view, "ran"
    )
    assert expected in texts and any("settings: " in text for text in texts)


@pytest.mark.parametrize("view", VIEWS)
def test_html_needs_no_network_and_runs_nothing_of_the_text(view):
    figure_set = picture(view)
    page = export.made(figure_set, "html").decode()
    assert page.count("Plotly.newPlot(") == len(figure_set.pictures) and 4_000_000 < len(page) < 6_000_000
    assert not re.search(r"<(script|link|img|iframe)\b[^>]*\b(src|href)\s*=", page) and "cat <b>" not in page
    assert all(html.escape(line) in page for line in figure_set.provenance)


@pytest.mark.parametrize("view", VIEWS)
def test_csv_has_a_line_for_each_number(view):
    figure_set = picture(view)
    lines = export.made(figure_set, "csv").decode().split("\n")
    told = [line.removeprefix("# ") for line in lines if line.startswith("# ")]
    assert told == [*figure_set.provenance, *figure_set.notes]
    rows = list(csv.DictReader(io.StringIO("\n".join(lines[len(told) :]))))
    found = np.array([float(list(row.values())[-1]) for row in rows])
    np.testing.assert_allclose(found, np.concatenate([one.ravel() for one in numbers(view)]), atol=1e-6)
    if view == "grid":
        assert [row["head"] for row in rows[:: traced().weights(0, 0).size]] == [
            "L{}.H{}".format(*one) for one in HEADS
        ]
    if len(figure_set.pictures) > 1:
        assert list(dict.fromkeys(row["picture"] for row in rows)) == list(figure_set.pictures)


@pytest.mark.parametrize("view", VIEWS)
def test_npz_has_each_drawings_numbers_and_names(view):
    figure_set = picture(view)
    with np.load(io.BytesIO(export.made(figure_set, "npz")), allow_pickle=False) as arrays:
        for (name, one), expected in zip(figure_set.pictures.items(), numbers(view)):
            before = f"{name}." if name else ""
            np.testing.assert_allclose(arrays[f"{before}weights"], expected, atol=1e-6)
            assert arrays[f"{before}queries"].tolist() == one.table.arrays["queries"].tolist()
            assert arrays[f"{before}keys"].tolist() == one.table.arrays["keys"].tolist()
        assert arrays["provenance"].tolist() == list(figure_set.provenance)
        if view in ("grid", "plane"):
            assert [tuple(head) for head in arrays["heads"].tolist()] == HEADS


def test_the_python_lines_of_every_view_make_the_same_figures_in_a_fresh_process(tmp_path):
    programs = {view: export.made(picture(view), "py").decode() for view in VIEWS}
    programs |= {how: export.made(comparison(how), "py").decode() for how in ("zero", "")}
    (tmp_path / "programs.json").write_text(json.dumps(programs))
    code = """
import json, numpy
drawn = {}
for view, program in json.load(open("programs.json")).items():
    names = {}
    exec(program, names)
    data = names["figure"].data[0]
    if data.type == "heatmap":
        drawn[view] = data.z
    else:
        drawn[view] = numpy.column_stack([data.x, data.y])
numpy.savez("drawn.npz", **drawn)
"""
    environment = {"PYTHONPATH": str(ROOT), "PATH": ""}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, timeout=240, env=environment)
    with np.load(tmp_path / "drawn.npz") as drawn:
        for view in set(VIEWS) - {"grid", "compare", "example"}:
            np.testing.assert_allclose(drawn[view], numbers(view)[0], atol=1e-5)
        np.testing.assert_allclose(drawn["compare"], numbers("compare")[2], atol=1e-5)
        for how in ("zero", ""):
            np.testing.assert_allclose(drawn[how], weights_of(comparison(how))[2], atol=1e-5)
        assert np.abs(drawn["compare"] - drawn["zero"]).max() > 0.001 < np.abs(drawn["zero"] - drawn[""]).max()
        np.testing.assert_allclose(drawn["example"], numbers("example")[1], atol=1e-6)
        n = numbers("grid")[0].shape[-1]
        at = HEADS.index((3, 1))
        cells = drawn["grid"][3 * (n + 1) : 3 * (n + 1) + n, n + 1 : 2 * n + 1]
        np.testing.assert_allclose(cells / 200, numbers("grid")[0][at], atol=0.003)


def test_what_a_model_wrote_itself_is_told_and_written_again():
    told = picture("written").provenance
    assert any('"tokens written by the model": 4' in line for line in told)
    assert f"attnviz.trace(model, {TEXT!r}, write=4)" in picture("written").python


def test_both_sides_of_a_comparison_carry_their_certificate():
    told = picture("compare").provenance
    for letter in "AB":
        assert any(line.startswith(f"{letter}, certificate: recomputed") for line in told)
        assert any(line.startswith(f"{letter}, text: ") for line in told)


def test_a_side_without_a_head_says_so_in_its_settings_and_its_certificate():
    """Read by itself, the file would pass a changed model off as the model."""
    told = "\n".join(picture("compare").provenance)
    assert "B, attention: decoder L1.H3 after L0.H2 was set to its mean" in told
    assert '"ablated": ["decoder L0.H2"]' in told and told.count("the same heads were ablated in both passes") == 1
    assert picture("compare").figures["B"].layout.title.text == "B: L1.H3, changed"
