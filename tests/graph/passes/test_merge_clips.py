"""Every way to clip has one form afterwards, and computes what it computed."""

import numpy as np
import pytest
import torch

from sr2tflite.graph import Graph, Op, Tensor, ops
from sr2tflite.graph.passes.merge_clips import merge_clips
from sr2tflite.torch_view import FloatView

SHAPE = (1, None, None, 3)
CLIPS: dict[str, Op] = {"relu": ops.Relu(), "relu6": ops.Relu6(), "relu01": ops.Relu0To1()}


def chain(*names: str, first: Op | None = None) -> Graph:
    """An op, then clips: ``relu``, ``relu6``, ``relu01``, ``min 3``, ``max -1``."""
    graph = Graph(inputs=("x",))
    graph.add_tensor(Tensor("x", SHAPE))
    added = graph.constant("c", np.float32([[[0.5]]]))
    last = graph.append(first or ops.Add(), ("x", added), Tensor("first", SHAPE))
    for index, name in enumerate(names):
        kind, _, value = name.partition(" ")
        if kind in CLIPS:
            op, inputs = CLIPS[kind], (last.name,)
        else:
            op = ops.Minimum() if kind == "min" else ops.Maximum()
            inputs = (last.name, graph.constant(f"c{index}", np.float32([float(value)])))
        last = graph.append(op, inputs, Tensor(f"t{index}", SHAPE))
    graph.append(ops.LeakyRelu(0.5), (last.name,), Tensor("y", SHAPE))
    graph.outputs = ("y",)
    return graph


MERGED = {
    "relu": (chain("relu"), "ADD:RELU"),
    "relu6": (chain("relu6"), "ADD:RELU MINIMUM"),
    "fused relu6": (chain(first=ops.Add("RELU6")), "ADD:RELU MINIMUM"),
    "fused relu n1 to 1": (chain(first=ops.Add("RELU_N1_TO_1")), "ADD MAXIMUM MINIMUM"),
    "minimum then relu": (chain("min 3", "relu"), "ADD:RELU MINIMUM"),
    "maximum with zero": (chain("max 0", "min 2"), "ADD:RELU MINIMUM"),
    "two bounds": (chain("relu6", "relu01"), "ADD:RELU MINIMUM"),
    "a bound that bounds nothing": (chain("relu", "max -1", "relu"), "ADD:RELU"),
    "a minimum under zero": (chain("min -1", "relu"), "ADD:RELU MINIMUM"),
    "a floor over a ceiling": (chain("min 1", "max 2"), "ADD MAXIMUM MINIMUM"),
    "a fused relu and a floor under it": (chain("max -2", first=ops.Add("RELU")), "ADD:RELU"),
    "after an op that fuses nothing": (chain("relu6", first=ops.Maximum()), "MAXIMUM MINIMUM"),
}


def spelled(graph: Graph) -> str:
    marks = [(node.op.kind, getattr(node.op, "activation", "NONE")) for node in graph.nodes[:-1]]
    return " ".join(kind if fused == "NONE" else f"{kind}:{fused}" for kind, fused in marks)


@pytest.mark.parametrize("name", MERGED)
def test_a_run_of_clips_has_one_form(name: str) -> None:
    graph, wanted = MERGED[name]
    merged = merge_clips(graph)
    x = torch.linspace(-9, 9, 3 * 8 * 8).reshape(1, 3, 8, 8)
    assert spelled(merged) == wanted
    assert torch.equal(FloatView(merged)(x), FloatView(graph)(x))
    assert merge_clips(merged) == merged


def test_what_something_else_reads_before_the_clip_stays() -> None:
    graph = chain("relu6")
    graph.append(ops.Add(), ("first", "y"), Tensor("z", SHAPE))
    graph.outputs = ("z",)
    assert merge_clips(graph).summary() == "ADD×2 RELU MINIMUM LEAKY_RELU"


def test_bounds_per_channel_are_no_clip() -> None:
    graph = chain("min 3")
    graph.update("c0", data=np.float32([1, 2, 3]), shape=(3,))
    assert merge_clips(graph) == graph
