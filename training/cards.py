"""A card as a page to read."""

from __future__ import annotations

import datetime
from typing import Any

from .dates import write_date

EXAMPLE = datetime.date(2021, 9, 3)
WHAT = {
    "tiny-gpt": """A GPT-2 type decoder with 4 layers of 4 heads, trained on three things at once: plain English from
public-domain children's books, generated sentences whose pronouns have a known antecedent, and sequences that repeat
a chunk of random tokens or text. The tokenizer puts the start token `<|start|>` before every text by itself, as in
training, and writes the first word as if a space came before it. Any text can be typed (byte-level pieces); at most
128 tokens.

`checkpoints/step-NNNNN.safetensors` hold the weights at some steps in float16 under the same tensor names as
`model.safetensors`, the output layer (tied to the token embedding) stored once. `curves.json` holds what was measured
along the way.""",
    "tiny-bert": """A BERT type encoder with 4 layers of 4 heads that fills masked tokens, trained on plain English from
public-domain children's books and on generated sentences whose pronouns have a known antecedent. In training 35 %
of the text's tokens are masked, and of the pronouns in generated sentences half at first, 85 % later. The tokenizer
adds `[CLS]` and `[SEP]`, and writes the first word as if a space came before it. Any text can be typed (byte-level
pieces); at most 128 tokens. It never saw pairs of texts: the second token type is untrained.""",
    "tiny-translator": """A BART type encoder-decoder with 2 + 2 layers of 4 heads that turns a written date into its
ISO form: `the 3rd of May, 2021` into `2021-05-03`, `5/3/21 (US)` too. Numbers fall into pieces of two digits, names of
months into one piece, so that a reader can check by eye which source pieces the cross-attention of a target piece
looks at. The row that matters for a target piece is the one that predicts it: on screen it carries the name of the
piece before. It answers greedily, and knows the years 1900 to 2099, two-digit years as 1950 to 2049.""",
}
CANNOT = {
    "tiny-gpt": """It has seen some two million tokens of old children's books: it writes no sense, knows no facts, and
its names and nouns outside the generated sentences carry little gender. Its pronouns follow the structure of the
generated sentences; how far that is from real text, the rows on Winogender and GAP say. The texts are of their time,
in what they say about people too.""",
    "tiny-bert": """It knows the words of old children's books and little else: it fills function words and the pronouns
of generated sentences, not facts. How far its pronouns are from real text, the rows on Winogender and GAP say. The
texts are of their time, in what they say about people too.""",
    "tiny-translator": """It knows only the formats above, in these wordings: no other language, no relative dates
(`next Tuesday`), no times, no years outside 1900 to 2099. A day-and-month pair of numbers with slashes needs `(US)` or
`(UK)`; without it the answer is a guess. It answers with some date whatever is typed, and never says that it
cannot.""",
}


def readme(card: dict[str, Any]) -> str:
    """The page of a card."""
    name = card["name"]
    training = card["training"]
    rows = "\n".join(f"| {what} | {figure} |" for what, figure in _figures(card))
    pages = [
        f"# {name}\n\n{WHAT[name]}",
        f"{card['parameters']:,} parameters, vocabulary {card['vocabulary']:,}, `{card['architecture']}`. "
        f"{training['steps']:,} steps of {training['batch']} rows, seed {training['seed']}, "
        f"{training['seconds'] / 60:.0f} minutes on {training['machine']}. Trained by `python -m training {name}`; "
        f"this page and `card.json` are written by `python -m training bundle {name}` from the weights.",
        f"## Measured\n\n| what | figure |\n|---|---|\n{rows}",
        f"## What it cannot do\n\n{CANNOT[name]}",
        f"## Texts\n\n{_texts(card)}",
    ]
    return "\n\n".join(pages) + "\n"


