"""What a long text takes is said beforehand: the bytes must do, and what is cancelled must be given back."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from attnviz import estimate
from attnviz.capture.tracing import read_text, trace
from attnviz.models import memory
from attnviz.traces import Head
from tests.conftest import save_tiny

ROOT = Path(__file__).parents[1]
LONG = 4096  # tokens
RUN = """
import json, sys, threading, time
import psutil
from attnviz.maps import attention_map, head_statistics, options
from attnviz import estimate
from attnviz.capture.tracing import read_text, trace
from attnviz.models.loading import load_model
from attnviz.validation.certificate import certify
from attnviz.traces import Head

process = psutil.Process()

def peak(work):
    estimate.release_memory()
    before = most = process.memory_info().rss
    ended = threading.Event()

    def watch():
        nonlocal most
        while not ended.is_set():
            most = max(most, process.memory_info().rss)
            time.sleep(0.002)

    watcher = threading.Thread(target=watch)
    watcher.start()
    start = time.perf_counter()
    try:
        result = work()
    finally:
        ended.set()
        watcher.join()
    return result, most - before, time.perf_counter() - start

def read():
    traced = trace(model, text)
    options.small_maps(traced, "decoder", options.MapOptions())
    head_statistics.head_overview(traced[Head("decoder", 1, 0)])
    options.make_map(traced, Head("decoder", 1, 0), options.MapOptions(window=128))
    return traced

class Cancelled(BaseException):
    pass

def step(done):
    if done == 2:
        raise Cancelled

def cancelled(work):
    try:
        work()
    except Cancelled:
        return
    raise AssertionError("it ran to its end")

model = load_model(sys.argv[1])
text = sys.stdin.read()
certify(model, trace(model, "the cat sat"))
expected = estimate.estimate(estimate.measure_throughput(model, read_text(model, text).inputs), int(sys.argv[2]))
estimate.release_memory()
idle = process.memory_info().rss
_, most, _ = peak(lambda: cancelled(lambda: trace(model, text, progress=step)))
estimate.release_memory()
after_reading = process.memory_info().rss - idle
traced, n_bytes, seconds = peak(read)
kept = process.memory_info().rss
cancelled(lambda: certify(model, traced, progress=step))
estimate.release_memory()
after_checking = process.memory_info().rss - kept
certificate, checking_bytes, checking_seconds = peak(lambda: certify(model, traced))
print(json.dumps({
    "tokens": len(traced.tokens), "passed": certificate.passed, "sampled": certificate.sampled,
    "bytes": [n_bytes, expected.n_bytes], "checking_bytes": [checking_bytes, expected.checking_bytes],
    "seconds": [seconds + checking_seconds, expected.seconds + expected.checking_seconds],
    "left": [after_reading, after_checking], "heavy": expected.heavy,
}))
"""


def text_of(model, n):
    """A text that the model reads as n tokens."""
    whole = "the cat sat on the mat, " * n
    ends = model.tokenizer(whole, return_offsets_mapping=True)["offset_mapping"]
    return whole[: ends[n - 1][1]]


@pytest.fixture(scope="module")
def small_llama(tmp_path_factory):
    folder = tmp_path_factory.mktemp("long") / "small-llama"
    shape = {"hidden_size": 64, "num_hidden_layers": 4, "num_attention_heads": 8}
    save_tiny("llama", folder, max_position_embeddings=LONG, **shape)
    return folder


@pytest.mark.ci
def test_a_long_text_stays_under_its_estimate_and_a_cancelled_one_gives_its_memory_back(small_llama):
    """Memory is held strictly; the time, which other work can stretch, against a generous multiple."""
    from attnviz.models.loading import load_model

    text = text_of(load_model(str(small_llama)), LONG)
    run = subprocess.run(
        [sys.executable, "-c", RUN, str(small_llama), str(LONG)], input=text, capture_output=True, text=True, cwd=ROOT
    )
    assert run.returncode == 0, run.stderr
    told = json.loads(run.stdout.splitlines()[-1])
    assert told["tokens"] == LONG and told["passed"] and told["sampled"] and told["heavy"]
    for name in ("bytes", "checking_bytes"):
        actual, expected = told[name]
        assert actual <= expected, f"{name}: {told}"
    assert max(told["left"]) < 60e6, told
    taken, expected = told["seconds"]
    assert taken < 3 * expected, told


def test_bytes_grow_with_the_text_as_its_matrices_do(tiny_model):
    model = tiny_model("llama")
    shape = estimate.shape_of(model, "interface", trace(model, "the cat sat").layers)
    once, twice = (estimate.bytes_of(shape, n)[1] - estimate.ALWAYS for n in (20_000, 40_000))
    assert 3.9 < twice / once < 4.1
    assert estimate.bytes_of(shape, 4096)[0] < estimate.bytes_of(shape, 4096)[1], "checking works on whole matrices"


def test_what_a_trace_keeps_is_counted_exactly(tiny_model):
    """Else a long text takes more than was said."""
    for name in ("llama", "mistral", "bert", "gemma2"):
        traced = trace(tiny_model(name), "the cat sat on the mat and the dog saw the cat")
        shape = estimate.shape_of(tiny_model(name), traced.route, traced.layers)
        n = len(traced.tokens)
        arrays = {
            id(array): array
            for layer in traced.layers
            for array in (layer.q, layer.k, layer.v, layer.mask, layer.bias, layer.scores)
            if array is not None
        }
        assert sum(estimate._kept(layer, n, n) for layer in shape.layers) == sum(one.nbytes for one in arrays.values())


def test_a_short_text_is_light_and_a_machine_without_memory_is_known(tiny_model, monkeypatch, tmp_path):
    model = tiny_model("llama")
    measured = estimate.measure_throughput(model, read_text(model, text_of(model, 100)).inputs)
    assert measured.seconds_a_token > 0 and measured.seconds_a_score > 0
    assert estimate.estimate(measured, 70).n_bytes < estimate.LARGE
    for name, told in (("memory.max", "1000"), ("memory.current", "900"), ("memory.stat", "anon 1\ninactive_file 50")):
        (tmp_path / name).write_text(told)
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    assert memory.free_bytes() == 150, "a container's limit is the limit"
    (tmp_path / "memory.max").write_text("max")
    assert memory.free_bytes() > 10**6


def test_what_is_written_is_part_of_the_time_that_is_said(tiny_model):
    """Each written token is a step through the whole model: some of them take longer than reading the text."""
    model = tiny_model("llama")
    shape = estimate.shape_of(model, "interface", trace(model, "the cat sat").layers)
    pace = estimate.Throughput(shape, 0.01, 1e-9, 0.02)
    read, written = (estimate.estimate(pace, 100, writing=n) for n in (0, 10))
    assert written.seconds - read.seconds == pytest.approx(estimate.TIMES * 10 * 0.02)
    assert written.checking_seconds == read.checking_seconds


def test_the_time_of_comparing_heads_is_scaled_up_from_a_few_rows(monkeypatch, tiny_model):
    """Twice the text is four times the rows and keys: the estimate must follow."""
    monkeypatch.setattr(estimate, "_seconds", lambda run: run() and 1.0)
    traced = trace(tiny_model("llama"), "the cat sat on the mat and the dog saw the cat and the mat")
    n_heads = sum(layer.n_heads for layer in traced.layers)
    rows = min(estimate.ROWS, len(traced.tokens))
    expected = estimate.TIMES * n_heads / traced.layers[0].n_heads * len(traced.tokens) / rows
    assert estimate.comparing_seconds(traced, Head("decoder", 0, 1)) == pytest.approx(expected)
