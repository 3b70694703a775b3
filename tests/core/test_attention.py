"""The core against PyTorch's own attention and autograd, by property, and what it refuses."""

import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from attnviz.core.attention import (
    attention,
    attention_from_scores,
    causal_mask,
    dot_product_attention,
    softmax,
)

HEADS, KV_HEADS, QUERIES, KEYS, D_K, D_V = 4, 2, 5, 7, 8, 6
LIBRARIES = {"numpy": np.asarray, "torch": torch.from_numpy}


def arrays(heads=HEADS, kv_heads=HEADS, queries=QUERIES, keys=KEYS, dtype=np.float32, batch=()):
    rng = np.random.default_rng(0)
    shapes = ((*batch, heads, queries, D_K), (*batch, kv_heads, keys, D_K), (*batch, kv_heads, keys, D_V))
    return tuple((2 * rng.standard_normal(shape)).astype(dtype) for shape in shapes)


def sdpa(q, k, v, **options):
    """PyTorch's attention of NumPy arrays, in float64."""
    q, k, v = (torch.tensor(x.tolist(), dtype=torch.float64)[None] for x in (q, k, v))
    return torch.nn.functional.scaled_dot_product_attention(q, k, v, **options)[0].numpy()


def random_mask():
    mask = np.random.default_rng(1).random((HEADS, QUERIES, KEYS)) < 0.6
    mask[..., 0] = True
    return mask


def additive(mask):
    return np.where(mask, np.random.default_rng(2).standard_normal(mask.shape), -math.inf)


# --- against torch.nn.functional.scaled_dot_product_attention -------------------------------------------------------

MASKS = {
    "plain": None,
    "causal": causal_mask(QUERIES, KEYS),
    "boolean": random_mask(),
    "one for all heads": random_mask()[:1],
    "one row of keys": random_mask()[0, :1],
    "float": additive(random_mask()),
}


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("kv_heads", [HEADS, KV_HEADS, 1], ids=["equal heads", "grouped", "multi-query"])
@pytest.mark.parametrize("masked", MASKS)
def test_output_is_pytorchs(masked, kv_heads, library):
    """Otherwise every picture of every model is wrong."""
    q, k, v = arrays(kv_heads=kv_heads)
    mask = MASKS[masked]
    options = {"scale": 0.3, "enable_gqa": True}
    options |= {} if mask is None else {"attn_mask": torch.from_numpy(mask)}
    to = LIBRARIES[library]
    stages = attention(to(q), to(k), to(v), scale=0.3, mask=None if mask is None else to(mask))
    assert isinstance(stages.output, type(to(q)))
    np.testing.assert_allclose(np.asarray(stages.output), sdpa(q, k, v, **options), atol=2e-6)
    # With the identity for values, PyTorch's output is its weights.
    identity = np.broadcast_to(np.eye(KEYS), (kv_heads, KEYS, KEYS))
    np.testing.assert_allclose(np.asarray(stages.weights), sdpa(q, k, identity, **options), atol=2e-6)


def test_causal_mask_is_pytorchs_own():
    """A causal mask that is off by one shows a future that the model never saw."""
    q, k, v = arrays(keys=QUERIES, queries=QUERIES)
    ours = attention(q, k, v, scale=D_K**-0.5, mask=causal_mask(QUERIES))
    np.testing.assert_allclose(ours.output, sdpa(q, k, v, is_causal=True), atol=2e-6)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("masked", ["plain", "causal", "float"])
def test_half_precision_is_computed_in_float32(dtype, masked):
    """In half precision itself, weights would be off in the third digit."""
    q, k, v = (torch.from_numpy(x).to(dtype) for x in arrays(kv_heads=KV_HEADS))
    mask = None if MASKS[masked] is None else torch.from_numpy(MASKS[masked])
    if masked == "float":
        mask = mask.to(dtype)
    ours = attention(q, k, v, scale=0.3, mask=mask)
    wide = attention(q.float(), k.float(), v.float(), scale=0.3, mask=mask)
    assert ours.weights.dtype == ours.output.dtype == torch.float32
    assert torch.equal(ours.weights, wide.weights) and torch.equal(ours.output, wide.output)
    truth_mask = None if mask is None else mask if mask.dtype == torch.bool else mask.double()
    truth = sdpa(q.float(), k.float(), v.float(), scale=0.3, enable_gqa=True, attn_mask=truth_mask)
    np.testing.assert_allclose(ours.output.numpy(), truth, atol=5e-6)


