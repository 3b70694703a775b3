"""Labels on screen: the results of the chosen model, or an offer to make them, and what they say of a head."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from attnviz import figures
from attnviz.errors import AttnvizError
from attnviz.figures.labels import letter_of
from attnviz.labels import summary
from attnviz.labels.criteria import CONFIDENCES
from attnviz.labels.definitions import LABELS, kind_of, spec_of, versions
from attnviz.labels.method import spelt
from attnviz.labels.results import LabelResults
from attnviz.models.catalog import ModelEntry
from attnviz.traces import Head
from attnviz.ui import cache, exports, pickers
from attnviz.ui.chart import show_chart
from attnviz.ui.export_menu import export_menu, name_of
from attnviz.ui.messages import plain, show_error
from attnviz.ui.state import StopPage, choose, chosen_by, current, open_clicked
from attnviz.ui.theme import theme

COLOURS = {"place": "blue", "repetition": "orange", "words": "green", "syntax": "violet", "reference": "yellow"}
ICONS = {"high": ":material/check_circle:", "medium": ":material/radio_button_checked:",
         "low": ":material/radio_button_unchecked:"}  # fmt: skip
EFFECT_COLUMNS = {
    "base": "intact",
    "mean": "by means",
    "resample": "by resamples",
    "random_low": "random heads, lowest",
    "random_high": "random heads, highest",
}


def results_here() -> tuple[ModelEntry, LabelResults]:
    """The chosen model and its label results; where there are none, the page offers to make them or says why not,
    and ends."""
    entry = pickers.entry_here()
    try:
        found = cache.cached_results(entry.name, entry.revision)
    except AttnvizError as error:
        show_error(error)
        raise StopPage from None
    if found is None:
        try:
            _offer(entry)
        except AttnvizError as error:
            st.info(plain(error), icon=":material/label_off:")
        raise StopPage
    pickers.tell_notes(entry)
    missing = [spelt(name) for name, version in versions().items() if found.versions.get(name) != version]
    if missing:
        st.caption(f"Labels that are new or changed since this model was labelled: {', '.join(missing)}.")
        _label_button(entry, "Label its heads again")
    return entry, found


def short(entry: ModelEntry) -> str:
    """A model's name without the folders that it lies in."""
    return entry.name.rstrip("/").split("/")[-1]


def _offer(entry: ModelEntry) -> None:
    tokens, seconds = cache.label_cost(entry.name, entry.revision)
    st.subheader(f"{plain(short(entry))} has not been labelled yet")
    st.write(
        f"Its heads would be asked about {round(tokens, -2):,} tokens of sentences and repeats whose answers are "
        f"known, which takes about {_spelt_time(seconds)} on this machine. The answers are kept, so this is done once."
    )
    _label_button(entry, f"Label its heads ({_spelt_time(seconds)})", primary=True)


def _label_button(entry: ModelEntry, text: str, primary: bool = False) -> None:
    if st.button(text, type="primary" if primary else "secondary", icon=":material/label:"):
        from attnviz.labels.cache import evaluate_or_load

        model = cache.loaded_model(entry.name, entry.revision)
        _work("Asking every head", lambda progress: evaluate_or_load(model, progress=progress))


def offer_effects(entry: ModelEntry, results: LabelResults) -> None:
    """A button that measures what ablating heads does, where that was not done yet; else why some of it is missing."""
    if results.effects is not None:
        for reason in filter(None, (results.effects["reason"], *dict.fromkeys(results.effects["unmeasured"].values()))):
            about = [spelt(label) for label, why in results.effects["unmeasured"].items() if why == reason]
            st.caption(plain(f"{', '.join(about)}: {reason}" if about else reason))
        return
    st.caption(
        "What the model does with a head ablated was not measured. Each labelled head would be replaced by its mean "
        "and by its output for another text, and so would random heads to compare with: minutes, which the bar tells."
    )
    if st.button("Measure effects", icon=":material/science:"):
        from attnviz.labels.cache import measure_or_load_effects

        model = cache.loaded_model(entry.name, entry.revision)
        _work("Ablating heads", lambda progress: measure_or_load_effects(model, results, progress=progress))


def _work(doing: str, work: Callable[[Callable[[int, int], None]], Any]) -> None:
    """Long work with a bar, the time that is left, and a way to stop; then the page runs anew and finds its result."""
    bar = st.progress(0.0, f"{doing}…")
    st.button("Stop", icon=":material/stop:", help="What was done so far is lost.")  # any click ends a running page
    start = time.perf_counter()

    def show(done: int, total: int) -> None:
        left = (time.perf_counter() - start) * (total - done) / max(done, 1)
        told = f"{done:,} of {total:,} tokens, {_spelt_time(left)} left" if done < total else "judging"
        bar.progress(done / total, f"{doing}: {told}…")

    work(show)
    cache.forget_results()
    st.rerun()


