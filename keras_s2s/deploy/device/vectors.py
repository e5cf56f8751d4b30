"""Test vectors: what a `.tflite` file answers to several hundred texts, step by step.

An app in any language proves its integration with them: it turns each `text` into ids, runs `greedy` and `beam`, turns
the ids into text again, and compares each of the three with the file's own answers. The file is JSON:

    {"format": "keras_s2s/vectors/1", "model_sha256": "…", "weights": "int8", "vectors": [
    {"text": "Let's go!",
     "overlong": false,
     "source": [94, 12, 7, 1],
     "greedy": {"tokens": [31, 1], "text": "¡Vamos!", "log_prob": -0.1034},
     "beam": [{"tokens": [31, 1], "text": "¡Vamos!", "log_prob": -0.1034}, …]}, …

`source` and `tokens` end with 1, `<EOS>`, unless an output came to the length limit. Where the manifest's
`search.copy_unknown` is true, one of the `tokens` from the target's number of pieces on is the copy of a source token,
whose position is the rest. A text that is `overlong` has more characters than the manifest's `max_source_characters`,
or more tokens than `max_source_length`: its `source` has lost its end, but for `<EOS>`; where the manifest's `overlong`
is `error` the text is refused, and `source`, `greedy` and `beam` are null.
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keras_s2s.data.source_limit import read_sources
from keras_s2s.data.tokenizer import CHARACTERS_A_TOKEN
from keras_s2s.deploy.agreement import sample_texts
from keras_s2s.deploy.device.device_model import DeviceModel, Method

if TYPE_CHECKING:
    from keras_s2s.seq2seq import Seq2Seq

FORMAT = "keras_s2s/vectors/1"
COUNT = 300

AWKWARD = (
    # Nothing to say, and space of all kinds.
    *("", " ", "   ", "\t", "\n", "\r\n", "\u00a0", "\u3000", "\u200b", "\ufeff"),
    *(" leading", "trailing ", "two  spaces", "a\tb", "a\nb", "a\r\nb", "a\u00a0b", "a\u2028b", "a\u3000b"),
    # Control characters, and what is not seen.
    *("\x01", "\x07", "a\x1bb", "\x7f", "a\u0085b", "a\u200bb", "a\ufeffb", "a\u00adb", "a\u2060b"),
    *("\u202ea", "\ufffd", "\ue000", "\uffff", "\U0010ffff"),
    # Emoji, alone, joined and coloured; scripts that a model may not know, some outside the basic plane.
    *("😀", "😀 😀", "👨‍👩‍👧‍👦", "🇪🇸", "👍🏽", "a😀b", "☺️", "❤"),
    *("Привет, мир", "你好，世界", "こんにちは", "안녕하세요", "مرحبا بالعالم", "שָׁלוֹם", "नमस्ते", "สวัสดี", "ᚠᛇᚻ", "𐍈𐌰𐌹"),
    # What normalisation takes apart or puts together: ligatures, forms of compatibility, combining accents, case.
    *("ﬁancé", "ﬂoor", "oﬀ", "ǆ", "Ⅳ", "½", "x²", "㎏", "№", "ﬅ", "①", "ＡＢＣ", "ｱｲｳ", "𝒜𝔅", "ſ", "ẛ̣"),
    *("café", "cafe\u0301", "n\u0303", "e\u0301\u0301\u0301", "\u0301", "Å Å Å", "한", "\u1112\u1161\u11ab", "ǰ"),
    *("İi ıI", "ß ẞ", "A", "I", "ALL CAPITALS", "cAmElCaSe"),
    # Punctuation, markup, and what a tokeniser writes itself.
    *("“quoted”", "‘it’s’", "«así»", "—", "a–b", "…", "¿qué?", "¡sí!", "!!!", "?!", "...", "(", "a/b", "'", '"'),
    *("▁", "▁a", "a▁b", "<s>", "</s>", "<unk>", "<pad>", "⁇", "<b>bold</b>", "{}", "\\n", "%s"),
    *("0", "12 345,67", "3.14", "10:30", "user@example.com", "https://example.com/?q=a&b=c"),
    # Over the limit.
    *("a" * 200, "word " * 100, "x y " * 100, "😀" * 100, "Ж" * 100),
)
"""Texts that have broken tokenisers and their ports."""


def vector_texts(model: "Seq2Seq", own: Sequence[str] | None = None, count: int = COUNT) -> list[str]:
    """Return distinct texts for test vectors: the awkward ones, then the user's, then random pieces, then the edge."""
    texts = dict.fromkeys((*AWKWARD, *sample_texts(model, own, count)))
    # Its last character is one too many; whoever counts bytes or UTF-16 units cuts it elsewhere.
    edge = " " * (CHARACTERS_A_TOKEN * model.config.max_source_length - 2) + "😀ab"
    return [*list(texts)[: count - 1], edge]


def write_vectors(path: Path, model: DeviceModel, texts: Iterable[str]) -> None:
    """Write the answers of an exported model, one text a line."""
    head = {
        "format": FORMAT,
        "model_sha256": model.manifest["model_sha256"],
        "weights": model.manifest["weights"],
    }
    lines = ",\n".join(json.dumps(_vector(model, text)) for text in texts)  # ASCII: what cannot be seen is escaped
    path.write_text(f'{json.dumps(head)[:-1]}, "vectors": [\n{lines}\n]}}\n', encoding="ascii")


def _vector(model: DeviceModel, text: str) -> dict[str, Any]:
    limits = model.manifest["limits"]
    ((source, excess),) = read_sources(model.source_tokenizer, [text], limits["max_source_length"])
    if excess and limits["overlong"] == "error":
        return {"text": text, "overlong": True, "source": None, "greedy": None, "beam": None}
    (surfaces,) = model.surfaces([text])
    return {
        "text": text,
        "overlong": excess is not None,
        "source": source,
        "greedy": _answers(model, source, surfaces, "greedy")[0],
        "beam": _answers(model, source, surfaces, "beam"),
    }


def _answers(model: DeviceModel, source: list[int], surfaces: Sequence[str], method: Method) -> list[dict[str, Any]]:
    return [
        {"tokens": ids, "text": model.target_tokenizer.decode([ids], [surfaces])[0], "log_prob": round(log_prob, 4)}
        for ids, log_prob in model.search(source, method)
    ]
