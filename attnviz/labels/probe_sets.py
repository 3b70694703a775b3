"""The probes of one model: random tokens and generated sentences as it reads them, each with what is asked of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

from attnviz.models.text import TokenizedText, tokenize
from attnviz.probes import PERIODS, Sentence, dependency_sentences, mention_sentences, pronoun_sentences, repeats
from attnviz.probes.words import Split

from .corpora import GoldText
from .targets import (
    OFFSETS,
    REST,
    Probe,
    Target,
    after_duplicates,
    at_offset,
    duplicates,
    earlier_pieces,
    marked,
    nearby,
    resting,
    word_choices,
)

PASSAGE = 64  # tokens
N_PASSAGES, N_REPEATS, N_SENTENCES, N_PRONOUNS, N_MENTIONS = 48, 65, 300, 200, 180
CHUNKS = (16, 24, 32)  # lengths of text that is said twice
COREFERENCE, NOMINAL = "coreference", "coreference:nominal"
Chunks = Sequence[tuple[Sequence[int], Sequence[int]]]


@dataclass(frozen=True)
class SpecialTokens:
    """How a model reads a text: the special tokens around it, whether rows look back only, and its most tokens."""

    before: tuple[int, ...]
    after: tuple[int, ...]
    causal: bool
    limit: int | None = None

    @property
    def room(self) -> int:
        """The most ordinary tokens that are used."""
        return (self.limit or 10**9) - len(self.before) - len(self.after)

    def ids(self, tokens: Sequence[int]) -> tuple[int, ...]:
        return (*self.before, *tokens, *self.after)

    def ordinary(self, ids: Sequence[int]) -> range:
        return range(len(self.before), len(ids) - len(self.after))


def special_tokens_of(tokenizer: Any, causal: bool, limit: int | None) -> SpecialTokens:
    """The tokenizer's own frame; a tokenizer that starts texts with nothing gets its start token, if it has one."""
    read = tokenize(tokenizer, "the")
    ids, text = read.inputs["input_ids"], [i for i, segment in enumerate(read.segments) if segment is not None]
    before, after = tuple(ids[: text[0]]), tuple(ids[text[-1] + 1 :])
    if not before and tokenizer.bos_token_id is not None:
        before = (tokenizer.bos_token_id,)
    return SpecialTokens(before, after, causal, limit)


def control_of(label: str) -> str:
    """The name under which a label's own control is kept."""
    return f"control of {label}"


def first_family(tokenizer: Any, special_tokens: SpecialTokens, seed: int) -> list[Probe]:
    """What medium confidence is decided on: sentences of the training split, repeats of random tokens."""
    return [
        *passage_probes(tokenizer, special_tokens, _texts("train", seed)),
        *repetition_probes(random_chunks(tokenizer, special_tokens, seed), special_tokens),
        *gold_probes(tokenizer, special_tokens, "train", seed),
    ]


def second_family(
    tokenizer: Any, special_tokens: SpecialTokens, seed: int, texts: Sequence[GoldText] = ()
) -> list[Probe]:
    """What high confidence needs as well: other templates and pairings; positions on random tokens too, and text, not
    random tokens, that is said twice. `texts` take the place of what is generated, as far as they have answers."""
    own = [text.text for text in texts] or _texts("test", seed)
    passages = passage_probes(tokenizer, special_tokens, own)
    spare = [[*first, *second] for first, second in random_chunks(tokenizer, special_tokens, seed + 1)][:N_PASSAGES]
    return [
        *passages,
        *position_probes([tokens[:PASSAGE] for tokens in spare], special_tokens, first_unit=len(passages)),
        *repetition_probes(text_chunks(tokenizer, special_tokens, own), special_tokens),
        *gold_probes(tokenizer, special_tokens, "test", seed, texts),
    ]


def gold_probes(
    tokenizer: Any, special_tokens: SpecialTokens, split: Split, seed: int, texts: Sequence[GoldText] = ()
) -> list[Probe]:
    """Sentences with gold arcs, with a pronoun, and with somebody who is mentioned again; each sentence is a unit, and
    each kind counts its own from 0. `texts` with arcs take the place of the first, those with references that of what
    they ask."""
    trees = [text for text in texts if text.dependencies] or dependency_sentences(N_SENTENCES, split=split, seed=seed)
    stories: list[Sequence[Sentence | GoldText]] = [[text for text in texts if text.references]]
    answered = {one.nominal for text in texts for one in text.references}
    if False not in answered:
        stories.append(pronoun_sentences(N_PRONOUNS, split=split, seed=seed, reworded=split == "test"))
    if True not in answered:
        stories.append(mention_sentences(N_MENTIONS, split=split, seed=seed))
    coreference = [probe for kind in stories for probe in coreference_probes(tokenizer, special_tokens, kind)]
    return [*tree_probes(tokenizer, special_tokens, trees), *coreference]


