"""Exports hold the trace's own numbers, and open anywhere."""

import base64
import csv
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from attnviz.capture.tracing import trace
from attnviz.errors import AttnvizError
from attnviz.figures.head_grid import SHADES
from attnviz.files import trace_file

TEXT = 'The cat <script>alert(1)</script> sat, =1+1 "on" the 你\tmat'


@pytest.fixture(scope="module", params=["bert", "gpt2", "mistral"])
def traced(request, tiny_model):
    return trace(tiny_model(request.param), TEXT)


def written(traced, tmp_path: Path, ending: str) -> Path:
    path = tmp_path / f"it{ending}"
    trace_file.write(traced, path)
    return path


def test_json_holds_every_weight(traced, tmp_path):
    """The stable shape that scripts read."""
    told = json.loads(written(traced, tmp_path, ".json").read_text(encoding="utf-8"))
    assert told == trace_file.as_json(traced)
    assert told.keys() == {"model", "architecture", "tokens", "decoder_tokens", "layers"}
    assert (told["model"], told["architecture"]) == (traced.model, traced.architecture)
    assert told["tokens"] == list(traced.tokens) and told["decoder_tokens"] is None
    for layer, own in zip(told["layers"], traced.layers, strict=True):
        assert layer.keys() == {"index", "kind", "weights"} and (layer["index"], layer["kind"]) == (own.index, own.kind)
        np.testing.assert_array_equal(np.array(layer["weights"], np.float32), own.attention().weights)


def test_npz_holds_every_array_and_needs_no_pickle(traced, tmp_path):
    """A file that only opens with pickle is one that nobody should open."""
    with np.load(written(traced, tmp_path, ".npz"), allow_pickle=False) as arrays:
        names = {
            f"L{layer.index}.{layer.kind}.{part}" for layer in traced.layers for part in ("weights", "q", "k", "v")
        }
        assert set(arrays.files) == {"tokens", "decoder_tokens"} | names
        assert arrays["tokens"].tolist() == list(traced.tokens) and arrays["tokens"].dtype.kind == "U"
        assert arrays["decoder_tokens"].shape == (0,) and arrays["decoder_tokens"].dtype.kind == "U"
        for layer in traced.layers:
            name = f"L{layer.index}.{layer.kind}"
            np.testing.assert_array_equal(arrays[f"{name}.weights"], layer.attention().weights)
            for part in ("q", "k", "v"):
                np.testing.assert_array_equal(arrays[f"{name}.{part}"], getattr(layer, part))


def test_csv_holds_every_weight_that_is_not_masked(traced, tmp_path):
    with written(traced, tmp_path, ".csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["kind", "layer", "head", "query_position", "query", "key_position", "key", "weight"]
    kept = {layer.index: np.full(layer.attention().weights.shape, np.nan) for layer in traced.layers}
    for row in rows:
        i, j = int(row["query_position"]), int(row["key_position"])
        assert (row["query"], row["key"], row["kind"]) == (traced.tokens[i], traced.tokens[j], traced.layers[0].kind)
        place = kept[int(row["layer"])][int(row["head"])]
        assert np.isnan(place[i, j]), "each pair once"
        place[i, j] = float(row["weight"])
    for layer in traced.layers:
        stages = layer.attention()
        open_pairs = ~np.isneginf(stages.masked)
        np.testing.assert_array_equal(np.isnan(kept[layer.index]), ~open_pairs)
        np.testing.assert_array_equal(kept[layer.index][open_pairs].astype(np.float32), stages.weights[open_pairs])


def test_html_holds_the_picture_and_opens_without_a_network(traced, tmp_path):
    page = written(traced, tmp_path, ".html").read_text(encoding="utf-8")
    assert not re.search(r"<script[^>]*\bsrc\s*=", page) and "<link" not in page
    assert "alert(1)</script>" not in page, "text from the reader must not run"
    start = re.search(r"Plotly\.newPlot\(\s*\"[^\"]+\",\s*", page).end()
    figure, _ = json.JSONDecoder().raw_decode(page, start)
    packed = figure[0]["z"]
    shape = [int(side) for side in packed["shape"].split(",")]
    mosaic = np.frombuffer(base64.b64decode(packed["bdata"]), np.dtype(packed["dtype"])).reshape(shape)
    n = len(traced.tokens)
    pitch = shape[0] - n  # two layers: one pitch down to the second
    for layer in traced.layers:
        weights = layer.attention().weights
        for head in range(4):
            top, left = layer.index * pitch, head * pitch
            shown = mosaic[top : top + n, left : left + n] / SHADES
            np.testing.assert_allclose(shown, weights[head], atol=0.5 / SHADES + 1e-6)


def test_csv_keeps_a_weight_of_zero_that_is_not_masked(traced, tmp_path):
    """'May not look' and 'looked, and found nothing' are different things."""
    sharp = replace(traced, layers=tuple(replace(layer, scale=1e4) for layer in traced.layers))
    rows = written(sharp, tmp_path, ".csv").read_text(encoding="utf-8").splitlines()[1:]
    assert len(rows) == sum(int((~np.isneginf(layer.attention().masked)).sum()) for layer in sharp.layers)
    assert any(row.endswith(",0.0") for row in rows)


@pytest.mark.parametrize("name", ["it", "it.txt", "it.NPZ.zip", "it.pickle", ".npz"])
def test_another_ending_is_refused(traced, tmp_path, name):
    with pytest.raises(AttnvizError, match=r"\.npz, \.json, \.csv, \.html"):
        trace_file.write(traced, tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("ending", trace_file.FORMATS)
def test_a_place_that_cannot_be_written_is_refused(traced, tmp_path, ending):
    (tmp_path / f"folder{ending}").mkdir()
    for path in (tmp_path / "no" / "such" / f"it{ending}", tmp_path / f"folder{ending}"):
        with pytest.raises(AttnvizError, match="cannot be written") as refused:
            trace_file.write(traced, path)
        assert "\n" not in str(refused.value)
