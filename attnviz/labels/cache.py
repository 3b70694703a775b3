"""Studies kept on disk, so that a model is labelled once: found again by what the model holds, not by its name."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np

from attnviz.models.catalog import BUNDLED
from attnviz.models.fingerprint import fingerprint
from attnviz.models.loading import LoadedModel
from attnviz.probes import VERSION as PROBES
from attnviz.traces import Head

from .corpora import Corpus
from .decide import SEED, VERSION
from .effects import with_effects
from .results import LabelResults, LabelScores, evaluate_heads
from .scores import Progress

ARRAYS = ("score", "baseline", "low", "high", "enrichment", "threshold", "again", "best", "worst")
SHIPPED = BUNDLED / "labels"
DAMAGE = (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error)


def evaluate_or_load(
    model: LoadedModel, corpus: Corpus | None = None, progress: Progress | None = None, again: bool = False
) -> LabelResults:
    """The study that was kept, or a new one, which is kept; with `again` always a new one. Arguments and errors as in
    `results`."""
    found = None if again else load_cached(model, corpus)
    if found is None:
        found = evaluate_heads(model, corpus, progress)
        store(found, cache_path(model, corpus))
    return found


def measure_or_load_effects(
    model: LoadedModel, found: LabelResults, corpus: Corpus | None = None, progress: Progress | None = None
) -> LabelResults:
    """The study with its effects, which are measured where it has none, and kept. Errors as in `with_effects`."""
    if found.effects is None:
        found = with_effects(model, found, progress)
        store(found, cache_path(model, corpus))
    return found


def load_cached(model: LoadedModel, corpus: Corpus | None = None) -> LabelResults | None:
    """The study that was kept of this model on this corpus, or shipped with it; None where there is none."""
    place = cache_path(model, corpus)
    return read(place, model) or read(SHIPPED / place.name, model)


def cache_path(model: LoadedModel, corpus: Corpus | None = None) -> Path:
    """Where a study of this model on this corpus is kept: another file for other weights, probes or labels.

    In the folder that the environment variable ATTNVIZ_CACHE names, by default ~/.cache/attnviz.
    """
    asked = json.dumps(
        [fingerprint(model), PROBES, VERSION, SEED, None if corpus is None else [corpus.name, corpus.digest]]
    )
    base = os.environ.get("ATTNVIZ_CACHE") or os.path.join(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "attnviz")
    name = hashlib.blake2b(asked.encode(), digest_size=16).hexdigest()
    return Path(base).expanduser() / "labels" / f"{name}.npz"


def store(found: LabelResults, place: Path) -> None:
    """Write a study, all of it or nothing; a place that cannot be written is left alone."""
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
    """The study kept there, under the model's present name; None where there is none, or a damaged one."""
    try:
        with np.load(place, allow_pickle=False) as file:
            arrays = {name: file[name] for name in (*ARRAYS, "rest", "entropy", "copies")}
            said = json.loads(file["said"].tobytes())
        scores = {}
        for number, (label, (n, units)) in enumerate(zip(said["labels"], said["counts"], strict=True)):
            one = {name: arrays[name][number] for name in ARRAYS}
            missing = bool(np.isnan(one["again"]).any())
            scores[label] = LabelScores(**one | {"again": None if missing else one["again"], "n": n, "units": units})
        return LabelResults(
            model=model.name,
            revision=model.revision,
            probes=said["probes"],
            heads=tuple(Head(*address) for address in said["heads"]),
            sink_token_share=arrays["rest"],
            entropy=arrays["entropy"],
            copies=arrays["copies"] if arrays["copies"].size else None,
            scores=scores,
            found=said["found"],
            examples=[tuple(ids) for ids in said["examples"]],
            effects=said.get("effects"),
        )
    except DAMAGE:
        return None
