"""Every setting of the package, as frozen dataclasses that read and write TOML.

A configuration file has one table for each class: `[data]`, `[model]`, `[training]`, `[search]`. What a file
leaves out keeps its default; an unknown key or a value of the wrong type is an error that names the key and, where
there is one, the valid key nearest to it.
"""

import difflib
import json
import tomllib
from dataclasses import asdict, field, fields
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import tomli_w
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from pydantic.dataclasses import dataclass

Count = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(ge=0, lt=1)]

_STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class TokenizerConfig:
    """How one side's text becomes ids (SentencePiece; Kudo & Richardson 2018).

    Attributes:
        kind: `unigram` for text, `char` for proteins and spelling, `word` for teaching.
        vocabulary_size: Number of ids. Exact for `unigram`; an upper limit for `char` and `word`.
        lowercase: Fold case before anything else.
        character_coverage: Share of the training text's characters that get an id of their own; the rest becomes
            unknown, and is never written but by `SearchConfig.copy_unknown`; of a `word` tokeniser so does each word
            that holds such a character. Below 1 for scripts of thousands of characters, or noisy text.
        split_digits: Let no piece of `unigram` have more than one digit, so that a number is copied digit by digit,
            whether it was seen in training or not.
    """

    kind: Literal["unigram", "char", "word"] = "unigram"
    vocabulary_size: Annotated[int, Field(ge=4)] = 4000
    lowercase: bool = False
    character_coverage: Annotated[float, Field(gt=0, le=1)] = 1.0
    split_digits: bool = False


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class ModelConfig:
    """The encoder-decoder (Sutskever, Vinyals & Le 2014; Cho et al. 2014).

    Attributes:
        source_tokenizer: The source side's tokeniser.
        target_tokenizer: The target side's tokeniser.
        embedding: Width of both embeddings.
        units: Width of every LSTM layer's hidden and cell state.
        layers: Number of the encoder's LSTM layers.
        decoder_layers: Number of the decoder's; left out, as many as the encoder's.
        bidirectional: Split each encoder layer into two halves, of `units / 2` each, that read in opposite
            directions (Schuster & Paliwal 1997).
        residual: Add each layer's input to its output, from the second layer on: for deep stacks (He et al. 2016).
        attention: Let the decoder look at all of the source at each step: `dot` or `general` (Luong, Pham & Manning
            2015), `additive` (Bahdanau, Cho & Bengio 2015), or `none`, the classic model.
        attention_window: Let step i look at the source positions from i - window to i + window alone (`local-m` of
            Luong, Pham & Manning 2015), where source and target run side by side, as a protein and its structure do;
            left out, at all of them.
        tie_embeddings: Take the output layer's weights from the target embedding (Press & Wolf 2017).
        dropout: Share of embedding, layer and output activations dropped in training.
        word_dropout: Share of tokens, on both sides, whose embedding is dropped whole in training.
        reverse_source: Feed the source last token first (Sutskever et al. 2014, section 3.3).
        max_source_length: Longest source in tokens, `<EOS>` included. Of a text that is to be translated, 64 characters
            are read for each of them, whatever they are: one with more is too long too.
        max_target_length: Longest output in tokens, `<EOS>` included.
        overlong: What happens to a longer source: `truncate` (with a warning; `<EOS>` is kept) or `error`. Training
            never cuts: with `truncate` it leaves out pairs of which either side is too long, and says how many; with
            `error` it refuses them.
    """

    source_tokenizer: TokenizerConfig = field(default_factory=TokenizerConfig)
    target_tokenizer: TokenizerConfig = field(default_factory=TokenizerConfig)
    embedding: Count = 256
    units: Count = 256
    layers: Count = 2
    decoder_layers: Count | None = None
    bidirectional: bool = False
    residual: bool = False
    attention: Literal["none", "dot", "general", "additive"] = "none"
    attention_window: Annotated[int, Field(ge=0)] | None = None
    tie_embeddings: bool = False
    dropout: Share = 0.2
    word_dropout: Share = 0.0
    reverse_source: bool = False
    max_source_length: Annotated[int, Field(ge=2)] = 64
    max_target_length: Annotated[int, Field(ge=2)] = 64
    overlong: Literal["truncate", "error"] = "truncate"

    @model_validator(mode="after")
    def _fitting(self) -> "ModelConfig":
        if self.bidirectional and self.units % 2:
            raise ValueError(f"bidirectional halves units, which must be even; got units = {self.units}")
        if self.attention_window is not None and self.attention == "none":
            raise ValueError("attention_window narrows attention: set attention to 'dot', 'general' or 'additive' too")
        if self.attention_window is not None and self.reverse_source:
            raise ValueError("attention_window follows the source from its beginning: set reverse_source = false")
        if self.tie_embeddings and self.attention == "none" and self.embedding != self.units:
            raise ValueError(
                "tie_embeddings without attention needs embedding and units of one width; "
                f"got {self.embedding} and {self.units}"
            )
        return self

    @property
    def decoder_depth(self) -> int:
        """The number of the decoder's layers."""
        return self.decoder_layers or self.layers

    @property
    def bridged(self) -> bool:
        """Whether the decoder's first states are computed from the encoder's, as the stacks differ."""
        return self.bidirectional or self.decoder_depth != self.layers

    @property
    def output_width(self) -> int:
        """The width of what the output layer reads."""
        return self.embedding if self.tie_embeddings else self.units


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class DataConfig:
    """Which pairs to train on: a named data set, or files of one's own.

    Attributes:
        name: A named data set (`keras-s2s data list`).
        train: A file of pairs, in place of `name`. TSV, CSV or JSON lines, plain or gzipped.
        valid: A file of pairs to tune on; left out, pairs are split off `train`. What `train` shares with a file of
            `valid` or `test` is left out of training; if both are given, the division is yours: it is only counted,
            with a warning.
        test: A file of pairs to report on; left out, pairs are split off `train`.
        also: Further files of pairs to train on, each as often as it is named; what they share with `valid` or `test`
            is left out.
        vary_names: Further training pairs, as a share of all, in which the names and numbers that stand alike on both
            sides are replaced by made-up ones, from which a model learns to copy those that it never saw.
        valid_size: How many sources to split off for `valid` where no file is named.
        test_size: Likewise for `test`.
        split_by_target: Also keep every target in one split alone. Right for translation; wrong where targets
            repeat by nature (dates, labels).
        columns: Which columns are source, target and perhaps mask: numbers from 0, or names. `[0, 1]` ignores a third
            column; left out, a third column is the mask.
        max_bad_share: Share of unreadable rows above which reading stops with an error.
    """

    name: str | None = None
    train: str | None = None
    valid: str | None = None
    test: str | None = None
    also: tuple[str, ...] = ()
    vary_names: Annotated[float, Field(ge=0)] = 0.0
    valid_size: Count = 1000
    test_size: Count = 1000
    split_by_target: bool = True
    columns: tuple[int, ...] | tuple[str, ...] | None = None
    max_bad_share: Share = 0.01

    @model_validator(mode="after")
    def _one_source(self) -> "DataConfig":
        if self.name and (self.train or self.valid or self.test):
            raise ValueError("name and train/valid/test exclude each other: name a data set, or files")
        if not self.train and (self.valid or self.test):
            raise ValueError("valid and test need train beside them")
        return self


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class TrainingConfig:
    """How the model is fitted.

    Attributes:
        start_from: A `.keras` file to go on from (fine-tuning), left out for fresh weights: the run has its weights and
            tokenisers, its `[model]` and, where that is left out, its `[search]`. It wants a learning rate well below
            the one that the file was trained with.
        epochs: Passes over the training data, or stretches of `steps_per_epoch` steps.
        steps_per_epoch: Steps between two evaluations and checkpoints; left out, one pass over the data.
        batch_tokens: Upper bound of the tokens in a batch, padding included: of its targets or its sources, whichever
            are longer. Left out, what a thousandth of the pairs have on average, or 50 pairs where that is more, but
            3,000 at the most: few pairs are learned better in small batches.
        buckets: Number of length buckets of the training pairs at the most, each of one static shape; where
            `steps_per_epoch` is not twice as many, one shape serves all. Left out, as many as save more padding than
            XLA takes to compile them, 8 at the most: few for few pairs. So it always is for the pairs of validation.
        learning_rate: Peak learning rate of Adam.
        warmup_steps: Steps over which the learning rate rises from zero to its peak.
        decay: What follows: `constant`, or `cosine` down to `final_learning_rate` (Loshchilov & Hutter 2017).
        final_learning_rate: Where `cosine` ends, as a share of the peak.
        clip_norm: Bound on the gradient's global norm; 0 switches it off.
        weight_decay: AdamW's decoupled weight decay; 0 is plain Adam.
        label_smoothing: Probability mass spread evenly over the vocabulary (Szegedy et al. 2016).
        input_noise: Share of the tokens that the decoder reads in training which are random ones of the batch (unigram
            noise; Xie et al. 2017, arXiv:1703.02573). For targets that go on as they were, as the labels of a protein
            do: a decoder that reads right ones alone learns to repeat what it has written.
        mixed_precision: Compute in bfloat16, keep weights in float32.
        jit_compile: Compile training steps with XLA.
        deterministic: Only deterministic kernels, so that a resumed run ends with the very weights of an
            uninterrupted one; slower, as it switches XLA off.
        seed: Seed of weights, dropout and batch order.
        select_by: Which figure of decoded validation outputs picks the best epoch, stops early and decides on the
            averaged weights: `bleu`, `exact_match`, or `accuracy`, the share of positions with the right label, those
            that a mask leaves out not counted, for a search with `match_length`.
        early_stopping: Epochs without a better validation figure after which training stops; 0 never stops.
        average_checkpoints: Average the weights of this many last epochs at the end; 1 keeps the best epoch.
        samples: Translations shown after each epoch.
        bleu_sentences: Validation sentences translated after each epoch to choose the best one.
        tensorboard: Write TensorBoard logs into the run's folder.
    """

    start_from: str | None = None
    epochs: Count = 15
    steps_per_epoch: Count | None = None
    batch_tokens: Count | None = None
    buckets: Count | None = None
    learning_rate: Annotated[float, Field(gt=0)] = 4e-3
    warmup_steps: Annotated[int, Field(ge=0)] = 200
    decay: Literal["constant", "cosine"] = "cosine"
    final_learning_rate: Annotated[float, Field(ge=0, le=1)] = 0.05
    clip_norm: Annotated[float, Field(ge=0)] = 1.0
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    label_smoothing: Share = 0.1
    input_noise: Annotated[float, Field(ge=0, le=1)] = 0.0
    mixed_precision: bool = False
    jit_compile: bool = True
    deterministic: bool = False
    seed: Annotated[int, Field(ge=0)] = 0
    select_by: Literal["bleu", "exact_match", "accuracy"] = "bleu"
    early_stopping: Annotated[int, Field(ge=0)] = 0
    average_checkpoints: Count = 1
    samples: Annotated[int, Field(ge=0)] = 3
    bleu_sentences: Count = 500
    tensorboard: bool = True


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class SearchConfig:
    """How an output is chosen from the model's probabilities.

    Attributes:
        method: `greedy`, `beam` or `sample`.
        beam_size: Hypotheses kept at each step of `beam`, and drawn for each text by `sample`'s n-best.
        length_penalty: Exponent alpha of the length penalty ((5 + length) / 6) ** alpha by which `beam` divides
            log-probabilities (Wu et al. 2016, equation 14); 0 is none.
        coverage_penalty: Weight beta of the coverage penalty of the same equation, by which `beam` ranks hypotheses
            lower that leave source tokens without attention; 0 is none. For a model with attention.
        temperature: `sample` divides the logits by it.
        top_k: `sample` draws from the `top_k` likeliest tokens; 0 is all.
        top_p: `sample` draws from the likeliest tokens that together reach this probability (Holtzman et al. 2020).
        seed: Seed of `sample`.
        no_repeat_ngram: Write no sequence of this many tokens twice in one output; 0 allows it.
        match_length: Write exactly as many tokens as the source has, as a protein's structure does; probabilities are
            then divided among what is allowed.
        copy_unknown: Where the model would write an unknown word, copy the source token that got most attention at that
            step (Luong et al. 2015, https://aclanthology.org/P15-1002); without it the likeliest known token is
            written. For a model with attention, whose target tokeniser left words or characters out.
        max_length: Limit of the output in tokens, `<EOS>` included; left out, the model's own.
    """

    method: Literal["greedy", "beam", "sample"] = "greedy"
    beam_size: Count = 4
    length_penalty: Annotated[float, Field(ge=0)] = 1.0
    coverage_penalty: Annotated[float, Field(ge=0)] = 0.0
    temperature: Annotated[float, Field(gt=0)] = 1.0
    top_k: Annotated[int, Field(ge=0)] = 0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    seed: Annotated[int, Field(ge=0)] = 0
    no_repeat_ngram: Annotated[int, Field(ge=0)] = 0
    match_length: bool = False
    copy_unknown: bool = False
    max_length: Count | None = None

    @model_validator(mode="after")
    def _something_to_write(self) -> "SearchConfig":
        if self.match_length and self.no_repeat_ngram:
            raise ValueError(
                "match_length forbids <EOS> before its time and no_repeat_ngram everything else that is used up: "
                "set no_repeat_ngram = 0 or match_length = false"
            )
        return self


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class RunConfig:
    """A whole training run: one TOML file.

    Attributes:
        data: The pairs to learn from.
        model: Sizes and options of the network, and its tokenisers.
        training: How the model is fitted.
        search: How the trained model, and each of its exports, searches where nothing else is said.
    """

    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    search: SearchConfig = field(default_factory=lambda: SearchConfig(method="beam"))

    @model_validator(mode="after")
    def _comparable(self) -> "RunConfig":
        if self.training.select_by == "accuracy" and not self.search.match_length:
            raise ValueError(
                "training.select_by = 'accuracy' compares outputs with targets label by label, which needs outputs as "
                "long as their sources: set search.match_length = true, or select by 'bleu' or 'exact_match'"
            )
        return self


