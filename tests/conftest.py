"""What every test folder shares: TensorFlow kept quiet, the data folder, and skips that fail in CI."""

import functools
import os
import random
from pathlib import Path

import pytest

# Before anything imports TensorFlow.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

DATA = Path(os.environ.get("KERAS_S2S_DATA") or Path(__file__).parents[2] / "shared" / "data")
NO_DATA = f"no data folder at {DATA} (set KERAS_S2S_DATA)"


PHRASES = [
    ("let's go", "vamos"),
    ("to go", "ir"),
    ("let's eat", "comamos"),
    ("to eat", "comer"),
    ("let's sleep now", "durmamos ahora"),
    ("to sleep", "dormir"),
]


ARCHITECTURES = {
    "classic": {},
    "deep": {"layers": 3, "residual": True},
    "reversed": {"reverse_source": True},
    "shallow_decoder": {"layers": 3, "decoder_layers": 1},
    "deep_decoder": {"layers": 1, "decoder_layers": 3, "residual": True},
    "bidirectional": {"bidirectional": True},
    "dot": {"attention": "dot"},
    "general": {"attention": "general", "reverse_source": True},
    "additive": {"attention": "additive"},
    "window": {"attention": "additive", "attention_window": 1, "bidirectional": True},
    "tied": {"tie_embeddings": True, "embedding": 12},
    "everything": {
        "layers": 3,
        "decoder_layers": 2,
        "bidirectional": True,
        "residual": True,
        "attention": "general",
        "tie_embeddings": True,
        "word_dropout": 0.1,
    },
}
"""Options of ModelConfig by name: every one there is, alone and together."""


@pytest.fixture(params=ARCHITECTURES.values(), ids=ARCHITECTURES.keys())
def architecture(request):
    """Each set of model options in turn."""
    return request.param


# Between them they have every option but `dot`; the folder's other tests export the classic model, reversed.
EXPORTED_ALWAYS = ("general", "window", "everything")


@pytest.fixture(
    params=[
        pytest.param(options, id=name, marks=() if name in EXPORTED_ALWAYS else pytest.mark.slow)
        for name, options in ARCHITECTURES.items()
    ]
)
def exported_architecture(request):
    """Each set of model options in turn, for what takes long: most are slow tests, few go with the fast ones."""
    return request.param


@pytest.fixture(scope="session")
def phrases():
    """Six pairs, enough for word tokenisers."""
    from keras_s2s.data.corpus import Pair

    return [Pair(*phrase) for phrase in PHRASES]


@pytest.fixture(scope="session")
def make_model(phrases):
    """A function that builds a small word-to-word model with random weights; keywords go to its ModelConfig."""
    import keras

    from keras_s2s.config import ModelConfig, TokenizerConfig
    from keras_s2s.seq2seq import Seq2Seq

    def make_model(*, seed=1, spread=1.0, **options):
        keras.utils.set_random_seed(seed)
        words = TokenizerConfig(kind="word", vocabulary_size=50)
        small = {"units": 12, "embedding": 8, "max_source_length": 10, "max_target_length": 8, "dropout": 0.3}
        config = ModelConfig(source_tokenizer=words, target_tokenizer=words, **(small | options))
        model = Seq2Seq.from_pairs(phrases, config)
        # Fresh weights predict nearly the same for every source: spread them.
        model.set_weights([w * spread for w in model.get_weights()])
        return model

    return make_model


@pytest.fixture(scope="session")
def trained(make_model, phrases):
    """A model that knows the phrases; tests must not change it."""
    import keras

    model = make_model(units=32, embedding=16, dropout=0.0)
    model.compile(keras.optimizers.Adam(0.02), jit_compile=False)
    model.fit(model.batches(phrases, batch_tokens=64, buckets=1), epochs=80, verbose=0)
    return model


CONFIGS = sorted((Path(__file__).parents[1] / "configs").glob("*.toml"))
RECIPES = [path for path in CONFIGS if "start_from" not in path.read_text()]  # fine-tuning makes no other model


