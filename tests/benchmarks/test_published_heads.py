"""Scores are compared with published ones as those were made: on planted heads, with grids that torch computed."""

import json

import numpy as np
import pytest
import torch

from attnviz.errors import AttnvizError
from benchmarks.published_heads import RECIPES, TOLERANCES, Recipe, compare, main
from tests.labels.planted import GPT2_HEADS, planted_gpt2

NAMES = {"previous_token": "draw/prev", "duplicate_token": "draw/dup", "induction": "draw/ind"}
SMALL = Recipe(NAMES, sequences=3, period=20, low=2, high=48)


@pytest.fixture(scope="module")
def planted():
    return planted_gpt2()


@pytest.fixture(scope="module")
def published(planted):
    """The way of the notebooks: the mean of a diagonal of what the model itself reports."""
    planted.set_attn_implementation("eager")
    with torch.no_grad():
        attentions = planted(torch.tensor(SMALL.ids()), output_attentions=True).attentions
    planted.set_attn_implementation("sdpa")
    offsets = dict(zip(NAMES.values(), (-1, -SMALL.period, 1 - SMALL.period)))
    return {
        name: [layer.diagonal(offset, 2, 3).mean((0, 2)).tolist() for layer in attentions]
        for name, offset in offsets.items()
    }


def test_the_same_model_agrees_to_rounding(planted, published):
    found = compare(planted, published, [SMALL])
    assert [one.label for one in found] == list(TOLERANCES)
    for one in found:
        assert one.agrees and one.worst < 1e-6
    induction = found[2].ours
    assert induction.shape == (len(GPT2_HEADS), 5) and induction[1, 0] == induction.max() > 0.5


def test_the_row_too_many_is_left_out_beside_it(planted, published):
    """The head that rests on the first token gets a point for the published row alone."""
    found = compare(planted, published, [SMALL])[2]
    assert found.ours[0, 2] == pytest.approx(1 / (SMALL.period + 1), abs=0.01)
    assert found.masked[0, 2] < 0.01


def test_another_model_differs_and_the_head_is_named(planted, published):
    grids = json.loads(json.dumps(published))
    grids["draw/ind"][1][0] -= 0.1
    (wrong,) = [one for one in compare(planted, grids, [SMALL]) if not one.agrees]
    assert wrong.label == "induction" and "L1.H0" in wrong.in_one_line and "DIFFERS" in wrong.in_one_line


def test_a_model_of_another_size_is_not_compared(planted, published):
    with pytest.raises(AttnvizError, match="3 layers of 5 heads"):
        compare(planted, {name: grid[:2] for name, grid in published.items()}, [SMALL])


def test_no_copy_of_the_model_is_said_in_a_sentence(tmp_path, capsys, no_network):
    (tmp_path / "grids.json").write_text("{}")
    assert main(["no-such/gpt2", "--published", str(tmp_path / "grids.json")]) == 2
    out, err = capsys.readouterr()
    assert out == "" and len(err.splitlines()) == 1 and "no-such/gpt2" in err


def test_no_published_file_is_said_in_a_sentence(tmp_path, capsys):
    assert main(["tiny-gpt", "--published", str(tmp_path / "none.json")]) == 2
    assert "--published" in capsys.readouterr().err


def test_every_recipe_names_grids_of_the_published_file(data):
    published = json.loads((data / "published" / "gpt2-small-scores.json").read_text())
    for recipe in RECIPES:
        for name in recipe.grids.values():
            assert np.array(published[name]).shape in ((12, 12), (6, 12))


def test_the_published_draws_agree_with_each_other_within_the_tolerances(data):
    """So that a right model cannot fail for its random tokens."""
    published = json.loads((data / "published" / "gpt2-small-scores.json").read_text())
    first, second = RECIPES[:2]
    for label, tolerance in TOLERANCES.items():
        difference = np.abs(np.subtract(published[first.grids[label]], published[second.grids[label]]))
        assert difference.max() < tolerance
