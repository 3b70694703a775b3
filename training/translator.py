"""tiny-translator: a BART type encoder-decoder from written dates to ISO form."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    PreTrainedTokenizerFast,
)

from .dates import DatePair, date_pairs
from .loop import train
from .scores import eager
from .settings import Settings, sinusoids
from .vocabulary import (
    DATE_PIECES,
    END,
    PAD,
    START,
    add_frame,
    byte_level,
    save_tokenizer,
)

IGNORED = -100
LONGEST = 12
FIELDS = {"year": slice(0, 4), "month": slice(5, 7), "day": slice(8, 10)}


def build_model(settings: Settings, tokenizer: PreTrainedTokenizerFast) -> BartForConditionalGeneration:
    """The untrained model; positions of both sides begin as waves."""
    torch.manual_seed(settings.seed)
    config = BartConfig(
        vocab_size=len(tokenizer),
        d_model=settings.width,
        encoder_layers=settings.layers,
        decoder_layers=settings.layers,
        encoder_attention_heads=settings.heads,
        decoder_attention_heads=settings.heads,
        encoder_ffn_dim=2 * settings.width,
        decoder_ffn_dim=2 * settings.width,
        max_position_embeddings=settings.length,
        activation_function="gelu",
        dropout=0.0,
        attention_dropout=0.0,
        activation_dropout=0.0,
        init_std=0.04,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        decoder_start_token_id=tokenizer.bos_token_id,
        forced_eos_token_id=None,
    )
    model = BartForConditionalGeneration(config)
    with torch.no_grad():
        for side in (model.model.encoder, model.model.decoder):
            weight = side.embed_positions.weight
            weight.copy_(sinusoids(*weight.shape))
    return model


def encode(tokenizer: PreTrainedTokenizerFast, pairs: Sequence[DatePair]) -> dict[str, Tensor]:
    """Padded `input_ids`, `attention_mask`, `decoder_input_ids` and `labels` (-100 where padded).

    Both sides have a start and an end token; the decoder reads all but the last and answers all but the first.
    """
    source = tokenizer([pair.source for pair in pairs], padding=True, return_tensors="pt")
    target = tokenizer([pair.target for pair in pairs], padding=True, return_tensors="pt")
    labels = target["input_ids"][:, 1:].clone()
    labels[target["attention_mask"][:, 1:] == 0] = IGNORED
    return {
        "input_ids": source["input_ids"],
        "attention_mask": source["attention_mask"],
        "decoder_input_ids": target["input_ids"][:, :-1],
        "labels": labels,
    }


def translate(model: Any, tokenizer: PreTrainedTokenizerFast, texts: Sequence[str]) -> list[str]:
    """The model's greedy answers, without special tokens and outer spaces."""
    found = []
    for begin in range(0, len(texts), 256):
        source = tokenizer(list(texts[begin : begin + 256]), padding=True, return_tensors="pt")
        ids = model.generate(
            input_ids=source["input_ids"], attention_mask=source["attention_mask"], max_new_tokens=LONGEST, num_beams=1,
            do_sample=False,
        )  # fmt: skip
        found += [text.strip() for text in tokenizer.batch_decode(ids, skip_special_tokens=True)]
    return found


def exactness(model: Any, tokenizer: PreTrainedTokenizerFast, pairs: Sequence[DatePair]) -> np.ndarray:
    """[pairs] whether each greedy answer is the ISO form to the letter."""
    answers = translate(model, tokenizer, [pair.source for pair in pairs])
    return np.array([answer == pair.target for answer, pair in zip(answers, pairs, strict=True)])


def alignment(model: Any, tokenizer: PreTrainedTokenizerFast, pairs: Sequence[DatePair]) -> dict[str, np.ndarray]:
    """For year, month and day: [layers, heads] share of target tokens whose row of cross-attention peaks in its source.

    The row of a target token is the one that predicts it, so its label on screen is the token before. A peak counts
    where it lies on a token that overlaps the characters of the same part in the written date.
    """
    with eager(model):
        batch = encode(tokenizer, pairs)
        answer = model.model(**{k: v for k, v in batch.items() if k != "labels"}, output_attentions=True)
    peaks = torch.stack(answer.cross_attentions).argmax(-1)  # [layers, pairs, heads, target tokens]
    hits: dict[str, list[Tensor]] = {name: [] for name in FIELDS}
    for row, pair in enumerate(pairs):
        source = tokenizer(pair.source, return_offsets_mapping=True)["offset_mapping"]
        target = tokenizer(pair.target, return_offsets_mapping=True)["offset_mapping"]
        for name, part in FIELDS.items():
            start, end = pair.spans[name]
            right = torch.tensor([place for place, (a, b) in enumerate(source) if a < end and b > start and b > a])
            for place, (a, b) in enumerate(target):
                if b > a and a < part.stop and b > part.start:
                    hits[name].append(torch.isin(peaks[:, row, :, place - 1], right))
    return {name: torch.stack(found).float().mean(0).numpy() for name, found in hits.items()}


def train_translator(out: Path, settings: Settings, *, until: int | None = None) -> dict:
    """Train tiny-translator on generated dates; tokenizer, model and curve go to `out`, and the curve comes back."""
    out.mkdir(parents=True, exist_ok=True)
    pairs = date_pairs(settings.n_generated, split="train", seed=settings.seed)
    texts = [text for pair in pairs for text in (pair.source, pair.target)]
    tokenizer_file = byte_level(texts, settings.vocabulary, [PAD, START, END], DATE_PIECES)
    add_frame(tokenizer_file, START, END)
    save_tokenizer(tokenizer_file, out, settings.length, pad_token=PAD, bos_token=START, eos_token=END)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(out)

    batch = encode(tokenizer, pairs)
    model = build_model(settings, tokenizer)
    schedule = settings.schedule()
    held_out = date_pairs(settings.n_probes, split="test", seed=11)
    held = encode(tokenizer, held_out)

    def loss_of(model: nn.Module, step: int) -> Tensor:
        chosen = np.random.default_rng([schedule.seed, step]).integers(0, len(pairs), schedule.batch)
        return target_loss(model, {name: tensor[chosen] for name, tensor in batch.items()})

    def measure(model: nn.Module) -> dict[str, Any]:
        return {
            "held_out_loss": float(target_loss(model, held)),
            "exact": float(exactness(model, tokenizer, held_out).mean()),
        }

    result = train(model, schedule, loss_of, measure, out, until=until)
    model.generation_config.max_new_tokens = LONGEST
    model.save_pretrained(out)
    (out / "run.json").write_text(json.dumps(result, indent=1) + "\n")
    return result


def target_loss(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
    """Mean nats a target token."""
    inputs = {name: tensor for name, tensor in batch.items() if name != "labels"}
    logits = model(**inputs).logits
    return cross_entropy(logits.flatten(0, 1), batch["labels"].flatten(), ignore_index=IGNORED)
