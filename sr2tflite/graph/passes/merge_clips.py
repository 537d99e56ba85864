"""One form for every way to clip: a fused RELU where it can be, then MAXIMUM and MINIMUM with one constant each."""

from dataclasses import dataclass, replace
from math import inf

import numpy as np

from sr2tflite.graph import ops
from sr2tflite.graph.model import Graph, Node, Tensor

_FUSED: dict[str, tuple[float, float]] = {
    "NONE": (-inf, inf),
    "RELU": (0.0, inf),
    "RELU6": (0.0, 6.0),
    "RELU_N1_TO_1": (-1.0, 1.0),
}
_ALONE: dict[str, tuple[float, float]] = {"RELU": (0.0, inf), "RELU6": (0.0, 6.0), "RELU_0_TO_1": (0.0, 1.0)}


@dataclass(frozen=True)
class Bounds:
    """``min(max(x, low), high)``."""

    low: float = -inf
    high: float = inf

    def then(self, other: "Bounds") -> "Bounds":
        """Both, one after the other, as one."""
        low, high = (min(max(end, other.low), other.high) for end in (self.low, self.high))
        return Bounds(low, high)


def clip_bounds(graph: Graph, node: Node) -> Bounds | None:
    """What a node clips to; None where it does anything else.

    MINIMUM and MAXIMUM clip where they compare an activation with a constant of one value.
    """
    if node.op.kind in _ALONE:
        return Bounds(*_ALONE[node.op.kind])
    if not isinstance(node.op, ops.Minimum | ops.Maximum) or len(graph.activations(node)) != 1:
        return None
    (data,) = (graph.tensors[name].data for name in node.inputs if graph.tensors[name].is_constant)
    assert data is not None
    value = float(data.flat[0])
    if not np.all(data == data.flat[0]):
        return None
    return Bounds(high=value) if isinstance(node.op, ops.Minimum) else Bounds(low=value)


def merge_clips(graph: Graph) -> Graph:
    """The same float function with every run of clips in one form; what is in that form already stays as it is.

    A run is a clip, fused or alone, and the clips that alone read the one before. It becomes ``min(max(x, l), u)``:
    RELU for l = 0, fused where the op before can have it and nothing else reads that, else MAXIMUM with l; then MINIMUM
    with u. RELU6, RELU_0_TO_1 and RELU_N1_TO_1 are gone afterwards. Exact: clips only select.
    """
    result = replace(graph, tensors=dict(graph.tensors), nodes=[], metadata=dict(graph.metadata))
    done: set[str] = set()
    for node in graph.nodes:
        if node.output not in done:
            run = _run(graph, node)
            done.update(clip.output for clip in run)
            _append(result, graph, node, run)
    result.drop_unused()
    return result


def _run(graph: Graph, start: Node) -> list[Node]:
    """The clips after ``start`` that alone read what is before them."""
    run, last = [], start
    while last.output not in graph.outputs and len(readers := graph.consumers(last.output)) == 1:
        last = readers[0]
        if clip_bounds(graph, last) is None:
            break
        run.append(last)
    return run


def _append(result: Graph, graph: Graph, start: Node, run: list[Node]) -> None:
    """Put ``start`` and its run, merged, at the end of ``result``."""
    starts_clipped = clip_bounds(graph, start) is not None
    clips = [start, *run] if starts_clipped else run
    fused = getattr(start.op, "activation", "NONE")
    bounds = Bounds(*_FUSED[fused])
    for clip in clips:
        bounds = bounds.then(clip_bounds(graph, clip) or Bounds())
    can_fuse = hasattr(start.op, "activation") and bounds.low == 0
    rest = replace(bounds, low=-inf) if can_fuse else bounds
    is_merged = [(clip.op.kind, clip_bounds(graph, clip)) for clip in clips] == _spelled(rest)
    if fused in ("NONE", "RELU") and is_merged:
        result.nodes += [start, *run]
        return
    source, final = start.output, (clips or [start])[-1].output
    if starts_clipped:
        source = graph.activations(start)[0].name
    else:
        plain: ops.Op = start.op
        if hasattr(plain, "activation"):
            plain = replace(plain, activation="RELU" if can_fuse else "NONE")  # type: ignore[call-arg]
        if source == final and _spelled(rest):
            source = f"{final}_unclipped"
        _add_node(result, graph, Node(plain, start.inputs, (source,)), final)
    _append_clips(result, graph, source, final, rest)


def _append_clips(result: Graph, graph: Graph, source: str, final: str, bounds: Bounds) -> None:
    """MAXIMUM or RELU and MINIMUM from ``source`` to ``final``."""
    spelled = _spelled(bounds)
    if not spelled and source != final:
        result.nodes[-1] = replace(result.nodes[-1], outputs=(final,))
    for index, (kind, limits) in enumerate(spelled):
        is_last = index == len(spelled) - 1
        name = final if is_last else f"{final}_floored"
        inputs: tuple[str, ...] = (source,)
        if kind != "RELU":
            value = limits.high if kind == "MINIMUM" else limits.low
            constant = f"{final}_{'high' if kind == 'MINIMUM' else 'low'}"
            inputs = (source, result.constant(constant, np.array([value], np.float32)))
        op: ops.Op = {"RELU": ops.Relu(), "MAXIMUM": ops.Maximum(), "MINIMUM": ops.Minimum()}[kind]
        _add_node(result, graph, Node(op, inputs, (name,)), final)
        source = name


def _add_node(result: Graph, graph: Graph, node: Node, like: str) -> None:
    """Append a node whose output has the shape of another tensor."""
    if node.output not in result.tensors:
        result.add_tensor(Tensor(node.output, graph.tensors[like].shape))
    result.nodes.append(node)


def _spelled(bounds: Bounds) -> list[tuple[str, Bounds]]:
    """The ops that clip to some bounds, in order."""
    spelled = []
    if bounds.low == 0:
        spelled.append(("RELU", Bounds(low=0.0)))
    elif bounds.low > -inf:
        spelled.append(("MAXIMUM", Bounds(low=bounds.low)))
    if bounds.high < inf:
        spelled.append(("MINIMUM", Bounds(high=bounds.high)))
    return spelled
