"""The certificate: how far our recomputed attention is from the model's own, head by head."""

from functools import partial

import numpy as np
import pandas as pd
import streamlit as st

from attnviz import figures
from attnviz.errors import AttnvizError
from attnviz.ui import cache, confirm_run, exports, pickers
from attnviz.ui.chart import show_chart
from attnviz.ui.export_menu import export_menu, name_of
from attnviz.ui.messages import plain, show_error
from attnviz.ui.state import StopPage, chosen_by, url_state
from attnviz.ui.theme import theme

COMPARED_ON = {"text": "your sentence", "sentences": "built-in sentences"}

chosen = url_state()
trace = pickers.current_trace()
st.title("Is this the model's own attention?")
chosen_by(
    st.segmented_control, "checked_on", "Compared on", chosen.checked_on, options=COMPARED_ON, required=True,
    format_func=COMPARED_ON.get,
)  # fmt: skip
try:
    if chosen.checked_on == "text":
        certificate = confirm_run.check(trace)
    else:
        certificate = cache.certificate_on_sentences(trace.model, trace.revision)
except AttnvizError as error:
    show_error(error)
    raise StopPage from None

what = f"{len(certificate.heads)} heads of {plain(trace.model.rstrip('/').split('/')[-1])}"
texts = "this sentence" if chosen.checked_on == "text" else f"{certificate.texts} sentences that it can read whole"
if certificate.passed:
    st.success(f"Yes. All {what} agree with transformers' own attention on {texts}.", icon=":material/verified:")
else:
    st.error(
        f"No. Of the {what}, some differ by more than rounding: do not trust these maps.", icon=":material/warning:"
    )

numbers = st.columns(5)
numbers[0].metric(
    "End to end",
    f"{certificate.max_drift:.1e}",
    help=f"Weights on screen against the model's own. Gate {certificate.drift_tolerance:.0e}.",
)
numbers[1].metric(
    "Weights",
    f"{certificate.max_weight_error:.1e}",
    help=f"Our attention on the model's own queries and keys. Gate {certificate.tolerance:.0e}.",
)
numbers[2].metric(
    "Output",
    f"{certificate.max_output_error:.1e}",
    help=f"The blend of values, over the largest output. Gate {certificate.tolerance:.0e}.",
)
numbers[3].metric(
    "Row sums",
    f"{certificate.max_row_sum_error:.1e}",
    help=f"How far a row is from summing to 1. Gate {certificate.tolerance:.0e}.",
)
leak = certificate.causal_leak
numbers[4].metric(
    "Looks ahead",
    "allowed" if leak is None else f"{leak:.1e}" if leak else "never",
    help="The largest weight on a later token. Gate 0 where the model is causal.",
)

st.subheader("Head by head")
shown = st.segmented_control(
    "Difference",
    list(figures.ERRORS),
    default="drift",
    format_func=figures.ERRORS.get,
    required=True,
    label_visibility="collapsed",
)
table = pd.DataFrame(
    [
        {
            "head": str(errors.address),
            "kind": errors.kind,
            **{name: getattr(errors, name) for name in figures.ERRORS},
        }
        for errors in certificate.heads
    ]
).sort_values(shown, ascending=False, ignore_index=True)
gate = certificate.drift_tolerance if shown == "drift" else certificate.tolerance
left, right = st.columns([3, 2], gap="large")
with left:
    for kind, chart in figures.certificate_charts(certificate, shown, theme=theme()).items():
        show_chart(
            chart,
            key=f"certificate_{kind}",
            alt=f"Largest difference of each {kind} head, at most {np.nanmax(chart.data[0].customdata):.1e}, gate "
            f"{gate:.0e}.",
        )
    on_text = chosen.checked_on == "text"
    export_menu(
        "certificate", name_of(trace.model, "certificate"),
        partial(exports.of_certificate, trace, certificate, on_text, {"shown": shown}),
    )  # fmt: skip
with right:
    st.caption("Worst head first")
    st.dataframe(
        table,
        hide_index=True,
        height=380,
        column_config={
            name: st.column_config.NumberColumn(label, format="%.1e") for name, label in figures.ERRORS.items()
        },
    )

with st.expander("How this is made", icon=":material/help:"):
    st.markdown(
        """
The picture on the *Heads* page is computed by attnviz's own attention from the queries, keys, mask and scale that
were recorded in one pass of the model. For this certificate the model runs **a second time**, on a twin that shares
its tensors, with the attention code that transformers ships (“eager”). Nothing is switched on the model itself.

- **End to end**: the weights drawn here against the twin's. The two passes multiply in a different order, so the last
  digits differ; the gate is 2e-5 or ten times what 32-bit arithmetic itself costs in this model, whichever is larger.
- **Weights, output**: our attention on the twin's own queries, keys and values, so that only our formula is tested.
- **Row sums, looks ahead**: each row shares out exactly one; a causal model gives a later token no weight at all.

Rows that a mask leaves without any key are left out. Above 1,024 tokens, 64 sampled rows of each head are compared.
The same check runs on the command line: `python -m attnviz validate MODEL`.
"""
    )
st.page_link("pages/architectures.py", label="Which architectures are certified", icon=":material/list_alt_check:")
