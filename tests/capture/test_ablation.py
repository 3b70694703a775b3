"""A replaced head: by hand in a model of one layer, on both routes in every architecture, and gone without a trace."""

import json
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

import attnviz.validation
from attnviz.capture.ablation import head_means, head_outputs, intervened
from attnviz.capture.interface import Uncapturable
from attnviz.capture.layers import capture_batch, forward, observe
from attnviz.capture.mean_outputs import mean_outputs
from attnviz.capture.predictions import predictions
from attnviz.capture.tracing import batch_of_one, trace
from attnviz.errors import AttnvizError
from attnviz.models import zoo
from attnviz.models.loading import load_model
from attnviz.traces import Head
from attnviz.validation.certificate import certify_batch
from tests.rotation import rotated

FIRST = Head("decoder", 0, 1)
REPORT = Path(attnviz.validation.__file__).with_name("architectures.json")
PASSED = [one["name"] for one in json.loads(REPORT.read_text())["architectures"] if one["passed"]]
SOME = ("gpt2", "bert", "llama", "gemma2", "gpt_oss", "albert", "diffllama", "t5", "bart", "bloom", "gptj", "falcon",
        "deberta-v2", "xlnet", "deepseek_v32")  # fmt: skip


def logits_of(result) -> torch.Tensor:
    return result.logits if "logits" in result else result[0]


def replaced(module, replacements, inputs) -> torch.Tensor:
    with intervened(module, replacements) as run:
        return logits_of(run(**inputs))


@pytest.fixture(scope="module")
def gpt2():
    module = zoo.build("gpt2")
    return module, zoo.batch(module, padded=False)


def one_layer_gpt2():
    """Attention, and nothing after it but the last normalisation and the embedding as output layer."""
    config = transformers.GPT2Config(vocab_size=50, n_embd=24, n_layer=1, n_head=3, n_positions=16, n_inner=8)
    torch.manual_seed(0)
    module = transformers.GPT2LMHeadModel(config).double().eval().requires_grad_(False)
    block = module.transformer.h[0]
    for weight in (block.attn.c_attn.weight, block.attn.c_proj.weight, module.transformer.wte.weight):
        torch.nn.init.normal_(weight, std=0.5)
    block.mlp.c_proj.weight.zero_()
    return module


def test_zeroing_a_head_takes_its_output_through_the_projection_away():
    """By hand: logits = norm(embedding + Σ_h output_h · W_O,h + bias) · Eᵀ."""
    module = one_layer_gpt2()
    inputs = {"input_ids": torch.randint(50, (1, 11), generator=torch.Generator().manual_seed(1))}
    _, ((layer,),) = capture_batch(module, inputs)
    each = np.einsum("hqv,hvd->hqd", layer.attention().output, layer.output_projection)
    body = module.transformer
    stream = (body.wte(inputs["input_ids"]) + body.wpe(torch.arange(11))).numpy() + body.h[0].attn.c_proj.bias.numpy()

    def by_hand(heads) -> np.ndarray:
        summed = torch.from_numpy(stream + each[heads].sum(0))
        return (body.ln_f(summed) @ body.wte.weight.T).numpy()

    np.testing.assert_allclose(logits_of(module(**inputs)), by_hand([0, 1, 2]), rtol=0, atol=1e-12)
    for zeroed, left in ((0, [1, 2]), (1, [0, 2]), (2, [0, 1])):
        changed = replaced(module, {Head("decoder", 0, zeroed): 0}, inputs)
        np.testing.assert_allclose(changed, by_hand(left), rtol=0, atol=1e-12)
    changed = replaced(module, {Head("decoder", 0, 0): 0, Head("decoder", 0, 2): 0}, inputs)
    np.testing.assert_allclose(changed, by_hand([1]), rtol=0, atol=1e-12)


