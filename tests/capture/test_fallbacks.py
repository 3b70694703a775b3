"""The tap on softmax: models whose attention the interface never sees are shown as they are, or not at all."""

import math
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest
import torch
import transformers
from torch.utils._python_dispatch import TorchDispatchMode

from attnviz.capture.interface import Uncapturable
from attnviz.capture.layers import capture_batch, forward, twin_of
from attnviz.capture.tracing import trace
from attnviz.errors import AttnvizError
from attnviz.files import trace_file
from attnviz.models import zoo
from attnviz.models.loading import load_model
from attnviz.validation.certificate import certify, certify_batch

BYPASSING = ["bloom", "deberta-v2", "gptj", "openai-gpt", "xlnet", "fsmt"]


@pytest.fixture(scope="module")
def built():
    """Architecture to a tiny model; shared, so change nothing in it."""
    made = {}

    def model_of(architecture):
        if architecture not in made:
            made[architecture] = zoo.build(architecture)
        return made[architecture]

    return model_of


def captured(module, *, padded=False):
    return capture_batch(module, zoo.batch(module, padded=padded))


def certified(module, *, padded=False):
    inputs = zoo.batch(module, padded=padded)
    route, texts = capture_batch(module, inputs)
    return certify_batch(module, "a model", inputs, route, texts)


@pytest.mark.parametrize("architecture", BYPASSING)
def test_weights_are_those_that_the_model_reports(built, architecture):
    """The map of a model that bypasses the interface is the model's own, head by head."""
    module = built(architecture)
    inputs = zoo.batch(module, padded=False)
    route, texts = capture_batch(module, inputs)
    assert route == "fallback"
    with torch.no_grad():
        output = twin_of(module)(**inputs, output_attentions=True)
    reported = {"encoder": output.get("encoder_attentions"), "cross": output.get("cross_attentions")}
    reported["decoder"] = output.get("decoder_attentions")
    for text in range(2):
        for layer in texts[text]:
            theirs = reported[layer.kind] if module.config.is_encoder_decoder else output.attentions
            np.testing.assert_allclose(layer.attention().weights, theirs[layer.index][text].numpy(), atol=1e-5)


@pytest.mark.parametrize("architecture", BYPASSING)
def test_queries_and_keys_are_found(built, architecture):
    """A weight's breakdown starts at q·k wherever the model has one."""
    _, texts = captured(built(architecture))
    for layer in texts[0]:
        assert layer.scores is None
        width = layer.q.shape[-1]
        assert layer.q.shape == (layer.n_heads, layer.n_queries, width) and layer.k.shape[-1] == width
        scales = {"xlnet": width**-0.5, "gptj": width**-0.5, "bloom": width**-0.5, "openai-gpt": width**-0.5}
        assert layer.scale == pytest.approx(scales.get(architecture, layer.scale))


def test_position_terms_are_a_bias_of_their_own(built):
    """ALiBi falls off in a straight line with the distance; hidden in the scores nobody could see that."""
    (layer, *_), _ = captured(built("bloom"))[1]
    steps = np.diff(layer.bias[:, -1, :], axis=-1)
    np.testing.assert_allclose(steps, steps[:, :1].repeat(steps.shape[-1], axis=1), atol=1e-5)
    assert (steps > 0).all() and layer.mask.dtype == bool
    for architecture in ("deberta", "xlnet", "mpnet"):
        assert all(layer.bias is not None and layer.bias.any() for layer in captured(built(architecture))[1][0])


@pytest.mark.parametrize(("architecture", "kinds"), [("bloom", "d"), ("xlnet", "e"), ("fsmt", "edc"), ("mvp", "edc")])
def test_each_layer_is_of_its_kind(built, architecture, kinds):
    """A cross-attention drawn as self-attention has the wrong tokens on its axes."""
    _, texts = captured(built(architecture))
    names = {"e": "encoder", "d": "decoder", "c": "cross"}
    assert {layer.kind for layer in texts[0]} == {names[letter] for letter in kinds}
    assert [layer.index for layer in texts[0] if layer.kind == names[kinds[0]]] == [0, 1]


