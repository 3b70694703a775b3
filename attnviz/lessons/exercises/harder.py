"""Five exercises of our own, a little harder than the section's."""

from functools import partial

import numpy as np

from attnviz.core.attention import attention, causal_mask, softmax
from attnviz.lessons.exercises import mistakes
from attnviz.lessons.exercises.answers import NEAR, Mistake, Verdict
from attnviz.lessons.exercises.parts import (
    Choice,
    Exercise,
    Numbers,
    Plan,
    Shown,
    Table,
    listed,
    names,
    rows_of_weights,
    softmax_gradient,
    table,
)

TOKENS = ("cat", "sat", "mat")
COMPASS = np.array([[1.0, 0], [0, 1], [-1, 0], [0, -1]])  # keys k0 to k3 [keys, d_k]
CORNERS = np.array([[0.0, 0], [2, 0], [0, 2]])  # values v0 to v2 [keys, d_v]
POINTS = {"A": np.array([0.5, 1.0]), "B": np.array([1.5, 1.0]), "C": CORNERS[1]}
ROW_0 = ("q0",)


def masked(scores: np.ndarray) -> Exercise:
    """Scores [3, 3] of d_k = 4: scaled, causally masked weights."""
    mask, scale = causal_mask(len(TOKENS)), 0.5
    keys = np.eye(len(TOKENS))
    stages = attention(scores, keys, keys, scale=scale, mask=mask)
    return Exercise(
        "Causal attention with d_k = 4: divide the scores by √d_k = 2, let no query look ahead, take softmax.",
        (Shown("Scores Q·Kᵀ", scores, TOKENS, TOKENS),),
        Choice(
            "guess",
            "Predict: what weight does the first token give itself?",
            ("1", "a third", "it depends on the scores"),
            0,
            ("1: it sees nothing but itself, so its one weight is the whole row.",) * 3,
        ),
        (
            table(
                "weights",
                "The weights",
                TOKENS,
                TOKENS,
                stages.weights,
                mistakes.of_masked_weights(scores, mask, scale),
            ),
            Choice(
                "later",
                "A fourth token is added at the end. What changes in these three rows?",
                ("nothing", "the last row only", "every row"),
                0,
                (
                    "Right: none of them sees it. Without the mask every row would change.",
                    "mat comes before the new token and may not look at it.",
                    "That holds without the mask. With it no earlier query sees the new key.",
                ),
            ),
        ),
        (
            Shown("Scaled  ÷ 2", stages.scaled, TOKENS, TOKENS, "Divided by √4."),
            Shown("Masked", stages.masked, TOKENS, TOKENS, "What comes later is out of reach: −∞."),
            Shown("Weights", stages.weights, TOKENS, TOKENS, "e to each, divided by the row's sum; e^−∞ is 0."),
        ),
    )


def shifted(scores: np.ndarray) -> Exercise:
    """One row of scores [1, 4]: what a constant and a factor do to its weights."""
    keys = names("k", scores.shape[1])
    weights, doubled = softmax(scores), softmax(2 * scores)
    later = scores + 100
    return Exercise(
        "One row of scores. First 100 is added to every score; then, instead, every score is doubled.",
        (Shown("Scores", scores, ROW_0, keys),),
        Choice(
            "guess",
            "Predict: which of the two changes the weights?",
            ("adding 100", "doubling", "both", "neither"),
            1,
            ("Doubling. A constant multiplies every exponential by the same e¹⁰⁰, which the division takes out again.",)
            * 4,
        ),
        (
            table(
                "shifted",
                "The weights after 100 is added to every score",
                ROW_0,
                keys,
                weights,
                [
                    Mistake(later / later.sum(), "Each score was divided by the sum: first e to each score."),
                    Mistake(doubled, "These are the weights of doubled scores."),
                    Mistake(
                        np.full_like(weights, 1 / weights.size),
                        "Not all alike: the scores keep their differences, and those alone count.",
                    ),
                    Mistake(np.exp(scores), "These are exponentials that were not divided: divide by their sum."),
                    Mistake(later, "These are the scores; softmax turns them into shares of 1."),
                ],
            ),
            table(
                "doubled",
                "The weights after every score is doubled",
                ROW_0,
                keys,
                doubled,
                [
                    Mistake(
                        weights, "These are the weights before doubling: a factor, unlike a constant, changes them."
                    ),
                    Mistake(softmax(scores / 2), "These are the weights of halved scores: flatter, not sharper."),
                    Mistake(
                        weights**2, "Squared weights, the right idea; they still have to be shared out to sum to 1."
                    ),
                    Mistake(2 * weights, "Doubled weights; it is the scores that are doubled."),
                    Mistake(np.exp(2 * scores), "These are exponentials that were not divided: divide by their sum."),
                    Mistake(softmax(scores + 2), "2 was added; the scores are to be multiplied by 2."),
                ],
            ),
            Choice(
                "limit",
                "The factor grows without bound, and one score is the largest. Where does the row go?",
                ("to 1 for the largest", "to all alike", "it stays as it is"),
                0,
                (
                    f"Right: at a factor of 100 the largest weight here is {softmax(100 * scores).max():.4f}.",
                    f"That is the factor 0. At 100 the largest weight here is {softmax(100 * scores).max():.4f}.",
                    f"At a factor of 100 the largest weight here is {softmax(100 * scores).max():.4f}.",
                ),
            ),
        ),
        (
            Shown("Weights", weights, ROW_0, keys, "As given."),
            Shown("100 added", softmax(later), ROW_0, keys, "The same: e¹⁰⁰ is above and below the line."),
            Shown("Doubled", doubled, ROW_0, keys, "Each weight squared, shared out anew: sharper."),
        ),
    )


