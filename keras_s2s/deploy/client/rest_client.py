"""`RestClient`: a translator over HTTP and JSON, the model on TensorFlow Serving. It imports no TensorFlow."""

import json
from typing import Any, Final
from urllib.parse import quote

import httpx

from keras_s2s.deploy.client.error import ServingError
from keras_s2s.deploy.client.remote_translator import RemoteTranslator
from keras_s2s.deploy.client.retries import retried
from keras_s2s.deploy.client.rules import Outputs, RequestRules
from keras_s2s.deploy.client.served_model import ModelMetadata, ServedModel, Signature, Tensor, VersionStatus
from keras_s2s.deploy.client.tls import TLS

CODES: Final = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
"""gRPC's names of the errors behind HTTP statuses. TensorFlow Serving gives 400 for FAILED_PRECONDITION too."""


class RestClient(RemoteTranslator):
    """A translator whose model `export_saved_model` wrote and TensorFlow Serving runs, spoken to over REST.

    It needs `pip install 'keras-s2s[client]'` and no TensorFlow. It sends, tries again and fails as `ServingClient`
    does. REST is slower than gRPC; TensorFlow Serving itself has no TLS for it, so `https` is for a proxy before it.

    Examples:
        >>> with RestClient("http://localhost:8501", model="en_es") as client:                 # doctest: +SKIP
        ...     client.translate(["Let's go!"])
        ['¡Vamos!']
    """

    def __init__(
        self,
        url: str,
        *,
        model: str = "model",
        version: int | None = None,
        label: str | None = None,
        timeout: float = 30.0,
        retries: int = 4,
        batch_size: int = 64,
        tls: TLS | None = None,
    ) -> None:
        """Prepare a pool of connections; nothing is sent before the first request.

        Args:
            url: The server's address, `http://host:port`; a path before `/v1` may follow. Without `http://` or
                `https://` it is the former, or the latter where `tls` is given.
            model: The model's name on the server; `model` is what the `tensorflow/serving` image calls it unasked.
            version: A version of it; left out, the newest that is loaded.
            label: A version's label, such as `stable`, in place of its number.
            timeout: Seconds that one request may take, with all its tries. HTTP counts them anew for connecting, for
                sending and for each silence of the server's.
            retries: Further tries of a request whose error may pass.
            batch_size: Most texts in one request; no more than the export's `max_batch`.
            tls: Certificates other than those that come with the HTTP library.

        Raises:
            OSError: A certificate's file cannot be read.
            ValueError: The address is none, or an argument lies outside its range.
        """
        url = (url if "://" in url else f"http{'s' * (tls is not None)}://{url}").rstrip("/")
        try:
            valid = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise ValueError(f"{url}: no address of a server ({error}); expected http://host:port") from None
        if valid.scheme not in ("http", "https") or not valid.host:
            raise ValueError(f"{url}: no address of a server; expected http://host:port")
        super().__init__(url, ServedModel(model, version, label), RequestRules(timeout, retries, batch_size))
        self._path = f"{url}/v1/models/{quote(model, safe='')}"
        if version is not None:
            self._path += f"/versions/{version}"
        elif label is not None:
            self._path += f"/labels/{quote(label, safe='')}"
        self._http = httpx.Client(verify=True if tls is None else tls.ssl_context())

    def status(self) -> list[VersionStatus]:  # noqa: D102  as in RemoteTranslator
        answer = self._ask("model_version_status", self._path)
        return [
            VersionStatus(int(item["version"]), item["state"], item["status"]["error_message"])
            for item in answer["model_version_status"]
        ]

    def metadata(self) -> ModelMetadata:  # noqa: D102
        answer = self._ask("metadata", f"{self._path}/metadata")
        signatures = answer["metadata"]["signature_def"]["signature_def"]
        return ModelMetadata(
            int(answer["model_spec"]["version"]),
            {
                name: Signature(_tensors(signature["inputs"]), _tensors(signature["outputs"]))
                for name, signature in sorted(signatures.items())
                if not name.startswith("__")  # TensorFlow's own
            },
        )

    def close(self) -> None:  # noqa: D102
        self._http.close()

    def _predict(self, signature: str, texts: list[str]) -> Outputs:
        question = {"signature_name": signature, "inputs": {"texts": texts}}
        answer = self._ask("outputs", f"{self._path}:predict", question)
        return Outputs(answer["outputs"], len(texts), self.target, str(self.model))

    def _ask(self, wanted: str, url: str, question: Any = None) -> Any:
        """Return an answer that has `wanted`; with a question it is asked by POST, else by GET."""
        method, content = "GET", None
        if question is not None:
            method, content = "POST", json.dumps(question, ensure_ascii=False).encode()

        def once(seconds: float) -> Any:
            try:
                response = self._http.request(
                    method, url, content=content, headers={"Content-Type": "application/json"}, timeout=seconds
                )
            except httpx.TimeoutException as error:
                raise self._error("DEADLINE_EXCEEDED", f"no answer in {seconds:.3g} s") from error
            except httpx.RequestError as error:
                raise self._error("UNAVAILABLE", str(error)) from error
            return self._read(response, wanted)

        return retried(once, self._rules.retries, self._rules.timeout)

    def _read(self, response: httpx.Response, wanted: str) -> Any:
        """Return the JSON of an answer.

        Raises:
            ServingError: It says that something went wrong, or is no answer of TensorFlow Serving's.
        """
        text = response.content.decode(errors="replace")
        try:
            answer = json.loads(text)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            answer = {}
        if response.is_success and wanted in answer:
            return answer
        code = "UNIMPLEMENTED" if response.is_success else CODES.get(response.status_code, "INTERNAL")
        foreign = f"HTTP status {response.status_code} with an answer that is not TensorFlow Serving's: {text[:80]}"
        raise self._error(code, answer.get("error", foreign))

    def _error(self, code: str, message: str) -> ServingError:
        return ServingError(code, message, target=self.target, model=str(self.model))


def _tensors(infos: dict[str, Any]) -> dict[str, Tensor]:
    return {
        name: Tensor.from_proto_names(
            info["dtype"], [int(dimension["size"]) for dimension in info["tensor_shape"]["dim"]]
        )
        for name, info in sorted(infos.items())
    }