def test_one_token_is_a_decoders_too(built):
    """A mask of one cell hides nothing: by it alone a decoder would change into an encoder, or into cross-attention."""
    bloom = built("bloom")
    inputs = {name: tensor[:, :1] for name, tensor in zoo.batch(bloom, padded=False).items()}
    assert {layer.kind for layer in capture_batch(bloom, inputs)[1][0]} == {"decoder"}
    inputs = zoo.batch(built("fsmt"), padded=False)
    inputs["decoder_input_ids"] = inputs["decoder_input_ids"][:, :1]
    kinds = [layer.kind for layer in capture_batch(built("fsmt"), inputs)[1][0]]
    assert kinds == ["encoder", "encoder", "decoder", "cross", "decoder", "cross"]


@pytest.mark.parametrize("architecture", ["longformer", "longt5", "pegasus_x", "led", "prophetnet"])
def test_what_is_no_map_of_tokens_is_refused(built, architecture):
    """Blocks of keys drawn as tokens, or a model shown without the layers that slipped by."""
    with pytest.raises(Uncapturable, match="softmaxes"):
        captured(built(architecture))


@pytest.mark.parametrize("architecture", ["fnet", "mamba", "rwkv"])
def test_a_model_without_attention_is_refused(built, architecture):
    with pytest.raises(Uncapturable, match="never calls softmax"):
        captured(built(architecture))


@pytest.mark.parametrize("architecture", ["mixtral", "switch_transformers", "convbert"])
def test_a_softmax_that_is_no_attention_is_not_shown_as_one(built, architecture):
    """A router's shares of experts, or a convolution's kernel, would be an extra layer of nonsense."""
    module = built(architecture)
    _, texts = captured(module)
    assert len(texts[0]) == (6 if architecture == "switch_transformers" else 2)
    assert certified(module)[0].passed


def test_the_sparse_choice_of_keys_is_in_the_mask(built):
    """DeepSeek's indexer picks keys by an argument that only eager attention turns into a mask."""
    module = built("deepseek_v32")
    assert captured(module)[0] == "fallback" and all(one.passed for one in certified(module))


# --- models that nobody has seen -----------------------------------------------------------------------------------


class StrangersConfig(transformers.PreTrainedConfig):
    model_type = "stranger"


class StrangersAttention(torch.nn.Module):
    """Written from nothing: `how` says in which way."""

    def __init__(self, how):
        super().__init__()
        self.how = how
        self.project = torch.nn.Linear(16, 48)

    def forward(self, hidden):
        batch, n, _ = hidden.shape
        q, k, v = self.project(hidden).view(batch, n, 3, 2, 8).permute(2, 0, 3, 1, 4)
        if self.how == "fused":
            mixed = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            return mixed.transpose(1, 2).reshape(batch, n, 16)
        if self.how == "shared key":  # one key head, but a value head of each query's own
            k = k[:, :1]
            scores = (q.reshape(batch, 1, 2 * n, 8) @ k.mT).view(batch, 2, n, n)
            return (torch.softmax(scores, -1) @ v).transpose(1, 2).reshape(batch, n, 16)
        if self.how == "einsum":
            scores = torch.einsum("bhid,bhjd->bhij", q * 8**-0.5, k)
        elif self.how == "capped":
            scores = 5 * torch.tanh(q @ k.mT / 5)
        else:
            scores = q @ k.transpose(-1, -2) / math.sqrt(8)
        if self.how == "explicit":
            weights = scores.exp() / scores.exp().sum(-1, keepdim=True)
        else:
            weights = torch.softmax(scores, -1)
        return (weights @ v).transpose(1, 2).reshape(batch, n, 16)


class StrangersModel(transformers.PreTrainedModel):
    config_class = StrangersConfig

    def __init__(self, config, how):
        super().__init__(config)
        self.words = torch.nn.Embedding(100, 16)
        self.layers = torch.nn.ModuleList(StrangersAttention(how) for _ in range(2))
        self.post_init()

    def forward(self, input_ids, attention_mask=None):
        hidden = self.words(input_ids)
        for layer in self.layers:
            hidden = hidden + layer(hidden)
        return hidden


