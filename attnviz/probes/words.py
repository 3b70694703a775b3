"""The words of the generated sentences, and which pairs of a noun and a verb belong to the test split."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Literal

Split = Literal["train", "test"]
Kind = Literal["he", "she", "it", "they"]
Case = Literal["nominative", "accusative", "possessive", "reflexive"]

PRONOUNS: dict[Kind, dict[Case, str]] = {
    "he": {"nominative": "he", "accusative": "him", "possessive": "his", "reflexive": "himself"},
    "she": {"nominative": "she", "accusative": "her", "possessive": "her", "reflexive": "herself"},
    "it": {"nominative": "it", "accusative": "it", "possessive": "its", "reflexive": "itself"},
    "they": {"nominative": "they", "accusative": "them", "possessive": "their", "reflexive": "themselves"},
}


@dataclass(frozen=True)
class Noun:
    """A noun or name: its word, the pronoun it takes, whether it is a person, and whether it takes a determiner."""

    word: str
    kind: Kind
    person: bool
    name: bool = False


@dataclass(frozen=True)
class Verb:
    """A verb: its base form and the form that serves as past tense and as participle."""

    base: str
    past: str


_WOMEN = """Alice Anna Beth Clara Dora Ella Emma Eva Fanny Flora Grace Hannah Helen Ida Jane Julia Kate Laura Lily Lucy
Maria Martha Mary Meg Molly Nancy Nora Polly Rose Ruth Sally Sara Sophie Susan Wendy"""
_MEN = """Adam Albert Arthur Ben Charles Colin Daniel David Edward Frank Fred George Hans Harry Henry Jack James John
Joseph Karl Leo Luke Mark Martin Max Oliver Paul Peter Philip Ralph Robert Sam Simon Thomas Tom Walter William"""
_FEMALE = """girl woman queen princess mother aunt sister daughter grandmother niece lady duchess nun witch nurse wife
widow lass countess hostess"""
_MALE = """boy man king prince father uncle brother son grandfather nephew gentleman duke monk wizard lad husband
fisherman count priest footman"""
_THING = """lamp ship kite box book stone wheel cart house door bell ring letter chair boat clock ball coat sword basket
cup bridge tower wagon mirror candle kettle drum flag table picture ladder purse shoe hat key cake apple plate
bottle"""
_PEOPLE = """boys girls women men kings queens brothers sisters sailors soldiers children farmers servants neighbours
guests hunters robbers travellers ladies gentlemen princes merchants"""
_THINGS = """lamps ships books stones wheels carts letters chairs boats clocks balls coats baskets cups candles drums
flags tables shoes keys apples plates bottles boxes"""

WOMEN = tuple(Noun(word, "she", True, True) for word in _WOMEN.split())
MEN = tuple(Noun(word, "he", True, True) for word in _MEN.split())
FEMALE = tuple(Noun(word, "she", True) for word in _FEMALE.split())
MALE = tuple(Noun(word, "he", True) for word in _MALE.split())
THING = tuple(Noun(word, "it", False) for word in _THING.split())
PEOPLE = tuple(Noun(word, "they", True) for word in _PEOPLE.split())
THINGS = tuple(Noun(word, "they", False) for word in _THINGS.split())

GROUPS: dict[Kind, tuple[tuple[Noun, ...], ...]] = {
    "he": (MALE, MEN),
    "she": (FEMALE, WOMEN),
    "it": (THING,),
    "they": (PEOPLE, THINGS),
}


def _verbs(text: str) -> tuple[Verb, ...]:
    return tuple(Verb(*pair.split("/")) for pair in text.split())


# What anything can do, so that the verb does not tell a person from a thing.
ANY_INTRANSITIVE = _verbs(
    "vanish/vanished move/moved turn/turned appear/appeared remain/remained settle/settled stop/stopped drop/dropped "
    "arrive/arrived disappear/disappeared stay/stayed slip/slipped tumble/tumbled return/returned change/changed "
    "tremble/trembled"
)
PERSON_INTRANSITIVE = _verbs(
    "laugh/laughed work/worked rest/rested listen/listened smile/smiled walk/walked dance/danced cry/cried sigh/sighed "
    "wait/waited jump/jumped nod/nodded shout/shouted pray/prayed travel/travelled hurry/hurried"
)
ANY_TRANSITIVE = _verbs(
    "touch/touched pass/passed block/blocked cover/covered hit/hit follow/followed reach/reached push/pushed "
    "strike/struck leave/left"
)
PERSON_PERSON = _verbs(
    "thank/thanked help/helped praise/praised call/called warn/warned visit/visited greet/greeted trust/trusted "
    "blame/blamed answer/answered scold/scolded remember/remembered admire/admired welcome/welcomed pity/pitied "
    "love/loved invite/invited tease/teased obey/obeyed fear/feared"
)
PERSON_THING = _verbs(
    "carry/carried lose/lost buy/bought sell/sold wash/washed paint/painted clean/cleaned fetch/fetched lift/lifted "
    "keep/kept mend/mended open/opened pull/pulled borrow/borrowed want/wanted polish/polished bring/brought "
    "find/found watch/watched notice/noticed"
)
SPEECH = _verbs(
    "say/said think/thought hope/hoped believe/believed feel/felt explain/explained admit/admitted dream/dreamed "
    "know/knew promise/promised guess/guessed declare/declared"
)
GIVING = _verbs("give/gave send/sent lend/lent offer/offered show/showed pass/handed teach/taught pay/paid")

TELLING = _verbs("tell/told remind/reminded assure/assured inform/informed convince/convinced persuade/persuaded")

TEST_PAIR_EVERY = 4


def pairing_split(noun: Noun, verb: Verb) -> Split:
    """The split to which the pairing of `noun` with `verb` belongs, whether as its subject or as its object."""
    number = zlib.crc32(f"{noun.word} {verb.past}".encode())
    return "test" if number % TEST_PAIR_EVERY == 0 else "train"


ADJECTIVES = tuple(
    """old young small big red blue green white black strange quiet new heavy pretty good bad poor little beautiful
    dirty broken famous grey golden tall silent cheap lovely odd plain""".split()
)
FEELINGS = tuple(
    "tired strange old cold heavy weak strong better worse different ready safe dangerous lost new".split()
)
ADVERBS = tuple("slowly quickly suddenly quietly often soon always never again early late gently".split())
TIMES = tuple("Yesterday Today Once Then Later Sometimes Suddenly Soon Afterwards Meanwhile".split())
PLACES = tuple(
    """garden forest kitchen street market village field castle church cellar room river valley road harbour school
    barn wood town yard tent park""".split()
)
PLACE_PREPOSITIONS = tuple("in near behind beside by".split())
BESIDE = tuple("near behind beside with by opposite".split())
MODALS = tuple("could would might must should".split())
