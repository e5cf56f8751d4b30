"""The graph that TensorFlow Serving runs: strings in, strings out, around the searches of `decoding`."""

from typing import TYPE_CHECKING, Any

import tensorflow as tf

from keras_s2s.config import SearchConfig
from keras_s2s.data.graph_tokenizer import GraphTokenizer
from keras_s2s.data.tokenizer import EOS
from keras_s2s.decoding.attention import split_memory
from keras_s2s.decoding.inference import encode, inference_weights, step
from keras_s2s.decoding.lstm import Weights
from keras_s2s.decoding.outputs import NEVER, Outputs, next_log_probs
from keras_s2s.decoding.search import search
from keras_s2s.deploy.export_search import ExportSearch

if TYPE_CHECKING:
    from keras_s2s.seq2seq import Seq2Seq


class ServingModule(tf.Module):
    """A model's variables and tokenisers with the four signatures of an export.

    The server checks no shapes, and joins requests along dimension 0: each signature begins with its own checks, and
    each input and output has the batch as its dimension 0.
    """

    def __init__(self, model: "Seq2Seq", searches: ExportSearch, max_batch: int) -> None:
        """Share the model's variables and put its tokenisers into the graph."""
        super().__init__(name="keras_s2s")
        self._config = model.config
        self._searches = searches
        self._max_batch = max_batch
        self._vocabulary = len(model.target_tokenizer)
        # The variables themselves: a Keras model as trackable would bring its training graph along.
        self._variables = {name: variable.value for name, variable in inference_weights(model).items()}
        self._source_tokenizer = GraphTokenizer(model.source_tokenizer, name="source_tokenizer")
        self._target_tokenizer = GraphTokenizer(model.target_tokenizer, name="target_tokenizer")

    def signatures(self) -> dict[str, Any]:
        """Trace the signatures, by name."""
        texts = tf.TensorSpec([None], tf.string, name="texts")
        token = tf.TensorSpec([None], tf.int32, name="token")
        encode = _traced(self.encode, texts=texts)
        state = {name: tf.TensorSpec(x.shape, x.dtype, name=name) for name, x in encode.structured_outputs.items()}
        if self._config.attention == "none":
            state.pop("lengths")
        return {
            "serving_default": _traced(self.translate, texts=texts),
            "beam": _traced(self.beam, texts=texts),
            "encode": encode,
            "decode_step": _traced(self.decode_step, token=token, **state),
        }

    def translate(self, texts: Any) -> dict[str, Any]:
        """Translate texts.

        Args:
            texts: Source texts. `[batch]`, string

        Returns:
            `translations`, `[batch]`, string; `log_probs` of their tokens and `<EOS>`, `[batch]`, float32; `lengths` in
            tokens without `<EOS>`, `[batch]`, int32.
        """
        outputs, surfaces = self._search(texts, self._searches.default)
        tokens = outputs.tokens[:, 0]  # [batch, limit]
        write = self._target_tokenizer
        return {
            "translations": write.decode(tokens) if surfaces is None else write.decode_copies(tokens, surfaces),
            "log_probs": outputs.log_probs[:, 0],
            "lengths": tf.reduce_sum(tf.cast(tokens > EOS, tf.int32), axis=1),
        }

    def beam(self, texts: Any) -> dict[str, Any]:
        """Translate texts in several ways, best first.

        Args:
            texts: Source texts. `[batch]`, string

        Returns:
            `translations`, `[batch, n]`, string; `pieces` that they are made of, a space between two, `[batch, n]`,
            string; and `log_probs`, `[batch, n]`, float32. Where a text has fewer hypotheses (an empty text has one,
            `""`) the rest are `""` with a log-probability of -1e9.
        """
        n = self._searches.n_best
        outputs, surfaces = self._search(texts, self._searches.beam)
        tokens, log_probs = outputs.tokens[:, :n], outputs.log_probs[:, :n]
        found = log_probs > NEVER / 2
        tokens = tf.where(found[:, :, tf.newaxis], tokens, EOS)
        flat, write = tf.reshape(tokens, [-1, tokens.shape[2]]), self._target_tokenizer
        if surfaces is None:
            translations, pieces = write.decode(flat), write.pieces(tokens)
        else:
            surfaces = tf.repeat(surfaces, n, axis=0)
            translations = write.decode_copies(flat, surfaces)
            pieces = tf.reshape(write.pieces_with_copies(flat, surfaces), [-1, n])
        return {
            "translations": tf.reshape(translations, [-1, n]),
            "pieces": pieces,
            "log_probs": tf.where(found, log_probs, NEVER),
        }

    def encode(self, texts: Any) -> dict[str, Any]:
        """Read texts and return the decoder's first state, for a client with a loop of its own.

        Args:
            texts: Source texts. `[batch]`, string

        Returns:
            `hidden_i` and `cell_i` of each layer, `[batch, units]`, float32; `lengths` of the sources in tokens,
            `<EOS>` included, `[batch]`, int32: a source of length 1 has an empty output. With attention also `memory`
            and, but for `dot`, `keys`, `[batch, max_source_length, units]`, float32.
        """
        source, length = self._tokenize(self._checked_texts(texts))
        if self._config.attention != "none":  # of one length in all requests, so that the server can batch them
            source = tf.pad(source, [[0, 0], [0, self._config.max_source_length - tf.shape(source)[1]]])
            source = tf.ensure_shape(source, [None, self._config.max_source_length])
        state, memory = encode(self._weights(), source, length, self._config)
        return {**state, **memory, "lengths": length}

    def decode_step(self, token: Any, **state: Any) -> dict[str, Any]:
        """Read one token and predict the next one.

        Args:
            token: The tokens picked last; 1, `<EOS>`, at the start. `[batch]`, int32
            **state: What `encode` returned, and of it what the step before changed; `lengths` with attention alone.

        Returns:
            `log_probs` of the next token, `[batch, vocabulary]`, float32; what changed of the state, by the same names;
            with attention also `attention`, the share of each source position, `[batch, max_source_length]`, float32.
            Where unknown words are copied, 2, the unknown token, is as likely as the model holds it: what to write for
            it is left to the client, who has `attention`.
        """
        token = self._checked(tf.ensure_shape(token, [None]))
        batch = tf.shape(token)[0]
        # Else a negative id would count from the vocabulary's end.
        known = (token >= 0) & (token < self._vocabulary)
        checks = [tf.debugging.assert_equal(known, True, f"a token is an id from 0 to {self._vocabulary - 1}")]
        for name, array in state.items():
            state[name] = tf.ensure_shape(array, array.shape)
            message = f"{name} and token differ in their batch size"
            checks.append(tf.debugging.assert_equal(tf.shape(array)[0], batch, message))
        with tf.control_dependencies(checks):
            token = tf.identity(token)
        state, memory = split_memory(state)
        logits, following, attention = step(self._weights(), token, state, memory, self._config)
        seen = {} if attention is None else {"attention": attention}
        return {"log_probs": next_log_probs(logits, self._searches.default.copy_unknown), **following, **seen}

    def _search(self, texts: Any, config: SearchConfig) -> tuple[Outputs, Any]:
        """Return what a search finds and, where it copies unknown words, the sources' pieces."""
        texts = self._checked_texts(texts)
        source, length = self._tokenize(texts)
        surfaces = None
        if config.copy_unknown:
            surfaces = self._source_tokenizer.surfaces(texts, self._config.max_source_length)
        return search(self._weights(), source, length, self._config, config), surfaces

    def _tokenize(self, texts: Any) -> tuple[Any, Any]:
        """Return ids `[batch, time]`, cut at the model's limit, and their lengths `[batch]`."""
        return self._source_tokenizer.encode(texts, self._config.max_source_length)

    def _checked_texts(self, texts: Any) -> Any:
        # A scalar string would crash the server in the tokeniser; this is an INVALID_ARGUMENT.
        return self._checked(tf.ensure_shape(texts, [None]))

    def _checked(self, batch: Any) -> Any:
        """Return the batch behind a check of its size."""
        message = f"the request has more than {self._max_batch} rows, the limit of this export: split it"
        fits = tf.debugging.assert_less_equal(tf.shape(batch)[0], self._max_batch, message)
        with tf.control_dependencies([fits]):
            return tf.identity(batch)

    def _weights(self) -> Weights:
        # Read once: inside a loop each step would read them again.
        return {name: tf.convert_to_tensor(variable) for name, variable in self._variables.items()}


def _traced(function: Any, **specs: Any) -> Any:
    """Trace a method; its inputs are keywords alone, so that `structured_input_signature[1]` has them all."""

    def signature(**inputs: Any) -> Any:
        return function(**inputs)

    return tf.function(signature, autograph=False).get_concrete_function(**specs)
