"""Every head of a model for one sentence, and the chosen head's weights beside the proof that they are the model's."""

from functools import partial

import streamlit as st

from attnviz.errors import AttnvizError
from attnviz.files.saved_view import numbers_again, numbers_of
from attnviz.maps.options import other_map
from attnviz.ui import cache, confirm_run, exports, head_explorer, labels, map_options, pickers, saved_views
from attnviz.ui.certificates import badge
from attnviz.ui.export_menu import export_menu, name_of
from attnviz.ui.head_views import heatmap
from attnviz.ui.messages import plain, show_error
from attnviz.ui.predictions import show_predictions, step_through_written
from attnviz.ui.state import chosen_by, url_state

OTHERWISE = {"": "off", "dimensions": "q·k by dimension", "scores": "scores before softmax", "value": "value-weighted",
             "rollout": "rollout", "flow": "flow"}  # fmt: skip

chosen = url_state()
banner = saved_views.banner("heads")
trace = pickers.current_trace()
at = head_explorer.selection_in(trace)
results = cache.cached_results(trace.model, trace.revision)

st.sidebar.caption(f"{len(trace.tokens)} tokens · captured in {1000 * trace.seconds:.0f} ms")
if trace.decoder_tokens is not None:
    st.sidebar.caption(f"The decoder reads, from its start token on: {plain(' '.join(trace.decoder_tokens))}")

with st.sidebar:
    step_through_written(trace)
    show_predictions(trace)

left, right = st.columns(2, gap="large")
with left:
    head_explorer.every_head(at, results)
with right:
    head_explorer.pick_head(at)
    labels.line(results, at.head)
    certificate_line = st.empty()
    certificate_line.badge("checking against the model's own attention…", icon=":material/hourglass_top:", color="gray")
    found, title, beside = head_explorer.one_head(at)
    with beside:
        save = saved_views.popover()
saved_views.recheck(banner, lambda view: numbers_again(view, found) | head_explorer.measured(at), [trace])

head_explorer.weight_breakdown(at)

st.subheader("Beyond the raw weight")
chosen_by(
    st.segmented_control, "beyond", "Beside the weights of this head", chosen.beyond, options=OTHERWISE,
    format_func=OTHERWISE.get, required=True,
    help="Value-weighted: Kobayashi et al. 2020. Rollout and flow: Abnar & Zuidema 2020.",
)  # fmt: skip
if chosen.beyond:
    raw, other = st.columns(2, gap="large")
    with raw:
        heatmap.chart(found, title, "raw")
    with other:
        try:
            options = map_options.options_of(trace, at.head.kind, chosen)
            with st.spinner("Following the layers…"):
                beside = other_map(trace, at.head, at.query, chosen.beyond, options)
            otherwise = OTHERWISE[chosen.beyond].capitalize()
            heatmap.chart(beside, otherwise, "beside", says=exports.SAYS[chosen.beyond])
            for note in beside.notes:
                st.caption(note)
            other_title = f"{at.head}: {OTHERWISE[chosen.beyond]}"
            make = partial(exports.of_beyond, trace, at.head, at.query, beside, chosen, other_title)
            export_menu("beside", name_of(trace.model, at.head, chosen.beyond), make)
        except AttnvizError as error:
            show_error(error)

try:
    certificate = confirm_run.check(trace)
    badge(certificate_line, certificate, at.head)
except AttnvizError as error:
    certificate_line.empty()
    show_error(error)
except ValueError as error:
    certificate_line.badge(plain(error), icon=":material/error:", color="red")

numbers = numbers_of(found, found.cell_of(at.query, at.key)) | head_explorer.measured(at)
saved_views.save_button(save, "heads", title, [trace], numbers, exports.certificate(trace, at.head))