def _spelt_time(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds > 100 else f"{max(seconds, 1):.0f} s"


def place(results: LabelResults) -> int:
    """The number of the chosen head, brought to what this model has, which is chosen from then on."""
    layers = [head.layer for head in results.heads]
    layer = min(current().layer, max(layers))
    heads = [head.head for head in results.heads if head.layer == layer]
    head = Head(results.heads[0].kind, layer, min(current().head, max(heads)))
    choose(kind=head.kind, layer=head.layer, head=head.head)
    return results.heads.index(head)


def pick_head(results: LabelResults) -> int:
    """Two pickers, and the number of the head that they choose."""
    number = place(results)
    chosen = results.heads[number]
    pick_layer, pick_head = st.columns(2)
    with pick_layer:
        chosen_by(st.selectbox, "layer", "Layer", chosen.layer, options=sorted({head.layer for head in results.heads}))
    with pick_head:
        chosen_by(st.selectbox, "head", "Head", chosen.head,
                  options=[head.head for head in results.heads if head.layer == chosen.layer])  # fmt: skip
    return number


def filters(results: LabelResults) -> None:
    """Which labels count: of one kind or all, and from which confidence on."""
    given = [kind_of(row["label"]) for found in results.found for row in found]
    label, confidence = st.columns(2)
    with label:
        chosen_by(
            st.selectbox, "label", "Label", current().label, options=("", *LABELS),
            format_func=lambda kind: f"{letter_of(kind)} · {spelt(kind)} · {given.count(kind)}" if kind else "all",
        )  # fmt: skip
    with confidence:
        chosen_by(st.segmented_control, "confidence", "Confidence at least", current().confidence, options=CONFIDENCES,
                  required=True)  # fmt: skip


def counted(found: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The labels of a head that the filters let through, the most telling first."""
    return summary.counted(found, current().label, current().confidence)


def mosaic(results: LabelResults, key: str, chosen: Head) -> None:
    """Every head with its first label; a click chooses a head."""
    cells = summary.first_labels(results, current().label, current().confidence)
    labelled = sum(bool(labels) for labels in cells.values())
    show_chart(
        figures.label_mosaic(cells, chosen=(chosen.layer, chosen.head), theme=theme()),
        key=key,
        on_select=open_clicked(key),
        alt=f"{labelled} of {len(cells)} heads have a label: "
        + "; ".join(f"L{layer}.H{head} {labels[0][0]}" for (layer, head), labels in cells.items() if labels),
    )
    letters = sorted({kind_of(labels[0][1]) for labels in cells.values() if labels}, key=list(LABELS).index)
    st.caption(
        f"{labelled} of {len(cells)} heads have a label here; the others are plain. "
        + "".join(f"**{letter_of(kind)}** {spelt(kind)} · " for kind in letters)
        + "filled: high confidence, framed: medium, dotted: low. A small number counts further labels."
    )


def by_label(results: LabelResults) -> None:
    """The labelled heads, one label after the other; a row opens its head."""
    rows = sorted(
        (list(LABELS).index(kind_of(row["label"])), row["label"], -row["score"], head)
        for head, found in zip(results.heads, results.found)
        for row in counted(found)
    )

    def open_row() -> None:
        picked = st.session_state.by_label.selection.rows
        if picked:
            choose(layer=rows[picked[0]][3].layer, head=rows[picked[0]][3].head)

    st.dataframe(
        pd.DataFrame([(str(head), spelt(label), -score) for _, label, score, head in rows],
                     columns=["head", "label", "score"]),
        key="by_label", on_select=open_row, selection_mode="single-row", hide_index=True, height=212,
        column_config={"score": st.column_config.NumberColumn(format="%.2f")},
    )  # fmt: skip


def badges(found: Sequence[Mapping[str, Any]]) -> None:
    """A head's labels, each with its score and confidence, or that it has none."""
    if not found:
        st.badge(
            "unlabelled", icon=":material/label_off:", color="gray",
            help="None of the labels that were asked for passes its threshold. That is an answer too.",
        )  # fmt: skip
        return
    with st.container(horizontal=True, gap="small"):
        for row in summary.telling(found):
            st.badge(
                f"{letter_of(row['label'])} · {spelt(row['label'])} {row['score']:.2f} · {row['confidence']}",
                icon=ICONS[row["confidence"]], color=COLOURS[spec_of(row["label"]).family],  # type: ignore[arg-type]
            )  # fmt: skip


def show_evidence(results: LabelResults, number: int, key: str) -> None:
    """The scores of one head with their intervals, controls and thresholds, and its share on sink tokens."""
    head = results.heads[number]
    show_chart(
        figures.evidence_charts(results, head.layer, head.head, theme=theme())["evidence"],
        key=key,
        alt="; ".join(
            f"{spelt(one.label)} {one.score:.2f}, threshold {one.threshold:.2f}, control {one.baseline:.2f}, "
            f"{one.confidence or 'no'} label"
            for one in summary.closest(results, number)
        ),
    )
    st.caption(
        "Dot and line: score and 95 % interval; filled: the label is given. Bar: threshold. Hollow diamond: control. "
        f"**Share on sink tokens {results.sink_token_share[number]:.0%}**: weight on the first and special tokens, "
        "where a head that finds nothing leaves it. "
        f"**Entropy share {results.entropy[number]:.0%}**: 100 % would be uniform weights."
    )


def line(results: LabelResults | None, at: Head) -> None:
    """What is known of a head, in a line for other screens."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if results is None or at not in results.heads:
            st.caption("not labelled yet")
        else:
            badges(results.found[results.heads.index(at)])
        st.page_link("pages/head_card.py", label="Its card", icon=":material/badge:")


def copying_in_words(results: LabelResults, number: int) -> str | None:
    """Whether a head that looks for what came next raises or lowers its logit; None where that is not known."""
    if results.copies is None or math.isnan(results.copies[number, 0]):
        return None
    raised, low, high = results.copies[number]
    return (
        f"Its output changes the logit of what it looks for by {raised:+.2f} nats (95 % interval {low:+.2f} to "
        f"{high:+.2f}), on the direct path."
    )


def short_effect(effect: Mapping[str, Any] | None) -> str:
    """What ablating the head changes, for a table: the metric with the head, and without it."""
    return "not measured" if effect is None else f"{effect['base']:.2f} → {effect['mean']:.2f}"


def effects_in_words(results: LabelResults, label: str, row: Mapping[str, Any]) -> list[str]:
    """What ablating a head that has a label changes, and all that have it, beside what ablating others does; or why
    that is not known."""
    said_of = results.effects or {"reason": None, "unmeasured": {}, "together": {}}
    if row["effect"] is None:
        why = said_of["reason"] or said_of["unmeasured"].get(label, "")
        return [f"Effect of ablating the head: not measured. {why}".strip()]
    one = row["effect"]
    said = [f"Effect of ablating the head, on {one['n']} texts: {one['metric']}. {_compared(one, 'this head', 'one')}"]
    every = said_of["together"].get(label)
    if every is not None:
        said.append(f"All {len(every['heads'])} with this label at once: {_compared(every, 'them', 'as many')}")
    return said


def _compared(effect: Mapping[str, Any], whom: str, many: str) -> str:
    low, high = effect["random_low"], effect["random_high"]
    others = "there are no others to compare with" if low is None else f"without {many} of the others "
    others += "" if low is None else f"{low:.2f} to {high:.2f}"
    return (
        f"{effect['base']:.2f} with all heads; {effect['mean']:.2f} with the mean of {whom} in place, "
        f"{effect['resample']:.2f} with the output for another text; {others}."
    )


def effects_together(results: LabelResults) -> None:
    """What ablating all heads of a label at once changes, where that was measured."""
    together = (results.effects or {}).get("together", {})
    if not together:
        return
    st.subheader("All heads of a label ablated together")
    st.dataframe(
        [
            {"label": spelt(label), "heads": " ".join(one["heads"])}
            | {EFFECT_COLUMNS[key]: one[key] for key in EFFECT_COLUMNS}
            | {"metric": one["metric"]}
            for label, one in together.items()
        ],
        hide_index=True,
        column_config={name: st.column_config.NumberColumn(format="%.2f") for name in EFFECT_COLUMNS.values()},
    )
    st.caption("Heads that do the same make up for one another, so that each alone can look idle.")


def export_mosaic(entry: ModelEntry, results: LabelResults, key: str, chosen: Head) -> None:
    """Every head's first label as a file, with the evidence of the chosen head and the scores of one label."""
    settings = {"layer": chosen.layer, "head": chosen.head, "label": current().label,
                "confidence": current().confidence, "scores_of": scores_of(results)}  # fmt: skip
    export_menu(
        key, name_of(entry.name, "head labels"),
        partial(exports.of_label_results, "Head labels", figures.label_charts, entry, results, settings),
    )  # fmt: skip


def scores_of(results: LabelResults) -> str:
    """The label whose scores are shown: the chosen one, or, of those that count, the one that most heads have."""
    kinds = labels_that_count(results)
    if current().scores_of in kinds:
        return current().scores_of
    return max(kinds, key=lambda label: sum(row["label"] == label for found in results.found for row in found))


def labels_that_count(results: LabelResults) -> list[str]:
    """The labels of the chosen kind that were asked for; all where none is."""
    return [label for label in results.scores if current().label in ("", kind_of(label))] or list(results.scores)
