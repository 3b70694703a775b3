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

from .definitions import LABELS
from .gold import GoldText
from .spec import Tokens, control_of
from .targets import SINK_TOKENS, Probe, Question, Target, on_sink_tokens, word_choices

PASSAGE = 64  # tokens
N_PASSAGES, N_REPEATS, N_SENTENCES, N_PRONOUNS, N_MENTIONS = 48, 65, 300, 200, 180
CHUNKS = (16, 24, 32)  # lengths of text that is said twice
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
    kinds: list[Sequence[Sentence | GoldText]] = [[text for text in texts if text.references]]
    answered = {one.nominal for text in texts for one in text.references}
    if False not in answered:
        kinds.append(pronoun_sentences(N_PRONOUNS, split=split, seed=seed, reworded=split == "test"))
    if True not in answered:
        kinds.append(mention_sentences(N_MENTIONS, split=split, seed=seed))
    coreference = [probe for kind in kinds for probe in coreference_probes(tokenizer, special_tokens, kind)]
    return [*tree_probes(tokenizer, special_tokens, trees), *coreference]


def tree_probes(tokenizer: Any, special_tokens: SpecialTokens, sentences: Sequence[Sentence | GoldText]) -> list[Probe]:
    """What labels ask of sentences with gold arcs."""
    counts = Counter(word.lower() for sentence in sentences for word in sentence.words)
    asking = [spec.on_tree for spec in LABELS.values() if spec.on_tree is not None]
    questions = [[one for ask in asking for one in ask(sentence, counts)] for sentence in sentences]
    return sentence_probes(tokenizer, special_tokens, sentences, questions)


def coreference_probes(
    tokenizer: Any, special_tokens: SpecialTokens, sentences: Sequence[Sentence | GoldText]
) -> list[Probe]:
    """What labels ask of sentences with gold mentions."""
    asking = [spec.on_mentions for spec in LABELS.values() if spec.on_mentions is not None]
    questions = [[one for ask in asking for one in ask(sentence)] for sentence in sentences]
    return sentence_probes(tokenizer, special_tokens, sentences, questions)


# --- places -----------------------------------------------------------------------------------------------------------


def positional_targets(tokens: Tokens) -> dict[str, Target]:
    """What labels ask of any tokens, and the sink tokens.

    First the labels that look back, then those that look on, then those that do both: verdicts draw random signs label
    by label, so that the order is part of what they say.
    """
    found = _merged(spec.on_places(tokens) for spec in LABELS.values() if spec.on_places is not None)
    asked = _not_empty(dict(sorted(found.items(), key=lambda one: _way(one[1]))))
    return asked | _not_empty({SINK_TOKENS: on_sink_tokens(len(tokens.ids), tokens.ordinary, tokens.causal)})


def passage_targets(tokens: Tokens) -> dict[str, Target]:
    """What labels ask of running text beside that, and their controls."""
    return _not_empty(_merged(spec.on_passage(tokens) for spec in LABELS.values() if spec.on_passage is not None))


def repetition_targets(tokens: Tokens) -> dict[str, Target]:
    """What labels ask of a text that repeats itself."""
    asking = {name: spec.on_repeats for name, spec in LABELS.items() if spec.on_repeats is not None}
    return _not_empty({name: find(tokens) for name, find in asking.items()})


def position_probes(
    sequences: Iterable[Sequence[int]], special_tokens: SpecialTokens, first_unit: int = 0
) -> list[Probe]:
    """Positional labels on token sequences, one unit each."""
    probes = []
    for unit, tokens in enumerate(sequences, start=first_unit):
        ids = special_tokens.ids(tokens)
        ordinary = special_tokens.ordinary(ids)
        probes.append(Probe(unit, ids, positional_targets(Tokens(ids, ordinary, special_tokens.causal, ordinary))))
    return probes


# --- repetition -------------------------------------------------------------------------------------------------------


def repetition_probes(chunks: Chunks, special_tokens: SpecialTokens) -> list[Probe]:
    """Labels of repetition on (chunk, other chunk): the chunk twice, and as a control the chunk and the other.

    The control is asked about the same pairs of places: a head that looks a fixed way back scores there as well.
    """
    probes = []
    for unit, (chunk, other) in enumerate(chunks):
        ids, control = special_tokens.ids([*chunk, *chunk]), special_tokens.ids([*chunk, *other])
        ordinary = special_tokens.ordinary(ids)
        targets = repetition_targets(Tokens(ids, ordinary, special_tokens.causal, ordinary[len(chunk) :]))
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
    """Places and what running text has beside them, on passages of whole sentences."""
    probes = []
    for unit, passage in enumerate(passages(tokenizer, texts, min(PASSAGE, special_tokens.room))):
        read = _read(tokenizer, passage)
        ids = special_tokens.ids(read.inputs["input_ids"])
        ordinary = special_tokens.ordinary(ids)
        n_before, n_after = len(special_tokens.before), len(special_tokens.after)
        words = [None] * n_before + list(read.words) + [None] * n_after
        marks = [False] * n_before + [is_mark(passage[a:b]) for a, b in read.offsets] + [False] * n_after
        tokens = Tokens(ids, ordinary, special_tokens.causal, ordinary, words, marks)
        probes.append(Probe(unit, ids, positional_targets(tokens) | passage_targets(tokens)))
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


def _texts(split: Split, seed: int) -> list[str]:
    return [sentence.text for sentence in dependency_sentences(N_SENTENCES, split=split, seed=seed)]


def _read(tokenizer: Any, text: str) -> TokenizedText:
    """The text's own tokens, without special ones. Raises AttnvizError for a text that cannot be read."""
    return tokenize(tokenizer, text, add_special=False)


def is_mark(text: str) -> bool:
    """Whether a token's text is punctuation."""
    return text.strip() != "" and not any(map(str.isalnum, text))


def _merged(found: Iterable[dict[str, Target]]) -> dict[str, Target]:
    return {name: target for targets in found for name, target in targets.items()}


def _way(target: Target) -> int:
    """0 where all keys stand before their query or are it, 1 where all stand after it, else 2."""
    on = target.keys > target.queries
    return 0 if not on.any() else 1 if on.all() else 2


def _not_empty(targets: dict[str, Target]) -> dict[str, Target]:
    return {name: target for name, target in targets.items() if len(target.queries)}
