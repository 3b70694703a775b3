"""Long texts: what reading one or two takes is said first, and reading can be cancelled."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from attnviz.errors import AttnvizError
from attnviz.models.catalog import ModelEntry
from attnviz.traces import Head, Trace
from attnviz.ui import cache
from attnviz.ui.messages import plain, show_error
from attnviz.ui.progress import layers, with_progress
from attnviz.ui.state import NeedsConfirmation
from attnviz.units import lasting, sized
from attnviz.validation.results import Certificate

Wanted = tuple[ModelEntry, str, dict[str, Any]]  # a model, a text, and how it is read, as `attnviz.trace` takes it


def read(entry: ModelEntry, text: str, **how: Any) -> Trace:
    """A text through a model; `how` as `attnviz.trace` takes it. One that takes long only when the reader agrees.

    Raises AttnvizError for a text that cannot be traced.
    """
    return read_all([(entry, text, how)])[0]


def read_all(wanted: Sequence[Wanted]) -> list[Trace]:
    """The same of several, for which the reader is asked once; up to two long ones are kept.

    Raises AttnvizError for a text that cannot be traced.
    """
    different = [one for place, one in enumerate(wanted) if one not in wanted[:place]]
    with st.spinner("Reading the sentence…"):
        estimates = [(one, needs) for one in different if (needs := _estimate(*one)) is not None]
    names = [""] if len(different) == 1 else [f" {number} of {len(wanted)}" for number in range(1, len(wanted) + 1)]
    if not _heavy([needs for _, needs in estimates]):
        st.session_state.pop("agreed", None)
        return [_read_short(*one, name) for one, name in zip(wanted, names * len(wanted))]
    long = [one for one, _ in estimates]
    if not all(one in st.session_state.get("agreed", []) for one in long):
        _ask([needs for _, needs in estimates], long)
        raise NeedsConfirmation
    return [
        _read_long(*one, f"Reading text{name}" if name else "Reading the text")
        if one in long
        else _read_short(*one, name)
        for one, name in zip(wanted, names * len(wanted))
    ]


def _read_short(entry: ModelEntry, text: str, how: dict[str, Any], name: str) -> Trace:
    """A text that is read at once; what a model writes to it, one token after the other, can be cancelled."""
    writing, asked = _most_written(entry, how), (entry, text, how)
    if not writing:
        return cache.trace_of(entry.name, entry.revision, text, **how)
    if st.session_state.get("cancelled") == asked:
        _offer_again()
        raise NeedsConfirmation
    return with_progress(
        f"Writing{name}", writing,
        lambda step: cache.written_trace_of(entry.name, entry.revision, text, _progress=step, **how),
        partial(st.session_state.update, cancelled=asked), partial(_parts, writing),
    )  # fmt: skip


def _most_written(entry: ModelEntry, how: dict[str, Any]) -> int:
    from attnviz.capture.generation import most_written

    return most_written(cache.loaded_model(entry.name, entry.revision), how["decoder_text"], how["write"])


def _offer_again() -> None:
    """After Cancel: what was written is let go, until the reader wants it, or reads something else."""
    from attnviz.estimate import release_memory

    release_memory()
    st.info(
        "Writing was cancelled. Let it write fewer tokens, or, beside an encoder, give the decoder's text: both are "
        "under “More to read”.",
        icon=":material/cancel:",
    )
    st.button(
        "Write it", type="primary", icon=":material/play_arrow:", on_click=st.session_state.pop, args=("cancelled",)
    )


def _parts(writing: int, done: int, total: int) -> str:
    """What is at work, with so many tokens to be written before the layers of the whole text."""
    if done < writing:
        return f"token {done + 1} of at most {writing}"
    return layers(done - writing, total - writing) if total > writing else "reading it whole"


def divergence_from(trace: Trace, head: Head) -> np.ndarray:
    """Every head's divergence from one, as `cache.divergence_of`; what takes long only when the reader agrees."""
    from attnviz.estimate import SAMPLE, SLOW

    if len(trace.tokens) <= SAMPLE:
        return cache.divergence_of(trace, head)
    asked = trace.model, trace.revision, trace.text, head.kind
    seconds = cache.comparing_seconds_of(trace, Head(head.kind, 0, 0))
    if seconds <= SLOW:
        return cache.divergence_of(trace, head)
    if st.session_state.get("agreed_apart") != asked:
        st.subheader(f"This text has {len(trace.tokens):,} tokens")
        st.write(f"Every row of every head is compared with that row of {head}, which takes a while on this machine.")
        st.metric("Comparing every head", f"≤ {lasting(seconds)}")
        st.button(
            "Compare them", type="primary", icon=":material/play_arrow:",
            on_click=partial(st.session_state.update, agreed_apart=asked),
        )  # fmt: skip
        raise NeedsConfirmation
    return cache.divergence_of(trace, head, partial(st.session_state.pop, "agreed_apart", None))


