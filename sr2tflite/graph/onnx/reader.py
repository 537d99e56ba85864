"""From ONNX bytes to the deploy graph: the files that ``write`` makes, float and QDQ.

An ONNX node outside what the writer emits is refused by name.
"""

from collections import defaultdict
from dataclasses import replace
from typing import Any

from sr2tflite.errors import InputError, UnsupportedError
from sr2tflite.graph import notes, ops
from sr2tflite.graph.model import Graph, Node, Tensor
from sr2tflite.graph.onnx.decoding import activation_of, decode_node, graph_inputs
from sr2tflite.graph.onnx.layout import Role, channels_last, from_onnx, role_of
from sr2tflite.graph.onnx.names import DEQUANTIZED, LINEAR, QUANTIZED, RAW
from sr2tflite.graph.onnx.proto import image_shape, initializers, open_model
from sr2tflite.graph.onnx.qdq import Constant, dequantized_constant, pair_params
from sr2tflite.graph.shapes import output_shape
from sr2tflite.graph.validate import validate, validate_operands

_HINT = "the file is corrupt; make it again"


def read(data: bytes, where: str, *, only_ours: bool = True) -> Graph:
    """The graph an ``.onnx`` holds; ``write(read(b)) == b`` for files that ``write`` made.

    Args:
        data: The file's bytes.
        where: The file's name, for messages.
        only_ours: Refuse what another tool wrote, whose value range nobody said, even where it is spelled alike.

    Raises:
        InputError: The bytes are damaged or contradict themselves.
        UnsupportedError: Another tool wrote it, or a node is outside what ``write`` emits.
    """
    graph = _Reader(open_model(data, where, only_ours=only_ours), where).graph()
    validate(graph, where)
    return graph


def _notes(model: Any, where: str) -> notes.Notes:
    entries = {entry.key: entry.value for entry in model.metadata_props}
    return notes.from_json(entries.get(notes.KEY, "{}"), where)


