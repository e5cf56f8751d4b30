"""LSTM layers as pure functions over a dictionary of weights."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from keras import ops

Weights = dict[str, Any]
"""Every trained array by `layer/variable`."""

State = dict[str, Any]
"""Short- and long-term memory of a stack: `hidden_i` and `cell_i` of each layer, from 1. `[batch, units]` each

Where attention has a window, or a search counts, also the number of the decoder's next step, from 0, as `position`,
`[batch]`, int32. Where a search must know them, also the tokens that were `written`, newest first, `[batch, limit]`,
int32, and the attention that each source token got, `coverage`, `[batch, source time]`.
"""


def state_names(layer: int) -> tuple[str, str]:
    """Return the names of a layer's hidden and cell state; layers count from 1."""
    return f"hidden_{layer}", f"cell_{layer}"


def feed(weights: Weights, layer: str, inputs: Any) -> Any:
    """Return what a layer's gates get from its input alone. `[…, width]` to `[…, 4 * units]`"""
    return ops.matmul(inputs, weights[f"{layer}/kernel"]) + weights[f"{layer}/bias"]


def stack_step(weights: Weights, layers: Sequence[str], fed: Any, state: State, residual: bool) -> tuple[Any, State]:
    """Run one step through a stack of layers.

    Args:
        weights: The trained arrays.
        layers: Names of the layers, bottom first.
        fed: What the first layer is fed with, as `feed` gives it. `[batch, 4 * units]`
        state: The state before the step.
        residual: Whether layers above the first add their input to their output.

    Returns:
        The top layer's output, `[batch, units]`, and the state after the step.
    """
    following: State = {}
    output: Any = None
    for number, layer in enumerate(layers, start=1):
        hidden, cell = state_names(number)
        if number > 1:
            fed = feed(weights, layer, output)
        gates = open_gates(fed + ops.matmul(state[hidden], weights[f"{layer}/recurrent_kernel"]))
        following[hidden], following[cell] = next_memories(gates, state[cell])
        output = following[hidden] + output if residual and number > 1 else following[hidden]
    return output, following


class Gates(NamedTuple):
    """A layer's gates at one step, after their activations. `[batch, units]` each

    Attributes:
        input: How much of the candidate enters the long-term memory, 0 to 1.
        forget: How much of the long-term memory stays, 0 to 1.
        candidate: What would enter it, -1 to 1.
        output: How much of the long-term memory shows as short-term memory, 0 to 1.
    """

    input: Any
    forget: Any
    candidate: Any
    output: Any


def open_gates(inputs: Any) -> Gates:
    """Return the gates, given the sums of what they are fed with, in Keras's order. `[batch, 4 * units]`"""
    entering, forget, candidate, output = ops.split(inputs, 4, axis=-1)
    return Gates(ops.sigmoid(entering), ops.sigmoid(forget), ops.tanh(candidate), ops.sigmoid(output))


def next_memories(gates: Gates, cell: Any) -> tuple[Any, Any]:
    """Return the next hidden and cell state. `[batch, units]` each"""
    cell = gates.forget * cell + gates.input * gates.candidate
    return gates.output * ops.tanh(cell), cell


def read(
    weights: Weights,
    layers: Sequence[str],
    inputs: Any,
    length: Any,
    *,
    residual: bool = False,
    backward: bool = False,
    keep_outputs: bool = True,
) -> tuple[State, Any]:
    """Run a stack of layers over whole rows, from zero states.

    The first layer is fed for all steps at once, outside the loop; but a single row of fixed length, as LiteRT has it,
    is fed step by step: most of it is padding, which would cost more than the tokens.

    Args:
        weights: The trained arrays.
        layers: Names of the layers, bottom first.
        inputs: What the first one reads. `[time, batch, width]`
        length: Tokens of each row. `[batch]`
        residual: Whether layers above the first add their input to their output.
        backward: Read from each row's last token to its first.
        keep_outputs: Whether the outputs are wanted.

    Returns:
        The state after each row's last token read, and the top layer's outputs, `[time, batch, units]`; what they
        hold past a row's length means nothing.
    """
    single = inputs.shape[1] == 1
    steps = inputs if single else feed(weights, layers[0], inputs)  # [time, batch, 4 * units]
    time, batch = ops.shape(inputs)[:2]
    longest = ops.max(length)

    def zeros(*shape: Any) -> Any:
        return ops.zeros(shape, dtype=inputs.dtype)

    state = {
        name: zeros(batch, weights[f"{layer}/recurrent_kernel"].shape[0])
        for number, layer in enumerate(layers, start=1)
        for name in state_names(number)
    }
    outputs = zeros(time, batch, weights[f"{layers[-1]}/recurrent_kernel"].shape[0]) if keep_outputs else zeros()

    def body(count: Any, state: State, outputs: Any) -> tuple[Any, State, Any]:
        position = longest - 1 - count if backward else count
        fed = ops.take(steps, position, axis=0)
        if single:
            fed = feed(weights, layers[0], fed)
        output, following = stack_step(weights, layers, fed, state, residual)
        if not single:
            reading = ops.expand_dims(position < length, 1)  # elsewhere a row keeps the state that it has
            following = {name: ops.where(reading, following[name], state[name]) for name in state}
        if keep_outputs:
            here = ops.equal(ops.arange(time, dtype="int32"), position)
            outputs = ops.where(ops.reshape(here, (-1, 1, 1)), output, outputs)
        return count + 1, following, outputs

    start = (ops.zeros((), "int32"), state, outputs)
    _, state, outputs = ops.while_loop(lambda count, *_: count < longest, body, start)
    return state, outputs


def read_both_ways(
    weights: Weights, layers: Sequence[str], inputs: Any, length: Any, *, residual: bool
) -> tuple[State, Any]:
    """Run a stack of layers whose halves read in opposite directions; arguments and results are `read`'s."""
    state: State = {}
    for number, layer in enumerate(layers, start=1):
        forward, ahead = read(weights, [f"forward_{layer}"], inputs, length)
        backward, back = read(weights, [f"backward_{layer}"], inputs, length, backward=True)
        for own, half in zip(state_names(number), state_names(1), strict=True):
            state[own] = ops.concatenate([forward[half], backward[half]], axis=-1)
        outputs = ops.concatenate([ahead, back], axis=-1)  # [time, batch, units]
        inputs = outputs + inputs if residual and number > 1 else outputs
    return state, inputs
