"""The models that come with the clone: there, first in line, loadable at every kept step, small on disk."""

import numpy as np
import pytest
import transformers

from attnviz.capture.tracing import trace
from attnviz.errors import AttnvizError
from attnviz.models import catalog
from attnviz.models.loading import load_model
from attnviz.validation.certificate import validate


def test_bundled_models_come_first_in_the_picker():
    entries = catalog.list_models()
    assert [entry.name for entry in entries[:3]] == list(catalog.BUNDLED_ORDER)
    assert all(entry.source == "bundled" and entry.loadable for entry in entries[:3])


def test_all_bundled_files_together_stay_small():
    assert sum(file.stat().st_size for file in catalog.BUNDLED.rglob("*") if file.is_file()) <= 40e6


@pytest.mark.parametrize("name", catalog.BUNDLED_ORDER)
def test_plain_transformers_loads_them_without_our_code(name):
    folder = catalog.BUNDLED / name
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    assert transformers.AutoModel.from_pretrained(folder) and tokenizer("any text 你")["input_ids"]


@pytest.mark.parametrize("name", catalog.BUNDLED_ORDER)
def test_bundled_models_are_certified(name):
    assert validate(load_model(name)).passed


def test_every_kept_step_loads_and_the_last_is_the_model_itself():
    steps = list(catalog.checkpoints("tiny-gpt"))
    assert len(steps) >= 12 and steps[0] == 0
    whole = load_model("tiny-gpt").module.state_dict()
    last = load_model(f"tiny-gpt@{steps[-1]}").module.state_dict()
    assert whole.keys() == last.keys()
    for name, tensor in whole.items():  # kept in half precision
        np.testing.assert_allclose(last[name].numpy(), tensor.numpy(), rtol=1e-3, atol=1e-6)


def test_steps_differ_and_say_which_they_are():
    first, last = (trace(load_model(name), "the cat the cat") for name in ("tiny-gpt@0", "tiny-gpt"))
    assert first.model == "tiny-gpt@0"
    assert np.abs(first.weights(1, 1) - last.weights(1, 1)).max() > 0.1


@pytest.mark.parametrize("name", ["tiny-gpt@7", "tiny-gpt@last", "tiny-bert@100"])
def test_a_step_that_was_not_kept_is_refused_with_those_that_were(name):
    with pytest.raises(AttnvizError, match="was not kept at step"):
        load_model(name)


def test_curves_cover_every_kept_step():
    evaluations = {evaluation["step"]: evaluation for evaluation in catalog.training_curves("tiny-gpt")}
    assert set(catalog.checkpoints("tiny-gpt")) <= set(evaluations)
    assert all(np.shape(evaluation["induction"]) == (4, 4) for evaluation in evaluations.values())
