"""`ServingClient`: a translator over gRPC, the model on TensorFlow Serving."""

from collections.abc import Callable
from typing import Any

import grpc
from tensorflow_serving.apis.model_service_pb2_grpc import ModelServiceStub
from tensorflow_serving.apis.prediction_service_pb2_grpc import PredictionServiceStub

from keras_s2s.deploy.client import messages
from keras_s2s.deploy.client.remote_translator import RemoteTranslator
from keras_s2s.deploy.client.retries import retried
from keras_s2s.deploy.client.rules import Outputs, RequestRules
from keras_s2s.deploy.client.served_model import ModelMetadata, ServedModel, VersionStatus
from keras_s2s.deploy.client.tls import TLS


class ServingClient(RemoteTranslator):
    """A translator whose model `export_saved_model` wrote and TensorFlow Serving runs, spoken to over gRPC.

    Long lists are sent as several requests. A request that meets UNAVAILABLE or RESOURCE_EXHAUSTED is tried again,
    after longer and longer waits, within its time. Several threads may share a client.

    Examples:
        >>> with ServingClient("localhost:8500", model="en_es") as client:                     # doctest: +SKIP
        ...     client.translate(["Let's go!"])
        ['¡Vamos!']
    """

    def __init__(
        self,
        target: str,
        *,
        model: str = "model",
        version: int | None = None,
        label: str | None = None,
        timeout: float = 30.0,
        retries: int = 4,
        batch_size: int = 64,
        tls: TLS | None = None,
    ) -> None:
        """Prepare a channel; nothing is sent before the first request.

        Args:
            target: The server's address, `host:port`; the port of gRPC, 8500 by custom.
            model: The model's name on the server; `model` is what the `tensorflow/serving` image calls it unasked.
            version: A version of it; left out, the newest that is loaded.
            label: A version's label, such as `stable`, in place of its number.
            timeout: Seconds that one request may take, with all its tries.
            retries: Further tries of a request whose error may pass.
            batch_size: Most texts in one request; no more than the export's `max_batch`.
            tls: Certificates, where the server wants an encrypted connection.

        Raises:
            OSError: A certificate's file cannot be read.
            ValueError: An argument lies outside its range.
        """
        super().__init__(target, ServedModel(model, version, label), RequestRules(timeout, retries, batch_size))
        self._channel = (
            grpc.insecure_channel(target, messages.CHANNEL_OPTIONS)
            if tls is None
            else grpc.secure_channel(target, tls.channel_credentials(), messages.CHANNEL_OPTIONS)
        )
        self._prediction = PredictionServiceStub(self._channel)
        self._models = ModelServiceStub(self._channel)

    def status(self) -> list[VersionStatus]:  # noqa: D102  as in RemoteTranslator
        return messages.read_status(self._ask(self._models.GetModelStatus, messages.status_request(self.model)))

    def metadata(self) -> ModelMetadata:  # noqa: D102
        request = messages.metadata_request(self.model)
        return messages.read_metadata(self._ask(self._prediction.GetModelMetadata, request))

    def close(self) -> None:  # noqa: D102
        self._channel.close()

    def _predict(self, signature: str, texts: list[str]) -> Outputs:
        request = messages.predict_request(self.model, signature, texts)
        response = self._ask(self._prediction.Predict, request)
        return messages.read_prediction(response, len(texts), self.target, self.model)

    def _ask(self, method: Callable[..., Any], request: Any) -> Any:
        def once(seconds: float) -> Any:
            try:
                return method(request, timeout=seconds)
            except grpc.RpcError as error:
                raise messages.read_error(error, self.target, self.model) from error

        return retried(once, self._rules.retries, self._rules.timeout)
