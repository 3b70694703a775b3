"""Does ablating a labelled head change what its label speaks of? A column beside the labels, never a gate.

A head's output is replaced by its mean over other texts, or by what it gave for another text of the same length, and
the model is asked again. That is held against the same for as many heads of the same layers without the label.
"""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch

from attnviz.capture.ablation import Replacement, head_means, head_outputs, intervened
from attnviz.capture.layers import Inputs
from attnviz.models.loading import LoadedModel
from attnviz.models.text import tokenize
from attnviz.probes import agreement_pairs, pronoun_sentences
from attnviz.probes.words import Split
from attnviz.traces import Head

from .definitions import LABELS
from .probe_sets import Chunks, SpecialTokens, random_chunks, special_tokens_of
from .results import LabelResults
from .scores import Progress
from .spec import AGREEMENT, PRONOUNS, REPEATS

SEED = 2027  # other texts than the labels were found on
TOGETHER = 128  # tokens of a batch; another number pairs other texts when outputs are resampled
DRAWS = 10  # of random heads
N_PAIRS = 200
ABLE = 0.1  # nats better than guessing
MASK_EVERY = 6  # tokens of the second copy: about as much as masked models are trained on
METRICS = {
    REPEATS: "loss on the second copy of repeated random tokens, in nats a token",
    PRONOUNS: "log-odds of the right pronoun against the wrong one, in nats",
    AGREEMENT: "log-odds of the right verb form against the wrong one, in nats",
}
TASK_OF = {label: task for spec in LABELS.values() for label, task in spec.tasks.items()}
NO_CLAIM = "The label says where the head looks, and nothing of what the model does with it."
Heads = frozenset[Head]


@dataclass(frozen=True)
class Question:
    """What a model reads, the places of its predictions that count, and the ids that are right (and wrong) there."""

    ids: tuple[int, ...]
    places: tuple[int, ...]
    right: tuple[int, ...]
    wrong: tuple[int, ...] | None = None


class Ablation(NamedTuple):
    """Heads whose outputs are replaced, all by their "mean" or all by a "resample"."""

    heads: Heads
    by: str


class Trial(NamedTuple):
    """Heads of one label that are ablated together, and the sets of as many others that they are held against."""

    label: str
    heads: Heads
    controls: tuple[Heads, ...]

    @property
    def ablations(self) -> list[Ablation]:
        own = [Ablation(self.heads, "mean"), Ablation(self.heads, "resample")]
        return own + [Ablation(heads, "mean") for heads in self.controls]


@dataclass(frozen=True)
class Job:
    """A task's trials, the questions that they are measured on, and the texts that means are over."""

    task: str
    trials: list[Trial]
    questions: list[Question]
    reference: list[Question]

    @property
    def ablations(self) -> list[Ablation]:
        return list(dict.fromkeys(ablation for trial in self.trials for ablation in trial.ablations))

    @property
    def tokens(self) -> int:
        """How many are read."""
        return sum(len(question.ids) for question in self.questions) * (len(self.ablations) + 1)


INTACT = Ablation(frozenset(), "mean")


def with_effects(model: LoadedModel, results: LabelResults, progress: Progress | None = None) -> LabelResults:
    """The label results with what ablating heads does to the behaviour that their labels speak of.

    Each label's "effect" becomes {"task", "metric", "base", "mean", "resample", "random_low", "random_high", "n"}, or
    None where the label claims nothing of behaviour or the model does not behave so. All are values of the metric,
    over n texts: of the intact model, with the head replaced by its mean, by a resample, and the lowest and highest
    with another single head replaced by its mean, of the same layer while that has any without the label (None where
    no head is left to compare with).

    `LabelResults.effects` says more: "together", by label, the same for all heads that have it with medium or high
    confidence at once, where they are two or more, with their "heads"; "unmeasured", by label, why there is no effect;
    and "reason", why nothing at all could be measured, else None.

    `progress(done, total)` counts tokens; what it raises ends the work. Raises AttnvizError when memory runs out.
    """
    found_of = dict(zip(results.heads, results.found))
    labels = sorted({row["label"] for rows in results.found for row in rows})
    unmeasured = {label: NO_CLAIM for label in labels if label not in TASK_OF}
    reason = _unmeasurable(model, results.heads[0].kind)
    effects: dict[tuple[str, Heads], dict[str, Any]] = {}
    if reason is None:
        trials = [trial for label in labels if label in TASK_OF for trial in trials_of(label, found_of)]
        with model.lock:
            jobs, reasons = _jobs(model, trials)
            effects = _done(model, jobs, progress)
        unmeasured |= {trial.label: reasons[task] for trial in trials if (task := TASK_OF[trial.label]) in reasons}
    found = [
        [row | {"effect": effects.get((row["label"], frozenset({head})))} for row in rows]
        for head, rows in found_of.items()
    ]
    together = {
        label: effect | {"heads": [str(head) for head in sorted(group)]}
        for (label, group), effect in effects.items()
        if len(group) > 1
    }
    said = {"reason": reason, "together": together, "unmeasured": unmeasured}
    return replace(results, found=found, effects=said)


