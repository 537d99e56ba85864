"""Files of ours, changed through the schema's own objects."""

from collections.abc import Callable

import flatbuffers
from ai_edge_litert import schema_py_generated as schema

from sr2tflite.graph import Graph, tflite


def changed(graph: Graph, change: Callable[[schema.ModelT], None]) -> bytes:
    """The file of a graph after a change."""
    model = schema.ModelT.InitFromPackedBuf(tflite.write(graph))
    change(model)
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def with_custom_op(graph: Graph, name: str) -> bytes:
    """The file of a graph whose first kind of op is a custom one of this name."""

    def to_custom(model: schema.ModelT) -> None:
        model.operatorCodes[0].builtinCode = schema.BuiltinOperator.CUSTOM
        model.operatorCodes[0].customCode = name

    return changed(graph, to_custom)
