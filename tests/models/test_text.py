"""Tokens as a person reads them, for each kind of tokenizer."""

import unicodedata

import pytest
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers

from attnviz.errors import AttnvizError, explained
from attnviz.models.text import tokenize

KINDS = {"wordpiece": "bert", "bytes": "gpt2", "trimmed bytes": "roberta", "sentencepiece": "llama"}
MARKERS = ("##", "Ġ", "Ċ", "▁", "<0x")
TEXTS = {
    "one letter": "a",
    "plain": "The cat sat on the mat.",
    "unbroken": "catmatdograined",
    "spaces": "  the  cat   sat ",
    "emoji": "cat 👩‍🚀 and 👍🏽 sat",
    "arabic": "مرحبا بالعالم",
    "chinese": "你好，世界",
    "accents": "Où est la gare ? e\u0301clair",
    "control": "a\x01b\tc\r\nd\x7f",
    "invisible": "a\u200bb\ufeffc\u202ed",
    "script": "<script>alert('x')</script>",
    "markdown": "**bold** _it_ [a](b) # `c` | $x$",
}


@pytest.fixture(params=KINDS)
def tokenizer(request, tiny_model):
    return tiny_model(KINDS[request.param]).tokenizer


@pytest.mark.parametrize("name", TEXTS)
def test_tokens_read_as_the_text_reads(tokenizer, name):
    """No ##, Ġ or ▁ on screen, nothing invisible or empty, and every part of the text under its own token."""
    text = TEXTS[name]
    read = tokenize(tokenizer, text)
    length = len(read.tokens)
    assert all(len(each) == length for each in (read.pieces, read.offsets, read.words, read.segments))
    assert all(len(values) == length for values in read.inputs.values())
    for token, piece, (start, end), segment in zip(read.tokens, read.pieces, read.offsets, read.segments, strict=True):
        assert token and token.strip(), "a token that cannot be seen"
        if segment is None:
            continue
        assert 0 <= start <= end <= len(text)
        assert not any(marker in token for marker in MARKERS)
        assert all(char.isprintable() or char in "\u200c\u200d" for char in token)
        surface = text[start:end].strip(" ")
        if surface.isalnum() and surface.isascii() and " " not in token and piece != "▁":
            assert token == surface
    covered = {i for start, end in read.offsets for i in range(start, end)}
    missed = [char for i, char in enumerate(text) if i not in covered and not char.isspace() and char.isprintable()]
    assert not [char for char in missed if not unicodedata.combining(char)], "text that no token stands for"


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("bert", "The cat", ["[CLS]", "The", "cat", "[SEP]"]),
        ("gpt2", "The cat", ["The", "cat"]),
        ("roberta", "The cat", ["<s>", "The", "cat", "</s>"]),
        ("gpt2", "a 你", ["a", "␣", "你 1/3", "你 2/3", "你 3/3"]),
        ("roberta", "a 你", ["<s>", "a", "␣", "你 1/3", "你 2/3", "你 3/3", "</s>"]),
        ("roberta", "a\n\n", ["<s>", "a", "⏎", "⏎", "</s>"]),
        ("llama", "the 你", ["<s>", "the", "␣", "你 1/3", "你 2/3", "你 3/3"]),
        ("llama", "cat", ["<s>", "␣", "c", "at"]),
        ("llama", " the", ["<s>", "␣", "the"]),
        ("llama", "你", ["<s>", "␣", "你 1/3", "你 2/3", "你 3/3"]),
        ("gpt2", "\x01\t", ["␁", "⇥"]),
    ],
)
def test_display_of_each_kind_of_piece(tiny_model, kind, text, expected):
    """Byte pieces of one character show it with their part; a lone space marker is a space, not part of a letter."""
    assert list(tokenize(tiny_model(kind).tokenizer, text).tokens) == expected


def test_words_group_their_pieces(tokenizer):
    """Groups of pieces that form a word carry one number, in reading order; special tokens carry none."""
    text = "The children's cat catmat, 你好 sat"
    read = tokenize(tokenizer, text)
    under: dict[int, str] = {}
    for (start, end), word, segment in zip(read.offsets, read.words, read.segments, strict=True):
        assert (word is None) == (segment is None)
        if word is not None:
            under[word] = under.get(word, "") + text[start:end]
    numbers = [word for word in read.words if word is not None]
    assert numbers == sorted(numbers) and set(numbers) == set(range(8))
    letters = {word: "".join(dict.fromkeys(part.strip())) for word, part in under.items()}
    for word, whole in enumerate(["The", "children's", "cat", "catmat", ",", "你", "好", "sat"]):
        assert letters[word] == "".join(dict.fromkeys(whole))


def test_unknown_words_keep_their_text_and_say_so(tiny_model):
    """A reader must see which word the model did not know, not a row of equal [UNK]."""
    read = tokenize(tiny_model("bert").tokenizer, "cat ☃ sat")
    assert read.tokens == ("[CLS]", "cat", "☃→[UNK]", "sat", "[SEP]")


