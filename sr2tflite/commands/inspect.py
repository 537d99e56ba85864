"""``sr2tflite inspect``: what an artifact is, holds and costs, as far as it can be read."""

import shlex
from dataclasses import replace
from math import prod
from pathlib import Path

from sr2tflite.commands.inspect_checkpoint import inspect_checkpoint
from sr2tflite.commands.inspect_run import inspect_run
from sr2tflite.commands.inspection import Costs, Inspection, said
from sr2tflite.errors import InputError, Sr2TfliteError
from sr2tflite.files import other_kind, quoted, read_bytes, sha256
from sr2tflite.graph import Graph, onnx
from sr2tflite.graph.listing import Listing, of_graph
from sr2tflite.graph.onnx import listing as onnx_listing
from sr2tflite.graph.onnx.proto import is_ours, opset_of, parse_model
from sr2tflite.graph.receptive_field import receptive_field
from sr2tflite.graph.shapes import with_size
from sr2tflite.graph.tflite import listing as tflite_listing
from sr2tflite.graph.tflite.flat import open_model
from sr2tflite.networks.header import CHECKPOINTS

SIZE = (720, 1280)
"""Height and width at which costs of free-shape files are told."""

SUFFIXES = (".tflite", ".onnx", *CHECKPOINTS)

_Found = tuple[Listing, Graph | None, Sr2TfliteError | None]


def inspect(path: Path, size: tuple[int, int] = SIZE) -> Inspection:
    """Look at an artifact.

    Args:
        path: A ``.tflite``, ``.onnx``, ``.safetensors``, ``.pth`` or ``.pt``, anybody's; or a run folder.
        size: Height and width at which costs are told where the file leaves them free.

    Raises:
        InputError: It cannot be read, is damaged, or of another kind.
        UnsupportedError: It is built in a way that no list can be made of.
    """
    if path.is_dir():
        return inspect_run(path, lambda file: inspect(file, size))
    if path.suffix not in SUFFIXES:
        raise other_kind(path, f"{', '.join(SUFFIXES)} or a run folder", _elsewhere(path))
    data = read_bytes(path)
    if path.suffix in CHECKPOINTS:
        found = inspect_checkpoint(path)
    else:
        found = (_tflite if path.suffix == ".tflite" else _onnx)(path, data, size)
    return replace(found, size_bytes=len(data), sha256=sha256(data))


def _elsewhere(path: Path) -> str:
    """The verb for a file that this one does not know."""
    verbs = {
        ".yaml": "sr2tflite recipe show {}",
        ".zip": "sr2tflite check {} --profile mai2026",
    }
    suffix = ".yaml" if path.suffix == ".yml" else path.suffix
    return verbs.get(suffix, "name a network's file").format(quoted(path))


def _tflite(path: Path, data: bytes, size: tuple[int, int]) -> Inspection:
    found = tflite_listing.listed(open_model(data, str(path)), str(path))
    listing, graph, _ = found
    dtypes = {one.dtype for one in listing.tensors.values() if not one.is_constant}
    numbers = "float" if dtypes == {"float32"} else f"{'/'.join(sorted(dtypes))} activations"
    following = f"sr2tflite eval {shlex.quote(str(path))} --data DIR"
    if graph is not None and graph.is_quantized and not listing.foreign:
        source = path.with_name("qat.onnx")
        following = f"sr2tflite verify {shlex.quote(str(path))}"
        following += f" --against {shlex.quote(str(source))}" if source.is_file() else ""
    return _with_facts(Inspection(path, "tflite", f"TFLite, {numbers}", 0, "", following), found, size)


def _onnx(path: Path, data: bytes, size: tuple[int, int]) -> Inspection:
    where = str(path)
    model = parse_model(data, where)
    opset = opset_of(model)
    try:
        graph = onnx.read(data, where)
    except Sr2TfliteError as error:
        kind = "damaged" if is_ours(model) else "another tool's"
        blank = Inspection(
            path,
            "onnx",
            f"ONNX, opset {opset}, {kind}",
            0,
            "",
            f"sr2tflite fuse {shlex.quote(str(path))} -o deploy.onnx",
        )
        return _with_facts(blank, (onnx_listing.listed(model, where), None, error), size)
    words, following = "float deploy graph", f"sr2tflite ptq {shlex.quote(str(path))} --calibrate DIR -o ptq.onnx"
    if graph.is_quantized:
        words, following = (
            "quantized (QDQ)",
            f"sr2tflite export {shlex.quote(str(path))} --int8 --free-shape -o model.tflite",
        )
    blank = Inspection(path, "onnx", f"ONNX, opset {opset}, {words}", 0, "", following)
    return _with_facts(blank, (of_graph(graph), graph, None), size)


def _with_facts(blank: Inspection, found: _Found, size: tuple[int, int]) -> Inspection:
    """Everything that follows from a list, and more where it is a graph."""
    listing, graph, refusal = found
    unknown = [str(refusal).splitlines()[0]] if refusal else []
    result = replace(blank, listing=listing, parameters=listing.parameters)
    if graph is None:
        return replace(result, unknown=tuple(unknown))
    result = replace(result, said=said(dict(graph.metadata), graph.value_range))
    for what, find in (("receptive field", _with_field), ("costs", _with_costs)):
        try:
            result = find(result, graph, size)
        except Sr2TfliteError as error:
            unknown.append(f"{what}: {str(error).splitlines()[0]}")
    return replace(result, unknown=tuple(unknown))


def _with_field(result: Inspection, graph: Graph, _size: tuple[int, int]) -> Inspection:
    _ = graph.input, graph.output  # refuses several
    return replace(result, radius=receptive_field(graph), scale=graph.scale_factor)


def _with_costs(result: Inspection, graph: Graph, size: tuple[int, int]) -> Inspection:
    shape = graph.input.shape
    if len(shape) != 4:
        raise InputError(f"takes {shape}; expected one image 1×H×W×C", where=graph.input.name)
    is_fixed = None not in shape[1:3]
    sized = graph if is_fixed else with_size(graph, *size)
    listing = of_graph(sized)
    macs = {op.outputs[0]: listing.macs(op) or 0 for op in listing.ops if op.outputs}
    peak = listing.memory_peak()
    if peak is None:
        raise InputError("a tensor's size is not known", where=graph.name)
    height, width = sized.input.shape[1:3]
    at = "the input" if peak.step is None else f"op {peak.step} {listing.ops[peak.step].kind}"
    pixels = prod(size or 1 for size in sized.output.shape[1:3])
    by_op = {name: count for name, count in macs.items() if count}
    costs = Costs((height or 0, width or 0), is_fixed, sum(macs.values()), pixels, by_op, peak, at)
    return replace(result, costs=costs)
