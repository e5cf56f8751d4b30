"""What a server tells about its model: signatures, versions, health."""

import json

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tensorflow.core.framework import types_pb2
from tensorflow_serving.apis import get_model_metadata_pb2

SIGNATURES = {"serving_default", "beam", "encode", "decode_step"}


def test_metadata(server):
    response = server.metadata()
    assert response.model_spec.name == server.model
    assert response.model_spec.version.value == max(server.available())
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(signatures)
    assert set(signatures.signature_def) >= SIGNATURES
    default = signatures.signature_def["serving_default"]
    assert default.method_name == "tensorflow/serving/predict"
    assert default.inputs["texts"].dtype == types_pb2.DT_STRING
    assert [dimension.size for dimension in default.inputs["texts"].tensor_shape.dim] == [-1]
    assert set(default.outputs) == {"translations", "log_probs", "lengths"}


def test_metadata_of_a_version(server):
    version = max(server.available())
    assert server.metadata(version=version).model_spec.version.value == version


def test_metadata_over_rest(server):
    version = max(server.available())
    for path in ("", f"/versions/{version}"):
        status, text = server.http("GET", f"/v1/models/{server.model}{path}/metadata")
        answer = json.loads(text)
        assert status == 200
        assert answer["model_spec"]["name"] == server.model
        assert answer["model_spec"]["version"] == str(version)
        default = answer["metadata"]["signature_def"]["signature_def"]["serving_default"]
        assert default["inputs"]["texts"]["dtype"] == "DT_STRING"
        assert default["inputs"]["texts"]["tensor_shape"]["dim"][0]["size"] == "-1"


def test_status(server):
    version = max(server.available())
    status = server.status()[version]
    assert (status.status.error_code, status.status.error_message) == (0, "")
    assert set(server.status(version=version)) == {version}


def test_status_over_rest(server):
    version = max(server.available())
    for path in ("", f"/versions/{version}"):
        status, text = server.http("GET", f"/v1/models/{server.model}{path}")
        assert status == 200
        assert {
            "version": str(version),
            "state": "AVAILABLE",
            "status": {"error_code": "OK", "error_message": ""},
        } in json.loads(text)["model_version_status"]


@pytest.mark.parametrize("path", ["/v1/models/nobody", "/v1/models/{model}/versions/999999999"])
def test_status_of_what_is_not_there(server, path):
    status, text = server.http("GET", path.format(model=server.model))
    assert status == 404
    assert "Could not find" in json.loads(text)["error"]


@pytest.mark.parametrize("spec", [{"model": "nobody"}, {"version": 999_999_999}])
def test_what_is_not_there_over_grpc(server, spec):
    for ask in (server.status, server.metadata):
        with pytest.raises(grpc.RpcError) as refused:
            ask(**spec)
        assert refused.value.code() is grpc.StatusCode.NOT_FOUND
        assert refused.value.details()


@pytest.mark.parametrize("fields", [(), ("weights",)])
def test_metadata_of_other_fields(server, fields):
    with pytest.raises(grpc.RpcError) as refused:
        server.metadata(fields)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_health(server):
    health = health_pb2_grpc.HealthStub(server.channel)
    serving = health_pb2.HealthCheckResponse.SERVING
    for service in ("", "PredictionService", "ModelService"):
        assert health.Check(health_pb2.HealthCheckRequest(service=service), 10).status == serving
    with pytest.raises(grpc.RpcError) as unknown:
        health.Check(health_pb2.HealthCheckRequest(service="nobody"), 10)
    assert unknown.value.code() is grpc.StatusCode.NOT_FOUND
