"""A SavedModel in a session of its own: loaded and run in the way of the C++ loader that TensorFlow Serving uses."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_text  # noqa: F401  registers the tokeniser's ops
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2

from keras_s2s.deploy.server.local_server.errors import StatusError, from_number

Array = np.ndarray[Any, Any]

GRAPH = "saved_model.pb"
TAGS = {"serve"}
_VARIABLES = Path("variables") / "variables"
INIT = "__saved_model_init_op"


class ModelSession:
    """The graph of a SavedModel with its variables; safe to run from many threads.

    A session rather than `tf.saved_model.load`: it takes tensors of every shape, as the server does, stops a run at its
    deadline, and gives all memory back when it is closed.

    Attributes:
        signatures: The signatures, `SignatureDef` by name.
    """

    def __init__(self, folder: Path) -> None:
        """Load the version in `folder`.

        Raises:
            StatusError: There is no SavedModel, or a broken one.
            OSError: It cannot be read.
        """
        meta_graph = _read(folder / GRAPH)
        self.signatures: dict[str, Any] = dict(meta_graph.signature_def)
        graph = tf.Graph()
        with graph.as_default():
            tf.import_graph_def(_without_input_shapes(meta_graph.graph_def), name="")
        # Requests run side by side, each op on one thread: dividing the ops too made full requests a fifth slower.
        config = tf.compat.v1.ConfigProto(device_count={"GPU": 0}, intra_op_parallelism_threads=1)
        self._session = tf.compat.v1.Session(graph=graph, config=config)
        try:
            self._restore(meta_graph, folder)
        except tf.errors.OpError as error:
            self.close()
            raise _explained(error) from error

    def run(self, feeds: Mapping[str, Array], fetches: Sequence[str], seconds: float | None) -> list[Array]:
        """Run the graph.

        Args:
            feeds: Arrays by the name of their tensor in the graph.
            fetches: Names of the tensors to return.
            seconds: Longest time that it may take.

        Raises:
            StatusError: The graph refused the arrays, or time ran out.
        """
        options = None
        if seconds is not None:
            options = tf.compat.v1.RunOptions(timeout_in_ms=max(1, math.ceil(seconds * 1000)))
        try:
            return self._session.run(list(fetches), dict(feeds), options=options)
        except tf.errors.OpError as error:
            raise _explained(error) from error

    def close(self) -> None:
        """Cancel what runs and free the memory."""
        self._session.close()

    def _restore(self, meta_graph: Any, folder: Path) -> None:
        """Read the variables and run what a SavedModel asks to be run on loading."""
        saver = meta_graph.saver_def
        if saver.restore_op_name:
            self._session.run(saver.restore_op_name, {saver.filename_tensor_name: str(folder / _VARIABLES)})
        if INIT in self.signatures:
            self._session.run([output.name for output in self.signatures[INIT].outputs.values()])


def _read(path: Path) -> Any:
    """Return the MetaGraphDef for serving."""
    try:
        saved = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    except FileNotFoundError:
        raise from_number(tf.errors.NOT_FOUND, f"no {GRAPH} in {path.parent}: not a SavedModel") from None
    except DecodeError as error:
        raise from_number(tf.errors.DATA_LOSS, f"{path} is no SavedModel, or not whole: {error}") from error
    for meta_graph in saved.meta_graphs:
        if set(meta_graph.meta_info_def.tags) == TAGS:
            return meta_graph
    raise from_number(tf.errors.NOT_FOUND, f"{path} has no graph with the tags {TAGS}")


def _without_input_shapes(graph: Any) -> Any:
    """Let the inputs take every shape: the server checks none, and the graph's own checks are to answer."""
    for node in graph.node:
        if node.op == "Placeholder":
            node.attr.pop("_output_shapes", None)
            node.attr["shape"].shape.CopyFrom(tf.TensorShape(None).as_proto())
    return graph


def _explained(error: Any) -> StatusError:
    """Return TensorFlow's error as the server words it, without what the Python session adds."""
    original = error.__context__ if isinstance(error.__context__, tf.errors.OpError) else error
    return from_number(error.error_code, original.message)
