"""Patterns: the section's made-up weights of "sat" beside what the heads of real models do with that word."""

from functools import partial

import numpy as np
import streamlit as st

from attnviz.core.measures import variation
from attnviz.errors import AttnvizError
from attnviz.lessons import patterns
from attnviz.lessons.patterns import ILLUSTRATION, QUERY, TEXT, WORDS, out_of_reach
from attnviz.maps.head_statistics import row_in_every_head
from attnviz.models.catalog import loadable
from attnviz.ui import cache, exports
from attnviz.ui.certificates import badge
from attnviz.ui.chart import show_chart
from attnviz.ui.export_menu import export_menu, name_of
from attnviz.ui.messages import show_error
from attnviz.ui.pages import end_lesson
from attnviz.ui.state import choose, chosen_by, url_state
from attnviz.ui.theme import theme

chosen = url_state()
st.title("Patterns")
st.markdown(
    f"“{TEXT}”: what does **sat** look at? The section draws it looking at *cat* with weight 0.70: who sat? That "
    "picture is made up. Here it stands beside what the heads of real models do."
)
names = [entry.name for entry in cache.models() if entry.loadable]
if chosen.read_by and chosen.read_by not in names:
    names.append(chosen.read_by)
chosen_by(
    st.segmented_control, "read_by", "Read the sentence with", chosen.read_by or None, options=names,
    help="Loads the model, which takes some seconds the first time.",
)  # fmt: skip


def draw(place, chart, name: str, says: str) -> None:
    show_chart(chart, key=f"patterns_{name}", alt=f"{chart.layout.title.text}: {says}.", place=place)


def in_words(words, row) -> str:
    return "; ".join(f"{word} {weight:.2f}" for word, weight in zip(words, row))


left, right = st.columns(2, gap="large")
if not chosen.read_by:
    drawn = patterns.illustration_charts(theme=theme())
    draw(left, drawn["illustration"], "illustration", in_words(WORDS, ILLUSTRATION))
    with left:
        export_menu("lesson", "patterns", partial(exports.of_lesson, "Patterns", patterns.illustration_charts, {}))
    right.info("Pick a model above, and its heads appear here, the one that comes closest first.")
else:
    try:
        entry = loadable(chosen.read_by)
        trace = cache.trace_of(entry.name, entry.revision, TEXT)
        words, target, heads, rows = row_in_every_head(trace, ILLUSTRATION, QUERY)
        distances = variation(rows, target)
        order = np.argsort(distances, kind="stable")
        closest = heads[order[0]]
        drawn = patterns.model_charts(trace, theme=theme())
        draw(left, drawn["beside"], "beside",
             f"illustration {in_words(words, target)}; {closest} {in_words(words, rows[order[0]])}")  # fmt: skip
        certificate_line = left.empty()
        left.markdown(
            f"Of {len(heads)} heads, **{closest}** comes closest: {distances[order[0]]:.2f} of its weight would have "
            f"to move (total variation distance; the middle head is at {np.median(distances):.2f}). One of "
            f"{len(heads)} heads is always the closest: that alone says nothing about what it does."
        )
        if trace.kinds[0] == "decoder":
            left.caption(
                f"This model cannot look ahead, and the illustration puts {out_of_reach():.2f} on words after “sat”: "
                "no head of it can come closer than that."
            )
        if left.button(f"Open {closest} with every weight", icon=":material/grid_view:"):
            choose(model=entry.name, text=TEXT, kind=closest.kind, layer=closest.layer, head=closest.head)
            st.switch_page("pages/heads.py")
        draw(right, drawn["heads"], "heads",
             f"{len(heads)} heads, from {closest} at {distances[order[0]]:.2f} to {heads[order[-1]]} at "
             f"{distances[order[-1]]:.2f}")  # fmt: skip
        right.caption("Closest to the illustration on top. Subwords are added up to words; special tokens keep theirs.")
        with left:
            export_menu(
                "lesson", name_of(entry.name, "patterns"),
                partial(exports.of_traced, "Patterns", patterns.model_charts, trace, closest, "the row of sat", {}),
            )  # fmt: skip
        badge(certificate_line, cache.certificate_of(trace), closest)
    except AttnvizError as error:
        show_error(error)
st.markdown(
    "Some patterns come back in model after model: a token looks at the one before (*positional*), at an earlier place "
    "where the same token stood (*duplicate*), at what followed it there (*induction*), along a grammatical relation "
    "(*syntactic*), or from a pronoun, or another word for the same, to its noun (*coreference*)."
)
st.page_link("pages/head_is_born.py", label="Watch an induction head appear in training", icon=":material/egg:")
end_lesson("patterns")
