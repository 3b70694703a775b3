"""Real weights: the models that a reader meets first, in batches, padded, and in half precision."""

import copy
from dataclasses import replace

import pytest
import torch

from attnviz.capture.layers import capture_batch
from attnviz.capture.tracing import read_text, trace
from attnviz.models.loading import load_model
from attnviz.validation.certificate import certify, certify_batch

TEXTS = {
    "minilm": ("The cat sat on the mat", "A dog"),
    "stories260k": ("Once upon a time there was a cat", "The dog"),
    "nano_sort": ("CBBABCC", "ABC"),
    "tiny-gpt": ("the cat sat on the mat", "a dog"),
    "tiny-bert": ("the cat sat on the mat", "a dog"),
    "tiny-translator": ("2 March 2014", "1 May 1999"),
}


@pytest.fixture(params=TEXTS)
def named(request):
    name = request.param
    return (load_model(name) if name.startswith("tiny") else request.getfixturevalue(name)), TEXTS[name]


def left_padded(model, texts):
    """The texts as one batch, the shorter one padded on the left."""
    read = [read_text(model, text).inputs["input_ids"] for text in texts]
    longest = max(map(len, read))
    inputs = {
        "input_ids": torch.tensor([[0] * (longest - len(ids)) + list(ids) for ids in read]),
        "attention_mask": torch.tensor([[0] * (longest - len(ids)) + [1] * len(ids) for ids in read]),
    }
    if model.module.config.is_encoder_decoder:
        inputs["decoder_input_ids"] = torch.tensor(
            [list(trace(model, text).inputs["decoder_input_ids"][:4]) for text in texts]
        )
    return inputs


def test_a_padded_batch_is_certified(named):
    """Texts read together are shown as they are, each without the other's padding."""
    model, texts = named
    inputs = left_padded(model, texts)
    route, layers = capture_batch(model.module, inputs)
    certificates = certify_batch(model.module, model.name, inputs, route, layers)
    assert route == "interface" and len(certificates) == 2
    assert all(one.passed and len(one.heads) == one.heads_expected for one in certificates)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_certified_within_its_format(named, dtype):
    """The gates follow from the format's epsilon, and are stated; the core itself stays exact."""
    model, texts = named
    half = replace(model, module=copy.deepcopy(model.module).to(dtype))
    traced = trace(half, texts[0])
    certificate = certify(half, traced)
    assert certificate.passed and certificate.max_row_sum_error <= 1e-5
    assert certificate.tolerance == 8 * torch.finfo(dtype).eps
    layers = tuple(replace(layer, scale=2 * layer.scale) for layer in traced.layers)
    assert not certify(half, replace(traced, layers=layers)).passed
