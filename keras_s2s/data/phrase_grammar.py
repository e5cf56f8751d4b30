"""A grammar multiplied out: a table of words, and of frames that the words which fit are put into.

`phrasebook.toml` is such a table, and explains its own notation and conventions; this module knows no word of either
language but "an".
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from typing import Any, NamedTuple

SOURCE_LANGUAGE, TARGET_LANGUAGE = "en", "es"

Parts = tuple[str, ...]

# For each person, its column in an English row (I, you, he) and a Spanish row (yo, tú, él, nosotros, ellos).
PERSONS = {"yo": (0, 0), "tú": (1, 1), "él": (2, 2), "usted": (1, 2), "nosotros": (1, 3), "ellos": (1, 4)}

FIELD = re.compile(r"\{(?P<word>\w+)(?:\.(?P<form>\w+))?(?::(?P<controller>\w+))?\}")
SPACED_MARK = re.compile(r" ([.,?!])|([¿¡]) ")


class MissingFormError(LookupError):
    """A word has no such form, so the frame that asks for it does not exist for this word."""


@dataclass(frozen=True, slots=True)
class Word:
    """One entry of the table.

    Attributes:
        name: Its key in the table.
        forms: The shapes of each (form, language); the plain form is called "".
        columns: Which shape a dependent word takes, by how many shapes it has.
        lists: The entry's lists of group names, as `takes`, its kind, and the group of its definite article.
        not_with: Names of words that never share its sentence.
    """

    name: str
    forms: Mapping[tuple[str, str], tuple[str, ...]]
    columns: Mapping[int, int]
    lists: Mapping[str, tuple[str, ...]]
    not_with: frozenset[str]

    def shape(self, form: str, language: str, controller: "Word | None") -> str:
        """This word's `form` in agreement with `controller`; its first shape without one.

        Raises:
            MissingFormError: The word lacks the form.
        """
        shapes = self.forms.get((form, language))
        if shapes is None:
            raise MissingFormError(f"{self.name!r} has no form {form!r} in {language!r}")
        return shapes[controller.columns[len(shapes)] if controller else 0]


def parse_word(name: str, entry: Mapping[str, Any]) -> Word:
    """The table's entry `name = { … }` as a `Word`."""
    gender, _, kind = entry.get("is", "m one").partition(" ")
    plural, feminine = kind == "many", gender == "f"
    english, spanish = PERSONS[entry.get("person", "ellos" if plural else "él")]
    forms = {("", SOURCE_LANGUAGE): shapes_of(name)}
    lists = {"kind": (entry.get("kind", kind),), "definite": ("definite",)}
    for key, value in entry.items():
        if key in {SOURCE_LANGUAGE, TARGET_LANGUAGE}:
            forms["", key] = shapes_of(value)
        elif isinstance(value, dict):
            forms |= {(key, language): shapes_of(text) for language, text in value.items()}
        elif isinstance(value, list):
            lists[key] = tuple(value)
        else:
            forms |= {(key, language): shapes_of(value) for language in (SOURCE_LANGUAGE, TARGET_LANGUAGE)}
    columns = {1: 0, 2: int(plural), 3: english, 4: 2 * plural + feminine, 5: spanish}
    return Word(name, forms, columns, lists, frozenset(entry.get("not_with", ())))


def shapes_of(text: str) -> tuple[str, ...]:
    """The shapes of a form: "triste, tristes" is ("triste", "tristes")."""
    return tuple(text.split(", "))


class Sentence(NamedTuple):
    """One filled frame.

    Attributes:
        source: The English, contracted ("I'm tired.").
        full: The English without contractions ("I am tired.").
        target: The Spanish.
        parts: The frame and the words that were chosen, as "slot=word".
    """

    source: str
    full: str
    target: str
    parts: Parts


