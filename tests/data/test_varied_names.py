"""Pairs with made-up names and numbers: what is varied, what is left alone, and that both sides agree."""

import random
import re

import pytest

from keras_s2s.data import varied_names
from keras_s2s.data.corpus import Pair
from keras_s2s.data.varied_names import VariedNames

CITIES = ["Paris", "Lima", "Oslo", "Quito", "Berlin", "Havana", "Dakar", "Sofia", "Cairo", "Madrid"]
PAIRS = [Pair(f"We live in {city}.", f"Vivimos en {city}.") for city in CITIES]


def varied(pairs, share=10.0, **options):
    return list(VariedNames(pairs, share, **options))


def test_both_sides_have_the_same_new_name():
    made = varied(PAIRS)
    assert len(made) == 100
    names = {re.fullmatch(r"We live in ([A-Z][a-z]+)\.", pair.source)[1] for pair in made}
    assert {pair.target for pair in made} == {f"Vivimos en {name}." for name in names}
    assert len(names - {*CITIES}) > 30


def test_a_known_name_at_the_beginning_is_varied_and_another_capital_there_is_not():
    old, no = Pair("Oslo is old. We left Oslo.", "Oslo es vieja. Salimos de Oslo."), Pair("No, not 25!", "No, ¡25 no!")
    made = [pair.source for pair in varied([old, *PAIRS, no])]
    places = [re.fullmatch(r"(\w+) is old. We left (\w+)\.", source) for source in made if "is old" in source]
    assert places
    assert all(place[1] == place[2] for place in places)
    assert {place[1] for place in places} - {"Oslo"}
    assert {source[:8] for source in made if "not" in source} == {"No, not "}


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("I have 1 dog.", "Tengo 1 perro."),  # another number would want the plural
        ("I have 20 dogs.", "Tengo veinte perros."),
        ("20 of 20", "20"),  # which of them stands in the target is not known
        ("I saw Mary.", "Vi a María."),
        ("I saw the NATO.", "Vi a la OTAN."),
        ("the 21st", "el 21"),
        ("the hotel", "el hotel"),
        ("", ""),
    ],
)
def test_what_does_not_stand_alike_is_left_alone(source, target):
    with pytest.warns(UserWarning, match="nothing to vary"):
        assert varied([Pair(source, target)]) == []


def test_numbers_keep_their_length_and_never_become_1():
    made = varied([Pair("At 3:05 and 1,000 for 12.", "A las 3:05 y 1.000 por 12.")], share=300)
    parts = [re.findall(r"\d+", pair.source) for pair in made]
    assert all(parts[i] == re.findall(r"\d+", pair.target) for i, pair in enumerate(made))
    assert {tuple(map(len, row)) for row in parts} == {(1, 2, 1, 3, 2)}
    assert {row[2] for row in parts} == {"1"}  # as it was
    assert {row[0] for row in parts} == {*"23456789"}
    assert min(row[4] for row in parts) >= "10"
    assert any(row[1].startswith("0") for row in parts)


def test_numbers_and_names_are_made_in_equal_parts():
    made = varied([*PAIRS, Pair("Number 25.", "Número 25.")])
    assert sum(pair.source.startswith("Number") for pair in made) == len(made) / 2


def test_each_pass_is_the_same_and_another_seed_is_not():
    pairs = VariedNames(PAIRS, 3.0)
    assert list(pairs) == list(pairs)
    assert list(pairs) != varied(PAIRS, 3.0, seed=1)


def test_masked_pairs_are_left_aside():
    with pytest.warns(UserWarning, match="none of 1 pairs"):
        assert varied([Pair("in 25", "en 25", mask="11")]) == []


def test_names_of_unusual_length_end():
    made = varied([Pair("I am Al.", "Soy Al."), Pair("in Llanfairpwllgwyngyll", "en Llanfairpwllgwyngyll")], share=50)
    assert len(made) == 100


def test_memory_is_bounded_and_each_pair_as_likely(monkeypatch):
    monkeypatch.setattr(varied_names, "TEMPLATES", 50)
    sample = varied_names._Sample(random.Random(0))
    for number in range(5000):
        sample.add((Pair(str(number), ""), []))
    kept = [int(pair.source) for pair, _ in sample.kept]
    assert len(kept) == 50
    assert 1500 < sum(kept) / 50 < 3500