@pytest.fixture(params=[pytest.param(path, id=path.stem, marks=pytest.mark.xdist_group(path.stem)) for path in RECIPES])
def recipe(request):
    """Each file in `configs/` in turn; one process makes its exports for all tests."""
    return request.param


def _spelled(alphabet, write):
    """Made-up words, the same at each call, with what `write` makes of them."""
    draw = random.Random(0)
    words = dict.fromkeys("".join(draw.choices(alphabet, k=draw.randint(2, 9))) for _ in range(240))
    return [(word, write(word)) for word in words]


def _phrases():
    from keras_s2s.data.phrasebook import load_phrasebook

    short = [pair for pair in load_phrasebook().train if len(pair.source.split()) < 5]
    return [(pair.source, pair.target) for pair in short[::5][:240]]


STATES = dict.fromkeys("AELKMQR", "H") | dict.fromkeys("VIFYWTC", "E") | dict.fromkeys("GPDNSH", "C")
SMALL_DATA = {
    "tatoeba-en-es": _phrases,
    "protein-secondary-structure": lambda: _spelled(list(STATES), lambda chain: "".join(map(STATES.get, chain))),
    "cmudict": lambda: _spelled("abdeiklmnoprstu", lambda word: " ".join(word.upper())),
}
"""For each data set that a recipe names, some pairs of its kind that need no download."""


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """A function that gives the folder of a recipe's model, hardly trained, and of all its exports, made once.

    Model and search are the recipe's own, to the last unit, but for the vocabularies, which the few pairs limit.
    """
    import keras

    from keras_s2s import Pair, Seq2Seq, export_saved_model, export_tflite
    from keras_s2s.config import load_config
    from keras_s2s.model.losses import SmoothedCrossentropy

    @functools.cache
    def exported(recipe):
        config = load_config(recipe)
        sides = [side for side in ("source", "target") if getattr(config.model, f"{side}_tokenizer").kind == "unigram"]
        config = load_config(recipe, {f"model.{side}_tokenizer.vocabulary_size": 200 for side in sides})
        pairs = [Pair(*pair) for pair in SMALL_DATA[config.data.name]()]
        keras.utils.set_random_seed(0)
        model = Seq2Seq.from_pairs(pairs, config.model, search=config.search)
        loss = SmoothedCrossentropy(config.training.label_smoothing)
        model.compile(keras.optimizers.Adam(5e-3, global_clipnorm=1.0), loss, jit_compile=False)
        model.fit(model.batches(pairs, batch_tokens=600, buckets=1), epochs=3, verbose=0)
        folder = tmp_path_factory.mktemp(recipe.stem)
        model.save(folder / "model.keras")
        samples = [pair.source for pair in pairs[:40]]
        export_saved_model(model, folder / "saved_model", samples=samples)
        for weights, quantize in {"float32": None, "float16": "float16", "int8": "int8"}.items():
            export_tflite(model, folder / f"{recipe.stem}_{weights}.tflite", quantize=quantize, samples=samples)
        return folder

    return exported


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder with `tatoeba-en-es` and the like; only for tests marked `needs_data`."""
    return DATA


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what is marked `needs_data` where the folder is missing."""
    if not DATA.is_dir():
        for item in items:
            if item.get_closest_marker("needs_data"):
                item.add_marker(pytest.mark.skip(reason=NO_DATA))


def _fail_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Make a skip a failure in CI, which installs everything: what cannot run there is not tested at all.

    The one skip that passes is ours above, because the data folder does not travel with a clone.
    """
    in_ci = os.environ.get("CI", "").lower() in ("1", "true")
    if not in_ci or not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if reason.removeprefix("Skipped: ") == NO_DATA:
        return
    report.outcome = "failed"
    report.longrepr = f"a skip is a failure in CI: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    _fail_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    report = yield
    _fail_skip(report)
    return report


def pytest_terminal_summary(terminalreporter) -> None:
    """Say plainly how much went untested for want of the data folder."""
    skipped = [r for r in terminalreporter.stats.get("skipped", ()) if NO_DATA in str(r.longrepr)]
    if skipped:
        terminalreporter.write_line(f"{len(skipped)} tests did not run: {NO_DATA}", yellow=True)
