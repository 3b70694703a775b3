"""Folders with a LoRA adapter: merged as peft merges them, or refused with the name of the model that is wanted."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
import transformers

from attnviz.capture.tracing import trace
from attnviz.errors import AttnvizError
from attnviz.models.catalog import BUNDLED, find_model, list_models
from attnviz.models.loading import load_model

TEXT = "The cat sat on the mat"
BASES = {
    "tiny-gpt": transformers.AutoModelForCausalLM,
    "tiny-bert": transformers.AutoModelForMaskedLM,
    "tiny-translator": transformers.AutoModelForSeq2SeqLM,
}
ATTENTION = {"tiny-gpt": ["c_attn", "c_proj"], "tiny-bert": ["query", "value"], "tiny-translator": ["q_proj", "v_proj"]}


@pytest.fixture
def trained(tmp_path):
    """Makes an adapter with peft and saves it; gives its folder, and peft's model with all of it merged; its `beside`
    are the logits from before, with the adapter beside the model."""
    peft = pytest.importorskip("peft", reason="peft is not installed")

    def train(base: str, loader=None, path: Path | None = None, **options):
        torch.manual_seed(0)
        path = path or BUNDLED / base
        module = (loader or BASES[base]).from_pretrained(path)
        options = {"target_modules": ATTENTION.get(base), "r": 4, "lora_alpha": 6} | options
        adapted = peft.get_peft_model(module, peft.LoraConfig(**options))
        for name, parameter in adapted.named_parameters():
            if parameter.requires_grad:
                magnitude = "magnitude" in name
                parameter.data = (
                    parameter.data * (1 + torch.rand_like(parameter))
                    if magnitude
                    else (parameter.data + torch.randn_like(parameter) * 0.1)
                )
        folder = tmp_path / f"adapter-{len(list(tmp_path.iterdir()))}"
        adapted.save_pretrained(folder)
        with torch.no_grad():
            beside = getattr(adapted.eval()(torch.arange(3, 13)[None]), "logits", None)
        merged = adapted.merge_and_unload()
        merged.beside = beside
        return folder, merged

    return train


def furthest(model, merged) -> float:
    """The largest difference between our tensors and peft's, relative to the largest of the tensor."""
    ours = (model.language_model or model.module).state_dict()
    theirs = merged.state_dict()
    shared = [name for name in theirs if name in ours]
    assert len(shared) >= 20 and set(ours) <= set(theirs)
    return max(float((ours[name] - theirs[name]).abs().max() / theirs[name].abs().max().clamp(1)) for name in shared)


def refusal(name) -> str:
    with pytest.raises(AttnvizError) as refused:
        load_model(str(name))
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 400
    return str(refused.value)


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"use_rslora": True},
        {"use_dora": True},
        {"target_modules": "all-linear", "rank_pattern": {"1.*": 2}, "alpha_pattern": {r"(query|q_proj|c_attn)": 3}},
        {"bias": "lora_only"},
        {"bias": "all"},
        {"layers_to_transform": [1]},
    ],
    ids=lambda options: "-".join(options) or "plain",
)
def test_a_merged_adapter_is_what_peft_merges(trained, base, options):
    """A decoder, an encoder and an encoder-decoder; each way of writing an adapter has a scale of its own."""
    folder, merged = trained(base, **options)
    model = load_model(str(folder))
    assert furthest(model, merged) <= 1e-6
    before = load_model(base)
    assert furthest(before, merged) > 1e-3, "the adapter changes something"
    assert base in model.notes[0] and "adapter merged" in model.notes[0]
    merged.set_attn_implementation("eager")
    if base != "tiny-translator":
        ids = torch.tensor([model.tokenizer(TEXT)["input_ids"]])
        theirs = merged.eval()(ids, output_attentions=True).attentions
        ours = trace(model, TEXT)
        for layer, weights in enumerate(theirs):
            np.testing.assert_allclose(ours.layers[layer].attention().weights, weights[0].detach(), atol=2e-5)