def _texts(card: dict[str, Any]) -> str:
    if not card["texts"]:
        return "None: every date is generated (`training/dates.py`). One date in eight is never trained on."
    lines = [
        f"- `{text['name']}`, SHA-256 `{text['sha256']}`, {text['paragraphs']['training']:,} paragraphs to train on, "
        f"{text['paragraphs']['held_out']:,} held out"
        for text in card["texts"]
    ]
    return (
        "\n".join(lines)
        + "\n\nFairy tales of Andersen, Grimm and Wilde (from LCATS) and eleven novels for young readers (from "
        "LitBank), all in the public domain; LitBank's own files are CC BY 4.0. Each twentieth block of thirty "
        "paragraphs is held out. Generated sentences: the training split of `attnviz/probes`, version "
        f"{card['probes_version']}."
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _pronoun_figures(scores: dict[str, Any]) -> list[tuple[str, str]]:
    found = scores["pronouns"]
    rivals, misled = found["with_distractor"], found["nearest_noun_misleads"]
    known, new = found["combination_never_trained_on"], found["wording_never_trained_on"]
    attention = scores["attention_to_antecedent"]
    rows = [
        (
            f"right pronoun preferred in {found['n']:,} generated sentences, templates and pairings never trained on",
            f"{_percent(found['accuracy'])} (by the nearest noun: {_percent(found['nearest_noun_baseline'])})",
        ),
        (f"… new combinations of known parts ({known['n']:,})", _percent(known["accuracy"])),
        (f"… those with a part whose wording was never trained on ({new['n']:,})", _percent(new["accuracy"])),
        (f"… those with a distractor ({rivals['n']:,})", _percent(rivals["accuracy"])),
        (f"… those whose nearest noun misleads ({misled['n']:,})", _percent(misled["accuracy"])),
    ]
    for key, text in (
        ("generated_test", "generated test sentences"),
        ("winogender", "Winogender"),
        ("gap_development", "GAP, development part"),
    ):
        part = attention[key]
        rows.append(
            (
                f"head {attention['head']} gives the right mention more weight than any other named one, {text} "
                f"({part['n']:,})",
                f"{_percent(part['accuracy'])} (the nearest mention is right in {_percent(part['nearest_baseline'])})",
            )
        )
    return rows


def _loss_figures(scores: dict[str, Any], what: str) -> list[tuple[str, str]]:
    held, same = scores["held_out"], scores["held_out"]["same_tokens"]
    return [
        (f"held-out text, {held['n']:,} {what}", f"{held['loss']:.3f} nats a token"),
        (f"the same for {same['n']:,} of them, left to compare", f"{same['model']:.3f} nats"),
        ("… interpolated Kneser-Ney bigram", f"{same['bigram']['loss']:.3f} nats"),
        ("… interpolated Kneser-Ney trigram", f"{same['trigram']['loss']:.3f} nats"),
    ]


def _figures(card: dict[str, Any]) -> list[tuple[str, str]]:
    scores = card["scores"]
    if card["name"] == "tiny-translator":
        exact, found = scores["exact"], scores["alignment"]
        rows = [(f"exact on {exact['n']:,} dates never trained on, all formats", _percent(exact["share"]))]
        for part in ("year", "month", "day", "all_three"):
            text = part.replace("_", " ")
            rows.append(
                (f"cross-attention peaks in its source, {text}: {found[part]['head']}", _percent(found[part]["score"]))
            )
        rows += [
            (f"exact on dates written as `{write_date(EXAMPLE, pattern).source}`", _percent(share))
            for pattern, share in scores["by_format"].items()
        ]
        return rows
    if card["name"] == "tiny-bert":
        near = scores["neighbours"]
        ahead = [
            (f"weight on the {text}, best head {near[key]['head']}", f"{near[key]['score']:.3f}")
            for key, text in (("previous_token", "previous token"), ("next_token", "next token"))
        ]
        return [*_loss_figures(scores, "masked tokens"), *_pronoun_figures(scores), *ahead]
    found, first = scores["repeats"], card["first_checkpoint"]
    induction, previous = found["induction"], found["previous_token"]
    held = scores["held_out"]
    return [
        _head_figure("induction target", induction, first["induction"]),
        _head_figure("previous token", previous, first["previous_token"]),
        ("… its largest key in", f"{_percent(previous['share_of_rows'])} of rows"),
        ("loss of the first copy", f"{found['first_copy_loss']:.3f} nats"),
        ("loss of the second copy", f"{found['second_copy_loss']:.3f} nats ({_percent(found['second_over_first'])})"),
        ("in-context-learning score on held-out text", f"{held['in_context_score']:.3f} nats"),
        *_loss_figures(scores, "tokens"),
        *_pronoun_figures(scores),
    ]


def _head_figure(target: str, found: dict[str, Any], first: dict[str, Any]) -> tuple[str, str]:
    even = f"even weights {found['uniform']:.3f}; at step 0 at most {first['score']:.3f}"
    return f"weight on the {target}, {found['head']}", f"{found['score']:.3f} ({even})"
