"""Charts of lessons, labels and the certificate, exported: each file holds the numbers of the chart on screen."""

import csv
import html
import io
import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import plotly.graph_objects as go
import pytest
from PIL import Image

from attnviz import export, figures
from attnviz.capture.tracing import trace, trace_ids
from attnviz.export.tables import series_of
from attnviz.figures.theme import THEMES
from attnviz.labels.cache import load_cached
from attnviz.lessons import cost, learning, patterns, query_key_value, scaling, soft_lookup, timing, worked_example
from attnviz.lessons.exercises import charts
from attnviz.lessons.worked_example import SECTION
from attnviz.maps.attention_map import head_map
from attnviz.models.catalog import find_model
from attnviz.models.loading import load_model
from attnviz.traces import Head
from attnviz.ui import exports
from attnviz.ui.address import UrlState
from attnviz.validation.certificate import certify
from tests.export.test_heads import SVG, pdf_texts, texts_of

ROOT = Path(__file__).parents[2]
HEAD = Head("decoder", 1, 1)
SIZES = {"n": 4096, "d_k": 64, "n_heads": 12, "n_layers": 12}
TIMES = {"core": [1e-5, 4e-5, 1.6e-4, 6.4e-4, 1.5e-3, 2.6e-3, 5.8e-3, 1e-2]}
EXAMPLE = {name: getattr(SECTION, name).tolist() for name in ("X", "W_Q", "W_K", "W_V")}
LESSONS = {
    "query_key_value": (
        query_key_value.charts,
        {"needs": query_key_value.NEEDS.tolist(), "offers": query_key_value.OFFERS.tolist()},
    ),
    "soft_lookup": (soft_lookup.charts, {"direction": 100, "temperature": 0.5}),
    "why_divide": (scaling.charts, {"d_k": 64}),
    "cost": (cost.charts, SIZES),
    "measured_times": (timing.charts, {"seconds": TIMES}),
    "made_up_pattern": (patterns.illustration_charts, {}),
    "learning": (learning.charts, {"rate": 1.0, "seed": 0, "step": 40}),
    "hull": (charts.charts, {"name": "hull", "query": [[1.0, 0.0, 0.5]]}),
    "maps": (charts.charts, {"name": "patterns", "solution": True}),
    "worked_example": (
        worked_example.charts,
        {"tokens": list(SECTION.tokens)} | EXAMPLE | {"scaled": True, "causal": True, "row": 2, "key": 0},
    ),
    "as_printed": (worked_example.printed_charts, {}),
    "architectures": (figures.architecture_charts, {}),
}
OF_MODELS = (
    "real_patterns",
    "head_is_born",
    "weight_breakdown_in",
    "overview",
    "certificate",
    "head_labels",
    "head_evidence",
)
FEW = ("soft_lookup", "cost", "hull", "head_labels")  # of every kind of trace; the others are drawn when there is time
EVERY = [name if name in FEW else pytest.param(name, marks=pytest.mark.ci) for name in (*LESSONS, *OF_MODELS)]


@cache
def traced(text="The <b>old fox saw a hen.", model="tiny-gpt"):
    return trace(load_model(model), text)


@cache
def picture(name, look="light"):
    """As the pages put it together."""
    if name in LESSONS:
        return exports.of_lesson(name, *LESSONS[name], look)
    if name == "real_patterns":
        return exports.of_traced(name, patterns.model_charts, traced(patterns.TEXT), HEAD, "a row", {}, look)
    if name == "head_is_born":
        settings = {"model": "tiny-gpt", "step": 800, "layer": 1, "head": 1}
        return exports.of_traced(
            name, figures.training_charts, traced(model="tiny-gpt@800"), HEAD, "L1.H1", settings, look
        )
    if name == "weight_breakdown_in":
        cell = {"query": 5, "key": 2}
        return exports.of_head_charts(name, figures.weight_breakdown_in, traced(), HEAD, cell, look)
    if name == "overview":
        windows = {"queries": (2, 6), "keys": (0, 4)}
        return exports.of_head_charts(name, figures.overview_charts, traced(), HEAD, windows, look)
    if name == "certificate":
        found = certify(load_model("tiny-gpt"), traced())
        return exports.of_certificate(traced(), found, True, {"shown": "drift"}, look)
    results, settings = load_cached(load_model("tiny-gpt")), {"layer": 1, "head": 1}
    if name == "head_labels":
        settings |= {"label": "", "confidence": "low", "scores_of": "induction"}
    return exports.of_label_results(
        name,
        {"head_labels": figures.label_charts, "head_evidence": figures.evidence_charts}[name],
        find_model("tiny-gpt"),
        results,
        settings,
        look,
    )


