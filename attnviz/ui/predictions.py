"""What the model expects next, or at each mask, beside the sentence."""

from dataclasses import replace

import pandas as pd
import streamlit as st

from attnviz.traces import Trace
from attnviz.ui import cache
from attnviz.ui.address import UrlState
from attnviz.ui.messages import plain
from attnviz.ui.state import choose, current

MOST = 3  # masks shown


def step_through_written(trace: Trace) -> None:
    """The tokens that the model wrote itself, one after the other: where it looked while it wrote each."""
    if not trace.written:
        return
    first = len(trace.tokens) - trace.written
    st.session_state.pick_written = min(max(current().query + 1, first), len(trace.tokens) - 1)
    st.select_slider(
        "Where it looked while it wrote",
        range(first, len(trace.tokens)),
        key="pick_written",
        format_func=lambda position: f"{trace.tokens[position]} · {position}",
        on_change=lambda: choose(query=st.session_state.pick_written - 1, key=UrlState().key),
    )


def show_predictions(trace: Trace) -> None:
    """The five likeliest tokens, where the model has a language-model head."""
    found = cache.predictions_of(trace)
    for position, likeliest in found[:MOST]:
        _say_where(trace, position)
        st.dataframe(
            pd.DataFrame(likeliest, columns=["token", "probability"]),
            hide_index=True,
            column_config={
                "probability": st.column_config.ProgressColumn("expected", format="%.3f", min_value=0.0, max_value=1.0)
            },
        )
    if len(found) > MOST:
        st.caption(f"… and at {len(found) - MOST} more masks.")


def show_change(trace: Trace) -> None:
    """The same before and after heads of this trace were replaced, side by side."""
    with st.spinner("Asking what the model expects…"):
        before, after = cache.predictions_of(replace(trace, replaced={})), cache.predictions_of(trace)
    for (position, first), (_, second) in list(zip(before, after))[:MOST]:
        _say_where(trace, position)
        columns = ["expected before", "probability", "expected after", "probability "]
        share = st.column_config.ProgressColumn("probability", format="%.3f", min_value=0.0, max_value=1.0)
        st.dataframe(
            pd.DataFrame([(*one, *other) for one, other in zip(first, second)], columns=columns),
            hide_index=True, column_config={"probability": share, "probability ": share},
        )  # fmt: skip


def _say_where(trace: Trace, position: int) -> None:
    written = trace.tokens if trace.decoder_tokens is None else trace.decoder_tokens
    masked = trace.kinds == ("encoder",)
    st.caption(f"At the mask in place {position}" if masked else f"After “{plain(written[position])}”")
