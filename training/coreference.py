"""Does a head look from a pronoun to the one who is meant? On generated sentences, Winogender and GAP."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedTokenizerFast

from attnviz.probes import Sentence

from .scores import eager

Span = tuple[int, int]
PRONOUN = re.compile(r"\b(he|she|they|him|her|them|his|their)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Mention:
    """A text, the characters of its pronoun, of the one who is meant, and of others who are not."""

    text: str
    pronoun: Span
    right: Span
    wrong: tuple[Span, ...]


def generated_mentions(sentences: Sequence[Sentence]) -> list[Mention]:
    """Those sentences whose pronoun has a distractor."""
    return [
        Mention(s.text, s.spans[s.pronoun], s.spans[s.antecedent], tuple(s.spans[word] for word in s.distractors))
        for s in sentences
        if s.pronoun is not None and s.antecedent is not None and s.distractors
    ]


def winogender_mentions(path: Path) -> list[Mention]:
    """The sentences of Winogender whose two people and pronoun can be found by their words.

    A sentence's name says who is meant: `technician.customer.1.male.txt` is the second, 0 the first.
    """
    found = []
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            first, second, answer, _, _ = row["sentid"].split(".")
            text = row["sentence"]
            spans = [re.search(rf"\b{re.escape(word)}\b", text, re.IGNORECASE) for word in (first, second)]
            pronoun = PRONOUN.search(text)
            if pronoun is None or any(span is None or span.start() > pronoun.start() for span in spans):
                continue
            people = [span.span() for span in spans if span is not None]
            meant = int(answer)
            found.append(Mention(text, pronoun.span(), people[meant], (people[1 - meant],)))
    return found


def gap_mentions(path: Path) -> list[Mention]:
    """The passages of GAP where both names come before the pronoun and exactly one is meant."""
    found = []
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            place = int(row["Pronoun-offset"])
            names = {letter: (int(row[f"{letter}-offset"]), row[letter]) for letter in "AB"}
            spans = {letter: (start, start + len(name)) for letter, (start, name) in names.items()}
            meant = [letter for letter in "AB" if row[f"{letter}-coref"] == "TRUE"]
            if len(meant) != 1 or max(end for _, end in spans.values()) > place:
                continue
            other = "B" if meant[0] == "A" else "A"
            pronoun = (place, place + len(row["Pronoun"]))
            found.append(Mention(row["Text"], pronoun, spans[meant[0]], (spans[other],)))
    return found


def _token_spans(offsets: list[Span], span: Span) -> list[int]:
    return [place for place, (a, b) in enumerate(offsets) if b > a and a < span[1] and b > span[0]]


def _fitting(
    mention: Mention, tokenizer: PreTrainedTokenizerFast, limit: int
) -> tuple[list[int], list[list[int]]] | None:
    """Ids of the mention's text and the tokens of pronoun, right and wrong; a long text loses its first words.

    None if all mentions do not fit into `limit` tokens.
    """
    encoded = tokenizer(mention.text, return_offsets_mapping=True, verbose=False)
    ids, offsets = encoded["input_ids"], encoded["offset_mapping"]
    places = [_token_spans(offsets, span) for span in (mention.pronoun, mention.right, *mention.wrong)]
    if len(ids) > limit:
        tail = [ids[-1]] if tokenizer.sep_token_id is not None and ids[-1] == tokenizer.sep_token_id else []
        end = min(places[0][-1] + 1 + limit // 8, len(ids) - len(tail))
        start = max(1, end - (limit - 1 - len(tail)))
        ids = [ids[0], *ids[start:end], *tail]
        places = [[place - start + 1 for place in group] for group in places]
        if min(min(group) for group in places) < 1:
            return None
    return ids, places


def attention_choices(model: Any, tokenizer: PreTrainedTokenizerFast, mentions: Sequence[Mention]) -> np.ndarray:
    """[usable mentions, layers, heads] whether a head gives the right one more weight than every wrong one.

    The row is that of the pronoun's last token; a mention's weight is the sum over its tokens.
    """
    limit = getattr(model.config, "n_positions", None) or model.config.max_position_embeddings
    hits = []
    with torch.no_grad(), eager(model):
        for mention in mentions:
            fitting = _fitting(mention, tokenizer, limit)
            if fitting is None:
                continue
            ids, (pronoun, right, *wrong) = fitting
            weights = torch.stack(model(input_ids=torch.tensor([ids]), output_attentions=True).attentions)[:, 0]
            row = weights[:, :, pronoun[-1]]
            best = torch.stack([row[..., places].sum(-1) for places in wrong]).amax(0)
            hits.append((row[..., right].sum(-1) > best).numpy())
    return np.stack(hits)


def nearest_is_right(mentions: Sequence[Mention]) -> float:
    """Share of mentions in which the nearest one before the pronoun is meant: the baseline of position."""
    nearest = [
        max((m.right, *m.wrong), key=lambda span: (span[0] < m.pronoun[0], span[0])) == m.right for m in mentions
    ]
    return float(np.mean(nearest))
