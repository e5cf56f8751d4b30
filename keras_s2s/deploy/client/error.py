"""What goes wrong between a client and a served model. Imports nothing heavy."""

from functools import partial
from typing import Any, Final

HINTS: Final = {
    "UNAVAILABLE": "check that the server runs there, that the port is the one for this client (gRPC and REST have one "
    "each), and that both sides use TLS or neither does",
    "DEADLINE_EXCEEDED": "raise timeout, lower batch_size, or give the server less to do at a time",
    "RESOURCE_EXHAUSTED": "the server takes no more work: send less at a time, or raise its --grpc_max_threads",
    "NOT_FOUND": "check the model's name (model=, --model-name) and version; the server's log tells which ones it has",
    "INVALID_ARGUMENT": "check that the server's model list has the label, if one was named, that keras-s2s exported "
    "the model, and that its max_batch is no less than batch_size",
    "UNIMPLEMENTED": "check that TensorFlow Serving, and nothing else, listens there",
    "UNAUTHENTICATED": "check the client's key and certificate",
    "PERMISSION_DENIED": "check the client's key and certificate",
}
"""What to look at, by gRPC's name of the error."""


class ServingError(OSError):
    """A request that a server did not answer, or answered with an error.

    Attributes:
        code: gRPC's name of the error, such as `UNAVAILABLE` or `NOT_FOUND`. Of a REST answer, the name that
            TensorFlow Serving turns into its HTTP status.
        message: What the server, or the way to it, said.
        target: The server's address.
        model: The model that was asked, with its version or label where one was named.
    """

    def __init__(self, code: str, message: str, *, target: str, model: str) -> None:
        """Say what happened, where, and what to look at."""
        self.code = code
        self.message = " ".join(message.split()) or "no message"
        self.target = target
        self.model = model
        hint = f"; {HINTS[code]}" if code in HINTS else ""
        super().__init__(f"{target}, model {model}: {code}: {self.message}{hint}")

    def __reduce__(self) -> Any:
        """Survive the way out of a process of a pool."""
        return partial(ServingError, target=self.target, model=self.model), (self.code, self.message)
