"""Head labels: what every head of a model seems to do, with the evidence, or that it has no label."""

import json

import pandas as pd
import streamlit as st

from attnviz import figures
from attnviz.labels import summary
from attnviz.labels.method import spelt
from attnviz.labels.results import as_table
from attnviz.traces import Head
from attnviz.ui import labels, saved_views
from attnviz.ui.chart import show_chart
from attnviz.ui.messages import plain
from attnviz.ui.state import choose, chosen_by, on_screen, open_clicked, url_state
from attnviz.ui.theme import theme

KEPT = 20  # heads whose scores a saved view holds, the highest
NUMBERS = {"score": "%.2f", "low": "%.2f", "high": "%.2f", "baseline": "%.2f", "p": "%.0e", "rest_share": "%.2f",
           "entropy_share": "%.2f"}  # fmt: skip
CALLED = {"baseline": "control", "rest_share": "sink token share", "entropy_share": "entropy share"}
HELP = {
    "low": "Lower bound of the score's 95 % interval, over sequences.",
    "high": "Upper bound of the score's 95 % interval, over sequences.",
    "baseline": "The control's score: what uniform weights, the best fixed rule, or other text would give.",
    "n": "Rows that were asked.",
    "p": "Of score and control being alike, by sign flips of sequences, adjusted over all heads and labels.",
    "effect": "What the model does as it is, and with the head's mean in its place; the card says what is measured. It "
    "never decides a label.",
    "rest_share": "Weight on the first and special tokens.",
    "entropy_share": "Entropy of its rows over that of uniform weights.",
}

url_state()
on_screen("kind", "layer", "head")
st.title("What does each head seem to do?")
banner = saved_views.banner("head_labels")
entry, results = labels.results_here()
number = labels.place(results)
chosen = results.heads[number]
n_labelled = sum(bool(found) for found in results.found)
tokens = sum(family["tokens"] for family in results.probes["families"])
st.markdown(
    f"{len(results.heads)} heads of **{plain(labels.short(entry))}**, asked for {len(results.scores)} labels on "
    f"{tokens:,} tokens. {n_labelled} have one, most of them for a part of what they do; the rest have none: an answer "
    "too."
)

left, right = st.columns(2, gap="large")
with left:
    labels.filters(results)
    labels.mosaic(results, "label_mosaic", chosen)
    with st.container(horizontal=True):
        labels.export_mosaic(entry, results, "labels", chosen)
        save = saved_views.popover()
with right:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.subheader(str(chosen))
        st.page_link("pages/head_card.py", label="Open its card", icon=":material/badge:")
    labels.badges(results.found[number])
    labels.show_evidence(results, number, "evidence")

st.subheader("One label, every head")
scores_of = labels.scores_of(results)
with st.container(width=420):
    chosen_by(
        st.selectbox, "scores_of", "Scores of", scores_of, options=labels.labels_that_count(results), format_func=spelt
    )
cells = {
    (head.layer, head.head): summary.evidence(results, place, scores_of) for place, head in enumerate(results.heads)
}
near = [f"L{layer}.H{head}" for (layer, head), one in cells.items() if one.near]
show_chart(
    figures.scores_over_heads(
        cells, title=spelt(scores_of).capitalize(), chosen=(chosen.layer, chosen.head), theme=theme()
    ),
    key="scores_over_heads",
    on_select=open_clicked("scores_over_heads"),
    alt=f"Scores of {len(cells)} heads for {spelt(scores_of)}, from {min(one.score for one in cells.values()):.2f} to "
    f"{max(one.score for one in cells.values()):.2f}; the threshold lies within the interval of "
    f"{', '.join(near) or 'none'}.",
)
st.caption(
    "A dot is a head, its line the 95 % interval. Filled: has the label. Hollow: has not. Diamond: the threshold lies "
    f"within its interval, so that other sentences might decide otherwise ({len(near)} of {len(cells)} heads). A "
    "hollow dot past the threshold fails another condition, such as enough weight."
)

st.subheader("All labels")
table = as_table(results.json())
shown = pd.DataFrame(
    [
        {"head": str(Head(head.kind, head.layer, head.head)), "label": spelt(row["label"]), **row,
         "rest_share": sinks, "entropy_share": entropy, "effect": labels.short_effect(row["effect"])}
        | {"label": spelt(row["label"])}
        for head, found, sinks, entropy in zip(results.heads, results.found, results.sink_token_share, results.entropy)
        for row in labels.counted(found)
    ],
    columns=["head", "label", "confidence", "score", "low", "high", "baseline", "n", "p", "rest_share",
             "entropy_share", "effect"],
)  # fmt: skip


def open_row() -> None:
    rows = st.session_state.label_rows.selection.rows
    if rows:
        layer, head = shown["head"][rows[0]][1:].split(".H")
        choose(layer=int(layer), head=int(head))


st.dataframe(
    shown, key="label_rows", on_select=open_row, selection_mode="single-row", hide_index=True,
    height=min(38 + 35 * max(len(shown), 1), 420),
    column_config={
        name: st.column_config.NumberColumn(CALLED.get(name, name), format=NUMBERS[name], help=HELP.get(name))
        for name in NUMBERS
    } | {name: st.column_config.Column(help=HELP[name]) for name in ("n", "effect")},
)  # fmt: skip
if not len(shown):
    st.info("No head has such a label. Ask for less confidence, or for all labels.")
labels.effects_together(results)
labels.offer_effects(entry, results)
with st.container(horizontal=True):
    short = labels.short(entry)
    st.download_button("All labels as CSV", table.to_csv(index=False), f"{short}-labels.csv", "text/csv",
                       icon=":material/download:", on_click="ignore")  # fmt: skip
    st.download_button("… as JSON", json.dumps(results.json(), ensure_ascii=False), f"{short}-labels.json",
                       "application/json", icon=":material/download:", on_click="ignore")  # fmt: skip
    st.page_link("pages/method.py", label="How labels are given", icon=":material/menu_book:")

scores = {f"score of L{layer}.H{head}, {spelt(scores_of)}": one.score for (layer, head), one in cells.items()}
strongest = dict(sorted(scores.items(), key=lambda one: -one[1])[:KEPT])
own = {f"score of {chosen}, {spelt(one.label)}": one.score for one in summary.closest(results, number)}
source = saved_views.Source(entry.name, entry.revision)
saved_views.recheck(banner, lambda view: scores | own, [source])
saved_views.save_button(
    save, "head_labels", f"Labels of {labels.short(entry)}, {chosen}", [source], strongest | own,
    f"labels from {tokens:,} tokens of probes",
)  # fmt: skip
