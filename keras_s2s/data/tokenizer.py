"""Text to ids and back, by SentencePiece (Kudo & Richardson 2018, https://aclanthology.org/D18-2012)."""

import io
import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import sentencepiece

if TYPE_CHECKING:  # the on-device translator reads tokenisers where pydantic is not installed
    from keras_s2s.config import TokenizerConfig

PAD, EOS, UNKNOWN = 0, 1, 2
"""The reserved ids. There is no `<BOS>`: decoding starts from `<EOS>`."""

CHARACTERS_A_TOKEN = 64
"""Characters, code points, that are read of a text for each token of a limit; what comes after them is cut off first.

The in-graph tokeniser's time grows with the square of a run of unknown characters: a megabyte of them would hold a core
of a server for a minute, past every deadline. Every form of a tokeniser makes the same cut, so that all of them answer
alike.
"""

SPACE = "\u2581"
"""What SentencePiece writes for a space in its pieces."""

# A longer line than this takes no part in learning the pieces; it is still encoded.
_LONGEST_LINE = 16_384
_SENTENCES = 1_000_000


class TooFewPiecesError(ValueError):
    """The training text has fewer pieces than the vocabulary that was asked for.

    Attributes:
        asked: What was asked for.
        most: The largest vocabulary that the text has pieces for.
    """

    def __init__(self, asked: str, most: int) -> None:
        """Say how to mend it."""
        super().__init__(
            f"{asked} is more than the training text has pieces for: set it to at most {most}, or bring more text"
        )
        self.asked = asked
        self.most = most

    def __reduce__(self) -> Any:
        """Survive the way out of a process of a pool."""
        return TooFewPiecesError, (self.asked, self.most)


