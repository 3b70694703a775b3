"""A head's card: its labels with their evidence, where they show, in the reader's sentence too, and what others say."""

from contextlib import suppress
from dataclasses import replace
from functools import partial

import pandas as pd
import streamlit as st

from attnviz import components, figures
from attnviz.errors import AttnvizError
from attnviz.labels import method, summary
from attnviz.labels.definitions import SUPPRESSED
from attnviz.labels.examples import activities, activity, as_typable_text, most_focused_query
from attnviz.labels.published import agreement, claims
from attnviz.maps.attention_map import continues_word, head_map
from attnviz.maps.options import UNSET
from attnviz.traces import Head, Trace
from attnviz.ui import cache, exports, labels, pickers, saved_views
from attnviz.ui.address import UrlState
from attnviz.ui.certificates import badge, in_words
from attnviz.ui.export_menu import export_menu, name_of
from attnviz.ui.head_explorer import show_map, switch_view
from attnviz.ui.head_view import Shown
from attnviz.ui.head_views import SETTINGS
from attnviz.ui.messages import plain, show_error
from attnviz.ui.state import StopPage, choose, chosen_by, current, on_screen, url_state
from attnviz.ui.theme import theme

MOST = 512  # tokens of the reader's sentence, which is shown whole
EXAMPLES = ("best", "2nd best", "3rd best", "worst", "2nd worst", "3rd worst")


def open_in_heads(text: str, at: Head, cell: tuple[int, int] = (UNSET, UNSET)) -> None:
    choose(text=text, pair="", kind=at.kind, layer=at.layer, head=at.head, query=cell[0], key=cell[1], write=0,
           combine="head", only_from="", only_to="", measure="")  # fmt: skip
    st.switch_page("pages/heads.py")


def show(trace: Trace, at: Head, cell: tuple[int, int], targets: set[tuple[int, int]], title: str) -> None:
    """The head's weights on a text in the view that was chosen; `cell` until another one is clicked."""
    found = head_map(trace, at)
    if max(current().query, current().key) < min(found.weights.shape):
        cell = current().query, current().key
    glue = (
        continues_word(trace, at.kind, found.rows, of_keys=False),
        continues_word(trace, at.kind, found.columns, of_keys=True),
    )
    switch_view()
    show_map(Shown(found, cell, title, lambda query, key: choose(query=query, key=key), glue, targets))
    alone = replace(UrlState(), **{name: getattr(current(), name) for name in ("shown_as", *SETTINGS)})
    export_menu(
        "probe",
        name_of(trace.model, title),
        partial(exports.of_head, trace, at, found, alone, title, cell, glue, targets=targets),
    )


def in_your_sentence(at: Head, label: str, given: list[str]) -> dict[str, float]:
    """What the head does in the reader's own sentence, for the labels given to it and the one that is looked at, and
    its weight on their targets there."""
    told = {}
    st.subheader("In your sentence")
    mine = pickers.current_trace(MOST)
    st.caption(plain(mine.text))
    own = mine[at].weights
    found = activities(mine, at, dict.fromkeys([*given, label]))
    for one in dict.fromkeys([*given, label]):
        spelt, act = method.spelt(one), found.get(one)
        if one not in found:
            st.markdown(f"**{spelt}**: cannot be counted here, since nobody has marked your sentence. Look for it.")
        elif act is None:
            st.markdown(f"**{spelt}**: no place to act here.")
        else:
            told[f"weight on the targets of {spelt} in the sentence"] = act.weight
            st.markdown(
                f"**{spelt}**: **{act.weight:.2f}** of the weight over {act.rows} {'row' if act.rows == 1 else 'rows'} "
                f"(uniform: {act.uniform:.2f}); most from *{plain(mine.tokens[act.strongest[0]])}* to "
                f"*{plain(mine.tokens[act.strongest[1]])}*, {own[act.strongest]:.2f}."
            )
    looked_for = found.get(label)
    row = most_focused_query(mine, own) if looked_for is None else looked_for.strongest[0]
    drawn = head_map(mine, at)
    components.strip(own, drawn.queries, drawn.keys, key="mine", theme=theme(), chosen=("query", row),
                     glue=continues_word(mine, at.kind, drawn.rows, of_keys=False))  # fmt: skip
    glue = (
        continues_word(mine, at.kind, drawn.rows, of_keys=False),
        continues_word(mine, at.kind, drawn.columns, of_keys=True),
    )
    title = f"{at} in your sentence"
    with st.container(horizontal=True):
        export_menu(
            "mine", name_of(mine.model, title),
            partial(exports.of_head, mine, at, drawn, UrlState(shown_as="strip", window=MOST), title, (row, 0), glue),
        )  # fmt: skip
        if st.button("Open your sentence in Heads", icon=":material/grid_view:", key="open_mine"):
            open_in_heads(mine.text, at)
    return told


url_state()
on_screen("kind", "query", "key")
banner = saved_views.banner("head_card")
entry, results = labels.results_here()
heading, pickers_of_head = st.columns([3, 2], vertical_alignment="bottom")
with pickers_of_head:
    number = labels.pick_head(results)
