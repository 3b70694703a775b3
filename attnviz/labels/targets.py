"""Which keys each label means, for one text's tokens.

Query i, key j, both from 0. A causal row sees keys 0 to i, any other row sees all. `ordinary` is the range of
positions that are text: special tokens, such as a start token, are neither a query nor a target of any label.

A `Target` asks how much weight lies on its keys; a `WordChoice` asks which word a row gives most weight to.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

SINK_TOKENS = "sink tokens"
WINDOW = 2
Question = tuple[str, int, Sequence[int], Sequence[int] | None]  # label, asking word, right words, candidates


@dataclass(frozen=True)
class Target:
    """The pairs (query, key) whose weight counts: `queries` and `keys`, both [pairs]."""

    queries: np.ndarray
    keys: np.ndarray

    def cells(self) -> set[tuple[int, int]]:
        """Each pair once."""
        return set(zip(self.queries.tolist(), self.keys.tolist()))

    def n_rows(self) -> int:
        """How many rows have a target."""
        return len(np.unique(self.queries))


@dataclass(frozen=True)
class WordChoice:
    """Choices among words, one for each of R rows; W words, n tokens.

    labels [R]; reads [R, n], how a word's row is made of token rows; words [W, n], which tokens each word has;
    candidates [R, W] to choose from, correct [R, W] among them, visible [R, W] all other words that the row sees;
    positions [R], the word that asks.
    """

    labels: tuple[str, ...]
    reads: np.ndarray
    words: np.ndarray
    candidates: np.ndarray
    correct: np.ndarray
    visible: np.ndarray
    positions: np.ndarray


@dataclass(frozen=True)
class Probe:
    """One sequence of token ids and what is asked of it; sequences of one `unit` are resampled together."""

    unit: int
    ids: tuple[int, ...]
    targets: Mapping[str, Target] = field(default_factory=dict)
    word_choice: WordChoice | None = None

    @property
    def labels(self) -> set[str]:
        """What is asked here."""
        return {*self.targets, *(self.word_choice.labels if self.word_choice is not None else ())}


def at_offset(ordinary: range, offset: int) -> Target:
    """The key `offset` places from the query: T(i) = {i + offset}, for rows whose target is an ordinary token.

    Previous token is −1 (Clark et al. 2019, section 3.1; Voita et al. 2019, section 5), next token +1, current 0.
    """
    queries = np.array([i for i in ordinary if i + offset in ordinary], dtype=int)
    return Target(queries, queries + offset)


def nearby(ordinary: range, causal: bool) -> Target:
    """The window of two places either side, the query's own included (Pande et al. 2021, "local" heads)."""
    reach = 0 if causal else WINDOW
    return _pairs((i, j) for i in ordinary for j in range(i - WINDOW, i + reach + 1) if j in ordinary)


def on_sink_tokens(n: int, ordinary: range, causal: bool) -> Target:
    """The first token and every special one: where a head that has nothing to do leaves its weight (Clark et al. 2019,
    section 3.2; Xiao et al. 2024, "attention sinks")."""
    places = sorted({0} | set(range(n)) - set(ordinary))
    return _pairs((i, j) for i in ordinary if i > 0 for j in places if j <= i or not causal)


def duplicates(ids: Sequence[int], queries: Iterable[int], ordinary: range) -> Target:
    """Earlier places of the query's own token: T(i) = {j < i: x_j = x_i} (Wang et al. 2023, appendix)."""
    return _pairs((i, j) for i in queries for j in range(ordinary.start, i) if ids[j] == ids[i])


def after_duplicates(ids: Sequence[int], queries: Iterable[int], ordinary: range) -> Target:
    """What came after earlier places of the query's token: T(i) = {j ≤ i: x_(j−1) = x_i} (Olsson et al. 2022, prefix
    matching)."""
    return _pairs((i, j) for i in queries for j in range(ordinary.start + 1, i + 1) if ids[j - 1] == ids[i])


def earlier_pieces(words: Sequence[int | None]) -> tuple[Target, Target]:
    """Earlier tokens of the query's own word, for all but the first of its tokens, and the control: from the first
    token of a word, the whole word before it, at which a head that looks nearby looks just as much. `words` [n] is
    None at special tokens.
    """
    places = [i for i, word in enumerate(words) if word is not None]
    inside = [(i, j) for i in places for j in places if j < i and words[j] == words[i]]
    starts = [i for i in places if i - 1 in places and words[i - 1] != words[i]]
    return _pairs(inside), _pairs((i, j) for i in starts for j in places if j < i and words[j] == words[i - 1])


def marked(marks: Sequence[bool], ordinary: range, causal: bool) -> Target:
    """Marked tokens other than the query: T(i) = {j ≠ i: marked} (punctuation: Clark et al. 2019, section 3.2)."""
    places = [j for j in ordinary if marks[j]]
    return _pairs((i, j) for i in ordinary for j in places if j != i and (j < i or not causal))


def word_choices(
    words: Sequence[Sequence[int]],
    questions: Sequence[Question],
    n: int,
    causal: bool,
) -> WordChoice | None:
    """Questions (label, asking word, right words, candidates or None for all) on words given by their tokens.

    A word's weight is the sum over its tokens; its row is the mean over its tokens (Clark et al. 2019, section 4.1),
    and where rows look back only, the row of its last one, since earlier ones have not read the whole word. There a
    question is asked only if a right word stands earlier. None if nothing can be asked.
    """
    members = np.zeros((len(words), n), dtype=np.float32)
    for number, tokens in enumerate(words):
        members[number, list(tokens)] = 1
    rows = []
    for label, asking, right, chosen in questions:
        seen = np.arange(len(words)) < asking if causal else np.arange(len(words)) != asking
        candidates = seen if chosen is None else seen & np.isin(np.arange(len(words)), chosen)
        correct = candidates & np.isin(np.arange(len(words)), right)
        if correct.any() and candidates.sum() > 1:
            rows.append((label, asking, candidates, correct, seen))
    if not rows:
        return None
    labels, asking_words, candidates_of, correct_of, seen_by = zip(*rows)
    positions = np.array(asking_words)
    if causal:
        reads = np.zeros((len(rows), n), dtype=np.float32)
        reads[np.arange(len(rows)), [max(words[word]) for word in positions]] = 1
    else:
        reads = members[positions] / members[positions].sum(1, keepdims=True)
    return WordChoice(
        labels, reads, members, np.array(candidates_of), np.array(correct_of), np.array(seen_by), positions
    )


def _pairs(pairs: Iterable[tuple[int, int]]) -> Target:
    table = np.array(list(pairs), dtype=int).reshape(-1, 2)
    return Target(table[:, 0], table[:, 1])
