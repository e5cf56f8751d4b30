"""Answer texts by a SavedModel, in a process that has nothing of keras_s2s: what the server will have.

Run as a script, never imported: `python -P fresh_check.py FOLDER < texts.json`.
"""

import json
import sys
from typing import Any

import tensorflow as tf
import tensorflow_text  # noqa: F401  registers the tokeniser's ops


def main(folder: str) -> None:
    """Read a JSON list of texts; write JSON with the plain answers and the first of each text's n-best."""
    signatures: Any = tf.saved_model.load(folder).signatures
    texts = tf.constant(json.load(sys.stdin), tf.string)
    answers = signatures["serving_default"](texts=texts)["translations"].numpy()
    best = signatures["beam"](texts=texts)["translations"].numpy()[:, 0]
    ours = [name for name in sys.modules if name.partition(".")[0] == "keras_s2s"]
    if ours:
        raise RuntimeError(f"the check imported {ours}")
    result = {"translations": [t.decode() for t in answers], "beam": [t.decode() for t in best]}
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