def tree_probes(tokenizer: Any, special_tokens: SpecialTokens, sentences: Sequence[Sentence | GoldText]) -> list[Probe]:
    """Every arc of sentences, and the rarest of their words."""
    counts = Counter(word.lower() for sentence in sentences for word in sentence.words)
    questions = [syntax_questions(sentence) + rare_word_questions(sentence, counts) for sentence in sentences]
    return sentence_probes(tokenizer, special_tokens, sentences, questions)


def coreference_probes(
    tokenizer: Any, special_tokens: SpecialTokens, sentences: Sequence[Sentence | GoldText]
) -> list[Probe]:
    """Every word of sentences that mentions something again."""
    return sentence_probes(
        tokenizer, special_tokens, sentences, [coreference_questions(sentence) for sentence in sentences]
    )


# --- places -----------------------------------------------------------------------------------------------------------


def positional_targets(n: int, ordinary: range, causal: bool) -> dict[str, Target]:
    """The labels that depend on places only, and where a head rests."""
    found = {"previous_token": at_offset(ordinary, -1), "current_token": at_offset(ordinary, 0)}
    found |= {f"offset:-{step}": at_offset(ordinary, -step) for step in OFFSETS}
    if not causal:
        found |= {"next_token": at_offset(ordinary, 1)}
        found |= {f"offset:+{step}": at_offset(ordinary, step) for step in OFFSETS}
    found |= {"local": nearby(ordinary, causal), REST: resting(n, ordinary, causal)}
    return _asked(found)


def position_probes(
    sequences: Iterable[Sequence[int]], special_tokens: SpecialTokens, first_unit: int = 0
) -> list[Probe]:
    """Positional labels on token sequences, one unit each."""
    probes = []
    for unit, tokens in enumerate(sequences, start=first_unit):
        ids = special_tokens.ids(tokens)
        probes.append(
            Probe(unit, ids, positional_targets(len(ids), special_tokens.ordinary(ids), special_tokens.causal))
        )
    return probes


# --- repetition -------------------------------------------------------------------------------------------------------


def repetition_probes(chunks: Chunks, special_tokens: SpecialTokens) -> list[Probe]:
    """Duplicate token and induction on (chunk, other chunk): the chunk twice, and as a control the chunk and the other.

    The control is asked about the same pairs of places: a head that looks a fixed way back scores there as well.
    """
    probes = []
    for unit, (chunk, other) in enumerate(chunks):
        ids, control = special_tokens.ids([*chunk, *chunk]), special_tokens.ids([*chunk, *other])
        ordinary = special_tokens.ordinary(ids)
        second = ordinary[len(chunk) :]
        targets = _asked(
            {
                "duplicate_token": duplicates(ids, second, ordinary),
                "induction": after_duplicates(ids, second, ordinary),
            }
        )
        probes.append(Probe(unit, ids, targets))
        probes.append(Probe(unit, control, {control_of(name): target for name, target in targets.items()}))
    return probes


def random_chunks(tokenizer: Any, special_tokens: SpecialTokens, seed: int) -> Chunks:
    """Chunks of different random tokens, in all the periods that fit the model; none if no period does."""
    ids = sorted(set(tokenizer.get_vocab().values()) - set(tokenizer.all_special_ids))
    periods = [period for period in PERIODS if 2 * period <= min(special_tokens.room, len(ids))]
    drawn = repeats(ids, ids[0], N_REPEATS, split="test", seed=seed, periods=periods) if periods else []
    return [(found.ids[1 : found.period + 1], found.control[found.period + 1 :]) for found in drawn]


def text_chunks(tokenizer: Any, special_tokens: SpecialTokens, texts: Sequence[str]) -> Chunks:
    """Running text cut into pairs of equally long chunks."""
    ids = [token for text in texts for token in _read(tokenizer, text).inputs["input_ids"]]
    found: list[tuple[list[int], list[int]]] = []
    begin = 0
    for length in cycle([length for length in CHUNKS if 2 * length <= special_tokens.room]):
        if len(found) == N_PASSAGES or begin + 2 * length > len(ids):
            return found
        found.append((ids[begin : begin + length], ids[begin + length : begin + 2 * length]))
        begin += 2 * length
    return found


# --- text -------------------------------------------------------------------------------------------------------------


def passage_probes(tokenizer: Any, special_tokens: SpecialTokens, texts: Sequence[str]) -> list[Probe]:
    """Positions, pieces of words and punctuation on passages of whole sentences."""
    probes = []
    for unit, passage in enumerate(passages(tokenizer, texts, min(PASSAGE, special_tokens.room))):
        read = _read(tokenizer, passage)
        ids = special_tokens.ids(read.inputs["input_ids"])
        ordinary = special_tokens.ordinary(ids)
        edges = [None] * len(special_tokens.before), [None] * len(special_tokens.after)
        inside, control = earlier_pieces([*edges[0], *read.words, *edges[1]])
        marks = [passage[a:b].strip() != "" and not any(map(str.isalnum, passage[a:b])) for a, b in read.offsets]
        targets = positional_targets(len(ids), ordinary, special_tokens.causal) | {
            "same_word": inside,
            control_of("same_word"): control,
            "punctuation": marked([False] * len(special_tokens.before) + marks, ordinary, special_tokens.causal),
        }
        probes.append(Probe(unit, ids, _asked(targets)))
    return probes


