"""The section's five exercises."""

from functools import partial

import numpy as np

from attnviz.core.attention import attention
from attnviz.core.measures import entropy
from attnviz.lessons.exercises import mistakes
from attnviz.lessons.exercises.answers import Mistake, Verdict
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
    table,
)
from attnviz.lessons.typed import read_count

DIMENSIONS = names("d", 2)
WORDS = ("The", "cat", "sat", "on", "the", "mat")
TOKENS = ("cat", "sat", "mat")
STEPS = ("Q·Kᵀ", "softmax", "weights·V", "in all")
LARGEST_SCORE = 9  # e⁹ is 8103
CLOSE_COUNT = 0.01  # share by which a count may differ, so that 1.02e9 is as good as 1,024,000,000


def by_hand(numbers: np.ndarray) -> Exercise:
    """Q, K, V [2, 2] each, one below the other: scores, weights, output."""
    Q, K, V = np.split(numbers, 3)
    stages = attention(Q, K, V)
    queries, keys = names("q", 2), names("k", 2)
    lead = stages.scores[0, 0] - stages.scores[0, 1]
    weights = stages.weights[0]
    return Exercise(
        "Compute attention with pencil and paper. No scaling, no mask.",
        (
            Shown("Q", Q, queries, DIMENSIONS),
            Shown("K", K, keys, DIMENSIONS),
            Shown("V", V, names("v", 2), DIMENSIONS),
        ),
        Choice(
            "guess",
            "Predict: which key will q0 weigh more?",
            ("k0", "k1", "both the same"),
            2 if abs(lead) < 1e-9 else int(lead < 0),
            (f"q0 gives k0 {weights[0]:.4f} and k1 {weights[1]:.4f}.",) * 3,
        ),
        (
            table("scores", "The scores Q·Kᵀ", queries, keys, stages.scores, mistakes.of_scores(Q, K)),
            table(
                "weights",
                "The weights: softmax of each row",
                queries,
                keys,
                stages.weights,
                [
                    *mistakes.of_weights(stages.scores, Q.shape[1]),
                    Mistake(stages.output, "This is the output; the weights come before it."),
                ],
            ),
            table("output", "The output: weights·V", queries, DIMENSIONS, stages.output, mistakes.of_output(Q, K, V)),
        ),
        (
            Shown("Scores  Q·Kᵀ", stages.scores, queries, keys, "A query's row times a key's row."),
            Shown("Exponentials", np.exp(stages.scores), queries, keys, "e to each score."),
            Shown("Weights", stages.weights, queries, keys, "Each divided by its row's sum."),
            Shown("Output  weights·V", stages.output, queries, DIMENSIONS, "Each row blends the rows of V."),
        ),
    )


def writable(numbers: np.ndarray) -> str:
    """An objection to scores whose exponentials nobody writes down."""
    Q, K, _ = np.split(numbers, 3)
    return "" if (Q @ K.T).max() <= LARGEST_SCORE else f"No score may exceed {LARGEST_SCORE}: choose smaller numbers."


