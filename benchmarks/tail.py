"""What the tail costs: a 32×8 network that ends in DEPTH_TO_SPACE against the same weights with a layout tail.

The rival ends in RESHAPE, TRANSPOSE (six dimensions), RESHAPE, MINIMUM, as PyTorch's pixel shuffle and a clip look
after a converter that knows neither; its last channels stand in PyTorch's order. Both are timed on this computer in
fresh processes that take turns, and give equal bytes. The verdict is by computing time, which on one thread is the time
on a quiet computer.

    python benchmarks/tail.py [MODEL.tflite] [--height 720] [--width 1280] [--threads 1] [--rounds 3] [--runs 5]
"""

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from sr2tflite.bench.plan import Plan
from sr2tflite.bench.result import BenchResult
from sr2tflite.commands.bench import bench
from sr2tflite.errors import InputError
from sr2tflite.graph import Graph, Tensor, ops
from sr2tflite.graph.shapes import with_size
from sr2tflite.graph.tflite import read, write
from sr2tflite.numerics.qparams import QuantParams, affine, bias_params, symmetric
from sr2tflite.runtime import LiteRT

WIDTH, DEPTH, SCALE = 32, 8, 3
PIXELS = QuantParams((1.0,), (-128,))
TARGET = 0.78


def conv(graph: Graph, source: str, channels: int, out: QuantParams, activation: ops.Activation = "NONE") -> str:
    """Append a 3×3 convolution with random weights."""
    random, name, given = np.random.default_rng(len(graph.nodes)), f"conv{len(graph.nodes)}", graph.tensors[source]
    weight = symmetric(np.full(channels, 1.5 / np.sqrt(9 * given.channels)), axis=0)
    codes = random.integers(-127, 128, (channels, 3, 3, given.channels)).astype(np.int8)
    inputs = (
        source,
        graph.constant(f"{name}/weight", codes, weight),
        graph.constant(f"{name}/bias", np.zeros(channels, np.int32), bias_params(given.quant.scale[0], weight)),
    )
    shape = (*given.shape[:3], channels)
    return graph.append(ops.Conv2D(activation=activation), inputs, Tensor(name, shape, "int8", out)).name


def random_network(height: int, width: int) -> Graph:
    """Stem, eight convolutions with ReLU, skip, convolution to 27 channels, DEPTH_TO_SPACE."""
    graph = Graph(name="tail", inputs=("x",), outputs=("y",))
    graph.add_tensor(Tensor("x", (1, height, width, 3), "int8", PIXELS))
    stem = body = conv(graph, "x", WIDTH, affine(-500, 500))
    for _ in range(DEPTH):
        body = conv(graph, body, WIDTH, affine(0, 500), "RELU")
    graph.append(ops.Add(), (stem, body), Tensor("skip", graph.tensors[body].shape, "int8", affine(-500, 800)))
    shuffled = conv(graph, "skip", 3 * SCALE**2, PIXELS)
    output = Tensor("y", (1, height * SCALE, width * SCALE, 3), "int8", PIXELS)
    graph.append(ops.DepthToSpace(SCALE), (shuffled,), output)
    return graph


def in_torch_order(graph: Graph) -> Graph:
    """The graph with the channels before its DEPTH_TO_SPACE as PyTorch's PixelShuffle wants them: color first."""
    turned = graph.copy()
    (shuffle,) = (node for node in graph.nodes if isinstance(node.op, ops.DepthToSpace))
    area = shuffle.op.block_size**2
    channels = np.arange(graph.tensors[shuffle.inputs[0]].channels)
    order = channels.reshape(area, -1).T.ravel()
    pending = [shuffle.inputs[0]]
    while pending:
        node = turned.producer(pending.pop())
        if node is None or not isinstance(node.op, ops.Conv2D | ops.Add):
            raise InputError("expected convolutions and ADD alone before DEPTH_TO_SPACE", where=graph.name)
        if isinstance(node.op, ops.Add):
            pending.extend(node.inputs)
            continue
        for name in node.inputs[1:]:
            constant = turned.tensors[name]
            scale = tuple(constant.quant.scale[channel] for channel in order)
            turned.update(
                name, data=np.ascontiguousarray(constant.data[order]), quant=replace(constant.quant, scale=scale)
            )
    return turned


