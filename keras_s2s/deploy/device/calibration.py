"""What the products of a model are fed with: the moments that careful rounding goes by."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from keras_s2s.data.tokenizer import EOS, PAD
from keras_s2s.decoding.inference import inference_weights
from keras_s2s.decoding.runtime import pad_rows, search_all

if TYPE_CHECKING:
    from keras_s2s.seq2seq import Seq2Seq

Array = np.ndarray[Any, Any]

BATCH = 32


def input_moments(model: "Seq2Seq", texts: Sequence[str]) -> dict[str, Array]:
    """Return the mean of x · xᵀ over the inputs x of each product, by the weight's `layer/variable`.

    The training graph reads the texts and the model's own greedy outputs. Layers of other kinds than LSTM and fully
    connected ones are left out.

    Args:
        model: The model.
        texts: Source texts; texts of the user, or random pieces, which do nearly as well.
    """
    pairs = _greedy_pairs(model, texts)
    layers = [layer for layer in model.layers if isinstance(layer, keras.layers.LSTM | keras.layers.Dense)]
    inputs = {layer.name: _tensors(layer) for layer in layers}
    network = keras.Model(model.inputs, inputs)
    moments: dict[str, Array] = {}
    count: dict[str, int] = {}
    for start in range(0, len(pairs), BATCH):
        source, target = (pad_rows(rows)[0] for rows in zip(*pairs[start : start + BATCH], strict=True))
        found = network.predict_on_batch({"source": source, "target": target})
        for layer in layers:
            for name, rows in _rows(layer, found[layer.name], (source, target)):
                moments[name] = moments.get(name, 0) + rows.T.astype(np.float64) @ rows
                count[name] = count.get(name, 0) + len(rows)
    return {name: moment / count[name] for name, moment in moments.items()}


def _greedy_pairs(model: "Seq2Seq", texts: Iterable[str]) -> list[tuple[list[int], list[int]]]:
    """Return source ids, and the decoder's input ids up to the last token that it reads."""
    rows = [ids for ids in model.source_tokenizer.encode(list(texts), model.config.max_source_length) if len(ids) > 1]
    search = replace(model.search, method="greedy", copy_unknown=False)  # ids of copies are none that a network reads
    found = dict(search_all(inference_weights(model), rows, model.config, search, BATCH))
    # Without the last token, which is <EOS> or, at the limit, is never read.
    return [(row, [EOS, *found[i][0][0][:-1]]) for i, row in enumerate(rows)]


def _tensors(layer: keras.layers.Layer) -> list[Any]:
    """Return a layer's inputs and, of an LSTM, its outputs behind them."""
    inputs = [tensor for tensor in keras.tree.flatten(layer.input) if tensor.dtype != "bool"]  # masks are of that type
    return [*inputs, keras.tree.flatten(layer.output)[0]] if isinstance(layer, keras.layers.LSTM) else inputs


def _rows(layer: keras.layers.Layer, arrays: list[Array], ids: tuple[Array, Array]) -> Iterator[tuple[str, Array]]:
    """Yield name and inputs, `[rows, inputs]`, of each of a layer's products, padding left out."""
    x, *rest = arrays
    if x.ndim == 2:  # the bridge reads states, which have no time
        yield f"{layer.name}/kernel", x
        return
    source, target = (array != PAD for array in ids)
    real = source if layer.name.startswith("encoder") or layer.name == "attention_keys" else target
    yield f"{layer.name}/kernel", x[real]
    if rest:
        *states, outputs = rest
        first = states[0] if states else np.zeros_like(outputs[:, 0])
        before = np.concatenate([first[:, np.newaxis], outputs[:, :-1]], axis=1)
        yield f"{layer.name}/recurrent_kernel", before[real]
