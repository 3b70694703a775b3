"""The bundled models' labels are there at once, small, and those that a run would give."""

import pytest

from attnviz.errors import AttnvizError
from attnviz.labels import ship
from attnviz.labels.kept import SHIPPED, kept
from attnviz.labels.study import study
from attnviz.models.loading import load_model
from tests.rotation import rotated


@pytest.fixture(autouse=True)
def nothing_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("ATTNVIZ_CACHE", str(tmp_path))


@pytest.mark.parametrize("name", ship.STUDIED)
def test_a_bundled_model_opens_with_its_labels(name):
    """After a change of labels, probes or weights: python -m attnviz.labels.ship"""
    assert any(kept(load_model(name)).found)


def test_shipped_studies_are_small_and_none_is_left_over():
    sizes = [file.stat().st_size for file in SHIPPED.glob("*.npz")]
    assert len(sizes) == len(ship.STUDIED) and max(sizes) < 200_000


def test_a_run_that_ends_early_deletes_no_study(tmp_path, monkeypatch):
    """Without its study a bundled model would open with no labels."""
    (tmp_path / "old.npz").touch()
    monkeypatch.setattr(ship, "SHIPPED", tmp_path)
    monkeypatch.setattr(ship, "study", lambda model: None)
    monkeypatch.setattr(ship, "with_effects", lambda model, found: None)
    monkeypatch.setattr(ship, "keep", lambda found, place: place.touch())
    monkeypatch.setattr(ship, "STUDIED", ("tiny-gpt", "no-such-model"))
    with pytest.raises(AttnvizError):
        ship.ship()
    assert (tmp_path / "old.npz").exists()
    monkeypatch.setattr(ship, "STUDIED", ("tiny-gpt",))
    ship.ship()
    assert [file.name for file in tmp_path.iterdir()] == [ship.place_of(load_model("tiny-gpt")).name]


@pytest.mark.parametrize("name", rotated(ship.STUDIED))
def test_a_fresh_run_gives_the_shipped_verdicts(name):
    model = load_model(name)
    verdicts = [
        [{(row["label"], row["confidence"]) for row in found} for found in one.found]
        for one in (kept(model), study(model))
    ]
    assert verdicts[0] == verdicts[1]