def check(trace: Trace, what: str = "") -> Certificate:
    """The certificate of a trace; `what` names it where a page has several.

    Raises AttnvizError and ValueError as its making does.
    """
    label = f"Comparing {what} with the model's own attention".replace("  ", " ")
    return with_progress(label, len(trace.layers), lambda step: cache.certificate_of(trace, step), cancel())


def cancel() -> Callable[[], None] | None:
    """What a button does that lets go of the texts that the reader agreed to; None where nobody had to be asked."""
    return _cancel if "agreed" in st.session_state else None


def _read_long(entry: ModelEntry, text: str, how: dict[str, Any], label: str) -> Trace:
    name, revision, writing = entry.name, entry.revision, _most_written(entry, how)
    n_layers = len(cache.throughput_of(name, revision, {}).shape.layers)
    return with_progress(
        label, writing + n_layers, lambda step: cache.long_trace_of(name, revision, text, _progress=step, **how),
        _cancel, partial(_parts, writing),
    )  # fmt: skip


def _heavy(estimates: Sequence[Any]) -> bool:
    from attnviz.estimate import combine

    return bool(estimates) and combine(estimates).heavy


def n_tokens(entry: ModelEntry, text: str, how: dict[str, Any]) -> int:
    """How many a model reads, those that it is to write among them. Raises AttnvizError for what it cannot read."""
    return len(_inputs(entry, text, how)["input_ids"]) + how["write"]


def _inputs(entry: ModelEntry, text: str, how: dict[str, Any]) -> dict[str, list[int]]:
    model = cache.loaded_model(entry.name, entry.revision)

    from attnviz.capture.tracing import read_text

    options = {name: how[name] for name in ("read_special", "add_special")}
    return read_text(model, text, how["text_pair"], **options).inputs


def _estimate(entry: ModelEntry, text: str, how: dict[str, Any]) -> Any:
    """What it will take; None for a text too short to ask, and for one that cannot be read, which reading it says."""
    model = cache.loaded_model(entry.name, entry.revision)  # first, for its spinner stands while torch is imported

    from attnviz.capture.generation import LONGEST
    from attnviz.capture.interface import Uncapturable
    from attnviz.estimate import SAMPLE, estimate
    from attnviz.models.text import encode

    inputs = _inputs(entry, text, how)
    n_tokens = len(inputs["input_ids"]) + how["write"]
    if n_tokens <= SAMPLE:
        return None
    try:
        pace = cache.throughput_of(entry.name, entry.revision, inputs)
    except Uncapturable:
        return None
    given = how["decoder_text"]
    n_decoder = LONGEST if given is None else len(encode(model.tokenizer, given)["input_ids"])
    return estimate(pace, n_tokens, n_decoder, _most_written(entry, how))


def _ask(estimates: Sequence[Any], asked: Sequence[Wanted]) -> None:
    """What it will take, and the button that starts it, where there is memory for it."""
    from attnviz.estimate import combine, release_memory

    release_memory()  # what a cancelled run held, now that its page is gone
    needs, several = combine(estimates), len(estimates) > 1
    tokens = " and ".join(f"{one.n_tokens:,}" for one in estimates)
    st.subheader(f"The two texts have {tokens} tokens" if several else f"This text has {tokens} tokens")
    st.write(
        "Reading takes a while on this machine. Nothing is left out."
        + (" The numbers below are for both together." if several else "")
    )
    numbers = st.columns(3)
    numbers[0].metric("Reading and drawing", f"≤ {lasting(needs.seconds)}", help=HOW)
    numbers[1].metric("Memory for that", f"≤ {sized(needs.n_bytes)}", f"{sized(needs.free)} free", delta_color="off",
                      delta_arrow="off")  # fmt: skip
    numbers[2].metric(
        "Checking it afterwards", f"≤ {lasting(needs.checking_seconds)}", f"≤ {sized(needs.checking_bytes)}",
        delta_color="off", delta_arrow="off",
        help="A second pass through the model's own eager attention, which works on whole matrices.",
    )  # fmt: skip
    if needs.n_bytes > needs.free:
        show_error(
            AttnvizError(
                f"There is not enough memory: it takes up to {sized(needs.n_bytes)}, and {sized(needs.free)} are "
                "free. Half the text takes about a quarter; a smaller model, or closing other programs, helps too."
            )
        )
        return
    if needs.checking_bytes > needs.free:
        st.warning(plain("The memory does for reading it, not for checking it: it will be shown without certificate."))
    st.button(
        "Run both anyway" if several else "Run anyway",
        type="primary",
        icon=":material/play_arrow:",
        on_click=_agree,
        args=(asked,),
    )


HOW = "Scaled up from 64 tokens through this model and a block of scores, just now. Other work can make it slower."


def _agree(asked: Sequence[Wanted]) -> None:
    st.session_state.agreed = asked


def _cancel() -> None:
    """What was read so far is let go; the estimate stands there again."""
    for entry, text, how in st.session_state.pop("agreed"):
        cache.long_trace_of.clear(entry.name, entry.revision, text, **how)
