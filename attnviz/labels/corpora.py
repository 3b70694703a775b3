"""Files with gold answers: dependencies from CoNLL-U, pronouns from GAP, and coreference as in CoNLL-2012 and LitBank.

A file is text to be read and no more. What it is, its first lines tell; a file that is none of these is plain text.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attnviz.errors import AttnvizError, in_one_line
from attnviz.models.text import WORD
from attnviz.probes import PRONOUNS, Dependency

from .gold import GoldText, Reference, Span

MOST = 64 * 2**20  # bytes
LONGEST = 4_000  # characters; a longer text fits no model's probes and is left out
PASSAGE_WORDS = 80  # sentences of a document are read together up to this many words
PLAIN, CONLLU, GAP, COREFERENCE = "plain text", "CoNLL-U", "GAP", "CoNLL coreference"
COLUMNS = 10  # of CoNLL-U
GAP_COLUMNS = ("Text", "Pronoun", "Pronoun-offset", "A", "A-offset", "A-coref", "B", "B-offset", "B-coref")
THIRD_PERSON = frozenset(word for cases in PRONOUNS.values() for word in cases.values()) | {"hers", "theirs"}
OTHER_PRONOUNS = frozenset(
    """i me my mine myself we us our ours ourselves you your yours yourself yourselves thou thee thy thine ye who whom
    whose which that this these those one oneself each other another all both some any none here there""".split()
)
# After its head, a noun phrase goes on with one of these, if it does.
AFTER_HEAD = frozenset(
    """of with without in into within on upon at from to for by near under over about above behind before between like
    as than who whom whose which that where when""".split()
)
SENTENCE_END = re.compile(r"(?:(?<=[.!?])|(?<=[.!?][\"'”’)\]]))\s+(?=[\"'“‘(\[]*[A-Z])")
MENTION_EDGE = re.compile(r"(\()?(\d+)(\))?")


@dataclass(frozen=True)
class Corpus:
    """A file's name, which format it was read as, its texts, and a digest of its bytes."""

    name: str
    form: str
    texts: tuple[GoldText, ...]
    digest: str

    @property
    def gold(self) -> bool:
        """Whether it answers any question."""
        return any(text.dependencies or text.references for text in self.texts)

    @property
    def described(self) -> dict[str, Any]:
        """What is said of it beside labels: its name and format, and how much it holds."""
        return {
            "name": self.name,
            "format": self.form,
            "texts": len(self.texts),
            "arcs": sum(len(text.dependencies) for text in self.texts),
            "pronouns": sum(not one.nominal for text in self.texts for one in text.references),
            "mentions": sum(one.nominal for text in self.texts for one in text.references),
        }


class _Malformed(Exception):
    """A line (from 1) that is not as its format says, and what to do."""


def read(path: str | Path) -> Corpus:
    """The texts of a file. Raises AttnvizError where it cannot be read, with the line and what to do."""
    path = Path(path)
    try:
        if not path.is_file():
            raise AttnvizError(f"'{in_one_line(path)}' cannot be read: it is no file. Name a file of sentences.")
        if path.stat().st_size > MOST:
            size = f"{path.stat().st_size / 2**20:,.0f} MiB, and {MOST // 2**20} are read"
            raise AttnvizError(f"'{in_one_line(path)}' has {size}: take a part of it.")
        return parse(path.read_bytes(), path.name)
    except OSError as error:
        raise AttnvizError(f"'{in_one_line(path)}' cannot be read ({in_one_line(error.strerror)}).") from error


def parse(file: bytes, name: str) -> Corpus:
    """The texts in a file's bytes. Raises AttnvizError for what is not as its format says, with the line."""
    shown = in_one_line(name)
    try:
        lines = [line.removesuffix("\r") for line in file.decode("utf-8-sig").split("\n")]
    except UnicodeDecodeError as error:
        line = 1 + file[: error.start].count(b"\n")
        raise AttnvizError(f"'{shown}', line {line}: this is not UTF-8. Save the file as UTF-8 text.") from None
    if not file.strip():
        raise AttnvizError(f"'{shown}' is empty: it should hold sentences.")
    form = _form(lines, name)
    try:
        found = {CONLLU: _conllu, GAP: _gap, COREFERENCE: _coreference, PLAIN: _plain}[form](lines)
        texts = tuple(text for text in found if len(text.text) <= LONGEST)
    except _Malformed as error:
        line, said = error.args
        raise AttnvizError(f"'{shown}', line {line}: {said} (The file was taken for {form}.)") from None
    if not texts:
        raise AttnvizError(
            f"'{shown}', taken for {form}, holds no text of use: add sentences of up to {LONGEST:,} characters."
        )
    return Corpus(name, form, texts, hashlib.blake2b(file, digest_size=16).hexdigest())


