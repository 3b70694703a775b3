"""Text to tokens as a person reads them: surface text, byte pieces joined, controls made visible."""

import unicodedata
from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

import regex

from attnviz.errors import AttnvizError, explained, in_one_line

# A word: one Han character, letters and digits with inner apostrophes, or any other whole grapheme.
WORD = regex.compile(r"\p{Han}|[\w--\p{Han}]+(?:['’][\w--\p{Han}]+)*|(?!\s)\X", regex.V1)
VISIBLE = {chr(code): chr(0x2400 + code) for code in range(32)} | {"\t": "⇥", "\n": "⏎", "\x7f": "␡"}
SPACES = "▁Ġ"  # how SentencePiece and byte-level tokenizers spell a space
JOINERS = "\u200c\u200d"
PARTIAL = "\ufffd"  # what bytes decode to that are no character yet


@dataclass(frozen=True)
class TokenizedText:
    """A text as one model reads it; every tuple has one entry a token.

    `inputs` is what the model takes (input_ids and the like, each a list of ints); the rest as in `traces.Trace`.
    """

    inputs: dict[str, list[int]]
    tokens: tuple[str, ...]
    pieces: tuple[str, ...]
    offsets: tuple[tuple[int, int], ...]
    words: tuple[int | None, ...]
    segments: tuple[int | None, ...]


def tokenize(
    tokenizer: Any,
    text: str,
    text_pair: str | None = None,
    *,
    limit: int | None = None,
    read_special: bool = False,
    add_special: bool = True,
) -> TokenizedText:
    """Tokens of a text, or of a pair.

    With `add_special` the tokenizer's own special tokens stand around the text, as the model expects them. A special
    token that was typed, such as [MASK], is plain text, unless `read_special` says to read it as what it stands for.

    Raises AttnvizError for text that nothing can be read from, for more tokens than `limit`, and for a typed special
    token where the tokenizer knows no other way to read it.
    """
    texts = [text] if text_pair is None else [text, text_pair]
    for given in texts:
        check_text(given)
    encoding = encode(
        tokenizer,
        *texts,
        truncation=False,
        padding=False,
        add_special_tokens=add_special,
        split_special_tokens=not read_special,
        return_offsets_mapping=True,
        return_special_tokens_mask=True,
        verbose=False,
    )
    offsets = [(int(start), int(end)) for start, end in encoding.pop("offset_mapping")]
    special = [bool(flag) for flag in encoding.pop("special_tokens_mask")]
    segments = tuple(None if is_special else part for is_special, part in zip(special, encoding.sequence_ids(0)))
    for part, given in enumerate(texts):
        if part not in segments:
            raise AttnvizError(
                f"This model's tokenizer finds nothing to read in {in_one_line(repr(given))}: try words."
            )
    if not read_special:
        check_plain(tokenizer, encoding["input_ids"], special)
    if limit is not None and len(special) > limit:
        raise AttnvizError(
            f"The text has {len(special):,} tokens and this model reads at most {limit:,}: shorten it by about "
            f"{100 - 100 * limit // len(special)} %."
        )
    return _described(tokenizer, texts, {name: list(values) for name, values in encoding.items()}, offsets, segments)


def encode(tokenizer: Any, *texts: str, **options: Any) -> Any:
    """What a tokenizer makes of texts. Raises AttnvizError for what it cannot read, with the word that it stops at."""
    with explained("This model's tokenizer cannot read the text", "try other words"):
        try:
            return tokenizer(*texts, **options)
        except Exception as error:
            told = str(error).lower()
            unknown = "unk" in told and _first_unknown(tokenizer, [*texts, options.get("text_target") or ""])
            if not unknown:
                raise
            raise AttnvizError(
                f"This tokenizer has no token for unknown words, and {in_one_line(repr(unknown), 40)} is one: take it "
                "out of the text."
            ) from error


def _first_unknown(tokenizer: Any, texts: Sequence[str]) -> str | None:
    """The first word that a tokenizer cannot read by itself."""
    for word in (match.group() for text in texts for match in WORD.finditer(text)):
        try:
            tokenizer(word)
        except Exception:
            return word
    return None


def with_written(tokenizer: Any, text: str, read: TokenizedText, ids: list[int]) -> tuple[str, TokenizedText]:
    """A text, and how it was read, with the tokens after it that a model wrote."""
    whole = [*read.inputs["input_ids"], *ids]
    first = len(whole) - len(ids)
    spelt = [tokenizer.decode(whole[:n], clean_up_tokenization_spaces=False) for n in range(first, len(whole) + 1)]
    further = len(text) - len(spelt[0])
    offsets = [(start + further, end + further) for start, end in _offsets(spelt)]
    inputs = {name: values + values[-1:] * len(ids) for name, values in read.inputs.items()} | {"input_ids": whole}
    finished = text + spelt[-1][len(spelt[0]) :]
    segments = read.segments + (0,) * len(ids)
    return finished, _described(tokenizer, [finished], inputs, [*read.offsets, *offsets], segments)


def read_ids(tokenizer: Any, ids: Sequence[int]) -> tuple[str, TokenizedText]:
    """Token ids as a text, and how it was read: a text that need not give the same ids when it is typed."""
    special = set(tokenizer.all_special_ids)
    plain = [token_id for token_id in ids if token_id not in special]
    spelt = [tokenizer.decode(plain[:n], clean_up_tokenization_spaces=False) for n in range(len(plain) + 1)]
    places = iter(_offsets(spelt))
    offsets = [(0, 0) if token_id in special else next(places) for token_id in ids]
    segments = tuple(None if token_id in special else 0 for token_id in ids)
    read = _described(tokenizer, [spelt[-1]], {"input_ids": list(ids)}, offsets, segments)
    return spelt[-1], replace(read, tokens=tokens_of_ids(tokenizer, list(ids)))


