"""Generation step by step, with a cache: a token that was generated looked where one full pass says it did."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from attnviz.capture.generation import most_written
from attnviz.capture.interface import prepare, recording
from attnviz.capture.tracing import trace
from attnviz.core.attention import attention
from attnviz.errors import AttnvizError
from attnviz.maps.attention_map import words_of
from attnviz.models.loading import load_model
from attnviz.validation.certificate import certify

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


@pytest.mark.parametrize("name", ["stories260k", "nano_sort", "tiny-gpt"])
def test_each_written_token_looked_where_its_row_says(request, name):
    """A reader steps through a generated text: every row must be what the model did when it stood there."""
    model = load_model(name) if name.startswith("tiny") else request.getfixturevalue(name)
    typed = trace(model, TEXTS[name])
    traced = trace(model, TEXTS[name], write=5)
    assert traced.written == 5 and len(traced.tokens) == len(typed.tokens) + 5
    assert traced.tokens[:-5] == typed.tokens and traced.text.startswith(typed.text)
    full = [layer.attention().weights for layer in traced.layers]
    cache = None
    for step, token in enumerate(traced.token_ids):
        calls = []
        with torch.no_grad(), recording(calls.append):
            output = model.language_model(torch.tensor([[token]]), past_key_values=cache, use_cache=True)
        cache = output.past_key_values
        if len(typed.tokens) - 1 <= step < len(traced.tokens) - 1:
            assert output.logits[0, -1].argmax() == traced.token_ids[step + 1], "not the likeliest token"
        for weights, call in zip(full, calls, strict=True):
            here = call.of_text(0)
            ours = attention(here.query, here.key, here.value, scale=here.scale, mask=here.mask).weights.numpy()
            np.testing.assert_allclose(ours[:, 0], weights[:, step, : step + 1], rtol=0, atol=2e-5)


def test_written_tokens_read_as_text(stories260k):
    """Words, offsets and the finished text must hold what was written, or merging subwords spells nonsense."""
    traced = trace(stories260k, "Once upon a", write=8)
    assert traced.text == "Once upon a time, there was a little gir" and traced.tokens[-8] == "time"
    spelt = [traced.text[start:end].strip() for start, end in traced.offsets]
    assert list(traced.tokens[-8:]) == spelt[-8:]
    assert [word for word, _ in words_of(traced)][-5:] == ["there", "was", "a", "little", "gir"]
    assert certify(stories260k, traced).passed


def test_bytes_of_one_character_share_it(tiny_model):
    """A random model writes half characters: each token still has its place, in order, within the text."""
    model = replace(tiny_model("gpt2"), language_model=Parrot(tiny_model("gpt2"), "é 你好"))
    traced = trace(model, "a", write=99)
    assert traced.text == "aé 你好" and traced.written == len(traced.tokens) - 1
    assert traced.tokens[-3:] == ("好 1/3", "好 2/3", "好 3/3") and traced.tokens[1] == "é 1/2"
    half = trace(replace(model, language_model=Parrot(model, "é 你", cut=1)), "a", write=99)
    assert all(0 <= start <= end <= len(half.text) for start, end in half.offsets)


class Parrot:
    """A language model that writes what it is told."""

    def __init__(self, model, text, cut=0):
        ids = model.tokenizer(text)["input_ids"]
        self.ids = ids[: len(ids) - cut]
        self.device = model.module.device
        self.generation_config = model.module.config

    def can_generate(self):
        return True

    def generate(self, input_ids, **options):
        return torch.cat([input_ids, torch.tensor([self.ids])], dim=1)


def test_writing_stops_at_the_end_of_the_text(stories260k):
    """What a model writes after its end token is another text."""
    ended = trace(stories260k, "Once upon a time", write=400)
    assert 0 < ended.written < 400 and ended.text.endswith('You are a good friend."')
    assert ended.token_ids.count(stories260k.tokenizer.bos_token_id) == 1


def test_what_cannot_be_written_is_refused(tiny_model, stories260k, minilm):
    tiny_translator = load_model("tiny-translator")
    for model, message in (
        (tiny_translator, "decoder's side"),
        (minilm, "cannot write"),
        (tiny_model("gpt2"), "write"),
    ):
        with pytest.raises(AttnvizError, match=message):
            trace(model, "The cat", write=3)
    with pytest.raises(AttnvizError, match="let it write at most 507"):
        trace(stories260k, "Once upon a time", write=508)
    with pytest.raises(AttnvizError, match="not after a pair"):
        trace(tiny_model("llama"), "the cat", "the dog", write=1)
    with pytest.raises(AttnvizError, match="0 or more"):
        trace(stories260k, "Once", write=-1)


@pytest.mark.parametrize(("name", "how"), [("tiny-gpt", {"write": 5}), ("tiny-translator", {})])
def test_each_written_token_is_told_and_writing_can_be_cancelled(name, how):
    """A reader who cancels a slow model must not wait for its last token, and may write again afterwards."""
    model = load_model(name)
    most = most_written(model, None, how.get("write", 0))
    whole, told = trace(model, "2 May", **how), []
    told_of = trace(model, "2 May", **how, progress=told.append)
    written = told_of.written or len(told_of.decoder_tokens) - 1
    n_layers = len(told_of.layers)
    assert told[-n_layers:] == [most + done for done in range(1, n_layers + 1)]
    assert told[:-n_layers] in ([*range(1, written + 1)], [*range(1, written + 2)]), "and perhaps its end token"
    assert told_of.inputs == whole.inputs

    def step(done):
        told.append(done)
        if done == 2:
            raise KeyboardInterrupt

    told.clear()
    with pytest.raises(KeyboardInterrupt):
        trace(model, "2 May", **how, progress=step)
    assert told == [1, 2]
    assert trace(model, "2 May", **how).inputs == whole.inputs