def stranger(how):
    torch.manual_seed(0)
    model = StrangersModel(StrangersConfig(), how).eval().requires_grad_(False)
    for parameter in model.parameters():
        parameter.normal_(std=0.5)
    return model


@pytest.mark.parametrize("how", ["plain", "einsum", "capped", "fused", "shared key"])
def test_a_strangers_model_is_certified(how):
    """A class of models that did not exist when this was written."""
    model = stranger(how)
    route, texts = captured(model)
    kind = "decoder" if how == "fused" else "encoder"
    assert route == "fallback" and [layer.kind for layer in texts[0]] == [kind] * 2
    assert all(one.passed and len(one.heads) == one.heads_expected == 4 for one in certified(model))
    assert (texts[0][0].q is None) == (how in ("capped", "shared key")), "not followed: the scores stand in"


def test_scores_stand_in_where_queries_are_unknown():
    _, texts = captured(stranger("capped"))
    layer = texts[0][0]
    assert layer.vectors(1)[0] is None and layer.vectors(1)[2].shape == (zoo.TOKENS, 8)
    np.testing.assert_array_equal(layer.attention(1).scores, layer.scores[1])
    np.testing.assert_allclose(layer.attention(1, np.array([3])).weights, layer.attention().weights[1, [3]], atol=1e-7)


def test_a_strangers_own_softmax_is_refused_with_the_reason():
    with pytest.raises(Uncapturable, match="never calls softmax"):
        captured(stranger("explicit"))


class OwnAttention(transformers.models.gpt2.modeling_gpt2.GPT2Attention):
    """A subclass that computes attention itself, in a model whose other layers go through the interface."""

    def forward(self, hidden_states, *arguments, **options):
        batch, n, width = hidden_states.shape
        q, k, v = self.c_attn(hidden_states).view(batch, n, 3, self.num_heads, self.head_dim).permute(2, 0, 3, 1, 4)
        if self.fused:
            mixed = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            return self.c_proj(mixed.transpose(1, 2).reshape(batch, n, width)), None
        later = torch.ones(n, n, dtype=torch.bool).triu(1)
        weights = torch.softmax((q @ k.mT * self.head_dim**-0.5).masked_fill(later, -math.inf), -1)
        return self.c_proj((weights @ v).transpose(1, 2).reshape(batch, n, width)), weights


@pytest.mark.parametrize("fused", [False, True])
def test_a_layer_that_slips_past_the_interface_is_found(fused):
    """One attention of its own among others: without a count the model would be shown with a layer missing."""
    module = zoo.build("gpt2")
    own = OwnAttention(module.config, layer_idx=1)
    own.fused = fused
    own.load_state_dict(module.transformer.h[1].attn.state_dict())
    module.transformer.h[1].attn = own.eval().requires_grad_(False)
    route, texts = captured(module)
    assert route == "fallback" and len(texts[0]) == 2
    assert all(one.passed and one.heads_expected == 8 for one in certified(module))


