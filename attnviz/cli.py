"""The command line: what the app can do, without a browser.

Exit codes: 0 done, 1 the check failed, 2 the request cannot be served (one line on standard error says why).
"""

import argparse
import io
import json
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

from attnviz.errors import AttnvizError, in_one_line


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    warnings.simplefilter("ignore")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # tokens of any script, whatever the terminal's locale
            stream.reconfigure(encoding="utf-8", errors="replace")
    try:
        chosen = _parser().parse_args(arguments)
        return chosen.run(chosen)
    except AttnvizError as error:
        print(f"attnviz: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("attnviz: stopped.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _example(chosen: argparse.Namespace) -> int:
    from attnviz.lessons.worked_example import PRINTED_OUTPUT, PRINTED_WEIGHTS, worked_example, wrong_rows

    example = worked_example(scaled=chosen.scaled, causal=chosen.causal)
    stages = example.stages
    if chosen.json:
        _print_json(
            {
                "tokens": list(example.inputs.tokens),
                "Q": example.Q.tolist(),
                "K": example.K.tolist(),
                "V": example.V.tolist(),
                "scores": stages.scores.tolist(),
                "weights": stages.weights.tolist(),
                "output": stages.output.tolist(),
                "printed": {
                    "weights": PRINTED_WEIGHTS.tolist(),
                    "output": PRINTED_OUTPUT.tolist(),
                    "wrong_rows": wrong_rows(),
                },
            }
        )
        return 0
    steps = [("Q = K = V", example.Q), ("scores Q·Kᵀ", stages.scores)]
    steps += [("scaled by 1/√d_k", stages.scaled)] if chosen.scaled else []
    steps += [("masked", stages.masked)] if chosen.causal else []
    for title, values in [
        *steps,
        ("weights, softmax of each row", stages.weights),
        ("output, weights·V", stages.output),
    ]:
        print(title)
        for token, row in zip(example.inputs.tokens, values):
            print(f"  {token}  " + "  ".join(f"{value:8.4f}" for value in row))
    print(f"The section's printed figures are off in the rows {' and '.join(wrong_rows())}.")
    return 0


def _models(chosen: argparse.Namespace) -> int:
    from attnviz.models.catalog import list_models

    keys = ("name", "source", "path", "architecture", "bytes", "n_layers", "n_heads", "loadable", "reason")
    entries = list_models()
    if chosen.json:
        _print_json({"models": [{key: asdict(entry)[key] for key in keys} for entry in entries]})
        return 0
    for entry in entries:
        heads = f"{entry.n_layers} × {entry.n_heads} heads" if entry.n_layers and entry.n_heads else ""
        where = entry.path if entry.loadable else entry.reason
        print(f"{entry.name:44} {entry.source:10} {entry.architecture or '':12} {entry.size:>8}  {heads:16} {where}")
    return 0


def _trace(chosen: argparse.Namespace) -> int:
    from attnviz.capture.tracing import trace
    from attnviz.files import trace_file

    if chosen.out is not None and chosen.out.suffix not in trace_file.FORMATS:  # before the model is loaded
        raise AttnvizError(f"--out must end in one of {', '.join(trace_file.FORMATS)}.")
    traced = trace(
        _load(chosen),
        chosen.text,
        chosen.pair,
        chosen.decoder,
        read_special=chosen.read_special,
        add_special=chosen.add_special,
        write=chosen.write,
    )
    if chosen.out is None:
        _print_json(trace_file.as_json(traced))
    else:
        trace_file.write(traced, chosen.out)
    return 0


def _validate(chosen: argparse.Namespace) -> int:
    if chosen.architectures is not None:
        return _validate_architectures(chosen)
    if chosen.model is None:
        raise AttnvizError("Name a MODEL to validate, or pass --architectures.")
    from tqdm import tqdm

    from attnviz.validation.certificate import validate

    model = _load(chosen)
    with tqdm(desc="comparing", unit="text", disable=None) as bar:
        certificate = validate(model, chosen.texts or None, progress=_bar_progress(bar))
    if chosen.json:
        _print_json(certificate.to_dict())
    else:
        leak = certificate.causal_leak
        print(f"{certificate.model}: {len(certificate.heads)} heads on {certificate.texts} texts")
        print(f"  weights, same inputs     {certificate.max_weight_error:.1e}   gate {certificate.tolerance:.0e}")
        print(f"  weights, end to end      {certificate.max_drift:.1e}   gate {certificate.drift_tolerance:.0e}")
        print(f"  output, same inputs      {certificate.max_output_error:.1e}   gate {certificate.tolerance:.0e}")
        print(f"  row sums                 {certificate.max_row_sum_error:.1e}   gate {certificate.tolerance:.0e}")
        print(f"  weight on later tokens   {'does not apply' if leak is None else f'{leak:.1e}   gate 0'}")
        print("passed" if certificate.passed else "FAILED: our attention is not this model's")
    return 0 if certificate.passed else 1


def _validate_architectures(chosen: argparse.Namespace) -> int:
    if chosen.model is not None:
        raise AttnvizError("--architectures makes its own models: leave the model out, or name architectures after it.")
    from attnviz.validation.architectures import validate_architectures

    report = validate_architectures(
        chosen.architectures, progress=lambda result: print(result.in_one_line, file=sys.stderr, flush=True)
    )
    results = report["architectures"]
    if chosen.json:
        _print_json(report)
    else:
        passed = sum(result["passed"] for result in results)
        compared = sum(result["heads_compared"] > 0 for result in results)
        print(f"transformers {report['transformers']}: {passed} of {len(results)} architectures passed")
        print(f"{compared - passed} failed, {len(results) - compared} could not be compared")
    return 1 if any(result["heads_compared"] and not result["passed"] for result in results) else 0


def _label(chosen: argparse.Namespace) -> int:
    if chosen.out is not None and chosen.out.suffix not in (".csv", ".json", ".parquet"):
        raise AttnvizError("--out must end in one of .csv, .json, .parquet.")
    from tqdm import tqdm

    from attnviz.labels.cache import evaluate_or_load, measure_or_load_effects
    from attnviz.labels.corpora import read
    from attnviz.labels.results import as_table

    corpus = None if chosen.corpus is None else read(chosen.corpus)
    model = _load(chosen)
    with tqdm(desc="labelling", unit="token", disable=None) as bar:
        found = evaluate_or_load(model, corpus, _bar_progress(bar), chosen.again)
    if chosen.effects:
        with tqdm(desc="ablating heads", unit="token", disable=None) as bar:
            found = measure_or_load_effects(model, found, corpus, _bar_progress(bar))
    labelled = found.json(chosen.effects)
    if chosen.out is not None:
        _write_labels(labelled, as_table(labelled), chosen.out)
    if chosen.json:
        _print_json(labelled)
    elif chosen.out is None:
        for head in labelled["heads"]:
            labels = "   ".join(
                f"{row['label']} {row['score']:.2f} [{row['low']:.2f}, {row['high']:.2f}] against {row['baseline']:.2f}"
                f" ({row['confidence']})"
                for row in head["labels"]
            )
            print(f"L{head['layer']}.H{head['head']}  sink tokens {head['rest_share']:4.0%}  {labels or 'unlabelled'}")
        if chosen.effects:
            _print_effects(labelled)
    return 0


def _print_effects(labelled: dict[str, Any]) -> None:
    """By metric, what it is without each head; `with_effects` says what the numbers are."""
    said = labelled["effects"]
    rows = [
        (f"L{head['layer']}.H{head['head']}", row["label"], row["effect"])
        for head in labelled["heads"]
        for row in head["labels"]
        if row["effect"] is not None
    ] + [(" ".join(one["heads"]), label, one) for label, one in said["together"].items()]
    for metric in dict.fromkeys(effect["metric"] for _, _, effect in rows):
        print(f"\n{metric}")
        for heads, label, effect in rows:
            if effect["metric"] == metric:
                low, high = effect["random_low"], effect["random_high"]
                others = "none to compare with" if low is None else f"{low:.3f} to {high:.3f} without others"
                print(
                    f"  {effect['base']:.3f} intact, {effect['mean']:.3f} by means, {effect['resample']:.3f} by "
                    f"resamples, {others}: {heads} {label}"
                )
    if said["reason"] is not None:
        print(f"\n{said['reason']}")
    for reason in dict.fromkeys(said["unmeasured"].values()):
        labels = ", ".join(label for label, why in said["unmeasured"].items() if why == reason)
        print(f"\n{labels}: {reason}")


def _write_labels(labelled: dict[str, Any], table: Any, out: Path) -> None:
    try:
        if out.suffix == ".csv":
            table.to_csv(out, index=False)
        elif out.suffix == ".parquet":
            table.to_parquet(out, index=False)
        else:
            out.write_text(json.dumps(labelled, ensure_ascii=False), encoding="utf-8")
    except OSError as error:
        raise AttnvizError(
            f"'{in_one_line(out)}' cannot be written ({error.strerror}): choose another place."
        ) from error


def _load(chosen: argparse.Namespace) -> Any:
    from tqdm import tqdm

    from attnviz.models import catalog, hub

    if catalog.locate(chosen.model) is None:
        download = hub.plan_download(chosen.model)
        said = f"fetching {in_one_line(download.name)}, {download.size}"
        with tqdm(desc=said, total=download.bytes, unit="B", unit_scale=True, disable=None) as bar:
            hub.fetch(download, _bar_progress(bar))
    from attnviz.models.loading import load_model

    model = load_model(chosen.model, device=chosen.device)
    for note in model.notes:
        print(f"attnviz: {note}", file=sys.stderr)
    return model


def _bar_progress(bar: Any) -> Callable[[int, int], None]:
    def show(done: int, total: int) -> None:
        bar.total = total
        bar.update(done - bar.n)

    return show


def _print_json(value: dict[str, Any]) -> None:
    json.dump(value, sys.stdout, ensure_ascii=False)
    sys.stdout.write("\n")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise AttnvizError(f"{message} (see `{self.prog} --help`)")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m attnviz", description="What attention does, and proof of it.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[argparse.Namespace], int], help: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=help, description=help)
        added.set_defaults(run=run)
        return added

    json_help = "one JSON object on standard output"
    example = command("example", _example, "the worked example, every stage")
    example.add_argument("--scaled", action="store_true", help="divide the scores by the root of d_k")
    example.add_argument("--causal", action="store_true", help="let no token look ahead")
    example.add_argument("--json", action="store_true", help=json_help)

    models = command("models", _models, "what can be loaded now, from where, how large")
    models.add_argument("--json", action="store_true", help=json_help)

    trace = command("trace", _trace, "every weight of every head for one text")
    trace.add_argument("model", metavar="MODEL", help="a model's name, its folder, or a hub id")
    trace.add_argument("text", metavar="TEXT")
    trace.add_argument("--pair", metavar="TEXT", help="a second text, for models that read pairs")
    trace.add_argument("--decoder", metavar="TEXT", help="what an encoder-decoder's decoder reads; without it, its own")
    trace.add_argument("--read-special", action="store_true", help="a typed [MASK] or <s> is the special token itself")
    trace.add_argument(
        "--no-special", dest="add_special", action="store_false", help="leave out the model's own special tokens"
    )
    trace.add_argument("--write", type=int, default=0, metavar="N", help="let a decoder write N tokens after the text")
    trace.add_argument(
        "--out", type=Path, metavar="FILE", help=".npz, .json, .csv or .html; without it JSON is printed"
    )

    validate = command("validate", _validate, "compare every head with the model's own attention")
    validate.add_argument("model", metavar="MODEL", nargs="?", help="a model's name, its folder, or a hub id")
    validate.add_argument(
        "--architectures",
        metavar="NAME",
        nargs="*",
        help="instead of a model, tiny ones of these architectures, or all",
    )
    validate.add_argument(
        "texts", metavar="TEXT", nargs="*", help="texts to compare on; without any, ten built-in ones"
    )
    validate.add_argument("--json", action="store_true", help=json_help)

    label = command("label", _label, "what every head seems to do, with the evidence")
    label.add_argument("model", metavar="MODEL", help="a model's name, its folder, or a hub id")
    label.add_argument(
        "--corpus",
        type=Path,
        metavar="FILE",
        help="sentences on which labels must hold as well: plain text, CoNLL-U, GAP, or LitBank's coreference",
    )
    label.add_argument(
        "--effects", action="store_true", help="also what the model does worse without the heads; takes minutes"
    )
    label.add_argument("--again", action="store_true", help="do not take the answer that was kept from the last time")
    label.add_argument("--out", type=Path, metavar="FILE", help=".csv, .json or .parquet")
    label.add_argument("--json", action="store_true", help=json_help)
    for added in (trace, validate, label):
        added.add_argument("--device", default="cpu", help="cpu, cuda or mps")
    return parser