@cache
def svg_of(name):
    return export.made(picture(name), "svg")


def numbers_of(figure):
    """What a figure's traces hold, by what they are drawn as."""
    for one in figure.data:
        if one.type == "heatmap":
            values = one.customdata if np.asarray(one.customdata).dtype.kind == "f" else one.z
            yield np.asarray(values, dtype=float)
        else:
            yield np.asarray(one.y)


def placed(svg, chart, number):
    """Where the markers and the corners of lines of one trace of a chart lie in an SVG, each as [points, 2]."""
    groups = [group for group in svg.iter(f"{SVG}g") if group.get("id") == f"{chart} {number}"]
    marks = [(float(use.get("x")), float(use.get("y"))) for group in groups for use in group.iter(f"{SVG}use")]
    lines = [path.get("d") for group in groups for path in group.findall(f"{SVG}path")]
    corners = [np.array(re.findall(r"[ML] (\S+) (\S+)", line), dtype=float) for line in lines]
    return np.array(marks), corners


@pytest.mark.parametrize("name", [*LESSONS, *OF_MODELS])
def test_csv_and_npz_hold_what_the_figure_on_screen_holds(name):
    figure_set = picture(name)
    lines = export.made(figure_set, "csv").decode().split("\n")
    told = [line.removeprefix("# ") for line in lines if line.startswith("# ")]
    assert told == [*figure_set.provenance, *figure_set.notes]
    rows = list(csv.DictReader(io.StringIO("\n".join(lines[len(told) :]))))
    with np.load(io.BytesIO(export.made(figure_set, "npz")), allow_pickle=False) as arrays:
        for chart, figure in figure_set.figures.items():
            shown = [one for one in figure.data if one.name or one.hoverinfo != "skip"]
            assert shown and len(series_of(figure)) == len(shown)
            assert len({one.name for one in series_of(figure)}) == len(shown), "two series of one name"
            of_chart = [row for row in rows if row["picture"] == chart]
            assert len(of_chart) == sum(values.size for values in numbers_of(go.Figure(shown)))
            for one, expected in zip(series_of(figure), numbers_of(go.Figure(shown))):
                key = ".".join(filter(None, (chart, one.name)))
                last = "z" if "z" in one.numbers else "y"
                found = [row[last] for row in of_chart if row["series"] == one.name]
                if expected.dtype.kind == "f" and arrays[f"{key}.{last}"].dtype.kind == "f":
                    np.testing.assert_array_equal(arrays[f"{key}.{last}"], expected)
                    np.testing.assert_array_equal(np.array(found, dtype=float), expected.ravel())
                assert all(row["x"] for row in of_chart), "a number without its place"


@pytest.mark.parametrize("name", ["soft_lookup", "cost", "measured_times", "learning"])
def test_svg_puts_each_point_where_its_numbers_say(name):
    """A printed curve must be the one on screen, logarithmic axes and all."""
    svg, checked = ElementTree.fromstring(svg_of(name)), 0
    for chart, figure in picture(name).figures.items():
        for number, one in enumerate(figure.data):
            if one.type != "scatter" or len(set(one.y)) < 3 or one.line.shape == "hv":
                continue
            marks, lines = placed(svg, chart, number)
            x = np.arange(len(one.y), dtype=float) if one.x is None else np.array(one.x, dtype=float)
            for drawn in (marks, *lines):
                for values, places, letter in zip((x, np.array(one.y, dtype=float)), np.array(drawn).T, "xy"):
                    axis = figure.layout[f"{letter}axis{(one[f'{letter}axis'] or letter)[1:]}"]
                    values = np.log10(values) if axis.type == "log" else values
                    straight = np.polyval(np.polyfit(values, places, 1), values)
                    np.testing.assert_allclose(places, straight, atol=0.01, err_msg=f"{chart} {one.name}")
                    checked += 1
    assert checked >= 6


def test_svg_bars_are_as_long_as_their_numbers():
    svg = ElementTree.fromstring(svg_of("weight_breakdown_in"))
    for chart, figure in picture("weight_breakdown_in").figures.items():
        values = np.array(figure.data[0].x)
        lengths = []
        for group in svg.iter(f"{SVG}g"):
            if group.get("id") == f"{chart} 0":
                corners = np.array(re.findall(r"[ML] (\S+) (\S+)", group.find(f"{SVG}path").get("d")), dtype=float)
                lengths.append(np.ptp(corners[:, 0]))
        assert len(lengths) == len(values)
        np.testing.assert_allclose(
            sorted(lengths), sorted(np.abs(values) * max(lengths) / np.abs(values).max()), atol=0.01
        )


