"""The figures of a card, computed from the weights in a folder: `python -m training evaluate tiny-gpt …`.

Most figures need nothing but the weights and the probes; a test computes them again. The others need the texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from transformers import (
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoModelForSeq2SeqLM,
    PreTrainedTokenizerFast,
)

from attnviz.probes import PERIODS, TEST_ONLY, Sentence, pronoun_sentences, repeats

from .baselines import kneser_ney_losses
from .bert import IGNORED, MASKED_IN_TEST, mask, masked_losses
from .coreference import (
    Mention,
    attention_choices,
    gap_mentions,
    generated_mentions,
    nearest_is_right,
    winogender_mentions,
)
from .data import held_out_rows, stream
from .dates import FORMATS, date_pairs
from .gpt import framed, ordinary_ids
from .scores import (
    RepeatScores,
    held_out_losses,
    in_context_score,
    neighbour_scores,
    pronoun_margins_decoder,
    pronoun_margins_encoder,
    repeat_scores,
)
from .text import Source, read_sources, sentences
from .translator import alignment, exactness

KINDS = {"tiny-gpt": AutoModelForCausalLM, "tiny-bert": AutoModelForMaskedLM, "tiny-translator": AutoModelForSeq2SeqLM}
SEED = 2026
N_REPEATS, N_PRONOUNS, N_DATES, N_ALIGNED = 100, 2000, 2000, 680
N_ROWS, N_BASELINE = 300, 1500


def load(folder: Path, name: str) -> tuple[Any, PreTrainedTokenizerFast]:
    """Model and tokenizer of a folder, in float32, ready to be scored."""
    model = KINDS[name].from_pretrained(folder, dtype=torch.float32).eval()
    return model, PreTrainedTokenizerFast.from_pretrained(folder)


def load_checkpoint(model: Any, path: Path) -> None:
    """Put a stored checkpoint's weights into a model of the same shape; tied ones are stored once."""
    missing, unexpected = model.load_state_dict(load_file(path), strict=False)
    if unexpected or set(missing) - set(model.all_tied_weights_keys):
        raise ValueError(f"{path} does not fit the model: {sorted({*missing, *unexpected})[:4]}")


