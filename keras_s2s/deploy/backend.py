"""What Keras has to run on, and what TensorFlow writes of it."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras


def require_tensorflow() -> None:
    """Check that Keras runs on TensorFlow, whose graphs the exports are.

    Raises:
        ValueError: It runs on something else.
    """
    backend = keras.backend.backend()
    if backend != "tensorflow":
        raise ValueError(f"exports are TensorFlow graphs, and Keras runs on {backend}: set KERAS_BACKEND=tensorflow")


def save_module(module: Any, folder: Path, signatures: Mapping[str, Any]) -> None:
    """Write a SavedModel, without TensorFlow's word that it did: the folder that it names has moved when one reads it.

    Args:
        module: The `tf.Module`.
        folder: Where to.
        signatures: Its functions by name.

    Raises:
        OSError: The folder cannot be written.
    """
    import tensorflow as tf

    logger = tf.get_logger()
    level = logger.level
    logger.setLevel(max(level, logging.WARNING))
    try:
        tf.saved_model.save(module, str(folder), signatures=signatures)
    finally:
        logger.setLevel(level)
