"""What the model expects next, or at each mask, beside the sentence."""

import pandas as pd
import streamlit as st

from attnviz.traces import Trace
from attnviz.ui import cache
from attnviz.ui.messages import plain

MOST = 3  # masks shown


def show_predictions(trace: Trace) -> None:
    """The five likeliest tokens, where the model has a language-model head."""
    found = cache.predictions_of(trace)
    written = trace.tokens if trace.decoder_tokens is None else trace.decoder_tokens
    for position, likeliest in found[:MOST]:
        masked = trace.kinds == ("encoder",)
        st.caption(f"At the mask in place {position}" if masked else f"After “{plain(written[position])}”")
        st.dataframe(
            pd.DataFrame(likeliest, columns=["token", "probability"]),
            hide_index=True,
            column_config={
                "probability": st.column_config.ProgressColumn("expected", format="%.3f", min_value=0.0, max_value=1.0)
            },
        )
    if len(found) > MOST:
        st.caption(f"… and at {len(found) - MOST} more masks.")
