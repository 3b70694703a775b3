"""The certificate: green for what is right, red for every fault that is planted."""

import math
from dataclasses import fields, replace

import numpy as np
import pytest
import torch

import attnviz
from attnviz.capture.layers import twin_of
from attnviz.capture.tracing import batch_of_one, trace
from attnviz.core.attention import attention as true_attention
from attnviz.errors import AttnvizError
from attnviz.traces import Head
from attnviz.validation import certificate as module
from attnviz.validation.certificate import certify, validate
from attnviz.validation.results import Certificate
from attnviz.validation.sentences import SENTENCES

TEXT = "The cat sat on the mat, and the dog saw the cat."
ARCHITECTURES = ["bert", "distilbert", "roberta", "gpt2", "gpt_neox", "llama", "mistral", "gemma2", "gpt_oss"]
DECODERS = [name for name in ARCHITECTURES if name not in ("bert", "distilbert", "roberta")]
KEYS = {"model", "architecture", "route", "texts", "n_layers", "n_heads", "max_weight_error", "max_drift",
        "max_output_error", "max_row_sum_error", "causal_leak", "tolerance", "passed", "heads"}  # fmt: skip
HEAD_KEYS = {"kind", "layer", "head", "weight_error", "drift", "output_error"}


def passes(model, traced) -> bool:
    """Whether a trace is certified; a refusal to compare is no pass either."""
    try:
        return certify(model, traced).passed
    except (ValueError, IndexError):
        return False


# --- green ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_architecture_is_certified(tiny_model, architecture):
    """Every head, every text: a certificate that skips one proves nothing of it."""
    certificate = validate(tiny_model(architecture), [TEXT, "a", "你好，世界"])
    assert certificate.passed and not certificate.sampled
    assert certificate.max_weight_error <= 2e-6 and certificate.max_drift <= 2e-5
    assert certificate.max_output_error <= 1e-5 and certificate.max_row_sum_error <= 1e-5
    assert certificate.causal_leak == (0.0 if architecture in DECODERS else None)
    assert (certificate.texts, certificate.n_layers, certificate.n_heads) == (3, 2, 4)
    kind = "decoder" if architecture in DECODERS else "encoder"
    assert [head.address for head in certificate.heads] == [Head(kind, i, j) for i in range(2) for j in range(4)]
    assert certificate.tolerance == 1e-5


@pytest.mark.parametrize("name", ["minilm", "stories260k"])
def test_a_real_model_is_certified_on_the_ten_sentences(request, name):
    """The acceptance: MiniLM, 6 × 12 heads, and stories260K, grouped heads and rotary positions."""
    model = request.getfixturevalue(name)
    done = []
    certificate = validate(model, progress=lambda *count: done.append(count))
    assert certificate.passed and certificate.texts == len(SENTENCES) == 10
    assert done == [(i, 10) for i in range(1, 11)]
    layers, heads = (6, 12) if name == "minilm" else (5, 8)
    assert (certificate.n_layers, certificate.n_heads, len(certificate.heads)) == (layers, heads, layers * heads)
    assert certificate.max_weight_error < 1e-5 and certificate.drift_tolerance == 2e-5


def test_the_sorter_is_certified(nano_sort):
    assert validate(nano_sort, ["CBBABCCABAA", "A", "ABC"]).passed


def test_a_pair_is_certified(tiny_model):
    assert certify(tiny_model("bert"), trace(tiny_model("bert"), "the cat", "the dog sat")).passed


def test_the_model_is_left_as_it_was(tiny_model):
    """Validation runs beside other readers: nothing may be toggled on their model."""
    model = tiny_model("gpt2")
    traced = trace(model, TEXT)
    implementation = model.module.config._attn_implementation
    certify(model, traced)
    again = trace(model, TEXT)
    assert model.module.config._attn_implementation == implementation
    for before, after in zip(traced.layers, again.layers, strict=True):
        np.testing.assert_array_equal(before.q, after.q)


# --- red: faults in what is on screen -------------------------------------------------------------------------------


def with_layer(traced, index, **changes):
    layers = list(traced.layers)
    layers[index] = replace(layers[index], **changes)
    return replace(traced, layers=tuple(layers))


def swapped(array, first=0, second=1):
    order = list(range(len(array)))
    order[first], order[second] = second, first
    return array[order]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("factor", [1.001, 0.5, -1.0, 8**0.5])