at = results.heads[number]
found = summary.telling(results.found[number])
causal = at.kind == "decoder"
heading.title(str(at))
heading.markdown(f"a head of **{plain(labels.short(entry))}**")
labels.badges(found)

left, right = st.columns(2, gap="large")
with left:
    labels.show_evidence(results, number, "evidence")
    settings = {"layer": at.layer, "head": at.head}
    with st.container(horizontal=True):
        export_menu(
            "evidence", name_of(entry.name, at, "labels"),
            partial(exports.of_label_results, f"Labels of {at}", figures.evidence_charts, entry, results, settings),
        )  # fmt: skip
        save = saved_views.popover()
    st.page_link("pages/head_labels.py", label="All heads", icon=":material/label:")
with right:
    measured = list(results.scores)
    first = found[0]["label"] if found else summary.closest(results, number)[0].label
    label = current().scores_of if current().scores_of in measured else first
    chosen_by(
        st.selectbox, "scores_of", "Label", label, options=measured,
        format_func=lambda one: method.spelt(one) + (" ✓" if one in [row["label"] for row in found] else ""),
    )  # fmt: skip
    st.markdown(method.explained(label))
    again = results.scores[label].again
    st.caption(
        f"Asked in {results.scores[label].n:,} rows of {results.scores[label].units:,} sequences"
        + (f"; on held-out probes it scores {again[number]:.2f}." if again is not None else ".")
    )
    copying = labels.copying_in_words(results, number)
    if copying is not None and label in (*SUPPRESSED, *SUPPRESSED.values()):
        st.caption(plain(copying))
    for row in found:
        if row["label"] == label:
            for sentence in labels.effects_in_words(results, label, row):
                st.caption(plain(sentence))

st.subheader(f"Where it shows: {method.spelt(label)}")
position = min(current().example, len(EXAMPLES) - 1)
chosen_by(st.segmented_control, "example", "Probe sentence", position, options=range(len(EXAMPLES)),
          format_func=EXAMPLES.__getitem__, required=True)  # fmt: skip
looked_at = (entry.name, str(at), label, position)
if st.session_state.get("card_looked_at", looked_at) != looked_at:
    choose(query=UNSET, key=UNSET)
st.session_state.card_looked_at = looked_at
ids = results.example(label, number, position)
numbers = {f"score, {method.spelt(one.label)}": one.score for one in summary.closest(results, number)}
certified = "none: the probe was not read"
try:
    model = cache.loaded_model(entry.name, entry.revision)
    trace = cache.trace_of_ids(entry.name, entry.revision, ids)
    target = cache.probe_targets_of(entry.name, entry.revision, causal).get(ids, {}).get(label)
    cell, targets = (0, 0), set[tuple[int, int]]()
    if target is not None:
        done = activity(trace[at].stages(), target)
        cell, targets = done.strongest, target.cells()
        outlined = " A line goes round the targets." if len(targets) > 1 and current().shown_as == "heatmap" else ""
        numbers[f"weight on the targets of {method.spelt(label)} in its {EXAMPLES[position]} probe"] = done.weight
        st.markdown(
            f"On its targets here: **{done.weight:.2f}** of the weight, a mean over {done.rows} "
            f"{'row' if done.rows == 1 else 'rows'} (uniform weights: {done.uniform:.2f}).{outlined}"
        )
    certificate_line = st.empty()
    show(trace, at, cell, targets, f"{at} on a probe")
    certificate = cache.certificate_of(trace)
    badge(certificate_line, certificate, at)
    certified = in_words(certificate, at)
    if as_typable_text(model, ids, trace.text) is None:
        st.caption("These are random tokens, which cannot be typed.")
    trigger = cache.trigger_of(entry.name, entry.revision, label, number)
    if trigger is not None:
        text, weight = trigger
        st.caption(f"{weight:.2f} of its weight is on the targets in: {plain(text)}")
        if st.button("Open a text that triggers it", icon=":material/grid_view:", key="open_trigger"):
            open_in_heads(text, at)

    with suppress(StopPage):  # the sentence is not read, and the page goes on
        numbers |= in_your_sentence(at, label, [row["label"] for row in found])
except AttnvizError as error:
    show_error(error)
source = saved_views.Source(entry.name, entry.revision)
saved_views.recheck(banner, lambda view: numbers, [source])
saved_views.save_button(save, "head_card", f"Card of {at}", [source], numbers, certified)

said = claims(entry.name, entry.architecture or "", entry.n_layers or 0, entry.n_heads or 0)
if said:
    st.subheader("What others have published")
    here = [claim for claim in said if (claim.layer, claim.head) == (at.layer, at.head)]
    if here:
        given = [row["label"] for row in found]
        st.dataframe(
            pd.DataFrame(
                [(claim.says, claim.source, agreement(claim, given, measured)) for claim in here],
                columns=["what is said of this head", "where", "our labels"],
            ),
            hide_index=True,
        )
    others = sorted(
        {f"L{claim.layer}.H{claim.head}" for claim in said}, key=lambda head: [*map(int, head[1:].split(".H"))]
    )
    st.caption(
        f"{'' if here else 'Nothing on this head. '}Something is published on {', '.join(others)} of this model; a "
        "head that is not in this list need not be idle, and theirs were other texts and thresholds."
    )
