"""What a quantized training step costs: against the float step of the same fused graph and batch, interleaved.

Usage: python benchmarks/qat_step.py [--threads 1] [--repeats 9]
"""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from sr2tflite.graph import Graph, ops
from sr2tflite.graph import Tensor as GraphTensor
from sr2tflite.quant.plan import plan_quantization
from sr2tflite.quant.ranges import find_ranges
from sr2tflite.quant.view import QuantizedView

CASES = {"16×48²": (16, 48), "8×64²": (8, 64)}
SHAPE = (1, None, None)


def student(channels: int = 32, blocks: int = 8, scale: int = 3) -> Graph:
    """A fused student: stem, ``blocks`` convolutions with ReLU, a global skip, pixel shuffle; random weights."""
    rng = np.random.default_rng(0)
    graph = Graph(inputs=("lr",))
    graph.add_tensor(GraphTensor("lr", (*SHAPE, 3)))

    def conv(name: str, source: str, width: int, activation: ops.Activation) -> str:
        fan_in = 9 * graph.tensors[source].channels
        shape = (width, 3, 3, fan_in // 9)
        weight = graph.constant(f"{name}_w", rng.normal(0, (2 / fan_in) ** 0.5, shape).astype(np.float32))
        bias = graph.constant(f"{name}_b", rng.normal(0, 5, width).astype(np.float32))
        graph.append(ops.Conv2D(activation=activation), (source, weight, bias), GraphTensor(name, (*SHAPE, width)))
        return name

    last = stem = conv("stem", "lr", channels, "NONE")
    for index in range(blocks):
        last = conv(f"block{index}", last, channels, "RELU")
    graph.append(ops.Add(), (last, stem), GraphTensor("skip", (*SHAPE, channels)))
    conv("up", "skip", 3 * scale**2, "NONE")
    graph.append(ops.DepthToSpace(scale), ("up",), GraphTensor("sr", (*SHAPE, 3)))
    graph.outputs = ("sr",)
    return graph


class Trainable(nn.Module):
    """The float view with its constants as parameters.

    Args:
        graph: A float graph.
        memory_format: Of activations and kernels.
    """

    def __init__(self, graph: Graph, memory_format: torch.memory_format) -> None:
        super().__init__()
        self.memory_format = memory_format
        self.convs = nn.ModuleList()
        self.nodes = graph.nodes
        for node in graph.nodes:
            if node.op.kind == "CONV_2D":
                weight, bias = (torch.from_numpy(graph.tensors[name].data) for name in node.inputs[1:])
                conv = nn.Conv2d(weight.shape[3], weight.shape[0], 3, padding=1)
                conv.weight.data = weight.permute(0, 3, 1, 2).contiguous(memory_format=memory_format)
                conv.bias.data = bias.clone()
                self.convs.append(conv)

    def forward(self, x: Tensor) -> Tensor:
        """The same network as torch would be written by hand."""
        values = {"lr": x.contiguous(memory_format=self.memory_format)}
        convs = iter(self.convs)
        for node in self.nodes:
            match node.op:
                case ops.Conv2D(activation=activation):
                    y = next(convs)(values[node.inputs[0]])
                    values[node.output] = y.relu() if activation == "RELU" else y
                case ops.Add():
                    values[node.output] = values[node.inputs[0]] + values[node.inputs[1]]
                case ops.DepthToSpace(block_size=block):
                    values[node.output] = nn.functional.pixel_shuffle(values[node.inputs[0]], block)
        return values["sr"]


def step_of(module: nn.Module, lr: Tensor, hr: Tensor) -> Callable[[], None]:
    """One whole optimizer step: forward, L1, backward, Adam."""
    optimizer = torch.optim.Adam(module.parameters(), 1e-5)

    def step() -> None:
        optimizer.zero_grad()
        (module(lr) - hr).abs().mean().backward()
        optimizer.step()

    return step


def seconds(step: Callable[[], None]) -> float:
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=9)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    graph = student()
    plan = plan_quantization(graph)
    images = [np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)]
    ranges = find_ranges(plan, images)
    for name, (batch, size) in CASES.items():
        lr = torch.randint(0, 256, (batch, 3, size, size)).float()
        hr = torch.randint(0, 256, (batch, 3, 3 * size, 3 * size)).float()
        steps = {
            "float NCHW": step_of(Trainable(graph, torch.contiguous_format), lr, hr),
            "float NHWC": step_of(Trainable(graph, torch.channels_last), lr, hr),
            "quantized": step_of(QuantizedView(plan, ranges), lr, hr),
        }
        times: dict[str, list[float]] = {key: [] for key in steps}
        for repeat in range(arguments.repeats + 2):
            for key, step in steps.items():
                taken = seconds(step)
                if repeat >= 2:
                    times[key].append(taken)
        medians = {key: 1000 * statistics.median(taken) for key, taken in times.items()}
        reference = min(medians["float NCHW"], medians["float NHWC"])
        line = "  ".join(f"{key} {value:.1f} ms" for key, value in medians.items())
        print(f"{name}: {line}  ratio {medians['quantized'] / reference:.2f}× (of the faster float step)")


if __name__ == "__main__":
    main()
