"""`Seq2Seq`: the encoder-decoder as one Keras model with its tokenisers inside."""

import base64
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import keras

from keras_s2s.config import ModelConfig, SearchConfig, from_dict, to_dict
from keras_s2s.data.batches import Batches
from keras_s2s.data.corpus import Pair
from keras_s2s.data.tokenizer import EOS, Tokenizer
from keras_s2s.decoding import alignment, scoring
from keras_s2s.decoding.inference import inference_weights
from keras_s2s.decoding.runtime import search_all
from keras_s2s.decoding.search import require_fitting
from keras_s2s.kept_memory import kept_memory
from keras_s2s.model.losses import Perplexity, SmoothedCrossentropy, TokenAccuracy
from keras_s2s.model.network import build_network
from keras_s2s.text_ids import prefix_ids, source_ids, source_surfaces, target_ids
from keras_s2s.translation import Alignment, Hypothesis, require_n, require_texts
from keras_s2s.whole_file import replacing


@keras.saving.register_keras_serializable("keras_s2s")
class Seq2Seq(keras.Model):
    """The LSTM encoder-decoder (Sutskever, Vinyals & Le 2014, https://arxiv.org/abs/1409.3215).

    A functional Keras model from source ids and the decoder's input ids to logits, which `fit` trains; `translate`
    decodes step by step over the same weights.

    Examples:
        >>> model = Seq2Seq.from_pairs(pairs.train, ModelConfig(units=256, layers=2))  # doctest: +SKIP
        >>> model.compile()  # doctest: +SKIP
        >>> model.fit(model.batches(pairs.train), epochs=10)  # doctest: +SKIP
        >>> model.translate(["Let's go!"])  # doctest: +SKIP
        ['¡Vamos!']

    Attributes:
        config: Sizes and options.
        source_tokenizer: Source text to ids.
        target_tokenizer: Ids to target text.
        search: How `translate` and every export search where nothing else is said.
    """

    jit_compile: bool  # a property of Keras, which has no types
    _may_turn_on_xla = False

    def __init__(
        self,
        config: ModelConfig,
        source_tokenizer: Tokenizer,
        target_tokenizer: Tokenizer,
        *,
        search: SearchConfig | None = None,
        **options: Any,
    ) -> None:
        """Build the training graph with fresh weights.

        Raises:
            ValueError: The search asks for what such a model lacks.
        """
        search = search or SearchConfig()
        require_fitting(config, search)  # before hours of training, not after them
        inputs, outputs = build_network(config, len(source_tokenizer), len(target_tokenizer))
        super().__init__(inputs=inputs, outputs=outputs, **options)
        self.config = config
        self.source_tokenizer = source_tokenizer
        self.target_tokenizer = target_tokenizer
        self.search = search

    @classmethod
    def from_pairs(cls, pairs: Iterable[Pair], config: ModelConfig | None = None, **options: Any) -> Self:
        """Learn both tokenisers from the training pairs, which are read twice, and build a model.

        Raises:
            ValueError: The text is too little for the tokenisers' vocabularies, or the pairs can be read only once.
        """
        if iter(pairs) is pairs:
            raise ValueError("expected pairs that can be read twice, got an iterator: pass list(pairs)")
        config = config or ModelConfig()
        source_tokenizer = Tokenizer.train((pair[0] for pair in pairs), config.source_tokenizer)
        target_tokenizer = Tokenizer.train((pair[1] for pair in pairs), config.target_tokenizer)
        return cls(config, source_tokenizer, target_tokenizer, **options)

    def compile(self, optimizer: Any = None, loss: Any = None, *, weighted_metrics: Any = None, **options: Any) -> None:
        """Configure training: `keras.Model.compile` with defaults that suit this model.

        Left out, the optimiser is Adam at 0.004 with the gradient's global norm bounded by 1, the loss label-smoothed
        cross-entropy, the metrics token accuracy and perplexity. Padding counts in none of them: `weighted_metrics`,
        not `metrics`, are told what is padding. On a CPU, where Keras by itself leaves XLA out, `jit_compile` left out
        turns it on as soon as a `fit` on `batches` has enough steps to be the faster for it.
        """
        super().compile(
            optimizer=optimizer or keras.optimizers.Adam(4e-3, global_clipnorm=1.0),
            loss=loss or SmoothedCrossentropy(0.1),
            weighted_metrics=[TokenAccuracy(), Perplexity()] if weighted_metrics is None else weighted_metrics,
            **options,
        )
        self._may_turn_on_xla = (
            keras.backend.backend() == "tensorflow"
            and options.get("jit_compile", "auto") == "auto"
            and not (self.jit_compile or self.run_eagerly)
        )

    def fit(self, x: Any = None, *arguments: Any, **options: Any) -> keras.callbacks.History:
        """Train: `keras.Model.fit`, with memory kept from step to step, and on a CPU with XLA where that is faster."""
        epochs = options.get("epochs", 1) - options.get("initial_epoch", 0)
        if self._may_turn_on_xla and isinstance(x, Batches) and x.worth_compiling(epochs):
            self._turn_on_xla()
        with kept_memory():
            return super().fit(x, *arguments, **options)

    def _turn_on_xla(self) -> None:
        """Compile steps from now on, unless they run on several devices, or deterministically, which XLA does not."""
        self._may_turn_on_xla = False
        if self.distribute_strategy.num_replicas_in_sync > 1:
            return
        with warnings.catch_warnings(action="ignore"):
            self.jit_compile = True
        self.train_function = self.test_function = None  # what earlier calls traced

    def get_compile_config(self) -> dict[str, Any] | None:
        """Return the arguments of `compile`, defaults filled in."""
        config: dict[str, Any] | None = super().get_compile_config()
        return config

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile as the saved model was."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.optimizer is not None and self.built:
            self.optimizer.build(self.trainable_variables)

    def batches(self, pairs: Iterable[Pair], **options: Any) -> Batches:
        """Return batches of pairs for `fit` and `evaluate`; for the options see `Batches`."""
        return Batches.from_pairs(pairs, self.source_tokenizer, self.target_tokenizer, self.config, **options)

    def translate(
        self,
        texts: Sequence[str],
        search: SearchConfig | None = None,
        *,
        batch_size: int = 128,
        prefixes: Sequence[str] | None = None,
        place: int = 0,
    ) -> list[str]:
        """Return the best output of each text.

        Args:
            texts: Source texts. A text with no tokens, such as `""`, gives `""`.
            search: Which search; left out, the model's own.
            batch_size: Texts decoded at once; it changes the speed, not the answers.
            prefixes: The beginning of each output, from which decoding goes on; `""` leaves it free. Its tokens are
                those of the text alone, so that a beginning that ends within a word may have no good continuation.
            place: How many texts came before these, where a long list is given in parts: sampling draws for each text
                by its place among all.

        Raises:
            ValueError: A text is longer than the model's limit and `config.overlong` is `error`; or there are not as
                many prefixes as texts, or one is longer than an output may be, or has an unknown character.
        """
        texts, search = require_texts(texts), search or self.search
        if search.method == "sample":
            search = replace(search, beam_size=1)  # the first draw is the answer: make no others
        best = [hypotheses[0] for hypotheses in self._search(texts, search, batch_size, prefixes, place)]
        surfaces = source_surfaces(self.source_tokenizer, texts, self.config, search)
        return self.target_tokenizer.decode([tokens for tokens, _ in best], surfaces)

    def n_best(
        self,
        texts: Sequence[str],
        n: int | None = None,
        search: SearchConfig | None = None,
        *,
        batch_size: int = 32,
        prefixes: Sequence[str] | None = None,
        place: int = 0,
    ) -> list[list[Hypothesis]]:
        """Return up to `n` hypotheses of each text, best first.

        Args:
            texts: Source texts.
            n: Hypotheses wanted; left out, as many as the search keeps.
            search: Which search; left out, the model's own if that is no greedy one, else a beam search.
            batch_size: Texts decoded at once.
            prefixes: The beginning of each text's outputs, as in `translate`.
            place: How many texts came before these, as in `translate`.

        Raises:
            ValueError: `n` is less than 1, or as for `translate`.
        """
        require_n(n)
        texts = require_texts(texts)
        if search is None:
            search = self.search if self.search.method != "greedy" else replace(self.search, method="beam")
        if n is not None and n > search.beam_size:
            search = replace(search, beam_size=n)
        found = self._search(texts, search, batch_size, prefixes, place)
        if search.method == "sample":  # the draws come in the order of their noise
            found = [sorted(draws, key=lambda draw: draw[1], reverse=True) for draws in found]
        copied = source_surfaces(self.source_tokenizer, texts, self.config, search)
        return [
            [self._hypothesis(surfaces, *hypothesis) for hypothesis in hypotheses[:n]]
            for surfaces, hypotheses in zip(copied, found, strict=True)
        ]

    def _hypothesis(self, surfaces: Sequence[str], tokens: list[int], log_prob: float) -> Hypothesis:
        tokenizer = self.target_tokenizer
        return Hypothesis(tokenizer.decode([tokens], [surfaces])[0], tokenizer.pieces(tokens, surfaces), log_prob)

    def score(self, sources: Sequence[str], targets: Sequence[str]) -> list[float]:
        """Return the log-probability of each target, given its source (forced scoring).

        It is what `n_best` gives as `log_prob` to a hypothesis of these tokens: the natural logarithm of the
        probability of the target's tokens followed by `<EOS>`, by the model alone, whatever its search may not write;
        a target of `max_target_length` tokens counts without `<EOS>`, as a search ends it there. (Where the search has
        a shorter `max_length` or sets the length by `match_length`, `n_best` counts otherwise.) A source with no
        tokens has the output `""` alone: 0, and minus infinity for any other.

        Args:
            sources: Source texts.
            targets: A target text for each.

        Raises:
            ValueError: There are not as many targets as sources, or one is longer than the model's limit.
        """
        pairs = self._pairs(sources, targets)
        found = scoring.score(inference_weights(self), pairs, self.config)
        for place, (source, target) in enumerate(pairs):
            if len(source) == 1:
                found[place] = 0.0 if target == [EOS] else float("-inf")
        return found

    def align(self, sources: Sequence[str], targets: Sequence[str]) -> list[Alignment]:
        """Return where the decoder looks in each source as it writes the target: an alignment of the two, by attention.

        Args:
            sources: Source texts.
            targets: A target text for each.

        Raises:
            ValueError: The model has no attention, there are not as many targets as sources, or one is longer than the
                model's limit.
        """
        pairs = self._pairs(sources, targets)
        found = alignment.align(inference_weights(self), pairs, self.config)
        return [
            Alignment(
                (*self.source_tokenizer.pieces(source), "<EOS>"),
                self.target_tokenizer.pieces(target) + ("<EOS>",) * target.count(EOS),
                attention,
            )
            for (source, target), attention in zip(pairs, found, strict=True)
        ]

    def _search(
        self,
        texts: Sequence[str],
        search: SearchConfig,
        batch_size: int,
        prefixes: Sequence[str] | None,
        place: int,
    ) -> list[list[tuple[list[int], float]]]:
        rows = source_ids(self.source_tokenizer, texts, self.config)
        beginnings = None
        if prefixes is not None:
            beginnings = prefix_ids(self.target_tokenizer, prefixes, rows, self.config, search)
        found: list[list[tuple[list[int], float]]] = [[] for _ in rows]
        weights = inference_weights(self)
        for index, hypotheses in search_all(weights, rows, self.config, search, batch_size, beginnings, place):
            found[index] = hypotheses
        return found

    def _pairs(self, sources: Sequence[str], targets: Sequence[str]) -> list[tuple[list[int], list[int]]]:
        rows = source_ids(self.source_tokenizer, sources, self.config)
        return list(zip(rows, target_ids(self.target_tokenizer, targets, rows, self.config), strict=True))

    def save(self, filepath: str | Path, overwrite: bool = True, **options: Any) -> None:
        """Save model, optimiser and tokenisers in one `.keras` file.

        The file is written beside its place and then moved there, so that a crash or a full disk leaves an earlier
        file as it was.

        Raises:
            ValueError: The name does not end in `.keras`.
            OSError: The file cannot be written.
        """
        path = Path(filepath)
        if path.suffix != ".keras":
            raise ValueError(f"expected a file name that ends in .keras, got {str(path)!r}")
        if not overwrite and path.exists():
            raise ValueError(f"{path} exists and overwrite is False")
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as unfinished:
            super().save(unfinished, **options)

    def save_own_variables(self, store: Any) -> None:
        """Save what Keras leaves out: dropout's random state, without which training would not go on the same."""
        for name, state in self._random_states().items():
            store[name] = state

    def load_own_variables(self, store: Any) -> None:
        """Restore dropout's random state."""
        for name, state in self._random_states().items():
            state.assign(store[name])

    def _random_states(self) -> dict[str, Any]:
        layers = (layer for layer in self.layers if isinstance(layer, keras.layers.Dropout) and layer.rate > 0)
        return {layer.name: layer.seed_generator.state for layer in layers}

    def get_config(self) -> dict[str, Any]:
        """Return all that rebuilds the model but its weights, tokenisers included."""
        return {
            "name": self.name,
            "config": to_dict(self.config),
            "search": to_dict(self.search),
            "source_tokenizer": base64.b64encode(self.source_tokenizer.model).decode("ascii"),
            "target_tokenizer": base64.b64encode(self.target_tokenizer.model).decode("ascii"),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Self:
        """Rebuild a model from `get_config`, with fresh weights."""
        return cls(
            from_dict(ModelConfig, config["config"], origin="saved model"),
            Tokenizer(base64.b64decode(config["source_tokenizer"])),
            Tokenizer(base64.b64decode(config["target_tokenizer"])),
            search=from_dict(SearchConfig, config["search"], origin="saved model"),
            name=config["name"],
        )


def load(path: str | Path, *, compile: bool = True, custom_objects: dict[str, Any] | None = None) -> Seq2Seq:
    """Load a model from the `.keras` file that `Seq2Seq.save` wrote.

    Args:
        path: The file.
        compile: Make it ready to be trained further, with the optimiser, loss and metrics it had.
        custom_objects: By name, what it was compiled with that is neither Keras's nor ours, a loss or a metric of your
            own; not needed where it was registered with Keras, or without `compile`.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is damaged, holds some other Keras model, or needs an object that is not known.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such model file")
    if path.suffix != ".keras":  # which Keras goes by
        raise ValueError(f"{path}: expected a .keras file, as `Seq2Seq.save` writes it")
    try:
        model = keras.saving.load_model(path, custom_objects, compile=compile)
    except Exception as error:  # Keras has no error of its own: zipfile, json, h5py and Keras each raise theirs
        cause = str(error).strip().split("\n")[0]
        if cause.startswith("Could not locate"):
            raise ValueError(
                f"{path}: was compiled with something of your own ({cause}); hand it over in custom_objects={{...}}, "
                "or leave it away with compile=False, which is enough to translate and to export"
            ) from error
        raise ValueError(f"{path}: not a readable .keras file, or a damaged one ({cause})") from error
    if not isinstance(model, Seq2Seq):
        raise ValueError(f"{path}: holds a {type(model).__name__}, expected a keras_s2s.Seq2Seq")
    return model
