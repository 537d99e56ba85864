"""A graph in the words that a picture of it needs: every op with its sizes and scales."""

from dataclasses import asdict, dataclass
from typing import Any

from sr2tflite.errors import UnsupportedError
from sr2tflite.graph import Graph, Node, Tensor, ops
from sr2tflite.graph.listing import of_graph
from sr2tflite.graph.receptive_field import receptive_field

CONVOLUTIONS = (ops.Conv2D, ops.DepthwiseConv2D, ops.TransposeConv)


@dataclass(frozen=True)
class Grid:
    """How an activation is stored."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str
    scale: float | None
    """None for a float tensor."""

    zero_point: int | None


@dataclass(frozen=True)
class DrawnOp:
    """One op."""

    kind: str
    detail: str
    """Kernel, channels, stride, activation: ``3×3, 32 → 32, RELU``."""

    reads: tuple[str, ...]
    """The activations."""

    writes: tuple[Grid, ...]
    weight_scales: tuple[float, float] | None
    """Smallest and largest."""

    weight_channels: int
    """How many scales the weights have."""

    macs: int | None
    """None where sizes are free."""


@dataclass(frozen=True)
class Drawing:
    """One file's graph."""

    file: str
    summary: str
    inputs: tuple[Grid, ...]
    ops: tuple[DrawnOp, ...]
    outputs: tuple[str, ...]
    radius: int | None
    """Of the receptive field, in input pixels; None where it depends on the place in the image."""

    parameters: int
    """Values in constants."""

    peak_bytes: int | None
    """Of the activations; None where sizes are free."""

    @property
    def macs(self) -> int | None:
        """Of all ops; None where sizes are free."""
        counts = [op.macs for op in self.ops]
        return None if None in counts else sum(count or 0 for count in counts)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {**asdict(self), "macs": self.macs}


def drawing(graph: Graph, file: str) -> Drawing:
    """What a picture of a graph shows."""
    listing = of_graph(graph)
    peak = listing.memory_peak()
    return Drawing(
        file=file,
        summary=graph.summary(),
        inputs=tuple(_grid(graph.tensors[name]) for name in graph.inputs),
        ops=tuple(_op(graph, node, listing.macs(op)) for node, op in zip(graph.nodes, listing.ops, strict=True)),
        outputs=graph.outputs,
        radius=_radius(graph),
        parameters=listing.parameters,
        peak_bytes=None if peak is None else peak.size_bytes,
    )


def _grid(tensor: Tensor) -> Grid:
    quant = tensor.quant
    scale, zero = (None, None) if quant is None else (quant.scale[0], quant.zero_point[0])
    return Grid(tensor.name, tensor.shape, tensor.dtype, scale, zero)


def _op(graph: Graph, node: Node, macs: int | None) -> DrawnOp:
    constants = [graph.tensors[name] for name in node.inputs if graph.tensors[name].is_constant]
    scales = constants[0].quant.scale if constants and constants[0].quant else ()
    return DrawnOp(
        kind=getattr(node.op, "name", node.op.kind),
        detail=", ".join(_details(graph, node)),
        reads=tuple(tensor.name for tensor in graph.activations(node)),
        writes=tuple(_grid(graph.tensors[name]) for name in node.outputs),
        weight_scales=(min(scales), max(scales)) if scales else None,
        weight_channels=len(scales),
        macs=macs,
    )


def _details(graph: Graph, node: Node) -> list[str]:
    found = [_kernel(graph, node)] if isinstance(node.op, CONVOLUTIONS) else []
    match node.op:
        case ops.DepthToSpace(block_size=block):
            found.append(f"block {block}")
        case ops.ResizeNearestNeighbor(factor=factor):
            found.append(f"×{factor}")
        case ops.Concatenation(axis=axis) | ops.Split(axis=axis):
            found.append(f"axis {axis}")
    if getattr(node.op, "stride", (1, 1)) != (1, 1):
        found.append("stride {}×{}".format(*node.op.stride))  # type: ignore[attr-defined]
    if getattr(node.op, "dilation", (1, 1)) != (1, 1):
        found.append("dilation {}×{}".format(*node.op.dilation))  # type: ignore[attr-defined]
    activation = getattr(node.op, "activation", "NONE")
    return found if activation == "NONE" else [*found, activation]


def _kernel(graph: Graph, node: Node) -> str:
    height, width = graph.tensors[node.inputs[1]].shape[1:3]
    channels = [graph.tensors[name].channels for name in (node.inputs[0], node.output)]
    return f"{height}×{width}, {channels[0]} → {channels[1]}"


def _radius(graph: Graph) -> int | None:
    try:
        return receptive_field(graph)
    except UnsupportedError:
        return None
