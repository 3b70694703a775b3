"""Files with gold answers: what is read from each format, and what is said of a file that is not as its format says."""

import pytest

from attnviz.errors import AttnvizError
from attnviz.labels.corpora import CONLLU, COREFERENCE, GAP, MOST, PLAIN, parse, read, spread


def rows(*words: str) -> list[str]:
    """CoNLL-U lines of "id form head relation misc"; what is left out is `_`."""
    lines = []
    for word in words:
        number, form, head, relation, misc = (word.split() + ["_"] * 4)[:5]
        lines.append("\t".join([number, form, "_", "_", "_", "_", head, relation, "_", misc]))
    return lines


CATS = [
    "# sent_id = 1",
    "# text = The cat can't see.",
    *rows("1 The 2 det", "2 cat 5 nsubj", "3-4 can't", "3 ca 5 aux", "4 n't 5 advmod", "5 see 0 root SpaceAfter=No"),
    *rows("5.1 hidden", "6 . 5 punct"),
    "",
]
HEADER = "ID\tText\tPronoun\tPronoun-offset\tA\tA-offset\tA-coref\tB\tB-offset\tB-coref\tURL"
TALE = "It rained. Ann Lee met Bo in Rome. Later she sang. Nobody heard."
NAMES = f"x-1\t{TALE}\tshe\t41\tAnn Lee\t11\tTRUE\tBo\t23\tFALSE\thttp://nowhere"


def litbank(*words: str) -> list[str]:
    """LitBank's lines of "word mention"."""
    split = [(word.split() + [""])[:2] for word in words]
    return ["\t".join(["book", "0", str(i), word, *"_" * 8, said]) for i, (word, said) in enumerate(split)] + [""]


BOOK = [
    "#begin document (book); part 0",
    *litbank("Alice (1|(2)", "'s", "sister 1)", "met", "the (3", "Duke 3)", "."),
    *litbank("She (1)", "liked", "him (3)", ",", "did", "n't", "she (1)", "?"),
    "#end document",
]


def as_file(lines) -> bytes:
    return "\n".join(lines).encode()


def test_dependencies_and_where_each_word_stands():
    corpus = parse(as_file(CATS), "cats.txt")
    assert corpus.form == CONLLU and corpus.described["arcs"] == 5
    (found,) = corpus.texts
    assert found.words == ("The", "cat", "ca", "n't", "see", ".")
    arcs = {(found.words[arc.dependent], found.words[arc.head], arc.relation) for arc in found.dependencies}
    assert arcs >= {("The", "cat", "det"), ("cat", "see", "nsubj"), ("n't", "see", "advmod")}


def test_a_text_is_put_together_where_none_is_given():
    lines = [line for line in CATS if not line.startswith("# text")]
    assert parse(as_file(lines), "cats").texts == parse(as_file(CATS), "cats").texts


def test_words_that_are_written_as_one_share_its_characters():
    """So that they share a token and are asked nothing, instead of being given letters that are not theirs."""
    lines = rows("1 Casa 0 root", "2-3 del", "2 de 4 case", "3 el 4 det", "4 rey 1 nmod")
    (found,) = parse(as_file(lines), "casa.conllu").texts
    assert found.text == "Casa del rey" and found.words == ("Casa", "del", "del", "rey")


def test_windows_files_are_the_same():
    assert parse(b"\xef\xbb\xbf" + "\r\n".join(CATS).encode(), "cats").texts == parse(as_file(CATS), "cats").texts


def test_a_pronoun_and_its_two_names():
    """Cut to the sentences that matter, and offsets moved along."""
    corpus = parse(as_file([HEADER, NAMES]), "gap.txt")
    (found,) = corpus.texts
    assert corpus.form == GAP and found.text == "Ann Lee met Bo in Rome. Later she sang."
    (asked,) = found.references
    assert found.words[asked.asking] == "she"
    assert [found.words[word] for word in asked.right] == ["Ann", "Lee"]
    assert [found.words[word] for word in asked.others] == ["Bo"]


