"""The bundled models' labels are there at once, small, and those that a run would give."""

import pytest

from attnviz.errors import AttnvizError
from attnviz.labels import bundle
from attnviz.labels.cache import BUNDLED_RESULTS, load_cached
from attnviz.labels.definitions import versions
from attnviz.labels.evaluate import evaluate_heads
from attnviz.models.loading import load_model
from tests.rotation import rotated


@pytest.fixture(autouse=True)
def nothing_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("ATTNVIZ_CACHE", str(tmp_path))


@pytest.mark.parametrize("name", bundle.LABELLED)
def test_a_bundled_model_opens_with_its_labels(name):
    """After a change of labels, probes or weights: python -m attnviz.labels.bundle"""
    found = load_cached(load_model(name))
    assert any(found.found) and found.versions == versions()


def test_bundled_results_are_small_and_none_is_left_over():
    sizes = [file.stat().st_size for file in BUNDLED_RESULTS.glob("*.npz")]
    assert len(sizes) == len(bundle.LABELLED) and max(sizes) < 200_000


def test_a_run_that_ends_early_deletes_no_results(tmp_path, monkeypatch):
    """Without its results a bundled model would open with no labels."""
    (tmp_path / "old.npz").touch()
    monkeypatch.setattr(bundle, "BUNDLED_RESULTS", tmp_path)
    monkeypatch.setattr(bundle, "evaluate_heads", lambda model: None)
    monkeypatch.setattr(bundle, "with_effects", lambda model, found: None)
    monkeypatch.setattr(bundle, "store", lambda found, place: place.touch())
    monkeypatch.setattr(bundle, "LABELLED", ("tiny-gpt", "no-such-model"))
    with pytest.raises(AttnvizError):
        bundle.bundle_results()
    assert (tmp_path / "old.npz").exists()
    monkeypatch.setattr(bundle, "LABELLED", ("tiny-gpt",))
    bundle.bundle_results()
    assert [file.name for file in tmp_path.iterdir()] == [bundle.cache_path(load_model("tiny-gpt")).name]


@pytest.mark.parametrize("name", rotated(bundle.LABELLED))
def test_a_fresh_run_gives_the_bundled_verdicts(name):
    model = load_model(name)
    verdicts = [
        [{(row["label"], row["confidence"]) for row in found} for found in one.found]
        for one in (load_cached(model), evaluate_heads(model))
    ]
    assert verdicts[0] == verdicts[1]