class Tokenizer:
    """A learned SentencePiece model with this package's reserved ids.

    Examples:
        >>> from keras_s2s.config import TokenizerConfig
        >>> tokenizer = Tokenizer.train(["let's go", "to go"], TokenizerConfig(kind="word", vocabulary_size=8))
        >>> tokenizer.decode(tokenizer.encode(["to go"]))
        ['to go']
    """

    def __init__(self, model: bytes) -> None:
        """Load a serialised SentencePiece model.

        Raises:
            ValueError: `model` is no SentencePiece model, or its reserved ids are not 0 pad, 1 `<EOS>`, 2 unknown.
        """
        self.model = model
        self._processor = sentencepiece.SentencePieceProcessor()
        try:
            self._processor.LoadFromSerializedProto(model)
        except RuntimeError as error:
            raise ValueError(f"not a SentencePiece model ({len(model):,} bytes): {error}") from None
        received = (self._processor.pad_id(), self._processor.eos_id(), self._processor.unk_id())
        if received != (PAD, EOS, UNKNOWN) or self._processor.bos_id() != -1:
            raise ValueError(
                f"the SentencePiece model has pad, </s> and <unk> at {received}; expected {(PAD, EOS, UNKNOWN)} and no "
                "<s>: train it with Tokenizer.train, or with --pad_id=0 --eos_id=1 --unk_id=2 --bos_id=-1"
            )

    @classmethod
    def train(cls, texts: Iterable[str], config: "TokenizerConfig") -> Self:
        """Learn the pieces from texts, which are read once as a stream.

        Args:
            texts: Training texts, of the training split alone. Of more than a million, a million random ones count.
            config: Kind, size and normalisation.

        Raises:
            TooFewPiecesError: The text is too little for the vocabulary that was asked for.
            ValueError: There is no text, or the vocabulary has no room for its characters.
        """
        model = io.BytesIO()
        try:
            sentencepiece.SentencePieceTrainer.train(
                sentence_iterator=_lines(texts),
                model_writer=model,
                model_type=config.kind,
                vocab_size=config.vocabulary_size,
                hard_vocab_limit=config.kind == "unigram",
                character_coverage=config.character_coverage,
                split_digits=config.split_digits,
                normalization_rule_name="nmt_nfkc_cf" if config.lowercase else "nmt_nfkc",
                # A spelling or a protein has no words, so that no space is put before it.
                add_dummy_prefix=config.kind != "char",
                pad_id=PAD,
                eos_id=EOS,
                unk_id=UNKNOWN,
                bos_id=-1,
                unk_surface="\u2047",
                input_sentence_size=_SENTENCES,
                shuffle_input_sentence=True,
                max_sentence_length=_LONGEST_LINE * 4,
                num_threads=1,  # the result depends on the number of threads
                minloglevel=2,
            )
        except (RuntimeError, OSError) as error:
            raise _explain(str(error), config) from None
        return cls(model.getvalue())

    @classmethod
    def from_file(cls, path: str | Path) -> Self:
        """Load a SentencePiece `.model` file."""
        return cls(Path(path).read_bytes())

    def __len__(self) -> int:
        """Return the number of ids."""
        return int(self._processor.GetPieceSize())

    def encode(self, texts: Sequence[str], limit: int | None = None) -> list[list[int]]:
        """Return each text's ids with `<EOS>` at the end.

        Args:
            texts: Texts.
            limit: Longest row, `<EOS>` included; longer ones lose their end and keep `<EOS>`, and no more of a text
                than its first `CHARACTERS_A_TOKEN * limit` characters is read. Left out: there is no limit.
        """
        if limit is None:
            return [[*ids, EOS] for ids in self._ids(texts)]
        return [[*ids[: limit - 1], EOS] for ids in self._ids([text[: CHARACTERS_A_TOKEN * limit] for text in texts])]

    def _ids(self, texts: Sequence[str]) -> list[list[int]]:
        ids: list[list[int]] = self._processor.EncodeAsIds(list(texts))
        return ids

    def surfaces(self, texts: Sequence[str], limit: int) -> list[list[str]]:
        """Return the pieces of source texts as they are copied into an output, of unknown tokens their text too.

        Of words the space before them is left out: whether there is one is the target tokeniser's affair.

        Args:
            texts: Texts.
            limit: As of `encode`, with whose ids the pieces agree in number, but for `<EOS>`.
        """
        rows = self._processor.EncodeAsPieces([text[: CHARACTERS_A_TOKEN * limit] for text in texts])
        space = SPACE if self.writes_words else ""
        return [[piece.removeprefix(space) for piece in row[: limit - 1]] for row in rows]

    @cached_property
    def writes_words(self) -> bool:
        """Whether each piece is a word with the space before it, as those of the kind `word` are."""
        return all(piece.startswith(SPACE) for piece in self._processor.IdToPiece([*range(UNKNOWN + 1, len(self))]))

    def decode(self, batch: Iterable[Sequence[int]], surfaces: Sequence[Sequence[str]] | None = None) -> list[str]:
        """Return the text of each row of ids, up to its first `<EOS>`.

        Args:
            batch: Rows of ids. One from `len(self)` on is the copy of a source token, whose position is the rest.
            surfaces: Of each row's source, as its tokeniser's `surfaces` gives them; left out, nothing is copied.
        """
        rows = [_until_eos(ids) for ids in batch]
        if not rows:
            return []
        if surfaces is None:
            return self._processor.DecodeIds(rows)
        texts = self._processor.DecodeIds([self.without_copies(ids) for ids in rows])
        return [self._put_in(*row) for row in zip(texts, rows, surfaces, strict=True)]

    def _put_in(self, text: str, ids: list[int], surfaces: Sequence[str]) -> str:
        """Return a text with what is copied in the place of what an unknown token is written as."""
        copied = [self._copy(i, surfaces).replace(SPACE, " ") for i in ids if i >= len(self)]
        if not copied:
            return text
        # No piece has these characters: normalisation replaces the one that the unknown token is written as.
        parts = zip(text.split(self._processor.DecodeIds([UNKNOWN])), [*copied, ""], strict=True)
        whole = "".join(part + copy for part, copy in parts)
        return whole.removeprefix(" ") if self.writes_words else whole

    def _copy(self, token: int, surfaces: Sequence[str]) -> str:
        """Return the piece that a copy stands for."""
        return SPACE * self.writes_words + surfaces[token - len(self)]

    def without_copies(self, ids: Sequence[int]) -> list[int]:
        """Return ids as the decoder reads them: the unknown token in the place of each copy."""
        return [UNKNOWN if i >= len(self) else i for i in ids]

    def pieces(self, ids: Sequence[int], surfaces: Sequence[str] = ()) -> tuple[str, ...]:
        """Return the pieces that ids stand for, up to the first `<EOS>`; for copies see `decode`."""
        ids = _until_eos(ids)
        pieces = self._processor.IdToPiece(self.without_copies(ids))
        return tuple(p if i < len(self) else self._copy(i, surfaces) for i, p in zip(ids, pieces, strict=True))

    def __eq__(self, other: Any) -> bool:
        """Two tokenisers are equal if their models are, to the byte."""
        return isinstance(other, Tokenizer) and self.model == other.model

    def __hash__(self) -> int:
        """Return the hash of the model."""
        return hash(self.model)


def _until_eos(ids: Sequence[int]) -> list[int]:
    ids = [int(i) for i in ids]
    return ids[: ids.index(EOS)] if EOS in ids else ids


def _lines(texts: Iterable[str]) -> Iterable[str]:
    # SentencePiece ends a sentence at a line break and stops at a NUL.
    return (" ".join(text.replace("\0", " ").splitlines())[:_LONGEST_LINE] for text in texts)


def _explain(message: str, config: "TokenizerConfig") -> ValueError:
    asked = f"vocabulary_size={config.vocabulary_size}"
    if most := re.search(r"too high.*<= (\d+)", message, re.DOTALL):
        return TooFewPiecesError(asked, int(most[1]))
    if least := re.search(r"smaller than required_chars\. \d+ vs (\d+)", message):
        return ValueError(
            f"{asked} is too small for the {least[1]} characters of the training text: set it to more than {least[1]}, "
            "or lower character_coverage"
        )
    if "empty" in message or "all_chars_count" in message:
        return ValueError("no text to learn a tokeniser from: every line was empty")
    return ValueError(f"SentencePiece could not learn a {config.kind} tokeniser: {message}")
