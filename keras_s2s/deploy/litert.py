"""`LiteRTTranslator`: translates on the device. It imports no TensorFlow, no Keras and no pydantic."""

import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from keras_s2s.data.tokenizer import EOS, PAD, Tokenizer
from keras_s2s.deploy.manifest import read_files
from keras_s2s.translation import Hypothesis

Method = Literal["greedy", "beam"]


class LiteRTTranslator:
    """A translator over one `.tflite` file that `export_tflite` wrote.

    Several threads may share one; they take turns.

    Example:
        >>> translator = LiteRTTranslator("en_es.tflite")
        >>> translator.translate(["Let's go!"])
        ['¡Vamos!']

    Attributes:
        manifest: What the export says of itself: limits, searches, tensors, agreement with its Keras model.
    """

    def __init__(self, path: str | Path, *, threads: int = 1) -> None:
        """Load a file.

        Args:
            path: The file.
            threads: Threads that one translation may use; a model of this size gains nothing from more than one.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: It is no TFLite file, a damaged one, or one that this package did not write.
        """
        path = Path(path)
        self.manifest, source_model, target_model = read_files(path)
        self._source_tokenizer, self._target_tokenizer = Tokenizer(source_model), Tokenizer(target_model)
        self._interpreter = Interpreter(model_path=str(path), num_threads=threads)
        self._runners: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._search([EOS], self.manifest["search"]["method"])  # an empty text: memory is laid out here, not later

    def translate(self, texts: Sequence[str], method: Method | None = None) -> list[str]:
        """Return the best output of each text.

        Args:
            texts: Source texts. A text with no tokens, such as `""`, gives `""`.
            method: `greedy` or `beam`; left out, the search that was chosen at export.

        Raises:
            ValueError: A text is longer than the model's limit, and the model refuses those.
        """
        method = method or self.manifest["search"]["method"]
        return self._target_tokenizer.decode([self._search(row, method)[0][0] for row in self._encode(texts)])

    def n_best(self, texts: Sequence[str], n: int | None = None) -> list[list[Hypothesis]]:
        """Return up to `n` hypotheses of each text by beam search, best first.

        Args:
            texts: Source texts.
            n: Hypotheses wanted; left out, as many as the exported beam is wide.

        Raises:
            ValueError: `n` is more than that, or a text is longer than the limit of a model that refuses those.
        """
        width = self.manifest["search"]["beam_size"]
        if n is not None and n > width:
            raise ValueError(
                f"n={n} is more than the beam of this file, which is {width} wide: export with "
                f"search=SearchConfig(beam_size={n})"
            )
        decode, pieces = self._target_tokenizer.decode, self._target_tokenizer.pieces
        return [
            [Hypothesis(decode([ids])[0], pieces(ids), score) for ids, score in self._search(row, "beam")[:n]]
            for row in self._encode(texts)
        ]

    def stream(self, text: str) -> Iterator[str]:
        """Yield a translation as it is decoded, by greedy search, a token's text at a time.

        Joined, the parts are `translate([text], "greedy")[0]`.
        """
        (row,) = self._encode([text])
        if len(row) == 1:
            return
        state = self._run("encode", self._source(row))
        ids: list[int] = []
        told, token = "", EOS
        for _ in range(self.manifest["limits"]["max_target_length"]):
            state = self._run("decode_step", {"token": np.array([token], np.int32), **state})
            token = int(state.pop("log_probs")[0].argmax())
            if token == EOS:
                return
            ids.append(token)
            (text,) = self._target_tokenizer.decode([ids])
            yield text[len(told) :]
            told = text

    def _encode(self, texts: Sequence[str]) -> list[list[int]]:
        if isinstance(texts, str):
            raise ValueError(f"expected a list of texts, got the text {texts[:40]!r}: put it in brackets")
        rows = self._source_tokenizer.encode(texts)
        return [self._limited(ids, text) for ids, text in zip(rows, texts, strict=True)]

    def _limited(self, ids: list[int], text: str) -> list[int]:
        limit = self.manifest["limits"]["max_source_length"]
        if len(ids) <= limit:
            return ids
        complaint = f"the source has {len(ids)} tokens, max_source_length is {limit}: {text[:60]!r}"
        if self.manifest["limits"]["overlong"] == "error":
            raise ValueError(f"{complaint}; split the text, or train a model with a larger limit")
        warnings.warn(f"{complaint}; its end was cut off", stacklevel=4)
        return [*ids[: limit - 1], EOS]

    def _source(self, ids: list[int]) -> dict[str, np.ndarray[Any, Any]]:
        source = np.full((1, self.manifest["limits"]["max_source_length"]), PAD, np.int32)
        source[0, : len(ids)] = ids
        return {"source": source, "source_length": np.array([len(ids)], np.int32)}

    def _search(self, ids: list[int], method: Method) -> list[tuple[list[int], float]]:
        """Return the hypotheses of one source as (ids, log-probability), best first."""
        outputs = self._run(method, self._source(ids))
        tokens = outputs["tokens"].reshape(-1, outputs["tokens"].shape[-1])
        scores = outputs["log_probs"].reshape(-1)
        least = self.manifest["search"]["least_log_prob"]  # there is no hypothesis below it
        return [(row[row != PAD].tolist(), float(p)) for row, p in zip(tokens, scores, strict=True) if p > least]

    def _run(self, signature: str, inputs: Mapping[str, np.ndarray[Any, Any]]) -> dict[str, np.ndarray[Any, Any]]:
        with self._lock:
            if signature not in self._runners:
                self._runners[signature] = self._interpreter.get_signature_runner(signature)
            outputs: dict[str, np.ndarray[Any, Any]] = self._runners[signature](**inputs)
            return outputs
