"""From a torch module to a functional float64 graph of aten ops, with everything that no pixel reaches folded away."""

import copy
import io
import logging
import operator
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import Node

from sr2tflite.errors import InputError, UnsupportedError
from sr2tflite.fuse.origin import op_name, place, user_line
from sr2tflite.fuse.spelling import respell

REFUSALS = (RuntimeError, TypeError, ValueError, IndexError, KeyError, AttributeError, NotImplementedError)
"""What a module raises when it cannot work on an input; anything else is a bug that keeps its traceback."""


@dataclass(frozen=True)
class Captured:
    """A module at one size as aten ops: NCHW, batch 1, float64, functional (in-place writes are ``slice_scatter``)."""

    input: Node
    output: Node
    nodes: tuple[Node, ...]
    """What the output needs and the input reaches, in execution order."""

    constants: Mapping[Node, Any]
    """Values in weight space: parameters and whatever is computed from them alone."""

    def operands(self, node: Node) -> list[Node]:
        """The activations a node reads, each once."""
        return [operand for operand in node.all_input_nodes if operand not in self.constants]

    def value(self, argument: Any) -> Any:
        """What an argument is when it lies in weight space; activations stay nodes."""
        if isinstance(argument, Node):
            return self.constants.get(argument, argument)
        if isinstance(argument, (list, tuple)):
            return type(argument)(self.value(item) for item in argument)
        return argument

    def run(self, nodes: Iterable[Node], entry: Node, x: Tensor) -> Any:
        """The value of the last of ``nodes`` when ``entry`` is ``x``.

        Args:
            nodes: Nodes in execution order that read only each other, ``entry`` and constants.
            entry: The activation they start from.
            x: Its value, NCHW.
        """
        values: dict[Node, Any] = {entry: x}
        result: Any = x
        for node in nodes:
            result = values[node] = execute(node, self.constants, values)
        return result


def execute(node: Node, *scopes: Mapping[Node, Any]) -> Any:
    """One aten op on the values its arguments have in the first scope that holds them."""

    def look_up(argument: Node) -> Any:
        return next(scope[argument] for scope in scopes if argument in scope)

    args = torch.fx.node.map_arg(node.args, look_up)
    kwargs = torch.fx.node.map_arg(node.kwargs, look_up)
    assert callable(node.target)
    return node.target(*args, **kwargs)


def prepared(module: nn.Module, dtype: torch.dtype) -> nn.Module:
    """A copy of the module for evaluation in ``dtype``, on the CPU; plain tensor attributes follow its parameters."""
    try:
        module = copy.deepcopy(module).cpu().eval().to(dtype)
    except RuntimeError as error:
        hint = "keep parameters and buffers in it; compute what follows from them in forward"
        raise InputError(f"cannot be copied: {error}", where=type(module).__name__, hint=hint) from error
    for part in module.modules():
        for name, value in vars(part).items():
            if isinstance(value, Tensor) and value.is_floating_point():
                setattr(part, name, value.detach().cpu().to(dtype))
    _check_finite(module)
    return module


def _check_finite(module: nn.Module) -> None:
    for name, value in module.state_dict().items():
        if isinstance(value, Tensor) and not bool(value.isfinite().all()):
            hint = "take an earlier checkpoint, from before the training diverged"
            where = f"{type(module).__name__}, {name}"
            raise InputError("holds values that are not finite", where=where, hint=hint)


def _weights(program: torch.export.ExportedProgram) -> dict[Node, Any]:
    placeholders = [node for node in program.graph.nodes if node.op == "placeholder"]
    values: dict[Node, Any] = {}
    for node, spec in zip(placeholders, program.graph_signature.input_specs, strict=True):
        if spec.target is not None:
            known = program.state_dict if spec.target in program.state_dict else program.constants
            values[node] = known[spec.target]
    return values


def _needed(output: Node) -> set[Node]:
    seen, todo = {output}, [output]
    while todo:
        for node in todo.pop().all_input_nodes:
            if node not in seen:
                seen.add(node)
                todo.append(node)
    return seen


