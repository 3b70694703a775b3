"""The pictures must hold the trace's numbers, keep repeated tokens apart, and never read a token as markup."""

from dataclasses import replace

import numpy as np
import plotly.graph_objects as go
import pytest

from attnviz import figures
from attnviz.figures.certificate import certificate_grid
from attnviz.figures.head_grid import SHADES
from attnviz.figures.theme import THEMES
from attnviz.figures.training import training_curves
from attnviz.maps.attention_map import AttentionMap
from attnviz.maps.thumbnails import thumbnail_cells
from attnviz.traces import LayerAttention, Trace


def make_trace(tokens, n_layers=2, n_heads=3, kind="decoder"):
    rng = np.random.default_rng(0)
    n = len(tokens)
    mask = np.tril(np.ones((1, n, n), dtype=bool)) if kind == "decoder" else None
    layers = tuple(
        LayerAttention(kind, i, *(3 * rng.normal(size=(n_heads, n, 4)).astype(np.float32) for _ in range(3)), 0.5, mask)
        for i in range(n_layers)
    )
    return Trace(
        "m", "r", "gpt2", " ".join(tokens), None, tuple(tokens), tuple(tokens), tuple(range(n)),
        ((0, 0),) * n, (None,) * n, (0,) * n, layers, 0.0,
    )  # fmt: skip


def test_heatmap_holds_exactly_the_weights_of_the_head():
    trace = make_trace(["the", "cat", "sat", "on", "the", "mat"])
    heatmap = figures.heatmap(trace, 1, 2).data[0]
    np.testing.assert_array_equal(np.asarray(heatmap.z), trace.weights(1, 2))
    assert (heatmap.zmin, heatmap.zmax) == (0, 1)


ABC = tuple((token, [place]) for place, token in enumerate("abc"))


def test_a_line_goes_round_the_marked_cells_and_not_between_them():
    """Else a reader cannot tell where a head's targets are; by hand: two cells side by side, and one apart."""
    marked = {(0, 0), (0, 1), (2, 2)}
    lines = figures.outline(marked)
    assert len(lines) == 6 + 4 and ((0, 1), (1, 1)) not in lines and ((0, 2), (1, 2)) in lines
    figure = figures.map_figure(AttentionMap(np.eye(3), ABC, ABC), "t", marked=marked)
    drawn = figure.data[-1]
    assert len(drawn.x) == 3 * len(lines) and (np.nanmin(drawn.x), np.nanmax(drawn.y)) == (-0.5, 2.5)


def test_both_the_keep_their_own_row_and_column():
    figure = figures.heatmap(make_trace(["the", "cat", "sat", "on", "the", "mat"]), 0, 0)
    for axis in (figure.layout.xaxis, figure.layout.yaxis):
        assert [axis.labelalias[str(i)] for i in range(6)] == ["the", "cat", "sat", "on", "the", "mat"]


def test_a_token_that_looks_like_markup_is_shown_not_run():
    figure = figures.heatmap(make_trace(["<b>x</b>", "&", "<script>"]), 0, 0)
    assert figure.layout.xaxis.labelalias["0"] == "&lt;b&gt;x&lt;/b&gt;"
    assert "<script" not in str(figure.layout.xaxis.labelalias)


def test_a_head_that_is_not_there_is_an_error_not_another_head():
    trace = make_trace(["a", "b"])
    for layer, head in ((2, 0), (0, 3), (-1, 0), (0, -1)):
        with pytest.raises(IndexError, match=r"no (layer|head)"):
            figures.heatmap(trace, layer, head)


@pytest.mark.parametrize("n_layers, n_heads", [(1, 1), (2, 2), (6, 12), (48, 64)])
def test_grid_has_one_click_target_a_head(n_layers, n_heads):
    figure = figures.all_heads(make_trace(["a", "b", "c"], n_layers, n_heads))
    targets = figure.data[1].customdata
    assert [tuple(target) for target in targets] == [(i, j) for i in range(n_layers) for j in range(n_heads)]


def test_thumbnails_keep_the_largest_weight_of_a_long_text():
    trace = make_trace(["t"] * 100, 1, 1)
    mosaic = np.asarray(figures.all_heads(trace, cells=10).data[0].z)
    assert mosaic.shape == (10, 10)
    weights = trace.weights(0, 0)
    blocks = weights.reshape(10, 10, 10, 10).max(axis=(1, 3))
    np.testing.assert_array_equal(mosaic, np.rint(blocks * SHADES).astype(np.uint8))


