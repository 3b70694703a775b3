"""The probes of one model: random tokens and generated sentences as it reads them, each with what is asked of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from attnviz.probes import PERIODS, Repeat

from .targets import (
    OFFSETS,
    REST,
    Probe,
    Target,
    after_duplicates,
    at_offset,
    duplicates,
    nearby,
    resting,
)

NOT_REPEATED = "not repeated"


@dataclass(frozen=True)
class Frame:
    """How a model reads a text: the special tokens around it, and whether rows look back only."""

    before: tuple[int, ...]
    after: tuple[int, ...]
    causal: bool

    def ids(self, tokens: Sequence[int]) -> tuple[int, ...]:
        return (*self.before, *tokens, *self.after)

    def ordinary(self, ids: Sequence[int]) -> range:
        return range(len(self.before), len(ids) - len(self.after))


def control_of(label: str) -> str:
    """The name under which a label's own control is kept."""
    return f"{label}, {NOT_REPEATED}"


def positional_targets(n: int, ordinary: range, causal: bool) -> dict[str, Target]:
    """The labels that depend on places only, and where a head rests."""
    found = {"previous_token": at_offset(ordinary, -1), "current_token": at_offset(ordinary, 0)}
    found |= {f"offset:-{step}": at_offset(ordinary, -step) for step in OFFSETS}
    if not causal:
        found |= {"next_token": at_offset(ordinary, 1)}
        found |= {f"offset:+{step}": at_offset(ordinary, step) for step in OFFSETS}
    found |= {"local": nearby(ordinary, causal), REST: resting(n, ordinary, causal)}
    return {name: target for name, target in found.items() if len(target.queries)}


def position_probes(sequences: Sequence[Sequence[int]], frame: Frame) -> list[Probe]:
    """Positional labels on token sequences, one unit each."""
    probes = []
    for unit, tokens in enumerate(sequences):
        ids = frame.ids(tokens)
        probes.append(Probe(unit, ids, positional_targets(len(ids), frame.ordinary(ids), frame.causal)))
    return probes


def repetition_probes(repeats: Sequence[tuple[Sequence[int], Sequence[int]]], frame: Frame) -> list[Probe]:
    """Duplicate token and induction on (chunk, other chunk): the chunk twice, and as a control the chunk and the other.

    The control is asked about the same pairs of places: a head that looks a fixed way back scores there as well.
    """
    probes = []
    for unit, (chunk, other) in enumerate(repeats):
        ids, control = frame.ids([*chunk, *chunk]), frame.ids([*chunk, *other])
        ordinary = frame.ordinary(ids)
        second = ordinary[len(chunk) :]
        targets = {
            "duplicate_token": duplicates(ids, second, ordinary),
            "induction": after_duplicates(ids, second, ordinary),
        }
        probes.append(Probe(unit, ids, targets))
        probes.append(Probe(unit, control, {control_of(name): target for name, target in targets.items()}))
    return probes


def fitting_periods(n_tokens: int, frame: Frame, limit: int | None) -> tuple[int, ...]:
    """The periods whose repeats fit into the model, and whose control finds enough different tokens."""
    room = np.inf if limit is None else limit - len(frame.before) - len(frame.after)
    return tuple(period for period in PERIODS if 2 * period <= min(room, n_tokens))


def chunks(repeats: Sequence[Repeat]) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Random repeats as (chunk, other chunk)."""
    return [(found.ids[1 : found.period + 1], found.control[found.period + 1 :]) for found in repeats]