def trials_of(label: str, found_of: Mapping[Head, Sequence[Mapping[str, Any]]]) -> list[Trial]:
    """Each head that has the label, alone, and those that have it for sure, together."""
    confidence = {head: row["confidence"] for head, rows in found_of.items() for row in rows if row["label"] == label}
    sure = frozenset(head for head, found in confidence.items() if found != "low")
    groups = [frozenset({head}) for head in confidence] + ([sure] if len(sure) > 1 else [])
    others = [head for head in found_of if head not in confidence]
    rng = random.Random(f"{SEED} {label}")
    return [Trial(label, group, _controls(group, others, rng)) for group in groups]


def _controls(heads: Heads, others: Sequence[Head], rng: random.Random) -> tuple[Heads, ...]:
    """Different sets of as many `others`: for each head one of its own layer while there are any, then of the nearest;
    none if the others are too few."""
    if len(others) < len(heads):
        return ()
    drawn = []
    for _ in range(DRAWS):
        left = rng.sample(others, len(others))
        for head in sorted(heads):
            left.sort(key=lambda other: abs(other.layer - head.layer), reverse=True)
            left.pop()
        drawn.append(frozenset(others) - frozenset(left))
    return tuple(dict.fromkeys(drawn))


def measure(
    language_model: Any,
    questions: Sequence[Question],
    ablations: Sequence[Ablation],
    means: Mapping[Head, np.ndarray],
    progress: Callable[[int], None] | None = None,
) -> dict[Ablation, float]:
    """The metric over the questions, of the model as it is (`INTACT`) and with each ablation.

    `means` [d_v] for the heads that are ablated by them. A resample is the output for another question of the same
    length, in the intact model, so no length may be there only once. `progress(tokens read)` is called after a pass.
    """
    sums: dict[Ablation, float] = defaultdict(float)
    read = 0
    for batch in batches(questions):
        inputs = as_inputs(batch, language_model.device)
        outputs = head_outputs(language_model, inputs)
        for ablation in (INTACT, *ablations):
            given: dict[Head, Replacement] = {
                head: means[head] if ablation.by == "mean" else np.roll(outputs[head], 1, axis=0)
                for head in ablation.heads
            }
            with intervened(language_model, given) as run:
                sums[ablation] += sum(_scores(run(**inputs).logits, batch))
            read += inputs["input_ids"].numel()
            if progress is not None:
                progress(read)
    return {ablation: total / len(questions) for ablation, total in sums.items()}


def _scores(logits: torch.Tensor, batch: Sequence[Question]) -> list[float]:
    """Each question's loss, or log-odds; logits [questions, tokens, vocabulary]."""
    found = []
    for rows, question in zip(logits, batch):
        logs = rows[list(question.places)].float().log_softmax(-1)
        places = torch.arange(len(logs))
        right = logs[places, list(question.right)]
        score = -right if question.wrong is None else right - logs[places, list(question.wrong)]
        found.append(float(score.mean()))
    return found


