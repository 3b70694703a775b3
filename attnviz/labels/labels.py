"""Scores and their baselines to labels with evidence, or to none: a head without a label is an answer too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from attnviz.capture.interface import Uncapturable
from attnviz.capture.tracing import capture_ids
from attnviz.errors import AttnvizError
from attnviz.models.loading import LoadedModel
from attnviz.probes import VERSION
from attnviz.traces import Head

from .baselines import best_rules, false_discovery, halves, interval, rule_hits, score, sign_flip_p
from .material import control_of, first_family, frame_of, gold_probes, second_family
from .scores import ENTROPY, Progress, Tally, tallies, weight_of
from .targets import REST, Probe

SEED = 2026
Q = 0.05  # the share of false labels that is put up with
FEWEST_ROWS, FEWEST_UNITS = 100, 20
COLUMNS = ("label", "score", "baseline", "low", "high", "n", "p", "confidence", "effect")


@dataclass(frozen=True)
class Criterion:
    """What a label asks for: the score's lower bound above `threshold`, the weight at least `enrichment` times what
    even weights would give, the score at least `margin` above its control. `above_control`: the threshold is the
    control's own score and the margin, since chance differs from relation to relation."""

    threshold: float
    enrichment: float
    margin: float
    reason: str
    above_control: bool = False


# A label's kind is its name up to the first colon.
CRITERIA = {
    "previous_token": Criterion(0.4, 3, 0.1, "0.4: ARENA's threshold; 3 times: Pande et al. 2021"),
    "next_token": Criterion(0.4, 3, 0.1, "as for the previous token"),
    "current_token": Criterion(0.4, 3, 0.1, "as for the previous token"),
    "offset": Criterion(0.4, 3, 0.1, "as for the previous token"),
    "local": Criterion(0.5, 3, 0.1, "most of the weight; 3 times what falls there anyway: Pande et al. 2021"),
    "duplicate_token": Criterion(0.4, 3, 0.1, "0.4 parts the two clear heads of GPT-2 small from the rest"),
    "induction": Criterion(0.4, 3, 0.1, "0.4: ARENA's threshold"),
    "same_word": Criterion(0.4, 3, 0.1, "as for the previous token; the control is what undoes most of them"),
    "punctuation": Criterion(0.6, 3, 0.1, "0.6: Clark et al. 2019, for special tokens"),
    "rare_word": Criterion(0.0, 2, 0.1, "ten points: Voita et al. 2019", above_control=True),
    "syntactic": Criterion(
        0.0, 2, 0.1, "ten points above the best fixed offset: Voita et al. 2019", above_control=True
    ),
    "coreference": Criterion(0.0, 2, 0.1, "ten points above the nearest or first mention", above_control=True),
}


@dataclass(frozen=True)
class Measured:
    """One label on one family: its tally, its weight's tally (the same for labels that are no choice), its control's
    hits [units, heads]."""

    tally: Tally
    weight: Tally
    control: np.ndarray

    @property
    def baseline(self) -> np.ndarray:
        return self.control.sum(0) / self.tally.rows.sum()

    @property
    def enrichment(self) -> np.ndarray:
        return self.weight.hits.sum(0) / self.weight.even.sum()


def criterion_of(label: str) -> Criterion:
    return CRITERIA[label.split(":")[0]]


def measured(found: Mapping[str, Tally], rules: Mapping[str, np.ndarray]) -> dict[str, Measured]:
    """Every label with enough rows and units, beside its control: the label's own, what its rule hits [units], or what
    uniform weights would."""
    labels = {}
    for name, tally in found.items():
        if name.split(":")[0] not in CRITERIA:
            continue
        used = tally.rows > 0
        control = np.broadcast_to(tally.even[:, None], tally.hits.shape)
        if name in rules:
            control = np.broadcast_to(rules[name][:, None], tally.hits.shape)
        if control_of(name) in found:
            own = found[control_of(name)]
            used &= own.rows > 0
            control = own.hits * (tally.rows / np.maximum(own.rows, 1))[:, None]
        if used.sum() >= FEWEST_UNITS and tally.rows[used].sum() >= FEWEST_ROWS:
            labels[name] = Measured(_some(tally, used), _some(found.get(weight_of(name), tally), used), control[used])
    return labels


def verdicts(first: Mapping[str, Measured], second: Mapping[str, Measured], n_heads: int) -> list[list[dict[str, Any]]]:
    """For each head its labels, as dictionaries of COLUMNS, best confidence and score first.

    low: threshold and enrichment. medium: also above the control by the margin, a false-discovery rate of `Q` over all
    heads and labels, and each random half of the units above the threshold. high: also on the second family.
    """
    rng = np.random.default_rng(SEED)
    bounds = {label: interval(one.tally, rng) for label, one in first.items()}
    passed = {label: _passes(label, one, bounds[label][0]) for label, one in first.items()}
    p = {label: np.ones(n_heads) for label in first}  # a head that is no candidate cannot count as a discovery
    for label, one in first.items():
        if passed[label].any():
            candidates = passed[label]
            p[label][candidates] = sign_flip_p((one.tally.hits - one.control)[:, candidates], rng)
    adjusted = dict(zip(first, false_discovery(np.array(list(p.values())).ravel()).reshape(len(p), n_heads)))
    labels: list[list[dict[str, Any]]] = [[] for _ in range(n_heads)]
    for label, one in first.items():
        low, high = bounds[label]
        medium = passed[label] & _beats_control(label, one) & (adjusted[label] < Q) & _in_both_halves(label, one, rng)
        again = second.get(label)
        sure = medium & False if again is None else medium & _holds(label, again, rng)
        scores = score(one.tally)
        for head in np.flatnonzero(passed[label]):
            confidence = "high" if sure[head] else "medium" if medium[head] else "low"
            values = (scores[head], one.baseline[head], low[head], high[head])
            n = int(one.tally.rows.sum())
            row = (label, *map(float, values), n, float(adjusted[label][head]), confidence, None)
            labels[head].append(dict(zip(COLUMNS, row)))
    for found in labels:
        found.sort(key=lambda row: (("high", "medium", "low").index(row["confidence"]), -row["score"]))
    return labels


