"""Right answers must pass, each mistake must be told by its name, and nonsense must get a sentence.

A checker that calls a right answer wrong, or names a mistake that was not made, teaches the opposite.
"""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from attnviz.core.attention import attention, causal_mask, softmax
from attnviz.core.measures import entropy
from attnviz.lessons.exercises import EXERCISES, Choice
from attnviz.lessons.exercises.parts import softmax_gradient
from attnviz.lessons.exercises.section import pattern_maps

Q = np.eye(2)
K = V = np.array([[1.0, 1], [1, 0]])
HAND = attention(Q, K, V)
ROWS = EXERCISES["entropy"].numbers.values
SCORES = EXERCISES["mask"].numbers.values
MASK = causal_mask(3)
UNEVEN = np.array([[0.7, 0.1, 0.1, 0.1], [0.5, 0.25, 0.125, 0.125], [1, 0, 0, 0]])


def build(name, values=None):
    plan = EXERCISES[name]
    if plan.numbers is None:
        return plan.build()
    return plan.build(plan.numbers.values if values is None else values)


def question(name, part, values=None):
    return next(q for q in build(name, values).questions if q.name == part)


def typed(values, digits=9):
    return [[f"{value:.{digits}f}" for value in row] for row in np.asarray(values, dtype=float)]


def answer(name, part, values, digits=9, numbers=None):
    return question(name, part, numbers).check(typed(values, digits))


def right_answers(name, values):
    """Table answers computed here, not by the exercise."""
    if name == "hand":
        q, k, v = np.split(values, 3)
        scores = q @ k.T
        weights = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        return {"scores": scores, "weights": weights, "output": weights @ v}
    if name == "entropy":
        bits = [[-sum(w * np.log2(w) for w in row if w > 0)] for row in values]
        return {"entropy": bits, "bounds": [[0], [2]]}
    if name == "mask":
        powers = np.exp(values / 2) * np.tri(3)
        return {"weights": powers / powers.sum(axis=1, keepdims=True)}
    if name == "shift":
        powers, doubled = np.exp(values), np.exp(2 * values)
        return {"shifted": powers / powers.sum(), "doubled": doubled / doubled.sum()}
    if name == "gradient":
        w = values[0]
        return {"gradient": np.diag(w) - np.outer(w, w)}
    n, d = values[0]
    return {"counts": [[2 * n * n * d], [3 * n * n], [2 * n * n * d], [4 * n * n * d + 3 * n * n]]}


COMPUTED = ("hand", "operations", "entropy", "mask", "shift", "gradient")


@pytest.mark.parametrize("digits", [2, 4, 9])
@pytest.mark.parametrize("name", COMPUTED)
def test_right_answers_pass_exact_and_rounded(name, digits):
    for part, values in right_answers(name, EXERCISES[name].numbers.values).items():
        verdict = answer(name, part, values, digits)
        assert verdict.right and verdict.says.startswith("Right"), (part, verdict)


def test_a_rounded_answer_is_told_how_far_it_is_right():
    assert "2 decimals" in answer("hand", "weights", HAND.weights, 2).says
    assert "4 decimals" in answer("hand", "weights", HAND.weights, 4).says
    assert "beyond" in question("hand", "weights").check([["0.5", "0.5"], ["0.7343", "0.2657"]]).says


def test_one_decimal_is_too_few_and_said_to_be():
    verdict = answer("hand", "weights", HAND.weights, 1)
    assert not verdict.right and "rounded too far" in verdict.says


def test_fractions_and_commas_are_numbers():
    assert question("hand", "scores").check([["1", "2/2"], ["1,0", "0"]]).right


def test_the_section_s_answer_is_the_known_one():
    weights = [[0.5, 0.5], [0.7311, 0.2689]]
    assert answer("hand", "scores", [[1, 1], [1, 0]], 0).right
    assert answer("hand", "weights", weights, 4).right
    assert answer("hand", "output", [[1, 0.5], [1, 0.7311]], 4).right


