"""The lesson's measurements must follow the law they stand beside, and its gradient must be softmax's own."""

import math

import numpy as np
import pytest
import torch

from attnviz.lessons.scaling import WIDTHS, sample_scores


@pytest.mark.parametrize("d_k", WIDTHS)
def test_scores_spread_by_the_root_of_their_width_and_by_one_when_divided(d_k):
    assert sample_scores(d_k, scaled=False, n_keys=300, n_queries=300).spread == pytest.approx(math.sqrt(d_k), rel=0.15)
    assert sample_scores(d_k, scaled=True, n_keys=300, n_queries=300).spread == pytest.approx(1, rel=0.15)


def test_long_vectors_let_one_key_win_unless_divided():
    wide = sample_scores(1024, scaled=False)
    assert wide.winner > 0.9 and wide.gradient < 0.15
    divided = sample_scores(1024, scaled=True)
    assert divided.winner < 0.4 and divided.gradient > 0.2


def test_gradient_is_that_of_softmax():
    sample = sample_scores(8, scaled=True, n_keys=5, n_queries=3)
    norms = []
    for row in sample.weights:
        scores = torch.tensor(np.log(row))
        norms.append(torch.autograd.functional.jacobian(lambda x: torch.softmax(x, -1), scores).norm().item())
    assert sample.gradient == pytest.approx(np.mean(norms), rel=1e-9)
