"""The table of architectures: as fresh as the code, and nothing in it passes for want of a comparison."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

from attnviz.capture.layers import capture_batch
from attnviz.cli import main
from attnviz.errors import AttnvizError
from attnviz.models import zoo
from attnviz.validation import architectures as module
from attnviz.validation.architectures import examine, validate_architectures
from attnviz.validation.certificate import certify_batch
from attnviz.validation.table import as_markdown, decade, stored_report
from tests.rotation import rotated

REPOSITORY = Path(__file__).resolve().parents[2]
KEYS = {"name", "route", "passed", "heads_expected", "heads_compared", "padded", "weight_error", "drift",
        "output_error", "reason"}  # fmt: skip
BY_INTERFACE = ["bert", "llama", "gpt_oss", "gemma2", "t5", "granite_swa", "layoutlm"]
BY_TAP = ["bloom", "deberta-v2", "xlnet", "fsmt", "deepseek_v32"]


def scaled(texts, factor, only=None):
    """The same layers with a wrong scale, in all of them or in one."""

    def wrong(index, layer):
        return replace(layer, scale=factor * layer.scale) if only in (None, index) else layer

    return [tuple(wrong(index, layer) for index, layer in enumerate(layers)) for layers in texts]


# --- the stored table -----------------------------------------------------------------------------------------------


def test_the_stored_table_is_of_this_release():
    """A table of another transformers, or with names missing, promises what nobody has checked."""
    report = stored_report()
    assert report["transformers"] == transformers.__version__
    assert [result["name"] for result in report["architectures"]] == zoo.architectures()


def test_the_stored_table_keeps_the_promise():
    results = stored_report()["architectures"]
    assert sum(result["passed"] for result in results) >= 200
    for result in results:
        assert result.keys() == KEYS
        if result["passed"]:
            assert result["route"] in ("interface", "fallback") and result["padded"] and result["reason"] is None
            assert result["heads_compared"] == result["heads_expected"] > 0, result["name"]
            assert result["weight_error"] <= 1e-5 and result["output_error"] <= 1e-5
        else:
            assert result["heads_compared"] == 0 and result["reason"].endswith("."), result["name"]


def test_the_page_is_made_from_the_stored_table():
    """A page that was edited by hand, or not made anew."""
    page = (REPOSITORY / "docs" / "architectures.md").read_text(encoding="utf-8")
    assert page == as_markdown(stored_report())
    rows = [line for line in page.splitlines() if line.startswith("| ")][2:]
    assert len(rows) == len(zoo.architectures()) and {row.replace("\\|", "").count("|") for row in rows} == {9}


@pytest.mark.parametrize(("error", "text"), [(None, ""), (0.0, "0"), (3e-7, "1e-6"), (1e-6, "1e-6"), (0.2, "1e0")])
def test_errors_read_as_decades(error, text):
    assert decade(error) == text


STORED = {result["name"]: result for result in stored_report()["architectures"]}


@pytest.mark.parametrize("name", rotated(STORED))
def test_the_stored_table_is_what_a_run_gives(name):
    """Everything that the page says, found again."""
    (now,) = validate_architectures([name])["architectures"]
    same = ("route", "passed", "heads_expected", "heads_compared", "padded", "reason")
    assert {key: now[key] for key in same} == {key: STORED[name][key] for key in same}


@pytest.mark.parametrize("name", rotated(name for name, result in STORED.items() if result["passed"]))
def test_a_wrong_scale_is_red_in_every_architecture(name):
    """None of them passes because its softmax is flat, or its rows are left out."""
    module = zoo.build(name)
    inputs = zoo.batch(module, padded=True)
    route, texts = capture_batch(module, inputs)
    certificates = certify_batch(module, name, inputs, route, scaled(texts, 1.01))
    assert not any(one.passed for one in certificates)


# --- one architecture -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BY_INTERFACE + BY_TAP)
def test_an_architecture_passes_by_its_route(name):
    result = examine(name)
    assert result.passed, result
    assert result.route == ("fallback" if name in BY_TAP else "interface")
    assert result.heads_compared == result.heads_expected >= 8 and result.padded


@pytest.mark.parametrize("name", BY_INTERFACE + BY_TAP)
def test_a_wrong_scale_is_red(name):
    """In any one layer, by either route: half a percent is seen."""
    module = zoo.build(name)
    inputs = zoo.batch(module, padded=True)
    route, texts = capture_batch(module, inputs)
    for index in range(len(texts[0])):
        certificates = certify_batch(module, name, inputs, route, scaled(texts, 1.005, only=index))
        assert not any(one.passed for one in certificates)


@pytest.mark.parametrize("name", ["bert", "bloom", "t5"])
def test_each_text_of_a_batch_is_compared_with_itself(name):
    """Texts of a batch that changed places."""
    module = zoo.build(name)
    inputs = zoo.batch(module, padded=True)
    route, texts = capture_batch(module, inputs)
    assert all(one.passed for one in certify_batch(module, name, inputs, route, texts))
    assert not any(one.passed for one in certify_batch(module, name, inputs, route, texts[::-1]))


def test_padding_is_left_out_and_nothing_else(monkeypatch):
    """A fault in a row of padding is nobody's; one row further it is somebody's."""
    module = zoo.build("bert")
    inputs = zoo.batch(module, padded=True)
    route, texts = capture_batch(module, inputs)

    def with_spoilt(row):
        q = texts[1][0].q.copy()
        q[0, row] += 0.1
        layers = (replace(texts[1][0], q=q), *texts[1][1:])
        return certify_batch(module, "bert", inputs, route, [texts[0], layers])[1].passed

    assert with_spoilt(zoo.PADDING - 1) and not with_spoilt(zoo.PADDING)


def test_a_head_that_nobody_compared_is_no_pass(monkeypatch):
    """Softmax ran in more heads than were compared: a layer slipped by."""
    from attnviz.validation import certificate

    module = zoo.build("bert")
    inputs = zoo.batch(module, padded=False)
    route, texts = capture_batch(module, inputs)
    original = certificate.eager_pass
    monkeypatch.setattr(certificate, "eager_pass", lambda *arguments: original(*arguments) + 4)
    (one, _) = certify_batch(module, "bert", inputs, route, texts)
    assert not one.passed and (len(one.heads), one.heads_expected) == (8, 12)
    assert examine("bert").reason == "8 heads were compared, and softmax ran in 12."


def test_a_head_without_a_row_to_compare_is_no_pass(monkeypatch):
    """Rows that are left out everywhere leave errors of zero."""
    from attnviz.validation import certificate

    module = zoo.build("bert")
    inputs = zoo.batch(module, padded=False)
    route, texts = capture_batch(module, inputs)
    monkeypatch.setattr(certificate, "_live_rows", lambda *arguments: np.zeros(arguments[-1].shape[:2], dtype=bool))
    with pytest.raises(ValueError, match="no row"):
        certify_batch(module, "bert", inputs, route, texts)


def test_a_sink_that_transformers_takes_off_the_output_is_compared():
    """Granite's eager weights are those before the sink; a lost sink must still be red."""
    module = zoo.build("granite_swa")
    inputs = zoo.batch(module, padded=False)
    route, texts = capture_batch(module, inputs)
    assert texts[0][0].attention().sink_share.max() > 0.1
    lost = [tuple(replace(layer, sink=None) for layer in layers) for layers in texts]
    assert not any(one.passed for one in certify_batch(module, "granite_swa", inputs, route, lost))


