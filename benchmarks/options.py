"""Options that this library does not have, tried on the recipe with attention: what they would be worth.

    python benchmarks/options.py scheduled_sampling --data FOLDER --output runs/scheduled
    python benchmarks/options.py subword_sampling --data FOLDER --output runs/subword
    python benchmarks/options.py subword_sampling --sides source --data FOLDER --output runs/subword_source
    python benchmarks/options.py layer_normalization --recipe benchmarks/low_resource.toml --output runs/normalized
    python benchmarks/options.py recurrent_dropout --recipe benchmarks/low_resource.toml --output runs/recurrent
    python benchmarks/options.py ensemble --data FOLDER --models runs/seed0/model.keras runs/seed1/model.keras

What came out, and why they were not taken in, stands in benchmarks/QUALITY.md. All but the last train `--recipe` for
`--epochs` epochs, its learning rate brought down over as many, and put what they try in the place of parts of network
and trainer; a run that was killed goes on when the same command is given again.

- Scheduled sampling (Bengio et al. 2015, https://arxiv.org/abs/1506.03099): a share of the tokens that the decoder
  reads, rising to `SHARE` over the first two epochs, are those that the model itself holds likeliest there, by a first
  pass with the right ones.
- Sampling of subwords (Kudo 2018, https://aclanthology.org/P18-1007): each pair is there `COPIES` times, every time in
  pieces drawn by the unigram model with its probabilities to the power of `ALPHA`; an epoch takes a pass over as many
  pairs as there are.
- Layer normalisation (Ba, Kiros & Hinton 2016, https://arxiv.org/abs/1607.06450, equations 20 to 22): what the gates of
  an LSTM get from below and from their own past are normalised apart, and the cell state on its way out.
- Recurrent dropout (Gal & Ghahramani 2016, https://arxiv.org/abs/1512.05287): `RECURRENT` of the hidden units are
  left out of what the gates get from the past, the same ones at every step.
- An ensemble searches with the mean of several models' probabilities; they have one pair of tokenisers.

Prints BLEU and chrF2 on `valid`, and on the test split where `--devtest` is given, once the choices are made.
"""

import argparse
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any
from unittest import mock

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import tensorflow as tf

from keras_s2s.config import ModelConfig, load_config
from keras_s2s.data.batches import Batches
from keras_s2s.data.corpus import Pair
from keras_s2s.data.id_cache import IdCache
from keras_s2s.data.tokenizer import EOS, PAD, Tokenizer
from keras_s2s.decoding import inference, lstm, search
from keras_s2s.decoding.attention import Memory
from keras_s2s.decoding.inference import Prediction, encode, inference_weights, step
from keras_s2s.decoding.lstm import State, Weights, open_gates, state_names
from keras_s2s.decoding.runtime import search_all
from keras_s2s.evaluation.metrics import bleu, chrf
from keras_s2s.seq2seq import Seq2Seq, load
from keras_s2s.training import trainer
from keras_s2s.training.data import open_splits

RECIPE = Path(__file__).parents[1] / "configs" / "attention.toml"
SHARE, RAMP = 0.25, 2760  # steps: two epochs
COPIES, ALPHA = 5, 0.2
RECURRENT = 0.2
BATCH = 128


@contextmanager
def scheduled_sampling() -> Iterator[None]:
    """Train with tokens of the model's own among those that the decoder reads."""

    def train_step(self: Seq2Seq, data: Any) -> Any:
        inputs, labels, weights = data
        right = inputs["target"]
        likeliest = tf.argmax(self(inputs, training=True), -1, output_type=tf.int32)
        own = tf.concat([right[:, :1], likeliest[:, :-1]], axis=1)  # at the place where it would be read
        share = SHARE * tf.minimum(1.0, tf.cast(self.optimizer.iterations, tf.float32) / RAMP)
        replaced = (tf.random.uniform(tf.shape(right)) < share) & (right != EOS) & (right != PAD) & (own != EOS)
        mixed = tf.where(replaced, tf.stop_gradient(own), right)
        return keras.Model.train_step(self, ({"source": inputs["source"], "target": mixed}, labels, weights))

    with mock.patch.object(Seq2Seq, "train_step", train_step, create=True):
        yield


