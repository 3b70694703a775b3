"""The certificate in words: one line beside every picture of a real model."""

from typing import Any

from attnviz.traces import Head
from attnviz.validation.results import Certificate

ROUTES = {
    "interface": "Queries, keys and values were recorded at transformers' attention interface.",
    "fallback": "This model's attention does not go through transformers' interface: what its own softmax was "
    "given was followed, in both passes.",
}


NOT_RECOMPUTED = "not recomputed: your own weights"


def in_words(certificate: Certificate, head: Head) -> str:
    """The verdict with its numbers, as a file carries it."""
    verdict = "recomputed" if certificate.passed else "not certified"
    rows = "64 sampled rows a head" if certificate.sampled else "every cell"
    return (
        f"{verdict}; largest difference from transformers' eager attention, {rows}: {head} "
        f"{certificate.of(head).drift:.1e}, all heads {certificate.max_drift:.1e} "
        f"(allowed {certificate.drift_tolerance:.0e})"
    )


def badge(place: Any, certificate: Certificate, head: Head) -> None:
    """Fill a placeholder with the largest difference of this head, and of all heads."""
    here = certificate.of(head).drift
    rows = "64 sampled rows a head" if certificate.sampled else "every cell"
    help_text = (
        f"The model ran a second time with transformers' own eager attention, and its weights were compared with those "
        f"drawn here, {rows}. Largest difference: {head} {here:.1e}, all heads {certificate.max_drift:.1e} "
        f"(allowed {certificate.drift_tolerance:.0e}). {ROUTES[certificate.route]}"
    )
    sampled = " · 64 rows a head" if certificate.sampled else ""
    if certificate.passed:
        text = f"recomputed · Δ {here:.1e} here, {certificate.max_drift:.1e} at most{sampled}"
        place.badge(text, icon=":material/verified:", color="green", help=help_text)
    else:
        text = f"not certified · Δ {here:.1e} here, {certificate.max_drift:.1e} at most{sampled}"
        place.badge(text, icon=":material/warning:", color="red", help=help_text)
