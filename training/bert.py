"""tiny-bert: a BERT type encoder that fills masked tokens of text and generated sentences."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import AddedToken
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import BertConfig, BertForMaskedLM, PreTrainedTokenizerFast

from attnviz.probes import PRONOUNS, pronoun_sentences

from .data import build_mixture, generated_texts, held_out_rows
from .loop import train
from .scores import pronoun_margins_encoder
from .settings import Settings, sinusoids
from .text import read_sources, sentences
from .vocabulary import CLS, MASK, PAD, SEP, UNK, add_frame, byte_level, save_tokenizer

IGNORED = -100
# Text is masked more in training than in the test: more to learn from a step.
MASKED_TEXT, MASKED_IN_TEST = 0.35, 0.15
# Of generated sentences: pronouns and other tokens, before and after the step from which there are more of them.
MASKED_GENERATED = ((0.5, 0.15), (0.85, 0.05))


def build_model(settings: Settings, vocabulary: int, seed: int) -> BertForMaskedLM:
    """The untrained model; positions begin as waves."""
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=vocabulary,
        hidden_size=settings.width,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        intermediate_size=4 * settings.width,
        hidden_act="gelu_pytorch_tanh",
        max_position_embeddings=settings.length,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        initializer_range=0.04,
        pad_token_id=0,
    )
    model = BertForMaskedLM(config)
    with torch.no_grad():
        model.bert.embeddings.position_embeddings.weight.copy_(sinusoids(settings.length, settings.width))
    return model


def mask(
    rows: np.ndarray, tokenizer: PreTrainedTokenizerFast, rng: np.random.Generator, chance: np.ndarray | float
) -> tuple[Tensor, Tensor]:
    """Frame `rows` [n, k] and mask tokens with the given chances: inputs, and targets (else -100), [n, k + 2] each."""
    chosen = rng.random(rows.shape) < chance
    inputs = np.where(chosen, tokenizer.mask_token_id, rows).astype(np.int64)
    targets = np.where(chosen, rows, IGNORED).astype(np.int64)
    inputs = np.pad(
        inputs, ((0, 0), (1, 1)), constant_values=((0, 0), (tokenizer.cls_token_id, tokenizer.sep_token_id))
    )
    targets = np.pad(targets, ((0, 0), (1, 1)), constant_values=IGNORED)
    return torch.from_numpy(inputs), torch.from_numpy(targets)


def masked_losses(model: Any, inputs: Tensor, targets: Tensor) -> Tensor:
    """[masked] nats with which the encoder names each masked token; other places go through no output layer."""
    at = targets != IGNORED
    logits = model.cls(model.bert(input_ids=inputs).last_hidden_state[at])
    return cross_entropy(logits, targets[at], reduction="none")


def pronoun_ids(tokenizer: PreTrainedTokenizerFast) -> np.ndarray:
    """Ids of the pronouns that are one token, small and capital."""
    words = {word for forms in PRONOUNS.values() for word in forms.values()}
    found = [
        tokenizer(text, add_special_tokens=False)["input_ids"] for word in words for text in (word, word.capitalize())
    ]
    return np.array(sorted({ids[0] for ids in found if len(ids) == 1}))


def train_bert(folder: Path, out: Path, settings: Settings, *, until: int | None = None) -> dict:
    """Train tiny-bert on the texts of `folder`; tokenizer, model and curve go to `out`, and the curve comes back."""
    out.mkdir(parents=True, exist_ok=True)
    sources = read_sources(folder)
    plain = [text for source in sources for text in sentences(source.train)]
    made = generated_texts(settings.n_generated, settings.seed)
    masked = AddedToken(MASK, lstrip=True, special=True)  # it stands for a word with the space before it
    tokenizer_file = byte_level(plain + made[: 2 * len(plain)], settings.vocabulary, [PAD, UNK, CLS, SEP, masked])
    add_frame(tokenizer_file, CLS, SEP)
    save_tokenizer(
        tokenizer_file,
        out,
        settings.length,
        pad_token=PAD,
        unk_token=UNK,
        cls_token=CLS,
        sep_token=SEP,
        mask_token=MASK,
    )
    tokenizer = PreTrainedTokenizerFast.from_pretrained(out)

    length = settings.length - 2
    mixture = build_mixture(
        tokenizer_file, plain, made, length=length, seed=settings.seed, n_repeats=settings.n_repeats,
        share_generated=settings.share_generated, share_repeated=settings.share_repeated,
    )  # fmt: skip
    held = held_out_rows(tokenizer_file, sources, length, settings.n_probes)
    inputs, targets = mask(held, tokenizer, np.random.default_rng(5), MASKED_IN_TEST)
    probes = pronoun_sentences(settings.n_probes, split="test", seed=11)
    model = build_model(settings, tokenizer_file.get_vocab_size(), settings.seed)
    schedule = settings.schedule()
    pronouns = pronoun_ids(tokenizer)
    generated_from = schedule.batch - mixture.n_generated(schedule.batch)

    def loss_of(model: nn.Module, step: int) -> Tensor:
        late = settings.extra_rows > 0 and step >= settings.extra_from
        rows = mixture.rows(schedule.batch, schedule.seed, step, settings.extra_rows if late else 0)
        masked_pronouns, masked_others = MASKED_GENERATED[late]
        chance = np.full(rows.shape, MASKED_TEXT)
        chance[generated_from:] = np.where(np.isin(rows[generated_from:], pronouns), masked_pronouns, masked_others)
        return masked_losses(
            model, *mask(rows, tokenizer, np.random.default_rng([schedule.seed, step, 1]), chance)
        ).mean()

    def measure(model: nn.Module) -> dict[str, Any]:
        margins = pronoun_margins_encoder(model, tokenizer, probes)
        return {
            "held_out_loss": float(masked_losses(model, inputs, targets).mean()),
            "pronoun_accuracy": float((margins > 0).mean()),
        }

    result = train(model, schedule, loss_of, measure, out, until=until)
    model.save_pretrained(out)
    (out / "run.json").write_text(json.dumps(result, indent=1) + "\n")
    return result