def test_numpy_half_precision_is_computed_in_float32():
    """NumPy's float16 would be just as far off."""
    q, k, v = arrays(dtype=np.float16)
    stages = attention(q, k, v, scale=0.3)
    assert stages.scores.dtype == stages.output.dtype == np.float32
    np.testing.assert_allclose(stages.output, sdpa(q, k, v, scale=0.3), atol=5e-6)


def test_numpy_and_torch_agree_at_every_stage():
    """The toy and the real models run through the same lines; they must not come apart."""
    options = {"scale": 0.3, "softcap": 4.0, "bias": arrays(queries=QUERIES)[0][..., :1], "mask": random_mask()}
    options["sink"] = np.linspace(-1, 2, HEADS)
    ours = attention(*arrays(dtype=np.float64, kv_heads=KV_HEADS), **options)
    tensors = {name: torch.from_numpy(x) if isinstance(x, np.ndarray) else x for name, x in options.items()}
    theirs = attention(*(torch.from_numpy(x) for x in arrays(dtype=np.float64, kv_heads=KV_HEADS)), **tensors)
    for name, stage in vars(ours).items():
        np.testing.assert_allclose(stage, vars(theirs)[name].numpy(), atol=1e-12, err_msg=name)


def test_key_head_j_serves_its_own_group_of_query_heads():
    """A swapped group shows one head's map under another's name, in every Llama-like model."""
    q, k, v = arrays(kv_heads=KV_HEADS, dtype=np.float64)
    repeated = attention(q, np.repeat(k, 2, axis=0), np.repeat(v, 2, axis=0))
    np.testing.assert_allclose(attention(q, k, v).weights, repeated.weights, atol=1e-12)
    batched = attention(*arrays(kv_heads=KV_HEADS, dtype=np.float64, batch=(3,)), mask=random_mask())
    alone = attention(*(x[1] for x in arrays(kv_heads=KV_HEADS, dtype=np.float64, batch=(3,))), mask=random_mask())
    np.testing.assert_allclose(batched.output[1], alone.output, atol=1e-12)


def test_each_stage_follows_from_the_one_before():
    """A weight is explained stage by stage: each number must lead to the next."""
    q, k, v = arrays(dtype=np.float64)
    bias, mask = additive(np.ones((1, QUERIES, KEYS), bool)), causal_mask(QUERIES, KEYS)
    stages = attention(q, k, v, scale=0.3, bias=bias, softcap=5.0, mask=mask)
    np.testing.assert_allclose(stages.scores, q @ k.swapaxes(-1, -2))
    np.testing.assert_allclose(stages.scaled, 0.3 * stages.scores)
    np.testing.assert_allclose(stages.biased, 5 * np.tanh((stages.scaled + bias) / 5))
    np.testing.assert_array_equal(stages.masked, np.where(mask, stages.biased, -math.inf))
    np.testing.assert_allclose(stages.weights, torch.softmax(torch.from_numpy(stages.masked), -1).numpy(), atol=1e-12)
    np.testing.assert_allclose(stages.output, stages.weights @ v, atol=1e-12)


def test_sink_is_a_column_of_scores_without_a_value():
    """The weights of GPT-OSS would be too large otherwise."""
    q, k, v = arrays(dtype=np.float64)
    sink = np.linspace(-2, 3, HEADS)
    stages = attention(q, k, v, sink=sink, mask=causal_mask(QUERIES, KEYS))
    column = np.broadcast_to(sink[:, None, None], (HEADS, QUERIES, 1))
    full = torch.softmax(torch.from_numpy(np.concatenate([stages.masked, column], axis=-1)), -1).numpy()
    np.testing.assert_allclose(stages.weights, full[..., :-1], atol=1e-12)
    np.testing.assert_allclose(stages.sink_share, full[..., -1], atol=1e-12)


