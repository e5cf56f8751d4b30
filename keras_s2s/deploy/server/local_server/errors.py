"""What a request can fail with: a gRPC status code, and the HTTP status that TensorFlow Serving gives for it."""

from typing import Final

import grpc

HTTP_STATUS: Final = {
    grpc.StatusCode.OK: 200,
    grpc.StatusCode.CANCELLED: 499,
    grpc.StatusCode.UNKNOWN: 500,
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.FAILED_PRECONDITION: 400,
    grpc.StatusCode.ABORTED: 409,
    grpc.StatusCode.OUT_OF_RANGE: 400,
    grpc.StatusCode.UNIMPLEMENTED: 501,
    grpc.StatusCode.INTERNAL: 500,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DATA_LOSS: 500,
    grpc.StatusCode.UNAUTHENTICATED: 401,
}

_BY_NUMBER = {code.value[0]: code for code in grpc.StatusCode}


class StatusError(Exception):
    """A request, or the loading of a version, that failed.

    Attributes:
        code: The status code.
        message: What came, and what was expected.
    """

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        """Keep both."""
        super().__init__(message)
        self.code = code
        self.message = message


def invalid(message: str) -> StatusError:
    """Return the error of a request that asks for something that cannot be."""
    return StatusError(grpc.StatusCode.INVALID_ARGUMENT, message)


def from_number(number: int, message: str) -> StatusError:
    """Return the error of a status code by its number, as TensorFlow's exceptions carry it."""
    return StatusError(_BY_NUMBER.get(number, grpc.StatusCode.UNKNOWN), message)
