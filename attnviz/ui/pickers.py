"""The choices that all screens share, the model and the text, and what they lead to."""

import streamlit as st

from attnviz.errors import AttnvizError
from attnviz.models import hub
from attnviz.models.catalog import SUGGESTED, ModelEntry, find_model, locate, readable_size
from attnviz.traces import Trace
from attnviz.ui import cache
from attnviz.ui.messages import plain, show_error
from attnviz.ui.state import choose, chosen_by, view


def model_and_text() -> None:
    """The sidebar: a model that is here, or any other by folder or hub id, and the sentence."""
    entries: dict[str, ModelEntry | None] = {entry.name: entry for entry in cache.models() if entry.loadable}
    if not view().model and entries:
        choose(model=next(iter(entries)))
    names = list(entries)
    if view().model and view().model not in entries:
        names.append(view().model)
        entries |= {view().model: find_model(view().model)}
    if names:
        chosen_by(
            st.selectbox,
            "model",
            "Model",
            view().model,
            options=names,
            format_func=lambda name: _named(entries.get(name), name),
        )
        _other_model()
    chosen_by(st.text_area, "text", "Sentence", view().text, height=110)


def current_trace() -> Trace:
    """The chosen text through the chosen model; where that cannot be, the page says why and ends here."""
    entry = _entry_here()
    try:
        return cache.trace_of(entry.name, entry.revision, view().text)
    except AttnvizError as error:
        show_error(error)
        st.stop()


def _entry_here() -> ModelEntry:
    if not view().model:
        _invite()
        st.stop()
    try:
        entry = locate(view().model)
        if entry is None:
            _offer_download(cache.download_plan(view().model))
            st.stop()
        return entry
    except AttnvizError as error:
        show_error(error)
        st.stop()


def _invite() -> None:
    """No model is on this machine: one sentence, one button, and the folder box."""
    name, n_bytes = next(iter(SUGGESTED.items()))
    st.subheader("No model is on this machine yet")
    short, size = plain(name.split("/")[-1]), readable_size(n_bytes)
    st.write(f"A small one, {short} (6 layers × 12 heads), is {size} on the Hugging Face hub.")
    if st.button(f"Fetch it ({size})", type="primary", icon=":material/download:"):
        try:
            _fetch(hub.plan_download(name))
        except AttnvizError as error:
            show_error(error)
    _other_model()


def _offer_download(download: hub.Download) -> None:
    st.subheader(f"{plain(download.name)} is on the hub")
    st.write(
        f"It is not on this machine yet. Its {len(download.files)} files are {download.size}; no code comes with them."
    )
    if st.button(f"Fetch it ({download.size})", type="primary", icon=":material/download:"):
        _fetch(download)


def _fetch(download: hub.Download) -> None:
    bar = st.progress(0.0, f"Fetching {download.size}…")
    hub.fetch(download, lambda done, total: bar.progress(done / max(total, 1), f"Fetching {download.size}…"))
    cache.models.clear()
    choose(model=download.name)
    st.rerun()


def _other_model() -> None:
    def changed() -> None:
        if st.session_state.other_model.strip():
            choose(model=st.session_state.other_model.strip(), layer=0, head=0, kind="")
            st.session_state.other_model = ""

    st.text_input("Another model", key="other_model", on_change=changed, placeholder="folder or hub id")


def _named(entry: ModelEntry | None, name: str) -> str:
    short = name.rstrip("/").split("/")[-1] or name
    return f"{short} · {entry.n_layers}×{entry.n_heads} heads" if entry and entry.n_layers and entry.n_heads else short