def test_the_sections_own_function_is_unscaled_and_takes_plain_lists():
    """A class types its own numbers in."""
    output, weights = dot_product_attention([[1, 1], [1, 0]], [[1, 0], [0, 1]], [[1, 0], [0, 2]])
    e = math.e
    np.testing.assert_allclose(weights, [[0.5, 0.5], [e / (1 + e), 1 / (1 + e)]], atol=1e-15)
    np.testing.assert_allclose(output, [[0.5, 1.0], [e / (1 + e), 2 / (1 + e)]], atol=1e-15)
    whole = dot_product_attention(torch.tensor([[1, 1]]), torch.tensor([[1, 0], [0, 1]]), torch.tensor([[1], [0]]))
    assert whole[1].tolist() == [[0.5, 0.5]]


# --- against torch autograd -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("masked", ["plain", "causal", "float"])
def test_gradients_through_our_softmax_are_torchs(masked):
    """Gradient-based explanations run through this very function."""
    q, k, v = (torch.from_numpy(x).requires_grad_() for x in arrays(dtype=np.float64))
    mask = None if MASKS[masked] is None else torch.from_numpy(MASKS[masked])
    pull = torch.from_numpy(np.random.default_rng(3).standard_normal((HEADS, QUERIES, D_V)))
    ours = torch.autograd.grad((attention(q, k, v, scale=0.3, mask=mask).output * pull).sum(), (q, k, v))
    options = {} if mask is None else {"attn_mask": mask}
    theirs = torch.nn.functional.scaled_dot_product_attention(q, k, v, scale=0.3, **options)
    theirs = torch.autograd.grad((theirs * pull).sum(), (q, k, v))
    for mine, torchs in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, torchs, rtol=0, atol=1e-10)


def test_gradient_of_softmax_is_torchs():
    x = torch.from_numpy(5 * np.random.default_rng(4).standard_normal((3, 6))).requires_grad_()
    pull = torch.arange(18.0, dtype=torch.float64).reshape(3, 6)
    (ours,) = torch.autograd.grad((softmax(x) * pull).sum(), x)
    (theirs,) = torch.autograd.grad((torch.softmax(x, -1) * pull).sum(), x)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)


def test_gradcheck_with_everything_on():
    """Bias, softcap, sink and mask each carry a true derivative."""
    torch.manual_seed(0)
    shapes = ((2, 3, 4), (1, 3, 4), (1, 3, 2), (2, 3, 3), (2,))
    inputs = [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]
    mask = torch.from_numpy(causal_mask(3))

    def run(q, k, v, bias, sink):
        stages = attention(q, k, v, scale=0.5, mask=mask, bias=bias, softcap=3.0, sink=sink)
        return stages.weights, stages.output, stages.sink_share

    assert torch.autograd.gradcheck(run, inputs)


def test_a_dead_row_gives_no_nan_gradient():
    """One padded query must not turn every gradient of a batch into NaN."""
    q, k, v = (torch.from_numpy(x).requires_grad_() for x in arrays())
    mask = torch.from_numpy(random_mask())
    mask[:, 2] = False
    for form in (mask, torch.zeros(mask.shape).masked_fill(~mask, -math.inf)):
        for gradient in torch.autograd.grad(attention(q, k, v, mask=form).output.sum(), (q, k, v)):
            assert bool(torch.isfinite(gradient).all())


# --- by property ----------------------------------------------------------------------------------------------------

lengths = st.integers(1, 6)


@st.composite
def problems(draw, limit=50.0, square=False):
    """Float64 q, k, v of any small size, heads grouped or not."""
    numbers = st.floats(-limit, limit)
    kv_heads, group, queries, d_k, d_v = (draw(st.integers(1, n)) for n in (2, 3, 6, 4, 3))
    keys = queries if square else draw(lengths)
    shapes = ((kv_heads * group, queries, d_k), (kv_heads, keys, d_k), (kv_heads, keys, d_v))
    return tuple(draw(hnp.arrays(np.float64, shape, elements=numbers)) for shape in shapes)


