"""Compare: two heads, models, moments of training or sentences in the same view, and where they differ."""

from functools import partial

import streamlit as st

from attnviz import figures
from attnviz.errors import AttnvizError
from attnviz.files.saved_view import numbers_again, numbers_of
from attnviz.maps import options
from attnviz.maps.difference import compare
from attnviz.models.catalog import checkpoints, loadable
from attnviz.traces import Head, Trace
from attnviz.ui import cache, confirm_run, exports, head_explorer, pickers, saved_views, windows
from attnviz.ui.certificates import badge
from attnviz.ui.chart import show_chart
from attnviz.ui.export_menu import export_menu, name_of
from attnviz.ui.messages import say_not_there, show_error
from attnviz.ui.predictions import show_change
from attnviz.ui.state import choose, chosen_by, on_screen, url_state
from attnviz.ui.theme import theme

REPLACE_WITH = {"zero": "0", "mean": "their means"}
MOST = 256  # tokens of a window: three maps of it stand beside each other
PLAIN = {
    "text_pair": None,
    "decoder_text": None,
    "read_special": False,
    "add_special": True,
    "write": 0,
}  # as Heads asks

chosen = url_state()
st.title("Compare")
st.markdown(
    "Two heads in the same view, or one before and after others are ablated, and the difference. Words are matched "
    "where sentences differ."
)
banner = saved_views.banner("compare")
on_screen("kind")
names = [entry.name for entry in cache.models() if entry.loadable]
names += [f"tiny-gpt@{step}" for step in checkpoints("tiny-gpt")]
names += [name for name in (chosen.model, chosen.model_b) if name and name not in names]


def pick_text(place, letter: str, suffix: str, fallback: str) -> confirm_run.Wanted:
    """The model and the sentence of one side. Raises AttnvizError."""
    with place:
        model = getattr(chosen, f"model{suffix}") or fallback
        chosen_by(st.selectbox, f"model{suffix}", f"Model {letter}", model, options=names)
        text = getattr(chosen, f"text{suffix}") or chosen.text
        chosen_by(st.text_input, f"text{suffix}", f"Sentence {letter}", text)
    entry = loadable(model)
    cache.notice_new_files(entry)
    return entry, text, PLAIN


def pick_head(place, letter: str, suffix: str, trace: Trace) -> Head:
    with place:
        at = head_explorer.head_in(trace, getattr(chosen, f"layer{suffix}"), getattr(chosen, f"head{suffix}"))
        layers = trace.of_kind(at.kind)
        pick_layer, pick_head = st.columns(2)
        with pick_layer:
            chosen_by(st.selectbox, f"layer{suffix}", f"Layer {letter}", at.layer, options=range(len(layers)))
        with pick_head:
            chosen_by(st.selectbox, f"head{suffix}", f"Head {letter}", at.head, options=range(layers[at.layer].n_heads))
    return at


def pick_ablated(entry) -> dict:
    """The heads that side B goes without, and what replaces their outputs, as `cache.trace_of` takes them."""
    heads = cache.heads_of(entry.name, entry.revision)
    kinds = {head.kind for head in heads}
    kind = chosen.kind if chosen.kind in kinds else heads[0].kind
    offered = [str(head) for head in heads if head.kind == kind]
    asked = list(dict.fromkeys(str(head) for head in options.heads_named(chosen.ablated, kind)))
    gone = [name for name in asked if name not in offered]
    if gone:
        say_not_there(f"{entry.name} has no {kind} head {', '.join(gone[:3])}: none of that is ablated.")
        choose(ablated="-".join(name for name in asked if name in offered))
    st.session_state.pick_ablated = [name for name in asked if name in offered]

    def changed() -> None:
        choose(ablated="-".join(st.session_state.pick_ablated))

    on_screen("ablated")
    names = st.multiselect(
        "Heads ablated in B" + (f", {kind}" if len(kinds) > 1 else ""), offered, key="pick_ablated",
        on_change=changed, placeholder="none",
        help="The model goes on with something else in place of what these heads write. Pick the same head on both "
        "sides to see it before and after.",
    )  # fmt: skip
    if not names:
        return {}
    chosen_by(
        st.segmented_control, "ablation", "Replace with", chosen.ablation, options=REPLACE_WITH, required=True,
        format_func=REPLACE_WITH.get, help="Means over the ten built-in sentences.",
    )  # fmt: skip
    if chosen.ablation == "mean":
        cache.mean_outputs_of(entry.name, entry.revision)  # here, where its progress can be shown
    return {"ablated": tuple(options.heads_named("-".join(names), kind)), "ablation": chosen.ablation}


