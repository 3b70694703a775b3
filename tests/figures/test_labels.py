"""Labels as pictures: told apart without colours, and nothing painted where there is no label."""

import numpy as np
import pytest

from attnviz import figures
from attnviz.figures.labels import FAMILIES, Evidence, head_evidence
from attnviz.labels.definitions import LABELS

HEADS = {
    (0, 0): [("previous token", "previous_token", "high", 0.9), ("local", "local", "high", 0.95)],
    (0, 1): [],
    (1, 0): [("induction", "induction", "medium", 0.5)],
    (1, 1): [("obj → head", "syntactic:obj:to_head", "low", 0.4)],
}


def evidence(score, low, high, confidence=""):
    return Evidence("induction", score, low, high, 0.02, 0.4, confidence)


def test_every_label_has_a_letter_of_its_own():
    letters = [spec.letter for spec in LABELS.values()]
    assert len(set(letters)) == len(letters) and {spec.family for spec in LABELS.values()} == set(FAMILIES)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_letter_frame_and_count_say_it_without_colour(theme):
    figure = figures.label_mosaic(HEADS, chosen=(0, 1), theme=theme)
    assert figure.data[0].text.tolist() == [["P<sup>+1</sup>", ""], ["I", "S"]]
    frames = {(round(shape.x0), round(shape.y0)): shape.line.dash for shape in figure.layout.shapes[:-1]}
    assert frames == {(0, 1): "solid", (1, 1): "dot"}


def test_an_unlabelled_head_is_plain_and_says_so():
    figure = figures.label_mosaic(HEADS)
    assert figure.data[0].z[0, 1] == 0 and (np.delete(figure.data[0].z.ravel(), 1) > 0).all()
    assert "unlabelled" in figure.data[1].hovertext[1]
    assert [tuple(at) for at in figure.data[1].customdata] == list(HEADS)


def test_a_layer_with_fewer_heads_leaves_a_hole():
    figure = figures.label_mosaic({(0, 0): [], (0, 1): [], (1, 0): []})
    assert np.isnan(figure.data[0].z[1, 1])


def test_names_are_never_read_as_markup():
    figure = figures.label_mosaic({(0, 0): [("<b>x</b>", "induction", "high", 0.5)]})
    assert "&lt;b&gt;x" in figure.data[1].hovertext[0]


def test_heads_whose_interval_holds_the_threshold_are_marked():
    """They are the ones that other sentences might decide otherwise."""
    found = {(0, 0): evidence(0.9, 0.85, 0.95, "high"), (0, 1): evidence(0.41, 0.38, 0.44), (1, 0): evidence(0, 0, 0)}
    figure = figures.scores_over_heads(found, title="Induction")
    assert list(figure.data[0].marker.symbol) == ["circle", "diamond", "circle"]
    assert [shape.x0 for shape in figure.layout.shapes] == pytest.approx([0.4, 0.02])
    assert "control 0.02" in figure.layout.annotations[1].text


def test_evidence_shows_score_interval_control_and_threshold():
    figure = head_evidence([("induction", evidence(0.9, 0.8, 0.95, "high"))], title="Scores")
    threshold, control, score = figure.data
    assert (threshold.x[0], control.x[0], score.x[0]) == (0.4, 0.02, 0.9)
    assert score.error_x.array[0] == pytest.approx(0.05) and score.error_x.arrayminus[0] == pytest.approx(0.1)
