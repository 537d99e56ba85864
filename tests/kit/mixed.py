"""Random float graphs in pixel units that mix every op the quantized view knows."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sr2tflite.graph import Graph, Op, Tensor, ops
from sr2tflite.graph.shapes import infer_shapes

FUSED = ("NONE", "RELU")


@dataclass
class Mixer:
    """Puts random ops at the end of a graph; weights have any size between tiny and large."""

    rng: np.random.Generator
    graph: Graph

    def channels(self, name: str) -> int:
        return self.graph.tensors[name].channels

    def put(self, op: Op, sources: tuple[str, ...], width: int, **constants: NDArray[np.generic]) -> str:
        """An op on some tensors and new constants."""
        name = f"t{len(self.graph.nodes)}"
        named = [self.graph.constant(f"{name}_{key}", np.float32(value)) for key, value in constants.items()]
        first = named if getattr(self, "constant_first", False) else []
        inputs = (*first, *sources, *([] if first else named))
        self.graph.append(op, inputs, Tensor(name, (1, None, None, width)))
        return name

    def fused(self) -> str:
        return str(self.rng.choice(FUSED))

    def conv(self, x: str, width: int, size: int = 3, activation: str = "NONE") -> str:
        fan_in = size**2 * self.channels(x)
        spread = np.exp(self.rng.normal(0, 1, (width, 1, 1, 1))) / fan_in**0.5
        weight = self.rng.normal(0, 1, (width, size, size, self.channels(x))) * spread
        op = ops.Conv2D(activation=activation)
        return self.put(op, (x,), width, weight=weight, bias=self.rng.normal(0, 30, width))

    def values(self, x: str, spread: float) -> NDArray[np.generic]:
        """One number, or one per channel."""
        count = 1 if self.rng.random() < 0.4 else self.channels(x)
        return self.rng.normal(0, spread, (1,) * int(self.rng.integers(0, 4)) + (count,))

    def prelu(self, x: str, _other: str) -> str:
        slope = self.rng.normal(0.2, np.exp(self.rng.uniform(-4, 1)), (1, 1, self.channels(x)))
        return self.put(ops.PRelu(), (x,), self.channels(x), slope=slope)

    def leaky(self, x: str, _other: str) -> str:
        alpha = float(self.rng.choice([0.01, 0.1, 0.2, -0.3, 0.001, 1.7]))
        return self.put(ops.LeakyRelu(alpha), (x,), self.channels(x))

    def with_constant(self, x: str, _other: str) -> str:
        op = self.rng.choice([ops.Add, ops.Sub, ops.Mul])(self.fused())
        spread = 1.5 if op.kind == "MUL" else float(np.exp(self.rng.uniform(-4, 5)))
        self.constant_first = self.rng.random() < 0.3
        result = self.put(op, (x,), self.channels(x), c=self.values(x, spread))
        self.constant_first = False
        return result

    def of_two(self, x: str, other: str) -> str:
        op = self.rng.choice([ops.Add, ops.Sub, ops.Mul])(self.fused())
        if self.rng.random() < 0.2:
            other = self.conv(other, 1)  # broadcasts
        return self.put(op, (x, other), self.channels(x))

    def gate(self, x: str, other: str) -> str:
        small = self.put(ops.Mul(), (other,), self.channels(other), c=np.array([0.02]))
        gate = self.put(ops.Logistic(), (small,), self.channels(other))
        return self.put(ops.Mul(self.fused()), (x, gate), self.channels(x))

    def clipped(self, x: str, _other: str) -> str:
        """A clip of any form; sometimes what is before it is read once more."""
        width = self.channels(x)
        y = self.conv(x, width)
        if self.rng.random() < 0.3:
            y = self.prelu(y, y)
        high = float(np.exp(self.rng.uniform(0, 6)))
        match self.rng.integers(4):
            case 0:
                z = self.put(ops.Minimum(), (self.put(ops.Relu(), (y,), width),), width, c=np.array([high]))
            case 1:
                z = self.put(ops.Maximum(), (y,), width, c=np.array([-high]))
                z = self.put(ops.Minimum(), (z,), width, c=self.rng.choice([high / 3, high / 2, high], (1,)))
            case 2:
                z = self.put(ops.Relu6(), (y,), width)
            case _:
                z = self.put(ops.Relu(), (y,), width)
        return z if self.rng.random() < 0.7 else self.put(ops.Add(), (y, z), width)

    def compared(self, x: str, other: str) -> str:
        op = self.rng.choice([ops.Minimum, ops.Maximum])()
        if self.rng.random() < 0.5:
            return self.put(op, (x,), self.channels(x), c=self.values(x, 40.0))
        return self.put(op, (x, other), self.channels(x))

    def joined(self, x: str, other: str) -> str:
        width = self.channels(x)
        wide = self.put(ops.Concatenation(), (self.conv(x, 5, 1, "RELU"), self.conv(other, 8)), 13)
        return self.conv(wide, width, 1)

    def plain(self, x: str, _other: str) -> str:
        return self.conv(x, self.channels(x), int(self.rng.choice([1, 3])), self.fused())


STEPS: tuple[Callable[[Mixer, str, str], str], ...] = (
    Mixer.prelu,
    Mixer.leaky,
    Mixer.with_constant,
    Mixer.of_two,
    Mixer.gate,
    Mixer.clipped,
    Mixer.compared,
    Mixer.joined,
    Mixer.plain,
)


def mixed_graph(seed: int) -> Graph:
    """Any ops in random order, then a pixel shuffle."""
    rng = np.random.default_rng(seed)
    graph = Graph(inputs=("x",))
    graph.add_tensor(Tensor("x", (1, None, None, 3)))
    mixer = Mixer(rng, graph)
    start = mixer.with_constant("x", "x") if rng.random() < 0.5 else "x"
    names = [mixer.conv(start, int(rng.choice([4, 8, 13])))]
    for _ in range(int(rng.integers(2, 7))):
        step = STEPS[int(rng.integers(len(STEPS)))]
        names.append(step(mixer, names[-1], str(rng.choice(names[-3:]))))
    scale = int(rng.choice([2, 3]))
    last = mixer.conv(names[-1], 3 * scale**2)
    mixer.put(ops.DepthToSpace(scale), (last,), 3)
    graph.outputs = (graph.nodes[-1].output,)
    infer_shapes(graph)
    return graph