def targets(words: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Patterns by name: which key each query looks at [queries, keys], each row sharing 1."""
    n = len(words)
    lowered = [word.lower() for word in words]
    same = np.array([[a == b for b in lowered] for a in lowered], dtype=float)
    return {
        "the token before": np.eye(n)[[0, *range(n - 1)]],
        "the token after": np.eye(n)[[*range(1, n), n - 1]],
        "the same word": same / same.sum(axis=1, keepdims=True),
        "the first token": np.eye(n)[[0] * n],
        "all alike": np.full((n, n), 1 / n),
    }


MAPS = {"A": "the first token", "B": "the token before", "C": "all alike", "D": "the same word"}


def pattern_maps() -> dict[str, np.ndarray]:
    """The four maps [queries, keys] by letter: keys are one-hot positions, queries point at those of the pattern."""
    n = len(WORDS)
    return {
        letter: attention(6 * (targets(WORDS)[pattern] > 0) * (pattern != "all alike"), np.eye(n), np.eye(n)).weights
        for letter, pattern in MAPS.items()
    }


def patterns() -> Exercise:
    """Four small maps, each with a pattern to be named."""
    options = tuple(targets(WORDS))
    maps = pattern_maps()
    return Exercise(
        "Four maps of “The cat sat on the mat”. Rows attend, columns are attended to. Name each pattern.",
        tuple(Shown(letter, weights, WORDS, WORDS) for letter, weights in maps.items()),
        Choice(
            "guess",
            "Predict: which map looks the same with rows and columns swapped, and is not all alike?",
            tuple(MAPS),
            3,
            ("Map D: if a word looks at its repeat, the repeat looks back.",) * 4,
        ),
        tuple(
            Choice(
                letter,
                f"Map {letter}: where does each token look?",
                options,
                options.index(MAPS[letter]),
                tuple(_pattern_evidence(weights, option, option == MAPS[letter]) for option in options),
            )
            for letter, weights in maps.items()
        ),
        tuple(Shown(f"{letter}: {MAPS[letter]}", weights, WORDS, WORDS) for letter, weights in maps.items()),
    )


def _pattern_evidence(weights: np.ndarray, pattern: str, right: bool) -> str:
    wanted = targets(WORDS)[pattern]
    if pattern == "all alike":
        if right:
            return f"Right: every cell holds {weights[0, 0]:.2f}."
        return f"If all were alike, no cell would exceed {1 / len(WORDS):.2f}; one here holds {weights.max():.2f}."
    share = float((weights * (wanted > 0)).sum(axis=1).mean())
    if right:
        return f"Right: {pattern} gets {share:.2f} of a row."
    transposed = float((weights.T * (wanted > 0)).sum(axis=1).mean())
    hint = " It would with rows and columns swapped: read along a row." if transposed > 0.8 else ""
    return f"Not here: on average {pattern} gets {share:.2f} of a row.{hint}"


def operations(numbers: np.ndarray) -> Exercise:
    """[[n, d]]: the floating-point operations of one head's attention."""
    n, d = (int(size) for size in numbers[0])
    columns = ("operations",)
    product, softmax_of_all = 2 * n * n * d, 3 * n * n
    return Exercise(
        f"One head reads {n:,} tokens with d_k = d_v = {d:,}. How many floating-point operations are that? "
        "Orders of magnitude are not enough, three digits are: 1.02e9 will do.",
        (Shown("Sizes", numbers, ("value",), ("n", "d")),),
        Choice(
            "guess",
            "Predict: how many times the operations do twice as many tokens take?",
            ("2", "4", "8"),
            1,
            ("Four times: each of the three steps works on n² cells.",) * 3,
        ),
        (Table("counts", "Operations of each step", STEPS, columns, partial(judge_counts, n=n, d=d), read_count),),
        (
            Shown(
                "Operations",
                np.array([[product], [softmax_of_all], [product], [2 * product + softmax_of_all]], dtype=float),
                STEPS,
                columns,
                "Each product: 2·n²·d, a multiply-add as 2. Softmax: an exponential, an addition, a division a cell.",
            ),
        ),
    )


def sizes(numbers: np.ndarray) -> str:
    """An objection to sizes that count nothing."""
    return "" if np.all(numbers >= 1) and np.all(numbers % 1 == 0) else "n and d have to be whole numbers from 1."


def judge_counts(values: np.ndarray, _: np.ndarray, n: int, d: int) -> Verdict:
    """Operations of STEPS [4, 1]; a multiply-add may count as 2 or as 1."""
    counts = dict(zip(STEPS, values[:, 0]))
    product = {2: 2 * n * n * d, 1: n * n * d}
    for row in ("Q·Kᵀ", "weights·V"):
        if not any(_close(counts[row], right) for right in product.values()):
            return Verdict(False, f"{row}: {_product_mistake(counts[row], n, d)}")
    if not any(_close(counts["softmax"], k * n * n) for k in range(1, 6)):
        return Verdict(False, f"softmax: {_softmax_mistake(counts['softmax'], n, d)}")
    used = {2 if _close(counts[row], product[2]) else 1 for row in ("Q·Kᵀ", "weights·V")}
    if len(used) > 1:
        return Verdict(False, "One product counts a multiply-add as 2, the other as 1: count both the same way.")
    convention = used.pop()
    total = 2 * product[convention] + counts["softmax"]
    if not _close(counts["in all"], total):
        return Verdict(False, f"in all: {_total_mistake(counts['in all'], total, product[convention])}")
    per_cell = round(counts["softmax"] / (n * n))
    return Verdict(
        True, f"Right, with a multiply-add counted as {convention} and {per_cell} a cell for softmax. Both are in use."
    )


def _close(count: float, right: float) -> bool:
    return abs(count - right) <= CLOSE_COUNT * right


def _product_mistake(count: float, n: int, d: int) -> str:
    known = (
        (n * n, "d is missing. Each of the n² cells adds up d or n products."),
        (2 * n * d, "n instead of n²: every query meets every key."),
        (n * d, "n instead of n²: every query meets every key."),
        (n * d * d, "n·d² belongs to a projection such as X·W_Q; here two matrices of n rows meet."),
        (2 * n * d * d, "n·d² belongs to a projection such as X·W_Q; here two matrices of n rows meet."),
        (4 * n * n * d, "These are both products together; this row asks for one."),
        (n * n * d * d, "d², but each cell adds up only d products."),
        (n * n * n, "n³, but the n² cells add up d products each."),
    )
    return _named_count(count, known, 2 * n * n * d)


def _softmax_mistake(count: float, n: int, d: int) -> str:
    known = (
        (n, "n instead of n²: softmax visits every cell of the n × n scores."),
        (3 * n, "n instead of n²: softmax visits every cell of the n × n scores."),
        (n * n * d, "d is gone by then: softmax sees n × n scores."),
        (2 * n * n * d, "d is gone by then: softmax sees n × n scores."),
        (n * d, "softmax sees n × n scores, not n × d."),
    )
    return _named_count(count, known, 3 * n * n)


def _total_mistake(count: float, total: float, product: float) -> str:
    known = (
        (product, "this is one product; there are two, and softmax."),
        (2 * total, "twice the sum of your three rows."),
    )
    return _named_count(count, known, total)


def _named_count(count: float, known: tuple[tuple[float, str], ...], right: float) -> str:
    for wrong, says in known:
        if _close(count, wrong):
            return says
    if count <= 0:
        return f"read as {count:,.0f}; a count is positive."
    return f"read as {count:,.0f}, which is {count / right:.3g} times a right count."


def shared_projection(numbers: np.ndarray) -> Exercise:
    """X [3, 2] above W_Q [2, 2]: what W_Q = W_K does to the scores, and a W_K that undoes it."""
    X, W_Q = np.split(numbers, [3])
    same = attention(X @ W_Q, X @ W_Q, X).scores
    return Exercise(
        "Queries are X·W_Q and keys X·W_K. Suppose that W_K is W_Q.",
        (Shown("X", X, TOKENS, DIMENSIONS), Shown("W_Q", W_Q, DIMENSIONS, DIMENSIONS)),
        Choice(
            "guess",
            "Predict: can cat then score sat higher than sat scores cat?",
            ("yes", "no", "only after softmax"),
            1,
            (
                f"With W_K = W_Q both scores are {same[0, 1]:.4g}. The weights may still differ, because each row is "
                "shared out on its own.",
            )
            * 3,
        ),
        (
            Choice(
                "shape",
                "What is true of the scores when W_K = W_Q?",
                ("the table is symmetric", "every row is the same", "the diagonal is the largest", "nothing special"),
                0,
                (
                    "Right: S = X·W·Wᵀ·Xᵀ is its own transpose, for every X and W.",
                    f"Not so: the row of cat is {listed(same[0])} and that of sat {listed(same[1])}.",
                    "Not in general: a short vector can score a long one higher than itself.",
                    f"Something is: cat → sat and sat → cat both score {same[0, 1]:.4g}. Write out Sᵀ.",
                ),
            ),
            Table(
                "apart",
                "Type a W_K with which cat scores sat at least 1 higher than sat scores cat",
                DIMENSIONS,
                DIMENSIONS,
                partial(judge_apart, X=X, W_Q=W_Q),
            ),
            Choice(
                "wish",
                "When can W_Q = W_K be what one wants?",
                (
                    "when matching is mutual, as in “is alike”",
                    "when a verb looks for its subject",
                    "when a token looks only back",
                ),
                0,
                (
                    "Right: likeness goes both ways, and one matrix less has to be learnt.",
                    "Not there: the subject need not look for its verb as strongly, and equal scores would force it.",
                    "Not there: looking back is the mask's work, and it comes after the scores.",
                ),
            ),
        ),
        (
            Shown("Scores with W_K = W_Q", same, TOKENS, TOKENS, "The same read along a row or down a column."),
            Shown("The mirrored scores", same.T, TOKENS, TOKENS, "(X·W·Wᵀ·Xᵀ)ᵀ is X·W·Wᵀ·Xᵀ again."),
            *_apart_example(X, W_Q),
        ),
    )


def judge_apart(W_K: np.ndarray, _: np.ndarray, X: np.ndarray, W_Q: np.ndarray) -> Verdict:
    """Whether the typed W_K [2, 2] parts cat → sat from sat → cat by 1 or more."""
    scores = attention(X @ W_Q, X @ W_K, X).scores
    there, back = scores[0, 1], scores[1, 0]
    found = f"With your W_K cat → sat scores {there:.4g} and sat → cat {back:.4g}"
    if there - back >= 1 - 1e-9:
        return Verdict(True, f"Right. {found}.")
    if np.allclose(scores, scores.T, rtol=0, atol=1e-9):
        why = "W_K is W_Q" if np.array_equal(W_K, W_Q) else "W_Q·W_Kᵀ is symmetric for this W_K too"
        return Verdict(False, f"{found}: the whole table is symmetric, because {why}.")
    if back - there >= 1:
        return Verdict(False, f"{found}: the wrong way round. Change the sign of your W_K.")
    return Verdict(False, f"{found}: {there - back:.3g} apart. Make the difference larger.")


def _apart_example(X: np.ndarray, W_Q: np.ndarray) -> tuple[Shown, Shown]:
    # cat → sat minus sat → cat is det(x_cat, x_sat) · (M₀₁ − M₁₀), M = W_Q·W_Kᵀ: largest for W_Q turned by 90°
    turned = np.array([[0.0, -1.0], [1.0, 0.0]]) @ W_Q
    gap = np.linalg.det(X[:2]) * (turned * turned).sum()
    W_K = turned * (2 / gap)
    scores = attention(X @ W_Q, X @ W_K, X).scores
    return (
        Shown("A W_K that parts them", W_K, DIMENSIONS, DIMENSIONS, "One of many."),
        Shown("Its scores", scores, TOKENS, TOKENS, "No longer symmetric."),
    )


def can_part(numbers: np.ndarray) -> str:
    """An objection to X and W_Q with which no W_K parts cat from sat."""
    X, W_Q = np.split(numbers, [3])
    if abs(np.linalg.det(X[:2])) < 0.1 or np.abs(W_Q).max() < 0.1:
        return "The rows of cat and sat must point in different directions, and W_Q must not be 0."
    return ""


def entropies(weights: np.ndarray) -> Exercise:
    """Rows of weights [3, 4]: their entropy in bits, and its bounds."""
    rows, bits = tuple(f"row {position}" for position in range(len(weights))), ("bits",)
    right = entropy(weights)[:, None]
    keys = weights.shape[1]
    bounds = np.array([[0.0], [np.log2(keys)]])
    return Exercise(
        "Entropy says how widely a row of weights is spread: −Σ w·log₂ w, with 0·log₂ 0 = 0.",
        (Shown("Weights", weights, rows, names("k", keys)),),
        Choice(
            "guess",
            "Predict: which row has the largest entropy?",
            rows,
            int(right[:, 0].argmax()),
            (f"The most evenly shared one: row {right[:, 0].argmax()}, with {right.max():.4g} bits.",) * len(rows),
        ),
        (
            table("entropy", "The entropy of each row in bits", rows, bits, right, mistakes.of_entropy(weights, right)),
            table(
                "bounds",
                f"The smallest and the largest entropy that {keys} keys allow",
                ("smallest", "largest"),
                bits,
                bounds,
                [
                    Mistake(bounds * np.log(2), "The largest is in nats here; in bits it is log₂ of the keys."),
                    Mistake(bounds[::-1], "The two are swapped."),
                    Mistake(np.array([[0.0], [keys]]), "That is the number of keys; its log₂ is wanted."),
                    Mistake(np.array([[0.0], [1.0]]), "1 bit is the bound for two keys; here there are more."),
                    Mistake(
                        np.array([[right.min()], [right.max()]]),
                        "These are the extremes of the rows above; the bounds hold for every row.",
                    ),
                ],
            ),
            Choice(
                "meaning",
                "A head's rows have high entropy. What does it do?",
                ("it averages over many tokens", "it picks one token", "it is certainly useless"),
                0,
                (
                    "Right: a high entropy spreads the row, a low one picks.",
                    "That is low entropy: 0 bits is one key with all the weight.",
                    "Not certainly: a broad average can be what is needed. Only ablating the head would tell.",
                ),
            ),
        ),
        (
            Shown(
                "−w·log₂ w",
                -weights * np.log2(np.where(weights > 0, weights, 1.0)) + 0.0,
                rows,
                names("k", keys),
                "What each weight adds.",
            ),
            Shown("Entropy", right, rows, bits, f"The row's sum: from 0 to log₂ {keys} = {bounds[1, 0]:.4g}."),
        ),
    )


SECTION = {
    "hand": Plan(
        "By hand",
        by_hand,
        Numbers(
            np.array([[1.0, 0], [0, 1], [1, 1], [1, 0], [1, 1], [1, 0]]),
            names("q", 2) + names("k", 2) + names("v", 2),
            DIMENSIONS,
            objection=writable,
        ),
    ),
    "patterns": Plan("Patterns", patterns),
    "operations": Plan(
        "Operations", operations, Numbers(np.array([[1000.0, 512]]), ("value",), ("n", "d"), 100_000, sizes)
    ),
    "shared": Plan(
        "W_Q = W_K",
        shared_projection,
        Numbers(
            np.array([[1.0, 0], [0, 1], [1, 1], [1, 2], [0, 1]]),
            (*TOKENS, "W_Q d0", "W_Q d1"),
            DIMENSIONS,
            objection=can_part,
        ),
    ),
    "entropy": Plan(
        "Entropy",
        entropies,
        Numbers(
            np.array([[0.25, 0.25, 0.25, 0.25], [0.5, 0.25, 0.125, 0.125], [1, 0, 0, 0]]),
            tuple(f"row {position}" for position in range(3)),
            names("k", 4),
            objection=rows_of_weights,
        ),
    ),
}
