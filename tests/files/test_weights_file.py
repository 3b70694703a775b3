"""Weights of other programs: every layout opens to the very numbers, and every fault gets its sentence."""

import io
import json
import pickle
import zipfile

import numpy as np
import pytest
import torch

import attnviz
from attnviz import export
from attnviz.errors import AttnvizError
from attnviz.files import trace_file, weights_file
from attnviz.maps.options import MapOptions, other_map
from attnviz.traces import Head
from attnviz.ui import exports
from attnviz.ui.address import UrlState
from attnviz.ui.certificates import NOT_RECOMPUTED
from attnviz.ui.exports import of_head
from attnviz.ui.head_views import HEAD_VIEWS
from attnviz.ui.map_options import chosen_map
from tests.pages.test_pages import open_app

HOSTILE = "<img src=x onerror=alert(1)>"
TOKENS = ["the", HOSTILE, "sat", "the"]
N = len(TOKENS)


def softmaxed(*shape):
    powers = np.exp(np.random.default_rng(0).normal(size=shape) * 2)
    return (powers / powers.sum(axis=-1, keepdims=True)).astype(np.float32)


WEIGHTS = softmaxed(3, 2, N, N)


def npz(**arrays) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def with_tokens(**arrays) -> bytes:
    return npz(tokens=np.array(TOKENS), **arrays)


def as_json(**parts) -> bytes:
    return json.dumps({"tokens": TOKENS} | parts).encode()


