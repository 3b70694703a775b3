"""Label results on disk, so that a model is labelled once: found again by what the model holds, not by its name."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import zipfile
import zlib
from collections.abc import Container
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from attnviz.models.catalog import BUNDLED
from attnviz.models.fingerprint import fingerprint
from attnviz.models.loading import LoadedModel
from attnviz.probes import VERSION as PROBES
from attnviz.traces import Head

from .corpora import Corpus
from .decide import SEED, VERSION
from .definitions import kind_of, versions
from .effects import with_effects
from .evaluate import evaluate_heads
from .results import LabelResults, LabelScores
from .scores import Progress

ARRAYS = ("score", "baseline", "low", "high", "enrichment", "threshold", "again", "best", "worst")
BUNDLED_RESULTS = BUNDLED / "labels"
DAMAGE = (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error)


def evaluate_or_load(
    model: LoadedModel, corpus: Corpus | None = None, progress: Progress | None = None, again: bool = False
) -> LabelResults:
    """The label results that were kept. Where there are none, or where a label was added or has another version since,
    and with `again` always: new ones, which are kept. Arguments and errors as in `evaluate_heads`."""
    found = None if again else load_cached(model, corpus)
    if found is None or found.versions != versions():
        found = evaluate_heads(model, corpus, progress)
        store(found, cache_path(model, corpus))
    return found


def measure_or_load_effects(
    model: LoadedModel, found: LabelResults, corpus: Corpus | None = None, progress: Progress | None = None
) -> LabelResults:
    """The label results with effects; where there are none, they are measured and kept. Errors as in `with_effects`."""
    if found.effects is None:
        found = with_effects(model, found, progress)
        store(found, cache_path(model, corpus))
    return found


def load_cached(model: LoadedModel, corpus: Corpus | None = None) -> LabelResults | None:
    """The label results that were kept of this model on this corpus, or come with it, without labels that are gone or
    have another version now; None where there are none."""
    place = cache_path(model, corpus)
    return read(place, model) or read(BUNDLED_RESULTS / place.name, model)


def cache_path(model: LoadedModel, corpus: Corpus | None = None) -> Path:
    """Where the results of this model on this corpus are kept: another file for other weights or probes, or where all
    labels are judged in another way. What a single label means is no part of it: the file holds the version of each.

    In the folder that the environment variable ATTNVIZ_CACHE names, by default ~/.cache/attnviz.
    """
    contents = json.dumps(
        [fingerprint(model), PROBES, VERSION, SEED, None if corpus is None else [corpus.name, corpus.digest]]
    )
    base = os.environ.get("ATTNVIZ_CACHE") or os.path.join(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "attnviz")
    name = hashlib.blake2b(contents.encode(), digest_size=16).hexdigest()
    return Path(base).expanduser() / "labels" / f"{name}.npz"


def store(found: LabelResults, place: Path) -> None:
    """Write label results, all of them or nothing; a place that cannot be written is left alone."""
    scores = found.scores.values()
    nothing = np.full(len(found.heads), np.nan)
    copies = np.empty(0) if found.copies is None else found.copies
    arrays = {
        name: np.stack([nothing if getattr(one, name) is None else getattr(one, name) for one in scores])
        for name in ARRAYS
    } | {"rest": found.sink_token_share, "entropy": found.entropy, "copies": copies}
    said = {
        "probes": found.probes,
        "heads": [(head.kind, head.layer, head.head) for head in found.heads],
        "versions": found.versions,
        "labels": list(found.scores),
        "counts": [(one.n, one.units) for one in scores],
        "found": found.found,
        "examples": found.examples,
        "effects": found.effects,
    }
    with suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=place.parent, suffix=".part", delete=False) as file:
            try:
                text = np.frombuffer(json.dumps(said).encode(), dtype=np.uint8)
                np.savez_compressed(file, allow_pickle=False, said=text, **arrays)
                file.close()
                os.replace(file.name, place)
            finally:
                Path(file.name).unlink(missing_ok=True)


def read(place: Path, model: LoadedModel) -> LabelResults | None:
    """The label results kept there, under the model's present name, with the labels that still hold; None where there
    are none, or damaged ones."""
    try:
        with np.load(place, allow_pickle=False) as file:
            arrays = {name: file[name] for name in (*ARRAYS, "rest", "entropy", "copies")}
            said = json.loads(file["said"].tobytes())
        kept = {name: version for name, version in versions().items() if said["versions"].get(name) == version}
        scores = {}
        for number, (label, (n, units)) in enumerate(zip(said["labels"], said["counts"], strict=True)):
            if kind_of(label) not in kept:
                continue
            one = {name: arrays[name][number] for name in ARRAYS}
            missing = bool(np.isnan(one["again"]).any())
            scores[label] = LabelScores(**one | {"again": None if missing else one["again"], "n": n, "units": units})
        return LabelResults(
            model=model.name,
            revision=model.revision,
            probes=said["probes"] | {"labels": sorted(scores)},
            heads=tuple(Head(*address) for address in said["heads"]),
            sink_token_share=arrays["rest"],
            entropy=arrays["entropy"],
            copies=arrays["copies"] if arrays["copies"].size else None,
            scores=scores,
            found=[[row for row in rows if kind_of(row["label"]) in kept] for rows in said["found"]],
            examples=[tuple(ids) for ids in said["examples"]],
            effects=_effects_of(said.get("effects"), kept),
            versions=kept,
        )
    except DAMAGE:
        return None


def _effects_of(effects: dict[str, Any] | None, kept: Container[str]) -> dict[str, Any] | None:
    """What was measured of the labels that still hold."""
    if effects is None:
        return None
    own = {
        name: {label: one for label, one in effects[name].items() if kind_of(label) in kept}
        for name in ("together", "unmeasured")
    }
    return effects | own
