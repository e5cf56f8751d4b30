"""The graph that LiteRT runs: ids in, ids out, for one text, in static shapes."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from keras_s2s.config import ModelConfig, SearchConfig
from keras_s2s.decoding.attention import split_memory
from keras_s2s.decoding.inference import encode, step
from keras_s2s.decoding.lstm import Weights
from keras_s2s.decoding.outputs import Outputs, next_log_probs
from keras_s2s.decoding.search import search


class MobileModule(tf.Module):
    """A model's variables with the signatures of a mobile build.

    The batch is 1 and the source has the model's longest length: a loop over a batch of unknown size needs Flex, and
    the browser's LiteRT takes fixed shapes alone.
    """

    def __init__(
        self, config: ModelConfig, weights: Mapping[str, tf.Variable], greedy: SearchConfig, beam: SearchConfig
    ) -> None:
        """Take the weights, `{layer/variable: …}`, as variables: the signatures share them, and so does the file."""
        super().__init__(name="keras_s2s")
        self._config = config
        self._greedy, self._beam = greedy, beam
        self._variables = dict(weights)

    def signatures(self) -> dict[str, Any]:
        """Trace the signatures, by name. `decode_step` takes the last token and whatever `encode` returns."""
        source = tf.TensorSpec([1, self._config.max_source_length], tf.int32, name="source")
        length = tf.TensorSpec([1], tf.int32, name="source_length")
        token = tf.TensorSpec([1], tf.int32, name="token")
        encode = _traced(self.encode, source=source, source_length=length)
        state = {name: tf.TensorSpec(x.shape, x.dtype, name=name) for name, x in encode.structured_outputs.items()}
        return {
            "encode": encode,
            "decode_step": _traced(self.decode_step, token=token, **state),
            "greedy": _traced(self.greedy, source=source, source_length=length),
            "beam": _traced(self.beam, source=source, source_length=length),
        }

    def encode(self, source: Any, source_length: Any) -> dict[str, Any]:
        """Read a text and return what `decode_step` takes.

        Args:
            source: Ids with `<EOS>`, padded with 0. `[1, max_source_length]`, int32
            source_length: Tokens, `<EOS>` included. `[1]`, int32

        Returns:
            The decoder's first state, `hidden_i` and `cell_i` of each layer, `[1, units]`, float32; where the model has
            attention, also the memory that it looks at.
        """
        state, memory = encode(self._weights(), source, source_length, self._config)
        if "lengths" in memory:
            # A tensor that is an input and an output at once comes back as zeros from LiteRT in browsers.
            memory["lengths"] = tf.minimum(source_length, self._config.max_source_length)
        return {**state, **memory}

    def decode_step(self, token: Any, **arrays: Any) -> dict[str, Any]:
        """Read one token and predict the next one.

        Args:
            token: The token picked last; 1, `<EOS>`, at the start. `[1]`, int32
            **arrays: All that `encode` returned, the state as the step before left it.

        Returns:
            `log_probs` of the next token, `[1, vocabulary]`, float32; the following state; where the model has
            attention, the `attention` that each source position got, `[1, max_source_length]`, float32. The unknown
            token may be picked where the searches copy unknown words: the caller then copies what attention points to.
        """
        state, memory = split_memory(arrays)
        logits, state, attention = step(self._weights(), token, state, memory, self._config)
        looked = {} if attention is None else {"attention": attention}
        return {"log_probs": next_log_probs(logits, self._greedy.copy_unknown), **state, **looked}

    def greedy(self, source: Any, source_length: Any) -> dict[str, Any]:
        """Translate by greedy search.

        Returns:
            `tokens` up to `<EOS>`, then 0, those from the vocabulary's size on copies of source tokens, `[1, limit]`,
            int32; their `log_probs`, `[1]`, float32.
        """
        outputs = self._search(source, source_length, self._greedy)
        return {"tokens": outputs.tokens[:, 0], "log_probs": outputs.log_probs[:, 0]}

    def beam(self, source: Any, source_length: Any) -> dict[str, Any]:
        """Translate by beam search.

        Returns:
            `tokens`, best hypothesis first, `[1, width, limit]`, int32; their `log_probs`, `[1, width]`, float32.
        """
        return self._search(source, source_length, self._beam)._asdict()

    def _search(self, source: Any, source_length: Any, config: SearchConfig) -> Outputs:
        return search(self._weights(), source, source_length, self._config, config)

    def _weights(self) -> Weights:
        return {name: tf.convert_to_tensor(variable) for name, variable in self._variables.items()}


def _traced(function: Any, **specs: Any) -> Any:
    return tf.function(function, autograph=False).get_concrete_function(**specs)
