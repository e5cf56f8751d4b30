"""The operators of a TFLite file: an export may need none but LiteRT's own."""

from ai_edge_litert import schema_py_generated as schema


def operators(flatbuffer: bytes) -> list[str]:
    """Return the names of a TFLite file's operators, sorted; a custom one, such as Flex, as `CUSTOM:name`."""
    names = {value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}
    model = schema.Model.GetRootAs(flatbuffer, 0)
    found = set()
    for i in range(model.OperatorCodesLength()):
        code = model.OperatorCodes(i)
        custom = code.CustomCode()
        # The first field, of one byte, is that of older files.
        builtin = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        found.add(f"CUSTOM:{custom.decode()}" if custom else names[builtin])
    return sorted(found)


def require_builtin(flatbuffer: bytes) -> list[str]:
    """Return the operators of a file that has builtin ones alone.

    Raises:
        ValueError: There is a custom operator; the message names it.
    """
    found = operators(flatbuffer)
    custom = [name.removeprefix("CUSTOM:") for name in found if name.startswith("CUSTOM:")]
    if custom:
        raise ValueError(
            f"the model needs operators that LiteRT does not have ({', '.join(custom)}); the file was not written"
        )
    return found
