"""Work done once and shared by every session: models, traces and certificates. All of it is read-only."""

from contextlib import suppress
from typing import Any

import numpy as np
import streamlit as st

from attnviz.errors import AttnvizError
from attnviz.labels.results import LabelResults
from attnviz.maps.attention_map import AttentionMap
from attnviz.maps.head_statistics import head_overview, measure_heads
from attnviz.maps.options import MapOptions, small_maps
from attnviz.maps.similarity import head_divergence
from attnviz.models import hub
from attnviz.models.catalog import ModelEntry, list_models
from attnviz.traces import Head, Trace
from attnviz.ui.address import UrlState
from attnviz.ui.messages import say_new_files
from attnviz.ui.progress import layers, with_progress
from attnviz.units import sized
from attnviz.validation.results import Certificate
from attnviz.validation.sentences import SENTENCES


@st.cache_data(ttl=10, show_spinner=False)
def models() -> list[ModelEntry]:
    """The catalog, looked up again after ten seconds."""
    return list_models()


@st.cache_data(ttl=600, show_spinner="Asking the hub for the size…")
def download_plan(name: str) -> hub.Download:
    """What fetching a model would bring. Raises AttnvizError, which is not cached."""
    return hub.plan_download(name)


@st.cache_resource(max_entries=4, show_spinner="Loading the model…")
def loaded_model(path_or_name: str, revision: str):
    """The model in memory; `revision` only tells one version of it from another."""
    from attnviz.models.loading import load_model

    return load_model(path_or_name)


@st.cache_resource(show_spinner=False)
def _revisions() -> dict[str, str]:
    """By name, the revision in which each model was last asked for on this server."""
    return {}


def notice_new_files(entry: ModelEntry) -> None:
    """Say once, to whoever looks at a model whose files were written anew, that the new ones are shown; the old weights
    are let go."""
    known = st.session_state.setdefault("revisions", {})
    before = known.get(entry.name) or _revisions().get(entry.name)
    known[entry.name] = _revisions()[entry.name] = entry.revision
    if before not in (None, entry.revision):
        loaded_model.clear(entry.name, before)
        say_new_files(entry.name)


@st.cache_data(max_entries=256, show_spinner=False)
def notes_on(name: str, revision: str, wrote: bool = False) -> tuple[str, ...]:
    """What a reader should know of how a model was opened, and where it `wrote` of how it does; kept longer than the
    model."""
    model = loaded_model(name, revision)
    return model.notes + (model.writing.notes if wrote else ())


@st.cache_resource(max_entries=32, show_spinner="Reading the sentence…")
def trace_of(name: str, revision: str, text: str, **how: Any) -> Trace:
    """One forward pass; `how` as `_traced` takes it."""
    return _traced(name, revision, text, **how)


@st.cache_resource(max_entries=2, show_spinner=False)
def long_trace_of(name: str, revision: str, text: str, _progress: Any = None, **how: Any) -> Trace:
    """The same of a long text, of which only two are kept; `_progress` as `progress` of `attnviz.trace`."""
    return _traced(name, revision, text, progress=_progress, **how)


def _traced(
    name: str, revision: str, text: str, ablated: tuple[Head, ...] = (), ablation: str = "zero", **how: Any
) -> Trace:
    """As `attnviz.trace` does it; 0 or their means replace the ablated heads' outputs."""
    from attnviz.capture.tracing import trace

    means = mean_outputs_of(name, revision) if ablated and ablation == "mean" else {}
    return trace(loaded_model(name, revision), text, replaced={head: means.get(head, 0.0) for head in ablated}, **how)


@st.cache_resource(max_entries=4, show_spinner=False)
def mean_outputs_of(name: str, revision: str) -> dict[Head, np.ndarray]:
    """Every head's mean output over the built-in sentences, with a progress bar."""
    from attnviz.capture.mean_outputs import mean_outputs

    says = "Taking means over the built-in sentences…"
    bar = st.progress(0.0, says)
    found = mean_outputs(loaded_model(name, revision), SENTENCES, lambda done, total: bar.progress(done / total, says))
    bar.empty()
    return found


