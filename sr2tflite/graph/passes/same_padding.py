"""PAD and a convolution without padding, as one convolution that pads as the PAD did."""

from dataclasses import replace

from sr2tflite.graph import ops
from sr2tflite.graph.model import Graph, Node
from sr2tflite.graph.passes.rewritten import Rewritten, only_reader


def same_padding(graph: Graph) -> Rewritten:
    """A copy where PAD and VALID convolution are one with SAME padding, where they pad alike.

    Both put real zeros around the image, which is the zero point in codes. SAME at stride 1 puts ``(k − 1)·d`` of them
    along each axis, half before, rounded down, the rest behind (``ComputePaddingHeightWidth``, ``kernels/padding.h``).
    Exact. A PAD that something else reads too stays.
    """
    result, places = graph.copy(), []
    for node in [node for node in graph.nodes if isinstance(node.op, ops.Pad)]:
        conv = only_reader(result, node.output)
        if conv is not None and _pads_alike(result, node, conv):
            merged = replace(conv, op=replace(conv.op, padding="SAME"), inputs=(node.inputs[0], *conv.inputs[1:]))  # type: ignore[call-arg]
            result.nodes[result.nodes.index(conv)] = merged
            result.nodes.remove(node)
            places.append(node.output)
    result.drop_unused()
    return Rewritten(result, tuple(places))


def _pads_alike(graph: Graph, pad: Node, conv: Node) -> bool:
    if not isinstance(conv.op, ops.Conv2D | ops.DepthwiseConv2D) or conv.op.padding != "VALID":
        return False
    if conv.op.stride != (1, 1) or conv.inputs[0] != pad.output or not isinstance(pad.op, ops.Pad):
        return False
    x, padded = (graph.tensors[name] for name in (pad.inputs[0], pad.output))
    if (x.dtype, x.quant) != (padded.dtype, padded.quant):
        return False
    kernel = graph.tensors[conv.inputs[1]].shape[1:3]
    around = [(size or 1) * step - step for size, step in zip(kernel, conv.op.dilation, strict=True)]
    return pad.op.paddings == ((0, 0), *((total // 2, total - total // 2) for total in around), (0, 0))
