"""The list of ops and tensors of any ``.tflite``, straight from its records."""

from collections.abc import Mapping
from typing import Any

from sr2tflite.errors import Sr2TfliteError
from sr2tflite.graph.listing import ListedOp, ListedTensor, Listing, tensor_bytes
from sr2tflite.graph.model import Graph, Shape
from sr2tflite.graph.ops import Opaque
from sr2tflite.graph.tflite.flat import FlatModel, FlatOp, FlatTensor
from sr2tflite.graph.tflite.optable import CODECS, NAME_OF_BUILTIN
from sr2tflite.graph.tflite.reader import graph_of, names_of
from sr2tflite.graph.tflite.soundness import BITS, TYPE_NAMES, refuse_unsound
from sr2tflite.numerics.qparams import QuantParams


def listed(flat: FlatModel, where: str) -> tuple[Listing, Graph | None, Sr2TfliteError | None]:
    """The list of a file's records, and its graph, or why it is none.

    Args:
        flat: The records.
        where: The file's name, for messages.

    Returns:
        (list, graph, None) or (list, None, what the reader of graphs says).

    Raises:
        InputError: The file contradicts itself, so that not even a list makes sense.
    """
    names = names_of(flat)
    refuse_unsound(flat, names, where)
    graph, refusal = None, None
    try:
        graph = graph_of(flat, where)
    except Sr2TfliteError as error:
        refusal = error
    known = {node.outputs: node.op for node in graph.nodes} if graph else {}
    ops = []
    for index, op in enumerate(flat.ops):
        outputs = tuple(names[one] for one in op.outputs)
        inputs = tuple(names[one] for one in op.inputs if one != -1)
        found = known.get(outputs)
        attributes: Mapping[str, Any] = {} if found is None or isinstance(found, Opaque) else vars(found)
        is_foreign = isinstance(found, Opaque) or (found is None and _is_unknown(op))
        ops.append(ListedOp(index, _kind(op), inputs, outputs, attributes, op.version, is_foreign))
    tensors = {name: _tensor(name, one) for name, one in zip(names, flat.tensors, strict=True)}
    inputs, outputs = (tuple(names[one] for one in ends) for ends in (flat.inputs, flat.outputs))
    return Listing(inputs, outputs, tensors, tuple(ops)), graph, refusal


def _kind(op: FlatOp) -> str:
    return op.custom or NAME_OF_BUILTIN.get(op.builtin, f"BUILTIN_{op.builtin}")


def _is_unknown(op: FlatOp) -> bool:
    return bool(op.custom) or _kind(op) not in CODECS


def _tensor(name: str, flat: FlatTensor) -> ListedTensor:
    shape: Shape = tuple(None if size < 0 else size for size in flat.shape)
    quant = None
    if flat.scale and len(flat.scale) == len(flat.zero_point):
        quant = QuantParams(flat.scale, flat.zero_point, flat.axis if len(flat.scale) > 1 else None)
    dtype = TYPE_NAMES.get(flat.type, str(flat.type)).lower()
    return ListedTensor(name, shape, dtype, flat.data is not None, tensor_bytes(shape, BITS.get(flat.type, 0)), quant)
