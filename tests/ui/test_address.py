"""A copied link must open the same view, and a damaged one must open some view and say what was lost."""

from dataclasses import fields, replace
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attnviz.ui import address
from attnviz.ui.address import UrlState

ALL = [field.name for field in fields(UrlState)]


def values_of(field):
    """Every value that a field of the view can have; a field of a new type fails here until it is told."""
    if "choices" in field.metadata:
        return st.sampled_from(sorted(field.metadata["choices"]))
    if field.name == "numbers":
        return st.builds("~".join, st.lists(st.text(max_size=9), max_size=4).map(lambda rows: ["hand", *rows]))
    if field.name == "ablated":
        heads = st.tuples(st.integers(0, 999), st.integers(0, 999)).map(lambda head: "L{}.H{}".format(*head))
        return st.lists(heads, max_size=4).map("-".join)
    lowest, highest = field.metadata.get("range", (None, None))
    return {
        bool: st.booleans(),
        int: st.integers(0, 9_999_999),
        float: st.floats(lowest, highest, allow_nan=False, allow_infinity=False),
        str: st.text(max_size=120),
    }[type(field.default)]


views = st.builds(UrlState, **{field.name: values_of(field) for field in fields(UrlState)})


def through_an_address(query):
    """As a browser's address bar and Streamlit hand it on."""
    return dict(parse_qsl(urlencode(query), keep_blank_values=True))


@settings(max_examples=500)
@given(views)
def test_every_view_survives_the_address_bar(view):
    assert address.read(through_an_address(address.write(view, ALL))) == (view, [])


@settings(max_examples=200)
@given(views, st.data())
def test_a_damaged_link_opens_some_view_and_never_fails(view, data):
    link = urlencode(address.write(view, ALL))
    for _ in range(data.draw(st.integers(1, 8), label="damages")):
        start = data.draw(st.integers(0, len(link)), label="from")
        stop = data.draw(st.integers(start, min(len(link), start + 40)), label="to")
        link = (
            link[:start] + data.draw(st.text(max_size=6) | st.sampled_from("%&=;+#-"), label="put there") + link[stop:]
        )
    opened, notices = address.read(dict(parse_qsl(link, keep_blank_values=True)))
    assert isinstance(opened, UrlState) and all(isinstance(notice, str) and notice for notice in notices)
    assert address.read(address.write(opened, ALL)) == (opened, []), "what was opened is itself no view"


def test_defaults_are_written_too_so_that_a_link_keeps_its_meaning_when_they_change():
    assert address.write(UrlState(), ["layer", "scaled"]) == {"v": "1", "layer": "0", "scaled": "0"}


@given(
    st.dictionaries(st.text(max_size=12) | st.sampled_from([f.name for f in fields(UrlState)]), st.text(max_size=30))
)
def test_no_link_whatever_breaks_the_app(query):
    view, notices = address.read(query)
    assert isinstance(view, UrlState)
    assert all(isinstance(notice, str) and notice for notice in notices)


@pytest.mark.parametrize(
    "query, names",
    [
        ({"layer": "-1"}, "layer"),
        ({"head": "many"}, "head"),
        ({"head": "９"}, "head"),
        ({"row": "1e3"}, "row"),
        ({"scaled": "yes"}, "scaled"),
        ({"kind": "sideways"}, "kind"),
        ({"checked_on": "moon"}, "checked on"),
        ({"exercise": "eleven"}, "exercise"),
        ({"numbers": "1_2~3_4"}, "numbers"),
        ({"ablated": "L0.H1-x"}, "ablated"),
        ({"removed": "L00.H1"}, "ablated"),
        ({"ablated": "L0.H1-"}, "ablated"),
        ({"ablated": "L１.H1"}, "ablated"),
        ({"ablation": "noise"}, "ablation"),
        ({"top": "7.0"}, "top"),
        ({"threshold": "-0.1"}, "threshold"),
        ({"top": "nan"}, "top"),
        ({"colour": "red"}, "colour"),
        ({"v": "999"}, "another version"),
    ],
)
def test_what_could_not_be_used_is_named(query, names):
    view, notices = address.read(query)
    assert view == UrlState()
    assert len(notices) == 1 and names in notices[0]


def test_a_text_too_long_for_an_address_is_named_in_it_and_whoever_opens_it_is_told():
    query = address.write(UrlState(text="a" * (address.LONGEST_TEXT + 1), pair="b"), ALL)
    assert "text" not in query and query["pair"] == "b"
    view, notices = address.read(query)
    assert view == UrlState(pair="b") and len(notices) == 1 and "without its text" in notices[0]


def test_a_file_holds_a_text_of_any_length():
    view = UrlState(text="a" * 100_000)
    assert address.read(address.write_all(view, ALL)) == (view, [])


def test_a_step_back_changes_only_what_the_address_names():
    before = UrlState(model="tiny-bert", layer=3, words="a_1~b_2")
    assert address.read({"v": "1", "layer": "1"}, before) == (replace(before, layer=1), [])