class _Reader:
    """Walks the ONNX nodes in order and undoes what the writer did, pair by pair."""

    def __init__(self, model: Any, where: str) -> None:
        self._where = where
        self._model = model.graph
        self._notes = _notes(model, where)
        self._arrays = initializers(model.graph, where)
        self._constants = {name: Constant(value) for name, value in self._arrays.items()}
        self._values: dict[str, str] = {}
        self._roles: dict[str, Role] = {}
        self._done: set[int] = set()
        self._consumers: dict[str, list[tuple[int, Any]]] = defaultdict(list)
        for index, node in enumerate(model.graph.node):
            for name in node.input:
                self._consumers[name].append((index, node))
        self._graph = Graph(name=model.graph.name, value_range=self._notes.value_range, metadata=self._notes.metadata)

    def graph(self) -> Graph:
        self._graph.inputs = tuple(self._add_input(value) for value in self._model.input)
        for index, proto in enumerate(self._model.node):
            if index not in self._done:
                self._add(proto, self._place(proto))
        self._graph.outputs = tuple(self._known(value.name, "output") for value in self._model.output)
        return self._graph

    def _place(self, proto: Any) -> str:
        return f"{self._where}: {proto.op_type} {proto.name or ', '.join(proto.output)}"

    def _known(self, value: str, what: str) -> str:
        if value not in self._values:
            raise InputError(f"{what} {value!r} is never written", where=self._where, hint=_HINT)
        return self._values[value]

    def _follower(self, value: str, where: str) -> Any:
        """The only node that reads a value; it is then done with."""
        readers = self._consumers[value]
        if len(readers) != 1 or len(readers[0][1].output) != 1:
            raise UnsupportedError(f"{value!r} has {len(readers)} readers; expected 1", where=where)
        index, node = readers[0]
        self._done.add(index)
        return node

    def _add_input(self, value: Any) -> str:
        name: str = value.name
        place = f"{self._where}: input {name}"
        tensor = Tensor(name, channels_last(image_shape(value, place)))
        is_quantized = any(list(node.output) == [f"{name}{QUANTIZED}"] for _, node in self._consumers[name])
        if is_quantized:
            tensor, final = self._rounded(tensor, self._follower(name, place), place)
            if final != f"{name}{DEQUANTIZED}":
                raise UnsupportedError(f"writes {final!r}; expected {name}{DEQUANTIZED}", where=place)
        self._values[f"{name}{DEQUANTIZED}" if is_quantized else name] = name
        self._graph.add_tensor(tensor)
        return name

    def _rounded(self, tensor: Tensor, quantize: Any, where: str) -> tuple[Tensor, str]:
        """A tensor with the parameters of the pair that begins here, and the value the pair ends in."""
        if quantize.op_type != "QuantizeLinear":
            raise UnsupportedError(f"is followed by {quantize.op_type}; expected QuantizeLinear", where=where)
        dequantize = self._follower(quantize.output[0], where)
        if dequantize.op_type != "DequantizeLinear":
            raise UnsupportedError(f"is followed by {dequantize.op_type}; expected DequantizeLinear", where=where)
        dtype, quant = pair_params(quantize, dequantize, self._arrays, where)
        return replace(tensor, dtype=dtype, quant=quant), dequantize.output[0]

    def _add(self, proto: Any, where: str) -> None:
        if proto.domain not in ("", "ai.onnx") or len(proto.output) != 1:
            raise UnsupportedError(f"ONNX op {proto.domain}.{proto.op_type} is not supported", where=where)
        if proto.op_type == "DequantizeLinear":
            self._constants[proto.output[0]] = dequantized_constant(proto, self._arrays, where)
        elif proto.op_type == "QuantizeLinear":
            source = self._known(next(iter(proto.input), ""), "input")
            tensor, final = self._rounded(Tensor("", self._graph.tensors[source].shape), proto, where)
            self._append(Node(ops.Quantize(), (source,), (final,)), replace(tensor, name=final))
        else:
            self._add_op(proto, where)

    def _add_op(self, proto: Any, where: str) -> None:
        result, activation = proto.output[0], "NONE"
        if result.endswith(LINEAR):
            follower = self._follower(result, where)
            result, activation = follower.output[0], activation_of(follower, self._constants, where)
        tensor = Tensor(result, ())
        if result.endswith(RAW):
            tensor, result = self._rounded(tensor, self._follower(result, where), where)
        op = decode_node(proto, self._constants, self._channels(proto), self._notes.kinds.get(result), where)
        if activation != "NONE":
            op = _with_activation(op, activation, where)
        inputs = graph_inputs(proto)
        names = tuple(self._operand(Node(op, inputs, ()), position, where) for position in range(len(inputs)))
        node = Node(op, names, (result,))
        validate_operands(self._graph, node, where)
        self._append(node, replace(tensor, name=result))

    def _channels(self, proto: Any) -> int:
        """Of a node's first input; 0 where that is a constant or unknown."""
        name = self._values.get(next(iter(proto.input), ""))
        return 0 if name is None else (self._graph.tensors[name].shape or (0,))[-1] or 0

    def _append(self, node: Node, tensor: Tensor) -> None:
        self._values[tensor.name] = tensor.name
        self._graph.append(node.op, node.inputs, replace(tensor, shape=output_shape(self._graph, node)))

    def _operand(self, node: Node, position: int, where: str) -> str:
        name = node.inputs[position]
        if name not in self._constants:
            return self._known(name, "input")
        role = role_of(node, position)
        if self._roles.setdefault(name, role) != role:
            raise UnsupportedError("serves two kinds of op", where=f"{self._where}: constant {name}")
        if name not in self._graph.tensors:
            self._add_constant(name, self._constants[name], role, where)
        return name

    def _add_constant(self, name: str, constant: Constant, role: Role, where: str) -> None:
        try:
            data, axis = from_onnx(constant.value, role, constant.axis, self._notes.shapes.get(name))
        except ValueError as error:
            raise InputError(f"constant {name} does not fit: {error}", where=where, hint=_HINT) from error
        self._graph.constant(name, data, constant.quant(axis))
        if (dtype := self._notes.dtypes.get(name)) is not None:
            if (data.dtype.name, dtype) not in (("int8", "int4"), ("int32", "int64")):
                raise InputError(f"constant {name} of {data.dtype} is called {dtype}", where=where, hint=_HINT)
            held = self._graph.update(name, dtype=dtype)
            self._graph.update(name, data=data.astype(held.storage))


def _with_activation(op: ops.Op, activation: str, where: str) -> ops.Op:
    if not hasattr(op, "activation"):
        raise UnsupportedError(f"{op.kind} cannot have a fused {activation}", where=where)
    return replace(op, activation=activation)  # type: ignore[call-arg]
