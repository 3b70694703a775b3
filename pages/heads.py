"""Every head of a model for one sentence, and the chosen head's weights beside the proof that they are the model's."""

from functools import partial

import streamlit as st

from attnviz.errors import AttnvizError
from attnviz.findings import numbers_of
from attnviz.traces import Head
from attnviz.ui import cache, explore, findings, labels, long_runs, pickers, pictures, readings, views
from attnviz.ui.address import BEYOND
from attnviz.ui.certificates import badge
from attnviz.ui.downloads import name_of, take_away
from attnviz.ui.expected import show_predictions, step_through_written
from attnviz.ui.messages import plain, show_error
from attnviz.ui.state import chosen_by, view

OTHERWISE = {"": "off", "dimensions": "q·k by dimension", "scores": "scores before softmax", "value": "value-weighted",
             "rollout": "rollout", "flow": "flow"}  # fmt: skip

chosen = view()
finding = findings.show("heads")
trace = pickers.current_trace()
at = explore.place_in(trace)
study = cache.kept_study(trace.model, trace.revision)

st.sidebar.caption(f"{len(trace.tokens)} tokens · captured in {1000 * trace.seconds:.0f} ms")
if trace.decoder_tokens is not None:
    st.sidebar.caption(f"The decoder reads, from its start token on: {plain(' '.join(trace.decoder_tokens))}")

with st.sidebar:
    step_through_written(trace)
    show_predictions(trace)

left, right = st.columns(2, gap="large")
with left:
    explore.every_head(at, study)
with right:
    explore.pick_head(at)
    labels.line(study, Head(at.kind, at.layer, at.head))
    certificate_line = st.empty()
    certificate_line.badge("checking against the model's own attention…", icon=":material/hourglass_top:", color="gray")
    found, title = explore.one_head(at)
findings.judge(finding, numbers_of(found, found.cell_of(at.query, at.key)), trace.revision)

explore.one_number(at)

st.subheader("Beyond the raw weight")
chosen_by(
    st.segmented_control, "beyond", "Beside the weights of this head", chosen.beyond, options=BEYOND,
    format_func=OTHERWISE.get, required=True,
    help="Value-weighted: Kobayashi et al. 2020. Rollout and flow: Abnar & Zuidema 2020.",
)  # fmt: skip
if chosen.beyond:
    raw, other = st.columns(2, gap="large")
    with raw:
        views.heatmap(found, None, title, "raw")
    with other:
        try:
            with st.spinner("Following the layers…"):
                beside = readings.beyond(trace, at.kind, at.layer, at.head, at.query, chosen)
            otherwise = OTHERWISE[chosen.beyond].capitalize()
            views.heatmap(beside, None, otherwise, "beside", says=pictures.SAYS[chosen.beyond])
            for note in beside.notes:
                st.caption(note)
            taken_as = f"{at.chosen}: {OTHERWISE[chosen.beyond]}"
            taken = partial(pictures.of_beyond, trace, at.chosen, at.query, beside, chosen, taken_as)
            take_away("beside", name_of(trace.model, at.chosen, chosen.beyond), taken)
        except AttnvizError as error:
            show_error(error)

try:
    certificate = long_runs.check(trace)
    badge(certificate_line, certificate, at.chosen)
except AttnvizError as error:
    certificate_line.empty()
    show_error(error)
except ValueError as error:
    certificate_line.badge(plain(error), icon=":material/error:", color="red")