@given(problems(), st.floats(-3, 3))
def test_rows_sum_to_one(qkv, scale):
    """A row is shares of one: a map that does not sum up is no attention."""
    stages = attention(*qkv, scale=scale)
    np.testing.assert_allclose(stages.weights.sum(-1), 1, atol=1e-12)
    assert (stages.weights >= 0).all() and not stages.dead_rows.any() and (stages.sink_share == 0).all()


@given(hnp.arrays(np.float64, (3, 5), elements=st.floats(-100, 100)), st.floats(-1e4, 1e4))
def test_a_shift_of_all_scores_changes_nothing(x, shift):
    np.testing.assert_allclose(softmax(x + shift), softmax(x), atol=1e-10)


@given(problems(), st.randoms(use_true_random=False))
def test_reordering_the_keys_reorders_the_weights(qkv, random):
    """Attention itself knows no positions: the lesson that the page teaches."""
    q, k, v = qkv
    order = random.sample(range(k.shape[1]), k.shape[1])
    plain, shuffled = attention(q, k, v), attention(q, k[:, order], v[:, order])
    np.testing.assert_allclose(shuffled.weights, plain.weights[..., order], atol=1e-9)
    np.testing.assert_allclose(shuffled.output, plain.output, atol=1e-7)


@given(problems(), st.randoms(use_true_random=False))
def test_reordering_the_queries_reorders_the_rows(qkv, random):
    q, k, v = qkv
    order = random.sample(range(q.shape[1]), q.shape[1])
    np.testing.assert_allclose(attention(q[:, order], k, v).weights, attention(q, k, v).weights[:, order], atol=1e-9)


@given(problems(square=True), st.data())
def test_a_causal_row_sees_no_future(qkv, data):
    """Whatever stands later in the text, a causal row and its output stay exactly as they were."""
    q, k, v = qkv
    n = q.shape[1]
    row = data.draw(st.integers(0, n - 1))
    before = attention(q, k, v, mask=causal_mask(n))
    assert (before.weights * ~causal_mask(n) == 0).all()
    k, v = k.copy(), v.copy()
    k[:, row + 1 :], v[:, row + 1 :] = 7.0, -3.0
    after = attention(q, k, v, mask=causal_mask(n))
    np.testing.assert_allclose(after.output[:, : row + 1], before.output[:, : row + 1], atol=1e-9)


@given(problems(), st.floats(-100, 100), st.data())
def test_sink_share_and_row_make_one(qkv, sink, data):
    q, k, v = qkv
    mask = data.draw(hnp.arrays(bool, (1, q.shape[1], k.shape[1])))
    for given_sink in (sink, np.full(q.shape[0], sink)):
        stages = attention(q, k, v, sink=given_sink, mask=mask)
        np.testing.assert_allclose(stages.weights.sum(-1) + stages.sink_share, 1, atol=1e-12)


@given(st.sampled_from([np.float32, np.float64]), st.data())
def test_stable_to_scores_of_ten_thousand(dtype, data):
    """Without the shift, exp(1e4) is infinity and the map NaN."""
    scores = data.draw(hnp.arrays(dtype, (4, 5), elements=st.floats(-1e4, 1e4, width=32)))
    weights = softmax(scores)
    assert np.isfinite(weights).all()
    np.testing.assert_allclose(weights.sum(-1), 1, atol=1e-6)
    np.testing.assert_allclose(weights, torch.softmax(torch.from_numpy(scores).double(), -1), atol=1e-6)