# --- the command ----------------------------------------------------------------------------------------------------


def test_the_command_in_json(capsys):
    assert main(["validate", "--architectures", "bert", "bloom", "fnet", "--json"]) == 0
    out, err = capsys.readouterr()
    report = json.loads(out)
    assert report.keys() == {"transformers", "architectures"} and report["transformers"] == transformers.__version__
    assert [result["name"] for result in report["architectures"]] == ["bert", "bloom", "fnet"]
    assert all(result.keys() == KEYS for result in report["architectures"])
    assert [result["passed"] for result in report["architectures"]] == [True, True, False]
    assert len(err.splitlines()) == 3, "one line an architecture, as it goes"


def test_the_command_in_words(capsys):
    assert main(["validate", "--architectures", "gpt2", "mamba"]) == 0
    out, err = capsys.readouterr()
    assert "1 of 2 architectures passed" in out and "gpt2: interface, 8 heads" in err
    assert "mamba: not compared" in err


def test_the_command_fails_when_a_compared_one_fails(capsys, monkeypatch):
    original = module.capture_batch

    def faulty(*arguments):
        route, texts = original(*arguments)
        return route, scaled(texts, 1.1)

    monkeypatch.setattr(module, "capture_batch", faulty)
    assert main(["validate", "--architectures", "bert"]) == 1
    assert "FAILED" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["MODEL", "--architectures"], ["--architectures", "no-such-thing"]])
def test_what_the_command_cannot_serve(capsys, arguments):
    assert main(["validate", *arguments]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_an_unknown_name_is_refused_before_anything_runs():
    with pytest.raises(AttnvizError, match="no text architecture"):
        validate_architectures(["bert", "gpt-5"])


def test_a_model_that_fails_on_text_gives_its_reason(monkeypatch):
    """What the model itself raises belongs in its row, not on the reader's screen."""

    def fail(*arguments):
        raise torch.OutOfMemoryError("too\nmuch")

    monkeypatch.setattr(module, "capture_batch", fail)
    result = examine("bert")
    assert not result.passed and "does not run on text: too much" in result.reason
