"""`AsyncServingClient`: `ServingClient` for asyncio."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Self

import grpc
from tensorflow_serving.apis.model_service_pb2_grpc import ModelServiceStub
from tensorflow_serving.apis.prediction_service_pb2_grpc import PredictionServiceStub

from keras_s2s.deploy.client import messages
from keras_s2s.deploy.client.retries import retried_async
from keras_s2s.deploy.client.rules import BEAM, PLAIN, Outputs, RequestRules
from keras_s2s.deploy.client.served_model import ModelMetadata, ServedModel, VersionStatus
from keras_s2s.deploy.client.tls import TLS
from keras_s2s.translation import Hypothesis, require_n


class AsyncServingClient:
    """`ServingClient` for asyncio: the same arguments, answers and errors, its methods awaited.

    Any number of tasks may share one.

    Examples:
        >>> async with AsyncServingClient("localhost:8500", model="en_es") as client:          # doctest: +SKIP
        ...     await client.translate(["Let's go!"])
        ['¡Vamos!']

    Attributes:
        target: The server's address.
        model: The model that is asked.
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
        """Prepare a channel; the arguments are those of `ServingClient`.

        Raises:
            OSError: A certificate's file cannot be read.
            ValueError: An argument lies outside its range.
        """
        self.target = target
        self.model = ServedModel(model, version, label)
        self._rules = RequestRules(timeout, retries, batch_size)
        self._channel = (
            grpc.aio.insecure_channel(target, messages.CHANNEL_OPTIONS)
            if tls is None
            else grpc.aio.secure_channel(target, tls.channel_credentials(), messages.CHANNEL_OPTIONS)
        )
        self._prediction = PredictionServiceStub(self._channel)
        self._models = ModelServiceStub(self._channel)

    async def translate(self, texts: Sequence[str]) -> list[str]:
        """Return the best output of each text, as `ServingClient.translate`."""
        answers: list[str] = []
        for batch in self._rules.requests(texts):
            answers += (await self._predict(PLAIN, batch)).translations()
        return answers

    async def n_best(self, texts: Sequence[str], n: int | None = None) -> list[list[Hypothesis]]:
        """Return up to `n` hypotheses of each text, best first, as `ServingClient.n_best`."""
        require_n(n)
        answers: list[list[Hypothesis]] = []
        for batch in self._rules.requests(texts):
            answers += (await self._predict(BEAM, batch)).hypotheses(n)
        return answers

    async def status(self) -> list[VersionStatus]:
        """Return how far the server is with the model's versions, as `ServingClient.status`."""
        return messages.read_status(await self._ask(self._models.GetModelStatus, messages.status_request(self.model)))

    async def metadata(self) -> ModelMetadata:
        """Return the version that answers, and its signatures, as `ServingClient.metadata`."""
        request = messages.metadata_request(self.model)
        return messages.read_metadata(await self._ask(self._prediction.GetModelMetadata, request))

    async def close(self) -> None:
        """Give the connection back; requests under way are cancelled."""
        await self._channel.close()

    async def _predict(self, signature: str, texts: list[str]) -> Outputs:
        request = messages.predict_request(self.model, signature, texts)
        response = await self._ask(self._prediction.Predict, request)
        return messages.read_prediction(response, len(texts), self.target, self.model)

    async def _ask(self, method: Callable[..., Awaitable[Any]], request: Any) -> Any:
        async def once(seconds: float) -> Any:
            try:
                return await method(request, timeout=seconds)
            except grpc.RpcError as error:
                raise messages.read_error(error, self.target, self.model) from error

        return await retried_async(once, self._rules.retries, self._rules.timeout)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
