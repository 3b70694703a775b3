"""The route through transformers' attention interface: nothing is missed, nothing leaks, nothing is toggled."""

import copy
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest
import torch
import transformers
from transformers import AttentionInterface, AttentionMaskInterface

from attnviz.capture.interface import (
    IMPLEMENTATION,
    Bypassed,
    eager_twin,
    normalise_mask,
    prepare,
    recording,
    watching_eager,
)
from attnviz.capture.layers import observe
from attnviz.capture.tracing import read_text, run, trace
from attnviz.errors import AttnvizError
from attnviz.models.loading import load_model

TEXT = "The cat sat on the mat"


@pytest.fixture
def fresh(tiny_folder):
    """A model of its own, to break."""
    return lambda architecture: load_model(str(tiny_folder(architecture)))


def hidden(model, text: str = TEXT) -> torch.Tensor:
    inputs = read_text(model, text).inputs
    with torch.inference_mode():
        return model.module(**{name: torch.tensor([ids]) for name, ids in inputs.items()}).last_hidden_state


@pytest.mark.parametrize("architecture", ["bert", "gpt2", "llama"])
def test_a_prepared_model_computes_what_it_did(fresh, architecture):
    """Looking must not change what is looked at: idle, the recorder runs SDPA as before."""
    model = fresh(architecture)
    assert model.module.config._attn_implementation == "sdpa"
    before = hidden(model)
    prepare(model.module)
    assert model.module.config._attn_implementation == IMPLEMENTATION
    torch.testing.assert_close(hidden(model), before, rtol=0, atol=2e-5)
    prepare(model.module)  # a second time changes nothing


def test_a_pass_that_is_looked_at_keeps_nothing_for_a_next_token():
    """Labelling would hold every layer's keys and values at once; writing, which needs them, asks for them itself."""
    whole = load_model("tiny-gpt").language_model
    ids = torch.tensor([[5, 6, 7]])
    assert observe(whole.base_model, {"input_ids": ids}, lambda *_: None).result.past_key_values is None
    assert whole(ids).past_key_values is None
    assert whole.generate(ids, max_new_tokens=2, return_dict_in_generate=True).past_key_values is not None


@pytest.mark.parametrize("architecture", ["gemma2", "gpt_oss"])
def test_softcap_and_sinks_run_on_our_core(fresh, architecture):
    """SDPA knows neither: the hidden states after it, and every map of a later layer, would be wrong."""
    model = fresh(architecture)
    twin = eager_twin(model.module)
    prepare(model.module)
    inputs = {name: torch.tensor([ids]) for name, ids in read_text(model, TEXT).inputs.items()}
    with torch.inference_mode():
        ours, theirs = model.module(**inputs).last_hidden_state, twin(**inputs).last_hidden_state
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
    traced = trace(model, TEXT)
    layer = traced.layers[0]
    assert (layer.softcap == 5.0) if architecture == "gemma2" else (layer.sink.shape == (4,) and np.any(layer.sink))


def test_recording_does_not_leak(fresh):
    """A watcher left behind would mix one reader's text into another's trace."""
    model = fresh("gpt2")
    prepare(model.module)
    read = read_text(model, TEXT)
    outer, inner, eager = [], [], []
    with recording(outer.append):
        run(model.module, read.inputs)
        with recording(inner.append):
            run(model.module, read.inputs)
        run(model.module, read.inputs)
    run(model.module, read.inputs)
    assert (len(outer), len(inner)) == (4, 2)
    twin = eager_twin(model.module)
    run(twin, read.inputs)
    with watching_eager(lambda *seen: eager.append(seen)):
        run(twin, read.inputs)
    run(twin, read.inputs)
    assert len(eager) == 2 and (len(outer), len(inner)) == (4, 2)


def test_recording_ends_with_an_error(fresh):
    model = fresh("gpt2")
    prepare(model.module)
    seen = []
    for watch in (recording, watching_eager):
        with pytest.raises(KeyError), watch(lambda *call: seen.append(call)):
            raise KeyError
    run(model.module, read_text(model, TEXT).inputs)
    run(eager_twin(model.module), read_text(model, TEXT).inputs)
    assert not seen


