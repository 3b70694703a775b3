"""The output projection: what each head adds to the model's stream, found by following what attention gives."""

import sys

import numpy as np
import pytest
import torch
import transformers

from attnviz.capture.layers import capture_batch
from attnviz.capture.tracing import trace
from attnviz.models import zoo

TEXT = "The cat sat on the mat"
# Where each architecture keeps it; the capture is not told.
NAMES = {
    "bert": "attention.output.dense",
    "distilbert": "attention.out_lin",
    "gpt2": "attn.c_proj",
    "llama": "self_attn.o_proj",
    "gpt_oss": "self_attn.o_proj",
    "gemma2": "self_attn.o_proj",
    "t5": "Attention.o",
    "bart": "out_proj",
    "bloom": "self_attention.dense",
    "gptj": "attn.out_proj",
    "fsmt": "out_proj",
}


def given_by(module, ending, inputs) -> list[torch.Tensor]:
    """What each module of a name gives in one pass, without its bias, batch first."""
    given: list[torch.Tensor] = []
    parts = [part for name, part in module.named_modules() if name.endswith(ending)]
    biases = {part: 0 if part.bias is None else part.bias for part in parts}
    handles = [part.register_forward_hook(lambda part, _, out: given.append(out - biases[part])) for part in parts]
    try:
        with torch.no_grad():
            module(**inputs)
    finally:
        for handle in handles:
            handle.remove()
    return given


def summed(layer) -> np.ndarray:
    """[queries, d_model]: every head's output through its own part of the projection."""
    return np.einsum("hqv,hvd->qd", layer.attention().output, layer.output_projection)


@pytest.mark.parametrize("architecture", ["bert", "distilbert", "gpt2", "llama", "gpt_oss", "gemma2"])
def test_the_heads_together_are_what_the_block_gives(tiny_model, tiny_folder, architecture):
    """‖α·v·W_O‖ by another weight, or by its transpose, would rank the wrong tokens."""
    traced = trace(tiny_model(architecture), TEXT)
    theirs = transformers.AutoModel.from_pretrained(tiny_folder(architecture), attn_implementation="eager").eval()
    inputs = {name: torch.tensor([values]) for name, values in traced.inputs.items()}
    blocks = given_by(theirs, NAMES[architecture], inputs)
    assert len(blocks) == len(traced.layers) == 2
    for layer, block in zip(traced.layers, blocks):
        assert layer.output_projection.shape == (layer.n_heads, layer.v.shape[-1], 32)
        np.testing.assert_allclose(summed(layer), block[0].numpy(), rtol=0, atol=1e-5)


@pytest.mark.parametrize("architecture", ["t5", "bart", "bloom", "gptj", "fsmt"])
def test_every_kind_of_layer_on_both_routes(architecture):
    """An encoder-decoder's cross-attention has a projection of its own; a model behind the tap has one too."""
    module = zoo.build(architecture)
    inputs = {name: tensor[:1] for name, tensor in zoo.batch(module, padded=False).items()}
    route, (layers,) = capture_batch(module, inputs)
    assert route == ("fallback" if architecture in ("bloom", "gptj", "fsmt") else "interface")
    blocks = given_by(module, NAMES[architecture], inputs)
    for layer, block in zip(layers, blocks, strict=True):
        ours, theirs = summed(layer), block.detach().numpy().reshape(layer.n_queries, -1)
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5 * np.abs(theirs).max())


@pytest.mark.parametrize("architecture", ["bert", "t5", "gptj"])
def test_a_batch_finds_the_same(architecture):
    module = zoo.build(architecture)
    inputs = zoo.batch(module, padded=True)
    _, texts = capture_batch(module, inputs)
    _, (alone,) = capture_batch(module, {name: tensor[:1] for name, tensor in inputs.items()})
    for layers in texts:
        for layer, expected in zip(layers, alone, strict=True):
            np.testing.assert_array_equal(layer.output_projection, expected.output_projection)


@pytest.mark.parametrize("architecture", ["qwen3_next", "bitnet"])
def test_a_gated_or_normed_output_has_none(architecture):
    """Between attention and projection stands a gate or a norm: without it the parts would not add up to anything."""
    module = zoo.build(architecture)
    _, texts = capture_batch(module, zoo.batch(module, padded=False))
    assert [layer.output_projection for layer in texts[0]] == [None] * len(texts[0])


def test_it_costs_no_memory(tiny_model):
    """A copy of d_model² a layer would grow every cached trace by a third of the model."""
    model = tiny_model("llama")
    layer = trace(model, TEXT).layers[0]
    weight = model.module.layers[0].self_attn.o_proj.weight
    assert layer.output_projection.__array_interface__["data"][0] == weight.data_ptr()
    assert not layer.output_projection.flags.writeable and sys.getsizeof(layer.output_projection) < 1000
