"""Other words for the test's sentences: what a head does with the words that it was chosen on is no evidence that it
follows a relation. These are of offices and newspapers, the others of fairy tales. Function words stay, and every noun
takes the pronoun that the one in its place took.
"""

from __future__ import annotations

from .phrases import Draw, with_article
from .trees import Node
from .words import (
    ADJECTIVES,
    ADVERBS,
    ANY_INTRANSITIVE,
    ANY_TRANSITIVE,
    FEMALE,
    GIVING,
    MALE,
    MEN,
    PEOPLE,
    PERSON_INTRANSITIVE,
    PERSON_PERSON,
    PERSON_THING,
    PLACES,
    SPEECH,
    THING,
    THINGS,
    WOMEN,
    Noun,
    Verb,
)

_WOMEN = "Jessica Ashley Nicole Megan Kayla Brenda Tiffany Linda Denise Carla Monica Heather"
_MEN = "Kevin Brian Jason Ryan Tyler Justin Brandon Gary Steve Craig Sean Jeff Todd"
_FEMALE = "actress businesswoman policewoman girlfriend congresswoman waitress saleswoman stewardess mom"
_MALE = "actor businessman policeman boyfriend congressman waiter salesman cameraman dad"
_PEOPLE = """teachers doctors lawyers managers drivers students engineers reporters senators pilots dentists customers
employees clients officers directors agents coaches designers tourists voters"""
_THING = """phone computer report email ticket laptop camera truck plane plan budget contract website program cable
invoice menu magazine video receipt pizza keyboard engine printer"""
_INTRANSITIVE = """fail/failed improve/improved crash/crashed expand/expanded recover/recovered struggle/struggled
continue/continued react/reacted retire/retired resign/resigned survive/survived relax/relaxed vote/voted swim/swam
gather/gathered complain/complained"""
_TRANSITIVE = """contact/contacted review/reviewed update/updated support/supported attack/attacked replace/replaced
test/tested record/recorded film/filmed ignore/ignored accept/accepted describe/described discuss/discussed hire/hired
approve/approved criticize/criticized"""
_SPEECH = """claim/claimed argue/argued report/reported announce/announced suggest/suggested assume/assumed
insist/insisted 
confirm/confirmed"""
_GIVING = "mail/mailed email/emailed loan/loaned award/awarded wire/wired text/texted"
_PLACES = """office hospital airport hotel restaurant building station city store mall lobby stadium factory suburb
basement gym"""
_ADJECTIVES = """recent local public major huge expensive legal digital medical official difficult modern federal online
serious popular typical"""
_ADVERBS = "recently probably usually actually finally really simply clearly nearly easily"
COMPOUNDS = tuple("data oil health car tax credit weekend police computer business security traffic".split())


def _nouns(old: tuple[Noun, ...], new: str) -> dict[str, tuple[str, ...]]:
    return dict.fromkeys((noun.word for noun in old), tuple(new.split()))


def _verbs(old: tuple[Verb, ...], new: str) -> dict[str, tuple[str, ...]]:
    """Past for past; a base form that is a past as well ("hit") counts as past."""
    base, past = zip(*(pair.split("/") for pair in new.split()))
    return dict.fromkeys((verb.base for verb in old), base) | dict.fromkeys((verb.past for verb in old), past)


OTHER_WORDS = (
    _nouns(WOMEN, _WOMEN)
    | _nouns(MEN, _MEN)
    | _nouns(FEMALE, _FEMALE)
    | _nouns(MALE, _MALE)
    | _nouns(PEOPLE, _PEOPLE)
    | _nouns(THING, _THING)
    | _nouns(THINGS, _THING.replace(" ", "s ").replace("\n", "s\n") + "s")
    | _verbs(ANY_INTRANSITIVE + PERSON_INTRANSITIVE, _INTRANSITIVE)
    | _verbs(ANY_TRANSITIVE + PERSON_PERSON + PERSON_THING, _TRANSITIVE)
    | _verbs(SPEECH, _SPEECH)
    | _verbs(GIVING, _GIVING)
    | dict.fromkeys(PLACES, tuple(_PLACES.split()))
    | dict.fromkeys(ADJECTIVES, tuple(_ADJECTIVES.split()))
    | dict.fromkeys(ADVERBS, tuple(_ADVERBS.split()))
)


def reword(draw: Draw, root: Node) -> None:
    """Put other words in a tree's places, each at most once where there are enough."""
    used: set[str] = set()
    nodes = [(node, relation) for node, _, relation in root.walk()]
    for node, relation in nodes:
        words = COMPOUNDS if relation == "compound" else OTHER_WORDS.get(node.word, ())
        if words:
            node.word = draw.rng.choice([word for word in words if word not in used] or list(words))
            used.add(node.word)
    for place, (node, _) in enumerate(nodes[:-1]):
        if node.word in ("a", "an"):
            node.word = with_article("a", nodes[place + 1][0].word)