@pytest.mark.parametrize("name", EVERY)
def test_svg_says_what_the_charts_say_and_where_they_come_from(name):
    figure_set, told = picture(name), " ".join(texts_of(svg_of(name)))
    assert all(line[:40] in told for line in figure_set.provenance)
    for figure in figure_set.figures.values():
        assert html.unescape(figure.layout.title.text) in told
        assert all(re.split("[<:]", one.name)[0] in told for one in figure.data if one.showlegend and one.name)
        for one in figure.data:
            if one.type == "heatmap" and one.texttemplate:
                assert all(re.split("<", str(text))[0] in told for text in np.ravel(one.text))


@pytest.mark.ci
@pytest.mark.parametrize("look", THEMES)
@pytest.mark.parametrize("name", [*LESSONS, *OF_MODELS])
def test_png_is_large_enough_to_print_and_not_blank(name, look):
    with Image.open(io.BytesIO(export.made(picture(name, look), "png"))) as image:
        assert image.width > 700 and image.height > 400
        shades = np.asarray(image.convert("L"))
        assert len(np.unique(shades)) > 20 and (shades.mean() > 128) == (look == "light")
        assert all(line in image.text["Description"] for line in picture(name).provenance)


@pytest.mark.parametrize("name", ["soft_lookup", "head_labels"])
def test_pdf_keeps_text_as_text(name):
    texts = pdf_texts(export.made(picture(name), "pdf"))
    assert {"soft_lookup": "north", "head_labels": "coreference"}[name] in texts


@pytest.mark.parametrize("name", ["cost", "weight_breakdown_in"])
def test_html_needs_no_network_and_runs_nothing_of_the_text(name):
    figure_set = picture(name)
    page = export.made(figure_set, "html").decode()
    assert page.count("Plotly.newPlot(") == len(figure_set.figures) and 4_000_000 < len(page) < 6_000_000
    assert not re.search(r"<(script|link|img|iframe)\b[^>]*\b(src|href)\s*=", page) and "The <b>" not in page
    assert all(html.escape(line) in page for line in figure_set.provenance)


def made_again(names, folder):
    """The series of the charts as the Python lines make them, all in one process, by name and chart."""
    programs = {name: export.made(picture(name), "py").decode() for name in names}
    (folder / "programs.json").write_text(json.dumps(programs))
    code = """
import json
from attnviz.export.tables import series_of
drawn = {}
def told(figure):
    return {one.name: {of: numbers.tolist() for of, numbers in one.numbers.items()} for one in series_of(figure)}
for name, program in json.load(open("programs.json")).items():
    names = {}
    exec(program, names)
    drawn[name] = {chart: told(figure) for chart, figure in names["charts"].items()}
json.dump(drawn, open("drawn.json", "w"))
"""
    environment = {"PYTHONPATH": str(ROOT), "PATH": ""}
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True, timeout=240, env=environment)
    assert (folder / f"{next(iter(picture(names[0]).figures))}.html").stat().st_size > 4_000_000
    return json.loads((folder / "drawn.json").read_text())


@pytest.mark.parametrize("names", [tuple(LESSONS), pytest.param(OF_MODELS, marks=pytest.mark.ci)], ids=["l", "m"])
def test_the_python_lines_make_the_same_charts_in_a_fresh_process(names, tmp_path):
    again = made_again(names, tmp_path)
    for name in names:
        assert list(again[name]) == list(picture(name).figures)
        for chart, figure in picture(name).figures.items():
            here, there = series_of(figure), again[name][chart]
            assert [one.name for one in here] == list(there)
            for one in here:
                for of, numbers in one.numbers.items():
                    if numbers.dtype.kind == "f":
                        np.testing.assert_allclose(there[one.name][of], numbers, atol=1e-5)
                    else:
                        assert there[one.name][of] == numbers.tolist()


def test_a_probe_of_token_ids_is_read_from_them_again():
    """Random tokens spell no text: lines that type them would show another map."""
    probe = trace_ids(load_model("tiny-gpt"), traced().token_ids)
    figure_set = exports.of_head(probe, HEAD, head_map(probe, HEAD), UrlState(), "x", (0, 0), ((), ()), "light")
    assert f"trace_ids(model, {list(traced().token_ids)})" in figure_set.python
    assert set(THEMES) == {"light", "dark"}
