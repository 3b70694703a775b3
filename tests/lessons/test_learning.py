"""The lesson's gradients must be the true ones, and what it says of the training must have happened."""

import math
from dataclasses import fields

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from attnviz.core.attention import attention
from attnviz.lessons import learning
from attnviz.lessons.gradients import gradient_differences
from attnviz.lessons.learning import Projections, attention_gradients, data, example, loss_and_gradients, tokens, train

widths = st.integers(1, 5)


@given(widths, widths, widths, widths, st.lists(widths, max_size=2), st.floats(-2, 2), st.booleans(), st.data())
def test_backward_formulas_are_those_of_autograd(queries, keys, d_k, d_v, batch, scale, masked, draw):
    """A student who copies them into an exercise would train on something else."""
    rng = np.random.default_rng(draw.draw(st.integers(0, 2**32 - 1)))
    shapes = [(*batch, queries, d_k), (*batch, keys, d_k), (*batch, keys, d_v), (*batch, queries, d_v)]
    q, k, v, d_output = (rng.normal(size=shape) for shape in shapes)
    mask = rng.random((queries, keys)) < 0.7 if masked else None  # may leave a row without any key
    ours = attention_gradients(q, k, v, attention(q, k, v, scale=scale, mask=mask).weights, d_output, scale=scale)

    leaves = [torch.tensor(array, requires_grad=True) for array in (q, k, v)]
    scores = scale * leaves[0] @ leaves[1].mT
    if masked:
        scores = scores.masked_fill(~torch.tensor(mask), -1e300)
    weights = scores.softmax(dim=-1)
    if masked:
        weights = weights * torch.tensor(mask)
    theirs = torch.autograd.grad(weights @ leaves[2], leaves, torch.tensor(d_output))
    for mine, true in zip(ours, theirs):
        np.testing.assert_allclose(mine, true.numpy(), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("step", [0, 20, learning.STEPS])
def test_gradients_of_the_projections_are_those_of_autograd(step):
    differences = gradient_differences(train(3.0, 0).projections[step], data()[0])
    assert list(differences) == ["W_Q", "W_K", "W_V"]
    assert all(largest > 0 and off < 1e-12 for largest, off in differences.values())


def test_a_wrong_gradient_shows_in_the_comparison(monkeypatch):
    """A check that cannot fail proves nothing on screen."""
    from attnviz.lessons import gradients

    def without_scale(projections, sequences):
        measures, true = loss_and_gradients(projections, sequences)
        return measures, Projections(true.W_Q / learning.SCALE, true.W_K, true.W_V)

    monkeypatch.setattr(gradients, "loss_and_gradients", without_scale)
    differences = gradient_differences(train(3.0, 0).projections[0], data()[0])
    assert differences["W_Q"][1] > 1e-4 > 1e-12 > differences["W_K"][1]


@pytest.mark.parametrize("seed", learning.SEEDS)
def test_untrained_is_at_chance_and_trained_answers_what_it_never_saw(seed):
    training = train(3.0, seed)
    first, last = training.held_out[0], training.held_out[-1]
    spread = math.sqrt(learning.CHANCE * (1 - learning.CHANCE) / learning.HELD_OUT)
    assert abs(first.accuracy - learning.CHANCE) < 3 * spread
    assert last.accuracy == 1 and last.loss < 0.02
    assert not training.diverged


def test_weights_sharpen_onto_the_key_that_is_asked_for():
    training = train(3.0, 0)
    asked = np.arange(learning.ITEMS)
    for step, (low, high) in {0: (0, 0.4), learning.STEPS: (0.8, 1)}.items():
        weights = learning.attend(training.projections[step], example().X)[-1].weights[:, 0]
        assert np.all((low < weights[asked, asked]) & (weights[asked, asked] <= high))
    assert training.held_out[0].entropy > 2 and training.held_out[-1].entropy < 1


def test_a_small_step_lowers_the_loss():
    losses = [measured.loss for measured in train(0.1, 0).training]
    assert np.all(np.diff(losses) < 0)


@pytest.mark.parametrize("seed", learning.SEEDS)
def test_a_rate_that_runs_away_is_cut_off_while_its_numbers_are_numbers(seed):
    """NaN on the chart, and a slider without steps."""
    training = train(learning.RATES[-1], seed)
    assert training.diverged and len(training.projections) >= 2
    for measured in [*training.training, *training.held_out]:
        assert all(math.isfinite(getattr(measured, field.name)) for field in fields(measured))
    assert all(math.isfinite(largest) for largest in training.largest.values())
    assert training.training[-1].loss < learning.DIVERGED


@pytest.mark.parametrize("rate", learning.RATES[:-1])
@pytest.mark.parametrize("seed", learning.SEEDS)
def test_every_other_rate_on_the_slider_runs_to_the_end(rate, seed):
    assert not train(rate, seed).diverged


def test_identity_projections_do_not_solve_it():
    """Then there would be nothing to learn."""
    same = np.eye(len(learning.INPUTS))
    values = same[:, 2 * len(learning.NAMES) :]
    weights = attention(example().X[:, -1:] @ same, example().X @ same, example().X @ values).weights[:, 0]
    stored = weights[:, : learning.ITEMS]
    np.testing.assert_allclose(stored, stored[0, 0])


def test_no_held_out_sequence_was_trained_on():
    seen, unseen = ({tuple(sorted(tokens(x))) for x in part.X} for part in data())
    assert len(seen) == learning.TRAINING and len(unseen) == learning.HELD_OUT
    assert not seen & (unseen | {tuple(sorted(tokens(x))) for x in example().X})


def test_a_sequence_reads_as_it_is_and_its_target_is_stored_under_its_question():
    for part in (*data(), example()):
        for x, target in zip(part.X, part.targets):
            *items, question = tokens(x)
            stored = dict(item.split() for item in items)
            assert len(stored) == len(set(stored.values())) == learning.ITEMS
            assert stored[question.removesuffix("?")] == learning.VALUES[target.argmax()]


def test_measures_are_those_of_their_definitions():
    """An even look at all gives log2 of the keys in bits, and the mean of the stored values the loss that is drawn."""
    nothing = np.zeros((len(learning.INPUTS), learning.WIDTH))
    W_V = np.zeros((len(learning.INPUTS), len(learning.VALUES)))
    W_V[2 * len(learning.NAMES) :] = np.eye(len(learning.VALUES)) * (learning.ITEMS + 1) / learning.ITEMS
    measured = learning.measure(Projections(nothing, nothing, W_V), data()[1])
    assert measured.entropy == pytest.approx(math.log2(learning.ITEMS + 1))
    assert measured.loss == pytest.approx(learning.EVEN_LOSS)
