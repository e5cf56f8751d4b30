"""The page's tokeniser gives the ids, pieces and texts of SentencePiece itself."""

import io
import json
import random

import pytest
import sentencepiece
from sentencepiece import sentencepiece_model_pb2 as messages

from keras_s2s.config import TokenizerConfig
from keras_s2s.data.tokenizer import EOS, PAD, Tokenizer

pytestmark = pytest.mark.slow

LONGEST_ROW = 12


def made_elsewhere(texts):
    """A model with what keras_s2s itself does not ask for: byte fallback, symbols of the user's, no dummy prefix."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts),
        model_writer=model,
        vocab_size=900,
        byte_fallback=True,
        user_defined_symbols=["<es>", "¿", "🇪🇸"],
        add_dummy_prefix=False,
        remove_extra_whitespaces=False,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        minloglevel=2,
    )
    return Tokenizer(model.getvalue())


def with_ties(tokenizer):
    """A model with equal scores, so that many segmentations are as good, and without some single characters."""
    proto = messages.ModelProto.FromString(tokenizer.model)
    for number, piece in enumerate(proto.pieces):
        if piece.type == piece.NORMAL:
            piece.score = round(piece.score)
            if len(piece.piece) == 1 and number % 2:
                piece.type = piece.UNUSED
    return Tokenizer(proto.SerializeToString())


@pytest.fixture(scope="module")
def tokenizers(phrasebook):
    texts = [pair.target for pair in phrasebook]
    some = texts[:3000]
    unigram = Tokenizer.train(texts, TokenizerConfig(vocabulary_size=1300))
    return {
        "unigram": unigram,
        "unigram, ties": with_ties(unigram),
        "unigram, lower case": Tokenizer.train(some, TokenizerConfig(vocabulary_size=300, lowercase=True)),
        "unigram, few characters": Tokenizer.train(some, TokenizerConfig(vocabulary_size=200, character_coverage=0.98)),
        "char": Tokenizer.train(some, TokenizerConfig(kind="char", vocabulary_size=300)),
        "word": Tokenizer.train(some, TokenizerConfig(kind="word", vocabulary_size=500)),
        "made elsewhere": made_elsewhere(some),
    }


def write_case(folder, name, tokenizer, texts):
    """Write a tokeniser, and what it makes of texts and of ids."""
    draw = random.Random(name)
    rows = [[draw.randrange(len(tokenizer)) for _ in range(draw.randint(0, LONGEST_ROW))] for _ in range(1000)]
    rows += [[i for i in row if i not in (PAD, EOS)] for row in rows[:500]]
    processor = sentencepiece.SentencePieceProcessor(model_proto=tokenizer.model)
    case = {
        "name": name,
        "texts": texts,
        "ids": tokenizer.encode(texts),
        "pieces": processor.EncodeAsPieces(texts),
        "rows": rows,
        "decoded": tokenizer.decode(rows),
    }
    stem = name.replace(" ", "_").replace(",", "")
    (folder / f"{stem}.model").write_bytes(tokenizer.model)
    (folder / f"{stem}.json").write_text(json.dumps(case), encoding="utf-8")


def test_sentences_and_awkward_strings(npm, tokenizers, phrasebook, awkward, tmp_path):
    sentences = [text for pair in phrasebook for text in (pair.source, pair.target)]
    texts = list(dict.fromkeys(sentences[:10_000] + awkward))
    assert len(texts) >= 10_000
    for name, tokenizer in tokenizers.items():
        write_case(tmp_path, name, tokenizer, texts)
    said = npm("test", "--", "tokenizer", TOKENIZER_CASES=str(tmp_path))
    assert f"{2 * len(tokenizers)} passed" in said


@pytest.mark.needs_data
def test_tatoeba(npm, data_folder, awkward, tmp_path):
    lines = (data_folder / "tatoeba-en-es" / "train.tsv").read_text(encoding="utf-8").splitlines()
    columns = [line.split("\t")[:2] for line in random.Random(0).sample(lines, 30_000)]
    sources, targets = zip(*columns, strict=True)
    for name, texts in (("english", sources), ("spanish", targets)):
        tokenizer = Tokenizer.train(texts, TokenizerConfig(vocabulary_size=6000))
        write_case(tmp_path, name, tokenizer, [*texts[:10_000], *awkward])
    assert "4 passed" in npm("test", "--", "tokenizer", TOKENIZER_CASES=str(tmp_path))
