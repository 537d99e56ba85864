"""A lifted skip leaves the float function as it is, borders included, and what cannot be lifted is said by name."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from kit.graphs import float_sr_graph

from sr2tflite.graph import Graph, Node, Tensor, ops
from sr2tflite.graph.passes.lift_skips import lift_skips
from sr2tflite.graph.validate import validate
from sr2tflite.torch_view import FloatView

PIXELS = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, 3, 7, 5))).double()
GRAPH = float_sr_graph(skip="features")


def _values(graph: Graph) -> dict[str, torch.Tensor]:
    return FloatView(graph, torch.float64).activations(PIXELS)


def _without_bias(graph: Graph) -> Graph:
    result = graph.copy()
    result.update("stem.bias", data=np.zeros(8, np.float32))
    return result


def _wide(graph: Graph) -> Graph:
    """With a window of 5×3 in the stem."""
    result, weight = graph.copy(), np.random.default_rng(1).normal(0, 0.2, (8, 5, 3, 3)).astype(np.float32)
    result.update("stem.weight", data=weight, shape=weight.shape)
    return result


def _turned(graph: Graph) -> Graph:
    """With the terms of the sum the other way round."""
    result = graph.copy()
    result.nodes = [replace(node, inputs=node.inputs[::-1]) if node.output == "trunk" else node for node in graph.nodes]
    return result


FORMS = {
    "plain": GRAPH,
    "no bias": _without_bias(GRAPH),
    "5×3 window": _wide(GRAPH),
    "terms turned": _turned(GRAPH),
    "one channel more deep": float_sr_graph(channels=9, depth=4, skip="features", scale=2),
}


@pytest.mark.parametrize("name", FORMS)
def test_a_lifted_skip_is_the_same_float_function_at_borders_too(name: str) -> None:
    graph = FORMS[name]
    found = lift_skips(graph)
    validate(found.graph, name)
    assert not found.declined
    assert not any(isinstance(node.op, ops.Add) for node in found.graph.nodes)
    before, after = (_values(one)["output"] for one in (graph, found.graph))
    # the joint weights are rounded to float32 once: 2⁻²⁴ of them, times 255, times some hundred of them
    torch.testing.assert_close(after, before, rtol=0, atol=1e-6 * float(before.abs().max()) + 1e-3)


@pytest.mark.parametrize("name", FORMS)
def test_the_copies_hold_the_windows_pixels_and_white(name: str) -> None:
    found = lift_skips(FORMS[name])
    assert found.copies == {"stem.pixels"}
    copies = _values(found.graph)["stem.pixels"]
    height, width = found.graph.tensors["stem.weight"].shape[1:3]
    padded = torch.nn.functional.pad(PIXELS, [width // 2] * 2 + [height // 2] * 2)
    window = [padded[..., y : y + 7, x : x + 5] for y in range(height) for x in range(width)]
    white = [torch.full_like(PIXELS[:, :1], 255)] if name != "no bias" else []
    torch.testing.assert_close(copies, torch.cat([*window, *white], 1), rtol=0, atol=0)


def test_two_sums_of_one_stem_share_their_copies() -> None:
    graph = float_sr_graph(skip="features")
    graph.nodes.pop()
    for name in ("second", "third"):  # another trunk with a skip of its own; both images are added
        source = "stem" if name == "second" else "second"
        constants = [graph.constant(f"{name}.{end}", graph.tensors[f"body.0.{end}"].data) for end in ("weight", "bias")]
        graph.append(ops.Conv2D(activation="RELU"), (source, *constants), replace(graph.tensors["body.0"], name=name))
    graph.append(ops.Add(), ("third", "stem"), replace(graph.tensors["trunk"], name="sum"))
    graph.append(ops.Conv2D(), ("sum", "tail.weight", "tail.bias"), replace(graph.tensors["tail"], name="tail.2"))
    graph.append(ops.Add(), ("tail", "tail.2"), replace(graph.tensors["tail"], name="both"))
    graph.append(ops.DepthToSpace(3), ("both",), Tensor("image", (1, None, None, 3)))
    graph.outputs = ("image",)
    found = lift_skips(graph)
    assert [node.output for node in found.graph.nodes].count("stem.pixels") == 1
    torch.testing.assert_close(_values(found.graph)["image"], _values(graph)["image"], rtol=0, atol=1e-3)


def _with(graph: Graph, output: str, **changes: object) -> Graph:
    result = graph.copy()
    result.nodes = [
        replace(node, op=replace(node.op, **changes)) if node.output == output else node  # type: ignore[arg-type]
        for node in graph.nodes
    ]
    return result


def _read_twice(graph: Graph) -> Graph:
    result = graph.copy()
    result.nodes.insert(-1, Node(ops.Relu(), ("body.1",), ("more",)))
    result.add_tensor(replace(graph.tensors["body.1"], name="more"))
    return result


DECLINED = {
    "a trunk of any sign": (_with(GRAPH, "body.1", activation="NONE"), "body.1 is not what a convolution with a fused"),
    "a trunk read elsewhere": (_read_twice(GRAPH), "body.1 is not what a convolution with a fused ReLU writes for"),
    "a sum with a ReLU": (_with(GRAPH, "trunk", activation="RELU"), "not one convolution of one group reads"),
    "a last convolution with a clip": (_with(GRAPH, "tail", activation="RELU6"), "not one convolution of one group"),
    "an anchor": (float_sr_graph(skip="nearest"), "tail is not what a convolution with a fused ReLU writes"),
}


@pytest.mark.parametrize("case", DECLINED)
def test_what_cannot_be_lifted_stays_and_is_said(case: str) -> None:
    graph, reason = DECLINED[case]
    found = lift_skips(graph)
    (declined,) = found.declined
    assert declined.reason.startswith(reason)
    assert not found.copies
    assert found.graph.nodes == graph.nodes


@pytest.mark.parametrize("skip", ["none", "add", "concat"])
def test_where_no_sum_has_a_linear_stem_nothing_is_said(skip: str) -> None:
    found = lift_skips(float_sr_graph(skip=skip))  # type: ignore[arg-type]
    assert (found.copies, found.declined) == (frozenset(), ())
