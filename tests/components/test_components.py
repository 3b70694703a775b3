"""The Python side of the views: what is sent is small and exact, and any weights and tokens can be shown."""

import json

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from attnviz.components import views


def unpacked(data):
    """As the browser reads it: the header, and the weights."""
    start = 4 + int.from_bytes(data[:4], "little")
    header = json.loads(data[4:start])
    levels = np.frombuffer(data[start:], "<u2").reshape(len(header["queries"]), len(header["keys"]))
    return header, levels * header["step"]


def causal_rows(n):
    weights = np.tril(np.random.default_rng(0).random((n, n)) ** 8)
    return weights / weights.sum(axis=1, keepdims=True)


def test_512_tokens_are_at_most_600_kilobytes():
    tokens = ["tokenization"] * 512
    assert len(views._packed(causal_rows(512), tokens, tokens, "light")) <= 600_000


@pytest.mark.parametrize("largest", [1.0, 7.3])
def test_weights_arrive_with_four_exact_decimals(largest):
    weights = causal_rows(64) * largest
    header, seen = unpacked(views._packed(weights, ["a"] * 64, ["a"] * 64, "light"))
    assert np.abs(seen - weights).max() <= largest / 2**16
    assert header["top"] == pytest.approx(max(1, weights.max()))


def test_dead_rows_and_numbers_that_are_none_count_as_zero():
    weights = [[np.nan, np.inf], [-1.0, 0.5]]
    _, seen = unpacked(views._packed(weights, ["a", "b"], ["c", "d"], "dark"))
    np.testing.assert_allclose(seen, [[0, 0], [0, 0.5]], atol=1e-5)


def test_white_space_can_be_seen_and_all_else_stays_as_it_is():
    tokens = ["\t", "a\nb", "  ", "", "👩‍🚀", "مرحبا", "\ud83d"]
    header, _ = unpacked(views._packed(np.zeros((7, 1)), tokens, ["x"], "light"))
    assert header["queries"] == ["⇥", "a⏎b", "␣␣", "␣", "👩‍🚀", "مرحبا", "\ud83d"]


def script():
    import numpy as np

    from attnviz.components import canvas_map, lines, strip

    half, tokens = np.full((2, 2), 0.5), ["a", "a"]
    chosen = [
        lines(half, tokens, tokens, key="lines", theme="light", threshold=0.1, top_k=3, chosen=("key", 1)),
        strip(half, tokens, tokens, key="strip", theme="dark", side="key", glue=[False, True], chosen=("key", 1)),
        strip(half[:1], ["a"], ["b", "c"], key="cross", theme="dark", key_glue=(False, True)),
        canvas_map(
            half * np.nan,
            tokens,
            tokens,
            key="map",
            theme="light",
            scale="log",
            chosen=(np.int64(1), 0),
            lines=[((0, 0), (0, 1))],
        ),
    ]
    assert chosen == [None] * 4


def test_views_mount_run_after_run_and_session_after_session():
    for _ in range(2):
        app = AppTest.from_function(script)
        for _ in range(2):
            app.run()
            assert not app.exception
            assert len(app.get("bidi_component")) == 4
