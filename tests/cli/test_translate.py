import contextlib
import io
import os
import pty
import subprocess
import sys
from dataclasses import replace

import pytest
from rich.text import Text

from keras_s2s.cli import model_option
from keras_s2s.cli.search_options import choose_search
from keras_s2s.config import SearchConfig

COMMAND = [sys.executable, "-m", "keras_s2s.cli.main", "translate"]


def in_fresh_process(*arguments, **options):
    """Run a command as a user does, whose environment says nothing of TensorFlow's log."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    return subprocess.run(arguments, env=environment, capture_output=True, encoding="utf-8", check=False, **options)


def test_arguments(invoke, model):
    assert invoke("translate", "hello", "¿qué?").stdout == "HELLO\n¿QUÉ?\n"
    assert model.calls == [(["hello", "¿qué?"], SearchConfig())]


def test_a_file_keeps_its_lines(invoke, model, tmp_path):
    path = tmp_path / "in.txt"
    path.write_bytes("\ufeffone\r\n\ntwo\u2028more\nlast".encode())
    assert invoke("translate", "--input", path).stdout == "ONE\n\nTWO\u2028MORE\nLAST\n"


def test_a_pipe_is_translated_batch_by_batch(invoke, model):
    result = invoke("translate", "--batch-size", 2, input="a\nb\nc\n")
    assert result.stdout == "A\nB\nC\n"
    assert [texts for texts, _ in model.calls] == [["a", "b"], ["c"]]
    assert invoke("translate", "-i", "-", input="d\n").stdout == "D\n"


def test_n_best(invoke, model):
    assert invoke("translate", "--n-best", 2, "a", "b").stdout == (
        "-0.0000\tA0\n-0.5000\tA1\n\n-0.0000\tB0\n-0.5000\tB1\n\n"
    )
    assert model.calls[-1][1].method == "beam"  # greedy has one answer
    invoke("translate", "--n-best", 2, "--max-length", 5, "a")
    assert (model.calls[-1][1].method, model.calls[-1][1].max_length) == ("beam", 5)
    invoke("translate", "--n-best", 2, "--beam", 3, "a")
    assert model.calls[-1][1] == SearchConfig(method="beam", beam_size=3)


def test_search_options(invoke, model):
    invoke("translate", "a", "--beam", 5, "--length-penalty", 0.6, "--max-length", 9)
    assert model.calls[-1][1] == SearchConfig(method="beam", beam_size=5, length_penalty=0.6, max_length=9)
    invoke("translate", "a", "--beam", 2, "--coverage-penalty", 0.2, "--no-repeat-ngram", 3)
    assert model.calls[-1][1] == SearchConfig(method="beam", beam_size=2, coverage_penalty=0.2, no_repeat_ngram=3)
    invoke("translate", "a", "--copy-unknown")
    assert model.calls[-1][1] == SearchConfig(copy_unknown=True)
    options = ("--sample", "--temperature", 0.7, "--top-k", 5, "--top-p", 0.9, "--seed", 3)
    invoke("translate", "a", *options)
    assert model.calls[-1][1] == SearchConfig(method="sample", temperature=0.7, top_k=5, top_p=0.9, seed=3)


def test_each_text_of_a_pipe_has_its_own_place(invoke, model):
    invoke("translate", "--sample", "--batch-size", 2, input="a\nb\nc\nd\ne\n")
    invoke("translate", "--sample", "--n-best", 2, "--batch-size", 2, input="a\nb\nc\n")
    assert model.places == [0, 2, 4, 0, 2]


def test_the_models_own_search_is_the_default():
    own = SearchConfig(method="beam", beam_size=7, length_penalty=0.8)
    assert choose_search(own) == own
    assert choose_search(own, length_penalty=0.5).length_penalty == 0.5
    copying = replace(own, copy_unknown=True)
    assert choose_search(copying) == copying
    assert choose_search(copying, copy_unknown=False) == own
    assert choose_search(own, beam=1) == SearchConfig(method="beam", beam_size=1, length_penalty=0.8)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--beam", 2, "--sample"), "exclude each other"),
        (("--top-k", 2), "--top-k needs --sample"),
        (("--length-penalty", 1), "--length-penalty needs --beam"),
        (("--coverage-penalty", 1), "--coverage-penalty needs --beam"),
        (("--sample", "--top-p", 3), "search: top_p"),
        (("--input", "x"), "exclude each other"),
    ],
)
def test_options_that_make_no_sense(fail, model, options, message):
    line, code = fail("translate", "hello", *options)
    assert message in line
    assert code == 1


def test_a_missing_input(fail, model, tmp_path):
    assert fail("translate", "-i", tmp_path / "none")[0] == f"{tmp_path / 'none'}: no such file"


def test_text_that_is_not_utf8(fail, model, tmp_path):
    path = tmp_path / "latin1.txt"
    path.write_bytes("uno\nseñor\n".encode("latin-1"))
    line, _ = fail("translate", "--input", path)
    assert line.startswith(f"{path}:2: not UTF-8")


def test_a_missing_model_is_said_before_tensorflow_loads(fail, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KERAS_S2S_MODEL", raising=False)
    monkeypatch.setattr(model_option, "SHIPPED_MODELS", ())
    assert fail("translate", "hello")[0].startswith("no model: name one with --model")
    assert fail("translate", "hello", "-m", "x.keras")[0] == "x.keras: no such model file"


def test_a_folder_of_models_is_none(fail, tmp_path):
    for name in ("a.tflite", "b.keras", "c.txt"):
        (tmp_path / name).touch()
    (message,) = fail("translate", "hello", "-m", tmp_path)[:1]
    assert message.endswith("no such model file; it is a folder: name a file in it, a.tflite or b.keras")


def test_the_best_shipped_model_is_the_default(fail, tmp_path, monkeypatch):
    monkeypatch.delenv("KERAS_S2S_MODEL", raising=False)
    best, small = paths = (tmp_path / "en_es.tflite", tmp_path / "tiny_en_es.tflite")
    monkeypatch.setattr(model_option, "SHIPPED_MODELS", paths)
    for path in (small, best):
        path.write_bytes(b"not a model")
        assert fail("translate", "hello")[0].startswith(f"{path}: ")
    assert "en_es.tflite was chosen when it was exported" in fail("translate", "--beam", 3, "hello")[0]


def test_a_conversation(invoke, model, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    asked = iter(["hello", "  ", "bye"])

    def answer(prompt):
        try:
            return next(asked)
        except StopIteration:
            raise EOFError from None

    monkeypatch.setattr("builtins.input", answer)
    monkeypatch.setattr("keras_s2s.cli.translate.sys.stdin", Terminal())
    from keras_s2s.cli.translate import translate

    translate()
    assert [texts for texts, _ in model.calls] == [["hello"], ["bye"]]


@pytest.fixture
def predictor(model):
    """A model whose answers are as long as its sources."""
    model.search = SearchConfig(match_length=True)
    model.answers = {"mktay": "CHHEE", "ac": "CC", "odd": "C"}
    return model


DRAWN = """\
1 mktay 5
  ─∿∿═►
  CHHEE

