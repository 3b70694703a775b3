"""The choices that all screens share, the model and the text, and what they lead to."""

import os
from typing import Any

import streamlit as st

from attnviz.errors import AttnvizError, in_one_line
from attnviz.models import hub
from attnviz.models.catalog import ModelEntry, find_model, locate
from attnviz.models.pasted import as_meant
from attnviz.traces import Trace
from attnviz.ui import cache, confirm_run
from attnviz.ui.messages import plain, show_error
from attnviz.ui.state import StopPage, choose, chosen_by, current, on_screen

MOST_WRITTEN = 64  # tokens


def model() -> None:
    """A model that is here, or any other by folder or hub id."""
    entries: dict[str, ModelEntry | None] = {entry.name: entry for entry in cache.models() if entry.loadable}
    if not current().model and entries:
        choose(model=next(iter(entries)))
    names = list(entries)
    if current().model and current().model not in entries:
        names.append(current().model)
        entries |= {current().model: _found(current().model)}
    chosen_by(
        st.selectbox,
        "model",
        "Model",
        current().model,
        options=names,
        format_func=lambda name: _named(entries.get(name), name),
    )
    st.text_input("Another model", key="other_model", on_change=_take_other_model, placeholder="folder or hub id")


def text() -> None:
    """The reader's sentence, and what else some models read."""
    chosen_by(st.text_area, "text", "Sentence", current().text, height=110)
    on_screen("pair", "decoder_text", "read_special", "add_special", "write")
    with st.expander("More to read", icon=":material/tune:"):
        chosen_by(
            st.text_input, "pair", "Second sentence", current().pair, help="For encoders that read pairs, such as BERT."
        )
        chosen_by(
            st.text_input, "decoder_text", "What the decoder reads", current().decoder_text,
            help="For encoder-decoders; empty: what the model writes itself.",
        )  # fmt: skip
        chosen_by(
            st.toggle, "read_special", "Read special tokens", current().read_special,
            help="A typed [MASK] or <s> is plain text unless this is on.",
        )  # fmt: skip
        chosen_by(
            st.toggle, "add_special", "Add the model's own special tokens", current().add_special,
            help="Such as the start token, which most models were trained with.",
        )  # fmt: skip
        chosen_by(
            st.number_input, "write", "Tokens for a decoder to write", min(current().write, MOST_WRITTEN),
            min_value=0, max_value=MOST_WRITTEN, step=1, help="The model goes on by itself, always with its likeliest.",
        )  # fmt: skip


def current_trace(most: int | None = None) -> Trace:
    """The chosen text through the chosen model; where that cannot be, the page says why and ends here.

    `most`: tokens that this screen shows; a text of more is not read.
    """
    entry = entry_here()
    how = {
        "text_pair": current().pair or None,
        "decoder_text": current().decoder_text or None,
        "read_special": current().read_special,
        "add_special": current().add_special,
        "write": min(current().write, MOST_WRITTEN),
    }
    try:
        if most is not None and (n := confirm_run.n_tokens(entry, current().text, how)) > most:
            raise AttnvizError(
                f"This sentence has {n:,} tokens, and all of it is shown here, up to {most}: take a part of it, or "
                "open it under Heads, which has a window for long texts."
            )
        trace = confirm_run.read(entry, current().text, **how)
        tell_notes(entry, wrote=trace.wrote)
        return trace
    except AttnvizError as error:
        show_error(error)
        raise StopPage from None


def tell_notes(entry: ModelEntry, place: Any = st, *, wrote: bool = False) -> None:
    """How a model was opened, where there is something to know: a head that is not used, code of its own. Where it
    `wrote`, also what its files ask for that did not apply."""
    for note in cache.notes_on(entry.name, entry.revision, wrote):
        place.caption(f":material/info: {plain(note)}")


def entry_here() -> ModelEntry:
    """The chosen model, if it is on this machine; where it is not, the page offers to fetch it and ends here."""
    try:
        entry = locate(current().model)
        if entry is None:
            _offer_download(cache.download_plan(current().model))
            raise StopPage from None
    except AttnvizError as error:
        show_error(error)
        raise StopPage from None
    if not entry.loadable:
        show_error(AttnvizError(f"'{in_one_line(entry.name)}' cannot be loaded: {entry.reason}."))
        _offer_inside(entry)
        raise StopPage from None
    cache.notice_new_files(entry)
    return entry


def _offer_inside(entry: ModelEntry) -> None:
    """The models in the folders inside one that is none, each a click away."""
    for path in entry.inside:
        short = os.path.relpath(path, entry.path)
        st.button(
            f"Open {plain(short)}", key=f"inside_{short}", icon=":material/folder_open:", on_click=choose,
            kwargs={"model": path, "layer": 0, "head": 0, "kind": ""},
        )  # fmt: skip


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


def _take_other_model() -> None:
    if pasted := st.session_state.other_model.strip():
        entry = _found(pasted)
        choose(model=entry.name if entry else _meant(pasted), layer=0, head=0, kind="")
        st.session_state.other_model = ""


def _meant(name: str) -> str:
    try:
        return as_meant(name)
    except AttnvizError:  # said where the model is needed
        return name


def _found(name: str) -> ModelEntry | None:
    try:
        return find_model(name)
    except AttnvizError:  # said where the model is needed
        return None


def _named(entry: ModelEntry | None, name: str) -> str:
    short = name.rstrip("/").split("/")[-1] or name
    return f"{short} · {entry.n_layers}×{entry.n_heads} heads" if entry and entry.n_layers and entry.n_heads else short
