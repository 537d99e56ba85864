"""Submissions with one fault each, and the rules that say something graver than a note about it."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from kit.archive_faults import Fault
from kit.changed import changed
from kit.graphs import quantized_sr_graph
from kit.sabotage import changed_op, next_float, with_code, with_island, with_scale
from kit.submissions import FIXED, FLOAT, FREE, files_of, float_file, honest, integer_file, network

from sr2tflite.check.archive import archive_of
from sr2tflite.export.challenges import CHALLENGES
from sr2tflite.graph import Graph, Node, Tensor, ops, tflite
from sr2tflite.graph.passes.file_io import with_io
from sr2tflite.graph.shapes import with_size

YEAR = CHALLENGES["mai2026"]


def other(**changes: bytes) -> Fault:
    """An honest submission with a file in place of another one."""
    names = {"fixed": FIXED, "free": FREE, "floating": FLOAT}
    return lambda: archive_of({**honest(), **{names[role]: data for role, data in changes.items()}})


def renamed(old: str, new: str | None) -> Fault:
    def change() -> bytes:
        files = honest()
        data = files.pop(old)
        return archive_of(files if new is None else {**files, new: data})

    return change


def of(graph: Callable[[], Graph]) -> Fault:
    """A submission of another graph, all files of it."""
    return lambda: archive_of(files_of(YEAR, graph()))


def both(change: Callable[[Graph], Graph]) -> Fault:
    """The same change in both integer files."""

    def make() -> bytes:
        graph = change(network())
        return archive_of({**honest(), FIXED: integer_file(graph, YEAR.size), FREE: integer_file(graph, (None, None))})

    return make


def free(change: Callable[[Graph], Graph]) -> Fault:
    """A change in the free file alone."""
    return lambda: archive_of({**honest(), FREE: integer_file(change(network()), (None, None))})


def swapped(one: str, two: str) -> Fault:
    return lambda: archive_of({**honest(), one: honest()[two], two: honest()[one]})


def patched(name: str, change: Callable[[schema.ModelT], object]) -> Fault:
    """A change of one file's records that no writer makes."""

    def make() -> bytes:
        graph = network() if name == FREE else with_size(network(), *YEAR.size)
        return archive_of({**honest(), name: changed(graph, change)})  # type: ignore[arg-type]

    return make


def to_uint8(model: schema.ModelT) -> None:
    """Activations are said to be uint8; weights stay int8."""
    for tensor in model.subgraphs[0].tensors:
        if tensor.buffer == 0 and tensor.type == schema.TensorType.INT8:
            tensor.type = schema.TensorType.UINT8
            tensor.quantization.zeroPoint = tensor.quantization.zeroPoint + 128


def unknown_op(model: schema.ModelT) -> None:
    model.operatorCodes[0].builtinCode = model.operatorCodes[0].deprecatedBuiltinCode = 126


def double_bias_scale(model: schema.ModelT) -> None:
    bias = model.subgraphs[0].operators[0].inputs[2]
    quantization = model.subgraphs[0].tensors[bias].quantization
    quantization.scale = np.asarray(quantization.scale, np.float32) * 2


def dead_weights(model: schema.ModelT) -> None:
    """A megabyte that nothing reads."""
    buffer = schema.BufferT()
    buffer.data = np.ones(1 << 20, np.uint8)
    model.buffers.append(buffer)
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.type = "dead", np.array([1 << 20], np.int32), schema.TensorType.UINT8
    tensor.buffer = len(model.buffers) - 1
    model.subgraphs[0].tensors.append(tensor)


def in_units(graph: Graph, scale: float) -> Graph:
    """The output's scale, and that of what is shuffled into it."""
    return with_scale(with_scale(graph, "output", scale), "image", scale)


