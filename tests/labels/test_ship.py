"""The bundled models' labels are there at once, small, and those that a run would give."""

import pytest

from attnviz.labels import ship
from attnviz.labels.kept import SHIPPED, kept
from attnviz.labels.study import study
from attnviz.models.loading import load_model


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


@pytest.mark.slow
@pytest.mark.parametrize("name", ship.STUDIED)
def test_a_fresh_run_gives_the_shipped_verdicts(name):
    model = load_model(name)
    verdicts = [
        [{(row["label"], row["confidence"]) for row in found} for found in one.found]
        for one in (kept(model), study(model))
    ]
    assert verdicts[0] == verdicts[1]
