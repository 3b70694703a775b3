"""The zoo: every architecture that transformers lists, tiny, the same every time, and peaked."""

import pytest
import torch
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_MASKED_LM_MAPPING_NAMES,
    MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES,
)

from attnviz.capture.layers import capture_batch
from attnviz.errors import AttnvizError
from attnviz.models import zoo


def test_the_list_is_transformers_own():
    """An architecture left out would be missing from the table without anybody noticing."""
    listed = {
        *MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
        *MODEL_FOR_MASKED_LM_MAPPING_NAMES,
        *MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES,
    }
    assert zoo.architectures() == sorted(listed) and len(listed) > 200


@pytest.mark.parametrize("architecture", ["bert", "llama", "t5", "deepseek_v3", "gemma3"])
def test_a_tiny_model_is_tiny_and_the_same_every_time(architecture, no_network):
    """A number in the table that cannot be had a second time proves nothing."""
    first, second = zoo.build(architecture), zoo.build(architecture)
    assert sum(parameter.numel() for parameter in first.parameters()) < zoo.LARGEST
    assert not first.training and not any(parameter.requires_grad for parameter in first.parameters())
    for (name, one), (_, other) in zip(first.named_parameters(), second.named_parameters(), strict=True):
        assert torch.equal(one, other), name


@pytest.mark.parametrize("architecture", ["bert", "llama", "gpt_oss", "t5", "bloom", "deberta"])
def test_its_attention_is_peaked(architecture):
    """Under a flat softmax every weight is 1/n, whatever the scale: a fault would pass."""
    module = zoo.build(architecture)
    _, texts = capture_batch(module, zoo.batch(module, padded=False))
    for layer in texts[0]:
        weights = layer.attention().weights
        assert weights.max(-1).mean() > 3 / weights.shape[-1], f"{layer.kind} {layer.index}"


def test_padding_stands_on_the_left_of_the_second_text():
    module = zoo.build("bart")
    plain, padded = (zoo.batch(module, padded=value) for value in (False, True))
    assert plain["attention_mask"].all() and plain["decoder_input_ids"].shape == (2, zoo.DECODER_TOKENS)
    assert padded["attention_mask"][0].all() and padded["attention_mask"][1].sum() == zoo.TOKENS - zoo.PADDING
    assert not padded["attention_mask"][1, : zoo.PADDING].any()


def test_what_cannot_be_built_says_why():
    """A row of the table without a model has to give a reason, not a traceback."""
    with pytest.raises(AttnvizError, match="timm"):
        zoo.build("gemma3n")


def test_a_model_that_stayed_large_is_never_made(monkeypatch):
    """A field that was not shrunk would take all memory: the outline without weights tells before."""
    monkeypatch.setattr(zoo, "LARGEST", 1000)
    with pytest.raises(AttnvizError, match="parameters"):
        zoo.build("bert")