def test_two_threads_get_their_own_traces(fresh):
    """Two readers, two texts, one model: each must see the own text's map."""
    model = fresh("bert")
    texts = ["The cat sat on the mat", "the dog saw the children in the garden"]
    alone = [trace(model, text) for text in texts]
    barrier = Barrier(2)

    def often(text):
        barrier.wait(10)
        return [trace(model, text) for _ in range(6)]

    with ThreadPoolExecutor(2) as pool:
        for expected, traces in zip(alone, pool.map(often, texts), strict=True):
            for traced in traces:
                assert traced.tokens == expected.tokens and len(traced.layers) == 2
                for layer, other in zip(traced.layers, expected.layers, strict=True):
                    np.testing.assert_array_equal(layer.q, other.q)


def test_two_threads_without_the_lock_keep_their_calls_apart(fresh):
    """The recorder itself is each thread's own."""
    model = fresh("gpt2")
    prepare(model.module)
    reads = [read_text(model, text) for text in ("cat", TEXT)]
    barrier = Barrier(2)

    def lengths(read):
        seen = []
        barrier.wait(10)
        for _ in range(10):
            with recording(lambda call: seen.append(call.query.shape[-2])):
                run(model.module, read.inputs)
        return seen

    with ThreadPoolExecutor(2) as pool:
        for read, seen in zip(reads, pool.map(lengths, reads), strict=True):
            assert seen == [len(read.tokens)] * 20


@pytest.mark.parametrize("where", ["feed-forward", "recorder"])
def test_after_a_failure_in_mid_forward_the_model_is_as_before(fresh, monkeypatch, where):
    """One failed request must not spoil the shared model for everybody else."""
    model = fresh("gpt2")
    trace(model, TEXT)
    before, implementation = hidden(model), model.module.config._attn_implementation

    def fail(*args, **options):
        raise ZeroDivisionError

    with monkeypatch.context() as broken, pytest.raises(AttnvizError, match="ZeroDivisionError"):
        if where == "recorder":
            broken.setattr("attnviz.capture.layers.to_numpy", fail)
            trace(model, TEXT)
        else:
            hook = model.module.h[1].mlp.register_forward_pre_hook(fail)
            try:
                trace(model, TEXT)
            finally:
                hook.remove()
    assert torch.equal(hidden(model), before)
    assert model.module.config._attn_implementation == implementation
    assert not model.lock._is_owned()
    assert len(trace(model, TEXT).layers) == 2


def test_out_of_memory_in_mid_forward_is_explained(fresh):
    model = fresh("gpt2")

    def fail(*args):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 99 bytes")

    hook = model.module.h[1].mlp.register_forward_pre_hook(fail)
    with pytest.raises(AttnvizError, match="not enough memory"):
        trace(model, TEXT)
    hook.remove()
    trace(model, TEXT)


@pytest.mark.parametrize("architecture", ["bert", "gpt2", "llama"])
def test_the_twin_shares_every_tensor_and_the_model_keeps_its_own_way(fresh, architecture):
    """A copied model would double the memory; a toggled one would change under another reader."""
    module = fresh(architecture).module
    prepare(module)
    twin = eager_twin(module)
    for tensors in ("named_parameters", "named_buffers"):
        ours, theirs = dict(getattr(module, tensors)()), dict(getattr(twin, tensors)())
        assert ours.keys() == theirs.keys()
        assert all(ours[name].data_ptr() == theirs[name].data_ptr() for name in ours)
    assert twin.config._attn_implementation == "eager" and twin.config is not module.config
    assert module.config._attn_implementation == IMPLEMENTATION
    assert twin is not module and not twin.training


def test_without_the_mask_function_no_map_is_drawn(fresh, monkeypatch):
    """transformers then passes no mask at all, silently: a causal model's map would show the future."""
    model = fresh("gpt2")
    mapping = type(AttentionMaskInterface()._global_mapping)(AttentionMaskInterface._global_mapping)
    del mapping[IMPLEMENTATION]
    monkeypatch.setattr(AttentionMaskInterface, "_global_mapping", mapping)
    with pytest.raises(AttnvizError, match="without its mask"):
        trace(model, TEXT)


