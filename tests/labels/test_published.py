"""Published heads: told for the models they are about, and for no other."""

import pytest

from attnviz.labels.definitions import LABELS
from attnviz.labels.published import MODELS, agreement, claims


@pytest.mark.parametrize("name", ["gpt2", "openai-community/gpt2", "/models/gpt2/"])
def test_a_model_is_known_by_the_last_part_of_its_name(name):
    found = claims(name, "gpt2", 12, 12)
    assert {(5, 5), (6, 9), (4, 11)} <= {(claim.layer, claim.head) for claim in found}


@pytest.mark.parametrize(
    "model", [("gpt2", "gpt2", 24, 16), ("gpt2", "llama", 12, 12), ("my-gpt2", "gpt2", 12, 12), ("a", "gpt2", 4, 4)]
)  # fmt: skip
def test_another_model_of_that_name_is_not_told_their_labels(model):
    assert claims(*model) == ()


def test_heads_count_from_0_and_exist():
    """BERT's papers count from 1: their determiner head 8-11 is L7.H10 here."""
    for _, n_layers, n_heads, found in MODELS.values():
        assert all(claim.layer < n_layers and claim.head < n_heads and claim.source and claim.says for claim in found)
        assert {claim.label.split(":")[0] for claim in found if claim.label} <= set(LABELS)
    said = {claim.label: (claim.layer, claim.head) for claim in claims("bert-base-uncased", "bert", 12, 12)}
    assert said["syntactic:det:to_head"] == (7, 10) and said["coreference"] == (4, 3)


def test_agreement_is_told_and_so_is_its_absence():
    induction, role = (
        next(claim for claim in claims("gpt2", "gpt2", 12, 12) if claim.label == label) for label in ("induction", None)
    )
    assert agreement(induction, ["induction"], ["induction"]) == "agrees"
    assert agreement(induction, ["local"], ["induction", "local"]) == "not labelled by us"
    assert agreement(induction, [], []) == agreement(role, ["induction"], ["induction"]) == "not asked here"