def one_largest(scores: np.ndarray) -> str:
    """An objection to a row of scores in which no one is clearly the largest."""
    first, second = np.sort(scores[0])[-2:][::-1]
    return "" if first - second >= 0.1 else "One score has to be the largest, by 0.1 or more."


def aim() -> Exercise:
    """Queries to be found for four keys on the compass."""
    dimensions = names("d", 2)
    found, halves = np.array([[0.0, 5.0]]), np.array([[5.0, 5.0]])
    keys = names("k", len(COMPASS))
    return Exercise(
        "Four keys point right, up, left and down. Find queries that look where they should. No scaling.",
        (Shown("K", COMPASS, keys, dimensions),),
        Choice(
            "guess",
            "Predict: what does a query that points up, but is very short, give to k1?",
            ("almost everything", "about a quarter", "nothing"),
            1,
            (
                "About a quarter: (0, 0.1) gives k1 "
                f"{attention([[0.0, 0.1]], COMPASS, COMPASS).weights[0, 1]:.2f}. Length is what makes a query sure.",
            )
            * 3,
        ),
        (
            Table(
                "one", "Type a q0 that gives k1 a weight of 0.9 or more", ROW_0, dimensions,
                partial(judge_aim, wanted=(1,), least=0.9),
            ),
            Table(
                "two", "Type a q0 that gives k0 and k1 at least 0.45 each", ROW_0, dimensions,
                partial(judge_aim, wanted=(0, 1), least=0.45),
            ),
        ),
        (
            Shown("q0 for k1", found, ROW_0, dimensions, "Along k1, and long."),
            Shown("Its weights", attention(found, COMPASS, COMPASS).weights, ROW_0, keys),
            Shown("q0 for k0 and k1", halves, ROW_0, dimensions, "Between the two."),
            Shown("Its weights", attention(halves, COMPASS, COMPASS).weights, ROW_0, keys),
        ),
    )  # fmt: skip


def judge_aim(query: np.ndarray, _: np.ndarray, wanted: tuple[int, ...], least: float) -> Verdict:
    """Whether the typed query [1, 2] gives each wanted compass key this weight or more."""
    row = _compass_row(query)
    found = "Your query gives " + ", ".join(f"k{key} {weight:.4g}" for key, weight in enumerate(row.round(4)))
    if row[list(wanted)].min() >= least - 1e-9:
        return Verdict(True, f"Right. {found}.")
    if not query.any():
        return Verdict(False, f"{found}: a query of zeros matches every key alike.")
    if _compass_row(-query)[list(wanted)].min() >= least:
        return Verdict(False, f"{found}. It points away from where it should look: change its signs.")
    if _compass_row(100 * query / np.abs(query).max())[list(wanted)].min() >= least:
        return Verdict(False, f"{found}. The direction is right, the query too short: scores are too close together.")
    if len(wanted) > 1:
        return Verdict(False, f"{found}. k0 and k1 need equal scores: as far right as up.")
    return Verdict(False, f"{found}. Turn it further towards k{wanted[0]}.")


def _compass_row(query: np.ndarray) -> np.ndarray:
    return attention(query, COMPASS, COMPASS).weights[0]


