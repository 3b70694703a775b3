"""A copied link must open the same view, and a damaged one must open some view and say what was lost."""

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnviz.core.exercises import EXERCISES
from attnviz.ui import address
from attnviz.ui.address import View

ALL = [field.name for field in fields(View)]
numbers = st.integers(0, 99_999)
views = st.builds(
    View,
    model=st.text(max_size=60),
    text=st.text(max_size=200),
    kind=st.sampled_from(["", "encoder", "decoder", "cross"]),
    layer=numbers,
    head=numbers,
    checked_on=st.sampled_from(address.CHECKED_ON),
    row=numbers,
    scaled=st.booleans(),
    causal=st.booleans(),
    exercise=st.sampled_from(sorted(EXERCISES)),
    numbers=st.builds("~".join, st.lists(st.text(max_size=9), max_size=4).map(lambda rows: ["hand", *rows])),
)


@given(views)
def test_every_view_survives_the_address_bar(view):
    assert address.read(address.write(view, ALL)) == (view, [])


def test_defaults_are_written_too_so_that_a_link_keeps_its_meaning_when_they_change():
    assert address.write(View(), ["layer", "scaled"]) == {"v": "1", "layer": "0", "scaled": "0"}


@given(st.dictionaries(st.text(max_size=12) | st.sampled_from([f.name for f in fields(View)]), st.text(max_size=30)))
def test_no_link_whatever_breaks_the_app(query):
    view, notices = address.read(query)
    assert isinstance(view, View)
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
        ({"colour": "red"}, "colour"),
        ({"v": "999"}, "another version"),
    ],
)
def test_what_could_not_be_used_is_named(query, names):
    view, notices = address.read(query)
    assert view == View()
    assert len(notices) == 1 and names in notices[0]


def test_a_text_too_long_for_an_address_is_left_out():
    query = address.write(View(text="a" * (address.LONGEST_TEXT + 1)), ALL)
    assert "text" not in query


def test_a_step_back_changes_only_what_the_address_names():
    before = View(model="tiny-bert", layer=3, words="a_1~b_2")
    assert address.read({"v": "1", "layer": "1"}, before) == (replace(before, layer=1), [])
