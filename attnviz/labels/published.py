"""What others have published about single heads of models that many people know: facts and figures, in our words.

Layers and heads count from 0; the papers on BERT count from 1. `label` is the label of ours that says the same, None
where we have none.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

ARENA = "TransformerLens, Exploratory Analysis Demo (repeated random tokens, no start token)"
MAIN = "TransformerLens, Main Demo (repeated random tokens)"
WANG = "Wang et al. 2023, indirect object identification"
MCDOUGALL = "McDougall et al. 2023, copy suppression"
GOULD = "Gould et al. 2024, successor heads"
CLARK = "Clark et al. 2019"
CLARK_CODE = "Clark et al. 2019, the notebook with their code"


@dataclass(frozen=True)
class Claim:
    """One published statement on one head."""

    layer: int
    head: int
    says: str
    source: str
    label: str | None = None


def _place(head: str) -> tuple[int, int]:
    layer, number = map(int, head.split("."))
    return layer, number


def _scored(label: str, what: str, source: str, scores: dict[str, float]) -> list[Claim]:
    return [Claim(*_place(head), f"{what}: {score:.2f}", source, label) for head, score in scores.items()]


def _roles(what: str, source: str, heads: str, label: str | None = None) -> list[Claim]:
    return [Claim(*_place(head), what, source, label) for head in heads.split()]


def _relation(name: str, layer: int, head: int, accuracy: float, baseline: float, label: str | None,
              source: str = CLARK) -> Claim:  # fmt: skip
    return Claim(layer, head, f"{name}, right in {accuracy} %; the best fixed offset in {baseline} %", source, label)


GPT2 = (
    *_scored("previous_token", "weight on the previous token", ARENA,
             {"4.11": 0.992, "3.7": 0.529, "6.8": 0.499, "2.2": 0.482, "3.2": 0.419, "5.6": 0.418}),
    *_scored("duplicate_token", "weight on the same token before", ARENA, {"0.5": 0.703, "3.0": 0.678}),
    *_scored("induction", "weight on what came after the same token", ARENA,
             {"5.1": 0.931, "6.9": 0.926, "5.5": 0.926, "7.10": 0.904, "7.2": 0.851, "10.1": 0.482, "9.9": 0.473,
              "9.6": 0.444, "5.0": 0.434}),
    *_roles("previous-token head of the circuit", WANG, "2.2 4.11", "previous_token"),
    *_roles("duplicate-token head of the circuit", WANG, "0.1 0.10 3.0", "duplicate_token"),
    *_roles("induction head of the circuit", WANG, "5.5 5.8 5.9 6.9", "induction"),
    *_roles("S-inhibition head: keeps later heads from the repeated name", WANG, "7.3 7.9 8.6 8.10"),
    *_roles("name mover: copies the name that is asked for", WANG, "9.9 10.0 9.6"),
    *_roles("backup name mover: steps in when name movers are ablated", WANG, "10.10 10.6 10.2 10.1 11.2 9.7 9.0 11.9"),
    *_roles("negative name mover: writes against the name", WANG, "10.7 11.10", "copy_suppression"),
    *_roles("copy suppression: attends to what is predicted and writes against it; explains 76.9 % of the head's "
            "effect", MCDOUGALL, "10.7", "copy_suppression"),
    *_roles("successor head: from an ordinal to the next one", GOULD, "9.1"),
)  # fmt: skip
DISTILGPT2 = tuple(
    _scored("induction", "weight on what came after the same token", MAIN,
            {"3.10": 0.931, "3.2": 0.865, "4.9": 0.666, "4.6": 0.644, "3.11": 0.491, "5.9": 0.471})
)  # fmt: skip
BERT = (
    _relation("determiner to its noun", 7, 10, 94.3, 51.7, "syntactic:det:to_head"),
    _relation("direct object to its verb", 7, 9, 86.8, 40.0, "syntactic:obj:to_head"),
    _relation("preposition to its object", 8, 5, 76.3, 34.6, "syntactic:case:to_head"),
    _relation("possessive to its noun", 6, 5, 80.5, 47.7, "syntactic:nmod:poss:to_head"),
    _relation("passive auxiliary to its verb", 3, 9, 94.1, 82.5, "syntactic:aux:pass:to_head", CLARK_CODE),
    _relation("clausal complement to its verb", 7, 0, 48.8, 12.4, "syntactic:ccomp:to_head"),
    _relation("marker to its clause", 7, 1, 50.7, 14.5, "syntactic:mark:to_head"),
    _relation("subject to its verb", 7, 1, 58.5, 45.5, "syntactic:nsubj:to_head"),
    _relation("adjective to its noun", 3, 9, 75.6, 68.3, "syntactic:amod:to_head"),
    _relation("auxiliary to its verb", 3, 9, 81.1, 71.5, "syntactic:aux:to_head"),
    _relation("noun of a compound to its last noun", 3, 9, 70.4, 70.2, "syntactic:compound:to_head"),
    _relation("preposition to what it belongs to", 6, 3, 66.7, 61.8, None),
    _relation("adverb to its head", 6, 5, 48.8, 40.2, "syntactic:advmod:to_head"),
    _relation("particle to its verb", 5, 6, 99.1, 91.4, "syntactic:compound:prt:to_head"),
    _relation("conjunct to the first one", 6, 0, 53.3, 26.8, "syntactic:conj:to_head", CLARK_CODE),
    Claim(4, 3, "a mention to an earlier one of the same thing, right in 65 % (pronouns 64 %); the nearest mention in "
          "27 %", CLARK, "coreference"),
)  # fmt: skip

# Model type, layers and heads, so that a folder that only has the name is not taken for the model.
MODELS = {
    "gpt2": ("gpt2", 12, 12, GPT2),
    "distilgpt2": ("gpt2", 6, 12, DISTILGPT2),
    "bert-base-uncased": ("bert", 12, 12, BERT),
}


def claims(model: str, architecture: str, n_layers: int, n_heads: int) -> tuple[Claim, ...]:
    """What is published on the heads of a model, by the last part of its name; empty for models that are not known."""
    known = MODELS.get(model.rstrip("/").split("/")[-1].lower())
    return known[3] if known and known[:3] == (architecture, n_layers, n_heads) else ()


def agreement(claim: Claim, given: Collection[str], measured: Collection[str]) -> str:
    """A published claim beside our labels of that head: "agrees", "not labelled by us", or "not asked here" where no
    label of ours says the same, or our probes hold too little of it."""
    if claim.label is None or claim.label not in measured:
        return "not asked here"
    return "agrees" if claim.label in given else "not labelled by us"