@given(problems(), st.data())
def test_dead_rows_are_zero_and_listed(qkv, data):
    """A query that may look nowhere must not be drawn as if it looked everywhere."""
    q, k, v = qkv
    mask = data.draw(hnp.arrays(bool, (q.shape[0], q.shape[1], k.shape[1])))
    dead = ~mask.any(-1)
    for form in (mask, np.where(mask, 0.0, -math.inf)):
        stages = attention(q, k, v, mask=form)
        np.testing.assert_array_equal(stages.dead_rows, dead)
        assert (stages.weights[dead] == 0).all() and (stages.output[dead] == 0).all()
        np.testing.assert_allclose(stages.weights[~dead].sum(-1), 1, atol=1e-12)
        assert (stages.weights[~mask] == 0).all()


@given(problems(), st.floats(0.1, 100))
def test_softcap_bounds_the_scores_and_keeps_their_order(qkv, softcap):
    stages = attention(*qkv, softcap=softcap)
    assert (np.abs(stages.biased) <= softcap * (1 + 1e-12)).all()
    ordered = np.take_along_axis(stages.biased, stages.scores.argsort(-1), -1)
    assert (np.diff(ordered, axis=-1) >= 0).all()


@given(problems())
def test_output_is_a_blend_of_the_values(qkv):
    """Each output lies between the smallest and the largest value: shares of one cannot reach outside."""
    q, k, v = qkv
    assume(len(k) == len(q))
    output = attention(q, k, v).output
    assert (output <= v.max(1, keepdims=True) + 1e-9).all() and (output >= v.min(1, keepdims=True) - 1e-9).all()


def test_softmax_along_another_axis_and_of_minus_infinity():
    x = np.array([[0.0, -math.inf], [0.0, -math.inf]])
    np.testing.assert_array_equal(softmax(x, axis=0), [[0.5, 0.0], [0.5, 0.0]])
    np.testing.assert_array_equal(softmax(x), [[1.0, 0.0], [1.0, 0.0]])


def test_inputs_are_left_as_they_were():
    """A trace's arrays are shared by every picture."""
    q, k, v = arrays()
    mask = additive(random_mask())
    given = [x.copy() for x in (q, k, v, mask)]
    for x in (q, k, v, mask):
        x.flags.writeable = False
    attention(q, k, v, mask=mask, bias=mask, softcap=3.0, sink=np.zeros(HEADS))
    for x, before in zip((q, k, v, mask), given, strict=True):
        np.testing.assert_array_equal(x, before)


# --- what is refused ------------------------------------------------------------------------------------------------

NAN, INFINITE = np.full((4, 7, 8), np.nan, np.float32), np.full((4, 7, 8), np.inf, np.float32)