def _offsets(spelt: Sequence[str]) -> list[tuple[int, int]]:
    """Where each token stands in a text; `spelt` is the text before the first of them, and after every one."""
    known = [len(spelt[0]), *(len(one.rstrip(PARTIAL)) for one in spelt[1:-1]), len(spelt[-1])]
    ends = list(accumulate(known, max))
    return [(start, next((end for end in ends if end > start), start)) for start in ends[:-1]]


def _described(
    tokenizer: Any,
    texts: list[str],
    inputs: dict[str, list[int]],
    offsets: list[tuple[int, int]],
    segments: tuple[int | None, ...],
) -> TokenizedText:
    """What is known of each token from its place in the text."""
    pieces = tuple(tokenizer.convert_ids_to_tokens(inputs["input_ids"]))
    starts = [[match.start() for match in WORD.finditer(given)] for given in texts]
    tokens: list[str] = []
    words: list[int | None] = []
    for i, segment in enumerate(segments):
        if segment is None:
            tokens.append(_visible(pieces[i]))
            words.append(None)
            continue
        tokens.append(_as_read(i, texts[segment], offsets, segments, pieces))
        if inputs["input_ids"][i] == tokenizer.unk_token_id and tokens[-1] != pieces[i]:
            tokens[-1] += f"→{pieces[i]}"
        start, end = offsets[i]
        start += len(texts[segment][start:end]) - len(texts[segment][start:end].lstrip())
        words.append(max(0, bisect(starts[segment], start) - 1))
    return TokenizedText(inputs, tuple(tokens), pieces, tuple(offsets), tuple(words), segments)


def tokens_of_ids(tokenizer: Any, ids: list[int]) -> tuple[str, ...]:
    """Tokens as a person reads them, of ids that come without their text, such as generated ones."""
    special = set(tokenizer.all_special_ids)
    plain = [token_id for token_id in ids if token_id not in special]
    text = tokenizer.decode(plain)
    again = encode(
        tokenizer, text, add_special_tokens=False, split_special_tokens=True, return_offsets_mapping=True, verbose=False
    )
    if again["input_ids"] == plain:  # then every token has its place in the text
        offsets, pieces = again["offset_mapping"], tokenizer.convert_ids_to_tokens(plain)
        shown = iter([_as_read(i, text, offsets, (0,) * len(plain), pieces) for i in range(len(plain))])
    else:
        shown = iter([_visible(tokenizer.decode([token_id])) or "␣" for token_id in plain])
    return tuple(tokenizer.convert_ids_to_tokens(token_id) if token_id in special else next(shown) for token_id in ids)


def check_text(text: str) -> None:
    """Raises AttnvizError for text that no model can read: empty, blank, with NUL, or not Unicode."""
    if not text.strip():
        raise AttnvizError("The text is empty: type a sentence.")
    if "\0" in text:
        raise AttnvizError("The text holds a NUL character, which tokenizers cannot read: remove it.")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise AttnvizError(f"Character {error.start + 1} of the text is not Unicode: type or paste it again.") from None


def check_plain(tokenizer: Any, ids: list[int], added: list[bool]) -> None:
    """Raises AttnvizError for a special token that was not added but read: some vocabularies spell it no other way."""
    special = set(tokenizer.all_special_ids) - {tokenizer.unk_token_id}
    read = [token_id for token_id, is_added in zip(ids, added) if token_id in special and not is_added]
    if read:
        piece = in_one_line(tokenizer.convert_ids_to_tokens(read[0]))
        raise AttnvizError(
            f"This model's tokenizer reads '{piece}' as its special token, even as plain text: take it out of the "
            "text, or have special tokens read."
        )


def _as_read(i, text, offsets, segments, pieces) -> str:
    """The text under token i; tokens that share a character show it whole, with their part: 你 2/3."""
    if not pieces[i].strip(SPACES):
        return "␣" * len(pieces[i])

    def share(j: int) -> bool:
        """Whether tokens j and j + 1 stand for parts of the same text."""
        return segments[j] == segments[j + 1] and offsets[j][1] > offsets[j + 1][0] and bool(pieces[j].strip(SPACES))

    first = last = i
    while first > 0 and share(first - 1):
        first -= 1
    while last + 1 < len(pieces) and share(last):
        last += 1
    surface = _visible(text[offsets[first][0] : offsets[last][1]]) or _visible(pieces[i])
    return surface if first == last else f"{surface} {i - first + 1}/{last - first + 1}"


def _visible(surface: str) -> str:
    """Without the space that joins it to its neighbours; what cannot be seen is given a sign."""
    surface = surface.strip(" ") or "␣" * len(surface)
    alone = len(surface) == 1
    shown = "".join(VISIBLE.get(char) or (f"U+{ord(char):04X}" if _unseen(char, alone) else char) for char in surface)
    return f"◌{shown}" if shown and unicodedata.combining(shown[0]) else shown


def _unseen(char: str, alone: bool) -> bool:
    if char in JOINERS or "\U000e0020" <= char <= "\U000e007f":  # they hold an emoji or a word together
        return alone
    return unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp", "Cn", "Co")
