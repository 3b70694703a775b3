"""A folder of the reader's own in the app: written anew, around models, pasted as it comes."""

import json
import shutil

import numpy as np
import pytest
import safetensors.torch
import torch

from attnviz.models.catalog import BUNDLED
from tests.pages.test_pages import open_app, said


@pytest.fixture
def folder(tmp_path):
    """A copy of tiny-gpt."""
    made = tmp_path / "run" / "checkpoint-500"
    shutil.copytree(BUNDLED / "tiny-gpt", made, ignore=shutil.ignore_patterns("checkpoints"))
    return made


def retrain(folder):
    tensors = safetensors.torch.load_file(folder / "model.safetensors")
    torch.manual_seed(1)
    other = {
        name: tensor + 0.3 * torch.randn_like(tensor) if "attn" in name else tensor for name, tensor in tensors.items()
    }
    safetensors.torch.save_file(other, folder / "model.safetensors", metadata={"format": "pt"})


def test_a_model_that_was_trained_on_is_shown_as_it_is_now(folder):
    """Otherwise the map of yesterday's weights stands under today's name, with a green badge."""
    before = open_app("heads.py", model=str(folder), shown_as="table")
    numbers = before.dataframe[0].value
    assert "written anew" not in said(before)
    retrain(folder)
    after = before.run()
    assert not np.allclose(after.dataframe[0].value.select_dtypes("number"), numbers.select_dtypes("number"))
    assert "written anew" in said(after), "the reader is told"
    assert "written anew" not in said(after.run()), "and told once"
    assert "written anew" not in said(open_app("heads.py", model=str(folder))), "a new session begins with the new ones"


def test_whoever_reloads_the_page_is_told_too(folder):
    """The usual way to look at a retrained model is to reload the page, which begins a new session."""
    open_app("heads.py", model=str(folder))
    retrain(folder)
    assert "written anew" in said(open_app("heads.py", model=str(folder)))


def test_models_inside_a_folder_are_a_click_away(folder):
    app = open_app("heads.py", model=str(folder.parent))
    assert "checkpoint-500" in said(app) and not app.exception
    (button,) = [one for one in app.button if "checkpoint" in one.label]
    button.click().run()
    assert not app.error and app.query_params["model"] in (str(folder), [str(folder)])


def test_a_pasted_path_becomes_the_folder(folder):
    app = open_app("heads.py", model="tiny-gpt")
    app.text_input(key="other_model").set_value(f' "{folder}/config.json" ').run()
    assert not app.error and app.query_params["model"] in (str(folder), [str(folder)])


def test_the_reason_is_said_on_every_page_that_needs_the_model(folder):
    """That a model 'is not on this machine' is the wrong reason for a folder that is."""
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "vit"}))
    for page, choice in (("heads.py", "model"), ("compare.py", "model_b"), ("patterns.py", "read_by")):
        app = open_app(page, **{"model": "tiny-gpt"} | {choice: str(folder)})
        assert "does not read text" in said(app) and not app.exception


def test_how_a_model_was_opened_is_said_beside_what_is_shown(folder):
    """A green badge over code that was not the model's own would be believed."""
    config = json.loads((folder / "config.json").read_text())
    own = {"auto_map": {"AutoModel": "modeling_*bi*.BiModel"}, "architectures": ["BiModel"]}
    (folder / "config.json").write_text(json.dumps(config | own))
    for page in ("heads.py", "compare.py", "validation.py"):
        app = open_app(page, model=str(folder), model_b=str(folder))
        told = [one.value.replace("\\", "") for one in app.caption if "code of its own" in one.value]
        assert not app.exception and len(told) == 1 + (page == "compare.py")
        assert "modeling_*bi*.BiModel" in told[0] and "transformers' gpt2" in told[0]
    assert not [one for one in open_app("heads.py", model="tiny-gpt").caption if "material/info" in one.value]
