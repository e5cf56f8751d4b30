"""Pairs of sequences in, a deployed LSTM encoder-decoder out.

Names resolve when they are used (PEP 562): `import keras_s2s` imports neither TensorFlow nor Keras. What is
public, and where it lives, stands in `__init__.pyi`, which type checkers read too.
"""

from typing import Any

import lazy_loader

from keras_s2s.extras import explained

__version__ = "0.1.0"

_resolve, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> Any:
    """Import a public name on first use; a missing extra is an error that names the pip command."""
    with explained():
        return _resolve(name)
