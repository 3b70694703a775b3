"""The method in words: one text for the page, the card and the document, and it must be the one that is applied."""

import numpy as np
import pytest

from attnviz.labels import method
from attnviz.labels.definitions import LABELS


def test_every_label_is_explained_in_at_most_ten_lines():
    assert all(len(method.explained(kind).splitlines()) <= 10 for kind in LABELS)


def test_the_document_says_what_the_code_does():
    """After a change of labels: python -m attnviz.labels.method"""
    assert method.section() in method.DOCUMENT.read_text(encoding="utf-8")


def test_thresholds_in_words_are_those_of_the_table():
    assert method.threshold_of("offset:-3").startswith("0.4, 3 times uniform, and 10 points above the control")
    assert method.threshold_of("coreference").startswith("10 points above the control, and 2 times")


def test_the_page_finds_its_parts_in_the_document():
    assert {"", "What a label needs", "What a label does not say"} <= set(method.parts())


@pytest.mark.parametrize(
    "label, said",
    [
        ("previous_token", "previous token"),
        ("offset:-3", "3 tokens back"),
        ("offset:+12", "12 tokens on"),
        ("syntactic:acl:relcl:to_head", "acl:relcl → head"),
        ("syntactic", "syntactic"),
        ("offset", "offset"),
        ("coreference", "coreference"),
        ("coreference:nominal", "nominal coreference"),
    ],
)
def test_labels_are_named_as_people_say_them(label, said):
    assert method.spelt(label) == said


@pytest.mark.parametrize("kind", LABELS)
def test_the_drawing_of_a_label_is_a_map_of_weights(kind):
    tokens, weights = method.picture(kind)
    assert weights.shape == (len(tokens),) * 2
    assert np.allclose(weights.sum(1), 1) and weights[:, 1:].any(), "nothing but rest"
