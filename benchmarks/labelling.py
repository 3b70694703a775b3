"""What labelling costs: time beside plain forward passes over the same tokens, and memory beside the model's own.

    python -m benchmarks.labelling [MODEL] [--runs N]

Without MODEL: GPT-2 small's shape, 12 layers of 12 heads, with random weights and tiny-gpt's tokenizer. Plain passes
and labelling take turns in one process, on one thread, and processor time is counted, which other work on the machine
hardly touches; the medians over the runs are shown. Labelling is all of it: probes, passes and statistics.
Memory is the peak of resident memory (VmHWM, which Linux lets a process reset) above what was resident before, with
what had been freed given back (malloc_trim), so that the model is not in it and nothing freed before hides any. What
the C library keeps of freed memory counts. One layer's attention weights on a batch may be held; what is held beside
them has a limit of 64 MB.
"""

import argparse
import ctypes
import gc
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
import transformers

from attnviz.capture.layers import forward
from attnviz.capture.tracing import capture_ids
from attnviz.labels.decide import SEED
from attnviz.labels.evaluate import evaluate_heads
from attnviz.labels.probe_sets import first_family, second_family, special_tokens_of
from attnviz.labels.scores import batches
from attnviz.models.loading import LoadedModel, load_model

MEGABYTE = 2**20
MOST = 64  # megabytes that labelling may hold beside the model and one layer's attention weights


def gpt2_small() -> LoadedModel:
    """GPT-2 small's shape with random weights, and the tokenizer of a bundled model."""
    bundled = load_model("tiny-gpt")
    config = transformers.GPT2Config(vocab_size=len(bundled.tokenizer), n_positions=1024)
    torch.manual_seed(0)
    whole = transformers.GPT2LMHeadModel(config).eval().requires_grad_(False)
    return LoadedModel(whole.transformer, bundled.tokenizer, "random GPT-2 small", "", "gpt2", "cpu", 1024, whole)


def default_batches(model: LoadedModel) -> list[torch.Tensor]:
    """Both families' token ids [batch, tokens], in labelling's own batches."""
    layers = capture_ids(model.module, [model.tokenizer("the")["input_ids"] * 2])[0]
    special_tokens = special_tokens_of(model.tokenizer, layers[0].kind == "decoder", model.limit)
    families = first_family(model.tokenizer, special_tokens, SEED), second_family(model.tokenizer, special_tokens, SEED)
    return [torch.tensor([probe.ids for probe in batch]) for family in families for batch in batches(family)]


def cost(work: Callable[[], object]) -> tuple[float, float, float]:
    """Processor seconds, seconds, and megabytes at the peak above what was resident before."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    began, processor = time.perf_counter(), time.process_time()
    work()
    return time.process_time() - processor, time.perf_counter() - began, (resident("VmHWM") - before) / MEGABYTE


def layer_weights(model: LoadedModel, rows: list[torch.Tensor]) -> float:
    """Megabytes of one layer's attention weights [batch, heads, n, n] on the batch where they are most."""
    heads = max(layer.n_heads for layer in capture_ids(model.module, rows[0][:1].tolist())[0])
    return max(4 * heads * len(ids) * ids.shape[1] ** 2 for ids in rows) / MEGABYTE


def resident(name: str) -> int:
    """Bytes, from the process's own account."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.labelling", description="What labelling costs beside plain forward passes."
    )
    parser.add_argument("model", nargs="?", help="a model's name, its folder, or a hub id")
    parser.add_argument("--runs", type=int, default=3)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    model = gpt2_small() if chosen.model is None else load_model(chosen.model)
    rows = default_batches(model)

    def read_plainly() -> None:
        for ids in rows:
            forward(model.module, {"input_ids": ids})

    forward(model.module, {"input_ids": rows[0]})
    costs = [(cost(read_plainly), cost(lambda: evaluate_heads(model))) for _ in range(chosen.runs)]
    plain, whole = (tuple(map(statistics.median, zip(*of_each))) for of_each in zip(*costs))
    layer = sum(part.numel() * part.element_size() for part in model.module.parameters()) / MEGABYTE
    tokens = sum(ids.numel() for ids in rows)
    print(
        f"{model.name}: {tokens:,} tokens in {len(rows)} batches, medians of {chosen.runs}; all weights {layer:,.0f} MB"
    )
    print(f"{'':16}{'processor s':>12}{'seconds':>10}{'peak MB':>10}")
    for name, found in (("plain passes", plain), ("labelling", whole)):
        print(f"{name:16}{found[0]:12.1f}{found[1]:10.1f}{found[2]:10.0f}")
    print(f"{'ratio':16}{whole[0] / plain[0]:12.2f}{whole[1] / plain[1]:10.2f}")
    weights = layer_weights(model, rows)
    print(f"one layer's weights on the largest batch {weights:.1f} MB")
    print(f"beside the model and one layer's weights {whole[2] - weights:.1f} MB, of {MOST} allowed")


if __name__ == "__main__":
    main()
