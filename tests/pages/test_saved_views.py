"""A saved view opens with its note and a line that says whether its numbers still hold."""

import json

import pytest

from attnviz import estimate
from attnviz.files import saved_view
from attnviz.ui import address
from tests.pages.test_pages import MINILM, open_app, said

HOSTILE = "**bold** <img src=x onerror=alert(1)> :red[no]\nsecond line"


def kept(app, note=HOSTILE):
    """What the button would save, taken from the component that saves it."""
    (component,) = [one for one in app.get("bidi_component") if one.proto.component_name.endswith("save_view")]
    view = json.loads(json.loads(component.proto.json)["view"])
    return view | {"note": note}


def opened(*files, page="heads.py"):
    """A fresh session that is given the files and opens the first."""
    app = open_app("saved_views.py", model="")
    app.file_uploader[0].set_value([(f"{i}.json", as_bytes(file), "application/json") for i, file in enumerate(files)])
    app.run()
    next(button for button in app.button if button.label == "Open").click().run()
    return app.switch_page(f"pages/{page}").run()


def as_bytes(file):
    return file if isinstance(file, bytes) else json.dumps(file).encode()


def told(app):
    return " ".join(box.value for box in [*app.success, *app.warning]).replace("\\", "")


def test_a_saved_view_opens_the_same_view_with_its_note_as_text():
    saved = open_app("heads.py", text="Dogs chase cats", layer="3", head="5", measure="entropy", hide_special="1")
    app = opened(kept(saved))
    assert not app.exception and not app.error
    assert dict(app.query_params) == dict(saved.query_params)
    assert [box.value for box in app.text] == [HOSTILE]
    assert "still hold" in told(app) and "not" not in told(app)


def test_a_saved_view_of_two_sides_opens_compare():
    saved = open_app("compare.py", model="tiny-gpt@500", model_b="tiny-gpt", layer="1", head="1", layer_b="1")
    view = kept(saved)
    assert view["model"] == "tiny-gpt@500, tiny-gpt" and view["certificate"].count("recomputed") == 2
    app = opened(view, page="compare.py")
    assert not app.exception and "still hold" in told(app)
    assert dict(app.query_params) == dict(saved.query_params)


def test_a_number_that_no_longer_holds_is_told_with_the_reason():
    view = kept(open_app("heads.py", text="Dogs chase cats"))
    name = next(iter(view["numbers"]))
    view["numbers"][name] += 0.1
    view["revision"] = "0123abc"
    app = opened(view)
    assert "do not hold" in told(app) and "0123abc" in told(app)


def test_a_changed_view_is_not_taken_for_the_saved_one_and_leads_back_to_it():
    app = opened(kept(open_app("heads.py", text="Dogs chase cats", layer="3")))
    app.selectbox(key="pick_layer").set_value(1).run()
    assert "still hold" not in told(app)
    assert "has been changed" in " ".join(box.value for box in app.caption)
    next(button for button in app.button if button.label == "Back to the saved view").click().run()
    assert app.selectbox(key="pick_layer").value == 3 and "still hold" in told(app)
    next(button for button in app.button if button.label == "Close").click().run()
    assert not app.exception and not app.text and not told(app)


def test_a_text_too_long_for_a_link_is_in_the_saved_view():
    text = "a b " * 1100
    saved = open_app("heads.py", text="Dogs chase cats")
    view = kept(saved)
    view["address"]["text"] = text
    assert len(text) > address.LONGEST_TEXT
    assert opened(view).text_area(key="pick_text").value == text


def test_each_malformed_file_has_its_sentence_and_the_others_are_listed():
    whole = kept(open_app("heads.py", text="Dogs chase cats"))
    app = open_app("saved_views.py")
    files = [whole, b"no JSON", whole | {"page": "gone"}, whole | {"note": "a second"}, {"a": 1}]
    app.file_uploader[0].set_value([(f"{i}.json", as_bytes(file), "application/json") for i, file in enumerate(files)])
    app.run()
    assert not app.exception and len(app.error) == 3
    assert all(f"'{i}.json'" in said(app) for i in (1, 2, 4))
    assert [box.value for box in app.text] == [HOSTILE, "a second"]
    app.switch_page("pages/heads.py").run()
    app.switch_page("pages/saved_views.py").run()
    assert [box.value for box in app.text] == [HOSTILE, "a second"], "lost by a visit to another page"
    next(button for button in app.button if button.label == "Take off the list").click().run()
    assert [box.value for box in app.text] == ["a second"]


def test_a_model_that_is_not_here_is_said_before_and_after_opening():
    view = kept(open_app("heads.py", text="Dogs chase cats"))
    view["model"] = view["address"]["model"] = "/gone/model"
    app = open_app("saved_views.py")
    app.file_uploader[0].set_value([("it.json", as_bytes(view), "application/json")])
    app.run()
    assert "not on this machine" in " ".join(box.value for box in app.caption)
    app = opened(view)
    assert not app.exception and "no folder" in said(app) and [box.value for box in app.text] == [HOSTILE]


def test_damaged_choices_in_a_saved_view_are_said_like_those_of_a_link():
    view = kept(open_app("heads.py", text="Dogs chase cats", model=MINILM))
    view["address"] |= {"layer": "minus one", "colour": "red"}
    app = opened(view)
    assert not app.exception


def test_a_saved_view_holds_no_more_than_it_may():
    view = kept(open_app("heads.py", text="Dogs chase cats", measure="distance"))
    assert len(as_bytes(view)) < 10_000 and len(view["numbers"]) <= saved_view.MOST_NUMBERS
    assert any("distance" in name for name in view["numbers"])


@pytest.mark.parametrize(
    ("page", "query", "holds"),
    [
        ("similar.py", {"layer": "1", "head": "2", "up": "entropy", "across": "divergence"}, "divergence of L"),
        ("head_labels.py", {"layer": "1", "head": "1", "scores_of": "induction"}, "score of L1.H1, induction"),
        ("head_card.py", {"layer": "1", "head": "1", "text": "A fox saw. A fox saw."}, "of induction in the sentence"),
    ],
)
def test_a_saved_view_on_heads_in_relation_or_on_labels_is_worked_out_again(page, query, holds):
    """What is worth a note is there too, and whoever opens it must hear whether it still holds."""
    saved = open_app(page, model="tiny-gpt", **query)
    view = kept(saved)
    assert any(holds in name for name in view["numbers"]) and view["model"] == "tiny-gpt"
    app = opened(view, page=page)
    assert not app.exception and not app.error and "still hold" in told(app)
    assert all(app.query_params[name] == value for name, value in query.items())
    name = next(name for name in view["numbers"] if holds in name)
    view["numbers"][name] += 0.1
    assert "1 of" in told(changed := opened(view, page=page)) and "do not hold" in told(changed)


def test_a_view_whose_long_text_was_not_read_yet_can_be_saved(monkeypatch):
    """The text may be too long for a link, and too long to be read on this machine."""
    monkeypatch.setattr(estimate, "SAMPLE", 4)
    monkeypatch.setattr(estimate, "SLOW", 0.0)
    view = kept(open_app("heads.py", model="tiny-gpt", text="Dogs chase cats, and cats chase mice.", head="2"))
    assert view["numbers"] == {} and view["page"] == "heads"
    assert view["address"]["text"].startswith("Dogs chase")
