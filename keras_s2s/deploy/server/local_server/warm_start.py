"""Runs an export's warm-up requests, so that the first request of a client is no slower than the next."""

from pathlib import Path

import grpc
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow_serving.apis import prediction_log_pb2

from keras_s2s.deploy.server.local_server.errors import StatusError
from keras_s2s.deploy.server.local_server.predict import Deadline, predict
from keras_s2s.deploy.server.local_server.session import ModelSession
from keras_s2s.deploy.server.warmup import PLACE


def replay_warmup(folder: Path, name: str, number: int, session: ModelSession) -> None:
    """Run the warm-up requests of a version; one bad record fails it, as under TensorFlow Serving.

    Raises:
        StatusError: A record is broken, or the model does not answer it.
    """
    path = folder / PLACE
    if not path.is_file():
        return
    try:
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            entry = prediction_log_pb2.PredictionLog.FromString(record)
            if entry.WhichOneof("log_type") != "predict_log":
                raise StatusError(grpc.StatusCode.UNIMPLEMENTED, f"{path} holds other requests than Predict")
            request = entry.predict_log.request
            request.model_spec.name = name
            predict(session, number, request, Deadline(None))
    except StatusError as error:
        raise StatusError(error.code, f"a warm-up request of {path} failed: {error.message}") from error
    except (DecodeError, tf.errors.OpError) as error:
        raise StatusError(grpc.StatusCode.DATA_LOSS, f"{path} is no file of warm-up requests: {error}") from error
