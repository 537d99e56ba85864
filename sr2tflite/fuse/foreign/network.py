"""The walk over a file's nodes that makes the torch module."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from sr2tflite.errors import InputError, UnsupportedError
from sr2tflite.fuse.capture import REFUSALS
from sr2tflite.fuse.foreign.apply import Move
from sr2tflite.fuse.foreign.call import Call, Operand, Picture
from sr2tflite.fuse.foreign.codes import Codes, constants_of, conv_of, dequantized, grid_of, is_rounding, quantized
from sr2tflite.fuse.foreign.module import OnnxModule
from sr2tflite.fuse.foreign.moves import MOVES, UNCHANGED, check_unchanged, is_move, move
from sr2tflite.fuse.foreign.opening import Foreign, called
from sr2tflite.fuse.foreign.optable import OPS
from sr2tflite.fuse.foreign.reference import FOLDABLE, evaluate
from sr2tflite.fuse.foreign.weights import Array, array
from sr2tflite.fuse.mark import Mark
from sr2tflite.graph.movement import recognize
from sr2tflite.graph.said import SaidConstant, SaidConv, SaidGrid

PROBE = (24, 40)
"""Height and width a file with free ones is walked at; what another size would change shows in the proofs."""

_ON_PIXELS = MOVES | UNCHANGED | OPS.keys() | {"Shape", "Size", "QuantizeLinear", "DequantizeLinear"}
_WITH_CONSTANTS = ("PRelu", "Add", "Sub", "Mul")
_ON_CODES = MOVES | {"Identity", "Shape", "Size", "DequantizeLinear"}


class Network:
    """A file's graph as a module, and what its submodules are called in the file.

    Args:
        foreign: The file.

    Raises:
        InputError: Operands do not fit, or weights are not finite.
        UnsupportedError: A node is outside what is read; ``where`` names it.
    """

    def __init__(self, foreign: Foreign) -> None:
        self.foreign = foreign
        self.module = OnnxModule(foreign.input)
        self.labels: dict[str, str] = {}
        """Submodule path → ``Conv /stem/Conv``."""

        self.marks: dict[str, SaidGrid] = {}
        """Value of the module → the grid that the file rounds it to."""

        self.rounding: set[str] = set()
        """Outputs of the nodes that round, or undo it, on the pixels' way."""

        self.convs: list[SaidConv] = []
        self.constants: list[SaidConstant] = []
        self._codes: dict[str, Codes] = {}

        self._values: dict[str, Operand] = dict(foreign.constants)
        self._made: set[str] = {foreign.input}
        height, width = (given or probe for given, probe in zip(foreign.size, PROBE, strict=True))
        shape = (1, foreign.channels, height, width)
        self._values[foreign.input] = Picture(foreign.input, foreign.input, shape)
        for node in foreign.model.graph.node:
            self._add(self._call(node))
        self._finish()

    def _call(self, node: Any) -> Call:
        where = self.foreign.place(node)
        unknown = [name for name in node.input if name and name not in self._values]
        if unknown:  # the checker has seen that a node writes it: a mask, or statistics
            raise UnsupportedError(f"reads {unknown[0]}, a side result; expected an image", where=where)
        operands = tuple(self._values[name] if name else None for name in node.input)
        call = Call(node, operands, self.foreign.opset, where)
        if node.op_type not in (_ON_PIXELS if call.pictures else _ON_PIXELS | FOLDABLE):
            hint = f"replace it by what there is: {', '.join(sorted(_ON_PIXELS))}"
            raise UnsupportedError(f"op {node.op_type} is outside the set that is read", where=where, hint=hint)
        if any(picture.grid for picture in call.pictures) and node.op_type not in _ON_CODES:
            raise call.refuse(f"{node.op_type} works on codes", "DequantizeLinear before it")
        return call

    def _add(self, call: Call) -> None:
        kind, outputs = call.node.op_type, call.node.output
        if kind == "Constant":
            self._values[outputs[0]] = _constant(call)
        elif is_rounding(call.node) and isinstance(call.operands[0], Picture):
            self._round(call, call.operands[0])
        elif kind == "QuantizeLinear":
            self._values[outputs[0]] = quantized(call)
        elif kind == "DequantizeLinear":
            self._values[outputs[0]], self._codes[outputs[0]] = dequantized(call)
        elif not call.pictures and kind in FOLDABLE:
            operands = [operand for operand in call.operands if not isinstance(operand, Picture)]
            self._values.update(zip(outputs, evaluate(call.node, operands, call.opset, call.where), strict=True))
        elif kind in ("Shape", "Size"):
            (picture,) = call.pictures
            stand_in = np.broadcast_to(np.float32(0), picture.shape)
            self._values[outputs[0]] = evaluate(call.node, [stand_in], call.opset, call.where)[0]
        elif kind in UNCHANGED:
            check_unchanged(call)
            first = call.operands[0]
            self._values[outputs[0]] = first if isinstance(first, Picture) else _like_an_image(first)
        elif isinstance(call.operands[0] if call.operands else None, Picture) and is_move(call):
            self._move(call)
        elif kind in OPS and call.pictures:
            self._build(call)
        else:
            raise call.refuse(f"{kind} of these inputs", "an image, or constants that can be folded")

    def _round(self, call: Call, picture: Picture) -> None:
        """QuantizeLinear marks what it reads, unless that lies on the same grid; DequantizeLinear does nothing more."""
        (output,) = call.node.output
        grid = grid_of(call, f"{call.node.op_type} {called(call.node)}")
        self.rounding.add(output)
        before = self.marks.get(picture.root)
        if call.node.op_type == "QuantizeLinear" and before is not None and before.params == grid.params:
            self._values[output] = replace(picture, grid=before)
        elif call.node.op_type == "QuantizeLinear":
            image = self._image(picture, call)
            self._put(call, Mark(), (image.value,), output)
            self.marks[output] = grid
            self._values[output] = Picture(output, output, image.shape, grid=grid)
        elif picture.grid is None or picture.grid.params != grid.params:
            raise call.refuse("a scale and a zero point that are not those of the QuantizeLinear", "the same twice")
        else:
            self._values[output] = replace(picture, grid=None)

    def _move(self, call: Call) -> None:
        (root,) = {picture.root for picture in call.pictures}
        grid = call.pictures[0].grid
        for output, index in zip(call.node.output, move(call), strict=True):
            self._values[output] = Picture(output, root, index.shape, index, call, grid)

    def _build(self, call: Call) -> None:
        pictures = [self._image(picture, call) for picture in call.pictures]
        module = OPS[call.node.op_type](call)
        kind, label = call.node.op_type, f"{call.node.op_type} {called(call.node)}"
        said = conv_of(call, label, self._codes) if kind == "Conv" else None
        if said is not None:
            self.convs.append(said)
        if kind in _WITH_CONSTANTS:
            self.constants += constants_of(call, label, self._codes)
        shape = _shape_after(module, pictures, call)
        (output,) = call.node.output[:1]
        self._put(call, module, tuple(picture.value for picture in pictures), output)
        self._values[output] = Picture(output, output, shape)

    def _put(self, call: Call, module: nn.Module, inputs: tuple[str, ...], output: str) -> None:
        path = self.module.add(called(call.node), module, inputs, output)
        self.labels[path] = f"{call.node.op_type} {called(call.node)}"
        self._made.add(output)

    def _image(self, picture: Picture, reader: Call) -> Picture:
        """A picture as a value of the module: where it was moved, by a movement without a size."""
        if len(picture.shape) != 4 or picture.shape[0] != 1:
            raise reader.refuse(f"works on shape {picture.shape}", "an image 1×C×H×W")
        if picture.index is None or picture.value in self._made:
            return picture
        root = self._values[picture.root]
        assert isinstance(root, Picture)
        assert picture.mover is not None
        movement = recognize(picture.index, root.shape)
        if movement is None:
            raise picture.mover.refuse(
                f"the way from {picture.root} to here moves pixels by no rule that holds at every size",
                "a shuffle of pixel blocks, a repetition, or an order of channels",
            )
        if movement.kind == "channels" and np.array_equal(movement.order, np.arange(root.shape[1])):
            return root
        self._put(picture.mover, Move(movement, root.shape[1]), (root.value,), picture.value)
        return picture

    def _finish(self) -> None:
        output = self._values.get(self.foreign.output)
        where = f"{self.foreign.where}: output {self.foreign.output}"
        if not isinstance(output, Picture):
            raise InputError("the output does not depend on the input's pixels", where=where)
        if len(output.shape) != 4:
            raise UnsupportedError(f"has shape {output.shape}; expected an image 1×C×H×W", where=where)
        reader = output.mover or Call(self.foreign.model.graph.node[-1], (), self.foreign.opset, where)
        self.module.exit = self._image(output, reader).value
        if not self.module.steps:
            raise UnsupportedError("the network returns its input unchanged", where=where)


def _like_an_image(constant: Operand) -> Array:
    """CastLike of a constant and an image."""
    assert isinstance(constant, np.ndarray)
    return constant.astype(np.float32)


def _constant(call: Call) -> Array:
    (attribute,) = call.node.attribute
    if attribute.name == "value":
        return array(attribute.t, call.where)
    if attribute.name in ("sparse_value", "value_string", "value_strings"):
        raise call.refuse(f"a {attribute.name}", "numbers")
    value = call.attribute(attribute.name)
    return np.array(value, np.float32 if attribute.name.startswith("value_float") else np.int64)


def _shape_after(module: nn.Module, pictures: list[Picture], call: Call) -> tuple[int, ...]:
    """The shape of a submodule's output; nothing is computed."""
    try:
        with torch.no_grad(), FakeTensorMode(allow_non_fake_inputs=True):
            result = module(*(torch.empty(picture.shape) for picture in pictures))
    except REFUSALS as error:
        shapes = ", ".join(str(picture.shape) for picture in pictures)
        text = str(error).strip().partition("\n")[0]
        raise InputError(
            f"cannot work on shapes {shapes}: {text}", where=call.where, hint="make the file again"
        ) from error
    return tuple(int(size) for size in result.shape)