def rounded(value: Any) -> Any:
    """Arrays become lists, and floats keep four digits."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return rounded(value.tolist())
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    return round(value, 4) if isinstance(value, float) else value


def best_head(scores: np.ndarray, layers: slice = slice(None)) -> dict[str, Any]:
    """The head with the largest of `scores` [layers, heads] among some layers."""
    part = scores[layers]
    layer, head = np.unravel_index(part.argmax(), part.shape)
    return {"head": f"L{layer + (layers.start or 0)}.H{head}", "score": float(part[layer, head])}


def repeat_summary(scores: RepeatScores) -> dict[str, Any]:
    """Best induction head, best previous-token head in an earlier layer, and the losses of both copies."""
    induction = best_head(scores.induction)
    before = slice(0, max(1, int(induction["head"][1 : induction["head"].index(".")])))
    previous = best_head(scores.previous, before)
    layer, head = (int(part) for part in previous["head"][1:].split(".H"))
    return {
        "induction": {
            **induction,
            "uniform": scores.uniform[1],
            "not_repeated": float(scores.induction_control.max()),
            "heads_of_0.8": int((scores.induction >= 0.8).sum()),
        },
        "previous_token": {
            **previous,
            "uniform": scores.uniform[0],
            "share_of_rows": float(scores.previous_share[layer, head]),
        },
        "first_copy_loss": scores.first_copy,
        "second_copy_loss": scores.second_copy,
        "second_over_first": scores.second_copy / scores.first_copy,
    }


def evaluate_repeats(model: Any, tokenizer: PreTrainedTokenizerFast, n: int = N_REPEATS) -> dict[str, Any]:
    """The figures of `n` freshly drawn repeats."""
    probes = repeats(ordinary_ids(tokenizer), tokenizer.bos_token_id, n, split="test", seed=SEED)
    return {"n": n, "seed": SEED, "periods": list(PERIODS), **repeat_summary(repeat_scores(model, probes))}


def evaluate_pronouns(margins: np.ndarray, probes: Sequence[Sentence]) -> dict[str, Any]:
    """Accuracy of margins [sentences], in all and by what the sentences are like."""
    right = margins > 0
    tails = np.array([sentence.template.split("|")[-1] for sentence in probes])
    rivals = np.array([bool(sentence.distractors) for sentence in probes])
    nearest = np.array([_nearest_agrees(sentence) for sentence in probes])
    forms = np.array([str(sentence.right_pronoun).lower() for sentence in probes])
    new_wording = np.array([bool(TEST_ONLY & set(sentence.template.split("|"))) for sentence in probes])
    return {
        "n": len(probes),
        "seed": SEED,
        "accuracy": float(right.mean()),
        "with_distractor": {"n": int(rivals.sum()), "accuracy": float(right[rivals].mean())},
        "nearest_noun_misleads": {"n": int((~nearest).sum()), "accuracy": float(right[~nearest].mean())},
        "combination_never_trained_on": {"n": int((~new_wording).sum()), "accuracy": float(right[~new_wording].mean())},
        "wording_never_trained_on": {"n": int(new_wording.sum()), "accuracy": float(right[new_wording].mean())},
        "nearest_noun_baseline": float(nearest.mean()),
        "by_pronoun": {form: float(right[forms == form].mean()) for form in sorted(set(forms.tolist()))},
        "by_ending": {tail: float(right[tails == tail].mean()) for tail in sorted(set(tails.tolist()))},
    }


def _nearest_agrees(sentence: Sentence) -> bool:
    """Whether the nearest named noun before the pronoun is the antecedent."""
    if sentence.pronoun is None or sentence.antecedent is None:
        raise ValueError(f"no pronoun in {sentence.text!r}")
    before = [word for word in sentence.distractors if word < sentence.pronoun]
    return max(before, default=-1) < sentence.antecedent


def evaluate_attention(model: Any, tokenizer: PreTrainedTokenizerFast, data: Path | None) -> dict[str, Any]:
    """How often the head that is best on training sentences looks from a pronoun to the one who is meant."""
    chosen_on = generated_mentions(pronoun_sentences(300, split="train", seed=SEED))
    scores = attention_choices(model, tokenizer, chosen_on).mean(0)
    choice = best_head(scores)
    layer, head = (int(part) for part in choice["head"][1:].split(".H"))

    def share(mentions: list[Mention]) -> dict[str, Any]:
        hits = attention_choices(model, tokenizer, mentions)[:, layer, head]
        return {"n": len(hits), "accuracy": float(hits.mean()), "nearest_baseline": nearest_is_right(mentions)}

    found = {
        "measure": "the head gives the right mention more weight than every other named one, in the pronoun's row",
        "head": choice["head"],
        "chosen_on_training_sentences": choice["score"],
        "generated_test": share(generated_mentions(pronoun_sentences(500, split="test", seed=SEED))),
    }
    if data is not None:
        found["winogender"] = share(winogender_mentions(data / "winogender.tsv"))
        found["gap_development"] = share(gap_mentions(data / "gap-development.tsv"))
    return found


def evaluate_gpt(model: Any, tokenizer: PreTrainedTokenizerFast, folder: Path) -> dict[str, Any]:
    """All figures of tiny-gpt; `folder` holds the texts, and Winogender and GAP."""
    sources = read_sources(folder)
    length = model.config.n_positions - 1
    rows = held_out_rows(tokenizer.backend_tokenizer, sources, length, N_ROWS)
    losses = held_out_losses(model, framed(rows, tokenizer.bos_token_id)).numpy()
    rng = np.random.default_rng(SEED)
    where = np.stack([rng.integers(0, len(rows), N_BASELINE), rng.integers(2, length, N_BASELINE)], 1)
    probes = pronoun_sentences(N_PRONOUNS, split="test", seed=SEED)
    return {
        "repeats": evaluate_repeats(model, tokenizer),
        "pronouns": evaluate_pronouns(pronoun_margins_decoder(model, tokenizer, probes), probes),
        "attention_to_antecedent": evaluate_attention(model, tokenizer, folder),
        "held_out": {
            "n": int(losses.size),
            "loss": float(losses.mean()),
            "in_context_score": in_context_score(torch.from_numpy(losses)),
            **_against_baselines(tokenizer, sources, rows, where, losses[where[:, 0], where[:, 1]]),
        },
    }


def evaluate_bert(model: Any, tokenizer: PreTrainedTokenizerFast, folder: Path) -> dict[str, Any]:
    """All figures of tiny-bert; `folder` holds the texts, and Winogender and GAP."""
    sources = read_sources(folder)
    length = model.config.max_position_embeddings - 2
    rows = held_out_rows(tokenizer.backend_tokenizer, sources, length, N_ROWS)
    inputs, targets = mask(rows, tokenizer, np.random.default_rng(SEED), MASKED_IN_TEST)
    losses = masked_losses(model, inputs, targets).numpy()
    places = np.argwhere(targets[:, 1:-1].numpy() != IGNORED)
    usable = np.flatnonzero(places[:, 1] >= 2)
    chosen = np.random.default_rng(SEED).choice(usable, min(N_BASELINE, len(usable)), replace=False)
    probes = pronoun_sentences(N_PRONOUNS, split="test", seed=SEED)
    return {
        "pronouns": evaluate_pronouns(pronoun_margins_encoder(model, tokenizer, probes), probes),
        "neighbours": evaluate_neighbours(model, tokenizer),
        "attention_to_antecedent": evaluate_attention(model, tokenizer, folder),
        "held_out": {
            "n": len(losses),
            "loss": float(losses.mean()),
            "masked": MASKED_IN_TEST,
            **_against_baselines(tokenizer, sources, rows, places[chosen], losses[chosen]),
        },
    }


def evaluate_neighbours(model: Any, tokenizer: PreTrainedTokenizerFast) -> dict[str, Any]:
    """The encoder's best heads for the previous and the next token, on generated sentences."""
    texts = [sentence.text for sentence in pronoun_sentences(200, split="test", seed=SEED)]
    before, after = neighbour_scores(model, tokenizer, texts)
    return {"previous_token": best_head(before), "next_token": best_head(after)}