def by_transposes(graph: Graph) -> Graph:
    """RESHAPE, TRANSPOSE of six dimensions, RESHAPE in place of DEPTH_TO_SPACE; only of a fixed size."""
    _, height, width, channels = graph.tensors["image"].shape
    split, moved = (1, height, width, 3, 3, channels // 9), (1, height, 3, width, 3, channels // 9)
    graph = graph.copy()
    quant = graph.output.quant
    for name, shape in (("split", split), ("moved", moved)):
        graph.add_tensor(Tensor(name, shape, "int8", quant))
    chain = (
        (ops.Reshape(split), "image", "split"),
        (ops.Transpose((0, 1, 3, 2, 4, 5)), "split", "moved"),
        (ops.Reshape(graph.output.shape), "moved", "output"),
    )
    graph.nodes[-1:] = [Node(op, (x,), (y,)) for op, x, y in chain]
    return graph


def with_clip(graph: Graph) -> Graph:
    """RELU and MINIMUM at the end, as exported networks have them."""
    graph = graph.copy()
    wide = replace(graph.output, name="wide")
    graph.add_tensor(wide)
    graph.add_tensor(replace(wide, name="low"))
    graph.constant("white", np.array([127], np.int8), graph.output.quant)
    graph.nodes[-1] = replace(graph.nodes[-1], outputs=("wide",))
    graph.nodes += [Node(ops.Relu(), ("wide",), ("low",)), Node(ops.Minimum(), ("low", "white"), ("output",))]
    return graph


def bgr(graph: Graph) -> Graph:
    """The anchor takes blue for red."""
    weight = graph.tensors["anchor.weight"].data
    return with_data(graph, "anchor.weight", np.ascontiguousarray(weight[..., ::-1]))


def with_data(graph: Graph, name: str, data: np.ndarray) -> Graph:
    graph = graph.copy()
    graph.update(name, data=data)
    return graph


def floats_in_units_of_white() -> bytes:
    """A float file that takes and gives 0…1."""
    graph = network()
    small = with_scale(with_scale(graph, "input", 1 / 255), "output", 1 / 255)
    for name in [name for name in small.tensors if name.endswith(".bias")]:
        quant = small.tensors[name].quant
        small.update(name, quant=replace(quant, scale=tuple(scale / 255 for scale in quant.scale)))
    small.value_range = (0.0, 1.0)
    return float_file(small)


def rescaled(graph: Graph, scale: float) -> Graph:
    """The input's scale, and that of the biases behind it."""
    graph = with_scale(graph, "input", scale)
    for node in graph.nodes:
        if isinstance(node.op, ops.Conv2D) and node.inputs[0] == "input":
            quant = graph.tensors[node.inputs[2]].quant
            scales = np.float32(scale) * np.asarray(graph.tensors[node.inputs[1]].quant.scale, np.float32)
            graph.update(node.inputs[2], quant=replace(quant, scale=tuple(map(float, scales))))
    return graph


def with_zero(graph: Graph, zero: int) -> Graph:
    return with_scale(with_scale(graph, "output", 1.0, zero), "image", 1.0, zero)


def recalibrated(graph: Graph) -> Graph:
    quant = graph.tensors["tail"].quant
    return with_scale(graph, "tail", quant.scale[0] * 1.25)


MODELS: dict[str, tuple[Fault, tuple[str, ...]]] = {
    "the float file's old name": (renamed(FLOAT, "TFLite/model_float.tflite"), ("package_names",)),
    "a capital": (renamed(FIXED, "TFLite/Model.tflite"), ("package_names",)),
    "another folder": (
        lambda: archive_of({name.replace("TFLite/", "tflite/"): data for name, data in honest().items()}),
        ("package_names",),
    ),
    "no folder": (
        lambda: archive_of({name.removeprefix("TFLite/"): data for name, data in honest().items()}),
        ("package_names",),
    ),
    "all in a folder": (
        lambda: archive_of({f"submission/{name}": data for name, data in honest().items()}),
        ("package_names",),
    ),
    "no free file": (renamed(FREE, None), ("package_names",)),
    "no float file": (renamed(FLOAT, None), ("package_names",)),
    "one model more": (lambda: archive_of({**honest(), "TFLite/old.tflite": b"x"}), ("package_names",)),
    "half a file": (lambda: other(fixed=honest()[FIXED][:3000])(), ("package_reads",)),
    "text for a file": (other(free=b"version https://git-lfs.github.com/spec/v1\n"), ("package_reads",)),
    "an empty file": (other(floating=b""), ("package_reads",)),
    "an op that nobody knows": (patched(FREE, unknown_op), ("package_reads",)),
    "uint8 activations with int8 weights": (patched(FREE, to_uint8), ("truthful",)),
    "biases of another scale": (patched(FIXED, double_bias_scale), ("truthful",)),
    "fixed and free swapped": (swapped(FIXED, FREE), ("package_shapes",)),
    "fixed and float swapped": (
        swapped(FIXED, FLOAT),
        (
            *("package_shapes", "package_types", "integer_ops", "package_float", "same_ops", "demands"),
            "clips",
        ),
    ),
    "the year's size before": (lambda: other(fixed=integer_file(network(), (360, 640)))(), ("package_shapes",)),
    "width and height swapped": (lambda: other(fixed=integer_file(network(), (1280, 720)))(), ("package_shapes",)),
    "a free file that is fixed": (lambda: other(free=integer_file(network(), (64, 64)))(), ("package_shapes",)),
    "twice as large": (of(lambda: network(scale=2)), ("package_shapes",)),
    "uint8 ends": (
        lambda: archive_of(files_of(replace(YEAR, io="uint8"), network())),
        ("package_types",),
    ),
    "float ends": (
        lambda: archive_of(files_of(replace(YEAR, io="float32"), network())),
        ("package_types",),
    ),
    "an input of scale 0.976": (both(lambda graph: rescaled(graph, float(np.float32(0.9764706)))), ("package_scales",)),
    "an output that is one bit off": (both(lambda graph: in_units(graph, next_float(1.0))), ("package_scales",)),
    "an output of scale 2": (
        both(lambda graph: in_units(graph, 2.0)),
        ("package_scales", "package_twin", "package_pixels"),
    ),
    "another zero point": (both(lambda graph: with_zero(graph, -127)), ("package_scales",)),
    "a float island": (both(lambda graph: with_island(graph)), ("integer_ops", "demands", "clips")),
    "integers behind float ends": (
        lambda: other(floating=tflite.write(with_io(network(), "float32")))(),
        ("package_float",),
    ),
    "other weights in the free file": (
        free(lambda graph: with_code(graph, "anchor.weight", (0, 0, 0, 0), 64)),
        ("same_weights", "package_agrees", "package_twin"),
    ),
    "one weight in the free file": (
        free(lambda graph: with_code(graph, "body.0.weight", (1, 1, 1, 2), 77)),
        ("same_weights", "package_agrees"),
    ),
    "a bias in the free file": (
        free(lambda graph: with_code(graph, "tail.bias", (3,), 9999)),
        ("same_biases", "package_agrees"),
    ),
    "a calibration of its own": (free(lambda graph: recalibrated(graph)), ("same_scales", "package_agrees")),
    "no activation in the free file": (
        free(lambda graph: changed_op(graph, "body.0", activation="NONE")),
        ("same_ops",),
    ),
    "another network in the free file": (
        lambda: other(free=integer_file(network(seed=1), (None, None)))(),
        ("same_scales", "same_weights", "same_biases", "package_agrees"),
    ),
    "another network in the float file": (
        lambda: other(floating=float_file(network(seed=1, gain=1.0)))(),
        ("package_twin",),
    ),
    "a float file of values up to 1": (
        lambda: other(floating=floats_in_units_of_white())(),
        ("package_twin", "package_pixels"),
    ),
    "blue for red": (of(lambda: bgr(network())), ("package_pixels",)),
    "noise for pictures": (of(lambda: quantized_sr_graph(4, 1)), ("package_pixels",)),
    "a bias that was cut": (
        both(lambda graph: with_code(graph, "tail.bias", (0,), 2**31 - 1)),
        ("demands", "accumulator", "bias_range"),
    ),
    "a shuffle of six dimensions": (
        lambda: other(fixed=tflite.write(by_transposes(with_size(network(), *YEAR.size))))(),
        ("same_ops", "rank", "layout_ops"),
    ),
    "a clip left": (both(with_clip), ("clips",)),
    "a megabyte that nothing reads": (patched(FREE, dead_weights), ("package_size",)),
}
