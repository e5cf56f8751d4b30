"""What Keras has to run on."""

import keras


def require_tensorflow() -> None:
    """Check that Keras runs on TensorFlow, whose graphs the exports are.

    Raises:
        ValueError: It runs on something else.
    """
    backend = keras.backend.backend()
    if backend != "tensorflow":
        raise ValueError(f"exports are TensorFlow graphs, and Keras runs on {backend}: set KERAS_BACKEND=tensorflow")
