"""A saved view opens as it was saved, tells what no longer holds, and a damaged file says what is wrong with it."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnviz.errors import AttnvizError
from attnviz.files import saved_view
from attnviz.files.saved_view import SavedView
from attnviz.maps.attention_map import AttentionMap

TOKENS = ("<s>", "the", "cat", "→ 2 cat", "cat")
WEIGHTS = np.tril(np.arange(1.0, 26).reshape(5, 5))
WEIGHTS /= WEIGHTS.sum(axis=1, keepdims=True)
VERSIONS = "attnviz 0.1.0, torch 2.13.0"


def attention_map(weights=WEIGHTS, tokens=TOKENS):
    groups = tuple((token, (i,)) for i, token in enumerate(tokens))
    return AttentionMap(np.asarray(weights), groups, groups)


def view(**changes):
    whole = SavedView(
        attnviz="0.1.0", page="heads", title="L0.H0", address={"v": "1", "text": "the cat"}, note="the cat looks back",
        model="tiny-gpt", revision="abc", saved="2026-11-21", versions=VERSIONS, certificate="recomputed",
        numbers=saved_view.numbers_of(attention_map(), (2, 1)),
    )  # fmt: skip
    return replace(whole, **changes)


def verdict(kept, weights=WEIGHTS, tokens=TOKENS, revision="abc", versions=VERSIONS):
    return saved_view.verdict(kept, saved_view.numbers_again(kept, attention_map(weights, tokens)), revision, versions)


@given(note=st.text(max_size=200), numbers=st.dictionaries(st.text(max_size=9), st.floats(-1e9, 1e9), max_size=9))
def test_a_saved_view_is_read_as_it_was(note, numbers):
    kept = view(note=note, numbers=numbers)
    assert saved_view.load_saved_view(saved_view.as_json(kept).encode(), "view.json") == kept


def test_the_chosen_cell_its_row_and_the_strongest_of_all_are_kept():
    numbers = view().numbers
    assert numbers["2 cat → 1 the"] == WEIGHTS[2, 1]
    assert {name for name in numbers if name.startswith("2 cat")} == {f"2 cat → {j} {t}" for j, t in enumerate(TOKENS)}
    assert "0 <s> → 0 <s>" in numbers and len(numbers) <= saved_view.MOST_NUMBERS


def test_numbers_that_are_none_are_not_kept():
    weights = WEIGHTS.copy()
    weights[2, 1] = np.nan
    saved_view.as_json(view(numbers=saved_view.numbers_of(attention_map(weights), (2, 1))))


def test_numbers_that_hold():
    holds, says = verdict(view())
    assert holds and "still hold" in says and "difference 0." in says
    holds, says = verdict(view(), WEIGHTS + 3e-8)
    assert holds and "3e-08" in says


def test_two_weights_that_change_places_do_not_make_a_saved_view_false():
    """The strongest are told again by their places, not looked for again."""
    level = np.full((5, 5), 0.2)
    kept = view(numbers=saved_view.numbers_of(attention_map(level), (4, 0)))
    assert verdict(kept, level + 1e-9 * np.arange(25).reshape(5, 5))[0]


def test_numbers_that_differ_are_told_with_what_has_changed_since():
    weights = WEIGHTS.copy()
    weights[2, 1] += 0.25
    holds, says = verdict(view(), weights, revision="def", versions="attnviz 0.1.0, torch 2.14.0")
    assert not holds and "2 cat → 1 the: 0.3333 then, 0.5833 now" in says
    assert "revision abc then, revision def now" in says and "torch 2.13.0 then, torch 2.14.0 now" in says
    assert "attnviz 0.1.0 then" not in says, "named as changed though it is the same"
    assert "are the same" in verdict(view(), weights)[1]


def test_tokens_that_are_not_there_any_more_are_told():
    holds, says = verdict(view(), WEIGHTS[:2, :2], TOKENS[:2])
    assert not holds and "2 cat → 1 the: not there now" in says


def test_a_number_that_became_none_does_not_hold():
    assert not verdict(view(), WEIGHTS * np.nan)[0]


def damaged(**changes):
    return json.dumps(asdict(view()) | changes).encode()


WHOLE = saved_view.as_json(view()).encode()
DAMAGED = {
    "empty": b"",
    "blank": b"  \n",
    "no JSON": b"saved",
    "half": WHOLE[: len(WHOLE) // 2],
    "no UTF-8": b"\xff\xfe\x00",
    "a picture": b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
    "too large": b" " * (saved_view.MOST_BYTES + 1),
    "deep": b"[" * 100_000,
    "a list": b"[]",
    "a number": b"7",
    "null": b"null",
    "a string": b'"saved"',
    "another object": b'{"tokens": [], "weights": []}',
    "an endless number": damaged(numbers={"a": 0}).replace(b'"a": 0', b'"a": ' + b"9" * 5000),
    "a number beyond floats": damaged(numbers={"a": 10**400}),
    "NaN": damaged(numbers={"a": float("nan")}),
    "infinite": damaged(numbers={"a": float("inf")}),
    "a number as text": damaged(numbers={"a": "0.5"}),
    "a number that is true": damaged(numbers={"a": True}),
    "numbers in a list": damaged(numbers=[0.5]),
    "too many numbers": damaged(numbers={str(i): 0.5 for i in range(saved_view.MOST_NUMBERS + 1)}),
    "half a character in a number's name": damaged(numbers={"\ud83d": 0.5}),
    "half a character in the note": damaged(note="\ud83d"),
    "half a character in the address": damaged(address={"text": "\ud83d"}),
    "a note that is a number": damaged(note=7),
    "a note that is null": damaged(note=None),
    "a note without an end": damaged(note="a" * (saved_view.LONGEST_NOTE + 1)),
    "an address as text": damaged(address="?layer=3"),
    "an address with a number": damaged(address={"layer": 3}),
    "an address that is null": damaged(address=None),
    "another page": damaged(page="../app"),
    "a page in a list": damaged(page=["heads"]),
    "no date": damaged(saved="yesterday"),
    "a day that is none": damaged(saved="2026-02-30"),
    "a date as number": damaged(saved=20261121),
    "a title in an object": damaged(title={}),
    **{
        f"without its {part}": json.dumps({k: v for k, v in asdict(view()).items() if k != part}).encode()
        for part in asdict(view())
    },
}


@pytest.mark.parametrize("file", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_file_says_what_is_wrong(file):
    with pytest.raises(AttnvizError, match=r"'mine\.json'.*[.:]") as told:
        saved_view.load_saved_view(file, "mine.json")
    assert "\n" not in str(told.value) and len(str(told.value)) < 300


def test_parts_of_a_later_version_are_left_out():
    assert saved_view.load_saved_view(damaged(colour="red"), "mine.json") == view()
