"""`keras-s2s web`: the page that translates in the browser, with one's own models."""

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from keras_s2s.cli.console import err, out, quiet_import


def web(
    models: Annotated[list[Path], typer.Argument(help="Folders of exported models, or .tflite files.")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on this machine; 0 takes any free one.")] = 8600,
    open: Annotated[bool, typer.Option(help="Open the page in the browser.")] = True,
) -> None:
    """Translate in the browser: serve a page to this machine that runs exported models itself.

    Make a model with `keras-s2s export tflite`. Once loaded, page and model work without the server too.
    """
    with quiet_import():
        from keras_s2s.deploy.web_server import WebServer, find_models, find_page

    found = find_models(models)
    with WebServer(find_page(), found, port) as server:
        out.print(f"{server.url} has {', '.join(found)}", markup=False, highlight=False, soft_wrap=True)
        err.print("Ctrl-C ends.", style="dim")
        if open:
            webbrowser.open(server.url)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            err.print("stopped", style="dim")