def spread(texts: Sequence[GoldText], most: int) -> tuple[GoldText, ...]:
    """At most so many of the texts, taken evenly from first to last."""
    n = min(most, len(texts))
    return tuple(texts[i * len(texts) // n] for i in range(n))


def _form(lines: Sequence[str], name: str) -> str:
    first = next((line for line in lines if line.strip() and not line.startswith("# ")), "")
    if {"Pronoun-offset", "A-coref"} <= set(first.split("\t")):
        return GAP
    if first.startswith("#begin document"):
        return COREFERENCE
    fields = first.split("\t")
    if name.lower().endswith(".conllu") or (len(fields) >= 8 and re.fullmatch(r"1(-\d+)?", fields[0])):
        return CONLLU
    return PLAIN


def _plain(lines: Sequence[str]) -> Iterator[GoldText]:
    """One text a sentence; a line never goes on in the next."""
    for line in lines:
        yield from (GoldText(part.strip()) for part in SENTENCE_END.split(line) if part.strip())


# --- CoNLL-U ----------------------------------------------------------------------------------------------------------


def _conllu(lines: Sequence[str]) -> Iterator[GoldText]:
    """One text a sentence (https://universaldependencies.org/format.html); empty nodes are passed over."""
    rows: list[tuple[int, list[str]]] = []
    text: str | None = None
    for number, line in enumerate([*lines, ""], start=1):
        if not line.strip():
            if rows:
                yield _sentence(rows, text)
            rows, text = [], None
        elif line.startswith("#"):
            key, _, value = line[1:].partition("=")
            text = value.strip() if key.strip() == "text" else text
        else:
            fields = line.split("\t")
            if len(fields) != COLUMNS:
                raise _Malformed(number, f"{len(fields)} columns, where {COLUMNS} stand between tabs. Mend the line.")
            rows += [] if "." in fields[0] else [(number, fields)]


def _sentence(rows: Sequence[tuple[int, list[str]]], text: str | None) -> GoldText:
    surface = _surface(rows)
    if text is None:
        text = "".join(form + space for _, form, space, _ in surface).rstrip()
    spans: list[Span] = []
    place = 0
    for line, form, _, parts in surface:
        while text[place : place + 1].isspace():
            place += 1
        if not text.startswith(form, place):
            raise _Malformed(
                line, f"'{in_one_line(form, 30)}' is not what '# text' goes on with. Mend that comment or take it out."
            )
        spans += _parts(place, form, parts)
        place += len(form)
    words = [(line, fields) for line, fields in rows if "-" not in fields[0]]
    arcs = [_arc(line, number, fields, len(words)) for number, (line, fields) in enumerate(words)]
    return GoldText(text, tuple(spans), tuple(arc for arc in arcs if arc is not None))


def _surface(rows: Sequence[tuple[int, list[str]]]) -> list[tuple[int, str, str, list[str]]]:
    """What is written, in order: line, form, the space after it, and the forms of its words (itself, most often)."""
    surface: list[tuple[int, str, str, list[str]]] = []
    count = last = 0
    for line, fields in rows:
        form, space = fields[1], "" if "SpaceAfter=No" in fields[9].split("|") else " "
        if not form:
            raise _Malformed(line, "the word is missing (column 2). Mend the line.")
        if match := re.fullmatch(r"(\d{1,6})-(\d{1,6})", fields[0]):
            first, end = int(match[1]), int(match[2])
            if first != count + 1 or end <= first or first <= last:
                raise _Malformed(line, f"the range {fields[0]} does not begin at the next word. Mend the numbers.")
            last = end
            surface.append((line, form, space, []))
            continue
        count += 1
        if fields[0] != str(count):
            raise _Malformed(line, f"number '{in_one_line(fields[0], 20)}' where {count} follows. Mend the numbers.")
        if count <= last:
            surface[-1][3].append(form)
        else:
            surface.append((line, form, space, [form]))
    if last > count:
        raise _Malformed(rows[-1][0], f"the sentence ends before word {last} of a range. Mend the range.")
    return surface


def _parts(place: int, form: str, parts: Sequence[str]) -> list[Span]:
    """Where the words of a written form stand: one after the other if they spell it, else all in the same place."""
    if "".join(parts) != form:
        return [(place, place + len(form))] * len(parts)
    ends = [place + sum(map(len, parts[: i + 1])) for i in range(len(parts))]
    return list(zip([place, *ends], ends))


def _arc(line: int, number: int, fields: Sequence[str], n: int) -> Dependency | None:
    """None for the root, and for a word whose head is not given."""
    head, relation = fields[6], fields[7]
    if head in ("0", "_"):
        return None
    if not re.fullmatch(r"\d{1,6}", head) or not 1 <= int(head) <= n or int(head) == number + 1:
        raise _Malformed(line, f"head '{in_one_line(head, 20)}' is no other word of the sentence. Mend column 7.")
    if relation in ("", "_"):
        raise _Malformed(line, "the relation is missing (column 8). Mend the line.")
    return Dependency(number, int(head) - 1, relation)


# --- GAP --------------------------------------------------------------------------------------------------------------


def _gap(lines: Sequence[str]) -> Iterator[GoldText]:
    """The passages where both names stand before the pronoun and it means exactly one of them, cut to the sentences
    from the first name's to the pronoun's (Webster et al. 2018)."""
    start = next(number for number, line in enumerate(lines) if line.strip())
    header = lines[start].split("\t")
    missing = [name for name in GAP_COLUMNS if name not in header]
    if missing:
        raise _Malformed(start + 1, f"there is no column {' or '.join(missing)}. Mend the first line.")
    for number, line in enumerate(lines[start + 1 :], start=start + 2):
        if not line.strip():
            continue
        fields = line.split("\t")
        if len(fields) != len(header):
            raise _Malformed(number, f"{len(fields)} columns, where the first line has {len(header)}. Mend the line.")
        row = dict(zip(header, fields))
        pronoun, first, second = (_gap_span(number, row, name) for name in ("Pronoun", "A", "B"))
        for name in ("A-coref", "B-coref"):
            if row[name].upper() not in ("TRUE", "FALSE"):
                raise _Malformed(number, f"{name} is '{in_one_line(row[name], 20)}', neither TRUE nor FALSE. Mend it.")
        meant = [row[name].upper() == "TRUE" for name in ("A-coref", "B-coref")]
        if sum(meant) != 1 or max(first[1], second[1]) > pronoun[0]:
            continue
        right, other = (first, second) if meant[0] else (second, first)
        found = _gap_text(row["Text"], pronoun, right, other)
        if found is not None:
            yield found


def _gap_span(number: int, row: dict[str, str], name: str) -> Span:
    word, offset = row[name], row[f"{name}-offset"]
    if re.fullmatch(r"\d{1,9}", offset) and word and row["Text"].startswith(word, int(offset)):
        return int(offset), int(offset) + len(word)
    raise _Malformed(
        number,
        f"'{in_one_line(word, 30)}' does not stand at character '{in_one_line(offset, 12)}' of the text. Mend "
        f"{name}-offset, which counts characters from 0.",
    )


def _gap_text(text: str, pronoun: Span, right: Span, other: Span) -> GoldText | None:
    """None where a name and the pronoun, or both names, have a word in common."""
    edges = [0, *(match.end() for match in SENTENCE_END.finditer(text)), len(text)]
    start = max(edge for edge in edges if edge <= min(right[0], other[0]))
    end = min(edge for edge in edges if edge >= pronoun[1])
    kept = text[start:end].rstrip()
    spans = tuple(match.span() for match in WORD.finditer(kept))

    def words_in(span: Span) -> set[int]:
        return {number for number, (a, b) in enumerate(spans) if a < span[1] - start and b > span[0] - start}

    asking, rights, others = words_in(pronoun), words_in(right), words_in(other)
    if len(asking) != 1 or not rights or not others or (rights & others) or asking & (rights | others):
        return None
    return GoldText(kept, spans, (), (Reference(min(asking), tuple(sorted(rights)), tuple(sorted(others))),))


# --- coreference ------------------------------------------------------------------------------------------------------

Row = tuple[int, str, str]  # line, word, what the last column says
Mention = tuple[int, int, str]  # first word, last word, cluster


def _coreference(lines: Sequence[str]) -> Iterator[GoldText]:
    """Passages of whole sentences; pronouns of the third person, and nouns and names that mention something again in
    another word, are asked about all mentions before them.

    The format of CoNLL-2012's shared task: the word in column 4, mentions in the last, `(5` to `5)` or `(5)`, several
    with `|` between them. The words are joined by spaces, but for punctuation.
    """
    sentences: list[list[Row]] = [[]]
    for number, line in enumerate(lines, start=1):
        if line.startswith("#") or not line.strip():
            if sentences[-1]:
                sentences.append([])
            if line.startswith("#end"):
                yield from _document(sentences[:-1])
                sentences = [[]]
            continue
        fields = line.split("\t") if "\t" in line else line.split()
        if len(fields) < 5:
            raise _Malformed(
                number, f"{len(fields)} columns, where the word is the fourth of 5 or more. Mend the line."
            )
        sentences[-1].append((number, fields[3], fields[-1].strip()))
    yield from _document([sentence for sentence in sentences if sentence])


def _document(sentences: Sequence[Sequence[Row]]) -> Iterator[GoldText]:
    passage: list[Row] = []
    mentions: list[Mention] = []
    for sentence in sentences:
        if passage and len(passage) + len(sentence) > PASSAGE_WORDS:
            yield _passage(passage, mentions)
            passage, mentions = [], []
        mentions += [(first + len(passage), last + len(passage), name) for first, last, name in _mentions(sentence)]
        passage += sentence
    if passage:
        yield _passage(passage, mentions)


def _mentions(sentence: Sequence[Row]) -> list[Mention]:
    found: list[Mention] = []
    open_at: dict[str, list[int]] = {}
    for place, (line, _, said) in enumerate(sentence):
        for edge in [] if said in ("", "-", "_") else said.split("|"):
            match = MENTION_EDGE.fullmatch(edge)
            if match is None or not (match[1] or match[3]):
                raise _Malformed(line, f"'{in_one_line(edge, 20)}' marks no mention: write (5, 5) or (5).")
            opens, name, closes = match.groups()
            if opens:
                open_at.setdefault(name, []).append(place)
            if closes and not open_at.get(name):
                raise _Malformed(line, f"mention {name} ends and has not begun in this sentence. Mend the last column.")
            if closes:
                found.append((open_at[name].pop(), place, name))
    still = [name for name, places in open_at.items() if places]
    if still:
        raise _Malformed(sentence[-1][0], f"mention {still[0]} has no end in this sentence. Mend the last column.")
    return found


def _passage(rows: Sequence[Row], mentions: Sequence[Mention]) -> GoldText:
    text, spans = "", []
    for _, word, _ in rows:
        text += " " if text and not re.match(r"[.,;:!?)\]}]|['’]\w|n['’]t$", word) else ""
        spans.append((len(text), len(text) + len(word)))
        text += word
    return GoldText(text, tuple(spans), (), tuple(_references([word.lower() for _, word, _ in rows], mentions)))


def _references(words: Sequence[str], mentions: Sequence[Mention]) -> Iterator[Reference]:
    """A word belongs to the smallest mention around it, so that no word is right and wrong at once: in "Alice's
    sister" the word "Alice" is Alice's. What has no earlier mention, or where nothing else is mentioned, is not asked.
    """
    owner: dict[int, Mention] = {}
    for mention in sorted(mentions, key=lambda one: one[0] - one[1]):  # the largest first
        owner |= dict.fromkeys(range(mention[0], mention[1] + 1), mention)
    for mention in sorted(set(owner.values())):
        first, last, name = mention
        before = {word: other for word, (_, end, other) in owner.items() if end < first}
        right = tuple(sorted(word for word, other in before.items() if other == name))
        others = tuple(sorted(word for word, other in before.items() if other != name))
        place = _head([place for place in range(first, last + 1) if owner[place] == mention], words)
        if place is None or not right or not others or words[place] in OTHER_PRONOUNS:
            continue
        pronoun = words[place] in THIRD_PERSON
        if first == last if pronoun else words[place] not in {words[word] for word in right}:
            yield Reference(place, right, others, nominal=not pronoun)


def _head(places: Sequence[int], words: Sequence[str]) -> int | None:
    """The last of a mention's own words, before what may follow a noun or a mark; None for two that are joined. A
    guess, for want of a parse: in "the girl with the hat" the hat has been taken out, as a mention of its own."""
    own: list[int] = []
    for place in places:
        if own and (words[place] in AFTER_HEAD or not words[place][0].isalnum()):
            break
        own += [place] if words[place][0].isalnum() else []
    return own[-1] if own and not {words[place] for place in own} & {"and", "or"} else None
