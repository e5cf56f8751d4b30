"""Translate on a board, with nothing but LiteRT, SentencePiece and NumPy.

    python translate.py en_es.tflite "Let's go!"
    python translate.py en_es.tflite --beam "Let's go!"
    python translate.py en_es.tflite --check

The files that stand beside the `.tflite` file are read too: manifest, tokenisers and, for `--check`, test vectors.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from sentencepiece import SentencePieceProcessor

PAD, EOS, UNKNOWN = 0, 1, 2
SPACE = "\u2581"
LOG_PROB_TOLERANCE = 0.01
MOST_DIFFERENT = 0.01


class Hypothesis(NamedTuple):
    """One output: its ids with `<EOS>`, its text, and the logarithm of its probability."""

    tokens: list[int]
    text: str
    log_prob: float


class Translator:
    """One model with its two tokenisers."""

    def __init__(self, model: Path) -> None:
        """Load the files."""
        self.manifest = json.loads(model.with_suffix(".manifest.json").read_text(encoding="utf-8"))
        self._source = SentencePieceProcessor(model_file=str(model.with_suffix(".source.model")))
        self._target = SentencePieceProcessor(model_file=str(model.with_suffix(".target.model")))
        interpreter = Interpreter(model_path=str(model), num_threads=1)
        self._run = {name: interpreter.get_signature_runner(name) for name in ("greedy", "beam")}

    def encode(self, text: str) -> list[int] | None:
        """Return the ids of a text, `<EOS>` at the end; None where the model refuses it for its length."""
        limits = self.manifest["limits"]
        longest, characters = limits["max_source_length"], limits["max_source_characters"]
        ids = [*self._source.EncodeAsIds(text[:characters]), EOS]
        if limits["overlong"] == "error" and (len(text) > characters or len(ids) > longest):
            return None
        return ids if len(ids) <= longest else [*ids[: longest - 1], EOS]

    def search(self, text: str, ids: list[int], method: str) -> list[Hypothesis]:
        """Run `greedy` or `beam` on a text with these ids; the best hypothesis comes first."""
        source = np.full((1, self.manifest["limits"]["max_source_length"]), PAD, np.int32)
        source[0, : len(ids)] = ids
        outputs: dict[str, Any] = self._run[method](source=source, source_length=np.array([len(ids)], np.int32))
        rows = outputs["tokens"].reshape(-1, outputs["tokens"].shape[-1])
        least = self.manifest["search"]["least_log_prob"]
        found = zip(rows, outputs["log_probs"].reshape(-1), strict=True)
        hypotheses = [(row[row != PAD].tolist(), float(p)) for row, p in found if p > least]
        return [Hypothesis(tokens, self._write(text, tokens), p) for tokens, p in hypotheses]

    def _write(self, source: str, tokens: list[int]) -> str:
        """Return the text of tokens; one from the vocabulary's size on is the copy of a source token."""
        ids, size = (tokens[: tokens.index(EOS)] if EOS in tokens else tokens), self._target.GetPieceSize()
        text: str = self._target.DecodeIds([UNKNOWN if i >= size else i for i in ids])
        if not any(i >= size for i in ids):
            return text
        pieces = self._source.EncodeAsPieces(source[: self.manifest["limits"]["max_source_characters"]])
        read, written = (self.manifest["tokenizers"][side]["kind"] == "word" for side in ("source", "target"))
        surfaces = [piece.removeprefix(SPACE) if read else piece for piece in pieces]
        copied = [(SPACE * written + surfaces[i - size]).replace(SPACE, " ") for i in ids if i >= size]
        parts = zip(text.split(self._target.DecodeIds([UNKNOWN])), [*copied, ""], strict=True)
        whole = "".join(part + copy for part, copy in parts)
        return whole.removeprefix(" ") if written else whole


def check(translator: Translator, vectors: list[dict[str, Any]]) -> bool:
    """Compare with the test vectors; print what differs, and return whether it is little enough."""
    wrong_ids = different = answers = 0
    for vector in vectors:
        ids = translator.encode(vector["text"])
        if ids != vector["source"]:
            wrong_ids += 1
            print(f"ids of {vector['text']!r}: {ids}, expected {vector['source']}")
        if ids is None or vector["source"] is None:
            continue
        expected = {"greedy": [vector["greedy"]], "beam": vector["beam"]}
        for method, wanted in expected.items():
            answers += 1
            if not _equal(translator.search(vector["text"], vector["source"], method), wanted):
                different += 1
                print(f"{method} of {vector['text']!r} differs")
    print(f"{len(vectors)} texts: {wrong_ids} with wrong ids; {answers} answers: {different} different")
    return not wrong_ids and different <= MOST_DIFFERENT * answers


def _equal(found: list[Hypothesis], wanted: list[dict[str, Any]]) -> bool:
    return len(found) == len(wanted) and all(
        (h.tokens, h.text) == (w["tokens"], w["text"]) and abs(h.log_prob - w["log_prob"]) <= LOG_PROB_TOLERANCE
        for h, w in zip(found, wanted, strict=True)
    )


def main() -> int:
    """Translate the arguments, or check."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, help="the .tflite file")
    parser.add_argument("texts", nargs="*")
    parser.add_argument("--beam", action="store_true", help="print all hypotheses of beam search")
    parser.add_argument("--check", action="store_true", help="run the test vectors")
    arguments = parser.parse_intermixed_args()
    translator = Translator(arguments.model)
    if arguments.check:
        document = json.loads(arguments.model.with_suffix(".vectors.json").read_text(encoding="utf-8"))
        return 0 if check(translator, document["vectors"]) else 1
    for text in arguments.texts:
        ids = translator.encode(text)
        if ids is None:
            print(f"too long: {text!r}", file=sys.stderr)
            return 1
        for hypothesis in translator.search(text, ids, "beam" if arguments.beam else "greedy"):
            print(f"{hypothesis.log_prob:.4f}\t{hypothesis.text}" if arguments.beam else hypothesis.text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