def test_passages_that_cannot_be_asked_about_are_left_out():
    """Both names wrong, or a name after the pronoun."""
    neither = NAMES.replace("TRUE", "FALSE")
    after = "x-2\tThen she saw Bo and Ann.\tshe\t5\tBo\t13\tFALSE\tAnn\t20\tTRUE\t"
    assert len(parse(as_file([HEADER, neither, NAMES, after]), "gap").texts) == 1


def test_mentions_and_clusters():
    corpus = parse(as_file(BOOK), "book.conll")
    (found,) = corpus.texts
    assert corpus.form == COREFERENCE
    assert found.text == "Alice's sister met the Duke. She liked him, didn't she?"
    said = [
        (*(" ".join(found.words[word] for word in group) for group in (asked.right, asked.others)),)
        for asked in found.references
        if not asked.nominal
    ]
    # "Alice" within "Alice's sister" is another mention: looking at it is wrong.
    assert said == [
        ("'s sister", "Alice the Duke"),
        ("the Duke", "Alice 's sister She"),
        ("'s sister She", "Alice the Duke him"),
    ]


def test_a_noun_that_mentions_something_again_is_asked_in_another_word_only():
    """ "The cat" again is what any head for repeated words finds; of a phrase the noun asks; two joined have none."""
    lines = [
        "#begin document (book); part 0",
        *litbank("Miss (1", "Ann 1)", "saw", "the (2", "cat 2)", "and", "Bo (3)", "."),
        *litbank(
            "The (1",
            "girl",
            "in",
            "a (4",
            "hat 4)|1)",
            "fed",
            "the (2",
            "cat 2)",
            ",",
            "that (2)",
            "thief (2",
            "-",
            "hm 2)",
        ),
        *litbank("Ann (5|(1)", "and", "Bo (3)|5)", "ran", ".", "Miss (1", "Lee 1)", "and", "they (5)", "too"),
        "#end document",
    ]
    (found,) = parse(as_file(lines), "book").texts
    asked = [one for one in found.references if one.nominal]
    said = [(found.words[one.asking], " ".join(found.words[word] for word in one.right)) for one in asked]
    assert said == [("girl", "Miss Ann"), ("thief", "the cat the cat that"), ("Lee", "Miss Ann The girl in Ann")]
    assert [found.words[word] for word in asked[0].others] == ["the", "cat", "Bo"]
    described = parse(as_file(lines), "book").described
    assert (described["pronouns"], described["mentions"]) == (1, 3)


def test_the_spaces_of_the_shared_task_are_read_too():
    split = [line.split("\t") for line in BOOK]
    lines = [" ".join([*fields[:4], fields[-1] or "-"]) if fields[1:] else fields[0] for fields in split]
    assert parse(as_file(lines), "book").texts == parse(as_file(BOOK), "book").texts


def test_a_long_document_is_read_in_passages_of_whole_sentences():
    twenty = [*litbank(*["word"] * 18, "Ann (1)", "Bo (2)")[:-1], *litbank("she (1)")]
    found = parse(as_file(["#begin document x", *twenty * 10, "#end document"]), "long").texts
    assert [len(text.words) for text in found] == [63, 63, 63, 21] and sum(len(t.references) for t in found) == 10


def test_everything_else_is_plain_text():
    corpus = parse("One. “Two!” Three\n\n# four".encode(), "mine.txt")
    assert corpus.form == PLAIN and [text.text for text in corpus.texts] == ["One.", "“Two!”", "Three", "# four"]


def test_texts_are_taken_from_the_whole_file():
    texts = parse(as_file(map(str, range(100))), "numbers").texts
    assert [text.text for text in spread(texts, 4)] == ["0", "25", "50", "75"]
    assert spread(texts, 1000) == texts


