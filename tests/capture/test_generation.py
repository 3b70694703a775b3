"""Generation step by step, with a cache: a token that was generated looked where one full pass says it did."""

import numpy as np
import pytest
import torch

from attnviz.capture.interface import prepare, recording
from attnviz.capture.tracing import trace
from attnviz.core.attention import attention
from attnviz.models.loading import load_model

TEXTS = {
    "stories260k": "Once upon a time",
    "nano_sort": "CBAABC",
    "tiny-gpt": "The cat",
    "tiny-translator": "2 May 1999",
}


def step_by_step(module, inputs):
    """Each step's calls, one token of the decoder at a time, the earlier ones in the cache."""
    read = "decoder_input_ids" if module.config.is_encoder_decoder else "input_ids"
    given = {name: torch.tensor([values]) for name, values in inputs.items() if name not in (read, "attention_mask")}
    cache = None
    for token in inputs[read]:
        calls = []
        with torch.no_grad(), recording(calls.append):
            given[read] = torch.tensor([[token]])
            cache = module(**given, past_key_values=cache, use_cache=True).past_key_values
        yield calls


@pytest.mark.parametrize("name", TEXTS)
def test_a_step_with_a_cache_is_a_row_of_the_full_pass(request, name):
    """The map of a generated text is drawn from one full pass: it must show what the model did as it wrote."""
    model = load_model(name) if name.startswith("tiny") else request.getfixturevalue(name)
    prepare(model.module)
    traced = trace(model, TEXTS[name])
    full = [layer.attention().weights for layer in traced.layers]
    for step, calls in enumerate(step_by_step(model.module, traced.inputs)):
        assert len(calls) == len(full)
        for layer, weights, call in zip(traced.layers, full, calls):
            here = call.of_text(0)
            ours = attention(here.query, here.key, here.value, scale=here.scale, mask=here.mask).weights.numpy()
            expected = weights if layer.kind == "encoder" else weights[:, [step], : ours.shape[-1]]
            assert ours.shape == expected.shape
            np.testing.assert_allclose(ours, expected, rtol=0, atol=2e-5, err_msg=f"{layer.kind} {layer.index}")
