"""What the tail costs: a 32×8 network that ends in DEPTH_TO_SPACE against the same weights with layout tails.

One rival ends in RESHAPE, TRANSPOSE (six dimensions), RESHAPE, MINIMUM, as PyTorch's pixel shuffle and a clip look
after a converter that knows neither; its last channels stand in PyTorch's order, and it gives equal bytes. The other
has a calibrated range before the clip, wider than the pixels', so that a RELU rescales before the MINIMUM; what it
gives is coarser. All three are timed on this computer in fresh processes that take turns. The verdict is by computing
time, which on one thread is the time on a quiet computer.

    python benchmarks/tail.py [MODEL.tflite] [--height 720] [--width 1280] [--threads 1] [--rounds 6] [--runs 5]
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from layout_tail import LayoutTail, in_torch_order

from sr2tflite.bench.plan import Plan
from sr2tflite.bench.ratio import ratio
from sr2tflite.bench.result import BenchResult, ModelBench
from sr2tflite.commands.bench import bench
from sr2tflite.graph import Graph, Tensor, ops
from sr2tflite.graph.shapes import with_size
from sr2tflite.graph.tflite import read, write
from sr2tflite.numerics.qparams import QuantParams, affine, bias_params, symmetric
from sr2tflite.runtime import LiteRT

WIDTH, DEPTH, SCALE = 32, 8, 3
PIXELS = QuantParams((1.0,), (-128,))
OURS, MINIMUM, RELU = "ours.tflite", "minimum.tflite", "relu.tflite"
TARGETS = {MINIMUM: 0.77, RELU: 0.5}


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


def differences(ours: Path, rival: Path) -> tuple[int, int]:
    """How many output bytes differ on noise, and by how many steps at most."""
    engines = [LiteRT(path) for path in (ours, rival)]
    random = np.random.default_rng(1)
    x = random.integers(-128, 128, engines[0].input["shape"]).astype(engines[0].input["dtype"])
    apart = np.abs(engines[0].run(x).astype(np.int16) - engines[1].run(x))
    return int(np.count_nonzero(apart)), int(apart.max())


def lines(model: ModelBench) -> str:
    """Times of one file."""
    times = model.latency_ms
    outside = f" outside: {' '.join(model.placement.outside)}" if model.placement.outside else ""
    return (
        f"{model.name:15} median {times.median:7.1f} ms  p5 {times.p5:7.1f}  p95 {times.p95:7.1f}"
        f"  computing {model.cpu_ms:7.1f}  {model.verdict}  {model.placement}{outside}"
    )


def report(result: BenchResult, apart: dict[str, tuple[int, int]]) -> str:
    """The verdict in a few lines."""
    ours, *rivals = result.models
    size = "×".join(map(str, ours.input.shape[1:3]))
    told = [*map(lines, result.models), f"{result.device.name}, {result.threads} thread(s), {size} in"]
    for rival in rivals:
        by_clock, computing = ratio(ours, rival), ours.cpu_ms / rival.cpu_ms
        target = TARGETS[rival.name]
        held = "holds" if computing <= target else "fails"
        differing, steps = apart[rival.name]
        told += [
            f"against {rival.name}:",
            f"  output bytes that differ: {differing}, by at most {steps}",
            f"  ratio by the clock {by_clock.ratio:.3f}"
            f" ({100 * by_clock.confidence:.4g} %: {by_clock.low:.3f}…{by_clock.high:.3f})",
            f"  ratio of computing time {computing:.3f}, target ≤ {target}: {held}",
        ]
    return "\n".join(told)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", nargs="?", type=Path, help="an exported int8 file; random weights without it")
    for name, default in {"height": 720, "width": 1280, "threads": 1, "rounds": 6, "runs": 5}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    return parser.parse_args()


def main() -> None:
    """Write all files, time them, print the ratios."""
    args = arguments()
    graph = read(args.model.read_bytes(), str(args.model)) if args.model else random_network(args.height, args.width)
    sized = with_size(graph, args.height, args.width)
    with tempfile.TemporaryDirectory() as folder:
        turned = write(in_torch_order(sized))
        contents = {
            OURS: write(sized),
            MINIMUM: LayoutTail(turned).rewritten(),
            RELU: LayoutTail(turned, is_rescaled=True).rewritten(),
        }
        paths = {name: Path(folder) / name for name in contents}
        for name, content in contents.items():
            paths[name].write_bytes(content)
        plan = Plan(threads=(args.threads,), rounds=args.rounds, runs=args.runs)
        (result,) = bench(list(paths.values()), plan).results
        print(report(result, {name: differences(paths[OURS], paths[name]) for name in TARGETS}))


if __name__ == "__main__":
    main()