def heads_of(name: str, revision: str) -> list[Head]:
    """Every head that a model has, seen in one reading of a short sentence."""
    return list(trace_of(name, revision, UrlState().text).heads())


@st.cache_resource(max_entries=32, show_spinner=False)
def written_trace_of(name: str, revision: str, text: str, _progress: Any = None, **how: Any) -> Trace:
    """The same of a text that a model writes something to; `_progress` as `progress` of `attnviz.trace`."""
    return _traced(name, revision, text, progress=_progress, **how)


@st.cache_resource(max_entries=8, show_spinner="Measuring this machine…")
def throughput_of(name: str, revision: str, _inputs: dict[str, list[int]]) -> Any:
    """How fast this machine takes a model."""
    from attnviz.estimate import measure_throughput

    return measure_throughput(loaded_model(name, revision), _inputs)


def _what_was_read(trace: Trace) -> tuple:
    """A trace by the model and all that it was given."""
    replaced = ((str(head), head.kind, np.asarray(by).tobytes()) for head, by in trace.replaced.items())
    return trace.model, trace.revision, *((name, tuple(ids)) for name, ids in trace.inputs.items()), *replaced


BY_WHAT_WAS_READ: dict[str | type[Any], Any] = {Trace: _what_was_read}


@st.cache_resource(max_entries=32, show_spinner=False, hash_funcs=BY_WHAT_WAS_READ)
def _thumbnails_of(trace: Trace, kind: str, options: MapOptions, _progress: Any) -> AttentionMap:
    return small_maps(trace, kind, options, _progress)


def thumbnails_of(trace: Trace, kind: str, options: MapOptions, cancel: Any = None) -> AttentionMap:
    """The small pictures of all heads of one kind [heads, rows, columns]; `cancel` as in `ui.progress`."""
    return with_progress(
        "Drawing the heads", len(trace.of_kind(kind)), lambda step: _thumbnails_of(trace, kind, options, step), cancel
    )


@st.cache_resource(max_entries=64, show_spinner="Measuring every head…", hash_funcs=BY_WHAT_WAS_READ)
def measure_of(trace: Trace, kind: str, measure: str, query: int, key: int) -> np.ndarray:
    """One measure of every head [layers, heads]."""
    return measure_heads(trace, kind, measure, query, key)


@st.cache_resource(max_entries=64, show_spinner="Going through the whole text…", hash_funcs=BY_WHAT_WAS_READ)
def overview_of(trace: Trace, head: Head) -> tuple[np.ndarray, np.ndarray]:
    """One head along the whole text: how wide each query looks, and how much each key gets."""
    return head_overview(trace[head])


@st.cache_resource(max_entries=2, show_spinner=False)
def sentences_read(name: str, revision: str) -> tuple[Trace, ...]:
    """The built-in sentences, those that the model can read, with a progress bar."""
    from attnviz.capture.tracing import trace

    bar = st.progress(0.0, "Reading the built-in sentences…")
    found = []
    for done, sentence in enumerate(SENTENCES, start=1):
        with suppress(AttnvizError):
            found.append(trace(loaded_model(name, revision), sentence))
        bar.progress(done / len(SENTENCES), "Reading the built-in sentences…")
    bar.empty()
    return tuple(found)


@st.cache_resource(max_entries=64, show_spinner=False, hash_funcs=BY_WHAT_WAS_READ)
def _divergence_of(trace: Trace, head: Head, _others: tuple[Trace, ...], _progress: Any) -> np.ndarray:
    return head_divergence((trace, *_others), head, lambda done, total: _progress(done))


def divergence_of(trace: Trace, head: Head, cancel: Any = None) -> np.ndarray:
    """Every head's divergence from one [layers, heads], over a text and the built-in sentences; `cancel` as in
    `ui.progress`."""
    others = sentences_read(trace.model, trace.revision)
    n_layers, n_texts = len(trace.of_kind(head.kind)), 1 + len(others)
    return with_progress(
        "Comparing every head", n_layers * n_texts, lambda step: _divergence_of(trace, head, others, step), cancel,
        lambda done, total: f"{layers(done % n_layers, n_layers)}, text {min(done // n_layers + 1, n_texts)} of "
        f"{n_texts}",
    )  # fmt: skip