def test_a_wrong_scale_is_red(tiny_model, architecture, factor):
    model = tiny_model(architecture)
    traced = trace(model, TEXT)
    for index in range(2):
        assert not passes(model, with_layer(traced, index, scale=traced.layers[index].scale * factor))


@pytest.mark.parametrize("architecture", DECODERS)
def test_a_dropped_mask_is_red(tiny_model, architecture):
    model = tiny_model(architecture)
    traced = trace(model, TEXT)
    for index in range(2):
        broken = with_layer(traced, index, mask=None)
        assert not passes(model, broken)
        assert certify(model, broken).causal_leak > 0.01
        assert not passes(model, with_layer(traced, index, mask=None, kind="encoder"))


def test_a_mask_off_by_one_is_red(tiny_model):
    """One key too many or too few, anywhere."""
    for architecture in ("gpt2", "mistral"):
        model = tiny_model(architecture)
        traced = trace(model, TEXT)
        mask = traced.layers[1].mask
        n = mask.shape[-1]
        for query, key in ((n - 1, n - 1), (n - 2, n - 1), (3, 2), (0, 1)):
            flipped = mask.copy()
            flipped[0, query, key] ^= True
            assert not passes(model, with_layer(traced, 1, mask=flipped))
        assert not passes(model, with_layer(traced, 1, mask=np.zeros_like(mask)))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("part", ["q", "k", "v"])
def test_a_swapped_head_order_is_red(tiny_model, architecture, part):
    """The right maps under the wrong heads' names. With v swapped a weight's breakdown has a wrong output."""
    model = tiny_model(architecture)
    traced = trace(model, TEXT)
    for index in range(2):
        assert not passes(model, with_layer(traced, index, **{part: swapped(getattr(traced.layers[index], part))}))


def test_swapped_or_missing_layers_are_red(tiny_model):
    for architecture in ("bert", "gpt2"):
        model = tiny_model(architecture)
        traced = trace(model, TEXT)
        assert not passes(model, replace(traced, layers=traced.layers[::-1]))
        assert not passes(model, replace(traced, layers=traced.layers + traced.layers[:1]))
        for layers in (traced.layers[:1], ()):
            with pytest.raises(ValueError, match="layers"):
                certify(model, replace(traced, layers=layers))


@pytest.mark.parametrize("part", ["q", "k", "v"])
@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_nan_is_red(tiny_model, part, number):
    """NaN compares false with every gate: a careless comparison lets it pass."""
    model = tiny_model("gpt2")
    traced = trace(model, TEXT)
    broken = getattr(traced.layers[0], part).copy()
    broken[2, 3, 1] = number
    assert not passes(model, with_layer(traced, 0, **{part: broken}))


def test_a_lost_softcap_or_sink_or_an_invented_bias_is_red(tiny_model):
    gemma, oss, gpt2 = tiny_model("gemma2"), tiny_model("gpt_oss"), tiny_model("gpt2")
    traced = trace(gemma, TEXT)
    assert not passes(gemma, with_layer(traced, 0, softcap=None))
    assert not passes(gemma, with_layer(traced, 0, softcap=4.0))
    traced = trace(oss, TEXT)
    assert not passes(oss, with_layer(traced, 1, sink=None))
    assert not passes(oss, with_layer(traced, 1, sink=swapped(traced.layers[1].sink)))
    traced = trace(gpt2, TEXT)
    n = len(traced.tokens)
    ramp = np.linspace(0, 1, n, dtype=np.float32)[None, None, :] * np.ones((1, n, 1), np.float32)
    assert not passes(gpt2, with_layer(traced, 0, bias=ramp))


def test_another_texts_trace_is_red(tiny_model):
    """A cache that returns the wrong trace."""
    model = tiny_model("gpt2")
    traced = trace(model, "the cat")
    assert not passes(model, replace(traced, layers=trace(model, "the dog").layers))
    assert not passes(model, replace(traced, layers=trace(model, TEXT).layers))


def test_one_spoiled_number_is_red_and_its_head_is_named(tiny_model):
    """Red says which head: the grid is coloured by it."""
    model = tiny_model("gpt2")
    traced = trace(model, TEXT)
    q = traced.layers[1].q.copy()
    q[2, 5] += 0.05
    certificate = certify(model, with_layer(traced, 1, q=q))
    assert not certificate.passed
    drifts = {(head.layer, head.head): head.drift for head in certificate.heads}
    assert max(drifts, key=drifts.get) == (1, 2) and certificate.max_drift == drifts[1, 2]
    assert all(drift < 2e-5 for address, drift in drifts.items() if address != (1, 2))
    assert certificate.of(Head("decoder", 1, 2)).drift == drifts[1, 2]
    with pytest.raises(KeyError):
        certificate.of(Head("encoder", 1, 2))


