"""What people have kept of an earlier attnviz: links, a saved view, traces and the Python lines of every page."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from attnviz.files.weights_file import load_weights
from attnviz.ui import address
from tests.pages.test_pages import open_app

FORMER = Path(__file__).parent / "former"
LINKS = json.loads((FORMER / "links.json").read_text(encoding="utf-8"))
NOW = {"removed": "ablated", "stand_in": "ablation"}
VALUES = {"apart": "divergence"}
PROGRAMS = sorted(FORMER.glob("*.txt"))


@pytest.mark.parametrize("page", LINKS)
def test_a_link_that_was_sent_opens_the_same_choices(page):
    """Every part is still known, by its name of today, and none has to be replaced."""
    state, notices = address.read(LINKS[page])
    assert notices == []
    wanted = {NOW.get(name, name): VALUES.get(value, value) for name, value in LINKS[page].items()}
    assert address.write(state, set(wanted)) == wanted


def test_a_link_with_former_names_opens_its_view():
    app = open_app("compare.py", **LINKS["compare"])
    assert not app.exception and not app.error and not app.info
    assert app.multiselect(key="pick_ablated").value == ["L0.H0"] and app.query_params["ablation"] == "mean"


def test_a_view_that_was_saved_opens_and_its_numbers_hold():
    saved = (FORMER / "finding.json").read_bytes()
    app = open_app("_findings.py", model="")
    app.file_uploader[0].set_value([("finding.json", saved, "application/json")]).run()
    next(button for button in app.button if button.label == "Open").click().run()
    app.switch_page("pages/compare.py").run()
    assert not app.exception and "The numbers still hold" in " ".join(box.value for box in app.success)
    assert "goes when the head below it" in app.text[0].value


@pytest.mark.parametrize("name", ["trace.npz", "trace.json"])
def test_a_trace_that_was_written_opens_with_its_weights(name):
    opened = load_weights((FORMER / name).read_bytes(), name).trace
    wanted = json.loads((FORMER / "trace.json").read_text(encoding="utf-8"))
    assert list(opened.tokens) == wanted["tokens"] and len(opened.layers) == len(wanted["layers"])
    for layer, of_file in zip(opened.layers, wanted["layers"]):
        np.testing.assert_allclose(layer.attention().weights, of_file["weights"], atol=1e-6)


@pytest.mark.ci
def test_the_python_lines_that_were_exported_make_the_same_pictures(tmp_path):
    """Of every page, all in one fresh process; names that have changed since may warn."""
    code = """
import json, sys, warnings
from pathlib import Path
import numpy as np
warnings.simplefilter("ignore")
made = {}
for path in sys.argv[1:]:
    names = {}
    exec(Path(path).read_text(encoding="utf-8"), names)
    charts = names["charts"] if "charts" in names else {"figure": names["figure"]}
    made[Path(path).stem] = {chart: [
        [one.type, part, list(np.shape(values)),
         round(float(np.abs(np.nan_to_num(values, posinf=0, neginf=0)).sum()), 4)]
        for one in figure.data for part in ("z", "x", "y")
        for values in [getattr(one, part, None)] if values is not None and np.asarray(values).dtype.kind in "fiu"
    ] for chart, figure in charts.items()}
Path("made.json").write_text(json.dumps(made))
"""
    root = str(Path(__file__).parents[1])
    subprocess.run(
        [sys.executable, "-c", code, *map(str, PROGRAMS)], cwd=tmp_path, check=True, timeout=300,
        env={"PYTHONPATH": root, "PATH": ""},
    )  # fmt: skip
    made, wanted = (json.loads((folder / "made.json").read_text()) for folder in (tmp_path, FORMER))
    assert len(wanted) == len(PROGRAMS) and made.keys() == wanted.keys()
    for name, charts in wanted.items():
        assert list(made[name]) == list(charts), name
        for chart, traces in charts.items():
            assert [one[:3] for one in made[name][chart]] == [one[:3] for one in traces], (name, chart)
            sums = [[one[3] for one in found] for found in (made[name][chart], traces)]
            np.testing.assert_allclose(sums[0], sums[1], rtol=1e-4, atol=1e-3, err_msg=f"{name} {chart}")


def test_a_former_name_warns_with_the_present_one():
    with pytest.warns(FutureWarning, match=r"attnviz.aids.Aids is now attnviz.maps.options.MapOptions"):
        from attnviz.aids import Aids
    assert Aids(merge_words=True).chosen() == {"merge_words": True}
    with pytest.raises(ImportError):
        from attnviz.aids import nonsense  # noqa: F401
