"""The graph that LiteRT runs: ids in, ids out, for one text, in static shapes."""

from typing import TYPE_CHECKING, Any

import tensorflow as tf

from keras_s2s.config import SearchConfig
from keras_s2s.decoding.inference import Weights, encode, inference_weights, step
from keras_s2s.decoding.outputs import Outputs, next_log_probs
from keras_s2s.decoding.search import search

if TYPE_CHECKING:
    from keras_s2s.seq2seq import Seq2Seq


class MobileModule(tf.Module):
    """A model's variables with the signatures of a mobile build.

    The batch is 1 and the source has the model's longest length: a loop over a batch of unknown size needs Flex, and
    the browser's LiteRT takes fixed shapes alone.
    """

    def __init__(self, model: "Seq2Seq", greedy: SearchConfig, beam: SearchConfig) -> None:
        """Share the model's variables."""
        super().__init__(name="keras_s2s")
        self._config = model.config
        self._greedy, self._beam = greedy, beam
        self._variables = {name: variable.value for name, variable in inference_weights(model).items()}

    def signatures(self) -> dict[str, Any]:
        """Trace the signatures, by name."""
        source = tf.TensorSpec([1, self._config.max_source_length], tf.int32, name="source")
        length = tf.TensorSpec([1], tf.int32, name="source_length")
        token = tf.TensorSpec([1], tf.int32, name="token")
        names = [f"{kind}_{layer + 1}" for layer in range(self._config.layers) for kind in ("hidden", "cell")]
        state = {name: tf.TensorSpec([1, self._config.units], tf.float32, name=name) for name in names}
        return {
            "encode": _traced(self.encode, source=source, source_length=length),
            "decode_step": _traced(self.decode_step, token=token, **state),
            "greedy": _traced(self.greedy, source=source, source_length=length),
            "beam": _traced(self.beam, source=source, source_length=length),
        }

    def encode(self, source: Any, source_length: Any) -> dict[str, Any]:
        """Read a text and return the decoder's first state.

        Args:
            source: Ids with `<EOS>`, padded with 0. `[1, max_source_length]`, int32
            source_length: Tokens, `<EOS>` included. `[1]`, int32

        Returns:
            `hidden_i` and `cell_i` of each layer. `[1, units]`, float32
        """
        return encode(self._weights(), source, source_length, self._config)

    def decode_step(self, token: Any, **state: Any) -> dict[str, Any]:
        """Read one token and predict the next one.

        Args:
            token: The token picked last; 1, `<EOS>`, at the start. `[1]`, int32
            **state: What `encode` or the step before returned. `[1, units]`, float32

        Returns:
            `log_probs` of the next token, `[1, vocabulary]`, float32, and the following state by the same names.
        """
        logits, following = step(self._weights(), token, state, self._config)
        return {"log_probs": next_log_probs(logits), **following}

    def greedy(self, source: Any, source_length: Any) -> dict[str, Any]:
        """Translate by greedy search.

        Returns:
            `tokens` up to `<EOS>`, then 0, `[1, limit]`, int32; their `log_probs`, `[1]`, float32.
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
