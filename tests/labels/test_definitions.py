"""A label is one file: a new one in the folder is found by all that speaks of labels, and nothing else is touched."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import attnviz
from attnviz.labels.decide import measured
from attnviz.labels.definitions import LABELS, SUPPRESSED
from attnviz.labels.effects import METRICS
from attnviz.labels.targets import SINK_TOKENS

PACKAGE = Path(attnviz.__file__).parent
NEW_LABEL = '''
"""next_but_one: the token after the next."""

from attnviz.labels.criteria import Criterion
from attnviz.labels.spec import FOX, ON_PASSAGES, UNIFORM, Explained, LabelSpec
from attnviz.labels.targets import at_offset

LABEL = LabelSpec(
    name="next_but_one",
    order=25,
    letter="Q",
    family="place",
    criterion=Criterion(0.3, 2, 0.1, "a test"),
    text=Explained("The token after the next.", "mean of A[i, i + 2]", ON_PASSAGES, UNIFORM, "Why.", "nobody"),
    example=(FOX, at_offset(range(len(FOX)), 2)),
    on_places=lambda tokens: {} if tokens.causal else {"next_but_one": at_offset(tokens.ordinary, 2)},
)
'''
SCRIPT = """
import json
from attnviz.figures.labels import FAMILIES, colour_of, letter_of
from attnviz.labels import method
from attnviz.labels.cache import cache_path, load_cached
from attnviz.labels.definitions import LABELS, versions
from attnviz.labels.evaluate import ProbeSets, evaluate_on
from attnviz.labels.probe_sets import first_family, special_tokens_of
from attnviz.models.loading import load_model
from attnviz.ui.address import UrlState, read

model = load_model("tiny-bert")
special_tokens = special_tokens_of(model.tokenizer, False, model.limit)
probes = [probe for probe in first_family(model.tokenizer, special_tokens, 1) if "next_but_one" in probe.targets]
found = evaluate_on(model, ProbeSets((probes[:24], probes[24:48]), ({}, {}), None))
twin = found.scores["offset:+2"].score
shipped = load_cached(model)
print(json.dumps({
    "labels": list(LABELS),
    "method": "### next_but_one" in method.section() and "after the next" in method.explained("next_but_one"),
    "picture": method.picture("next_but_one")[1].tolist(),
    "letter": letter_of("next_but_one"),
    "colour": colour_of("next_but_one", "light") == FAMILIES["place"][0],
    "score": (abs(found.scores["next_but_one"].score - twin) < 1e-6).all().item() and twin.max().item() > 0,
    "asked": found.versions == versions(),
    "choices": UrlState.__dataclass_fields__["label"].metadata["choices"],
    "address": read({"label": "next_but_one"})[0].label,
    "kept": sorted(shipped.versions), "shown": any(shipped.found),
}))
"""


@pytest.fixture(scope="module")
def with_a_new_label(tmp_path_factory):
    """What a copy of the package says that has one file more."""
    folder = tmp_path_factory.mktemp("copy")
    ignored = shutil.ignore_patterns("bundled", "__pycache__")
    shutil.copytree(PACKAGE, folder / "attnviz", ignore=ignored)
    (folder / "attnviz" / "models" / "bundled").symlink_to(PACKAGE / "models" / "bundled")
    (folder / "attnviz" / "labels" / "definitions" / "next_but_one.py").write_text(NEW_LABEL)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=folder, capture_output=True, text=True, timeout=300,
        env=os.environ | {"PYTHONPATH": str(folder), "ATTNVIZ_CACHE": str(folder / "cache")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_one_file_adds_a_label_everywhere(with_a_new_label):
    said = with_a_new_label
    assert said["labels"] == [*list(LABELS)[:2], "next_but_one", *list(LABELS)[2:]]
    assert said["method"] and said["picture"][0][2] == 1
    assert said["letter"] == "Q" and said["colour"]
    assert said["score"] and said["asked"]
    assert "next_but_one" in said["choices"] and said["address"] == "next_but_one"


def test_a_new_label_voids_no_kept_results(with_a_new_label):
    """A model of one's own takes minutes to label."""
    assert with_a_new_label["kept"] == sorted(LABELS) and with_a_new_label["shown"]


def test_names_letters_families_and_tasks_fit_together():
    assert all(name == spec.name and ":" not in name for name, spec in LABELS.items())
    assert all(len(spec.letter) == 1 and spec.version >= 1 for spec in LABELS.values())
    for spec in LABELS.values():
        asked = (spec.on_places, spec.on_passage, spec.on_repeats, spec.on_tree, spec.on_mentions, spec.suppresses)
        assert any(one is not None for one in asked), f"{spec.name} is asked nowhere"
        assert set(spec.tasks.values()) <= set(METRICS)
        assert all(label.split(":")[0] == spec.name for label in spec.tasks)
    assert set(SUPPRESSED) | set(SUPPRESSED.values()) <= set(LABELS)


def test_what_is_no_label_gets_no_verdict():
    """Such as the weight on first and special tokens, which is counted like one."""
    assert measured({SINK_TOKENS: None, "control of induction": None}, {}) == {}


def test_definitions_and_results_need_no_torch():
    """Pages read them before any model is loaded."""
    names = [f"attnviz.labels.{name}" for name in ("definitions", "criteria", "method", "results", "summary")]
    code = f"import sys, {', '.join(names)}; assert not {{'torch', 'transformers'}} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=PACKAGE.parent, check=True, timeout=120)
