"""The exponent beside the measured curve must be the curve's, and both clocks must have measured something."""

import sys

import numpy as np
import pytest

from attnviz.lessons import timing


@pytest.mark.parametrize("power", [1.0, 2.0, 2.5])
def test_exponent_of_an_exact_law_is_found(power):
    assert timing.fitted_exponent(timing.LENGTHS, [3e-9 * n**power for n in timing.LENGTHS]) == pytest.approx(power)


def test_short_texts_do_not_bend_the_exponent():
    """The fixed cost of a call rules there, and says nothing about growth."""
    seconds = [1.0 if n < timing.FITTED_FROM else 1e-9 * n**2 for n in timing.LENGTHS]
    assert timing.fitted_exponent(timing.LENGTHS, seconds) == pytest.approx(2)


@pytest.fixture
def briefly(monkeypatch):
    """Few and short texts, so that a test takes no seconds."""
    monkeypatch.setattr(timing, "LENGTHS", (16, 512, 600))
    monkeypatch.setattr(timing, "BUDGET", 1e-4)
    monkeypatch.setattr(timing, "ROUNDS", 2)


def test_both_implementations_take_time_and_say_how_far_they_are(briefly):
    heard = []
    timings = timing.measure(8, lambda share, what: heard.append((share, what)))
    assert list(timings.seconds) == [timing.CORE, timing.FUSED]
    assert all(len(times) == 3 and min(times) > 0 for times in timings.seconds.values())
    assert all(np.isfinite(exponent) for exponent in timings.exponents.values())
    assert all(pace > 0 for pace in timings.pace.values())
    shares = [share for share, _ in heard]
    assert shares == sorted(shares) and shares[0] >= 0 and shares[-1] < 1
    assert {what.partition(":")[0] for _, what in heard[1:]} == {timing.CORE, timing.FUSED}


def test_without_torch_the_core_is_measured_alone(briefly, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    assert list(timing.measure(8).seconds) == [timing.CORE]


def test_what_is_timed_is_attention():
    """Two clocks on different work would compare nothing."""
    qkv = np.random.default_rng(0).normal(size=(3, 20, 4)).astype(np.float32)
    ours, fused = timing._core_run(qkv)(), timing._fused_run(qkv)()
    np.testing.assert_allclose(ours.output, fused[0, 0].numpy(), atol=1e-6)
