"""What a `.tflite` file says of itself in its manifest: all that a program in any language needs to run it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from sentencepiece import sentencepiece_model_pb2

from keras_s2s import __version__
from keras_s2s.config import SearchConfig
from keras_s2s.data.tokenizer import CHARACTERS_A_TOKEN, EOS, PAD, UNKNOWN, Tokenizer
from keras_s2s.decoding.outputs import NEVER
from keras_s2s.decoding.search import output_limit
from keras_s2s.deploy.device.operators import require_builtin

if TYPE_CHECKING:
    from keras_s2s.seq2seq import Seq2Seq


def describe(
    model: "Seq2Seq", flatbuffer: bytes, search: SearchConfig, weights: str, evaluation: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return a manifest, but for the agreement with the Keras model.

    Args:
        model: The Keras model.
        flatbuffer: The converted one.
        search: The search of plain answers, and the width and length penalty of `beam`.
        weights: How they are stored: `float32`, `float16` or `int8`.
        evaluation: How good the model is, as `evaluate` measured it.

    Raises:
        ValueError: The converted model has an operator that LiteRT lacks.
    """
    config = model.config
    return {
        "keras_s2s": __version__,
        "weights": weights,
        "special_ids": {"pad": PAD, "eos": EOS, "unknown": UNKNOWN},
        "tokenizers": {"source": _tokenizer(model.source_tokenizer), "target": _tokenizer(model.target_tokenizer)},
        "limits": {
            "max_source_length": config.max_source_length,
            "max_source_characters": CHARACTERS_A_TOKEN * config.max_source_length,
            "max_target_length": output_limit(config, search),
            "overlong": config.overlong,
        },
        "search": {
            "method": search.method,
            "beam_size": search.beam_size,
            "length_penalty": search.length_penalty,
            "coverage_penalty": search.coverage_penalty,
            "no_repeat_ngram": search.no_repeat_ngram,
            "match_length": search.match_length,
            **({"copy_unknown": True} if search.copy_unknown else {}),  # files without it stay as they were
            "least_log_prob": NEVER / 2,
        },
        "signatures": signatures(flatbuffer),
        "operators": require_builtin(flatbuffer),
        "evaluation": dict(evaluation) if evaluation else None,
    }


def signatures(flatbuffer: bytes) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the tensors of a converted model: `{signature: {"inputs": {name: {"shape": …, "dtype": …}}, …}}`."""
    interpreter = Interpreter(model_content=flatbuffer)
    found = {}
    for name in interpreter.get_signature_list():
        runner = interpreter.get_signature_runner(name)
        found[name] = {"inputs": _tensors(runner.get_input_details()), "outputs": _tensors(runner.get_output_details())}
    return found


def _tensors(details: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: {"shape": [int(size) for size in tensor["shape"]], "dtype": np.dtype(tensor["dtype"]).name}
        for name, tensor in details.items()
    }


def _tokenizer(tokenizer: Tokenizer) -> dict[str, Any]:
    """Return what distinguishes a SentencePiece model: its size, and how it treats text before cutting it."""
    proto = sentencepiece_model_pb2.ModelProto.FromString(tokenizer.model)  # type: ignore[attr-defined]
    kind = proto.trainer_spec.DESCRIPTOR.fields_by_name["model_type"].enum_type.values_by_number
    rules = proto.normalizer_spec
    return {
        "pieces": len(tokenizer),
        "kind": kind[proto.trainer_spec.model_type].name.lower(),
        "normalization": rules.name,
        "add_dummy_prefix": rules.add_dummy_prefix,
        "remove_extra_whitespaces": rules.remove_extra_whitespaces,
    }