@pytest.mark.parametrize(
    ("base", "options"),
    [
        ("tiny-gpt", {"target_modules": ["wte", "c_attn"]}),
        ("tiny-gpt", {"target_modules": ["wte"], "use_dora": True}),
        ("tiny-gpt", {"modules_to_save": ["wpe", "ln_f"]}),
        ("tiny-bert", {"target_modules": ["word_embeddings", "query"]}),
        ("tiny-bert", {"modules_to_save": ["LayerNorm"]}),
        ("tiny-translator", {"modules_to_save": ["layernorm_embedding"], "lora_bias": True}),
    ],
    ids=str,
)
def test_embeddings_and_whole_tensors_are_taken_over(trained, base, options):
    """An embedding that is tied to the head is changed alone, as where the adapter stands beside the model: peft's own
    merging changes both, and with them what the model predicts."""
    folder, merged = trained(base, **options)
    model = load_model(str(folder))
    theirs = merged.base_model.state_dict()
    for name, ours in model.module.base_model.state_dict().items():
        if name in theirs:
            torch.testing.assert_close(ours, theirs[name], atol=1e-6, rtol=0)
    with torch.no_grad():
        logits = model.language_model(torch.arange(3, 13)[None]).logits
    torch.testing.assert_close(logits, merged.beside, atol=2e-4, rtol=0)


@pytest.mark.parametrize("architecture", ["llama", "bert", "gpt2", "gpt_neox"])
def test_an_adapter_of_a_model_without_a_head(trained, tiny_folder, architecture):
    """Adapters name the parts as their model did, with the base model's name before them or without."""
    path = tiny_folder(architecture)
    for loader in (transformers.AutoModel, transformers.AutoModelForSequenceClassification):
        options = {"modules_to_save": ["score", "classifier"]} if "Sequence" in loader.__name__ else {}
        folder, merged = trained(architecture, loader, path, target_modules="all-linear", **options)
        model = load_model(str(folder))
        base = merged.base_model if options else merged
        assert furthest(model, base) <= 1e-6
        assert len(model.notes) == 1 + bool(options)


def test_a_folder_of_its_own_tokenizer_and_the_base_that_is_left_alone(trained, tmp_path):
    """The next reader of the base must not see the adapter; a tokenizer beside the adapter is the one it was given."""
    folder, _ = trained("tiny-gpt")
    before = load_model("tiny-gpt")
    adapted = load_model(str(folder))
    again = load_model("tiny-gpt")
    name = "h.0.attn.c_attn.weight"
    assert torch.equal(before.module.state_dict()[name], again.module.state_dict()[name])
    assert not torch.equal(adapted.module.state_dict()[name], again.module.state_dict()[name])
    shutil.copy(BUNDLED / "tiny-gpt" / "tokenizer_config.json", folder)
    tokenizer = json.loads((BUNDLED / "tiny-gpt" / "tokenizer.json").read_text())
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer | {"normalizer": {"type": "Lowercase"}}))
    assert load_model(str(folder)).tokenizer.tokenize("THE") == adapted.tokenizer.tokenize("the")


def test_the_table_of_models_lists_adapters(trained, tmp_path, monkeypatch, tiny_folder):
    """A class's adapters stand where its models stand; and one whose base changed is another."""
    base = tmp_path / "models" / "base"
    shutil.copytree(tiny_folder("llama"), base)
    one, _ = trained("llama", transformers.AutoModel, base, target_modules=["q_proj"])
    two, _ = trained("llama", transformers.AutoModel, base, target_modules=["v_proj"])
    for place, folder in enumerate((one, two)):
        settings = json.loads((folder / "adapter_config.json").read_text())
        name = "base" if place else "../base"  # seen from the folder of models, and from the adapter
        (folder / "adapter_config.json").write_text(json.dumps(settings | {"base_model_name_or_path": name}))
        shutil.move(folder, tmp_path / "models" / f"adapter-of-{place}")
    monkeypatch.setenv("ATTNVIZ_MODELS", str(tmp_path / "models"))
    found = {entry.name: entry for entry in list_models() if entry.source == "folder"}
    assert sorted(found) == ["adapter-of-0", "adapter-of-1", "base"] and all(one.loadable for one in found.values())
    entry = found["adapter-of-0"]
    assert (entry.architecture, entry.n_layers, entry.n_heads) == ("llama", 2, 4)
    assert entry.bytes > found["base"].bytes
    held = safetensors.torch.load_file(base / "model.safetensors")
    safetensors.torch.save_file(
        {key: value + 1 for key, value in held.items()}, base / "model.safetensors", metadata={"format": "pt"}
    )
    assert find_model("adapter-of-0").revision != entry.revision