def test_click_targets_sit_on_their_thumbnails():
    trace = make_trace(["a", "b", "c", "d"], 2, 2)
    figure = figures.all_heads(trace)
    mosaic, markers = np.asarray(figure.data[0].z), figure.data[1]
    for x, y, (layer, head) in zip(markers.x, markers.y, markers.customdata):
        left, top = int(x - 1.5), int(y - 1.5)
        thumbnail = mosaic[top : top + 4, left : left + 4]
        np.testing.assert_array_equal(thumbnail, np.rint(trace.weights(layer, head) * SHADES).astype(np.uint8))


def test_grid_of_144_heads_at_128_tokens_stays_small_for_the_browser():
    figure = figures.all_heads(make_trace(["token"] * 128, 12, 12))
    assert len(figure.to_json()) < 400_000


@pytest.mark.parametrize("theme", THEMES)
def test_every_figure_has_a_title_and_draws_in_both_themes(theme):
    trace = make_trace(["a", "b", "c"])
    drawn = [
        figures.heatmap(trace, 0, 0, theme=theme),
        figures.all_heads(trace, chosen=(1, 1), theme=theme),
        certificate_grid(np.array([[1e-7, 2e-5], [0.0, np.nan]]), 1e-5, title="drift", theme=theme),
        figures.matrix(np.array([[1.0, -np.inf]]), ["a"], ["x", "y"], title="masked", theme=theme),
    ]
    for figure in drawn:
        assert isinstance(figure, go.Figure) and figure.layout.title.text and figure.to_json()


def test_certificate_grid_crosses_out_exactly_the_heads_past_the_gate():
    figure = certificate_grid(np.array([[1e-7, 2e-5], [3e-5, 0.0]]), 1e-5, title="drift")
    crossed = list(zip(figure.data[1].y, figure.data[1].x))
    assert crossed == [(0, 1), (1, 0)]


def test_matrix_prints_every_number_and_minus_infinity():
    figure = figures.matrix(np.array([[0.42231, -np.inf], [1.0, 0.0]]), ["a", "b"], ["c", "d"], title="t")
    assert np.array(figure.data[0].text).tolist() == [["0.4223", "−∞"], ["1", "0"]]


def test_training_curves_mark_the_step_and_draw_every_head_once():
    scores = [[0.1, 0.2], [0.3, 0.4]]
    evaluations = [
        {"step": s, "held_out_loss": 7.0 - s, "in_context_score": 0.0, "induction": scores, "previous_token": scores}
        for s in (0, 1, 2)
    ]
    figure = training_curves(evaluations, 1, 1, 0)
    assert sorted(line.name for line in figure.data[:4]) == ["L0.H0", "L0.H1", "L1.H0", "L1.H1"]
    assert figure.data[3].name == "L1.H0" and figure.data[3].line.width > figure.data[0].line.width
    assert {shape.x0 for shape in figure.layout.shapes} == {1}


def test_a_cross_attention_grid_keeps_the_shape_of_each_side():
    square = make_trace(["a", "b", "c", "d"], 2, 2)
    layers = tuple(replace(layer, kind="cross", q=layer.q[:, :3], mask=None) for layer in square.layers)
    mosaic = np.asarray(figures.all_heads(replace(square, layers=layers, decoder_tokens=("x", "y", "z"))).data[0].z)
    assert mosaic.shape == (3 + 1 + 3, 4 + 1 + 4)


def test_a_grid_of_3072_heads_stays_light():
    """48 layers of 64 heads must open in a browser, not only 12 of 12."""
    cells = thumbnail_cells(48 * 64)
    maps = np.random.default_rng(0).random((48 * 64, cells, cells))
    figure = figures.grid_of_heads(maps, [divmod(head, 64) for head in range(48 * 64)], chosen=(47, 63))
    assert len(figure.to_json()) < 1_500_000
    assert len(figure.data[1].customdata) == 48 * 64


def test_the_overview_shows_every_token_and_frames_the_window():
    """A reader of a long text must see where in it the window stands, and find every part by a click."""
    wide, gets = np.linspace(0, 3, 1000), np.zeros(300)
    gets[17] = 40
    sides = [f"t{i}" for i in range(1000)], [f"k{i}" for i in range(300)]
    figure = figures.overview(wide, gets, sides, (range(128, 256), range(0, 64)))
    frames = [(shape.x0, shape.x1) for shape in figure.layout.shapes]
    assert frames == [(127.5, 255.5), (-0.5, 63.5)]
    for side, n in ((0, 1000), (1, 300)):
        strip, markers = figure.data[2 * side : 2 * side + 2]
        assert strip.x[0] == -0.5 and strip.x[-1] == n - 0.5
        assert [tuple(place[:2]) for place in markers.customdata] == [(side, int(x)) for x in markers.x]
    assert max(place[3] for place in figure.data[3].customdata) == 40, "the largest in a cell was lost"