def batches(questions: Sequence[Question]) -> Iterator[list[Question]]:
    """Questions of one length together, never one alone."""
    for length, group in _by_length(questions).items():
        size = max(2, TOGETHER // length)
        parts = max(1, len(group) // size)
        yield from (group[part::parts] for part in range(parts))


def in_company(questions: Sequence[Question]) -> list[Question]:
    """Without those whose length no other has."""
    return [question for group in _by_length(questions).values() if len(group) > 1 for question in group]


def as_inputs(batch: Sequence[Question], device: Any) -> Inputs:
    """What the model reads; all equally long."""
    return {"input_ids": torch.tensor([question.ids for question in batch], device=device)}


def _by_length(questions: Sequence[Question]) -> dict[int, list[Question]]:
    groups: dict[int, list[Question]] = defaultdict(list)
    for question in questions:
        groups[len(question.ids)].append(question)
    return groups


# --- what is asked ----------------------------------------------------------------------------------------------------


def repeat_questions(chunks: Chunks, special_tokens: SpecialTokens, mask: int | None) -> list[Question]:
    """The second copy of each chunk, from its second token on, which is the first that can be foreseen; for a model
    that reads both ways, some of its tokens behind masks."""
    questions = []
    for chunk, _ in chunks:
        ids = special_tokens.ids([*chunk, *chunk])
        second = range(len(special_tokens.before) + len(chunk), len(special_tokens.before) + 2 * len(chunk))
        if mask is None:
            questions.append(Question(ids, tuple(second[:-1]), tuple(ids[place + 1] for place in second[:-1])))
        else:
            hidden = second[MASK_EVERY // 2 :: MASK_EVERY]
            masked = tuple(mask if place in hidden else number for place, number in enumerate(ids))
            questions.append(Question(masked, tuple(hidden), tuple(ids[place] for place in hidden)))
    return questions


def pair_questions(
    tokenizer: Any, pairs: Iterable[tuple[str, str]], special_tokens: SpecialTokens, mask: int | None
) -> list[Question]:
    """The place where a right and a wrong text differ, of those that differ in one token: after all that stands before
    it, or behind a mask."""
    questions = []
    for texts in pairs:
        right, wrong = (
            special_tokens.ids(tokenize(tokenizer, text, add_special=False).inputs["input_ids"]) for text in texts
        )
        places = [place for place, (one, other) in enumerate(zip(right, wrong)) if one != other]
        if (
            len(right) != len(wrong)
            or len(places) != 1
            or len(right) - len(special_tokens.ids([])) > special_tokens.room
        ):
            continue
        (place,) = places
        if mask is None:
            questions.append(Question(right[:place], (place - 1,), (right[place],), (wrong[place],)))
        else:
            masked = (*right[:place], mask, *right[place + 1 :])
            questions.append(Question(masked, (place,), (right[place],), (wrong[place],)))
    return [question for question in questions if min(question.places) >= 0]


def _questions(task: str, tokenizer: Any, special_tokens: SpecialTokens, split: Split) -> list[Question]:
    """Those of a task that fit the model and have company."""
    mask = None if special_tokens.causal else tokenizer.mask_token_id
    if task == REPEATS:
        return in_company(
            repeat_questions(random_chunks(tokenizer, special_tokens, SEED + (split == "train")), special_tokens, mask)
        )
    if task == PRONOUNS:
        sentences = pronoun_sentences(N_PAIRS, split=split, seed=SEED)
        pairs = [(sentence.text, sentence.with_wrong_pronoun()) for sentence in sentences]
    else:
        pairs = [(pair.text, pair.wrong) for pair in agreement_pairs(N_PAIRS, split=split, seed=SEED)]
    return in_company(pair_questions(tokenizer, pairs, special_tokens, mask))


# --- one model --------------------------------------------------------------------------------------------------------


def _unmeasurable(model: LoadedModel, kind: str) -> str | None:
    if model.language_model is None:
        return f"{model.name} has no language-model head, so it predicts nothing that ablating a head could change."
    if kind == "encoder" and model.tokenizer.mask_token_id is None:
        return f"{model.name} reads both ways and has no mask token, so there is no place at which it predicts."
    return None


def _jobs(model: LoadedModel, trials: Sequence[Trial]) -> tuple[list[Job], dict[str, str]]:
    """What is to be measured, task by task; and for each task that makes no sense for this model the reason."""
    causal = all(head.kind == "decoder" for trial in trials for head in trial.heads)
    special_tokens = special_tokens_of(model.tokenizer, causal, model.limit)
    jobs, reasons = [], {}
    for task in sorted({TASK_OF[trial.label] for trial in trials}):
        questions, reference = (_questions(task, model.tokenizer, special_tokens, split) for split in ("test", "train"))
        if not questions or not reference:
            reasons[task] = f"This model's tokens do not fit the task: {METRICS[task]}."
            continue
        base = measure(model.language_model, questions, [], {})[INTACT]
        guessing = math.log(model.module.get_input_embeddings().weight.shape[0])
        if (guessing - base if task == REPEATS else base) < ABLE:
            reasons[task] = f"The model does not do this itself ({METRICS[task]}: {base:.2f}), with all its heads."
            continue
        jobs.append(Job(task, [trial for trial in trials if TASK_OF[trial.label] == task], questions, reference))
    return jobs, reasons


def _done(
    model: LoadedModel, jobs: Sequence[Job], progress: Progress | None
) -> dict[tuple[str, Heads], dict[str, Any]]:
    """The effect of each trial, by label and heads."""
    total, before = sum(job.tokens for job in jobs), 0
    found = {}
    for job in jobs:
        counted = None if progress is None else lambda read, before=before: progress(before + read, total)
        texts = (as_inputs(batch, model.module.device) for batch in batches(job.reference))
        means = head_means(model.language_model, texts)
        metric = measure(model.language_model, job.questions, job.ablations, means, counted)
        before += job.tokens
        for trial in job.trials:
            found[trial.label, trial.heads] = _effect(job.task, trial, metric, len(job.questions))
    return found


def _effect(task: str, trial: Trial, metric: Mapping[Ablation, float], n: int) -> dict[str, Any]:
    mean, resample, *controls = (metric[ablation] for ablation in trial.ablations)
    low, high = (min(controls), max(controls)) if controls else (None, None)
    return {"task": task, "metric": METRICS[task], "base": metric[INTACT], "mean": mean, "resample": resample,
            "random_low": low, "random_high": high, "n": n}  # fmt: skip