def tell_change(trace: Trace, head: Head) -> None:
    """What ablating heads did beside the maps, and what it does not say."""
    st.subheader("With heads ablated")
    if head.layer <= min(one.layer for one in trace.replaced):
        st.info(f"{head} cannot differ: what a head writes reaches only the layers after its own. Pick a later one.")
    st.markdown(
        "A small change does not show that a head does little: others can make up for it (self-repair). A large one "
        "can come from what it is replaced with: a head hardly ever writes 0, so that the layers after it meet "
        "what they were never trained on; a mean is milder."
    )
    st.caption("The certificate of B is of the model without these heads: they were ablated in both passes.")
    likely, _ = st.columns([2, 1])
    with likely:
        show_change(trace)


def draw(place, attention_map, figure, title: str, key: str) -> None:
    show_chart(
        figure,
        key=key,
        alt=f"{title}: {len(attention_map.rows)} rows over {len(attention_map.columns)} columns, "
        f"from {attention_map.weights.min():.2f} to {attention_map.weights.max():.2f}.",
        place=place,
    )


left, middle, right = st.columns(3, gap="medium")
try:
    first = pick_text(left, "A", "", names[0])
    entry, text, how = pick_text(middle, "B", "_b", first[0].name)
    slots = left.container(), middle.container()  # for what is known once both texts are read
    with middle:
        ablating = pick_ablated(entry)
    traces = confirm_run.read_all([first, (entry, text, how | ablating)])
    for slot, one, trace in zip(slots, (first[0], entry), traces):
        pickers.tell_notes(one, slot, wrote=trace.wrote)
    a, b = ((trace, pick_head(*of, trace)) for *of, trace in zip(slots, "AB", ("", "_b"), traces))
    sides = a, b
    found = compare(sides, windows.pick_both(sides, MOST), chosen.ablation)
    below = st.columns(3, gap="medium")  # a row of their own, so that the three maps stand level
    *own_notes, common = found.notes()
    for place, letter, side, attention_map, notes in zip(below, "AB", sides, found.maps, own_notes):
        title = exports.title_of(letter, *side)
        figure = figures.map_figure(attention_map, title, side=exports.BESIDE, theme=theme())
        draw(place, attention_map, figure, title, f"compare_{letter}")
        for note in notes:
            place.caption(note)
    if not found.change.weights.size:
        right.info("What is shown of the two sentences shares no word, so there is nothing to subtract.")
    else:
        with right:
            st.metric("Largest difference", f"{found.largest:.3f}", help="Of one weight, on the words that both show.")
            st.metric(
                "Average difference (total variation)",
                f"{found.total_variation:.0%}",
                help="Total variation distance over the words that both show, averaged over rows; 0 %: the same, "
                "100 %: disjoint.",
            )
        draw(below[2], found.change, exports.difference_figure(found, theme()), "B − A", "compare_difference")
        below[2].caption("Blue: B looks there more. Orange: A does.")
        for note in found.change.notes:
            below[2].caption(note)
    saved_views.recheck(banner, lambda view: numbers_again(view, found.change), traces)
    with below[2].container(horizontal=True):
        export_menu(
            "compare", name_of(traces[0].model, "compared", *(head for _, head in sides)),
            partial(exports.of_comparison, found),
        )  # fmt: skip
        save = saved_views.popover()
    for note in common:
        st.caption(note)
    for place, letter, (trace, head), its in zip(below, "AB", sides, found.options):
        try:
            badge(place, confirm_run.check(trace, letter), head)
        except (AttnvizError, ValueError) as error:
            with place:
                show_error(error)
        untouched = "Heads shows it with nothing ablated." if trace.replaced else None
        if place.button(f"Open {head}", icon=":material/grid_view:", key=f"open_{letter}", help=untouched):
            window = {"queries_at": its.queries_at, "keys_at": its.keys_at} if its.window else {}
            choose(model=trace.model, text=trace.text, kind=head.kind, layer=head.layer, head=head.head, **window)
            st.switch_page("pages/heads.py")
    certificate = "; ".join(f"{letter}: {exports.certificate(*of)}" for letter, of in zip("AB", sides))
    title = f"{found.names[1]} − {found.names[0]}"
    saved_views.save_button(save, "compare", title, traces, numbers_of(found.change), certificate)
    if ablating:
        tell_change(*sides[1])
except AttnvizError as error:
    show_error(error)
