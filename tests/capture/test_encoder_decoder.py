"""Encoder-decoders: three kinds of layer, the decoder's text given or written by the model, all of it certified."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import transformers

from attnviz import figures
from attnviz.capture.tracing import trace
from attnviz.errors import AttnvizError
from attnviz.files import trace_file
from attnviz.models.loading import load_model
from attnviz.traces import KINDS
from attnviz.validation.certificate import certify, validate

TEXT, DECODER_TEXT = "the cat sat", "le chat 你"


@pytest.fixture(scope="module", params=["bart", "t5"])
def two_sided(request, bytes_tokenizer, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    tokenizer = bytes_tokenizer(pair=True)
    tokenizer.save_pretrained(folder)
    ids = {"vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id, "eos_token_id": tokenizer.eos_token_id}
    torch.manual_seed(0)
    if request.param == "bart":
        config = transformers.BartConfig(
            d_model=32, encoder_layers=2, decoder_layers=3, encoder_attention_heads=4, decoder_attention_heads=2,
            encoder_ffn_dim=32, decoder_ffn_dim=32, max_position_embeddings=64, init_std=0.3, forced_eos_token_id=None,
            bos_token_id=tokenizer.bos_token_id, decoder_start_token_id=tokenizer.eos_token_id, **ids,
        )  # fmt: skip
        model = transformers.BartForConditionalGeneration(config)
    else:
        config = transformers.T5Config(
            d_model=32,
            d_kv=8,
            num_layers=2,
            num_heads=4,
            d_ff=32,
            initializer_factor=1.6,
            decoder_start_token_id=tokenizer.pad_token_id,
            **ids,
        )
        model = transformers.T5ForConditionalGeneration(config)
    model.save_pretrained(folder)
    return load_model(str(folder))


def test_each_kind_looks_where_it_should(two_sided):
    traced = trace(two_sided, TEXT, decoder_text=DECODER_TEXT)
    assert traced.kinds == KINDS
    assert traced.decoder_tokens[-3:] == ("你 1/3", "你 2/3", "你 3/3")
    for kind in KINDS:
        queries, keys = traced.sides(kind)
        assert traced.weights(1, 1, kind).shape == (len(queries), len(keys))
    assert np.triu(traced.weights(0, 0, "decoder"), 1).max() == 0, "the decoder looks ahead"
    assert figures.heatmap(traced, 0, 0, "cross").layout.xaxis.labelalias["1"] == "t"


def test_weights_are_those_that_transformers_reports(two_sided):
    traced = trace(two_sided, TEXT, decoder_text=DECODER_TEXT)
    folder = two_sided.name
    model = transformers.AutoModelForSeq2SeqLM.from_pretrained(folder, attn_implementation="eager").eval()
    inputs = {name: torch.tensor([list(values)]) for name, values in traced.inputs.items()}
    with torch.no_grad():
        output = model(**inputs, output_attentions=True)
    theirs = {
        "encoder": output.encoder_attentions,
        "decoder": output.decoder_attentions,
        "cross": output.cross_attentions,
    }
    for kind in KINDS:
        ours = [layer.attention().weights for layer in traced.of_kind(kind)]
        for mine, reported in zip(ours, theirs[kind], strict=True):
            np.testing.assert_allclose(mine, reported[0].numpy(), atol=1e-5)


def test_without_a_text_the_decoder_reads_what_the_model_writes(two_sided):
    traced = trace(two_sided, TEXT)
    start = torch.tensor([[two_sided.module.config.decoder_start_token_id]])
    with torch.no_grad():
        text = torch.tensor([traced.inputs["input_ids"]])
        first = two_sided.module(input_ids=text, decoder_input_ids=start).logits[0, -1].argmax()
    assert list(traced.inputs["decoder_input_ids"][:2]) == [start.item(), first.item()]
    assert traced.decoder_text is None and len(traced.decoder_tokens) == len(traced.inputs["decoder_input_ids"])


def test_every_head_of_every_kind_is_certified(two_sided):
    certificate = validate(two_sided, [TEXT, "a dog"])
    assert certificate.passed
    assert {errors.kind for errors in certificate.heads} == set(KINDS)
    assert len(certificate.heads) == sum(layer.n_heads for layer in trace(two_sided, TEXT).layers)


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_scale_in_one_kind_is_red(two_sided, kind):
    traced = trace(two_sided, TEXT, decoder_text=DECODER_TEXT)
    layers = tuple(replace(layer, scale=0.9 * layer.scale) if layer.kind == kind else layer for layer in traced.layers)
    assert not certify(two_sided, replace(traced, layers=layers)).passed


def test_exports_name_the_tokens_of_each_side(two_sided, tmp_path):
    traced = trace(two_sided, TEXT, decoder_text="ab")
    trace_file.write(traced, tmp_path / "t.npz")
    saved = np.load(tmp_path / "t.npz", allow_pickle=False)
    assert tuple(saved["decoder_tokens"]) == traced.decoder_tokens
    assert saved["L0.cross.weights"].shape[1:] == (len(traced.decoder_tokens), len(traced.tokens))
    trace_file.write(traced, tmp_path / "t.csv")
    assert f"cross,0,0,1,{traced.decoder_tokens[1]},1,{traced.tokens[1]}," in (tmp_path / "t.csv").read_text()


def test_a_decoder_text_needs_a_decoder_and_must_fit(two_sided, tiny_model):
    with pytest.raises(AttnvizError, match="no decoder beside an encoder"):
        trace(tiny_model("gpt2"), TEXT, decoder_text="x")
    with pytest.raises(AttnvizError, match="empty"):
        trace(two_sided, TEXT, decoder_text=" ")
    if two_sided.limit is not None and two_sided.limit < 1000:
        with pytest.raises(AttnvizError, match="longer than"):
            trace(two_sided, TEXT, decoder_text="x" * 500)


def test_a_typed_special_token_is_plain_text_on_the_decoders_side_too(two_sided):
    """A `</s>` that was typed would end the text for the decoder, and nobody would see why."""
    end = two_sided.tokenizer.eos_token_id
    for read_special in (False, True):
        traced = trace(two_sided, TEXT, decoder_text="a</s>b", read_special=read_special)
        assert (end in traced.inputs["decoder_input_ids"][2:]) == read_special
