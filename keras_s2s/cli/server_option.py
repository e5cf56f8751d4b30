"""A model that a server runs, in place of a file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keras_s2s.cli.console import quiet_import
from keras_s2s.cli.option_groups import OptionGroup

if TYPE_CHECKING:
    from keras_s2s.deploy.client.remote_translator import RemoteTranslator

_PANEL = "Server (in place of --model)"

Server = Annotated[
    str | None,
    typer.Option(metavar="HOST:PORT", help="TensorFlow Serving's gRPC port, or its REST port.", rich_help_panel=_PANEL),
]
SERVER: OptionGroup = {
    "rest": Annotated[
        bool, typer.Option("--rest", help="Speak REST, which needs no TensorFlow.", rich_help_panel=_PANEL)
    ],
    "model_name": Annotated[
        str | None, typer.Option(help="The model's name there; left out: model.", rich_help_panel=_PANEL)
    ],
    "version": Annotated[
        int | None, typer.Option(min=0, help="Its version; left out, the newest.", rich_help_panel=_PANEL)
    ],
    "label": Annotated[str | None, typer.Option(help="A version's label: stable, canary.", rich_help_panel=_PANEL)],
    "timeout": Annotated[
        float | None, typer.Option(help="Seconds that a request may take; left out: 30.", rich_help_panel=_PANEL)
    ],
    "tls_roots": Annotated[
        Path | None, typer.Option(help="PEM file of the certificates to trust: use TLS.", rich_help_panel=_PANEL)
    ],
    "tls_certificate": Annotated[
        Path | None, typer.Option(help="PEM file of your own certificate.", rich_help_panel=_PANEL)
    ],
    "tls_key": Annotated[Path | None, typer.Option(help="PEM file of its private key.", rich_help_panel=_PANEL)],
}
"""How that server is spoken to."""


def open_server(
    server: str,
    batch_size: int,
    *,
    rest: bool,
    model_name: str | None,
    version: int | None,
    label: str | None,
    timeout: float | None,
    tls_roots: Path | None,
    tls_certificate: Path | None,
    tls_key: Path | None,
) -> "RemoteTranslator":
    """Return a client of a server; nothing is sent yet.

    Raises:
        OSError: A certificate's file cannot be read.
        ValueError: Two options exclude each other, or a value lies outside its range.
    """
    from keras_s2s.deploy.client.tls import TLS

    tls = TLS(tls_roots, tls_certificate, tls_key) if tls_roots or tls_certificate or tls_key else None
    given = {"model": model_name, "version": version, "label": label, "timeout": timeout, "tls": tls}
    options = {name: value for name, value in given.items() if value is not None}
    if rest:
        from keras_s2s.deploy.client.rest_client import RestClient

        return RestClient(server, batch_size=batch_size, **options)  # type: ignore[arg-type]
    with quiet_import():
        from keras_s2s.deploy.client.serving_client import ServingClient
    return ServingClient(server, batch_size=batch_size, **options)  # type: ignore[arg-type]
