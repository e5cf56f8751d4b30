"""Draw the pictures of the site into a folder, for light and dark pages: `python docs/pictures.py FOLDER`."""

import json
import sys
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import keras

import keras_s2s as s2s
from keras_s2s.evaluation.report import Evaluation, LengthBucket

SHIPPED = Path(__file__).parents[1] / "saved_models" / "en_es"
PHRASES = [s2s.Pair("let's go", "vamos"), s2s.Pair("to go", "ir"), s2s.Pair("to eat well", "comer bien")]
SOURCE = "let's go"
VERBS = ("calls", "helps", "sees", "visits")
GROUPS = {f"{a} {verb} {b}.": f"by {a}" for a, b in (("Ana", "Pablo"), ("Pablo", "Ana")) for verb in VERBS}
FEWEST = 100  # sentences of a length, fewer of which say little


def trained(train: list[s2s.Pair], valid: list[s2s.Pair], size: int, words: int, epochs: int) -> tuple[Any, Any]:
    """Return a classic model of two layers that is trained for seconds, and how that went."""
    tokenizer = s2s.TokenizerConfig(kind="word", vocabulary_size=words)
    config = s2s.ModelConfig(units=size, embedding=size // 2, source_tokenizer=tokenizer, target_tokenizer=tokenizer)
    keras.utils.set_random_seed(0)
    model = s2s.Seq2Seq.from_pairs(train, config)
    model.compile(keras.optimizers.Adam(5e-3), jit_compile=False)
    batches, validation = (model.batches(pairs, batch_tokens=600, buckets=1) for pairs in (train, valid))
    return model, model.fit(batches, validation_data=validation, epochs=epochs, verbose=0)


def evaluation() -> Evaluation:
    """Return that of the shipped model's card, of 2,000 sentences of people, without lengths that few have."""
    card = json.loads((SHIPPED / "model_card.json").read_text(encoding="utf-8"))["evaluation"]
    buckets = (LengthBucket(**bucket) for bucket in card["bleu_by_length"])
    return Evaluation(
        **{field.name: card[field.name] for field in fields(Evaluation) if field.name in card}
        | {"bleu_by_length": tuple(bucket for bucket in buckets if bucket.sentences >= FEWEST)}
    )


def main(folder: Path) -> None:
    """Draw each picture of `keras_s2s.plots` from a real model."""
    phrasebook = s2s.load_dataset("phrasebook-en-es")
    small, _ = trained(PHRASES, PHRASES, 8, 20, 100)
    parts = ([pair for pair in part if len(pair.source) < 20] for part in (phrasebook.train, phrasebook.valid))
    classic, history = trained(*parts, 64, 400, 8)
    shipped = s2s.load(SHIPPED / "en_es.keras")
    pictures = {
        "network": partial(s2s.plots.network, small, SOURCE),
        "memory_activity": partial(s2s.plots.memory_activity, small, SOURCE),
        "training_curves": partial(s2s.plots.training_curves, history),
        "attention_map": partial(s2s.plots.attention_map, shipped, "The station isn't far from here."),
        "beam_tree": partial(s2s.plots.beam_tree, shipped, "My brother lives here."),
        "context_vectors": partial(s2s.plots.context_vectors, classic, list(GROUPS), groups=list(GROUPS.values())),
        "quality_by_length": partial(s2s.plots.quality_by_length, evaluation()),
    }
    for name, picture in pictures.items():
        for theme in ("light", "dark"):
            picture(theme=theme).savefig(folder / f"{name}-{theme}.png", dpi=120)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
