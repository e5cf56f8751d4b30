"""One process of `benchmarks/device.py`: loads one export, runs it, and prints its figures as JSON.

    python benchmarks/device_contestant.py KIND FILE SOURCE RUNS

It imports nothing before it has looked how much memory a bare interpreter takes.
"""

import json
import sys
import time
from functools import cache
from pathlib import Path

WARM_UP = 20


def peak():
    """Return the peak of this process's resident memory in MB."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1000 for line in lines if line.startswith("VmHWM"))


def load_tflite(file, source):
    """Return what runs a `.tflite` file by greedy and beam search; each call returns the number of tokens."""
    from keras_s2s.deploy.device.device_model import DeviceModel

    imported = peak()
    model = DeviceModel(file)
    return imported, {
        method: lambda method=method: len(model.search(source["ids"], method)[0][0]) for method in ("greedy", "beam")
    }


def load_saved_model(file, source):
    """Return the same of a SavedModel, which takes the text."""
    import tensorflow as tf
    import tensorflow_text  # noqa: F401  registers the tokeniser's ops

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    imported = peak()
    loaded = tf.saved_model.load(file)
    text = tf.constant([source["text"]])

    def greedy():
        return int(loaded.signatures["serving_default"](texts=text)["lengths"][0])

    def beam():
        return len(loaded.signatures["beam"](texts=text)["pieces"][0, 0].numpy().split())

    return imported, {"greedy": greedy, "beam": beam}


def load_onnx(folder, source):
    """Return the same of a folder of ONNX graphs."""
    import numpy as np
    import onnxruntime

    imported = peak()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1

    def open_graph(method):
        session = onnxruntime.InferenceSession(f"{folder}/{method}.onnx", options, ["CPUExecutionProvider"])
        inputs = {value.name.split(":")[0]: value for value in session.get_inputs()}
        ids = np.zeros((1, inputs["source"].shape[1]), np.int32)
        ids[0, : len(source["ids"])] = source["ids"]
        length = np.array([len(source["ids"])], np.int32)
        feeds = {inputs["source"].name: ids, inputs["source_length"].name: length}
        tokens = next(value.name for value in session.get_outputs() if "int32" in value.type)
        return lambda: int((session.run([tokens], feeds)[0].reshape(-1, source["tokens"])[0] > 0).sum())

    opened = cache(open_graph)
    return imported, {method: lambda method=method: opened(method)() for method in ("greedy", "beam")}


def milliseconds(call, tokens, runs):
    """Return the median of the time that this process computes for one call."""
    for _ in range(WARM_UP):
        found = call()
        if found != tokens:
            raise SystemExit(f"expected an output of {tokens} tokens, got {found}")
    times = []
    for _ in range(runs):
        began = time.process_time()
        call()
        times.append(time.process_time() - began)
    return sorted(times)[runs // 2] * 1000


def main():
    """Load, run, print."""
    bare = peak()
    kind, file, source, runs = sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), int(sys.argv[4])
    load = {"tflite": load_tflite, "saved_model": load_saved_model, "onnx": load_onnx}[kind]
    imported, calls = load(file, source)
    figures = {"imports": imported - bare}
    for method, call in calls.items():
        figures[method] = milliseconds(call, source["tokens"], runs)
        figures[f"{method} memory"] = peak() - bare
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
