"""Heads in relation: every head by two measures, and those that look most, and least, as the chosen one does."""

from functools import partial

import numpy as np
import streamlit as st

from attnviz import figures
from attnviz.errors import AttnvizError
from attnviz.maps.head_statistics import MEASURES, ranked
from attnviz.maps.options import MapOptions
from attnviz.ui import cache, confirm_run, exports, head_explorer, pickers, saved_views
from attnviz.ui.certificates import badge
from attnviz.ui.chart import show_chart
from attnviz.ui.export_menu import export_menu, name_of
from attnviz.ui.messages import plain, show_error
from attnviz.ui.state import choose, chosen_by, on_screen, open_clicked, url_state
from attnviz.ui.theme import theme

NEAREST, FARTHEST, DRAWN = 6, 2, 4

chosen = url_state()
banner = saved_views.banner("similar")
trace = pickers.current_trace()
at = head_explorer.selection_in(trace)
this = at.head
on_screen("layer", "head", "across", "up")
by_heads = confirm_run.divergence_from(trace, this)
names = {name: MEASURES[name] for name in head_explorer.measures_of(at)} | {
    "divergence": f"divergence from {this}, bits"
}
axes = [axis if axis in names else "first" for axis in (chosen.across, chosen.up)]

left, right = st.columns([8, 5], gap="large")
with left:
    picks = st.columns(2)
    with picks[0]:
        chosen_by(st.selectbox, "across", "Across", axes[0], options=names, format_func=names.get)
    with picks[1]:
        chosen_by(st.selectbox, "up", "Up", axes[1], options=names, format_func=names.get)
    if "weight" in axes:
        head_explorer.pick_cell(at)
    measured = [
        by_heads if axis == "divergence"
        else cache.measure_of(trace, this.kind, axis, *((at.query, at.key) if axis == "weight" else (0, 0)))
        for axis in axes
    ]  # fmt: skip
    points = np.array([[found[head] for found in measured] for head in at.heads])
    show_chart(
        figures.plane_of_heads(
            at.heads,
            points,
            tuple(names[axis] for axis in axes),
            chosen=(this.layer, this.head),
            theme=theme(),
        ),
        key="plane",
        on_select=open_clicked("plane"),
        alt=f"{len(at.heads)} heads by {names[axes[0]]}, from {np.nanmin(points[:, 0]):.3f} to "
        f"{np.nanmax(points[:, 0]):.3f}, and by {names[axes[1]]}, from {np.nanmin(points[:, 1]):.3f} to "
        f"{np.nanmax(points[:, 1]):.3f}; {this} is chosen.",
    )
    with st.container(horizontal=True):
        export_menu(
            "plane", name_of(trace.model, *axes),
            partial(exports.of_plane, trace, this, tuple(axes), tuple(names[axis] for axis in axes),
                    (at.query, at.key), at.heads, points),
        )  # fmt: skip
        save = saved_views.popover()
    st.caption("Each point is one head: click it to choose it. Measures are means over the rows of your sentence.")

    order = [pair for pair in reversed(ranked(by_heads, this.kind)) if pair[0] != this]
    nearest, farthest = order[:NEAREST], order[NEAREST:][-FARTHEST:][::-1]
    drawn = [(head.layer, head.head) for head in (this, *(one for one, _ in [*nearest[:DRAWN], *farthest[:1]]))]
    maps = cache.thumbnails_of(trace, this.kind, MapOptions(), confirm_run.cancel()).weights
    show_chart(
        figures.maps_in_a_row(
            drawn,
            maps[[at.heads.index(place) for place in drawn]],
            title=f"{this}, its nearest, the farthest",
            theme=theme(),
        ),
        key="in_a_row",
        on_select=open_clicked("in_a_row"),
        alt=f"The maps of {', '.join(f'L{layer}.H{head}' for layer, head in drawn)} on your sentence, small.",
    )

with right:
    head_explorer.pick_head(at)
    certificate_line = st.empty()
    n_texts = 1 + len(cache.sentences_read(trace.model, trace.revision))
    st.caption(f"Divergence of rows over {n_texts} texts, bits. 0: the same, 1: no token in common.")
    for title, found in ((f"Nearest to {this}", nearest), (f"Farthest from {this}", farthest)):
        if not found:
            continue
        st.markdown(f"**{title}**")
        for head, bits in found:
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.markdown(f"{head} · {bits:.3f}", width=100)
                if st.button(
                    "Open", key=f"open_{head}", type="tertiary", icon=":material/grid_view:", help=f"{head} in Heads"
                ):
                    choose(layer=head.layer, head=head.head)
                    st.switch_page("pages/heads.py")
                if st.button(
                    "Compare",
                    key=f"compare_{head}",
                    type="tertiary",
                    icon=":material/compare:",
                    help=f"{this} and {head}",
                ):
                    choose(model_b=chosen.model, text_b=chosen.text, layer_b=head.layer, head_b=head.head, ablated="")
                    st.switch_page("pages/compare.py")
    export_menu(
        "divergence", name_of(trace.model, "divergence from", this),
        partial(exports.of_measure, trace, this, "divergence", (0, 0), by_heads, f"Divergence from {this}"),
    )  # fmt: skip
    with st.expander("What this compares", icon=":material/help:"):
        st.markdown(
            "Jensen–Shannon divergence between the rows of two heads, averaged over every row of your sentence and of "
            f"{n_texts - 1} built-in ones (Clark et al. 2019, section 6)."
        )
        st.markdown(
            "It compares where heads look and nothing else. Two near heads may hand over different things, and heads "
            "that rest on the same token are near each other whatever else they do. Other texts may give another order."
        )
        for one in cache.sentences_read(trace.model, trace.revision):
            st.caption(plain(one.text))

try:
    badge(certificate_line, confirm_run.check(trace), this)
except AttnvizError as error:
    show_error(error)
except ValueError as error:
    certificate_line.badge(plain(error), icon=":material/error:", color="red")


def divergences(pairs) -> dict[str, float]:
    """As a saved view calls them."""
    return {f"divergence of {head} from {this}, bits": float(bits) for head, bits in pairs}


by_axes = {f"{names[axis]}, of {this}": float(found[this.layer, this.head]) for axis, found in zip(axes, measured)}
saved_views.recheck(banner, lambda view: divergences(order) | by_axes, [trace])
numbers = divergences([*nearest, *farthest]) | by_axes
saved_views.save_button(save, "similar", f"Heads like {this}", [trace], numbers, exports.certificate(trace, this))
