"""Byte-level tokenizers, trained here, that any text can be typed into."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import PreTrainedTokenizerFast

START = "<|start|>"
PAD, UNK, CLS, SEP, MASK = "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"
END = "[END]"
# Two digits stay together, so that 2021 is 20 and 21, and a name of a month is one run of letters.
DATE_PIECES = Regex(r" ?\d\d| ?\d| ?[A-Za-z]+| ?[^\sA-Za-z\d]+|\s+")


def byte_level(
    texts: Iterable[str], size: int, specials: list[str | AddedToken], pieces: Regex | None = None
) -> Tokenizer:
    """A byte-level BPE of `size` tokens; a text's first word is written as if a space came before it."""
    tokenizer = Tokenizer(models.BPE())
    if pieces is None:
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    else:
        splitter = pre_tokenizers.Split(pieces, "isolated")
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [splitter, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
        )
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=specials, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def add_frame(tokenizer: Tokenizer, before: str | None, after: str | None) -> None:
    """Let the tokenizer put its own special tokens around every text, as in training."""
    frame = [token for token in (before, "$A", after) if token]
    specials = [(token, tokenizer.token_to_id(token)) for token in (before, after) if token]
    pair = None
    if before and after:
        pair = f"{before} $A {after} $B:1 {after}:1"
    tokenizer.post_processor = processors.TemplateProcessing(
        single=" ".join(frame), pair=pair or "$A $B:1", special_tokens=specials
    )


def save_tokenizer(tokenizer: Tokenizer, folder: Path, length: int, **specials: str) -> None:
    """Write `tokenizer.json` and `tokenizer_config.json`; `specials` name the tokens (`bos_token="<|start|>"`)."""
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=length, **specials).save_pretrained(folder)
