"""Work done once and shared by every session: models, traces and certificates. All of it is read-only."""

import numpy as np
import streamlit as st

from attnviz import figures
from attnviz.models import hub
from attnviz.models.catalog import ModelEntry, list_models
from attnviz.traces import Trace


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


@st.cache_resource(max_entries=32, show_spinner="Reading the sentence…")
def trace_of(name: str, revision: str, text: str) -> Trace:
    """One forward pass."""
    from attnviz.capture.tracing import trace

    return trace(loaded_model(name, revision), text)


@st.cache_resource(max_entries=32, show_spinner="Drawing the heads…")
def thumbnails_of(_trace: Trace, name: str, revision: str, text: str, kind: str) -> list[np.ndarray]:
    """The small pictures of all heads of one kind; what follows the trace names it for the cache."""
    return figures.thumbnails(_trace, kind)


@st.cache_resource(max_entries=32, show_spinner=False)
def certificate_of(name: str, revision: str, text: str):
    """The trace of a text against the model's own attention."""
    from attnviz.validation.certificate import certify

    return certify(loaded_model(name, revision), trace_of(name, revision, text))


@st.cache_resource(max_entries=8, show_spinner=False)
def certificate_on_sentences(name: str, revision: str):
    """The model on the built-in sentences, with a progress bar."""
    from attnviz.validation.certificate import validate

    bar = st.progress(0.0, "Comparing on the built-in sentences…")
    certificate = validate(loaded_model(name, revision), progress=lambda done, total: bar.progress(done / total))
    bar.empty()
    return certificate
