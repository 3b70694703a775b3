"""Generation step by step, with a cache: a token that was generated looked where one full pass says it did."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES,
)

from attnviz.capture.generation import decoder_ids, most_written, written_ids
from attnviz.capture.interface import prepare, recording
from attnviz.capture.tracing import capture_ids, trace
from attnviz.core.attention import attention
from attnviz.errors import AttnvizError
from attnviz.maps.attention_map import words_of
from attnviz.models import zoo
from attnviz.models.catalog import find_model
from attnviz.models.loading import load_model
from attnviz.models.writing import Writing
from attnviz.validation.certificate import certify
from attnviz.validation.table import stored_report
from tests.models.test_opened_as_stored import opened, save
from tests.rotation import rotated

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


HOSTILE = {
    "do_sample": True, "num_beams": 4, "num_return_sequences": 2, "return_dict_in_generate": True,
    "penalty_alpha": 0.6, "repetition_penalty": 3.0, "no_repeat_ngram_size": 1, "min_new_tokens": 4,
    "suppress_tokens": list(range(10, 60)), "begin_suppress_tokens": list(range(60, 90)), "stop_strings": ["w1"],
    "assistant_early_exit": 1, "prompt_lookup_num_tokens": 3, "max_length": 2, "forced_eos_token_id": 5,
}  # fmt: skip
WRITERS = {*MODEL_FOR_CAUSAL_LM_MAPPING_NAMES, *MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES}
CERTIFIED = [one["name"] for one in stored_report()["architectures"] if one["passed"] and one["name"] in WRITERS]


def likeliest(module, ids, n_tokens, ends, **given):
    """The loop that anyone would write, without a cache: one whole pass a token."""
    written, read = [], "decoder_input_ids" if given else "input_ids"
    while len(written) < n_tokens:
        with torch.no_grad():
            logits = module(**given, **{read: torch.tensor([[*ids, *written]])}).logits
        token = int(logits[0, -1].argmax())
        if token in ends:
            break
        written.append(token)
    return written


@pytest.mark.parametrize("name", rotated(CERTIFIED))
def test_what_is_written_is_the_likeliest_token_whatever_the_files_ask_for(name, tmp_path):
    """A map of other words than the model's own answer would be read as if it were that."""
    save(zoo.build(name), tmp_path)
    asked = HOSTILE | {"decoder_start_token_id": 3, "eos_token_id": [4, 5]}
    (tmp_path / "generation_config.json").write_text(json.dumps(asked))
    model = opened(tmp_path)
    module = model and model.language_model
    if module is None or not module.can_generate():
        pytest.skip("its folder is refused, or it has no language-model head that could write")
    ids, seen = list(range(20, 28)), []
    inputs = {"input_ids": ids, "attention_mask": [1] * len(ids)}
    if module.config.is_encoder_decoder:
        given = {key: torch.tensor([values]) for key, values in inputs.items()}
        expected = [3, *likeliest(module, [3], most_written(model, None, 0), {4, 5}, **given)]
        assert decoder_ids(model, inputs, None, progress=seen.append) == expected
        labels = model.tokenizer("w7 w8 w9")["input_ids"]
        assert decoder_ids(model, inputs, "w7 w8 w9") == [3, *labels], "a decoder's text is read whole"
    else:
        if {layer.kind for layer in capture_ids(model.module, [ids])[0]} != {"decoder"}:
            pytest.skip("it looks at later tokens too, and is not shown as it writes")
        expected = likeliest(module, ids, 6, {4, 5, model.tokenizer.bos_token_id})
        assert written_ids(model, inputs, 6, seen.append) == expected
    assert len(seen) >= len(expected) - 1 and "num_beams" in model.writing.notes[0]


@pytest.mark.parametrize("setting", [{key: value} for key, value in HOSTILE.items()], ids=str)
@pytest.mark.parametrize("name", ["tiny-gpt", "tiny-translator"])
def test_no_setting_changes_what_is_written(name, setting, tmp_path):
    folder = tmp_path / name
    shutil.copytree(find_model(name).path, folder, ignore=shutil.ignore_patterns("checkpoints"))
    told = json.loads((folder / "generation_config.json").read_text()) | setting
    (folder / "generation_config.json").write_text(json.dumps(told))
    how = {"write": 5} if name == "tiny-gpt" else {}
    plain, changed = (trace(load_model(one), TEXTS[name], **how) for one in (name, str(folder)))
    assert plain.token_ids == changed.token_ids and plain.decoder_tokens == changed.decoder_tokens
    assert plain.wrote and changed.wrote


class Targets:
    """A tokenizer of a decoder's texts that adds what it is told around them."""

    eos_token_id, sep_token_id, all_special_ids, unk_token_id = 2, None, [], None

    def __init__(self, before, after):
        self.before, self.after = before, after

    def __call__(self, text_target, **options):
        ids = [int(word) for word in text_target.split()]
        added = [1] * len(self.before) + [0] * len(ids) + [1] * len(self.after)
        return {"input_ids": [*self.before, *ids, *self.after], "special_tokens_mask": added}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([], [2], [1, 7, 8]),  # BART, T5
        ([], [], [1, 7, 8]),  # none marks the end
        ([9], [2], [1, 9, 7, 8]),  # NLLB: its language first
        ([], [2, 9], [9, 7, 8]),  # mBART: its language behind the end, which stands first for the decoder
        ([5], [2], [1, 5, 7, 8]),
    ],
)
def test_a_decoders_text_is_read_whole_from_its_start_token_on(before, after, expected):
    """One word less, or the end of a text read as a word of it, is another text."""
    model = replace(load_model("tiny-translator"), tokenizer=Targets(before, after), writing=Writing(1, None, (2,)))
    assert decoder_ids(model, {}, "7 8") == expected


def test_a_decoder_that_nothing_starts_is_refused():
    model = replace(load_model("tiny-translator"), writing=Writing(None, None, (2,)))
    for text in ("2021", None):
        with pytest.raises(AttnvizError, match="decoder_start_token_id"):
            trace(model, "2 May 1999", decoder_text=text)


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
