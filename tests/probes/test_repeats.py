"""Repeats: where the targets are, and that controls do not repeat."""

import numpy as np
import pytest

from attnviz.probes import PERIODS, repeats


def test_targets_follow_the_same_tokens_earlier_place():
    for probe in repeats(range(10, 400), 0, 10, split="test", seed=1):
        ids = np.array(probe.ids)
        assert len(ids) == 2 * probe.period + 1 and ids[0] == 0
        queries, targets = probe.queries(), probe.induction_targets()
        assert (ids[targets - 1] == ids[queries]).all()
        assert (ids[probe.duplicate_targets()] == ids[queries]).all()
        assert (targets <= queries).all() and (targets >= 2).all()
        assert (ids[targets[:-1]] == ids[queries[:-1] + 1]).all()


def test_controls_share_the_first_copy_only():
    for probe in repeats(range(10, 400), 0, 10, split="test", seed=1):
        assert probe.control[: probe.period + 1] == probe.ids[: probe.period + 1]
        assert len(set(probe.control)) == len(probe.control) == len(probe.ids)


def test_periods_are_mixed_and_draws_depend_on_split_and_seed():
    drawn = repeats(range(10, 400), 0, 10, split="test", seed=1)
    assert [probe.period for probe in drawn] == [*PERIODS, *PERIODS]
    assert drawn == repeats(range(10, 400), 0, 10, split="test", seed=1)
    assert drawn != repeats(range(10, 400), 0, 10, split="train", seed=1)
    assert drawn != repeats(range(10, 400), 0, 10, split="test", seed=2)


def test_too_few_tokens_are_refused():
    with pytest.raises(ValueError, match="too few"):
        repeats(range(50), 0, 1, split="test", seed=1)