def gradient(weights: np.ndarray) -> Exercise:
    """One row of weights [1, 3]: the gradient of softmax there."""
    w = weights[0]
    keys = names("w", len(w))
    scores = names("s", len(w))
    right = softmax_gradient(w)
    sure = np.array([0.98, 0.01, 0.01])
    sizes = [
        float(np.linalg.norm(softmax_gradient(row))) for row in (np.full(3, 1 / 3), np.array([0.5, 0.3, 0.2]), sure)
    ]
    return Exercise(
        "How do the weights answer when one score is raised a little? Row i, column j: ∂wᵢ / ∂sⱼ.",
        (Shown("Weights", weights, ("w",), keys),),
        Choice(
            "guess",
            "Predict: when one score is raised a little, what do the changes of the weights add up to?",
            ("more than 0", "0", "less than 0"),
            1,
            ("0: the row sums to 1 before and after, so what one weight gains the others lose.",) * 3,
        ),
        (
            table("gradient", "The gradient ∂wᵢ / ∂sⱼ", keys, scores, right, mistakes.of_softmax_gradient(w)),
            Choice(
                "least",
                "Through which row does the least gradient pass?",
                ("1/3, 1/3, 1/3", "0.5, 0.3, 0.2", "0.98, 0.01, 0.01"),
                2,
                (
                    f"Its gradient has the size {sizes[0]:.3f}, the largest of the three.",
                    f"Its gradient has the size {sizes[1]:.3f}; another's is smaller.",
                    f"Right: its gradient has the size {sizes[2]:.3f}, against {sizes[0]:.3f} and {sizes[1]:.3f}. A "
                    "sure row hardly learns, which is why scores are scaled.",
                ),
            ),
        ),
        (
            Shown("diag(w)", np.diag(w), keys, scores, "A score raises its own weight …"),
            Shown("w wᵀ", np.outer(w, w), keys, scores, "… and its share is taken from all."),
            Shown("diag(w) − w wᵀ", right, keys, scores, "Every row and column sums to 0."),
        ),
    )


def hull() -> Exercise:
    """A query to be found whose output is a given point, and points that no query reaches."""
    weights = np.array([[0.25, 0.25, 0.5]])
    keys = names("k", 3)
    query = np.log(weights / weights[0, 0])
    return Exercise(
        "Keys are the unit vectors, so a query's three numbers are its scores. Values are the corners v0, v1 and v2. "
        "Aim the output at the points.",
        (),
        Choice(
            "guess",
            "Predict: which point can no query bring the output close to?",
            tuple(POINTS),
            1,
            ("B: weights are shares of 1, so every output lies between the values, and B does not.",) * 3,
        ),
        (
            Table("inside", "Type a query whose output is A", ROW_0, names("d", 3), judge_hull),
            Choice(
                "corner",
                "Can the output be C exactly?",
                ("yes", "only in the limit", "it cannot come near"),
                1,
                (
                    "C is v1, and that takes a weight of exactly 1: no finite scores give it.",
                    f"Right: (0, 10, 0) comes within {_distance(np.array([[0.0, 10, 0]]), 'C'):.4f}, and no finite "
                    "query arrives.",
                    f"It can: (0, 10, 0) comes within {_distance(np.array([[0.0, 10, 0]]), 'C'):.4f}.",
                ),
            ),
        ),
        (
            Shown("Weights for A", weights, ROW_0, keys, "A = ¼·v0 + ¼·v1 + ½·v2."),
            Shown("A query", query, ROW_0, names("d", 3), "Scores are ln w, up to a constant: ln 2 = 0.6931."),
            Shown("Its output", hull_output(query), ROW_0, names("d", 2), "The point A."),
        ),
    )


def judge_hull(query: np.ndarray, _: np.ndarray) -> Verdict:
    """Whether the typed query [1, 3] brings the output to point A."""
    output = hull_output(query)[0]
    found = f"Your output is {listed(output, 4)}"
    if _distance(query, "A") <= 2 * NEAR:
        return Verdict(True, f"Right. {found}, and A is {listed(POINTS['A'])}.")
    if np.allclose(query @ CORNERS, POINTS["A"], atol=NEAR) and abs(query.sum() - 1) < 0.01 and np.all(query >= 0):
        return Verdict(False, f"{found}. You typed the weights themselves: scores are their logarithms.")
    if _distance(-query, "A") <= 2 * NEAR:
        return Verdict(False, f"{found}. Every sign is turned.")
    away = POINTS["A"] - output
    moves = {"right": away[0], "left": -away[0], "up": away[1], "down": -away[1]}
    sides = [side for side, distance in moves.items() if distance > NEAR]
    return Verdict(False, f"{found}, {_distance(query, 'A'):.3g} away from A. It has to go {' and '.join(sides)}.")


def hull_output(query: np.ndarray) -> np.ndarray:
    """The output [1, 2] of a query [1, 3]: inside the triangle of CORNERS, whatever the query."""
    return attention(query, np.eye(3), CORNERS).output


def _distance(query: np.ndarray, point: str) -> float:
    return float(np.linalg.norm(hull_output(query)[0] - POINTS[point]))


HARDER = {
    "mask": Plan(
        "Causal mask",
        masked,
        Numbers(np.array([[2.0, 4, 0], [0, 2, 6], [4, 0, 2]]), TOKENS, TOKENS),
    ),
    "shift": Plan(
        "Add or multiply",
        shifted,
        Numbers(np.array([[2.0, 1, 0, -1]]), ROW_0, names("k", 4), objection=one_largest),
    ),
    "aim": Plan("Aim a query", aim),
    "gradient": Plan(
        "Gradient",
        gradient,
        Numbers(np.array([[0.5, 0.3, 0.2]]), ("w",), names("w", 3), objection=rows_of_weights),
    ),
    "hull": Plan("Within reach", hull),
}
