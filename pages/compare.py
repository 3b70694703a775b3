"""Compare: two heads, models, moments of training or sentences in the same view, and where they differ."""

from functools import partial

import numpy as np
import streamlit as st

from attnviz import aids, figures
from attnviz.comparing import difference
from attnviz.errors import AttnvizError
from attnviz.findings import numbers_again, numbers_of
from attnviz.models.catalog import checkpoints, find_model
from attnviz.traces import Head, Trace
from attnviz.ui import cache, explore, findings, long_runs, pictures, windows
from attnviz.ui.certificates import badge
from attnviz.ui.downloads import name_of, take_away
from attnviz.ui.messages import show_error
from attnviz.ui.state import choose, chosen_by, on_screen, view
from attnviz.ui.theme import theme

MOST = 256  # tokens of a window: three maps of it stand beside each other
PLAIN = {
    "text_pair": None,
    "decoder_text": None,
    "read_special": False,
    "add_special": True,
    "write": 0,
}  # as Heads asks

chosen = view()
st.title("Compare")
st.markdown("Two heads in the same view, and the difference between them. Words are matched where sentences differ.")
finding = findings.show("compare")
on_screen("kind")
names = [entry.name for entry in cache.models() if entry.loadable]
names += [f"tiny-gpt@{step}" for step in checkpoints("tiny-gpt")]
names += [name for name in (chosen.model, chosen.model_b) if name and name not in names]


def pick_text(place, letter: str, suffix: str, fallback: str) -> long_runs.Wanted:
    """The model and the sentence of one side. Raises AttnvizError."""
    with place:
        model = getattr(chosen, f"model{suffix}") or fallback
        chosen_by(st.selectbox, f"model{suffix}", f"Model {letter}", model, options=names)
        text = getattr(chosen, f"text{suffix}") or chosen.text
        chosen_by(st.text_input, f"text{suffix}", f"Sentence {letter}", text)
    entry = find_model(model)
    if entry is None or not entry.loadable:
        raise AttnvizError(f"The model '{model}' is not on this machine: pick another one.")
    return entry, text, PLAIN


def pick_head(place, letter: str, suffix: str, trace: Trace) -> Head:
    with place:
        at = explore.head_in(trace, getattr(chosen, f"layer{suffix}"), getattr(chosen, f"head{suffix}"))
        layers = trace.of_kind(at.kind)
        pick_layer, pick_head = st.columns(2)
        with pick_layer:
            chosen_by(st.selectbox, f"layer{suffix}", f"Layer {letter}", at.layer, options=range(len(layers)))
        with pick_head:
            chosen_by(st.selectbox, f"head{suffix}", f"Head {letter}", at.head, options=range(layers[at.layer].n_heads))
    return at


def draw(place, reading, title: str, key: str, **options) -> None:
    place.plotly_chart(
        figures.weight_map(reading.weights, reading.queries, reading.keys, title=title, theme=theme(), **options),
        key=key,
        theme=None,
        config={"displayModeBar": False},
        alt=f"{title}: {len(reading.rows)} rows over {len(reading.columns)} columns, from {reading.weights.min():.2f} "
        f"to {reading.weights.max():.2f}.",
    )


left, middle, right = st.columns(3, gap="medium")
try:
    first = pick_text(left, "A", "", names[0])
    traces = long_runs.read_all([first, pick_text(middle, "B", "_b", first[0].name)])
    sides = [(trace, pick_head(*of, trace)) for *of, trace in zip((left, middle), "AB", ("", "_b"), traces)]
    shown = windows.pick_both(sides, MOST)
    readings = [
        aids.read(trace, head.kind, head.layer, [head.head], "head", its) for (trace, head), its in zip(sides, shown)
    ]
    below = st.columns(3, gap="medium")  # a row of their own, so that the three maps stand level
    common = [note for note in readings[0].notes if note in readings[1].notes]
    for place, letter, (_, head), reading in zip(below, "AB", sides, readings):
        draw(place, reading, f"{letter}: {head}", f"compare_{letter}")
        for note in reading.notes:
            if note not in common:
                place.caption(note)
    change = difference(*readings)
    largest = max(float(np.abs(change.weights).max(initial=0)), 1e-9)
    if not change.weights.size:
        right.info("What is shown of the two sentences shares no word, so there is nothing to subtract.")
    else:
        with right:
            st.metric("Largest difference", f"{largest:.3f}", help="Of one weight, on the words that both show.")
            st.metric(
                "Weight that would have to move",
                f"{np.abs(change.weights).sum(axis=1).mean() / 2:.0%}",
                help="Total variation distance over the words that both show, averaged over rows; 0 %: the same, "
                "100 %: disjoint.",
            )
        draw(below[2], change, "B − A", "compare_difference", scale="signed", top=largest, says="difference")
        below[2].caption("Blue: B looks there more. Orange: A does.")
        for note in change.notes:
            below[2].caption(note)
    title = f"{sides[1][1]} − {sides[0][1]}"
    findings.judge(finding, lambda kept: numbers_again(kept, change), traces)
    with below[2].container(horizontal=True):
        take_away(
            "compare", name_of(traces[0].model, "compared", *(head for _, head in sides)),
            partial(pictures.of_comparison, sides, shown, readings, change, largest),
        )  # fmt: skip
        keep = findings.place()
    for note in common:
        st.caption(note)
    for place, letter, (trace, head), its in zip(below, "AB", sides, shown):
        try:
            badge(place, long_runs.check(trace, letter), head)
        except (AttnvizError, ValueError) as error:
            with place:
                show_error(error)
        if place.button(f"Open {head}", icon=":material/grid_view:", key=f"open_{letter}"):
            window = {"queries_at": its.queries_at, "keys_at": its.keys_at} if its.window else {}
            choose(model=trace.model, text=trace.text, kind=head.kind, layer=head.layer, head=head.head, **window)
            st.switch_page("pages/heads.py")
    certificate = "; ".join(f"{letter}: {pictures.certificate(*of)}" for letter, of in zip("AB", sides))
    findings.keep(keep, "compare", title, traces, numbers_of(change), certificate)
except AttnvizError as error:
    show_error(error)