UNLIKE = np.array([[1.0, 2], [0, 1], [1, -1], [2, 0], [3, 1], [0, 2]])  # no two mistakes give the same numbers here
q, k, v = np.split(UNLIKE, 3)
far = attention(q, k, v)
HAND_MISTAKES = [
    ("scores", far.scores.T, "transposed"),
    ("scores", far.scores / np.sqrt(2), "scaled"),
    ("scores", far.scores / 2, "divided by d_k"),
    ("scores", q @ k, "not transposed"),
    ("scores", far.weights, "weights already"),
    ("scores", np.exp(far.scores), "exponentials already"),
    ("weights", far.weights.T, "transposed"),
    ("weights", softmax(far.scores, axis=0), "columns"),
    ("weights", attention(q, k, v, scale=2**-0.5).weights, "scaled"),
    ("weights", np.exp(far.scores), "not divided"),
    ("weights", np.exp(far.scores) / np.exp(far.scores).sum(), "whole table"),
    ("weights", far.scores / far.scores.sum(axis=1, keepdims=True), "without the exponentials"),
    ("weights", far.scores, "still the scores"),
    ("weights", 100 * far.weights, "percentages"),
    ("weights", far.output, "the output"),
    ("output", far.weights, "These are the weights"),
    ("output", far.output.T, "transposed"),
    ("output", attention(q, k, v, scale=2**-0.5).output, "scaled"),
    ("output", softmax(far.scores, axis=0) @ v, "columns"),
    ("output", np.exp(far.scores) @ v, "not divided"),
    ("output", far.scores @ v, "softmax is missing"),
    ("output", far.weights @ k, "blend the keys"),
    ("output", far.weights.T @ v, "weights were transposed"),
    ("output", v[far.scores.argmax(axis=1)], "best match"),
    ("output", [v.mean(axis=0)] * 2, "plain mean"),
]


@pytest.mark.parametrize("part, wrong, named", HAND_MISTAKES, ids=lambda value: value if isinstance(value, str) else "")
def test_mistakes_by_hand_are_named(part, wrong, named):
    verdict = answer("hand", part, wrong, numbers=UNLIKE)
    assert not verdict.right and named in verdict.says


def test_a_single_wrong_cell_is_named_with_its_distance():
    verdict = question("hand", "scores").check([["1", "1"], ["1", "3"]])
    assert verdict.says == "One cell is off: q1, k1 is too large by 3."


def test_several_wrong_cells_are_counted():
    assert "3 of 4 cells" in question("hand", "scores").check([["1", "7"], ["8", "9"]]).says


scaled = SCORES / 2
MASK_MISTAKES = [
    (softmax(scaled), "mask is forgotten"),
    (softmax(scaled) * MASK, "not shared out again"),
    (softmax(np.where(MASK, scaled, 0)), "set to 0"),
    (softmax(np.where(MASK.T, scaled, -np.inf)), "wrong way round"),
    (softmax(np.where(np.tri(3, k=-1) > 0, scaled, -np.inf)), "sees itself too"),
    (softmax(np.where(MASK, SCORES, -np.inf)), "Unscaled:"),
    (softmax(SCORES), "Unscaled and unmasked"),
    (softmax(np.where(MASK, SCORES / 4, -np.inf)), "Divided by d_k"),
    (softmax(np.where(MASK, scaled, -np.inf), axis=0), "columns"),
    (softmax(np.where(MASK, scaled, -np.inf)).T, "transposed"),
    (np.exp(scaled) * MASK, "not divided"),
]


@pytest.mark.parametrize("wrong, named", MASK_MISTAKES, ids=lambda value: value if isinstance(value, str) else "")
def test_mistakes_with_the_mask_are_named(wrong, named):
    verdict = answer("mask", "weights", wrong)
    assert not verdict.right and named in verdict.says


bits = entropy(UNEVEN)[:, None]
surprise = -np.log2(np.where(UNEVEN > 0, UNEVEN, 1)).sum(axis=1, keepdims=True)
ENTROPY_MISTAKES = [
    (bits * np.log(2), "nats"),
    (bits * np.log10(2), "base 10"),
    (-bits, "sign"),
    (surprise, "multiplied by its weight"),
    (surprise / 4, "plain mean"),
    (2**bits, "2 to the entropy"),
    (bits / 2, "share of the largest"),
]


