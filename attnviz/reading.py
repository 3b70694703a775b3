"""Reading aids: what is done to weights so that people can read them, each without hiding what it does."""

from itertools import groupby

import numpy as np

from attnviz.errors import AttnvizError
from attnviz.traces import Head, Trace

Group = tuple[str, list[int]]  # a word as the text spells it, and its tokens by position


def words_of(trace: Trace) -> list[Group]:
    """The words of a trace's text (and of its second text), each with its tokens; special tokens stand alone."""

    def word(position: int) -> tuple[int, int | None]:
        number = trace.words[position]
        return (-1 - position, None) if number is None else (number, trace.segments[position])

    groups = [list(positions) for _, positions in groupby(range(len(trace.tokens)), key=word)]
    return [(_spelt(trace, positions), positions) for positions in groups]


def by_word(weights: np.ndarray, queries: list[Group], keys: list[Group]) -> np.ndarray:
    """weights [..., queries, keys] by token to [..., words, words]: summed over the word that is attended to, averaged
    over the word that attends, so that a row that summed to one still does.

    Source: Clark et al. (2019), "What Does BERT Look At?", section 4.1.
    """
    summed = np.stack([weights[..., positions].sum(axis=-1) for _, positions in keys], axis=-1)
    return np.stack([summed[..., positions, :].mean(axis=-2) for _, positions in queries], axis=-2)


def row_in_every_head(
    trace: Trace, row: np.ndarray, query: int
) -> tuple[list[str], np.ndarray, list[Head], np.ndarray]:
    """The row of one word in every head of a trace's first kind, beside a row [words] to compare it with.

    Returns the words with the special tokens among them, the given row with 0 for those, the heads, and their rows
    [heads, words]. Raises AttnvizError where the model reads other words than the row has.
    """
    groups = words_of(trace)
    plain = [place for place, (_, positions) in enumerate(groups) if trace.words[positions[0]] is not None]
    if len(plain) != len(row):
        raise AttnvizError(
            f"{trace.model} reads this as {len(plain)} words where there are {len(row)}: pick another model."
        )
    target = np.zeros(len(groups))
    target[plain] = row
    kind = trace.kinds[0]
    merged = [by_word(layer.attention().weights, groups, groups)[:, plain[query]] for layer in trace.of_kind(kind)]
    heads = [head for head in trace.heads() if head.kind == kind]
    return [word for word, _ in groups], target, heads, np.concatenate(merged)


def _spelt(trace: Trace, positions: list[int]) -> str:
    first, last = positions[0], positions[-1]
    if trace.words[first] is None:
        return trace.tokens[first]
    text = trace.text_pair if trace.segments[first] == 1 and trace.text_pair is not None else trace.text
    return text[trace.offsets[first][0] : trace.offsets[last][1]].strip()
