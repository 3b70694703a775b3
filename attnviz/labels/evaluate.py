"""Every head of a model on probes: its scores, its verdicts, and the texts where it does best and worst."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from attnviz.capture.interface import Uncapturable
from attnviz.capture.tracing import capture_ids
from attnviz.errors import AttnvizError
from attnviz.models.loading import LoadedModel
from attnviz.probes import VERSION
from attnviz.traces import Head

from .copy_suppression import by_sign
from .corpora import Corpus, read, spread
from .decide import SEED, Measured, measured, verdicts
from .definitions import SUPPRESSED, versions
from .probe_sets import first_family, gold_probes, second_family, special_tokens_of
from .results import LabelResults, LabelScores, as_table
from .scores import ENTROPY, Progress, count_hits
from .spec import Rule
from .statistics import best_rules, rule_hits, score
from .targets import SINK_TOKENS, Probe

N_EXAMPLES = 3
MOST_TEXTS = 1200  # of a corpus


@dataclass(frozen=True, eq=False)
class ProbeSets:
    """Both families of probes, the rules that choices are held against in each, and what is said of the corpus."""

    families: tuple[list[Probe], list[Probe]]
    rules: tuple[dict[str, Rule], dict[str, Rule]]
    corpus: dict[str, Any] | None


def evaluate_heads(model: LoadedModel, corpus: Corpus | None = None, progress: Progress | None = None) -> LabelResults:
    """Every head on both families of probes.

    A corpus takes the place of generated sentences in the second family, as far as it has gold answers. Every other
    of its texts is then only used to choose the rule that a label is held against.
    `progress(done, total)` counts tokens; what it raises ends the work.

    Raises AttnvizError for a model that cannot be labelled; the message says why.
    """
    probe_sets = make_probe_sets(model, corpus)
    with model.lock:
        return evaluate_on(model, probe_sets, progress)


def looks_back(model: LoadedModel) -> bool:
    """Whether a model that reads one text looks at earlier tokens only.

    Raises AttnvizError for a model that cannot be labelled; the message says why.
    """
    if model.module.config.is_encoder_decoder:
        raise AttnvizError(
            f"{model.name} has an encoder and a decoder, and labels are for models with one: pick another."
        )
    try:
        with model.lock:
            return capture_ids(model.module, [model.tokenizer("the")["input_ids"] * 2])[0][0].kind == "decoder"
    except Uncapturable as reason:
        raise AttnvizError(f"{model.name} cannot be labelled. {reason} Pick another model.") from reason


def label_heads(
    model: LoadedModel, corpus: Corpus | str | Path | None = None, progress: Progress | None = None
) -> pd.DataFrame:
    """`evaluate_heads` as a table, one row a label; a head without one has a row whose label is None. `corpus` may be
    the path of a file, which `corpora.read` reads."""
    given = read(corpus) if isinstance(corpus, str | Path) else corpus
    return as_table(evaluate_heads(model, given, progress).json())


def make_probe_sets(model: LoadedModel, corpus: Corpus | None = None) -> ProbeSets:
    """The probes of a model of this kind with this tokenizer; its weights do not matter. Raises AttnvizError as
    `looks_back`."""
    tokenizer = model.tokenizer
    special_tokens = special_tokens_of(tokenizer, looks_back(model), model.limit)
    texts = () if corpus is None else spread(corpus.texts, MOST_TEXTS)
    scored, spare = (texts[::2], texts[1::2]) if corpus is not None and corpus.gold else (texts, ())
    own = best_rules(gold_probes(tokenizer, special_tokens, "train", SEED + 1))
    other = best_rules(gold_probes(tokenizer, special_tokens, "train", SEED + 1, spare)) if spare else own
    return ProbeSets(
        families=(
            first_family(tokenizer, special_tokens, SEED),
            second_family(tokenizer, special_tokens, SEED, scored),
        ),
        rules=(own, other),
        corpus=None if corpus is None else corpus.described | {"rules": other},
    )


def evaluate_on(model: LoadedModel, probe_sets: ProbeSets, progress: Progress | None = None) -> LabelResults:
    """The label results of a model on these probes."""
    total = sum(len(probe.ids) for probes in probe_sets.families for probe in probes)
    heads: list[Head] = []
    found_in: list[dict[str, Measured]] = []
    shares: list[np.ndarray] = []
    before = 0
    for probes, rules in zip(probe_sets.families, probe_sets.rules):
        counted = None if progress is None else lambda done, _, before=before: progress(before + done, total)
        heads, sums = count_hits(model.module, probes, counted)
        found_in.append(measured(sums, rule_hits(probes, rules)))
        shares = shares or [score(sums[SINK_TOKENS]), score(sums[ENTROPY])]
        before += sum(len(probe.ids) for probe in probes)
        del sums  # tens of megabytes, most of which no label uses
    first, second = found_in
    examples: dict[tuple[int, ...], int] = {}
    scores = _scores(first, second, probe_sets.families[0], examples)
    found, copies = by_sign(verdicts(first, second, len(heads)), heads, model.language_model, probe_sets.families)
    if copies is not None:
        scores |= {own: scores[shared] for shared, own in SUPPRESSED.items() if shared in scores}  # the same weights
    return LabelResults(
        model=model.name,
        revision=model.revision,
        probes={"version": VERSION, "seed": SEED, "families": [_described(probes) for probes in probe_sets.families],
                "labels": sorted(scores), "rules": probe_sets.rules[0], "corpus": probe_sets.corpus},
        heads=tuple(heads),
        sink_token_share=shares[0],
        entropy=shares[1],
        scores=scores,
        found=found,
        examples=list(examples),
        copies=copies,
        versions=versions(),
    )  # fmt: skip


def _scores(
    first: Mapping[str, Measured],
    second: Mapping[str, Measured],
    probes: Sequence[Probe],
    examples: dict[tuple[int, ...], int],
) -> dict[str, LabelScores]:
    """Each label's scores; sequences that they refer to are numbered in `examples`."""
    scores = {}
    for label, one in first.items():
        ids_of = {probe.unit: probe.ids for probe in probes if label in probe.labels}
        rows = one.counts.rows[:, None]
        order = np.lexsort((one.weight.hits / rows, one.counts.hits / rows), axis=0).T  # [heads, units]
        extreme = np.concatenate([order[:, : -N_EXAMPLES - 1 : -1], order[:, :N_EXAMPLES]], axis=1)
        shown, places = np.unique(extreme, return_inverse=True)
        ids = [ids_of[int(unit)] for unit in one.units[shown]]
        numbers = np.array([examples.setdefault(found, len(examples)) for found in ids])[places.reshape(extreme.shape)]
        scores[label] = LabelScores(
            score=one.score,
            baseline=one.baseline,
            low=one.bounds[0],
            high=one.bounds[1],
            enrichment=one.enrichment,
            threshold=one.threshold,
            again=second[label].score if label in second else None,
            n=int(one.counts.rows.sum()),
            units=len(one.units),
            best=numbers[:, :N_EXAMPLES],
            worst=numbers[:, N_EXAMPLES:],
        )
    return scores


def _described(probes: Sequence[Probe]) -> dict[str, int]:
    return {"sequences": len(probes), "tokens": sum(len(probe.ids) for probe in probes)}
