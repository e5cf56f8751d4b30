"""How often English-Spanish models copy names and numbers that training never saw.

    python benchmarks/copying.py saved_models/en_es/en_es.keras saved_models/tiny_en_es/tiny_en_es.tflite --data FOLDER

Sentences of `valid` in which Tom, Mary, John or Boston stands on both sides get one of `NAMES` in its place, which are
real names of many languages and none of which is in `train`; those with a number on both sides get other numbers of as
many digits. Printed is the share of the translations that have all of the words that were put in, letter by letter.
"""

import argparse
import os
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from keras_s2s.config import DataConfig
from keras_s2s.data.corpus import Pair
from keras_s2s.training.data import open_splits

NAMES = [
    "Zbigniew",
    "Svetlana",
    "Priya",
    "Rajesh",
    "Ngozi",
    "Kwame",
    "Adeola",
    "Lakshmi",
    "Thorvald",
    "Ingrid",
    "Siobhan",
    "Declan",
    "Matteo",
    "Giulia",
    "Yevgeny",
    "Ludmila",
    "Takumi",
    "Haruki",
    "Mehmet",
    "Aylin",
    "Zainab",
    "Farid",
    "Tariq",
    "Leila",
    "Anneliese",
    "Jorgen",
    "Pavel",
    "Katarzyna",
    "Bronwyn",
    "Gareth",
    "Makena",
    "Tendai",
    "Ximena",
    "Joaquim",
    "Beatriz",
    "Kaveh",
    "Shirin",
    "Vikram",
    "Sanjay",
    "Meera",
    "Edinburgh",
    "Toulouse",
    "Krakow",
    "Gdansk",
    "Bergen",
    "Uppsala",
    "Antwerp",
    "Leipzig",
    "Nagpur",
    "Lahore",
    "Kampala",
    "Accra",
    "Tbilisi",
    "Yerevan",
    "Odessa",
    "Riga",
    "Vilnius",
    "Porto",
    "Bologna",
    "Turin",
]
FAMILIAR = ("Tom", "Mary", "John", "Boston")
TIMES = {"names": 1, "numbers": 30}  # `valid` has hundreds of sentences with the former, and some ten with the latter


def varied(pairs: list[Pair], kind: str, known: set[str]) -> Iterator[tuple[str, set[str]]]:
    """Yield sources and the words that were put in."""
    draw = random.Random(0)
    new = [name for name in NAMES if name not in known]
    for pair in pairs * TIMES[kind]:
        source, target = (set(re.findall(r"\w+", text)) for text in pair[:2])
        here = [word for word in sorted(source & target) if word in FAMILIAR or (word.isdecimal() and word != "1")]
        if not here or any(word.isdecimal() for word in here) != (kind == "numbers"):
            continue
        other = {w: str(draw.randrange(2, 10**9))[: len(w)] if w.isdecimal() else draw.choice(new) for w in here}
        yield re.sub(r"\w+", lambda match, other=other: other.get(match[0], match[0]), pair.source), {*other.values()}


def open_translator(path: Path) -> Callable[[list[str]], list[str]]:
    """Load a `.keras` or a `.tflite` file."""
    if path.suffix == ".tflite":
        from keras_s2s.deploy.device.litert import LiteRTTranslator

        return LiteRTTranslator(path).translate
    from keras_s2s.seq2seq import load

    return load(path, compile=False).translate


def main() -> None:
    """Measure each model."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("models", type=Path, nargs="+", help=".keras or .tflite files")
    parser.add_argument("--data", type=Path, required=True, help="the folder of tatoeba-en-es")
    arguments = parser.parse_args()
    splits = open_splits(DataConfig(name="tatoeba-en-es"), arguments.data)
    known = {word for pair in splits.train for text in pair[:2] for word in re.findall(r"\w+", text)}
    valid = list(splits.valid)
    for path in arguments.models:
        translate = open_translator(path)
        for kind in TIMES:
            sources, words = zip(*varied(valid, kind, known), strict=True)
            outputs = [set(re.findall(r"\w+", text)) for text in translate(list(sources))]
            copied = sum(put_in <= output for put_in, output in zip(words, outputs, strict=True))
            print(f"{path}: {kind} copied in {copied:,} of {len(sources):,} sentences, {copied / len(sources):.1%}")


if __name__ == "__main__":
    main()