def _against_baselines(
    tokenizer: PreTrainedTokenizerFast, sources: list[Source], rows: np.ndarray, where: np.ndarray, losses: np.ndarray
) -> dict[str, Any]:
    """Model and Kneser-Ney losses on the tokens `where` [n, 2] (row, place from 2 on) of held-out rows."""
    plain = [text for source in sources for text in sentences(source.train)]
    counted = stream(tokenizer.backend_tokenizer, plain).ids
    targets = rows[where[:, 0], where[:, 1]]
    found: dict[str, Any] = {"n": len(where), "model": float(losses.mean())}
    for order, name in ((2, "bigram"), (3, "trigram")):
        contexts = np.stack([rows[where[:, 0], where[:, 1] - back] for back in range(order - 1, 0, -1)], 1)
        loss, discount = kneser_ney_losses(counted, order, contexts, targets)
        found[name] = {"loss": loss, "discount": discount}
    found["counted_tokens"] = len(counted)
    return {"same_tokens": found}


def evaluate_translator(model: Any, tokenizer: PreTrainedTokenizerFast) -> dict[str, Any]:
    """All figures of tiny-translator, on dates that no training pair has."""
    pairs = date_pairs(N_DATES, split="test", seed=SEED)
    right = exactness(model, tokenizer, pairs)
    formats = np.array([pair.format for pair in pairs])
    return {
        "exact": {"n": N_DATES, "seed": SEED, "share": float(right.mean())},
        "by_format": {name: float(right[formats == name].mean()) for name in FORMATS},
        "alignment": evaluate_alignment(model, tokenizer),
    }


def evaluate_alignment(model: Any, tokenizer: PreTrainedTokenizerFast, n: int = N_ALIGNED) -> dict[str, Any]:
    """The cross-attention heads that align year, month and day best, and the one that is best at its worst of them."""
    found = alignment(model, tokenizer, date_pairs(n, split="test", seed=SEED))
    worst = np.minimum.reduce(list(found.values()))
    return {"n": n, "all_three": best_head(worst), **{name: best_head(scores) for name, scores in found.items()}}


def evaluate(name: str, folder: Path, data: Path | None) -> dict[str, Any]:
    """Every figure of the named model. Raises ValueError if the texts are needed and `data` is None."""
    model, tokenizer = load(folder, name)
    with torch.no_grad():
        if name == "tiny-translator":
            return rounded(evaluate_translator(model, tokenizer))
        if data is None:
            raise ValueError("the held-out loss needs --text")
        found = (evaluate_gpt if name == "tiny-gpt" else evaluate_bert)(model, tokenizer, data)
        return rounded(found)