def refusals():
    q, k, v = arrays()
    ones = np.ones
    return {
        "q flat": (ValueError, {"q": ones(3)}, ["q [3]"]),
        "k flat": (ValueError, {"k": ones(8)}, ["k [8]"]),
        "v flat": (ValueError, {"v": ones(8)}, ["v [8]"]),
        "d_k differs": (ValueError, {"k": ones((4, 7, 9))}, ["q [4, 5, 8]", "k [4, 7, 9]"]),
        "one value a key": (ValueError, {"v": ones((4, 6, 6))}, ["k [4, 7, 8]", "v [4, 6, 6]"]),
        "axes differ": (ValueError, {"k": ones((7, 8)), "v": ones((7, 6))}, ["q [4, 5, 8]", "k [7, 8]", "v [7, 6]"]),
        "heads no multiple": (
            ValueError, {"k": ones((3, 7, 8)), "v": ones((3, 7, 6))}, ["q [4, 5, 8]", "k [3, 7, 8]"],
        ),
        "more key heads": (ValueError, {"k": ones((8, 7, 8)), "v": ones((8, 7, 6))}, ["q [4, 5, 8]", "k [8, 7, 8]"]),
        "batches differ": (
            ValueError, {"q": q[None], "k": ones((2, 4, 7, 8)), "v": ones((2, 4, 7, 6))}, ["q [1, 4, 5, 8]"],
        ),
        "no queries": (ValueError, {"q": ones((4, 0, 8))}, ["q [4, 0, 8]"]),
        "no keys": (ValueError, {"k": ones((4, 0, 8)), "v": ones((4, 0, 6))}, ["k [4, 0, 8]"]),
        "no dimensions": (ValueError, {"v": ones((4, 7, 0))}, ["v [4, 7, 0]"]),
        "q NaN": (ValueError, {"q": NAN[:, :5]}, ["q [4, 5, 8]", "NaN"]),
        "k NaN": (ValueError, {"k": NAN}, ["k [4, 7, 8]", "NaN"]),
        "v infinite": (ValueError, {"v": INFINITE}, ["v [4, 7, 8]", "infinity"]),
        "k minus infinite": (ValueError, {"k": -INFINITE}, ["k [4, 7, 8]", "infinity"]),
        "mask too large": (ValueError, {"mask": ones((5, 8), bool)}, ["mask [5, 8]", "[4, 5, 7]"]),
        "mask of more axes": (ValueError, {"mask": ones((2, 4, 5, 7), bool)}, ["mask [2, 4, 5, 7]", "[4, 5, 7]"]),
        "mask +inf": (ValueError, {"mask": np.full((5, 7), np.inf)}, ["mask [5, 7]", "+inf"]),
        "mask NaN": (ValueError, {"mask": np.full((5, 7), np.nan)}, ["mask [5, 7]", "NaN"]),
        "bias too small": (ValueError, {"bias": ones((5, 3))}, ["bias [5, 3]", "[4, 5, 7]"]),
        "bias +inf": (ValueError, {"bias": np.full((5, 7), np.inf)}, ["bias [5, 7]", "+inf"]),
        "bias NaN": (ValueError, {"bias": np.full((5, 7), np.nan)}, ["bias [5, 7]", "NaN"]),
        "bias boolean": (TypeError, {"bias": ones((5, 7), bool)}, ["bias [5, 7]", "bool"]),
        "softcap zero": (ValueError, {"softcap": 0.0}, ["softcap", "0.0"]),
        "softcap negative": (ValueError, {"softcap": -1}, ["softcap", "-1"]),
        "softcap infinite": (ValueError, {"softcap": math.inf}, ["softcap", "inf"]),
        "softcap NaN": (ValueError, {"softcap": math.nan}, ["softcap", "nan"]),
        "scale infinite": (ValueError, {"scale": math.inf}, ["scale", "inf"]),
        "scale NaN": (ValueError, {"scale": math.nan}, ["scale", "nan"]),
        "scale none": (TypeError, {"scale": None}, ["scale"]),
        "scale text": (TypeError, {"scale": "0.5"}, ["scale"]),
        "softcap text": (TypeError, {"softcap": "50"}, ["softcap"]),
        "sink of other heads": (ValueError, {"sink": ones(3)}, ["sink [3]", "[4, 5, 7]"]),
        "sink square": (ValueError, {"sink": ones((4, 5))}, ["sink [4, 5]"]),
        "sink without heads": (
            ValueError, {"q": q[0], "k": k[0], "v": v[0], "sink": ones(5)}, ["sink [5]", "[5, 7]"],
        ),
        "sink NaN": (ValueError, {"sink": np.full(4, np.nan)}, ["sink [4]", "NaN"]),
        "sink infinite": (ValueError, {"sink": np.full(4, -np.inf)}, ["sink [4]", "infinity"]),
        "complex": (TypeError, {"q": q.astype(complex)}, ["q [4, 5, 8]", "complex128"]),
        "boolean q": (TypeError, {"q": q > 0}, ["q [4, 5, 8]", "bool"]),
        "text": (TypeError, {"k": "the cat"}, ["k", "str"]),
        "words": (TypeError, {"v": [["a", "b"]]}, ["v", "list"]),
        "ragged": (TypeError, {"q": [[1.0, 2.0], [3.0]]}, ["q", "list"]),
        "nothing": (TypeError, {"q": None}, ["q", "None"]),
        "mixed": (TypeError, {"k": torch.ones(4, 7, 8)}, ["q: numpy", "k: torch"]),
        "mask of another library": (TypeError, {"mask": torch.ones(5, 7)}, ["q: numpy", "mask: torch"]),
    }  # fmt: skip


