"""What a client names, and what a server says of it: the same over gRPC and REST. Imports nothing heavy."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ServedModel:
    """Which model of a server a client speaks to.

    Attributes:
        name: Its name in the server's model list.
        version: Its version; left out, the newest that the server has loaded.
        label: A version's label, such as `stable`, in place of a number.

    Raises:
        ValueError: There is no name, or both a version and a label.
    """

    name: str
    version: int | None = None
    label: str | None = None

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("model is the name under which the server has the model, got ''")
        if self.version is not None and self.label is not None:
            raise ValueError(f"version={self.version} and label={self.label!r} exclude each other: give one of them")

    def __str__(self) -> str:
        """The name, with the version or label where there is one."""
        if self.version is not None:
            return f"{self.name!r} version {self.version}"
        return f"{self.name!r}" if self.label is None else f"{self.name!r} label {self.label!r}"


@dataclass(frozen=True, slots=True)
class VersionStatus:
    """How far a server is with one version of a model.

    Attributes:
        version: Its number.
        state: `START`, `LOADING`, `AVAILABLE`, `UNLOADING` or `END`.
        error: What went wrong with it; `""` if nothing has.
    """

    version: int
    state: str
    error: str = ""


@dataclass(frozen=True, slots=True)
class Tensor:
    """A signature's input or output.

    Attributes:
        dtype: `string`, `float32`, `int32` and the like.
        shape: Its dimensions; `None` is any size.
    """

    dtype: str
    shape: tuple[int | None, ...]

    @classmethod
    def from_proto_names(cls, data_type: str, sizes: list[int]) -> "Tensor":
        """Make one of a protobuf data type's name, such as `DT_FLOAT`, and of sizes in which -1 is any."""
        dtype = {"DT_FLOAT": "float32", "DT_DOUBLE": "float64"}.get(data_type, data_type.removeprefix("DT_").lower())
        return cls(dtype, tuple(None if size < 0 else size for size in sizes))


@dataclass(frozen=True, slots=True)
class Signature:
    """The named tensors of one way to call a model."""

    inputs: Mapping[str, Tensor]
    outputs: Mapping[str, Tensor]


@dataclass(frozen=True, slots=True)
class ModelMetadata:
    """What a server says of a model.

    Attributes:
        version: The version that was asked, or that a label or nothing stood for.
        signatures: By name: `serving_default`, `beam`, `encode`, `decode_step`.
    """

    version: int
    signatures: Mapping[str, Signature]
