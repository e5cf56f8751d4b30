"""How a client knows its server, and proves who it is. Imports nothing heavy."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class TLS:
    """The PEM files of an encrypted connection.

    Attributes:
        roots: Certificates to trust; left out, those that gRPC or the system trusts.
        certificate: The client's own certificate, where the server asks for one.
        key: That certificate's private key.

    Raises:
        ValueError: A certificate without a key, or a key without a certificate.

    Examples:
        >>> ServingClient("example.org:8500", model="en_es", tls=TLS(roots="ca.pem"))          # doctest: +SKIP
    """

    roots: str | Path | None = None
    certificate: str | Path | None = None
    key: str | Path | None = None

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("the client's certificate and key belong together: give both, or neither")

    def channel_credentials(self) -> Any:
        """Return the credentials of a gRPC channel.

        Raises:
            OSError: A file cannot be read.
        """
        import grpc

        files = (self.roots, self.key, self.certificate)
        contents = [None if file is None else Path(file).read_bytes() for file in files]
        return grpc.ssl_channel_credentials(*contents)

    def ssl_context(self) -> ssl.SSLContext:
        """Return the same for HTTPS.

        Raises:
            OSError: A file cannot be read, or is not in the PEM format.
        """
        for file in (self.roots, self.certificate, self.key):
            if file is not None:
                Path(file).read_bytes()  # whose error names the file, as ssl's does not
        context = ssl.create_default_context(cafile=self.roots)
        if self.certificate is not None:
            context.load_cert_chain(self.certificate, self.key)
        return context