def _only_output(program: torch.export.ExportedProgram) -> Node:
    names = program.graph_signature.user_outputs
    (output,) = [node for node in program.graph.nodes if node.name == names[0]]
    assert isinstance(output, Node)
    return output


def _check_op(node: Node) -> None:
    if node.op != "call_function" or not (
        isinstance(node.target, torch._ops.OpOverload) or node.target is operator.getitem
    ):
        raise UnsupportedError(f"{op_name(node)} is no plain tensor op; expected aten ops", where=place(node))
    if torch.Tag.nondeterministic_seeded in getattr(node.target, "tags", ()):
        raise UnsupportedError(
            f"op {op_name(node)} is random; expected the same output for the same input",
            where=place(node),
            hint="make it depend on self.training, so that eval() turns it off",
        )


def _is_functional(program: torch.export.ExportedProgram) -> bool:
    """Whether no op writes in place or is random; only then the graph can be read as it is (and a second is saved)."""
    targets = [node.target for node in program.graph.nodes if isinstance(node.target, torch._ops.OpOverload)]
    return not any(t._schema.is_mutable or torch.Tag.nondeterministic_seeded in t.tags for t in targets)


def _export(module: nn.Module, x: Tensor) -> torch.export.ExportedProgram:
    with torch.no_grad():
        try:
            output = module(x)
        except REFUSALS as error:
            raise InputError(
                f"the module refuses an input of shape {tuple(x.shape)}: {error}",
                where=type(module).__name__,
                hint="it has to take one NCHW image of any height and width",
            ) from error
        _check_output(output, type(module).__name__)
        try:
            with _quiet():
                program = torch.export.export(module, (x,), strict=False)
                return program if _is_functional(program) else program.run_decompositions({})
        except REFUSALS as error:
            line = user_line(error)
            raise UnsupportedError(
                f"torch.export cannot follow the module: {str(error).strip().partition(chr(10))[0]}",
                where=f"{type(module).__name__} ({line})" if line else type(module).__name__,
                hint="remove control flow that depends on pixel values, and work outside torch",
            ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what torch says and logs about itself; what fails is raised nevertheless."""
    before = logging.root.manager.disable
    logging.disable()
    try:
        with redirect_stderr(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        logging.disable(before)


def _check_output(output: Any, where: str) -> None:
    if not isinstance(output, Tensor):
        hint = "wrap it in a module whose forward returns the image alone"
        raise UnsupportedError(f"returns a {type(output).__name__}; expected one image tensor", where=where, hint=hint)


def capture(module: nn.Module, channels: int, size: tuple[int, int]) -> Captured:
    """A module as aten ops at one size.

    Args:
        module: In float64 and evaluation mode, as ``prepared`` makes it; called with one NCHW image.
        channels: Of the input image.
        size: Height and width; both end up inside the ops' arguments.

    Raises:
        InputError: The module does not take such an image.
        UnsupportedError: It cannot be captured, is random, or returns anything but one image.
    """
    program = _export(module, torch.zeros(1, channels, *size, dtype=torch.float64))
    constants = _weights(program)
    (entry,) = [node for node in program.graph.nodes if node.op == "placeholder" and node not in constants]
    output = _only_output(program)
    output = respell(program.graph).get(output, output)
    needed = _needed(output)
    activations: dict[Node, None] = {entry: None}
    with torch.no_grad():
        for node in program.graph.nodes:
            if node.op in ("placeholder", "output") or node not in needed:
                continue
            _check_op(node)
            if any(operand in activations for operand in node.all_input_nodes):
                activations[node] = None
            else:
                constants[node] = execute(node, constants)
    if output not in activations or output is entry:
        raise UnsupportedError(
            "the output does not depend on the input's pixels, or is the input itself", where=type(module).__name__
        )
    return Captured(entry, output, tuple(node for node in activations if node is not entry), constants)