∿ helix 40% · ═► strand 40% · ─ coil 20%

"""


def test_piped_labels_are_one_line_each(invoke, predictor, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert invoke("translate", "mktay", "ac").stdout == "CHHEE\nCC\n"


def test_labels_are_drawn_when_asked(invoke, predictor):
    assert invoke("translate", "--draw", "mktay").stdout == DRAWN
    assert invoke("translate", "--draw", "odd").stdout == "C\n\n"  # not one label for each letter
    assert invoke("translate", "--no-draw", "mktay").stdout == "CHHEE\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [(("--draw",), "--draw: this model's search does not"), (("--draw", "--n-best", 2), "exclude each other")],
)
def test_what_cannot_be_drawn(fail, model, options, message):
    assert message in fail("translate", "mktay", *options)[0]


@pytest.fixture(scope="module")
def tiny_model(tmp_path_factory):
    """An untrained model in a file: what it says is noise, but it says it."""
    from keras_s2s import ModelConfig, Pair, Seq2Seq, TokenizerConfig

    side = TokenizerConfig(kind="char", vocabulary_size=64)
    config = ModelConfig(
        source_tokenizer=side,
        target_tokenizer=side,
        embedding=8,
        units=8,
        max_source_length=16,
        max_target_length=8,
    )
    model = Seq2Seq.from_pairs([Pair("hello there ñ", "hola año"), Pair("abc", "xyz")], config)
    path = tmp_path_factory.mktemp("model") / "tiny.keras"
    model.save(path)
    return path


def test_a_real_model_in_a_pipe(tiny_model):
    text = "hello\n\nabc\n"
    piped = in_fresh_process(*COMMAND, "--model", tiny_model, input=text)
    assert piped.stderr == ""
    lines = piped.stdout.split("\n")
    assert len(lines) == 4
    assert lines[1] == ""


def test_labels_are_drawn_on_a_terminal(tmp_path):
    from keras_s2s import ModelConfig, Pair, Seq2Seq, TokenizerConfig

    side = TokenizerConfig(kind="char", vocabulary_size=64)
    config = ModelConfig(source_tokenizer=side, target_tokenizer=side, embedding=4, units=4, layers=1)
    model = Seq2Seq.from_pairs([Pair("MKTAY", "CHHEE")], config, search=SearchConfig(match_length=True))
    model.save(tmp_path / "tiny.keras")
    (expected,) = model.translate(["MKTAY"])
    ours, terminal = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80"}
    command = [*COMMAND, "-m", tmp_path / "tiny.keras", "MKTAY"]
    process = subprocess.Popen(command, env=environment, stdout=terminal, stderr=subprocess.DEVNULL, stdin=terminal)
    os.close(terminal)
    shown = b""
    with contextlib.suppress(OSError):  # how Linux ends a terminal that nobody holds any more
        while part := os.read(ours, 1024):
            shown += part
    os.close(ours)
    assert process.wait() == 0
    lines = Text.from_ansi(shown.decode().replace("\r\n", "\n")).plain.split("\n")
    assert lines[0] == "1 MKTAY 5"
    assert lines[2] == f"  {expected}"


def test_samples_do_not_depend_on_the_batch_and_do_not_repeat(tiny_model, capsys):
    from keras_s2s.cli.main import run

    def sample(*options):
        with pytest.raises(SystemExit) as stop:
            run(["translate", "--model", str(tiny_model), "--sample", *options, *["hello"] * 9])
        assert stop.value.code == 0
        return capsys.readouterr().out.splitlines()

    first = sample("--batch-size", "3")
    assert first == sample("--batch-size", "4") == sample()
    assert first[:3] != first[3:6]


def test_a_reader_that_leaves_early_is_no_error(tiny_model):
    command = f"yes hello | head -n 3000 | {' '.join(map(str, COMMAND))} --model {tiny_model} | head -n 1"
    result = in_fresh_process("bash", "-c", command)
    assert result.stdout.count("\n") == 1
    assert result.stderr == ""


def test_a_long_source_is_a_warning_of_one_line(tiny_model):
    result = in_fresh_process(*COMMAND, "-m", tiny_model, "hello " * 20)
    assert result.returncode == 0
    assert result.stderr.startswith("warning: the source has ")
    assert result.stderr.count("\n") == 1


def test_a_damaged_model_is_one_line(tiny_model, tmp_path, fail):
    damaged = tmp_path / "damaged.keras"
    damaged.write_bytes(tiny_model.read_bytes()[:2000])
    line, code = fail("translate", "hello", "--model", damaged)
    assert str(damaged) in line
    assert code == 1