@st.cache_resource(max_entries=8, show_spinner="Measuring this machine…", hash_funcs=BY_WHAT_WAS_READ)
def comparing_seconds_of(trace: Trace, head: Head) -> float:
    """What `divergence_of` takes for a text, at most, in seconds."""
    from attnviz.estimate import comparing_seconds

    return comparing_seconds(trace, head)


@st.cache_resource(max_entries=64, show_spinner=False, hash_funcs=BY_WHAT_WAS_READ)
def predictions_of(trace: Trace) -> list[tuple[int, list[tuple[str, float]]]]:
    """What the model expects after the text, or at its masks; empty without a language-model head."""
    from attnviz.capture.predictions import predictions

    return predictions(loaded_model(trace.model, trace.revision), trace)


@st.cache_resource(max_entries=32, show_spinner=False, hash_funcs=BY_WHAT_WAS_READ)
def certificate_of(trace: Trace, _progress: Any = None) -> Certificate:
    """The trace against the model's own attention. Raises AttnvizError where there is not enough memory for that."""
    from attnviz import estimate
    from attnviz.validation.certificate import certify

    model = loaded_model(trace.model, trace.revision)
    n_decoder = len(trace.decoder_tokens or ())
    _, needed = estimate.bytes_of(estimate.shape_of(model, trace.route, trace.layers), len(trace.tokens), n_decoder)
    free = estimate.free_bytes()
    if needed > free:
        raise AttnvizError(
            "Not compared with the model's own attention, which works on whole matrices: that would take about "
            f"{sized(needed)} of memory, and {sized(free)} are free. A shorter text takes less."
        )
    return certify(model, trace, progress=_progress)


@st.cache_resource(max_entries=8, show_spinner=False)
def certificate_on_sentences(name: str, revision: str) -> Certificate:
    """The model on the built-in sentences, with a progress bar."""
    from attnviz.validation.certificate import validate

    bar = st.progress(0.0, "Comparing on the built-in sentences…")
    certificate = validate(loaded_model(name, revision), progress=lambda done, total: bar.progress(done / total))
    bar.empty()
    return certificate


def cached_results(name: str, revision: str) -> LabelResults | None:
    """The label results of a model that were kept on disk; None where there is none yet."""
    try:
        return _cached_results(name, revision)
    except LookupError:
        return None


@st.cache_resource(max_entries=8, show_spinner=False)
def _cached_results(name: str, revision: str) -> LabelResults:
    """Raises LookupError, which is not cached, where there is none."""
    from attnviz.labels.cache import load_cached

    found = load_cached(loaded_model(name, revision))
    if found is None:
        raise LookupError(name)
    return found


def forget_results() -> None:
    """After new ones were kept."""
    _cached_results.clear()


@st.cache_resource(max_entries=8, show_spinner="Counting what would be asked…")
def label_cost(name: str, revision: str) -> tuple[int, float]:
    """Tokens and seconds that labelling a model takes. Raises AttnvizError."""
    from attnviz.labels.cost import cost

    return cost(loaded_model(name, revision))


@st.cache_resource(max_entries=4, show_spinner="Looking up what was asked…")
def probe_targets_of(name: str, revision: str, causal: bool):
    """The probes by their token ids, each with the targets of its labels."""
    from attnviz.labels.examples import probe_targets

    return probe_targets(loaded_model(name, revision), causal)


@st.cache_resource(max_entries=32, show_spinner=False)
def trace_of_ids(name: str, revision: str, ids: tuple[int, ...]) -> Trace:
    """A probe as it was shown to the model."""
    from attnviz.capture.tracing import trace_ids

    return trace_ids(loaded_model(name, revision), ids)


@st.cache_resource(max_entries=64, show_spinner="Looking for a sentence…")
def trigger_of(name: str, revision: str, label: str, number: int) -> tuple[str, float] | None:
    """A sentence of kept results that can be typed and triggers a label in a head, and the weight on its targets."""
    from attnviz.labels.examples import trigger

    results = _cached_results(name, revision)
    probes = probe_targets_of(name, revision, results.heads[number].kind == "decoder")
    return trigger(loaded_model(name, revision), results, label, number, probes)
