"""`DeviceModel`: the graphs and tokenisers of a `.tflite` file, ids in, ids out.

It imports no TensorFlow, no Keras and no pydantic.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from keras_s2s.data.source_limit import limited_ids
from keras_s2s.data.tokenizer import EOS, PAD, UNKNOWN, Tokenizer
from keras_s2s.deploy.device.manifest import read_files
from keras_s2s.translation import require_texts

Method = Literal["greedy", "beam"]
Array = np.ndarray[Any, Any]


class DeviceModel:
    """One `.tflite` file that `export_tflite` wrote, loaded into LiteRT.

    Several threads may share one; they take turns.

    Attributes:
        manifest: What the export says of itself: limits, searches, tensors, agreement with its Keras model.
        source_tokenizer: Source text to ids.
        target_tokenizer: Ids to target text.
    """

    def __init__(self, path: str | Path, *, threads: int = 1) -> None:
        """Load a file.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: It is no TFLite file, a damaged one, or one that this package did not write.
        """
        path = Path(path)
        self.manifest, source_model, target_model = read_files(path)
        self.source_tokenizer, self.target_tokenizer = Tokenizer(source_model), Tokenizer(target_model)
        self._interpreter = Interpreter(model_path=str(path), num_threads=threads)
        self._runners: dict[str, Any] = {}
        self._lock = threading.Lock()

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Return each text's ids, `<EOS>` at the end; what is over the model's limit loses its end, with a warning.

        Raises:
            ValueError: `texts` is no list of texts, one of them is no Unicode, or longer than the limit of a model that
                refuses those.
        """
        limits = self.manifest["limits"]
        # The warning points to the caller of the translator's method.
        return limited_ids(
            self.source_tokenizer,
            require_texts(texts),
            limits["max_source_length"],
            limits["overlong"],
            stacklevel=4,
        )

    @property
    def _copies(self) -> bool:
        copies: bool = self.manifest["search"].get("copy_unknown", False)
        return copies

    def surfaces(self, texts: Sequence[str]) -> Sequence[Sequence[str]]:
        """Return what may be copied of each text, as `Tokenizer.decode` takes it; nothing where this file copies none.

        Args:
            texts: Texts that `tokenize` takes.
        """
        limit = self.manifest["limits"]["max_source_length"]
        return self.source_tokenizer.surfaces(texts, limit) if self._copies else [()] * len(texts)

    def search(self, ids: Sequence[int], method: Method) -> list[tuple[list[int], float]]:
        """Return the hypotheses of one source as (ids, log-probability), best first.

        Where unknown words are copied, an id from the target's size on is the copy of a source token.

        Args:
            ids: The source's ids, as `tokenize` gives them.
            method: Which of the two searches.
        """
        outputs = self.run(method, self._source(ids))
        tokens = outputs["tokens"].reshape(-1, outputs["tokens"].shape[-1])
        scores = outputs["log_probs"].reshape(-1)
        least = self.manifest["search"]["least_log_prob"]  # there is no hypothesis below it
        return [(row[row != PAD].tolist(), float(p)) for row, p in zip(tokens, scores, strict=True) if p > least]

    def steps(self, ids: Sequence[int]) -> Iterator[int]:
        """Yield the ids of greedy search as they are found, `<EOS>` left out; for copies see `search`."""
        if len(ids) == 1:
            return
        state, token = self.run("encode", self._source(ids)), EOS
        matches = self.manifest["search"]["match_length"]
        size, written = self.manifest["search"].get("no_repeat_ngram", 0), list[int]()
        for position in range(self.manifest["limits"]["max_target_length"]):
            outputs = self.run("decode_step", {"token": np.array([token], np.int32), **state})
            log_probs = outputs["log_probs"][0]
            if matches and position < len(ids) - 1:
                log_probs[EOS] = -np.inf
            log_probs[_repeating(written, size)] = -np.inf
            token = int(log_probs.argmax())
            if token == EOS or (matches and position == len(ids) - 1):
                return
            if self._copies and token == UNKNOWN:
                yield len(self.target_tokenizer) + int(outputs["attention"][0, : len(ids) - 1].argmax())
            else:
                yield token
            written.append(token)
            state = {name: outputs.get(name, array) for name, array in state.items()}

    def run(self, signature: str, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Run a signature; the manifest says which tensors it takes and gives."""
        with self._lock:
            if signature not in self._runners:
                self._runners[signature] = self._interpreter.get_signature_runner(signature)
            outputs: dict[str, Array] = self._runners[signature](**inputs)
            return outputs

    def _source(self, ids: Sequence[int]) -> dict[str, Array]:
        source = np.full((1, self.manifest["limits"]["max_source_length"]), PAD, np.int32)
        source[0, : len(ids)] = ids
        return {"source": source, "source_length": np.array([len(ids)], np.int32)}


def _repeating(tokens: list[int], size: int) -> list[int]:
    """Return what would end a second copy of `size` tokens, as `decoding.constraints.no_repeated_ngram` forbids it."""
    if size == 0:
        return []
    newest = tokens[len(tokens) - size + 1 :]
    return [tokens[i + size - 1] for i in range(len(tokens) - size + 1) if tokens[i : i + size - 1] == newest]