class Grammar:
    """The table `phrasebook.toml`, ready to be multiplied out.

    Args:
        table: The parsed TOML.
    """

    def __init__(self, table: Mapping[str, Any]) -> None:
        self.families: dict[str, Any] = table["families"]
        self.frames: dict[str, dict[str, tuple[str, str]]] = table["frames"]
        self.contractions: dict[str, dict[str, str]] = table["contractions"]
        self.groups = {
            group: [parse_word(name, entry) for name, entry in entries.items()]
            for group, entries in table["words"].items()
        }
        self.function_words = {
            language: {name: parse_word(name, {language: shapes}) for name, shapes in entries.items()}
            for language, entries in table["function_words"].items()
        }

    def sentences(self) -> Iterator[Sentence]:
        """Every sentence of every family, in the order of the table.

        Raises:
            ValueError: A family's frame fits none of the family's words.
        """
        for family, rules in self.families.items():
            frames = {
                f"{group}.{name}": self.frames[group][name] for group in rules["frames"] for name in self.frames[group]
            }
            unused = set(frames)
            for words in self.choices(rules["where"]):
                parts = tuple([f"{slot}={word.name}" for slot, word in words.items()])
                for frame in drawn(" ".join((family, *parts)), frames, rules.get("keep", 1)):
                    try:
                        yield self.fill(frames[frame], rules.get("complement", ("", "")), words, (frame, *parts))
                    except MissingFormError:
                        continue
                    unused.discard(frame)
            if unused:
                raise ValueError(f"Family {family!r} fills nothing into {sorted(unused)}: is a form misspelt?")

    def choices(self, where: Mapping[str, str | list[str]]) -> Iterator[dict[str, Word]]:
        """Every way to fill the slots of `where` with words that go together, no word twice."""
        chosen: dict[str, Word] = {}

        def choose(slots: list[str]) -> Iterator[dict[str, Word]]:
            if not slots:
                yield dict(chosen)
                return
            slot, *later = slots
            for word in self.candidates(where[slot], chosen):
                if compatible(word, chosen.values()):
                    chosen[slot] = word
                    yield from choose(later)
                    del chosen[slot]

        return choose(list(where))

    def candidates(self, spec: str | list[str], chosen: Mapping[str, Word]) -> Iterator[Word]:
        """The words of the groups that `spec` names.

        Args:
            spec: A group ("people"), several (["meals", "drinks"]) or a chosen word's list ("verb.takes").
            chosen: The words chosen so far, by slot.

        Raises:
            ValueError: There is no such group.
        """
        if isinstance(spec, str):
            slot, _, key = spec.partition(".")
            spec = list(chosen[slot].lists.get(key, ())) if key else [spec]
        for group in spec:
            if group not in self.groups:
                raise ValueError(f"No group of words is called {group!r}; there are {sorted(self.groups)}.")
            yield from self.groups[group]

    def fill(
        self,
        patterns: tuple[str, str],
        complements: tuple[str, str],
        words: Mapping[str, Word],
        parts: Parts,
    ) -> Sentence:
        """The sentence that `words` make of a frame's two patterns.

        Raises:
            MissingFormError: One of the words lacks a form that the frame asks for.
        """
        english, spanish = (
            self.render(pattern.replace("{complement}", complement), language, words)
            for pattern, complement, language in zip(
                patterns, complements, (SOURCE_LANGUAGE, TARGET_LANGUAGE), strict=True
            )
        )
        english = re.sub(r"\ba(?= [aeiou])", "an", english)
        return Sentence(
            source=capitalise(self.contract(english, SOURCE_LANGUAGE)),
            full=capitalise(english),
            target=capitalise(self.contract(spanish, TARGET_LANGUAGE)),
            parts=parts,
        )

    def render(self, pattern: str, language: str, words: Mapping[str, Word]) -> str:
        """A pattern with its fields filled in, and single spaces.

        Raises:
            ValueError: A field names neither a slot nor a function word.
            MissingFormError: A word lacks the form.
        """
        texts = []
        for text, name, form, controller in compiled(pattern):
            texts.append(text)
            if not name:
                continue
            word = words.get(name) or self.function_words[language].get(name)
            if word is None:
                raise ValueError(f"{pattern!r}: {name!r} is neither a slot nor a function word of {language!r}.")
            texts.append(word.shape(form, language, words[controller] if controller else None))
        text = " ".join("".join(texts).split())
        return SPACED_MARK.sub(r"\1\2", text)

    def contract(self, text: str, language: str) -> str:
        """The text with the language's obligatory or usual contractions: "de el" is "del"."""
        for apart, together in self.contractions[language].items():
            if apart in text:
                text = re.sub(rf"\b{apart}\b", together, text)
        return text


@cache
def compiled(pattern: str) -> tuple[tuple[str, str, str, str], ...]:
    """A pattern as (text, word, form, controller): literal text, then the field behind it ("" for none)."""
    pieces, end = [], 0
    for match in FIELD.finditer(pattern):
        word, form, controller = (group or "" for group in match.groups())
        pieces.append((pattern[end : match.start()], word, form, controller))
        end = match.end()
    return (*pieces, (pattern[end:], "", "", ""))


def drawn(seed: str, frames: Iterable[str], keep: float) -> Iterator[str]:
    """The share `keep` of the frames: `seed` draws from [0, 1), where each has a stretch of that width."""
    draw = digest(seed)
    for place, frame in enumerate(frames):
        if (draw - place * keep) % 1 < keep:
            yield frame


def compatible(word: Word, others: Iterable[Word]) -> bool:
    """Whether a word may join the others in one sentence."""
    for other in others:
        if word.name == other.name or other.name in word.not_with or word.name in other.not_with:
            return False
    return True


def capitalise(text: str) -> str:
    """The text with its first letter in upper case, behind an inverted mark too."""
    start = next(index for index, character in enumerate(text) if character.isalpha())
    return text[:start] + text[start].upper() + text[start + 1 :]


def digest(text: str) -> float:
    """A number in [0, 1) that depends on the text alone: equal on every machine, in every process."""
    return int.from_bytes(blake2b(text.encode(), digest_size=4).digest()) / 2**32
