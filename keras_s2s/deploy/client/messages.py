"""Between Python values and TensorFlow Serving's protobuf messages: shared by the two gRPC clients."""

from typing import Any, Final

import grpc
import tensorflow as tf
from tensorflow.core.framework.types_pb2 import DT_STRING, DataType
from tensorflow_serving.apis.get_model_metadata_pb2 import GetModelMetadataRequest, SignatureDefMap
from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusRequest, ModelVersionStatus
from tensorflow_serving.apis.predict_pb2 import PredictRequest

from keras_s2s.deploy.client.error import ServingError
from keras_s2s.deploy.client.rules import Outputs
from keras_s2s.deploy.client.served_model import ModelMetadata, ServedModel, Signature, Tensor, VersionStatus

CHANNEL_OPTIONS: Final = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # A channel that lost its server looks for it again at the pace of our retries, not at gRPC's, up to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2000),
)

_SIGNATURES: Final = "signature_def"


def predict_request(model: ServedModel, signature: str, texts: list[str]) -> Any:
    """Return a `PredictRequest` of texts."""
    request = PredictRequest()
    _name_model(request.model_spec, model)
    request.model_spec.signature_name = signature
    tensor = request.inputs["texts"]
    tensor.dtype = DT_STRING
    tensor.tensor_shape.dim.add(size=len(texts))
    tensor.string_val.extend(text.encode() for text in texts)
    return request


def read_prediction(response: Any, rows: int, target: str, model: ServedModel) -> Outputs:
    """Return the tensors of a `PredictResponse` to a request of `rows` texts."""
    tensors = {name: _lists(tf.make_ndarray(proto).tolist()) for name, proto in response.outputs.items()}
    return Outputs(tensors, rows, target, str(model))


def status_request(model: ServedModel) -> Any:
    """Return a `GetModelStatusRequest`."""
    request = GetModelStatusRequest()
    _name_model(request.model_spec, model)
    return request


def read_status(response: Any) -> list[VersionStatus]:
    """Return the versions of a `GetModelStatusResponse`."""
    return [
        VersionStatus(item.version, ModelVersionStatus.State.Name(item.state), item.status.error_message)
        for item in response.model_version_status
    ]


def metadata_request(model: ServedModel) -> Any:
    """Return a `GetModelMetadataRequest` for the signatures."""
    request = GetModelMetadataRequest(metadata_field=[_SIGNATURES])
    _name_model(request.model_spec, model)
    return request


def read_metadata(response: Any) -> ModelMetadata:
    """Return the version and the signatures of a `GetModelMetadataResponse`."""
    signatures = SignatureDefMap()
    response.metadata[_SIGNATURES].Unpack(signatures)
    return ModelMetadata(
        response.model_spec.version.value,
        {
            name: Signature(_tensors(signature.inputs), _tensors(signature.outputs))
            for name, signature in sorted(signatures.signature_def.items())
            if not name.startswith("__")  # TensorFlow's own
        },
    )


def read_error(error: grpc.RpcError, target: str, model: ServedModel) -> ServingError:
    """Return what an error of gRPC, of either kind of channel, means."""
    return ServingError(error.code().name, error.details() or "", target=target, model=str(model))


def _name_model(spec: Any, model: ServedModel) -> None:
    spec.name = model.name
    if model.version is not None:
        spec.version.value = model.version
    if model.label is not None:
        spec.version_label = model.label


def _tensors(infos: Any) -> dict[str, Tensor]:
    return {
        name: Tensor.from_proto_names(
            DataType.Name(info.dtype), [dimension.size for dimension in info.tensor_shape.dim]
        )
        for name, info in sorted(infos.items())
    }


def _lists(value: Any) -> Any:
    """Turn the bytes of nested lists into text."""
    if isinstance(value, list):
        return [_lists(item) for item in value]
    return value.decode(errors="replace") if isinstance(value, bytes) else value