@contextmanager
def subword_sampling(sides: Sequence[str]) -> Iterator[None]:
    """Train on each pair several times, in other pieces each time."""
    build, plain = IdCache.build.__func__, Tokenizer.encode  # type: ignore[attr-defined]

    def sampled(tokenizer: Tokenizer, texts: Sequence[str]) -> list[list[int]]:
        draw = {"enable_sampling": True, "alpha": ALPHA, "nbest_size": -1}
        return [[*row, EOS] for row in tokenizer._processor.Encode(list(texts), out_type=int, **draw)]

    def several_times(
        cls: Any, pairs: Any, source: Tokenizer, target: Tokenizer, config: ModelConfig, folder: Path, **o: Any
    ) -> IdCache:
        if folder.name != "train":
            return build(cls, pairs, source, target, config, folder, **o)
        drawn = [tokenizer for side, tokenizer in (("source", source), ("target", target)) if side in sides]

        def encode(self: Tokenizer, texts: Sequence[str], limit: int | None = None) -> list[list[int]]:
            return sampled(self, texts) if self in drawn else plain(self, texts, limit)

        with mock.patch.object(Tokenizer, "encode", encode):
            return build(cls, chain(*[pairs] * COPIES), source, target, config, folder, **o)

    def of_one_pass(cache: IdCache, **options: Any) -> Batches:
        batches = Batches(cache, **options)
        if not options.get("shuffle", True):
            return batches
        return Batches(cache, **options | {"steps_per_epoch": batches.steps_per_pass // COPIES})

    with (
        mock.patch.object(IdCache, "build", classmethod(several_times)),
        mock.patch.object(trainer, "Batches", of_one_pass),
    ):
        yield


def normalized(x: Any, scale: Any) -> Any:
    """Return `x` with a mean of zero and a variance of one over the last axis, times `scale`."""
    x = x - keras.ops.mean(x, axis=-1, keepdims=True)
    return x * keras.ops.rsqrt(keras.ops.mean(keras.ops.square(x), axis=-1, keepdims=True) + 1e-5) * scale


@keras.saving.register_keras_serializable("options")
class NormalizedLSTMCell(keras.layers.LSTMCell):
    """An LSTM cell with layer normalisation."""

    def build(self, input_shape: Any) -> None:
        """Make the weights."""
        super().build(input_shape)
        self.input_scale = self.add_weight((4 * self.units,), "ones", name="input_scale")
        self.recurrent_scale = self.add_weight((4 * self.units,), "ones", name="recurrent_scale")
        self.cell_scale = self.add_weight((self.units,), "ones", name="cell_scale")
        self.cell_offset = self.add_weight((self.units,), "zeros", name="cell_offset")

    def call(self, inputs: Any, states: Any, training: bool = False) -> Any:
        """Run one step."""
        weights = {f"layer/{weight.name}": weight for weight in self.weights}
        state = dict(zip(state_names(1), states, strict=True))
        fed = normalized_feed(weights, "layer", inputs)
        output, following = normalized_stack_step(weights, ["layer"], fed, state, residual=False)
        return output, list(following.values())


def normalized_feed(weights: Weights, layer: str, inputs: Any) -> Any:
    """Do as `lstm.feed` does, with normalisation."""
    fed = normalized(keras.ops.matmul(inputs, weights[f"{layer}/kernel"]), weights[f"{layer}/input_scale"])
    return fed + weights[f"{layer}/bias"]


def normalized_stack_step(
    weights: Weights, layers: Sequence[str], fed: Any, state: State, residual: bool
) -> tuple[Any, State]:
    """Do as `lstm.stack_step` does, with normalisation."""
    following: State = {}
    output: Any = None
    for number, layer in enumerate(layers, start=1):
        hidden, cell = state_names(number)
        own = {name: weights[f"{layer}/{name}"] for name in ("recurrent_kernel", "recurrent_scale", "cell_scale")}
        if number > 1:
            fed = normalized_feed(weights, layer, output)
        past = normalized(keras.ops.matmul(state[hidden], own["recurrent_kernel"]), own["recurrent_scale"])
        gates = open_gates(fed + past)
        memory = gates.forget * state[cell] + gates.input * gates.candidate
        shown = normalized(memory, own["cell_scale"]) + weights[f"{layer}/cell_offset"]
        following |= {hidden: gates.output * keras.ops.tanh(shown), cell: memory}
        output = following[hidden] + output if residual and number > 1 else following[hidden]
    return output, following


@contextmanager
def layer_normalization() -> Iterator[None]:
    """Build, train and decode with normalised LSTM layers."""

    def layer(units: int, *, kernel_initializer: Any, **options: Any) -> keras.layers.RNN:
        return keras.layers.RNN(NormalizedLSTMCell(units, kernel_initializer=kernel_initializer), **options)

    steps = {"feed": normalized_feed, "stack_step": normalized_stack_step}
    with (
        mock.patch.object(keras.layers, "LSTM", layer),
        mock.patch.multiple(lstm, **steps),
        mock.patch.multiple(inference, **steps),
    ):
        yield


@contextmanager
def recurrent_dropout() -> Iterator[None]:
    """Train with recurrent dropout; answers need nothing new."""
    with mock.patch.object(keras.layers, "LSTM", partial(keras.layers.LSTM, recurrent_dropout=RECURRENT)):
        yield


TRIED: dict[str, Callable[..., AbstractContextManager[None]]] = {
    tried.__name__: tried for tried in (scheduled_sampling, subword_sampling, layer_normalization, recurrent_dropout)
}


def ensemble(models: Sequence[Seq2Seq]) -> Callable[[list[str]], list[str]]:
    """Return a translator that searches with the mean of the models' probabilities."""
    first = models[0]
    if any(model.get_config()["target_tokenizer"] != first.get_config()["target_tokenizer"] for model in models):
        raise SystemExit("the models write in different pieces: train them with the same tokenisers, and other seeds")

    def join(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
        return {f"{i}/{name}": value for i, part in enumerate(parts) for name, value in part.items()}

    def divide(whole: dict[str, Any]) -> list[dict[str, Any]]:
        prefixes = [f"{i}/" for i in range(len(models))]
        return [{name.removeprefix(p): v for name, v in whole.items() if name.startswith(p)} for p in prefixes]

    def encode_all(weights: Weights, source: Any, length: Any, config: ModelConfig) -> tuple[State, Memory]:
        states, memories = zip(*(encode(own, source, length, config) for own in divide(weights)), strict=True)
        return join(states), join(memories)

    def step_all(
        weights: Weights, token: Any, state: State, memory: Memory, config: ModelConfig, *, beams: int = 1
    ) -> Prediction:
        parts = zip(divide(weights), divide(state), divide(memory), strict=True)
        steps = [step(own, token, before, read, config, beams=beams) for own, before, read in parts]
        log_probs = [keras.ops.log_softmax(each.logits) for each in steps]
        return Prediction(keras.ops.logsumexp(keras.ops.stack(log_probs), axis=0), join([s.state for s in steps]))

    # What the runtime looks at beside the search are the vocabularies.
    sizes = {f"{side}_embedding/embeddings" for side in ("encoder", "decoder")}
    own = [inference_weights(model) for model in models]
    weights = join(own) | {name: own[0][name] for name in sizes}

    def translate(texts: list[str]) -> list[str]:
        rows = first.source_tokenizer.encode(texts, first.config.max_source_length)
        with mock.patch.object(search, "encode", encode_all), mock.patch.object(search, "step", step_all):
            found = dict(search_all(weights, rows, first.config, first.search, BATCH))
        return first.target_tokenizer.decode([found[i][0][0] for i in range(len(rows))])

    return translate


def report(name: str, translate: Callable[[list[str]], list[str]], pairs: Sequence[Pair]) -> None:
    """Print the figures of a split."""
    outputs = translate([pair.source for pair in pairs])
    references = [(pair.target,) for pair in pairs]
    figures = bleu(outputs, references), chrf(outputs, references)
    print(f"{name}: {len(pairs):,} sentences, BLEU {figures[0].score:.2f}, chrF2 {figures[1].score:.2f}", flush=True)


def main() -> None:
    """Try one option."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("option", choices=(*TRIED, "ensemble"))
    parser.add_argument("--recipe", type=Path, default=RECIPE)
    parser.add_argument("--data", type=Path, help="the folder of tatoeba-en-es")
    parser.add_argument("--output", type=Path, help="the run's folder")
    parser.add_argument("--epochs", type=int, help="left out: 5, or those of another recipe")
    parser.add_argument("--sides", nargs="+", choices=("source", "target"), default=("source", "target"))
    parser.add_argument("--models", type=Path, nargs="+", help="the models of an ensemble")
    parser.add_argument("--devtest", action="store_true", help="score the test split too")
    arguments = parser.parse_args()
    if (needed := "models" if arguments.option == "ensemble" else "output") and not getattr(arguments, needed):
        parser.error(f"{arguments.option} needs --{needed}")

    epochs = arguments.epochs or (5 if arguments.recipe == RECIPE else load_config(arguments.recipe).training.epochs)
    config = load_config(arguments.recipe, {"training.epochs": epochs, "training.tensorboard": False})
    if arguments.option == "ensemble":
        translate = ensemble([load(path, compile=False) for path in arguments.models])
    else:
        own = {"sides": arguments.sides} if arguments.option == "subword_sampling" else {}
        began = time.perf_counter()
        with TRIED[arguments.option](**own):
            model = trainer.train(config, arguments.output, data_folder=arguments.data)
        print(f"{(time.perf_counter() - began) / 60:.1f} minutes, with validation")
        translate = model.translate
    splits = open_splits(config.data, arguments.data)
    report("valid", translate, list(splits.valid))
    if arguments.devtest:
        report("devtest", translate, list(splits.test))


if __name__ == "__main__":
    main()
