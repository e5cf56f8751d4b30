"""A Predict request on a loaded version: checks, run and answer, with the server's status codes."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import grpc
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2

from keras_s2s.deploy.server.local_server.errors import StatusError, invalid
from keras_s2s.deploy.server.local_server.session import INIT, Array, ModelSession
from keras_s2s.deploy.server.local_server.tensors import from_proto, to_proto


class Deadline:
    """The moment until which an answer is wanted, if there is one."""

    def __init__(self, seconds: float | None) -> None:
        """Let it be `seconds` from now."""
        self._end = None if seconds is None else time.monotonic() + seconds

    def remaining(self) -> float | None:
        """Return the seconds left.

        Raises:
            StatusError: None are left.
        """
        if self._end is None:
            return None
        left = self._end - time.monotonic()
        if left <= 0:
            raise StatusError(grpc.StatusCode.DEADLINE_EXCEEDED, "the deadline passed before the request was answered")
        return left


def predict(session: ModelSession, version: int, request: Any, deadline: Deadline) -> Any:
    """Answer a PredictRequest on a version.

    Args:
        session: The version's graph.
        version: Its number.
        request: The PredictRequest; its `model_spec` has led to this version.
        deadline: Until when.

    Returns:
        The PredictResponse.

    Raises:
        StatusError: The request is at fault, or took too long.
    """
    name = request.model_spec.signature_name or tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY
    signature = find_signature(session, name)
    if signature is None:
        raise StatusError(grpc.StatusCode.FAILED_PRECONDITION, f'Serving signature key "{name}" not found.')
    _require_inputs(signature, request.inputs)
    arrays = {
        alias: from_proto(alias, request.inputs[alias], tf.as_dtype(info.dtype))
        for alias, info in signature.inputs.items()
    }
    outputs = run_signature(session, signature, arrays, request.output_filter, deadline)
    response = predict_pb2.PredictResponse()
    response.model_spec.name = request.model_spec.name
    response.model_spec.signature_name = name
    response.model_spec.version.value = version
    for alias, array in outputs.items():
        response.outputs[alias].CopyFrom(to_proto(array))
    return response


def find_signature(session: ModelSession, name: str) -> Any | None:
    """Return the SignatureDef of that name, the default one where it is empty, or None."""
    name = name or tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY
    return None if name == INIT else session.signatures.get(name)


def run_signature(
    session: ModelSession,
    signature: Any,
    inputs: Mapping[str, Array],
    wanted: Sequence[str],
    deadline: Deadline,
) -> dict[str, Array]:
    """Run a signature.

    Args:
        session: The graph.
        signature: The SignatureDef.
        inputs: All its inputs, of its types.
        wanted: Names of the outputs to return; all where it is empty.
        deadline: Until when.

    Raises:
        StatusError: The request is at fault, or took too long.
    """
    aliases = _outputs(signature, wanted)
    feeds = {signature.inputs[alias].name: array for alias, array in inputs.items()}
    tensors = [signature.outputs[alias].name for alias in aliases]
    return dict(zip(aliases, session.run(feeds, tensors, deadline.remaining()), strict=True))


def _require_inputs(signature: Any, inputs: Mapping[str, Any]) -> None:
    """Check the names of the inputs.

    Raises:
        StatusError: One is missing, or not of this signature.
    """
    sent, expected = sorted(inputs), sorted(signature.inputs)
    extra, missing = (sorted(set(a) - set(b)) for a, b in ((sent, expected), (expected, sent)))
    if len(sent) != len(expected):
        raise invalid(
            f"input size does not match signature: {len(sent)}!={len(expected)} len({_set(sent)}) != "
            f"len({_set(expected)}). Sent extra: {_set(extra)}. Missing but required: {_set(missing)}."
        )
    if extra:
        raise invalid(
            f"input tensor alias not found in signature: {extra[0]}. Inputs expected to be in the set {_set(expected)}."
        )


def _set(names: Sequence[str]) -> str:
    return f"{{{','.join(names)}}}"


def _outputs(signature: Any, wanted: Sequence[str]) -> list[str]:
    for position, alias in enumerate(wanted):
        if alias not in signature.outputs:
            names = _set(sorted(signature.outputs))
            raise invalid(
                f"output tensor alias not found in signature: {alias} Outputs expected to be in the set {names}."
            )
        if alias in wanted[:position]:
            raise invalid(f"duplicate output tensor alias: {alias}")
    return list(wanted) or sorted(signature.outputs)