@pytest.mark.parametrize("case", refusals())
def test_what_does_not_fit_is_refused_by_name_and_shape(case):
    """A reader who mistypes one array is told which, of what shape, and not given a wrong map."""
    kind, changes, named = refusals()[case]
    given = dict(zip("qkv", arrays(), strict=True)) | changes
    with pytest.raises(kind) as refused:
        attention(given.pop("q"), given.pop("k"), given.pop("v"), **given)
    assert type(refused.value) is kind
    for part in named:
        assert part in str(refused.value)


def test_mixed_devices_are_refused_by_name_shape_and_device():
    q, k, v = (torch.from_numpy(x) for x in arrays())
    with pytest.raises(ValueError, match=r"q \[4, 5, 8\] on cpu.*k \[4, 7, 8\] on meta"):
        attention(q, k.to("meta"), v)
    with pytest.raises(ValueError, match=r"mask \[5, 7\] on meta"):
        attention(q, k, v, mask=torch.ones(5, 7, dtype=torch.bool, device="meta"))


@pytest.mark.parametrize("x", [[], [[]], 3.0, [math.nan, 1.0], [math.inf, 1.0]], ids=str)
def test_softmax_refuses_what_has_no_shares(x):
    with pytest.raises(ValueError, match=r"NaN|nothing to share"):
        softmax(x)


@pytest.mark.filterwarnings("ignore:overflow")
def test_an_overflow_of_q_times_k_is_refused():
    """An infinite score would draw one key with all the weight."""
    large = np.full((2, 3, 4), 1e30, np.float32)
    with pytest.raises(ValueError, match=r"scores \[2, 3, 3\].*overflow"):
        attention(large, large, large)


def test_causal_mask_lets_the_last_query_see_every_key():
    np.testing.assert_array_equal(causal_mask(2, 4), [[1, 1, 1, 0], [1, 1, 1, 1]])
    np.testing.assert_array_equal(causal_mask(3), np.tril(np.ones((3, 3), bool)))


# --- from finished scores -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("library", LIBRARIES)
def test_finished_scores_give_the_same_weights_and_output(library):
    """The same model shown by either route must look the same."""
    q, k, v = (LIBRARIES[library](x) for x in arrays(kv_heads=KV_HEADS))
    mask = LIBRARIES[library](causal_mask(QUERIES, KEYS))
    whole = attention(q, k, v, scale=0.3, mask=mask)
    half = attention_from_scores(whole.masked, v)
    for stage in ("weights", "output", "dead_rows", "sink_share"):
        np.testing.assert_array_equal(np.asarray(getattr(half, stage)), np.asarray(getattr(whole, stage)))
    twice = attention_from_scores(whole.scores, v, scale=2.0)
    np.testing.assert_array_equal(np.asarray(twice.masked), 2 * np.asarray(whole.scores))


def test_a_row_of_nothing_but_minus_infinity_is_dead():
    stages = attention_from_scores(np.array([[0.0, 1.0], [-math.inf, -math.inf]]), np.ones((2, 3)))
    assert stages.dead_rows.tolist() == [False, True] and not stages.weights[1].any() and not stages.output[1].any()


@pytest.mark.parametrize(
    ("scores", "v", "message"),
    [
        (np.zeros((2, 3)), np.zeros((2, 4)), "one value a key"),
        (np.zeros((3, 2, 2)), np.zeros((2, 2, 4)), "one value a key"),
        (np.zeros((2, 2)), np.zeros((1, 2, 4)), "same number of axes"),
        (np.zeros((2, 0)), np.zeros((0, 4)), "none of them empty"),
        (np.zeros((2, 2)), np.full((2, 4), math.nan), "v .* holds NaN"),
        (np.array([[0.0, math.nan]]), np.zeros((2, 4)), "scores .* hold NaN"),
    ],
)
def test_scores_that_do_not_fit_are_refused(scores, v, message):
    with pytest.raises(ValueError, match=message):
        attention_from_scores(scores, v)