LAYOUTS = {
    "layers, heads": (with_tokens(weights=WEIGHTS), "npz"),
    "under the other name": (with_tokens(attentions=WEIGHTS), "npz"),
    "with a batch of one": (with_tokens(weights=WEIGHTS[:, None]), "npz"),
    "a tuple of layers": (with_tokens(**{f"layer_{i}": layer for i, layer in enumerate(WEIGHTS)}), "npz"),
    "BertViz's": (with_tokens(**{f"attentions_{i}": layer[None] for i, layer in enumerate(WEIGHTS)}), "npz"),
    "Fortran order": (with_tokens(weights=np.asfortranarray(WEIGHTS)), "npz"),
    "float64": (with_tokens(weights=WEIGHTS.astype(float)), "npz"),
    "JSON": (as_json(weights=WEIGHTS.tolist()), "json"),
    "JSON by layer": (as_json(**{f"layer_{i}": layer.tolist() for i, layer in enumerate(WEIGHTS)}), "json"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_opens_to_its_numbers(layout):
    file, ending = LAYOUTS[layout]
    found = weights_file.load_weights(file, f"mine.{ending}")
    assert found.trace.tokens == tuple(TOKENS) and found.trace.kinds == ("encoder",) and not found.notes
    for layer, weights in zip(found.trace.layers, WEIGHTS, strict=True):
        np.testing.assert_allclose(layer.attention().weights, weights, atol=1e-6)


def test_circuitsvis_holds_the_heads_of_one_layer():
    found = weights_file.load_weights(with_tokens(weights=WEIGHTS[0]), "mine.npz").trace
    assert len(found.layers) == 1 and found.layers[0].n_heads == 2


def test_a_causal_file_is_a_decoders_and_zeros_stay_zero():
    causal = np.tril(WEIGHTS)
    causal /= causal.sum(axis=-1, keepdims=True)
    found = weights_file.load_weights(with_tokens(weights=causal), "mine.npz").trace
    assert found.kinds == ("decoder",)
    np.testing.assert_allclose(found.weights(1, 1), causal[1, 1], atol=1e-6)
    assert not np.triu(found.weights(1, 1), 1).any()


def test_cross_attention_names_both_sides():
    file = with_tokens(weights=softmaxed(2, 2, 3, N), decoder_tokens=np.array(["le", "chat", "."]))
    found = weights_file.load_weights(file, "mine.npz").trace
    assert found.kinds == ("cross",) and found.sides("cross") == (("le", "chat", "."), tuple(TOKENS))


def test_half_precision_opens_and_says_how_far_rows_were_off():
    found = weights_file.load_weights(with_tokens(weights=WEIGHTS.astype(np.float16)), "mine.npz")
    assert "within" in found.notes[0]
    np.testing.assert_allclose(found.trace.weights(0, 0).sum(axis=-1), 1, atol=1e-6)


def test_a_row_of_zeros_may_look_nowhere():
    padded = WEIGHTS.copy()
    padded[:, :, -1] = 0
    found = weights_file.load_weights(with_tokens(weights=padded), "mine.npz").trace
    assert not found.weights(0, 0)[-1].any()


def with_value(value, *place):
    wrong = WEIGHTS.copy()
    wrong[place] = value
    return wrong


def lying_header(shape) -> bytes:
    array = io.BytesIO()
    np.lib.format.write_array_header_1_0(array, {"descr": "<f4", "fortran_order": False, "shape": shape})
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("weights.npy", array.getvalue() + b"\0" * 64)
    return file.getvalue()


FAULTS = {
    "another ending": (b"", "mine.pt", "neither .npz nor .json"),
    "no ending": (b"", "mine", "neither .npz nor .json"),
    "an empty file": (b"", "mine.npz", "no whole .npz"),
    "no zip": (b"PK nonsense", "mine.npz", "no whole .npz"),
    "a cut zip": (with_tokens(weights=WEIGHTS)[:-40], "mine.npz", "no whole .npz"),
    "a pickle": (pickle.dumps({"weights": 1}), "mine.npz", "no whole .npz"),
    "a damaged array": (with_tokens(weights=WEIGHTS).replace(WEIGHTS[0, 0, 0, :2].tobytes(), b"\x01" * 8),
                        "mine.npz", "no whole .npz"),
    "a header that lies": (lying_header((10**9, 10**9)), "mine.npz", "does not"),
    "an impossible shape": (lying_header((-1, 4)), "mine.npz", "no whole .npz"),
    "Python objects": (npz(weights=np.array([{}, 1], dtype=object)), "mine.npz", "only pickle opens"),
    "tokens as objects": (npz(tokens=np.array(TOKENS, dtype=object), weights=WEIGHTS), "mine.npz", "dtype=str"),
    "no weights": (with_tokens(), "mine.npz", "no 'weights' and no 'layer_0'"),
    "other names": (with_tokens(attn=WEIGHTS), "mine.npz", "it holds tokens, attn"),
    "two ways at once": (with_tokens(weights=WEIGHTS, layer_0=WEIGHTS[0]), "mine.npz", "keep either"),
    "a missing layer": (with_tokens(layer_0=WEIGHTS[0], layer_2=WEIGHTS[1]), "mine.npz", "where layer 1 is expected"),
    "from one": (with_tokens(layer_1=WEIGHTS[0]), "mine.npz", "where layer 0 is expected"),
    "a layer twice": (with_tokens(layer_0=WEIGHTS[0], attentions_0=WEIGHTS[0]), "mine.npz", "number the layers"),
    "two axes": (with_tokens(weights=WEIGHTS[0, 0]), "mine.npz", "[layers, heads, queries, keys] is expected"),
    "six axes": (with_tokens(weights=WEIGHTS[None, None]), "mine.npz", "is expected"),
    "a layer of two axes": (with_tokens(layer_0=WEIGHTS[0, 0]), "mine.npz", "[heads, queries, keys] is expected"),
    "a batch": (with_tokens(weights=np.stack([WEIGHTS, WEIGHTS], axis=1)), "mine.npz", "batch of 2 texts"),
    "a batch by layer": (with_tokens(layer_0=WEIGHTS[:2]), "mine.npz", "batch of 2 texts"),
    "no layer": (with_tokens(weights=WEIGHTS[:0]), "mine.npz", "nothing in it"),
    "no head": (with_tokens(weights=WEIGHTS[:, :0]), "mine.npz", "nothing in it"),
    "complex numbers": (with_tokens(weights=WEIGHTS.astype(complex)), "mine.npz", "real numbers"),
    "truth values": (with_tokens(weights=WEIGHTS > 0), "mine.npz", "holds bool"),
    "words": (with_tokens(weights=WEIGHTS.astype(str)), "mine.npz", "real numbers"),
    "NaN": (with_tokens(weights=with_value(np.nan, 1, 0, 2, 3)), "mine.npz", "L1.H0, row 2, column 3 is not finite"),
    "infinity": (with_tokens(weights=with_value(np.inf, 0, 0, 0, 0)), "mine.npz", "not finite"),
    "below zero": (with_tokens(weights=with_value(-0.5, 2, 1, 0, 1)), "mine.npz", "L2.H1, row 0, column 1 is -0.5"),
    "scores": (with_tokens(weights=5 * WEIGHTS), "mine.npz", "before softmax"),
    "half a row": (with_tokens(weights=with_value(0, 1, 1, 3, 0)), "mine.npz", "L1.H1 row 3"),
    "averages of something": (with_tokens(weights=WEIGHTS / 2), "mine.npz", "do not sum to 1"),
    "two namings": (with_tokens(layer_1=WEIGHTS[0], **{"L0.encoder.weights": WEIGHTS[0]}), "mine.npz", "of one kind"),
    "a recorded layer missing": (with_tokens(**{"L1.encoder.weights": WEIGHTS[0]}), "mine.npz", "layer 0 is expected"),
    "recorded without its side": (with_tokens(**{"L0.cross.weights": WEIGHTS[0]}), "mine.npz", "'decoder_tokens' too"),
    "layers of nothing": (as_json(layers=[1, {"index": "0"}]), "mine.json", "no 'weights' and no 'layer_0'"),
    "layers without weights": (as_json(layers=[{"index": 0, "kind": "encoder"}]), "mine.json", "real numbers"),
    "provenance as numbers": (with_tokens(weights=WEIGHTS, provenance=np.arange(3)), "mine.npz", "flat list"),
    "turned": (with_tokens(weights=WEIGHTS.swapaxes(-1, -2)), "mine.npz", "swap the last two axes"),
    "no tokens": (npz(weights=WEIGHTS), "mine.npz", "no 'tokens'"),
    "token ids": (npz(weights=WEIGHTS, tokens=np.arange(N)), "mine.npz", "flat list of strings"),
    "tokens as bytes": (npz(weights=WEIGHTS, tokens=np.array([b"a"] * N)), "mine.npz", "flat list of strings"),
    "a batch of tokens": (npz(weights=WEIGHTS, tokens=np.array([TOKENS])), "mine.npz", "flat list of strings"),
    "too few tokens": (npz(weights=WEIGHTS, tokens=np.array(TOKENS[1:])), "mine.npz", "4 columns for 3 tokens"),
    "empty tokens": (npz(weights=WEIGHTS, tokens=np.array([], dtype=str)), "mine.npz", "is empty"),
    "cross without its side": (with_tokens(weights=softmaxed(2, 2, 3, N)), "mine.npz", "save 'decoder_tokens' too"),
    "decoder tokens": (with_tokens(weights=WEIGHTS, decoder_tokens=np.array(["a"])), "mine.npz", "1 decoder_tokens"),
    "no JSON": (b"{", "mine.json", "no JSON"),
    "binary as JSON": (b"\xff\xfe\x00\x81", "mine.json", "no JSON"),
    "nested without end": (b"[" * 200_000, "mine.json", "no JSON"),
    "a JSON list": (b"[1, 2]", "mine.json", "holds a list"),
    "ragged JSON": (as_json(weights=[[[[1.0], [0.5, 0.5]]]]), "mine.json", "different lengths"),
    "JSON tokens": (as_json(weights=WEIGHTS.tolist(), tokens="the cat"), "mine.json", "list of strings"),
    "numbers as tokens": (as_json(weights=WEIGHTS.tolist(), tokens=[1, 2, 3, 4]), "mine.json", "list of strings"),
    "null": (as_json(weights=None), "mine.json", "real numbers"),
    "NaN in JSON": (as_json(weights=with_value(np.nan, 0, 0, 0, 0).tolist()), "mine.json", "not finite"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_gets_its_sentence(fault):
    file, name, sentence = FAULTS[fault]
    with pytest.raises(AttnvizError) as refused:
        weights_file.load_weights(file, name)
    assert sentence in str(refused.value) and "\n" not in str(refused.value)


def test_a_pickle_inside_is_never_run(tmp_path):
    class Trap:
        def __reduce__(self):
            return open, (str(tmp_path / "it ran"), "w")

    with pytest.raises(AttnvizError, match="only pickle opens"):
        weights_file.load_weights(npz(weights=np.array([Trap()], dtype=object)), "mine.npz")
    assert not (tmp_path / "it ran").exists()


def test_a_zip_bomb_is_refused_by_its_directory(monkeypatch):
    """A file of a megabyte can unpack to a gigabyte."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("weights.npy", "w") as packed:
        for _ in range(weights_file.MOST_BYTES // 2**20 + 1):
            packed.write(b"\0" * 2**20)
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *_: pytest.fail("it was unpacked"))
    with pytest.raises(AttnvizError, match="unpacks to 257 MiB"):
        weights_file.load_weights(file.getvalue(), "mine.npz")


@pytest.mark.parametrize("shown_as", HEAD_VIEWS)
@pytest.mark.parametrize("ending", export.FORMATS)
def test_a_hostile_token_is_text_in_every_file(shown_as, ending):
    found = weights_file.load_weights(with_tokens(weights=WEIGHTS), "mine.npz").trace
    view = UrlState(shown_as=shown_as, merge_words=True)
    drawn = chosen_map(found, Head("encoder", 0, 1), view)
    taken = of_head(found, Head("encoder", 0, 1), drawn, view, "L0.H1", (0, 1), ((), ()), "dark")
    assert f"certificate: {NOT_RECOMPUTED}" in taken.provenance
    file = export.made(taken, ending)
    if ending in ("svg", "html"):
        assert b"<img" not in file and b"&lt;img" in file


def test_the_python_lines_open_the_file_again(tmp_path, monkeypatch):
    file = with_tokens(weights=WEIGHTS)
    (tmp_path / "mine.npz").write_bytes(file)
    monkeypatch.chdir(tmp_path)
    found = weights_file.load_weights(file, "mine.npz").trace
    head, state, told = Head("encoder", 2, 0), UrlState(combine="mean", heads="0-1"), {}
    exec(of_head(found, head, chosen_map(found, head, state), state, "L2", None, ((), ()), "light").python, told)
    np.testing.assert_allclose(told["attention_map"].weights, WEIGHTS[2].mean(axis=0), atol=1e-6)


def test_value_weighted_is_refused_with_a_sentence():
    found = weights_file.load_weights(with_tokens(weights=WEIGHTS), "mine.npz").trace
    with pytest.raises(AttnvizError, match="output projection"):
        other_map(found, Head("encoder", 0, 0), 0, "value", MapOptions())


def test_the_page_invites_and_opens_a_file():
    app = open_app("own_tensors.py")
    assert not app.exception and "np.savez" in app.code[0].value
    app.file_uploader[0].upload("mine.npz", with_tokens(weights=WEIGHTS), "application/octet-stream").run()
    assert not app.exception and not app.error
    assert any(NOT_RECOMPUTED.replace(":", "") in box.value.replace("\\", "").replace(":", "") for box in app.markdown)
    for shown_as in HEAD_VIEWS:
        app.segmented_control(key="pick_shown_as").set_value(shown_as).run()
        assert not app.exception
    app.selectbox(key="pick_measure").set_value("entropy").run()
    app.selectbox(key="pick_layer").set_value(2).run()
    assert not app.exception and not app.error


def test_the_page_says_what_is_wrong_with_a_file():
    app = open_app("own_tensors.py")
    app.file_uploader[0].upload("mine.npz", with_tokens(weights=5 * WEIGHTS), "application/octet-stream").run()
    assert not app.exception and "before softmax" in app.error[0].value


@pytest.mark.parametrize("name", ["tiny-gpt", "tiny-bert", "tiny-translator"])
@pytest.mark.parametrize("how", ["recording", ".npz", ".json"])
def test_what_was_recorded_opens_without_the_model(name, how, tmp_path):
    """Weights that were kept would otherwise be lost with the model they came from."""
    traced = attnviz.trace(attnviz.load_model(name), "March 5, 2021")
    if how == "recording":
        file = exports.recording(traced)
    else:
        trace_file.write(traced, tmp_path / f"it{how}")
        file = (tmp_path / f"it{how}").read_bytes()
    found = weights_file.load_weights(file, "it.json" if how == ".json" else "it.npz")
    assert (how == "recording") == any(line.startswith("certificate: recomputed;") for line in found.provenance)
    assert (found.trace.tokens, found.trace.decoder_tokens) == (traced.tokens, traced.decoder_tokens)
    assert set(found.trace.heads()) == set(traced.heads())
    for layer in traced.layers:
        assert found.trace.sides(layer.kind) == traced.sides(layer.kind)
        kept = found.trace.layer(layer.index, layer.kind)
        np.testing.assert_allclose(kept.attention().weights, layer.attention().weights, atol=1e-6)


def test_weights_in_memory_open_as_a_file_of_them_does():
    """What a notebook holds would otherwise have to be saved before it can be drawn."""
    tensors = tuple(torch.tensor(layer[None], requires_grad=True) for layer in WEIGHTS)
    for weights in (tensors, WEIGHTS, WEIGHTS.tolist(), torch.tensor(WEIGHTS)):
        found = attnviz.from_weights(weights, TOKENS)
        assert found.tokens == tuple(TOKENS)
        np.testing.assert_allclose(found.weights(2, 1), WEIGHTS[2, 1], atol=1e-6)
    crossed = attnviz.from_weights((torch.tensor(softmaxed(1, 2, 3, N)),), TOKENS, ["le", "chat", "."])
    assert crossed.kinds == ("cross",)
    assert attnviz.figures.heatmap(crossed, 0, 1).data
    with pytest.raises(AttnvizError, match="4 columns for 3 tokens"):
        attnviz.from_weights(WEIGHTS, TOKENS[1:])
    with pytest.raises(AttnvizError, match="list of strings"):
        attnviz.from_weights(WEIGHTS, [1, 2, 3, 4])