# --- refusals -------------------------------------------------------------------------------------------------------


@pytest.fixture
def adapter(tmp_path):
    """A folder with an adapter for tiny-gpt that fits, its settings changed as asked."""

    def made(tensors=None, **settings) -> Path:
        folder = tmp_path / f"adapter-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        told = {"peft_type": "LORA", "base_model_name_or_path": "tiny-gpt", "r": 4, "lora_alpha": 8, "bias": "none"}
        (folder / "adapter_config.json").write_text(json.dumps(told | settings))
        stem = "base_model.model.transformer.h.0.attn.c_attn."
        fits = {f"{stem}lora_A.weight": torch.ones(4, 128), f"{stem}lora_B.weight": torch.ones(384, 4)}
        held = fits if tensors is None else {key.replace("…", stem): value for key, value in tensors.items()}
        safetensors.torch.save_file(held, folder / "adapter_model.safetensors")
        return folder

    return made


def test_an_adapter_written_by_hand_is_merged(adapter):
    """2 = 8 / 4 times the sum over the four ranks."""
    changed, plain = load_model(str(adapter())), load_model("tiny-gpt")
    weight = "h.0.attn.c_attn.weight"
    difference = changed.module.state_dict()[weight] - plain.module.state_dict()[weight]
    assert torch.allclose(difference, torch.full_like(difference, 8.0), atol=1e-5)
    named = {"…lora_A.default.weight": torch.ones(4, 128), "…lora_B.default.weight": torch.ones(384, 4)}
    again = load_model(str(adapter(named)))
    assert torch.equal(again.module.state_dict()[weight], changed.module.state_dict()[weight])


@pytest.mark.parametrize("base", ["gpt2", "someone/large-model", "/home/somebody/models/llama", "../elsewhere"])
def test_a_base_that_is_not_here_is_named(adapter, base):
    """Without it there is nothing to see: which model to fetch is what the reader must know."""
    folder = adapter(base_model_name_or_path=base)
    message, entry = refusal(folder), find_model(str(folder))
    assert f"LoRA adapter for {base}" in message and "not on this machine" in message and "merge" in message
    assert not entry.loadable and entry.reason in message
    shutil.copy(BUNDLED / "tiny-gpt" / "config.json", folder)
    assert f"LoRA adapter for {base}" in refusal(folder), "a config.json beside it changes nothing"


def test_a_model_beside_an_adapter(adapter, tmp_path):
    """Shown without it, the model would be another than the one that was trained; merged twice too."""
    folder = adapter()
    shutil.copytree(BUNDLED / "tiny-gpt", folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("checkpoints"))
    message = refusal(folder)
    assert "a model and a LoRA adapter for tiny-gpt beside it" in message and "folder of their own" in message
    own = adapter(base_model_name_or_path=str(folder))
    shutil.copy(own / "adapter_config.json", folder)
    assert "merged" in load_model(str(folder)).notes[0], "an adapter for the very model beside it"
    (folder / "adapter_config.json").unlink()
    assert "adapter without its adapter_config.json" in refusal(folder)