# --- red: faults in the core that the certificate runs --------------------------------------------------------------


def spoiled(change):
    """Our attention, with some of its stages replaced by what `change` makes of them."""

    def core(*arguments, **options):
        stages = true_attention(*arguments, **options)
        return replace(stages, **change(stages))

    return core


def first_is_nan(weights):
    spoilt = weights * 1
    spoilt[(0,) * spoilt.ndim] = math.nan
    return spoilt


FAULTY_CORES = {
    "scale": lambda q, k, v, *, scale, **o: true_attention(q, k, v, scale=scale * 1.001, **o),
    "no scale": lambda q, k, v, *, scale, **o: true_attention(q, k, v, **o),
    "no mask": lambda q, k, v, *, mask, **o: true_attention(q, k, v, mask=None, **o),
    "heads swapped": lambda q, k, v, **o: true_attention(q, swapped(k), v, **o),
    "values swapped": lambda q, k, v, **o: true_attention(q, k, swapped(v), **o),
    "weights NaN": spoiled(lambda stages: {"weights": stages.weights * math.nan}),
    "one weight NaN": spoiled(lambda stages: {"weights": first_is_nan(stages.weights)}),
    "weights zero": spoiled(lambda stages: {"weights": stages.weights * 0}),
    "output NaN": spoiled(lambda stages: {"output": stages.output * math.nan}),
    "output zero": spoiled(lambda stages: {"output": stages.output * 0}),
    "all rows dead": spoiled(
        lambda stages: {
            "dead_rows": stages.dead_rows | True, "weights": stages.weights * 0, "output": stages.output * 0,
        }
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTY_CORES)
def test_a_faulty_core_in_the_certificate_is_red(tiny_model, monkeypatch, fault):
    """The core is held to the twin's weights and output: whatever is wrong in it must show."""
    model = tiny_model("gpt2")
    traced = trace(model, TEXT)
    monkeypatch.setattr(module, "attention", FAULTY_CORES[fault])
    assert not passes(model, traced)


@pytest.mark.parametrize("fault", FAULTY_CORES)
def test_a_faulty_core_on_screen_is_red(tiny_model, monkeypatch, fault):
    """A picture that is wrong, or blank with NaN, while the certificate's own core is right."""
    model = tiny_model("gpt2")
    traced = trace(model, TEXT)
    monkeypatch.setattr("attnviz.traces.attention", FAULTY_CORES[fault])
    assert not passes(model, traced)


@pytest.mark.parametrize("fault", FAULTY_CORES)
def test_a_faulty_core_everywhere_is_red(tiny_model, monkeypatch, fault):
    """The same fault on screen and in the certificate must not cancel out."""
    model = tiny_model("gpt2")
    traced = trace(model, TEXT)
    monkeypatch.setattr(module, "attention", FAULTY_CORES[fault])
    monkeypatch.setattr("attnviz.traces.attention", FAULTY_CORES[fault])
    assert not passes(model, traced)


def test_a_faulty_capture_is_red(tiny_model, monkeypatch):
    """A recorder that gives away the wrong tensors, while the model itself runs on the right ones."""
    model = tiny_model("llama")
    faults = {
        "query": lambda call: replace(call, query=call.query.roll(1, dims=1)),
        "key": lambda call: replace(call, key=call.key.flip(1)),
        "scale": lambda call: replace(call, scale=1.0),
        "mask": lambda call: replace(call, mask=None),
    }
    from attnviz.capture import layers as capturing

    recording = capturing.recording
    for fault in faults.values():
        with monkeypatch.context() as broken:
            broken.setattr(capturing, "recording", lambda keep, fault=fault: recording(lambda call: keep(fault(call))))
            traced = trace(model, TEXT)
        assert not passes(model, traced)
    assert passes(model, trace(model, TEXT))


# --- the gates ------------------------------------------------------------------------------------------------------


def test_the_float64_twin_is_asked_only_when_drift_needs_it(tiny_model, monkeypatch):
    """A second model in double precision is slow and large: it must not be built for every certificate."""
    asked = []
    true_distance = module._float64_distance
    monkeypatch.setattr(module, "_float64_distance", lambda *a: asked.append(1) or true_distance(*a))
    model = tiny_model("gpt2")
    traced = trace(model, TEXT)
    green = certify(model, traced)
    assert green.passed and not asked and green.drift_tolerance == 2e-5
    red = certify(model, with_layer(traced, 0, scale=traced.layers[0].scale * 1.001))
    assert not red.passed and len(asked) == 1 and 2e-5 <= red.drift_tolerance < 1e-4


def test_the_drift_gate_is_ten_times_what_float32_itself_costs(tiny_model, monkeypatch):
    model = tiny_model("gpt2")
    traced = trace(model, TEXT)
    broken = with_layer(traced, 0, scale=traced.layers[0].scale * 1.0005)
    drift = certify(model, broken).max_drift
    assert drift > 2e-5
    for distance, passed in ((drift / 9, True), (drift / 11, False), (math.nan, False)):
        monkeypatch.setattr(module, "_float64_distance", lambda *a, distance=distance: distance)
        certificate = certify(model, broken)
        assert certificate.passed is passed
        if passed:
            assert certificate.drift_tolerance == pytest.approx(10 * distance)


def test_the_float64_distance_is_small_and_leaves_the_model_in_float32(tiny_model):
    model = tiny_model("llama")
    distance = module._float64_distance(
        model.module, batch_of_one(model.module, trace(model, TEXT).inputs), "interface"
    )
    assert 0 < distance < 2e-5
    assert {p.dtype for p in model.module.parameters()} == {torch.float32}


def test_a_long_text_is_sampled_and_says_so(tiny_model, monkeypatch):
    """Above 1,024 tokens 64 rows a head stand for all; the badge must not claim more."""
    model = tiny_model("llama")
    compared = []
    true_compare = module._compare_heads
    monkeypatch.setattr(module, "_compare_heads", lambda *a: compared.append(a[-1]) or true_compare(*a))
    traced = trace(model, "a" * 1030)
    assert len(traced.tokens) > 1024
    certificate = certify(model, traced)
    assert certificate.passed and certificate.sampled and {len(rows) for rows in compared} == {64}
    assert all(len(np.unique(rows)) == 64 and rows.max() < len(traced.tokens) for rows in compared)
    assert not passes(model, with_layer(traced, 1, scale=0.3))
    compared.clear()
    whole = trace(model, "a" * (1030 - len(traced.tokens) + 1024))
    assert len(whole.tokens) == 1024
    certificate = certify(model, whole)
    assert not certificate.sampled and {len(rows) for rows in compared} == {1024}


def test_several_texts_make_one_certificate_of_the_largest_errors(tiny_model, monkeypatch):
    model = tiny_model("gpt2")
    texts = [TEXT, "a", "the dog"]
    alone = [certify(model, trace(model, text)) for text in texts]
    whole = validate(model, texts)
    assert whole.texts == 3 and whole.max_drift == max(one.max_drift for one in alone)
    for i, head in enumerate(whole.heads):
        for name in ("weight_error", "drift", "output_error"):
            assert getattr(head, name) == max(getattr(one.heads[i], name) for one in alone)
    for spoiled in range(3):
        given = iter(replace(one, passed=i != spoiled, max_drift=math.nan) for i, one in enumerate(alone))
        monkeypatch.setattr(module, "certify", lambda *a, given=given: next(given))
        merged = validate(model, texts)
        assert merged.passed is False and math.isnan(merged.max_drift)


def test_the_json_shape(tiny_model):
    """Scripts read these keys."""
    told = validate(tiny_model("gpt2"), [TEXT]).to_dict()
    assert told.keys() == KEYS
    assert all(head.keys() == HEAD_KEYS for head in told["heads"])
    assert told["architecture"] == "gpt2" and told["route"] == "interface" and told["passed"] is True
    assert KEYS - {field.name for field in fields(Certificate)} == set()


@pytest.mark.parametrize(("texts", "message"), [([], "no text"), ([""], "empty"), (["a", " "], "empty")])
def test_nothing_to_validate_on_is_refused(tiny_model, texts, message):
    """No text, no proof: a certificate of nothing must not be green."""
    with pytest.raises(AttnvizError, match=message):
        attnviz.validate(tiny_model("gpt2"), texts)


def test_the_twin_goes_with_its_model(tiny_folder):
    """Twins kept alive would keep every model that was ever looked at in memory."""
    import gc
    import weakref

    from attnviz.models.loading import load_model

    model = load_model(str(tiny_folder("gpt2")))
    certify(model, trace(model, "the cat"))
    twin, module_gone = weakref.ref(twin_of(model.module)), weakref.ref(model.module)
    del model
    gc.collect()
    assert module_gone() is None and twin() is None