def test_a_folder_goes_the_same_way(tmp_path, bytes_tokenizer):
    """From a folder on disk to a certified trace and its file, by the same commands as any other model."""
    tokenizer = bytes_tokenizer(pair=False)
    torch.manual_seed(0)
    config = transformers.BloomConfig(
        vocab_size=len(tokenizer), hidden_size=32, n_layer=2, n_head=4, initializer_range=0.3, pad_token_id=1
    )
    transformers.BloomModel(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    model = load_model(str(tmp_path))
    traced = trace(model, "The cat sat on the mat")
    assert traced.route == "fallback" and traced.kinds == ("decoder",)
    certificate = certify(model, traced)
    assert certificate.passed and certificate.route == "fallback" and certificate.causal_leak == 0
    trace_file.write(traced, tmp_path / "t.npz")
    assert np.load(tmp_path / "t.npz")["L0.decoder.q"].shape == traced.layers[0].q.shape


def test_a_model_that_cannot_be_shown_says_so_in_one_line(tmp_path, bytes_tokenizer):
    tokenizer = bytes_tokenizer(pair=False)
    config = transformers.MambaConfig(vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=1, state_size=4)
    transformers.MambaModel(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(AttnvizError, match=r"never calls softmax over keys.*Pick another model") as refused:
        trace(load_model(str(tmp_path)), "a cat")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("how", ["plain", "capped"])
def test_weights_that_hold_nan_are_refused(how):
    model = stranger(how)
    model.layers[1].project.weight[20] = math.nan
    with pytest.raises(AttnvizError, match="damaged"):
        captured(model)


# --- what is shown is what was used ---------------------------------------------------------------------------------


class Perturbed(TorchDispatchMode):
    """Moves weight from one key to another in the first softmax over keys that runs."""

    def __init__(self):
        super().__init__()
        self.done = None

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if func.overloadpacket.__name__ == "_softmax" and self.done is None:
            self.done = result.clone()
            result[0, 0, -1, 0] += 0.5
        return result


@pytest.mark.parametrize("architecture", ["llama", "bert", "bloom", "deberta"])
def test_changing_a_captured_weight_changes_the_output(built, architecture):
    """Weights that are drawn but that the model does not use would be a picture of nothing."""
    module = built(architecture)
    inputs = zoo.batch(module, padded=False)
    _, texts = capture_batch(module, inputs)
    twin = twin_of(module)
    with torch.no_grad():
        before = twin(**inputs).logits
        with Perturbed() as perturbed:
            after = twin(**inputs).logits
    np.testing.assert_allclose(texts[0][0].attention().weights, perturbed.done[0].numpy(), atol=1e-5)
    assert (before[0, -1] - after[0, -1]).abs().max() > 1e-3
    assert torch.equal(before[1], after[1]), "the other text of the batch has weights of its own"


# --- shared models --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("architecture", ["bert", "bloom", "fsmt"])
@pytest.mark.parametrize("stage", ["before", "in attention", "after"])
def test_a_failure_leaves_no_trace(architecture, stage, monkeypatch):
    """One reader's failed request must not change what the next one gets."""
    module = zoo.build(architecture)
    inputs = zoo.batch(module, padded=True)
    capture_batch(module, inputs)
    with torch.no_grad():
        before = module(**inputs).logits

    def fail(*arguments, **options):
        raise ZeroDivisionError

    with monkeypatch.context() as broken, pytest.raises(ZeroDivisionError):
        if stage == "in attention":
            broken.setattr("attnviz.capture.layers.to_numpy", fail)
            capture_batch(module, inputs)
        else:
            running = twin_of(module) if architecture != "bert" else module
            part = [part for part in running.modules() if not list(part.children())][0 if stage == "before" else -1]
            hook = part.register_forward_pre_hook(fail)
            try:
                capture_batch(module, inputs)
            finally:
                hook.remove()
    with torch.no_grad():
        assert torch.equal(module(**inputs).logits, before)
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in twin_of(module).modules())
    assert all(one.passed for one in certified(module, padded=True))


@pytest.mark.parametrize("architecture", ["bert", "bloom"])
def test_two_threads_get_their_own_layers(built, architecture):
    """Two readers, two texts, one model."""
    module = built(architecture)
    texts = [zoo.batch(module, padded=padded) for padded in (False, True)]
    alone = [capture_batch(module, inputs)[1] for inputs in texts]
    barrier = Barrier(2)

    def often(inputs):
        barrier.wait(10)
        return [capture_batch(module, inputs)[1] for _ in range(4)]

    with ThreadPoolExecutor(2) as pool:
        for expected, found in zip(alone, pool.map(often, texts), strict=True):
            for layers in found:
                for layer, other in zip(layers[1], expected[1], strict=True):
                    np.testing.assert_array_equal(layer.attention().weights, other.attention().weights)


def test_outside_the_tap_nothing_is_followed(built):
    module = built("bloom")
    inputs = zoo.batch(module, padded=False)
    twin = twin_of(module)
    with torch.no_grad():
        before = twin(**inputs).logits
    captured(module)
    with torch.no_grad():
        assert torch.equal(twin(**inputs).logits, before)
    forward(twin, inputs)
