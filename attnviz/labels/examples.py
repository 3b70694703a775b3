"""Where a label acts in one text: in a probe, by its gold answers, and in any text, for labels that need none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from attnviz.capture.tracing import trace_ids
from attnviz.core.attention import Stages
from attnviz.errors import AttnvizError
from attnviz.models.loading import LoadedModel
from attnviz.models.text import read_ids, tokenize
from attnviz.traces import Head, Trace

from .decide import SEED
from .definitions import LABELS, SUPPRESSED, kind_of
from .probe_sets import (
    first_family,
    is_mark,
    passage_targets,
    positional_targets,
    repetition_targets,
    special_tokens_of,
)
from .results import LabelResults
from .spec import Tokens
from .targets import Probe, Target

TRIED = 6
GOLD = ("syntactic", "coreference", "rare_word")  # labels whose targets somebody has to mark
ProbeTargets = dict[tuple[int, ...], dict[str, Target]]


@dataclass(frozen=True)
class Activity:
    """What a head gives a label's targets in one text: the weight on them, a mean over `rows` rows, what uniform
    weights would give on the keys that its rows may look at, and the cell (query, key) among them that gets most."""

    weight: float
    uniform: float
    rows: int
    strongest: tuple[int, int]


def activity(stages: Stages, target: Target) -> Activity:
    """What one head, whose stages are [queries, keys], gives a target that has rows."""
    given = stages.weights[target.queries, target.keys]
    best = int(given.argmax())
    rows = target.n_rows()
    visible = stages.masked > -np.inf
    alike = visible / np.maximum(visible.sum(-1, keepdims=True), 1)
    return Activity(
        float(given.sum()) / rows,
        float(alike[target.queries, target.keys].sum()) / rows,
        rows,
        (int(target.queries[best]), int(target.keys[best])),
    )


def activities(trace: Trace, head: Head, labels: Iterable[str]) -> dict[str, Activity | None]:
    """What a head does in any text, for labels that can be asked without gold answers; None for one without a place to
    act there. Other labels are left out."""
    places, stages = targets_in(trace), trace[head].stages()
    return {
        label: activity(stages, places[label]) if label in places else None
        for label in labels
        if kind_of(label) not in GOLD
    }


def most_focused_query(trace: Trace, weights: np.ndarray) -> int:
    """The query that gives most of its weights [queries, keys] to one other token of the text: where to look first."""
    text = [i for i, segment in enumerate(trace.segments) if segment is not None]
    others = np.zeros_like(weights)
    others[np.ix_(text, text)] = weights[np.ix_(text, text)]
    np.fill_diagonal(others, 0)
    return int(others.max(1).argmax())


def targets_in(trace: Trace) -> dict[str, Target]:
    """The targets in a text of every label that can be asked without gold answers; a label without a place to act is
    left out. Special tokens are neither query nor target."""
    text = [i for i, segment in enumerate(trace.segments) if segment is not None]
    ordinary = range(text[0], text[-1] + 1)
    causal = trace.kinds[0] == "decoder"
    words = list(zip(trace.segments, trace.words))  # words are counted from 0 in each text of a pair
    numbers = {word: number for number, word in enumerate(dict.fromkeys(words))}
    tokens = Tokens(
        trace.token_ids, ordinary, causal, ordinary,
        words=[None if word is None else numbers[segment, word] for segment, word in words],
        marks=[_is_mark(trace, i) for i in range(len(trace.token_ids))],
    )  # fmt: skip
    asked = positional_targets(tokens) | passage_targets(tokens) | repetition_targets(tokens)
    found = {label: _among(target, set(text)) for label, target in asked.items() if kind_of(label) in LABELS}
    return _with_suppressed({label: target for label, target in found.items() if len(target.queries)})


def probe_targets(model: LoadedModel, causal: bool) -> ProbeTargets:
    """The first family of probes by its token ids: the targets of every label, a choice's right words by token."""
    special_tokens = special_tokens_of(model.tokenizer, causal, model.limit)
    found: ProbeTargets = {}
    for probe in first_family(model.tokenizer, special_tokens, SEED):
        found.setdefault(probe.ids, {}).update({**probe.targets, **_choices(probe)})
    return {ids: _with_suppressed(targets) for ids, targets in found.items()}


def as_typable_text(model: LoadedModel, ids: Iterable[int], text: str) -> str | None:
    """The text of some token ids, if typing it gives the same tokens again, special ones aside."""
    special = set(model.tokenizer.all_special_ids)
    plain = [token_id for token_id in ids if token_id not in special]
    try:
        again = tokenize(model.tokenizer, text.strip(), add_special=False).inputs["input_ids"]
    except AttnvizError:
        return None
    return text.strip() if again == plain else None


def trigger(
    model: LoadedModel, results: LabelResults, label: str, number: int, probes: ProbeTargets
) -> tuple[str, float] | None:
    """Of a label's probe sentences that can be typed, the one in which head `number` puts most weight on its targets,
    and that weight. Looks at TRIED sentences, the head's own best first; None if none can be typed."""
    scores, head = results.scores[label], results.heads[number]
    order = [*scores.best[number], *scores.best.ravel(), *scores.worst.ravel()]
    candidates = (results.examples[place] for place in dict.fromkeys(map(int, order)))
    found: list[tuple[float, str]] = []
    for ids in candidates:
        target = probes.get(ids, {}).get(label)
        text = as_typable_text(model, ids, read_ids(model.tokenizer, ids)[0])
        if target is None or text is None:
            continue
        stages = trace_ids(model, ids)[head].stages()
        found.append((activity(stages, target).weight, text))
        if len(found) == TRIED:
            break
    if not found:
        return None
    weight, text = max(found)
    return text, weight


def _choices(probe: Probe) -> dict[str, Target]:
    if probe.word_choice is None:
        return {}
    pairs: dict[str, list[tuple[int, int]]] = {}
    for label, reads, correct in zip(probe.word_choice.labels, probe.word_choice.reads, probe.word_choice.correct):
        keys = np.flatnonzero(probe.word_choice.words[correct].any(0))
        pairs.setdefault(label, []).extend((int(i), int(j)) for i in np.flatnonzero(reads) for j in keys)
    return {label: Target(*np.array(found).T) for label, found in pairs.items()}


def _with_suppressed(found: dict[str, Target]) -> dict[str, Target]:
    """The targets, and those of labels that share another's."""
    return found | {own: found[shared] for shared, own in SUPPRESSED.items() if shared in found}


def _among(target: Target, places: set[int]) -> Target:
    kept = [i in places and j in places for i, j in zip(target.queries.tolist(), target.keys.tolist())]
    return Target(target.queries[kept], target.keys[kept])


def _is_mark(trace: Trace, place: int) -> bool:
    text = trace.text_pair if trace.segments[place] == 1 and trace.text_pair is not None else trace.text
    start, end = trace.offsets[place]
    return trace.segments[place] is not None and is_mark(text[start:end])
