"""What TensorFlow Serving documents of its configuration, where tensorflow-serving-api ships no classes for it."""

from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format, wrappers_pb2
from tensorflow_serving.config import model_server_config_pb2

FIELD = descriptor_pb2.FieldDescriptorProto
SCALARS = {"bool": FIELD.TYPE_BOOL, "string": FIELD.TYPE_STRING, "int64": FIELD.TYPE_INT64}
WRAPPER = "google.protobuf."

# Fields as in tensorflow_serving/config/{monitoring,ssl}_config.proto and
# tensorflow_serving/servables/tensorflow/session_bundle_config.proto: name: (number, type); * is repeated.
MESSAGES = {
    "PrometheusConfig": {"enable": (1, "bool"), "path": (2, "string")},
    "MonitoringConfig": {"prometheus_config": (1, "tensorflow.serving.PrometheusConfig")},
    "SSLConfig": {
        "server_key": (1, "string"),
        "server_cert": (2, "string"),
        "custom_ca": (3, "string"),
        "client_verify": (4, "bool"),
    },
    "BatchingParameters": {
        "max_batch_size": (1, WRAPPER + "Int64Value"),
        "batch_timeout_micros": (2, WRAPPER + "Int64Value"),
        "max_enqueued_batches": (3, WRAPPER + "Int64Value"),
        "num_batch_threads": (4, WRAPPER + "Int64Value"),
        "thread_pool_name": (5, WRAPPER + "StringValue"),
        "allowed_batch_sizes": (6, "*int64"),
        "pad_variable_length_inputs": (7, "bool"),
        "enable_large_batch_splitting": (8, WRAPPER + "BoolValue"),
        "max_execution_batch_size": (9, WRAPPER + "Int64Value"),
    },
}
CLASS_OF_FILE = {
    "batching.config": "BatchingParameters",
    "monitoring.config": "MonitoringConfig",
    "tls.config": "SSLConfig",
}


def _messages():
    file = descriptor_pb2.FileDescriptorProto(name="documented.proto", package="tensorflow.serving", syntax="proto3")
    file.dependency.append(wrappers_pb2.DESCRIPTOR.name)
    for title, fields in MESSAGES.items():
        message = file.message_type.add(name=title)
        for name, (number, kind) in fields.items():
            scalar = SCALARS.get(kind.lstrip("*"))
            message.field.add(
                name=name,
                number=number,
                label=FIELD.LABEL_REPEATED if kind.startswith("*") else FIELD.LABEL_OPTIONAL,
                type=scalar or FIELD.TYPE_MESSAGE,
                type_name=None if scalar else "." + kind,
            )
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(file)
    names = {title: pool.FindMessageTypeByName(f"tensorflow.serving.{title}") for title in MESSAGES}
    return {title: message_factory.GetMessageClass(descriptor) for title, descriptor in names.items()}


@pytest.fixture(scope="session")
def folder():
    return Path(__file__).parents[2] / "serving"


@pytest.fixture(scope="session")
def parse():
    """Parse a text proto as the server does, by the name of its file."""
    classes = _messages()
    classes["ModelServerConfig"] = model_server_config_pb2.ModelServerConfig

    def parse(name, text):
        return text_format.Parse(text, classes[CLASS_OF_FILE.get(name, "ModelServerConfig")]())

    return parse