def label_model(
    model: LoadedModel, texts: Sequence[str] | None = None, progress: Progress | None = None
) -> dict[str, Any]:
    """Every head with its rest share, entropy share and labels, as the JSON of `python -m attnviz label`.

    `texts` take the place of the generated ones in the second family, for labels that need no gold answers.
    `progress(done, total)` counts tokens; what it raises ends the work.

    Raises AttnvizError for a model that cannot be labelled; the message says why.
    """
    if model.module.config.is_encoder_decoder:
        raise AttnvizError(
            f"{model.name} has an encoder and a decoder, and labels are for models with one: pick another."
        )
    try:
        with model.lock:
            return _label(model, texts, progress)
    except Uncapturable as reason:
        raise AttnvizError(f"{model.name} cannot be labelled. {reason} Pick another model.") from reason


def label_heads(
    model: LoadedModel, texts: Sequence[str] | None = None, progress: Progress | None = None
) -> pd.DataFrame:
    """`label_model` as a table, one row a label; a head without one has a row whose label is None."""
    return as_table(label_model(model, texts, progress))


def as_table(labelled: Mapping[str, Any]) -> pd.DataFrame:
    """One row a label of `label_model`'s answer, unlabelled heads with label None."""
    address = ("kind", "layer", "head", "rest_share", "entropy_share")
    rows = [
        {key: head[key] for key in address} | found
        for head in labelled["heads"]
        for found in head["labels"] or [dict.fromkeys(COLUMNS)]
    ]
    return pd.DataFrame(rows, columns=[*address, *COLUMNS])


def _label(model: LoadedModel, texts: Sequence[str] | None, progress: Progress | None) -> dict[str, Any]:
    tokenizer = model.tokenizer
    ids = tokenizer("the")["input_ids"] * 2
    causal = capture_ids(model.module, [ids])[0][0].kind == "decoder"
    frame = frame_of(tokenizer, causal, model.limit)
    families = first_family(tokenizer, frame, SEED), second_family(tokenizer, frame, SEED, texts)
    rules = best_rules(gold_probes(tokenizer, frame, "train", SEED + 1))
    total = sum(len(probe.ids) for probes in families for probe in probes)
    heads: list[Head] = []
    found: list[dict[str, Tally]] = []
    for probes in families:
        before = sum(len(probe.ids) for probe in families[0]) if found else 0
        counted = None if progress is None else lambda done, _, before=before: progress(before + done, total)
        heads, sums = tallies(model.module, probes, counted)
        found.append(sums)
    first, second = (measured(sums, rule_hits(probes, rules)) for sums, probes in zip(found, families))
    labels = verdicts(first, second, len(heads))
    rest, broad = score(found[0][REST]), score(found[0][ENTROPY])
    return {
        "model": model.name,
        "probes": {"version": VERSION, "seed": SEED, "families": [_described(probes) for probes in families],
                   "labels": sorted(first), "rules": rules},
        "heads": [
            {"kind": head.kind, "layer": head.layer, "head": head.head, "rest_share": float(rest[number]),
             "entropy_share": float(broad[number]), "labels": labels[number]}
            for number, head in enumerate(heads)
        ],
    }  # fmt: skip


def _described(probes: Sequence[Probe]) -> dict[str, int]:
    return {"sequences": len(probes), "tokens": sum(len(probe.ids) for probe in probes)}


def _some(tally: Tally, used: np.ndarray) -> Tally:
    return Tally(tally.hits[used], tally.rows[used], tally.even[used])


def _threshold(label: str, one: Measured) -> np.ndarray | float:
    criterion = criterion_of(label)
    return one.baseline + criterion.margin if criterion.above_control else criterion.threshold


def _passes(label: str, one: Measured, low: np.ndarray) -> np.ndarray:
    """[heads] whether the lower bound is above the threshold, and the weight is enriched."""
    return (low > _threshold(label, one)) & (one.enrichment >= criterion_of(label).enrichment)


def _beats_control(label: str, one: Measured) -> np.ndarray:
    return score(one.tally) - one.baseline >= criterion_of(label).margin


def _in_both_halves(label: str, one: Measured, rng: np.random.Generator) -> np.ndarray:
    first, second = halves(one.tally, rng)
    return np.minimum(first, second) > _threshold(label, one)


def _holds(label: str, one: Measured, rng: np.random.Generator) -> np.ndarray:
    """[heads] whether the label stands on a family that it was not chosen on: threshold, enrichment, and a difference
    from its control whose interval is above 0."""
    low, _ = interval(one.tally, rng)
    above, _ = interval(Tally(one.tally.hits - one.control, one.tally.rows, one.tally.even), rng)
    return _passes(label, one, low) & _beats_control(label, one) & (above > 0)