@pytest.mark.parametrize("name", ["indices", "block_indices", "cu_seq_lens_q", "something_new"])
def test_an_argument_that_we_do_not_know_takes_the_fallback(fresh, monkeypatch, name):
    """A sparse selection that is not in the mask would be drawn as if every key had been looked at."""
    model = fresh("gpt2")
    expected = trace(model, TEXT)
    recorded = AttentionInterface._global_mapping[IMPLEMENTATION]

    def with_more(*args, **options):
        return recorded(*args, **options, **{name: torch.zeros(1)})

    monkeypatch.setitem(AttentionInterface._global_mapping, IMPLEMENTATION, with_more)
    traced = trace(model, TEXT)
    assert (expected.route, traced.route) == ("interface", "fallback")
    for layer, other in zip(traced.layers, expected.layers, strict=True):
        np.testing.assert_allclose(layer.attention().weights, other.attention().weights, rtol=0, atol=1e-5)


def test_a_scale_is_never_guessed(fresh, monkeypatch):
    model = fresh("gpt2")
    prepare(model.module)
    recorded = AttentionInterface._global_mapping[IMPLEMENTATION]
    monkeypatch.setitem(
        AttentionInterface._global_mapping,
        IMPLEMENTATION,
        lambda *args, scaling=None, **options: recorded(*args, **options),
    )
    with pytest.raises(AttnvizError, match="scales its scores"):
        trace(model, TEXT)


def test_a_model_that_bypasses_the_interface_is_refused(tmp_path):
    """A model whose attention we never see must not be shown as if it had none."""
    config = transformers.MPNetConfig(
        vocab_size=20, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    )
    with pytest.raises(Bypassed, match="attention interface"):
        prepare(transformers.MPNetModel(config))


def test_outside_the_watcher_other_models_are_untouched():
    """attnviz in a notebook must not change how the reader's own models compute."""
    config = transformers.GPT2Config(vocab_size=20, n_embd=16, n_layer=1, n_head=2, n_positions=16)
    torch.manual_seed(0)
    model = transformers.GPT2Model(config).eval()
    ids = torch.arange(6)[None]
    with torch.no_grad():
        sdpa = model(ids).last_hidden_state
        model.set_attn_implementation("eager")
        eager = model(ids, output_attentions=True)
    torch.testing.assert_close(eager.last_hidden_state, sdpa, rtol=0, atol=1e-5)
    assert eager.attentions[0].shape == (1, 2, 6, 6)
    assert copy.deepcopy(model).config._attn_implementation == "eager"


FLOOR = torch.finfo(torch.float32).min


@pytest.mark.parametrize(
    ("mask", "expected"),
    [
        (None, None),
        (torch.zeros(1, 1, 2, 2), None),
        (torch.ones(1, 1, 2, 2, dtype=torch.bool), None),
        (torch.tensor([[[[0.0, FLOOR], [0.0, 0.0]]]]), [[[[True, False], [True, True]]]]),
        (torch.tensor([[[[0.0, 2 * FLOOR], [0.0, FLOOR + FLOOR]]]]), [[[[True, False], [True, False]]]]),
        (torch.tensor([[[[0.0, -1.5], [0.0, FLOOR]]]]), [[[[0.0, -1.5], [0.0, -np.inf]]]]),
        (torch.tensor([[[[True, False]]]]), [[[[True, False]]]]),
        (torch.tensor([[[[0.0, FLOOR, 0.0]]]]), [[[[True, False]]]]),  # a static cache's tail
        (torch.tensor([[[[0.0, torch.finfo(torch.bfloat16).min]]]]).bfloat16(), [[[[True, False]]]]),
    ],
)
def test_a_mask_is_read_as_what_it_means(mask, expected):
    """The lowest finite number stands for 'may not look'; as a number it would leave weights on padding."""
    converted = normalise_mask(mask, 2)
    assert (None if converted is None else converted.tolist()) == expected