class LayoutTail:
    """Rewrites the DEPTH_TO_SPACE of a TFLite file.

    Args:
        data: A fixed-shape file with one DEPTH_TO_SPACE, written of a graph ``in_torch_order``.
    """

    def __init__(self, data: bytes) -> None:
        self.model: Any = schema.ModelT.InitFromObj(schema.Model.GetRootAs(data))
        (self.graph,) = self.model.subgraphs

    def rewritten(self) -> bytes:
        """The file with a layout tail."""
        codes = [code.builtinCode for code in self.model.operatorCodes]
        shuffles = [op for op in self.graph.operators if codes[op.opcodeIndex] == schema.BuiltinOperator.DEPTH_TO_SPACE]
        if len(shuffles) != 1:
            raise InputError(f"holds {len(shuffles)} DEPTH_TO_SPACE ops; expected 1")
        (shuffle,) = shuffles
        place = self.graph.operators.index(shuffle)
        self.graph.operators[place : place + 1] = self._tail(shuffle)
        builder = flatbuffers.Builder(0)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    def _tail(self, shuffle: Any) -> list[Any]:
        source, target = shuffle.inputs[0], shuffle.outputs[0]
        block = shuffle.builtinOptions.blockSize
        _, height, width, channels = (int(size) for size in self.graph.tensors[source].shape)
        inner = channels // block**2
        apart = self._activation(source, (1, height, width, inner, block, block))
        woven = self._activation(source, (1, height, block, width, block, inner))
        whole = self._activation(source, tuple(self.graph.tensors[target].shape))
        order = self._constant(np.array([0, 1, 4, 2, 5, 3], np.int32), schema.TensorType.INT32)
        white = self._constant(np.array([127], np.int8), schema.TensorType.INT8)
        self.graph.tensors[white].quantization = self.graph.tensors[source].quantization
        return [
            self._reshape(source, apart),
            self._op("TRANSPOSE", [apart, order], woven, schema.TransposeOptionsT()),
            self._reshape(woven, whole),
            self._op("MINIMUM", [whole, white], target, schema.MaximumMinimumOptionsT()),
        ]

    def _reshape(self, source: int, target: int) -> Any:
        shape = [int(size) for size in self.graph.tensors[target].shape]
        options = schema.ReshapeOptionsT()
        options.newShape = shape
        return self._op(
            "RESHAPE", [source, self._constant(np.array(shape, np.int32), schema.TensorType.INT32)], target, options
        )

    def _op(self, kind: str, inputs: list[int], output: int, options: Any) -> Any:
        code = schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = getattr(schema.BuiltinOperator, kind)
        code.version = 4 if kind == "TRANSPOSE" else 2 if kind == "MINIMUM" else 1
        self.model.operatorCodes.append(code)
        op = schema.OperatorT()
        op.opcodeIndex = len(self.model.operatorCodes) - 1
        op.inputs, op.outputs = inputs, [output]
        op.builtinOptionsType = getattr(schema.BuiltinOptions, type(options).__name__[:-1])
        op.builtinOptions = options
        return op

    def _activation(self, like: int, shape: tuple[int, ...]) -> int:
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.buffer = f"tail/{len(self.graph.tensors)}", [int(one) for one in shape], 0
        tensor.type, tensor.quantization = self.graph.tensors[like].type, self.graph.tensors[like].quantization
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def _constant(self, values: Any, kind: int) -> int:
        buffer, tensor = schema.BufferT(), schema.TensorT()
        buffer.data = np.frombuffer(values.tobytes(), np.uint8)
        self.model.buffers.append(buffer)
        tensor.name, tensor.shape = f"tail/{len(self.graph.tensors)}", list(values.shape)
        tensor.type, tensor.buffer = kind, len(self.model.buffers) - 1
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1


def differing_bytes(ours: Path, rival: Path) -> int:
    """How many output bytes differ on noise."""
    engines = [LiteRT(path) for path in (ours, rival)]
    random = np.random.default_rng(1)
    x = random.integers(-128, 128, engines[0].input["shape"]).astype(engines[0].input["dtype"])
    return int((engines[0].run(x) != engines[1].run(x)).sum())


def report(result: BenchResult, differing: int) -> str:
    """The verdict in a few lines."""
    rival, ours = result.models
    (ratio,) = result.ratios
    lines = [
        f"{one.name:13} median {one.latency_ms.median:7.1f} ms  p5 {one.latency_ms.p5:7.1f}"
        f"  p95 {one.latency_ms.p95:7.1f}  computing {one.cpu_ms:7.1f}  {one.verdict}"
        f"  {one.placement} {' '.join(one.placement.outside)}"
        for one in (ours, rival)
    ]
    computing = ours.cpu_ms / rival.cpu_ms
    held = "holds" if computing <= TARGET else "fails"
    lines += [
        f"{result.device.name}, {result.threads} thread(s), {ours.input.shape[1]}×{ours.input.shape[2]} in",
        f"output bytes that differ: {differing}",
        f"ratio by the clock {ratio.ratio:.3f} ({100 * ratio.confidence:.4g} %: {ratio.low:.3f}…{ratio.high:.3f})",
        f"ratio of computing time {computing:.3f}, target ≤ {TARGET}: {held}",
    ]
    return "\n".join(lines)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", nargs="?", type=Path, help="an exported int8 file; random weights without it")
    for name, default in {"height": 720, "width": 1280, "threads": 1, "rounds": 3, "runs": 5}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    return parser.parse_args()


def main() -> None:
    """Write both files, time them, print the ratio."""
    args = arguments()
    graph = read(args.model.read_bytes(), str(args.model)) if args.model else random_network(args.height, args.width)
    sized = with_size(graph, args.height, args.width)
    with tempfile.TemporaryDirectory() as folder:
        ours, rival = Path(folder) / "ours.tflite", Path(folder) / "layout.tflite"
        ours.write_bytes(write(sized))
        rival.write_bytes(LayoutTail(write(in_torch_order(sized))).rewritten())
        plan = Plan(threads=(args.threads,), rounds=args.rounds, runs=args.runs)
        (result,) = bench([rival, ours], plan).results
        print(report(result, differing_bytes(ours, rival)))


if __name__ == "__main__":
    main()