def check_architecture(name: str) -> None:
    """Every head of it."""
    module = zoo.build(name)
    inputs = zoo.batch(module, padded=True)
    outputs = head_outputs(module, inputs)
    before = logits_of(forward(module, inputs))
    intact = replaced(module, {}, inputs)
    read = inputs["attention_mask"].bool() if intact.shape[1] == zoo.TOKENS else slice(None)
    torch.testing.assert_close(intact[read], before[read], rtol=0, atol=2e-5 * max(1, float(before.abs().max())))
    assert torch.equal(replaced(module, {head: lambda output: output for head in outputs}, inputs), intact)
    assert torch.equal(replaced(module, outputs, inputs), intact)
    read_by_nobody = name == "encoder-decoder"  # the zoo's joins two models without attention across
    for head in outputs:
        changed = replaced(module, {head: 0}, inputs)
        unmoved = torch.equal(changed[read], intact[read])
        assert unmoved == (read_by_nobody and head.kind == "encoder"), f"{head.kind} {head}"
    assert torch.equal(logits_of(forward(module, inputs)), before)


@pytest.mark.parametrize("name", SOME)
def test_a_head_counts_and_comes_back(name):
    """Left alone, a model computes bit for bit what it did; zeroing any head changes what it says."""
    check_architecture(name)


@pytest.mark.parametrize("name", rotated(name for name in PASSED if name not in SOME))
def test_a_head_counts_and_comes_back_everywhere(name):
    """Whatever the certificate passes can be intervened on."""
    check_architecture(name)


def test_what_no_route_shows_is_refused():
    module = zoo.build("longt5")
    with pytest.raises(Uncapturable, match="softmaxes"), intervened(module, {}) as run:
        run(**zoo.batch(module, padded=False))


def test_a_query_head_is_replaced_alone_though_it_shares_its_keys():
    module = zoo.build("llama")
    inputs = zoo.batch(module, padded=False)
    before = head_outputs(module, inputs)
    with intervened(module, {FIRST: 0}):
        after = head_outputs(module, inputs)
    assert not after[FIRST].any() and before[FIRST].any()
    for head, output in before.items():
        assert np.array_equal(output, after[head]) == (head.layer == 0 and head != FIRST)


def test_other_passes_inside_are_changed_too():
    """Patterns downstream, and what the model expects next."""
    model = load_model("tiny-gpt")
    plain = trace(model, "The queen and the king")
    with intervened(model.module, {FIRST: 0}):
        changed = trace(model, "The queen and the king")
        expected = predictions(model, plain)
    assert np.array_equal(plain.layers[0].q, changed.layers[0].q)
    assert not np.allclose(plain.layers[1].q, changed.layers[1].q)
    assert expected != predictions(model, plain)
    with intervened(model.language_model, {FIRST: 0}):
        assert expected == predictions(model, plain)


def test_two_models_do_not_disturb_each_other(gpt2):
    module, inputs = gpt2
    other = zoo.build("gpt_neox")
    with intervened(module, {FIRST: 0}) as run:
        untouched = logits_of(forward(other, inputs))
        run(**inputs)
    assert torch.equal(untouched, logits_of(forward(other, inputs)))


def test_blocks_within_blocks(gpt2):
    """The inner block sees what the outer one put there, and both are gone afterwards."""
    module, inputs = gpt2
    second = Head("decoder", 1, 2)
    both = replaced(module, {FIRST: 0, second: 0}, inputs)
    one = replaced(module, {FIRST: 0}, inputs)
    with intervened(module, {FIRST: 0}) as run:
        assert torch.equal(replaced(module, {second: 0}, inputs), both)
        assert torch.equal(logits_of(run(**inputs)), one)
        doubled = replaced(module, {FIRST: lambda output: output + 2}, inputs)
    assert torch.equal(doubled, replaced(module, {FIRST: 2}, inputs))


@pytest.mark.parametrize("architecture", ["gpt2", "bloom"])
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_whatever_happens_inside_the_model_is_as_before(architecture, error):
    module = zoo.build(architecture)
    inputs = zoo.batch(module, padded=False)
    before = replaced(module, {}, inputs)
    hooks = {name: len(part._forward_hooks) + len(part._forward_pre_hooks) for name, part in module.named_modules()}

    def fail(output):
        raise error

    with pytest.raises(error), intervened(module, {FIRST: 0, Head("decoder", 1, 0): fail}) as run:
        run(**inputs)
    with pytest.raises(error), intervened(module, {FIRST: 0}):
        raise error
    assert torch.equal(replaced(module, {}, inputs), before)
    torch.testing.assert_close(logits_of(module(**inputs)), before, rtol=0, atol=1e-4)
    for name, part in module.named_modules():
        assert len(part._forward_hooks) + len(part._forward_pre_hooks) == hooks[name]


