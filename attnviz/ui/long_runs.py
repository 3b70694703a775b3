"""Long texts: what reading one or two takes is said first, and reading can be cancelled."""

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from attnviz.errors import AttnvizError
from attnviz.figures.cost import lasting, sized
from attnviz.models.catalog import ModelEntry
from attnviz.traces import Trace
from attnviz.ui import cache
from attnviz.ui.messages import plain, show_error
from attnviz.ui.progress import with_progress
from attnviz.ui.state import PageEnds

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
        efforts = [(one, effort) for one in different if (effort := _effort(*one)) is not None]
    if not _heavy([effort for _, effort in efforts]):
        st.session_state.pop("agreed", None)
        return [cache.trace_of(entry.name, entry.revision, text, **how) for entry, text, how in wanted]
    long = [one for one, _ in efforts]
    if not all(one in st.session_state.get("agreed", []) for one in long):
        _ask([effort for _, effort in efforts], long)
        raise PageEnds
    return [
        _read_long(*one, "Reading the text" if len(different) == 1 else f"Reading text {number} of {len(wanted)}")
        if one in long
        else cache.trace_of(one[0].name, one[0].revision, one[1], **one[2])
        for number, one in enumerate(wanted, start=1)
    ]


def check(trace: Trace, what: str = "") -> Any:
    """The certificate of a trace; `what` names it where a page has several.

    Raises AttnvizError and ValueError as its making does.
    """
    label = f"Comparing {what} with the model's own attention".replace("  ", " ")
    return with_progress(label, len(trace.layers), lambda step: cache.certificate_of(trace, step), cancel())


def cancel() -> Callable[[], None] | None:
    """What a button does that lets go of the texts that the reader agreed to; None where nobody had to be asked."""
    return _cancel if "agreed" in st.session_state else None


def _read_long(entry: ModelEntry, text: str, how: dict[str, Any], label: str) -> Trace:
    name, revision = entry.name, entry.revision
    n_layers = len(cache.pace_of(name, revision, {}).shape.layers)
    return with_progress(
        label, n_layers, lambda step: cache.long_trace_of(name, revision, text, _progress=step, **how), _cancel
    )


def _heavy(efforts: Sequence[Any]) -> bool:
    from attnviz.effort import together

    return bool(efforts) and together(efforts).heavy


def _effort(entry: ModelEntry, text: str, how: dict[str, Any]) -> Any:
    """What it will take; None for a text too short to ask, and for one that cannot be read, which reading it says."""
    model = cache.loaded_model(entry.name, entry.revision)  # first, for its spinner stands while torch is imported

    from attnviz.capture.generation import LONGEST
    from attnviz.capture.interface import Uncapturable
    from attnviz.capture.tracing import read_text
    from attnviz.effort import SAMPLE, estimate

    options = {name: how[name] for name in ("read_special", "add_special")}
    inputs = read_text(model, text, how["text_pair"], **options).inputs
    n_tokens = len(inputs["input_ids"]) + how["write"]
    if n_tokens <= SAMPLE:
        return None
    try:
        pace = cache.pace_of(entry.name, entry.revision, inputs)
    except Uncapturable:
        return None
    given = how["decoder_text"]
    return estimate(pace, n_tokens, LONGEST if given is None else len(model.tokenizer(given)["input_ids"]))


def _ask(efforts: Sequence[Any], asked: Sequence[Wanted]) -> None:
    """What it will take, and the button that starts it, where there is memory for it."""
    from attnviz.effort import give_back, together

    give_back()  # what a cancelled run held, now that its page is gone
    effort, several = together(efforts), len(efforts) > 1
    tokens = " and ".join(f"{one.n_tokens:,}" for one in efforts)
    st.subheader(f"The two readings have {tokens} tokens" if several else f"This text has {tokens} tokens")
    st.write(
        "Reading takes a while on this machine. Nothing is left out."
        + (" The numbers below are for both together." if several else "")
    )
    numbers = st.columns(3)
    numbers[0].metric("Reading and drawing", f"≤ {lasting(effort.seconds)}", help=HOW)
    numbers[1].metric("Memory for that", f"≤ {sized(effort.n_bytes)}", f"{sized(effort.free)} free", delta_color="off",
                      delta_arrow="off")  # fmt: skip
    numbers[2].metric(
        "Checking it afterwards", f"≤ {lasting(effort.checking_seconds)}", f"≤ {sized(effort.checking_bytes)}",
        delta_color="off", delta_arrow="off",
        help="A second pass through the model's own eager attention, which works on whole matrices.",
    )  # fmt: skip
    if effort.n_bytes > effort.free:
        show_error(
            AttnvizError(
                f"There is not enough memory: it takes up to {sized(effort.n_bytes)}, and {sized(effort.free)} are "
                "free. Half the text takes about a quarter; a smaller model, or closing other programs, helps too."
            )
        )
        return
    if effort.checking_bytes > effort.free:
        st.warning(plain("The memory does for reading it, not for checking it: it will be shown without certificate."))
    st.button(
        "Read them" if several else "Read it",
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
