"""`LiteRTTranslator`: translates on the device. It imports no TensorFlow, no Keras and no pydantic."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from keras_s2s.data.tokenizer import EOS
from keras_s2s.deploy.device.device_model import DeviceModel, Method
from keras_s2s.translation import Hypothesis, require_n, require_texts


class LiteRTTranslator:
    """A translator over one `.tflite` file that `export_tflite` wrote.

    Several threads may share one; they take turns.

    Examples:
        >>> translator = LiteRTTranslator("en_es.tflite")  # doctest: +SKIP
        >>> translator.translate(["Let's go!"])  # doctest: +SKIP
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
        self._model = DeviceModel(path, threads=threads)
        self.manifest: dict[str, Any] = self._model.manifest
        self._model.search([EOS], self._method(None))  # an empty text: memory is laid out here, not later

    def translate(self, texts: Sequence[str], method: Method | None = None) -> list[str]:
        """Return the best output of each text.

        Args:
            texts: Source texts. A text with no tokens, such as `""`, gives `""`.
            method: `greedy` or `beam`; left out, the search that was chosen at export.

        Raises:
            ValueError: `texts` is no list of Unicode texts, or one is longer than the limit of a model that refuses
                those.
        """
        method, texts = self._method(method), require_texts(texts)
        rows = self._model.tokenize(texts)
        found = [self._model.search(row, method)[0][0] for row in rows]
        return self._model.target_tokenizer.decode(found, self._model.surfaces(texts))

    def n_best(self, texts: Sequence[str], n: int | None = None) -> list[list[Hypothesis]]:
        """Return up to `n` hypotheses of each text by beam search, best first.

        Args:
            texts: Source texts.
            n: Hypotheses wanted; left out, as many as the exported beam is wide.

        Raises:
            ValueError: `n` is no number from 1 to that, or a text is none that `translate` takes.
        """
        width = self.manifest["search"]["beam_size"]
        require_n(n)
        if n is not None and n > width:
            raise ValueError(
                f"n={n} is more than the beam of this file, which is {width} wide: export with "
                f"search=SearchConfig(beam_size={n})"
            )
        texts = require_texts(texts)
        rows = self._model.tokenize(texts)
        return [
            [self._hypothesis(surfaces, *found) for found in self._model.search(row, "beam")[:n]]
            for row, surfaces in zip(rows, self._model.surfaces(texts), strict=True)
        ]

    def stream(self, text: str) -> Iterator[str]:
        """Yield a translation as it is decoded, by greedy search, a token's text at a time.

        Joined, the parts are `translate([text], "greedy")[0]`.
        """
        (row,) = self._model.tokenize([text])
        surfaces = self._model.surfaces([text])
        ids: list[int] = []
        told = ""
        for token in self._model.steps(row):
            ids.append(token)
            (text,) = self._model.target_tokenizer.decode([ids], surfaces)
            yield text[len(told) :]
            told = text

    def _method(self, method: Method | None) -> Method:
        chosen: Method = method or self.manifest["search"]["method"]
        if chosen not in ("greedy", "beam"):
            raise ValueError(f"method is 'greedy' or 'beam', got {chosen!r}: a .tflite file has these two searches")
        return chosen

    def _hypothesis(self, surfaces: Sequence[str], ids: list[int], log_prob: float) -> Hypothesis:
        tokenizer = self._model.target_tokenizer
        return Hypothesis(tokenizer.decode([ids], [surfaces])[0], tokenizer.pieces(ids, surfaces), log_prob)
