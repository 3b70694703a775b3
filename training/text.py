"""Plain English from a folder: cleaned, in sentences, with a part held out."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

BLOCK = 30
HELD_OUT_EVERY = 20
STRAIGHT = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "—": " - ", "–": "-", "_": None, "|": None})
SENTENCE_END = re.compile(r"(?<=[.!?])\s+|(?<=[.!?][\"'])\s+")


@dataclass(frozen=True)
class Source:
    """A file of text and its two parts, each a list of paragraphs."""

    name: str
    sha256: str
    train: tuple[str, ...]
    held_out: tuple[str, ...]


def clean_paragraphs(text: str) -> list[str]:
    """The paragraphs of a text with straight quotes and single spaces.

    A file with short lines has its paragraphs between blank lines; in one with long lines every line is a paragraph.
    """
    lines = [len(line) for line in text.splitlines() if line.strip()]
    wrapped = sorted(lines)[len(lines) // 2] < 100 if lines else True
    pieces = re.split(r"\n\s*\n", text) if wrapped else text.splitlines()
    cleaned = (" ".join(piece.translate(STRAIGHT).split()) for piece in pieces)
    return [piece for piece in cleaned if piece]


def read_sources(folder: Path) -> list[Source]:
    """Every `*.txt` of a folder in order of name; each twentieth block of thirty paragraphs is held out.

    Raises FileNotFoundError if the folder has none.
    """
    sources = []
    for path in sorted(folder.glob("*.txt")):
        data = path.read_bytes()
        paragraphs = clean_paragraphs(data.decode("utf-8"))
        held = [number // BLOCK % HELD_OUT_EVERY == HELD_OUT_EVERY - 1 for number in range(len(paragraphs))]
        sources.append(
            Source(
                path.name,
                hashlib.sha256(data).hexdigest(),
                tuple(text for text, out in zip(paragraphs, held, strict=True) if not out),
                tuple(text for text, out in zip(paragraphs, held, strict=True) if out),
            )
        )
    if not sources:
        raise FileNotFoundError(f"no .txt file in {folder}")
    return sources


def sentences(paragraphs: tuple[str, ...]) -> list[str]:
    """The sentences of the paragraphs in order, split at end marks only."""
    return [part for paragraph in paragraphs for part in SENTENCE_END.split(paragraph) if part]
