"""Size, speed and memory of the mobile build, beside the SavedModel and ONNX Runtime on the same weights.

    python benchmarks/device.py

The model has random weights and never picks <EOS>, so that a source of 12 tokens gives exactly 12: 2 x 256 units and
8,000 pieces on each side, if nothing else is asked for. Each contestant runs in processes of its own, on one thread, in
turns with the others; printed are medians.

- `greedy` and `beam` are from ids to ids, but for the SavedModel, whose graph takes strings. The time is that which the
  process has computed (`time.process_time`), so that other programs on the machine disturb less; on an idle machine
  it is the wall-clock time, as there is one thread.
- `memory` is the peak of the process above that of a bare Python interpreter, all libraries included, after greedy
  search and after both; `imports` is what the libraries take before a model is loaded.
- The ONNX graphs are those of the signatures `greedy` and `beam`, converted by tf2onnx: encoder, search and all.
- `first answer` is the wall-clock time of `keras-s2s translate` in a fresh process, from start to end.

The exit code is 1 where the int8 file is too large (`--most-megabytes`), or a contestant's output is not as long as it
must be. Timings and memory are printed, not judged.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

CONTESTANT = Path(__file__).with_name("device_contestant.py")
ONE_THREAD = {"OMP_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}


def make_model(units: int, pieces: int, tokens: int) -> Any:
    """Return a model of random weights whose every output has `tokens` tokens."""
    import keras
    import numpy as np

    from keras_s2s import ModelConfig, SearchConfig, Seq2Seq, TokenizerConfig
    from keras_s2s.data.tokenizer import EOS

    syllables = [a + b for a in "bcdfghjklmnpqrstvwxz" for b in "aeiou"]
    random = np.random.default_rng(0)
    words = sorted({"".join(random.choice(syllables, 3)) for _ in range(4 * pieces)})[: pieces - 3]
    pairs = [(" ".join(words[i : i + 8]),) * 2 for i in range(0, len(words), 8)]
    kind = TokenizerConfig(kind="word", vocabulary_size=pieces)
    keras.utils.set_random_seed(0)
    config = ModelConfig(source_tokenizer=kind, target_tokenizer=kind, units=units, embedding=units)
    model = Seq2Seq.from_pairs(pairs, config, search=SearchConfig(max_length=tokens))
    if not len(model.source_tokenizer) == len(model.target_tokenizer) == pieces:
        raise SystemExit(f"expected {pieces} pieces, got {len(model.target_tokenizer)}")
    layer = model.get_layer("decoder_output")
    kernel, bias = layer.get_weights()
    bias[EOS] = -1e4
    layer.set_weights([kernel, bias])
    return model


def write_onnx(model: Any, folder: Path) -> None:
    """Convert the signatures `greedy` and `beam` of the mobile build."""
    import tensorflow as tf
    import tf2onnx

    from keras_s2s.decoding.inference import inference_weights
    from keras_s2s.deploy.device.mobile_module import MobileModule

    greedy, beam = (replace(model.search, method=method) for method in ("greedy", "beam"))
    weights = {name: variable.value for name, variable in inference_weights(model).items()}
    module = MobileModule(model.config, weights, greedy, beam)
    source = tf.TensorSpec([1, model.config.max_source_length], tf.int32, name="source")
    signature = [source, tf.TensorSpec([1], tf.int32, name="source_length")]
    folder.mkdir()
    for method in ("greedy", "beam"):
        function = tf.function(getattr(module, method), input_signature=signature, autograph=False)
        tf2onnx.convert.from_function(function, signature, opset=18, output_path=str(folder / f"{method}.onnx"))


def write_small_onnx(folder: Path, small: Path) -> None:
    """Quantise ONNX graphs as ONNX Runtime does it: dynamic, int8 weights."""
    from onnxruntime.quantization import quantize_dynamic

    small.mkdir()
    for file in folder.iterdir():
        quantize_dynamic(file, small / file.name, per_channel=True, extra_options={"EnableSubgraph": True})


def contestants(model: Any, folder: Path) -> dict[str, tuple[str, Path]]:
    """Write everything; return kind and place by name."""
    from keras_s2s import export_saved_model, export_tflite

    written: dict[str, tuple[str, Path]] = {}
    for quantize in (None, "float16", "int8"):
        name = quantize or "float32"
        written[f"LiteRT {name}"] = ("tflite", export_tflite(model, folder / f"{name}.tflite", quantize=quantize))
    written["SavedModel float32"] = ("saved_model", export_saved_model(model, folder / "saved_model"))
    write_onnx(model, folder / "onnx")
    written["ONNX Runtime float32"] = ("onnx", folder / "onnx")
    write_small_onnx(folder / "onnx", folder / "onnx_int8")
    written["ONNX Runtime int8"] = ("onnx", folder / "onnx_int8")
    return written


def run(kind: str, path: Path, source: dict[str, Any], runs: int) -> dict[str, float]:
    """Return one process's figures."""
    command = [sys.executable, str(CONTESTANT), kind, str(path), json.dumps(source), str(runs)]
    result = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **ONE_THREAD})
    if result.returncode:
        raise SystemExit(result.stderr)
    figures: dict[str, float] = json.loads(result.stdout.splitlines()[-1])
    return figures


