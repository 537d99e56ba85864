"""What a graph says about itself."""

import numpy as np
import pytest

from sr2tflite.graph import Graph, Tensor, ops
from sr2tflite.graph.shapes import infer_shapes


def append(graph: Graph, op: ops.Op, source: str, name: str, outputs: int = 0, size: int = 1) -> str:
    names = [source]
    if isinstance(op, ops.Conv2D):
        weight = np.zeros((outputs, size, size, graph.tensors[source].channels), np.float32)
        names += [graph.constant(f"{name}.w", weight), graph.constant(f"{name}.b", np.zeros(outputs, np.float32))]
    graph.append(op, names, Tensor(name, (1, None, None, 1)))
    infer_shapes(graph)
    return name


def empty() -> Graph:
    graph = Graph(inputs=("x",))
    graph.add_tensor(Tensor("x", (1, None, None, 3)))
    return graph


@pytest.mark.parametrize(("stride", "block", "scale"), [(1, 3, 3), (2, 6, 3), (2, 2, 1)])
def test_a_stride_is_part_of_the_scale(stride: int, block: int, scale: int) -> None:
    graph = empty()
    small = append(graph, ops.Conv2D((stride, stride)), "x", "small", 3 * block**2, 2)
    graph.outputs = (append(graph, ops.DepthToSpace(block), small, "y"),)
    assert graph.scale_factor == scale


def test_two_branches_that_enlarge_alike_count_once() -> None:
    graph = empty()
    left = append(graph, ops.ResizeNearestNeighbor(2), "x", "left")
    right = append(graph, ops.DepthToSpace(2), append(graph, ops.Conv2D(), "x", "wide", 12), "right")
    graph.append(ops.Add(), (left, right), Tensor("y", (1, None, None, 3)))
    graph.outputs = ("y",)
    assert graph.scale_factor == 2