Config = TypeVar("Config", TokenizerConfig, ModelConfig, DataConfig, TrainingConfig, SearchConfig, RunConfig)


def from_dict(cls: type[Config], values: dict[str, Any], *, origin: str = "configuration") -> Config:
    """Build a configuration from nested plain values.

    Raises:
        ValueError: A key is unknown, or a value has the wrong type or lies outside its range. The message names
            every such key.
    """
    try:
        # As JSON, because strict mode then still takes a table for a dataclass and an integer for a float.
        return TypeAdapter(cls).validate_json(json.dumps(values, default=str))
    except ValidationError as error:
        complaints = [_explain(cls, detail) for detail in error.errors()]
        raise ValueError(f"{origin}: " + "; ".join(complaints)) from None


def load_config(path: str | Path, overrides: dict[str, Any] | None = None) -> RunConfig:
    """Read a `RunConfig` from a TOML file.

    Args:
        path: The file.
        overrides: Values by dotted key that replace the file's: `{"training.epochs": 3}`.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is not TOML, or holds an unknown key or an unfitting value.
    """
    path = Path(path)
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: no such configuration file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not a TOML file: {error}") from None
    return from_dict(RunConfig, override(values, overrides or {}, origin=str(path)), origin=str(path))


def override(values: dict[str, Any], overrides: dict[str, Any], *, origin: str = "configuration") -> dict[str, Any]:
    """Set values by dotted key, as `{"training.epochs": 3}`, in nested plain values, and return these.

    Raises:
        ValueError: A key leads through something that is no table.
    """
    for key, value in overrides.items():
        *tables, last = key.split(".")
        table = values
        for name in tables:
            table = table.setdefault(name, {})
            if not isinstance(table, dict):
                raise ValueError(f"{origin}: cannot set {key}: {name} is a value, not a table")
        table[last] = value
    return values


def to_dict(config: Any) -> dict[str, Any]:
    """Return a configuration as nested plain values, without those that are `None`."""
    return {
        name: to_dict(value) if isinstance(value, dict) else value
        for name, value in (config if isinstance(config, dict) else asdict(config)).items()
        if value is not None
    }


def dump_config(config: RunConfig) -> str:
    """Return `config` as TOML that `load_config` reads back."""
    return tomli_w.dumps(to_dict(config))


def _explain(cls: type, detail: Any) -> str:
    """Turn one pydantic complaint into a sentence: where, what came, what was expected, how to mend it."""
    *tables, key = detail["loc"] or ("",)
    where = ".".join(map(str, detail["loc"]))
    if detail["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        for table in tables:
            cls = next(f.type for f in fields(cls) if f.name == table)  # type: ignore[assignment]
        names = [f.name for f in fields(cls)]
        near = difflib.get_close_matches(str(key), names, n=1)
        return f"unknown key {where!r}" + (f", did you mean {near[0]!r}?" if near else f"; valid: {', '.join(names)}")
    message = detail["msg"].removeprefix("Value error, ")
    return f"{where}: {message}, got {detail['input']!r}" if where else message