def test_other_threads_see_nothing(gpt2):
    """Two readers share a model: one takes a head away while the other reads."""
    module, inputs = gpt2
    before, changed = replaced(module, {}, inputs), replaced(module, {FIRST: 0}, inputs)
    inside, done = threading.Event(), threading.Event()
    seen = []

    def read_on():
        inside.wait(30)
        seen.extend(logits_of(forward(module, inputs)) for _ in range(5))
        done.set()

    reader = threading.Thread(target=read_on)
    reader.start()
    with intervened(module, {FIRST: 0}) as run:
        inside.set()
        while not done.is_set():
            assert torch.equal(logits_of(run(**inputs)), changed)
    reader.join()
    assert all(torch.equal(one, before) for one in seen)


@pytest.mark.parametrize("head", [Head("decoder", 2, 0), Head("decoder", 0, 4), Head("encoder", 0, 0)])
def test_a_head_that_is_not_there_is_an_error(gpt2, head):
    module, inputs = gpt2
    with pytest.raises(AttnvizError, match=f"{head.kind} {head}"):
        replaced(module, {head: 0}, inputs)


def test_a_model_called_past_the_block_is_an_error(gpt2):
    """It would give intact results, unseen."""
    module, inputs = gpt2
    with pytest.raises(AttnvizError, match="through `run`"), intervened(module, {FIRST: 0}):
        module(**inputs)


@pytest.mark.parametrize("name, options", [("tiny-gpt", {"write": 2}), ("tiny-translator", {})])
def test_a_changed_model_writes_nothing_by_itself(name, options):
    """What `generate` runs would be intact."""
    model = load_model(name)
    with pytest.raises(AttnvizError, match="does not write"), intervened(model.module, {FIRST: 0}):
        trace(model, "2026-11-21", **options)


@pytest.mark.parametrize("shape", [(7,), (zoo.TOKENS - 1, 8), (3, zoo.TOKENS, 8)])
def test_a_replacement_that_does_not_fit_is_an_error(gpt2, shape):
    module, inputs = gpt2
    with pytest.raises(AttnvizError, match="does not fit"):
        replaced(module, {FIRST: np.zeros(shape)}, inputs)


def test_means_are_over_all_positions_of_all_texts(gpt2):
    module, inputs = gpt2
    short = {name: tensor[:1, :9] for name, tensor in inputs.items()}
    means = head_means(module, [inputs, short])
    long_output, short_output = (head_outputs(module, given)[FIRST].reshape(-1, 8) for given in (inputs, short))
    np.testing.assert_allclose(means[FIRST], np.concatenate([long_output, short_output]).mean(0), atol=1e-6)
    with pytest.raises(ValueError, match="at least one"):
        head_means(module, [])


def test_a_head_of_another_text(gpt2):
    """Resampled from itself nothing changes; from the other text of the batch, each text does as it should alone."""
    module, inputs = gpt2
    alone = [{name: tensor[text : text + 1] for name, tensor in inputs.items()} for text in (0, 1)]
    given = head_outputs(module, alone[1])[FIRST]
    expected = replaced(module, {FIRST: given}, alone[0])
    assert torch.equal(replaced(module, {FIRST: lambda output: output}, alone[0]), replaced(module, {}, alone[0]))
    swapped = replaced(module, {FIRST: lambda output: output.flip(0)}, inputs)
    torch.testing.assert_close(swapped[:1], expected, rtol=0, atol=1e-5)


def test_attention_runs_changed_on_both_kinds_of_a_translator():
    """One encoder head and one head across, together."""
    module = zoo.build("t5")
    inputs = zoo.batch(module, padded=False)
    gone = {Head("encoder", 1, 0): 0, Head("cross", 0, 2): 0}
    with intervened(module, gone):
        outputs = head_outputs(module, inputs)
    assert all(not outputs[head].any() for head in gone)
    assert {head.kind for head in outputs} == {"encoder", "decoder", "cross"}


