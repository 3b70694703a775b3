"""Generated sentences: their arcs are trees, their splits are apart, and no simple rule finds the pronoun."""

import numpy as np
import pytest

from attnviz.probes import PRONOUNS, dependency_sentences, pairing_split, pronoun_sentences, template_split
from attnviz.probes import words as lexicon

NOUNS = {noun.word.lower(): noun for groups in lexicon.GROUPS.values() for group in groups for noun in group}
VERBS = {
    form: verb
    for name in ("ANY_INTRANSITIVE", "PERSON_INTRANSITIVE", "ANY_TRANSITIVE", "PERSON_PERSON", "PERSON_THING", "SPEECH",
                 "GIVING", "TELLING")
    for verb in getattr(lexicon, name)
    for form in (verb.base, verb.past)
}  # fmt: skip
GENERATORS = (pronoun_sentences, dependency_sentences)


@pytest.fixture(scope="module", params=[(make, split) for make in GENERATORS for split in ("train", "test")])
def drawn(request):
    make, split = request.param
    return make(800, split=split, seed=4), split


def test_spans_cut_the_words_out_of_the_text(drawn):
    for sentence in drawn[0]:
        assert tuple(sentence.text[a:b] for a, b in sentence.spans) == sentence.words
        assert sentence.text[0].isupper() and sentence.text[-1] == "."


def test_arcs_form_one_tree(drawn):
    for sentence in drawn[0]:
        heads = {arc.dependent: arc.head for arc in sentence.dependencies}
        assert len(heads) == len(sentence.dependencies) == len(sentence.words) - 1
        for word in range(len(sentence.words)):
            seen = set()
            while word in heads:
                assert word not in seen
                seen.add(word)
                word = heads[word]


def test_templates_and_pairings_belong_to_the_split(drawn):
    sentences, split = drawn
    pairings = 0
    for sentence in sentences:
        assert sentence.split == split
        assert template_split(sentence.template) == split
        for arc in sentence.dependencies:
            noun = NOUNS.get(sentence.words[arc.dependent].lower())
            verb = VERBS.get(sentence.words[arc.head])
            if arc.relation in ("nsubj", "obj", "iobj") and noun and verb:
                assert pairing_split(noun, verb) == split, sentence.text
                pairings += 1
    assert pairings > len(sentences)


def test_the_same_arguments_give_the_same_sentences():
    for make in GENERATORS:
        assert make(20, split="test", seed=1) == make(20, split="test", seed=1)
        assert make(20, split="test", seed=1) != make(20, split="test", seed=2)


def test_there_are_hundreds_of_templates_and_no_common_one():
    found = {split: {s.template for s in pronoun_sentences(4000, split=split, seed=1)} for split in ("train", "test")}
    assert len(found["train"]) > 500 and len(found["test"]) > 300
    assert not found["train"] & found["test"]


def test_pronouns_agree_with_their_antecedent_and_the_wrong_one_does_not():
    kinds_of = {form: {k for k, forms in PRONOUNS.items() if form in forms.values()} for forms in PRONOUNS.values()
                for form in forms.values()}  # fmt: skip
    for sentence in pronoun_sentences(800, split="train", seed=5):
        kind = NOUNS[sentence.words[sentence.antecedent].lower()].kind
        assert sentence.words[sentence.pronoun] == sentence.right_pronoun
        assert kind in kinds_of[sentence.right_pronoun.lower()]
        assert kind not in kinds_of[sentence.wrong_pronoun.lower()]
        rivals = {NOUNS[sentence.words[word].lower()].kind for word in sentence.distractors}
        assert kind not in rivals
        if rivals:
            assert rivals & kinds_of[sentence.wrong_pronoun.lower()]
        other = sentence.with_wrong_pronoun()
        assert other != sentence.text
        assert other.replace(sentence.wrong_pronoun, "", 1)[-1] == "."


def test_neither_the_nearest_nor_the_first_noun_tells_the_pronoun():
    sentences = pronoun_sentences(2000, split="test", seed=6)
    with_rivals = [s for s in sentences if any(word < s.pronoun for word in s.distractors)]
    assert len(with_rivals) > 0.7 * len(sentences)
    nearest = np.mean([max(w for w in s.distractors if w < s.pronoun) < s.antecedent for s in with_rivals])
    first = np.mean([min(s.distractors) > s.antecedent for s in with_rivals])
    assert nearest < 0.6 and first < 0.6


def test_a_sentence_without_pronoun_has_no_wrong_one():
    with pytest.raises(ValueError, match="no pronoun"):
        dependency_sentences(1, split="train", seed=1)[0].with_wrong_pronoun()


def test_arcs_by_hand():
    drawn = [s for split in ("train", "test") for s in pronoun_sentences(3000, split=split, seed=1)]
    sentence = next(s for s in drawn if s.template == "none|none|fixed|self" and len(s.words) == 4)
    subject, verb, pronoun, stop = range(4)
    arcs = {(arc.dependent, arc.head, arc.relation) for arc in sentence.dependencies}
    assert arcs == {(subject, verb, "nsubj"), (pronoun, verb, "obj"), (stop, verb, "punct")}