def test_pairs_number_their_own_words(tiny_model):
    """In a pair, offsets and words count in each text of its own."""
    read = tokenize(tiny_model("bert").tokenizer, "the cat", "the mat sat")
    assert read.segments == (None, 0, 0, None, 1, 1, 1, None)
    assert read.words == (None, 0, 1, None, 0, 1, 2, None)
    assert read.offsets[4:7] == ((0, 3), (4, 7), (8, 11))
    assert read.inputs["token_type_ids"] == [0, 0, 0, 0, 1, 1, 1, 1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        (" \n\t ", "empty"),
        ("a\0b", "NUL"),
        ("ab\ud800", "Character 3"),
        ("\x01\x02", "nothing to read"),
        ("\u200b", "nothing to read"),
    ],
)
def test_text_that_cannot_be_read_is_refused(tiny_model, text, message):
    """The reader is told what is wrong with the text, before any model runs."""
    for texts in ((text,), ("cat", text)):
        with pytest.raises(AttnvizError, match=message) as refused:
            tokenize(tiny_model("bert").tokenizer, *texts)
        assert "\n" not in str(refused.value)


def test_a_text_over_the_limit_says_by_how_much(tiny_model):
    """'Shorten it' is no help without a number."""
    with pytest.raises(AttnvizError, match=r"has 2,002 tokens .* at most 128: shorten it by about 9[34] %"):
        tokenize(tiny_model("bert").tokenizer, "cat " * 2000, limit=128)
    assert len(tokenize(tiny_model("bert").tokenizer, "cat " * 126, limit=128).tokens) == 128


@pytest.mark.parametrize("name", ["emoji", "arabic", "chinese", "control", "script", "markdown"])
def test_real_models_read_every_script(name, minilm, stories260k):
    for model in (minilm, stories260k):
        read = tokenize(model.tokenizer, TEXTS[name], limit=model.limit)
        text_tokens = [token for token, part in zip(read.tokens, read.segments, strict=True) if part is not None]
        assert text_tokens and not any(marker in token for token in text_tokens for marker in MARKERS)


@pytest.mark.parametrize(("kind", "typed"), [("bert", "[SEP]"), ("gpt2", "</s>"), ("roberta", "<s>"), ("llama", "<s>")])
def test_a_typed_special_token_is_plain_text_unless_asked_for(tiny_model, kind, typed):
    """Code and markup are full of <s>: read as the real token, it would draw a map of another text."""
    tokenizer = tiny_model(kind).tokenizer
    number = tokenizer.convert_tokens_to_ids(typed)

    def typed_ids(read) -> list[int]:
        return [i for i, part in zip(read.inputs["input_ids"], read.segments, strict=True) if part is not None]

    plain = tokenize(tokenizer, f"the {typed} cat")
    assert number not in typed_ids(plain) and len(plain.tokens) > 5
    read = tokenize(tokenizer, f"the {typed} cat", read_special=True)
    assert typed_ids(read).count(number) == 1 and typed in read.tokens
    again = tokenize(tokenizer, f"the {typed} cat")
    assert again == plain, "one reader's choice stays in the shared tokenizer"


def test_a_vocabulary_that_spells_a_special_token_in_no_other_way_says_so():
    """A unigram vocabulary finds <s> in plain text: silently, it would be the start token after all."""
    pieces = [("<s>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -3.0), ("▁the", -2.0), ("s", -5.0)]
    unigram = Tokenizer(models.Unigram(pieces, 2))
    unigram.pre_tokenizer = pre_tokenizers.Metaspace()
    names = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=unigram, **names)
    with pytest.raises(AttnvizError, match="'<s>' as its special token"):
        tokenize(tokenizer, "the <s>")
    assert "<s>" in tokenize(tokenizer, "the <s>", read_special=True).pieces
    assert "<unk>" in tokenize(tokenizer, "the q").pieces


@pytest.mark.parametrize(("kind", "expected"), [("bert", ["The", "cat"]), ("llama", ["␣", "T", "the", "␣", "c", "at"])])
def test_without_special_tokens_the_text_stands_alone(tiny_model, kind, expected):
    """To see what the start token is to a model, take it away."""
    read = tokenize(tiny_model(kind).tokenizer, "The cat" if kind == "bert" else "Tthe cat", add_special=False)
    assert list(read.tokens) == expected and None not in read.segments
    with pytest.raises(AttnvizError, match="nothing to read"):
        tokenize(tiny_model("bert").tokenizer, "\x01", add_special=False)


def without_unknown(kind):
    """A tokenizer that has no token for what it does not know."""
    words = {word: number for number, word in enumerate("the cat sat on mat a b".split())}
    made = models.WordLevel(words) if kind == "words" else models.Unigram([("a", -1.0), ("b", -1.5)], None)
    tokenizer = Tokenizer(made)
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer)


@pytest.mark.parametrize(("kind", "text", "word"), [("words", "the dog sat", "dog"), ("pieces", "a z b", "z")])
def test_an_unknown_word_is_named_where_no_token_stands_for_it(kind, text, word):
    """The Rust library's own words say nothing that a reader could mend."""
    with pytest.raises(AttnvizError, match=f"no token for unknown words, and '{word}' is one"):
        tokenize(without_unknown(kind), text)


class PanicException(BaseException):
    """As the Rust libraries raise it: no Exception to Python."""


@pytest.mark.parametrize(
    "error", [PanicException("index"), RecursionError("too deep"), Exception("bare"), KeyError("x")]
)
def test_whatever_a_tokenizer_raises_is_told(error):
    """A traceback tells a reader nothing of what to do."""

    def tokenizer(*texts, **options):
        raise error

    with pytest.raises(AttnvizError, match="cannot read the text"):
        tokenize(tokenizer, "the cat")
    with pytest.raises(KeyboardInterrupt), explained("What", "cure"):
        raise KeyboardInterrupt