def changed(lines, old: str, new: str) -> bytes:
    assert old in "\n".join(lines)
    return "\n".join(lines).replace(old, new).encode()


@pytest.mark.parametrize(
    "file, line, said",
    [
        (changed(CATS, "\tdet\t_", "\tdet"), 3, "9 columns"),
        (changed(CATS, "2\tcat", "7\tcat"), 4, "number '7' where 2"),
        (changed(CATS, "2\tdet", "99\tdet"), 3, "head '99'"),
        (changed(CATS, "2\tdet", "1\tdet"), 3, "head '1'"),
        (changed(CATS, "2\tdet", "x\tdet"), 3, "head 'x'"),
        (changed(CATS, "\tdet\t", "\t_\t"), 3, "relation"),
        (changed(CATS, "The cat can't", "The dog can't"), 4, "'cat'"),
        (changed(CATS, "3-4", "4-5"), 5, "4-5"),
        (changed(CATS, "3-4", "3-9"), 10, "word 9"),
        (changed(CATS, "2\tcat", "2\t"), 4, "word is missing"),
        (as_file([HEADER, NAMES, NAMES.replace("\t41\t", "\t40\t")]), 3, "Pronoun-offset"),
        (as_file([HEADER, NAMES.replace("\t11\t", "\tx\t")]), 2, "A-offset"),
        (as_file([HEADER, NAMES.replace("TRUE", "maybe")]), 2, "neither TRUE nor FALSE"),
        (as_file([HEADER, NAMES + "\tmore"]), 2, "12 columns"),
        (as_file([HEADER.replace("\tB-coref", "\tB"), NAMES]), 1, "B-coref"),
        (changed(BOOK, "(3\n", "x\n"), 6, "'x'"),
        (changed(BOOK, "(3\n", "\n"), 7, "mention 3 ends"),
        (changed(BOOK, "3)\n", "\n"), 8, "mention 3 has no end"),
        (as_file([BOOK[0], "one two"]), 2, "2 columns"),
        (b"Fine.\nN\xe3o.\n", 2, "UTF-8"),
    ],
)
def test_a_mistake_is_named_with_its_line(file, line, said):
    with pytest.raises(AttnvizError, match=f"'bad.txt', line {line}: .*{said}") as caught:
        parse(file, "bad.txt")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("file", [b"a" * 5000, as_file([HEADER]), as_file(BOOK[:1])])
def test_a_file_that_holds_nothing_is_said_to(file):
    with pytest.raises(AttnvizError, match="holds no text"):
        parse(file, "nothing.txt")


@pytest.mark.parametrize("file", [b"", b" \r\n\n"])
def test_an_empty_file_is_said_to_be_empty(file):
    with pytest.raises(AttnvizError, match="is empty"):
        parse(file, "nothing.txt")


def test_the_size_is_looked_at_before_the_file_is_read(tmp_path):
    path = tmp_path / "huge.txt"
    with path.open("wb") as file:
        file.truncate(MOST + 1)
    with pytest.raises(AttnvizError, match="64 are read"):
        read(path)


@pytest.mark.parametrize("name", ["", "nowhere.txt"])
def test_what_is_no_file_is_said_to_be_none(tmp_path, name):
    with pytest.raises(AttnvizError, match="it is no file"):
        read(tmp_path / name)


def test_the_published_sets_are_read_whole(data):
    """The counts are those of the sets' own papers and of whoever counted before us."""
    trees = read(data / "text" / "en_ewt-ud-dev.conllu")
    assert (len(trees.texts), sum(len(text.words) for text in trees.texts), trees.described["arcs"]) == (
        2001,
        25147,
        23146,
    )
    gap = read(data / "text" / "gap-development.tsv")
    nearest = [max(text.references[0].right) > max(text.references[0].others) for text in gap.texts]
    assert len(nearest) == gap.described["pronouns"] == 1378 and sum(nearest) / 1378 == pytest.approx(0.504, abs=0.001)
