"""Weights from any program, in the views of Heads."""

import streamlit as st

from attnviz.errors import AttnvizError
from attnviz.files import weights_file
from attnviz.ui import head_explorer
from attnviz.ui.certificates import NOT_RECOMPUTED
from attnviz.ui.messages import plain, show_error
from attnviz.ui.state import StopPage, url_state

FORMAT = """\
tokens = [token.strip("Ġ▁") for token in tokenizer.convert_ids_to_tokens(ids)]
layers = {f"layer_{i}": weights.numpy() for i, weights in enumerate(outputs.attentions)}
np.savez_compressed("mine.npz", tokens=np.array(tokens, dtype=str), **layers)
"""

url_state()
st.title("Your own weights")


def load() -> None:
    """The uploaded file is read once, and kept while other pages are looked at."""
    file = st.session_state.own_file
    st.session_state.pop("own", None)
    st.session_state.pop("own_fault", None)
    if file is None:
        return
    try:
        st.session_state.own = weights_file.load_weights(file.getvalue(), file.name)
    except AttnvizError as error:
        st.session_state.own_fault = error


st.file_uploader(
    "Weights with their tokens, .npz or .json", type=["npz", "json"], key="own_file", on_change=load,
    max_upload_size=weights_file.MOST_BYTES // 2**20,
)  # fmt: skip
if "own_fault" in st.session_state:
    show_error(st.session_state.own_fault)
if "own" not in st.session_state:
    st.write("Attention that any other program computed opens in the same views. Three lines save it:")
    st.code(FORMAT, language="python", wrap_lines=True)
    st.caption("Other layouts, cross-attention and JSON: docs/own-tensors.md. The file stays on this machine.")
    raise StopPage

at = head_explorer.selection_in(st.session_state.own.trace)
left, right = st.columns(2, gap="large")
with left:
    head_explorer.every_head(at)
with right:
    head_explorer.pick_head(at)
    st.badge(NOT_RECOMPUTED, icon=":material/upload_file:", color="gray")
    st.caption(plain(f"{at.trace.model}: {len(at.layers)} layers, {len(at.trace.tokens)} tokens."))
    for note in st.session_state.own.notes:
        st.caption(plain(note))
    if st.session_state.own.provenance:
        with st.expander("What the file says of where it comes from"):
            for line in st.session_state.own.provenance:
                st.caption(plain(line))
    head_explorer.one_head(at)
head_explorer.weight_breakdown(at)
st.caption("Queries, keys and scores are not in the file: the logarithm of a weight stands for its score.")
