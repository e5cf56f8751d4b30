"""Peak memory of training from a file of millions of pairs, beside that from a small one.

    python benchmarks/memory.py --pairs 5000000

Both files are synthetic; each run trains a few steps in a process of its own through `keras_s2s.train`, reading,
tokenising and caching the whole file. Printed is the peak resident memory of each process and the difference.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

RUN = """
import resource, sys
from keras_s2s.config import DataConfig, ModelConfig, RunConfig, TokenizerConfig, TrainingConfig
from keras_s2s.training.trainer import train
size = TokenizerConfig(vocabulary_size=1000)
train(
    RunConfig(
        data=DataConfig(train=sys.argv[1], valid=sys.argv[2], test=sys.argv[2]),
        model=ModelConfig(source_tokenizer=size, target_tokenizer=size, units=64, embedding=64),
        training=TrainingConfig(
            epochs=1, steps_per_epoch=50, batch_tokens=3000, buckets=3, bleu_sentences=50, tensorboard=False
        ),
    ),
    sys.argv[3],
)
print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def write_pairs(path: Path, number: int) -> None:
    """Write distinct pairs of 4 to 12 made-up words."""
    rng = np.random.default_rng(0)
    syllables = [a + b for a in "bcdfglmnprst" for b in "aeiou"]
    words = np.array(["".join(rng.choice(syllables, 2)) for _ in range(3000)])
    with path.open("w") as file:
        for begin in range(0, number, 10_000):
            lengths = rng.integers(4, 13, (10_000, 2))
            for i in range(min(10_000, number - begin)):
                source, target = (" ".join(words[rng.integers(0, 3000, n)]) for n in lengths[i])
                file.write(f"{source}\t{target}\n")


def peak(folder: Path, number: int) -> int:
    """Return the peak memory in MB of a run over `number` pairs."""
    train, valid = folder / f"{number}.tsv", folder / "valid.tsv"
    write_pairs(train, number)
    write_pairs(valid, 200)
    began = time.perf_counter()
    command = [sys.executable, "-c", RUN, train, valid, folder / f"run-{number}"]
    result = subprocess.run(command, capture_output=True, text=True, env=os.environ, check=False)
    if result.returncode:
        raise SystemExit(result.stderr)
    megabytes = int(result.stdout.split()[-1])
    size = train.stat().st_size / 1e6
    print(f"{number:10,} pairs, {size:6,.0f} MB of text: {megabytes:6,} MB peak, {time.perf_counter() - began:.0f} s")
    return megabytes


def main() -> None:
    """Measure both and print the difference."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=5_000_000)
    parser.add_argument("--small", type=int, default=50_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        small, large = (peak(Path(name), number) for number in (arguments.small, arguments.pairs))
    print(f"difference: {large - small:,} MB")


if __name__ == "__main__":
    main()
