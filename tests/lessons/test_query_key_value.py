"""The lesson on the three roles: its example does what its sentences say, and its claim on symmetry holds."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from attnviz.core.attention import attention
from attnviz.lessons.query_key_value import FEATURES, NEEDS, OFFERS, TOKENS, X, asymmetry

AT_IT = TOKENS.index("it")


def test_it_finds_the_living_noun_with_projections_of_its_own():
    stages = attention(X @ NEEDS, X @ OFFERS, X)
    assert TOKENS[stages.weights[AT_IT].argmax()] == "dog" and stages.weights[AT_IT].max() > 0.8
    assert stages.output[AT_IT, FEATURES.index("alive")] > 0.8
    assert asymmetry(stages.scores) > 0


def test_with_one_projection_it_finds_itself():
    weights = attention(X @ OFFERS, X @ OFFERS, X).weights
    assert TOKENS[weights[AT_IT].argmax()] == "it"


@given(st.integers(0, 10**6))
def test_one_projection_gives_symmetric_scores_whatever_it_is(seed):
    W = np.random.default_rng(seed).normal(size=(4, 3))
    assert asymmetry(attention(X @ W, X @ W, X).scores) < 1e-12