def test_peft_is_not_asked(adapter, monkeypatch):
    """Where it is installed, transformers would attach the adapter by itself, or fetch its base."""
    monkeypatch.setattr("transformers.modeling_utils.maybe_load_adapters", _refuse_folders)
    load_model(str(adapter()))


def _refuse_folders(name, *arguments, **options):
    assert name is None, "transformers looks for adapters in the folder"
    return None, None, {}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"peft_type": "IA3"}, "IA3"),
        ({"peft_type": "LOHA"}, "only LoRA is merged here"),
        ({"peft_type": "PROMPT_TUNING"}, "read before the text"),
        ({"peft_type": None}, "only LoRA"),
        ({"init_lora_weights": "pissa_niter_16"}, "pissa"),
        ({"init_lora_weights": "olora"}, "olora"),
        ({"layer_replication": [[0, 1], [0, 1]]}, "layer_replication"),
        ({"alora_invocation_tokens": [1, 2]}, "alora_invocation_tokens"),
        ({"trainable_token_indices": [1]}, "trainable_token_indices"),
        ({"target_parameters": ["mlp.experts"]}, "target_parameters"),
        ({"something_of_2027": True}, "something_of_2027"),
        ({"lora_alpha": "8"}, "no numbers above 0"),
        ({"alpha_pattern": {"c_attn": None}}, "no numbers above 0"),
        ({"alpha_pattern": {"(": 4}}, "pattern"),
        ({"base_model_name_or_path": None}, "does not name the model"),
        ({"base_model_name_or_path": ["a"]}, "does not name the model"),
    ],
    ids=str,
)
def test_what_is_not_merged_is_refused_by_its_name(adapter, settings, said):
    """An adapter half understood is a wrong model."""
    assert said in refusal(adapter(**settings))


def test_a_pattern_that_takes_too_long_is_given_up(adapter, monkeypatch):
    """A regular expression from a file can keep a machine busy for ever."""
    monkeypatch.setattr("attnviz.models.merging.SLOWEST", 0.05)
    assert "pattern" in refusal(adapter(alpha_pattern={r"(?:(?:.|..)*){40}(?<=q)": 4}))


@pytest.mark.parametrize(
    ("tensors", "said"),
    [
        ({"…lora_A.weight": torch.ones(4, 128)}, "not of a kind"),
        ({"…lora_B.weight": torch.ones(384, 4)}, "first half"),
        ({"…lora_A.weight": torch.ones(4, 64), "…lora_B.weight": torch.ones(384, 4)}, "trained on"),
        ({"…lora_A.weight": torch.ones(2, 128), "…lora_B.weight": torch.ones(384, 4)}, "not of a kind"),
        ({"base_model.model.model.layers.0.q_proj.lora_A.weight": torch.ones(4, 8)}, "does not have"),
        ({"…lora_A.one.weight": torch.ones(4, 128), "…lora_B.two.weight": torch.ones(384, 4)}, "2 adapters"),
        ({"…ia3_l": torch.ones(384)}, "no LoRA tensors"),
        ({"base_model.model.transformer.wte.weight": torch.ones(3, 128)}, "no LoRA tensors"),
        ({"…lora_A.weight": torch.ones(4, 128), "…lora_B.weight": torch.ones(384, 4),
          "base_model.model.transformer.wte.weight": torch.ones(3, 128)}, "of 3×128"),
    ],
    ids=str,
)  # fmt: skip
def test_an_adapter_that_does_not_fit_is_refused(adapter, tensors, said):
    """For another model, or saved by halves."""
    assert said in refusal(adapter(tensors))


def test_pickled_adapters_and_bases_that_cannot_be_loaded(adapter, tmp_path):
    folder = adapter()
    (folder / "adapter_model.safetensors").rename(folder / "adapter_model.bin")
    assert "pickle, which is never opened" in refusal(folder)
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "config.json").write_text("{}")
    message = refusal(adapter(base_model_name_or_path="../base"))
    assert "adapter for ../base, which cannot be loaded" in message