@pytest.mark.parametrize("wrong, named", ENTROPY_MISTAKES, ids=lambda value: value if isinstance(value, str) else "")
def test_mistakes_with_entropy_are_named(wrong, named):
    verdict = answer("entropy", "entropy", wrong, numbers=UNEVEN)
    assert not verdict.right and named in verdict.says


@pytest.mark.parametrize(
    "wrong, named",
    [([[0], [np.log(4)]], "nats"), ([[2], [0]], "swapped"), ([[0], [4]], "number of keys"), ([[0], [1]], "two keys"),
     ([[0], [1.75]], "extremes")],
)  # fmt: skip
def test_mistakes_with_the_bounds_of_entropy_are_named(wrong, named):
    rows = np.array([[0.5, 0.25, 0.125, 0.125], [1, 0, 0, 0], [1, 0, 0, 0]])
    assert named in answer("entropy", "bounds", wrong, numbers=rows).says


row = EXERCISES["shift"].numbers.values
SHIFT_MISTAKES = [
    ("shifted", (row + 100) / (row + 100).sum(), "first e to each"),
    ("shifted", softmax(2 * row), "doubled scores"),
    ("shifted", [[0.3, 0.3, 0.2, 0.2]], "4 of 4 cells"),
    ("shifted", [[0.25] * 4], "Not all alike"),
    ("shifted", np.exp(row), "not divided"),
    ("shifted", row + 100, "These are the scores"),
    ("doubled", softmax(row), "before doubling"),
    ("doubled", softmax(row / 2), "halved"),
    ("doubled", softmax(row) ** 2, "Squared weights"),
    ("doubled", 2 * softmax(row), "Doubled weights"),
    ("doubled", np.exp(2 * row), "not divided"),
]


@pytest.mark.parametrize(
    "part, wrong, named", SHIFT_MISTAKES, ids=lambda value: value if isinstance(value, str) else ""
)
def test_mistakes_with_shift_and_factor_are_named(part, wrong, named):
    verdict = answer("shift", part, wrong)
    assert not verdict.right and named in verdict.says


w = EXERCISES["gradient"].numbers.values[0]
GRADIENT_MISTAKES = [
    (-softmax_gradient(w), "Every sign"),
    (np.diag(w), "w wᵀ is missing"),
    (-np.outer(w, w), "diag(w) is missing"),
    (np.outer(w, w), "w wᵀ alone"),
    (np.diag(w - w * w), "diagonal is right"),
    (np.diag(w) + np.outer(w, w), "sign of w wᵀ"),
    (np.eye(3) - np.outer(w, w), "not ones"),
    (np.tile(w - w * w, (3, 1)), "on the diagonal only"),
]


@pytest.mark.parametrize("wrong, named", GRADIENT_MISTAKES, ids=lambda value: value if isinstance(value, str) else "")
def test_mistakes_with_the_gradient_are_named(wrong, named):
    verdict = answer("gradient", "gradient", wrong)
    assert not verdict.right and named in verdict.says


def test_the_gradient_is_the_one_that_torch_finds():
    found = torch.autograd.functional.jacobian(lambda s: torch.softmax(s, -1), torch.tensor(np.log(w)))
    assert softmax_gradient(w) == pytest.approx(found.numpy(), abs=1e-12)


N, D = 1000, 512
PRODUCT = 2 * N * N * D


def counts(*cells):
    return question("operations", "counts").check([[str(cell)] for cell in cells])