def first_answer(path: Path, text: str) -> float:
    """Return the seconds that the command takes for one text, from its start to its end."""
    command = [sys.executable, "-m", "keras_s2s.cli.main", "translate", "--model", str(path), text]
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - began


def megabytes(path: Path) -> float:
    """Return the size of what a user ships; of two ONNX graphs, which hold the weights twice, that of one."""
    path = path / "greedy.onnx" if (path / "greedy.onnx").is_file() else path
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files) / 1e6


def too_large(received: float, most: float) -> bool:
    """Return whether a file is larger than it may be, and say so."""
    if received > most:
        print(f"the int8 file has {received:.2f} MB, expected at most {most} MB", file=sys.stderr)
    return received > most


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--units", type=int, default=256)
    parser.add_argument("--pieces", type=int, default=8000, help="size of both vocabularies")
    parser.add_argument("--tokens", type=int, default=12, help="tokens of source and output")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--runs", type=int, default=200, help="runs in each round")
    parser.add_argument("--most-megabytes", type=float, default=9.5, help="what the int8 file may take")
    arguments = parser.parse_args()
    model = make_model(arguments.units, arguments.pieces, arguments.tokens)
    ids = [*range(3, 2 + arguments.tokens), 1]
    source = {"ids": ids, "text": model.source_tokenizer.decode([ids])[0], "tokens": arguments.tokens}
    with tempfile.TemporaryDirectory() as name:
        written = contestants(model, Path(name))
        figures: dict[str, list[dict[str, float]]] = {contestant: [] for contestant in written}
        for _ in range(arguments.rounds):
            for contestant, (kind, path) in written.items():
                figures[contestant].append(run(kind, path, source, arguments.runs))
        medians = {
            contestant: {figure: statistics.median(r[figure] for r in rounds) for figure in rounds[0]}
            for contestant, rounds in figures.items()
        }
        base = medians["LiteRT int8"]
        heads = f"{'greedy':>10}{'':>8}{'beam of 4':>11}{'':>8}{'imports':>10}{'memory':>10}{'and beam':>10}"
        print(f"{'':22}{'size':>9}{heads}")
        for contestant, (_, path) in written.items():
            m = medians[contestant]
            print(
                f"{contestant:22}{megabytes(path):6.1f} MB{m['greedy']:7.2f} ms{m['greedy'] / base['greedy']:7.1f}x"
                f"{m['beam']:8.2f} ms{m['beam'] / base['beam']:7.1f}x{m['imports']:7.0f} MB"
                f"{m['greedy memory']:7.0f} MB{m['beam memory']:7.0f} MB"
            )
        seconds = [first_answer(written["LiteRT int8"][1], source["text"]) for _ in range(5)]
        print(f"first answer of keras-s2s translate, LiteRT int8: {statistics.median(seconds):.2f} s")
        return int(too_large(megabytes(written["LiteRT int8"][1]), arguments.most_megabytes))


if __name__ == "__main__":
    sys.exit(main())
