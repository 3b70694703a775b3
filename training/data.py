"""Token rows to train on: text, generated sentences and repeats, packed up front; a step's batch depends on its number.

Rows hold `length` tokens and no special ones; each model adds its own frame.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from tokenizers import Tokenizer

from attnviz.probes import pronoun_sentences

from .text import Source, sentences

Rows = np.ndarray


@dataclass(frozen=True)
class Stream:
    """Tokens of a running text, and the places where a sentence begins."""

    ids: np.ndarray
    starts: np.ndarray

    def windows(self, rng: np.random.Generator, n: int, length: int) -> Rows:
        """[n, length] windows that begin with a sentence."""
        usable = self.starts[self.starts <= len(self.ids) - length]
        return self.ids[rng.choice(usable, n)[:, None] + np.arange(length)]


def stream(tokenizer: Tokenizer, texts: list[str]) -> Stream:
    """Encode sentences one by one and join them."""
    encoded = [item.ids for item in tokenizer.encode_batch_fast(texts, add_special_tokens=False)]
    lengths = np.array([len(ids) for ids in encoded])
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    return Stream(np.concatenate([np.array(ids, dtype=np.int16) for ids in encoded]), starts)


def repeat_rows(source: Stream, rng: np.random.Generator, n: int, length: int, words: np.ndarray) -> Rows:
    """[n, length] rows that repeat a chunk of 4 to `length` // 2 tokens, random ones in even rows, text in odd ones.

    Half of the rows begin with other tokens of the same sort, so that no distance is tied to a position.
    """
    rows = np.empty((n, length), dtype=np.int16)
    for number in range(n):
        period = int(rng.integers(4, length // 2))
        before = int(rng.integers(0, 24)) if rng.random() < 0.5 else 0
        if number % 2:
            drawn = source.windows(rng, 1, before + period)[0]
        else:
            drawn = rng.choice(words, before + period, replace=False)
        copies = np.tile(drawn[before:], length // period + 1)
        rows[number] = np.concatenate([drawn[:before], copies])[:length]
    return rows


@dataclass(frozen=True)
class Mixture:
    """What a batch is made of: a share of generated sentences, one of repeats, the rest text."""

    text: Stream
    generated: Stream
    repeated: Rows
    length: int
    share_generated: float
    share_repeated: float

    def n_generated(self, n: int) -> int:
        """How many rows of a batch of `n` are generated sentences: its last ones."""
        return round(n * self.share_generated)

    def rows(self, n: int, seed: int, step: int, extra: int = 0) -> Rows:
        """[n + extra, length] rows of a step: the same for the same seed and step, whatever ran before.

        The last `extra` rows are generated sentences on top of the mixture's share.
        """
        rng = np.random.default_rng([seed, step])
        made = self.n_generated(n)
        copied = round(n * self.share_repeated)
        parts = [
            self.text.windows(rng, n - made - copied, self.length),
            self.repeated[rng.integers(0, max(1, len(self.repeated)), copied)],
            self.generated.windows(rng, made + extra, self.length),
        ]
        return np.concatenate(parts)


def generated_texts(n: int, seed: int) -> list[str]:
    """`n` sentences of the training split."""
    return [sentence.text for sentence in pronoun_sentences(n, split="train", seed=seed)]


def build_mixture(
    tokenizer: Tokenizer,
    texts: list[str],
    made: list[str],
    *,
    length: int,
    seed: int,
    n_repeats: int,
    share_generated: float,
    share_repeated: float,
) -> Mixture:
    """Encode everything once; `texts` and `made` are sentences of plain text and of the generator."""
    text = stream(tokenizer, texts)
    specials = {token.content for token in tokenizer.get_added_tokens_decoder().values()}
    words = np.array([number for token, number in tokenizer.get_vocab().items() if token not in specials])
    words.sort()
    repeated = np.empty((0, length), dtype=np.int16)
    if n_repeats:
        repeated = repeat_rows(text, np.random.default_rng([seed, 7]), n_repeats, length, words)
    return Mixture(text, stream(tokenizer, made), repeated, length, share_generated, share_repeated)


def held_out_rows(tokenizer: Tokenizer, sources: list[Source], length: int, n: int) -> Rows:
    """[n, length] windows of held-out text, spread evenly over it and begun with a sentence."""
    held = stream(tokenizer, [text for source in sources for text in sentences(source.held_out)])
    usable = held.starts[held.starts <= len(held.ids) - length]
    chosen = usable[np.linspace(0, len(usable) - 1, min(n, len(usable))).astype(int)]
    return held.ids[chosen[:, None] + np.arange(length)]