def test_both_ways_to_count_a_multiply_add_are_right_and_named():
    two = counts("1.024e9", "3,000,000", "1 024 000 000", "2.051e9")
    one = counts(PRODUCT // 2, 5 * N * N, PRODUCT // 2, PRODUCT + 5 * N * N)
    assert two.right and "counted as 2" in two.says
    assert one.right and "counted as 1" in one.says and "5 a cell" in one.says


@pytest.mark.parametrize(
    "cells, named",
    [
        ((N * N, 3e6, PRODUCT, 2e9), "Q·Kᵀ: d is missing"),
        ((2 * N * D, 3e6, PRODUCT, 2e9), "n instead of n²"),
        ((N * D * D, 3e6, PRODUCT, 2e9), "projection"),
        ((2 * PRODUCT, 3e6, PRODUCT, 2e9), "both products"),
        ((N**3, 3e6, PRODUCT, 2e9), "n³"),
        ((PRODUCT, N, PRODUCT, 2e9), "softmax: n instead of n²"),
        ((PRODUCT, PRODUCT, PRODUCT, 2e9), "d is gone"),
        ((PRODUCT, 3e6, PRODUCT // 2, 2e9), "count both the same way"),
        ((PRODUCT, 3e6, N * N, 2e9), "weights·V: d is missing"),
        ((PRODUCT, 3e6, PRODUCT, PRODUCT), "one product"),
        ((PRODUCT, 3e6, PRODUCT, 77), "in all: read as 77"),
        ((-5, 3e6, PRODUCT, 77), "positive"),
    ],
)
def test_mistakes_in_counting_are_named(cells, named):
    verdict = counts(*cells)
    assert not verdict.right and named in verdict.says


def apart(*cells):
    return question("shared", "apart").check(cells)


def test_a_typed_w_k_is_tried_out():
    assert apart(("0", "-0.5"), ("0.5", "1")).right
    assert "W_K is W_Q" in apart(("1", "2"), ("0", "1")).says
    assert "for this W_K too" in apart(("2", "4"), ("0", "2")).says
    assert "wrong way round" in apart(("0", "0.5"), ("-0.5", "-1")).says
    assert "Make the difference larger" in apart(("0", "-0.05"), ("0.05", "0.1")).says


@pytest.mark.parametrize(
    "part, query, named",
    [
        ("one", (0, 0), "zeros"),
        ("one", (0, 1), "too short"),
        ("one", (0, -9), "change its signs"),
        ("one", (9, 1), "Turn it further towards k1"),
        ("two", (0.1, 0.1), "too short"),
        ("two", (-5, -5), "change its signs"),
        ("two", (1, 9), "equal scores"),
    ],
)
def test_a_query_that_misses_is_told_how(part, query, named):
    verdict = answer("aim", part, [query])
    assert not verdict.right and named in verdict.says


def test_a_query_that_hits_is_right():
    assert answer("aim", "one", [(0, 5)]).right and answer("aim", "two", [(4, 4)]).right


@pytest.mark.parametrize(
    "query, named",
    [((0.25, 0.25, 0.5), "weights themselves"), ((0, 0, -np.log(2)), "sign"), ((0, 0, 0), "left and up"),
     ((0, 0, 5), "right and down")],
)  # fmt: skip
def test_an_output_that_misses_its_point_is_told_where_it_landed(query, named):
    verdict = answer("hull", "inside", [query])
    assert not verdict.right and named in verdict.says and "Your output is" in verdict.says


@given(st.floats(-50, 50))
def test_any_constant_on_the_scores_reaches_the_point(constant):
    assert answer("hull", "inside", [np.array([0, 0, np.log(2)]) + constant]).right


@pytest.mark.parametrize("name", EXERCISES)
def test_every_choice_has_one_right_answer_and_says_something_of_each(name):
    exercise = build(name)
    for choice in [exercise.prediction, *(q for q in exercise.questions if isinstance(q, Choice))]:
        verdicts = [choice.check(option) for option in range(len(choice.options))]
        assert sum(verdict.right for verdict in verdicts) == 1
        assert all(verdict.says for verdict in verdicts)


def test_each_map_shows_its_pattern_and_transposing_is_noticed():
    maps = pattern_maps()
    assert all(np.allclose(weights.sum(axis=1), 1) for weights in maps.values())
    after = question("patterns", "B").check(1)
    assert "rows and columns swapped" in after.says


NONSENSE = ["", "abc", "nan", "inf", "-inf", "1e308", "1e999", "1/0", "--1", "<b>1</b>", "1e-400"]


@pytest.mark.parametrize("text", NONSENSE)
@pytest.mark.parametrize("name", EXERCISES)
def test_nonsense_gets_a_sentence_and_never_passes(name, text):
    for table in build(name).questions:
        if isinstance(table, Choice):
            continue
        verdict = table.check([[text] * len(table.columns) for _ in table.rows])
        assert verdict.says and not verdict.right
        assert table.check([["1"]] * 9).says


def test_a_cell_that_holds_no_number_is_named_while_others_are_empty():
    verdict = question("hand", "scores").check([["1", "many"], ["", ""]])
    assert verdict.says == "q0, k1: “many” is not a number."


@pytest.mark.parametrize("name", [name for name, plan in EXERCISES.items() if plan.numbers])
@pytest.mark.parametrize("text", [*NONSENSE[:6], "1e5000"])
def test_unusable_numbers_of_a_link_are_told_and_the_exercise_s_own_are_used(name, text):
    numbers = EXERCISES[name].numbers
    for cells in (
        [[text] * len(numbers.columns) for _ in numbers.rows],
        [[text]],
        [["0"] * len(numbers.columns)] * 9,
        [],
    ):
        values, complaints = numbers.read(cells)
        assert complaints and np.array_equal(values, numbers.values)


@pytest.mark.parametrize(
    "name, values",
    [
        ("shared", [[1, 1], [2, 2], [0, 1], [1, 0], [0, 1]]),
        ("shared", [[1, 0], [0, 1], [0, 1], [0, 0], [0, 0]]),
        ("entropy", [[0.5, 0.2, 0, 0]] * 3),
        ("entropy", [[1.5, -0.5, 0, 0]] * 3),
        ("gradient", [[0.5, 0.3, 0.3]]),
        ("shift", [[1, 1, 0, 0]]),
        ("operations", [[10, 0.5]]),
        ("hand", [[9, 9]] * 6),
    ],
)
def test_numbers_that_make_no_sense_for_an_exercise_are_refused(name, values):
    assert EXERCISES[name].numbers.read([[str(value) for value in row] for row in values])[1]


def chosen_numbers(name):
    """Any numbers that a teacher's link may hold, in steps that people type."""
    shape = EXERCISES[name].numbers.values.shape
    if name == "operations":
        return st.tuples(st.integers(1, 100_000), st.integers(1, 100_000)).map(lambda pair: np.array([pair], float))
    if name in ("entropy", "gradient"):
        shares = st.lists(st.integers(0, 9), min_size=shape[1], max_size=shape[1]).filter(any)
        rows = st.lists(shares, min_size=shape[0], max_size=shape[0])
        return rows.map(lambda rows: np.array([np.array(row) / sum(row) for row in rows]))
    size, reach = shape[0] * shape[1], 4 if name == "hand" else 20
    return st.lists(st.integers(-reach, reach), min_size=size, max_size=size).map(lambda x: np.reshape(x, shape) / 2)


@pytest.mark.parametrize("name", COMPUTED)
@given(data=st.data(), digits=st.sampled_from([2, 3, 9]))
def test_whatever_numbers_a_teacher_chooses_the_right_answer_passes(name, data, digits):
    values = data.draw(chosen_numbers(name))
    if EXERCISES[name].numbers.objection(values):
        return
    exercise = build(name, values)
    assert all(np.isfinite(shown.values).all() or shown.title == "Masked" for shown in exercise.solution)
    for part, right in right_answers(name, values).items():
        verdict = answer(name, part, right, digits, numbers=values)
        assert verdict.right, (part, verdict.says)


@given(chosen_numbers("shared"))
def test_whatever_numbers_a_teacher_chooses_some_w_k_parts_the_scores(values):
    if EXERCISES["shared"].numbers.objection(values):
        return
    shown = {shown.title: shown.values for shown in build("shared", values).solution}
    assert answer("shared", "apart", shown["A W_K that parts them"], numbers=values).right
