"""What a model expects next, beside the sentence: its own head's numbers, or none at all."""

import json
import shutil

import pytest
import safetensors.torch
import torch
import transformers

from attnviz.capture.predictions import predictions
from attnviz.capture.tracing import trace
from attnviz.models.catalog import BUNDLED
from attnviz.models.loading import load_model

TEXT = "Once upon a"


@pytest.fixture
def saved_with_head(tiny_folder, tmp_path):
    """Architecture to a folder that holds a language model of it, its head as random as the rest."""

    def folder_of(architecture: str, loader, **changes):
        folder = tmp_path / f"{architecture}-lm"
        shutil.copytree(tiny_folder(architecture), folder)
        config = transformers.AutoConfig.from_pretrained(folder, **changes)
        torch.manual_seed(1)
        loader.from_config(config).save_pretrained(folder)
        return folder

    return folder_of


def theirs(loader, folder, traced, position) -> dict[int, float]:
    """Token id to probability at one position, by transformers alone."""
    model = loader.from_pretrained(folder, attn_implementation="eager").eval()
    with torch.no_grad():
        logits = model(**{name: torch.tensor([values]) for name, values in traced.inputs.items()}).logits
    return dict(enumerate(logits[0, position].softmax(-1).tolist()))


def check(model, loader, folder, traced, positions):
    found = predictions(model, traced)
    assert [position for position, _ in found] == positions
    for position, tokens in found:
        chances = theirs(loader, folder, traced, position)
        best = sorted(chances.values(), reverse=True)[:5]
        assert [chance for _, chance in tokens] == pytest.approx(best, abs=1e-5)
        likeliest = max(chances, key=chances.get)
        assert model.tokenizer.decode([likeliest]).strip() in tokens[0][0] or "�" in tokens[0][0]


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
def test_a_decoder_predicts_what_follows(saved_with_head, architecture, tied):
    loader = transformers.AutoModelForCausalLM
    folder = saved_with_head(architecture, loader, tie_word_embeddings=tied)
    model = load_model(str(folder))
    traced = trace(model, TEXT)
    check(model, loader, folder, traced, [len(traced.tokens) - 1])
    shared = {parameter.data_ptr() for parameter in model.language_model.parameters()}
    assert {parameter.data_ptr() for parameter in model.module.parameters()} <= shared, "loaded twice"


def test_a_masked_model_predicts_each_mask():
    model = load_model("tiny-bert")
    traced = trace(model, "The [MASK] sat on the [MASK].", read_special=True)
    masks = [i for i, token in enumerate(traced.tokens) if token == "[MASK]"]
    assert len(masks) == 2 and traced.tokens[masks[0] - 1] == "The", "a space of its own stands before the mask"
    check(model, transformers.AutoModelForMaskedLM, BUNDLED / "tiny-bert", traced, masks)
    assert predictions(model, trace(model, "The [MASK] sat.")) == [], "a typed mask is plain text"


def test_an_encoder_decoder_predicts_its_decoders_next():
    model = load_model("tiny-translator")
    ((position, tokens),) = predictions(model, trace(model, "2 May 1999", decoder_text="1999"), k=3)
    assert position == 3 and len(tokens) == 3 and tokens[0][0] == "05" and tokens[0][1] > 0.99


def test_real_models_know_their_next_word(stories260k, nano_sort, minilm):
    for model, text, expected in ((stories260k, TEXT, "time"), (nano_sort, "CBAABC", "A")):
        ((_, tokens),) = predictions(model, trace(model, text))
        assert tokens[0][0] == expected and tokens[0][1] > 0.9
    assert minilm.language_model is None and predictions(minilm, trace(minilm, TEXT)) == []


@pytest.mark.parametrize("architecture", ["gpt2", "bert"])
def test_a_head_that_was_never_trained_predicts_nothing(saved_with_head, architecture):
    """transformers fills a missing head with random numbers: five confident words out of nowhere."""
    loader = transformers.AutoModelForCausalLM if architecture == "gpt2" else transformers.AutoModelForMaskedLM
    folder = saved_with_head(architecture, loader, tie_word_embeddings=False)
    path = folder / "model.safetensors"
    tensors = safetensors.torch.load_file(path)
    kept = {name: tensor for name, tensor in tensors.items() if not name.startswith(("lm_head", "cls."))}
    assert len(kept) < len(tensors)
    safetensors.torch.save_file(kept, path, metadata={"format": "pt"})
    model = load_model(str(folder))
    assert model.language_model is None and predictions(model, trace(model, TEXT)) == []


def test_a_model_saved_without_a_head_may_claim_one(tiny_folder, tmp_path):
    """Many configurations name the class that was trained, over weights without its head."""
    folder = tmp_path / "claims"
    shutil.copytree(tiny_folder("gpt2"), folder)
    config = json.loads((folder / "config.json").read_text())
    changes = {"architectures": ["GPT2LMHeadModel"], "tie_word_embeddings": False}
    (folder / "config.json").write_text(json.dumps(config | changes))
    assert load_model(str(folder)).language_model is None
