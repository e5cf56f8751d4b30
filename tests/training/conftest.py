"""A training run of a few seconds."""

import pytest

from keras_s2s.config import DataConfig, ModelConfig, RunConfig, SearchConfig, TokenizerConfig, TrainingConfig


@pytest.fixture
def config(tmp_path):
    """A run of a few seconds on digits and their names."""
    names = ["cero", "uno", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve"]
    pairs = [
        (f"{a} {b} {c}", f"{names[c]} {names[b]} {names[a]}") for a in range(10) for b in range(10) for c in (1, 2)
    ]
    for part, rows in {"train": pairs[:180], "valid": pairs[180:190], "test": pairs[190:]}.items():
        (tmp_path / f"{part}.tsv").write_text("".join(f"{s}\t{t}\n" for s, t in rows))
    words = TokenizerConfig(kind="word", vocabulary_size=20)
    return RunConfig(
        data=DataConfig(**{part: str(tmp_path / f"{part}.tsv") for part in ("train", "valid", "test")}),
        model=ModelConfig(source_tokenizer=words, target_tokenizer=words, units=16, embedding=8, layers=1),
        training=TrainingConfig(
            epochs=3,
            batch_tokens=100,
            buckets=1,
            jit_compile=False,
            deterministic=True,
            warmup_steps=5,
            tensorboard=False,
        ),
        search=SearchConfig(method="beam", beam_size=2),
    )