def passages(tokenizer: Any, texts: Sequence[str], room: int) -> list[str]:
    """Texts joined in order, as many as fit into `room` tokens; a text that alone does not fit is left out."""
    found: list[str] = []
    current: str = ""
    for text in texts:
        joined = f"{current} {text}".strip()
        if len(_read(tokenizer, joined).words) <= room:
            current = joined
            continue
        found += [current] if current else []
        current = text if len(_read(tokenizer, text).words) <= room else ""
        if len(found) == N_PASSAGES:
            return found
    return found + ([current] if current else [])


# --- gold answers -----------------------------------------------------------------------------------------------------

Question = tuple[str, int, Sequence[int], Sequence[int] | None]


def sentence_probes(
    tokenizer: Any,
    special_tokens: SpecialTokens,
    sentences: Sequence[Sentence | GoldText],
    questions: Sequence[Sequence[Question]],
) -> list[Probe]:
    """Questions about words, for sentences that fit; words that share a token with another are asked nothing."""
    probes = []
    for unit, (sentence, asked) in enumerate(zip(sentences, questions)):
        read = _read(tokenizer, sentence.text)
        ids = special_tokens.ids(read.inputs["input_ids"])
        words = [
            [
                place + len(special_tokens.before)
                for place, (a, b) in enumerate(read.offsets)
                if a < end and b > start and read.segments[place] is not None
            ]
            for start, end in sentence.spans
        ]
        owners = Counter(token for tokens in words for token in tokens)
        alone = {
            number for number, tokens in enumerate(words) if tokens and all(owners[token] == 1 for token in tokens)
        }
        kept = [
            (label, word, [target for target in right if target in alone], candidates)
            for label, word, right, candidates in asked
            if word in alone
        ]
        word_choice = (
            word_choices(words, kept, len(ids), special_tokens.causal)
            if len(read.words) <= special_tokens.room
            else None
        )
        if word_choice is not None:
            probes.append(Probe(unit, ids, word_choice=word_choice))
    return probes


def syntax_questions(sentence: Sentence | GoldText) -> list[Question]:
    """From each word to its head, and from each head to its dependents of one relation (Clark et al. 2019, section
    4.2). Punctuation has no relation to look for."""
    arcs = [arc for arc in sentence.dependencies if arc.relation != "punct"]
    below: dict[tuple[str, int], list[int]] = {}
    for arc in arcs:
        below.setdefault((arc.relation, arc.head), []).append(arc.dependent)
    to_head: list[Question] = [(f"syntactic:{arc.relation}:to_head", arc.dependent, [arc.head], None) for arc in arcs]
    return to_head + [(f"syntactic:{name}:to_dependent", head, words, None) for (name, head), words in below.items()]


def rare_word_questions(sentence: Sentence | GoldText, counts: Counter[str]) -> list[Question]:
    """From each word to the sentence's least frequent other word, by the count over all sentences of the family (Voita
    et al. 2019, section 5)."""
    words = [number for number, word in enumerate(sentence.words) if word.isalpha()]
    questions: list[Question] = []
    for asking in words:
        others = {number: counts[sentence.words[number].lower()] for number in words if number != asking}
        rarest = min(others.values(), default=0)
        questions.append(("rare_word", asking, [number for number, count in others.items() if count == rarest], None))
    return questions


def coreference_questions(sentence: Sentence | GoldText) -> list[Question]:
    """From each pronoun, and from each noun or name that mentions something in another word, to the earlier words for
    the same, among those of all earlier mentions (Clark et al. 2019, section 4.3)."""
    if isinstance(sentence, GoldText):
        return [
            (NOMINAL if one.nominal else COREFERENCE, one.asking, one.right, [*one.right, *one.others])
            for one in sentence.references
        ]
    label, asking = (COREFERENCE, sentence.pronoun) if sentence.again is None else (NOMINAL, sentence.again)
    assert asking is not None and sentence.antecedent is not None
    mentions = [word for word in (sentence.antecedent, *sentence.distractors) if word < asking]
    return [(label, asking, [sentence.antecedent], mentions)]


def _texts(split: Split, seed: int) -> list[str]:
    return [sentence.text for sentence in dependency_sentences(N_SENTENCES, split=split, seed=seed)]


def _read(tokenizer: Any, text: str) -> TokenizedText:
    """The text's own tokens, without special ones. Raises AttnvizError for a text that cannot be read."""
    return tokenize(tokenizer, text, add_special=False)


def _asked(targets: dict[str, Target]) -> dict[str, Target]:
    return {name: target for name, target in targets.items() if len(target.queries)}