def test_a_boolean_mask_reaches_the_steps_of_fused_attention():
    """Falcon hands SDPA its causal mask as booleans; added as 0 and 1, its maps would look ahead."""
    module = zoo.build("falcon")
    inputs = zoo.batch(module, padded=False)
    seen = observe(module, inputs, lambda kind, index, call: kind)
    assert seen.route == "fallback" and seen.kept == ["decoder"] * len(seen.kept)
    torch.testing.assert_close(seen.result.logits, module(**inputs).logits, rtol=0, atol=1e-5)


def test_a_model_that_shows_too_little_at_the_interface_still_runs_by_itself():
    """It was left on our implementation, which refuses it."""
    module = zoo.build("deepseek_v32")
    inputs = zoo.batch(module, padded=False)
    before = module(**inputs).logits
    assert capture_batch(module, inputs)[0] == "fallback"
    assert torch.equal(module(**inputs).logits, before)


# ---- a trace of a changed model


@pytest.mark.parametrize("name", SOME)
def test_a_changed_trace_is_certified_against_a_twin_changed_alike(name):
    """On both routes: an untouched twin would fail it, or, where it did not, certify another model."""
    module = zoo.build(name)
    inputs = zoo.batch(module, padded=True)
    gone = {head: 0 for head in head_outputs(module, inputs) if head.layer == 0 and head.head == 0}
    with intervened(module, gone):
        route, texts = capture_batch(module, inputs)
        certificates = certify_batch(module, name, inputs, route, texts)
    assert all(one.passed for one in certificates)
    untouched = certify_batch(module, name, inputs, route, texts)
    assert not any(one.passed for one in untouched)


def test_another_head_replaced_is_not_excused_by_float64(gpt2):
    """The gate widens by how far the format is from float64: of the same change, or it would hide any."""
    module, inputs = gpt2
    with intervened(module, {FIRST: 0}):
        route, texts = capture_batch(module, inputs)
    with intervened(module, {Head("decoder", 0, 2): 0}):
        assert not any(one.passed for one in certify_batch(module, "gpt2", inputs, route, texts))


def test_a_trace_keeps_what_was_replaced_and_predicts_so():
    model = load_model("tiny-gpt")
    with intervened(model.module, {FIRST: 0}):
        inside = trace(model, "The queen and the king")
        expected = predictions(model, inside)
    changed = trace(model, "The queen and the king", replaced={FIRST: 0})
    assert changed.replaced == {FIRST: 0} and not inside.replaced
    assert np.array_equal(changed.layers[1].q, inside.layers[1].q)
    assert predictions(model, changed) == expected != predictions(model, inside)
    with pytest.raises(AttnvizError, match="L9"):
        trace(model, "The queen", replaced={Head("decoder", 9, 0): 0})


def test_what_an_encoder_decoder_writes_is_written_before_a_head_is_replaced():
    model = load_model("tiny-translator")
    gone = {Head("cross", 0, 1): 0, Head("encoder", 0, 0): 0}
    changed, plain = (trace(model, "21 Nov 2026", replaced=replaced) for replaced in (gone, None))
    assert changed.decoder_tokens == plain.decoder_tokens
    assert not np.allclose(changed.of_kind("cross")[1].q, plain.of_kind("cross")[1].q)


def test_a_changed_pass_computes_no_more_logits_than_are_asked_for(gpt2):
    """Those of every token of a long text take more memory than its weights."""
    module, inputs = gpt2
    with intervened(module, {FIRST: 0}):
        whole, last = forward(module, inputs).logits, forward(module, inputs, logits_to_keep=1).logits
    assert last.shape[1] == 1
    torch.testing.assert_close(last, whole[:, -1:])


def test_means_leave_out_texts_that_cannot_be_read():
    model = load_model("tiny-gpt")
    told = []
    means = mean_outputs(model, ["the cat", "word " * 500, "a dog"], lambda *done: told.append(done))
    outputs = [head_outputs(model.module, batch_of_one(model.module, trace(model, text).inputs))[FIRST][0]
               for text in ("the cat", "a dog")]  # fmt: skip
    np.testing.assert_allclose(means[FIRST], np.concatenate(outputs).mean(0), atol=1e-6)
    assert told == [(1, 3), (2, 3), (3, 3)]
    with pytest.raises(AttnvizError, match="none of the texts"):
        mean_outputs(model, ["word " * 500])
