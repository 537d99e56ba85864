"""Which tensors share parameters, and what is refused."""

import numpy as np
import pytest
from kit.graphs import float_sr_graph

from sr2tflite.errors import UnsupportedError
from sr2tflite.graph import Graph, Node, Tensor, ops, tflite
from sr2tflite.numerics.qparams import QuantParams
from sr2tflite.quant.limits import Range
from sr2tflite.quant.plan import plan_quantization, span
from sr2tflite.quant.view import QuantizedView
from sr2tflite.runtime import LiteRT


def with_tail(op: ops.Op, constant: float | None = None, shape: tuple[int, ...] = (1,)) -> Graph:
    """A small network with an op put between its trunk and nothing."""
    graph = Graph(inputs=("x",))
    graph.add_tensor(Tensor("x", (1, None, None, 3)))
    names = ["x"] if constant is None else ["x", graph.constant("c", np.full(shape, constant, np.float32))]
    graph.append(op, names, Tensor("y", (1, None, None, 3)))
    graph.outputs = ("y",)
    return graph


REFUSED = {
    "a gate at the end": (with_tail(ops.Logistic()), "op LOGISTIC writes steps of 1/256"),
    "a foreign op": (with_tail(ops.Opaque("FANCY")), "op FANCY cannot be quantized"),
    "a constant that makes channels": (with_tail(ops.Add(), 3.0, (1, 1, 4)), "ADD with a constant"),
    "a constant image": (with_tail(ops.Mul(), 3.0, (1, 2, 1, 3)), "MUL with a constant"),
    "a moved constant": (with_tail(ops.Concatenation(), 3.0, (1, 1, 1, 3)), "CONCATENATION with such constant"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_quantized_is_refused_by_name(name: str) -> None:
    graph, message = REFUSED[name]
    with pytest.raises(UnsupportedError, match=message):
        plan_quantization(graph)


def test_input_and_output_are_fixed_and_the_shuffle_ties_its_input_to_the_output() -> None:
    plan = plan_quantization(float_sr_graph())
    graph = plan.graph
    source = graph.nodes[-1].inputs[0]
    assert plan.groups[plan.group_of[graph.input.name]].fixed
    assert plan.groups[plan.group_of[source]].tensors == (source, graph.output.name)
    assert plan.groups[plan.group_of[source]].fixed


def test_concatenated_tensors_share_their_parameters() -> None:
    plan = plan_quantization(float_sr_graph(skip="concat"))
    (node,) = (node for node in plan.graph.nodes if node.op.kind == "CONCATENATION")
    assert len({plan.group_of[name] for name in (*node.inputs, node.output)}) == 1


def test_only_groups_that_are_all_relu_start_at_zero() -> None:
    plan = plan_quantization(float_sr_graph())
    for group in plan.groups:
        writers = [plan.graph.producer(name) for name in group.tensors]
        rectified = [getattr(node.op, "activation", "NONE") == "RELU" if node else False for node in writers]
        assert group.nonnegative == all(rectified)


def clipped(*clips: tuple[ops.Op, float | None], read_before: bool = False) -> Graph:
    """Conv, clips, conv, pixel shuffle; perhaps the second convolution's output meets what was before the clips."""
    graph, rng = Graph(inputs=("x",)), np.random.default_rng(0)
    graph.add_tensor(Tensor("x", (1, None, None, 3)))

    def conv(source: str, name: str) -> str:
        width = graph.tensors[source].channels
        weight = graph.constant(f"{name}_w", rng.normal(0, 0.4, (12, 3, 3, width)).astype(np.float32))
        bias = graph.constant(f"{name}_b", rng.normal(0, 9, 12).astype(np.float32))
        return graph.append(ops.Conv2D(), (source, weight, bias), Tensor(name, (1, None, None, 12))).name

    first = last = conv("x", "first")
    for index, (op, value) in enumerate(clips):
        names = [last] if value is None else [last, graph.constant(f"c{index}", np.float32([value]))]
        last = graph.append(op, names, Tensor(f"clip{index}", (1, None, None, 12))).name
    last = conv(last, "second")
    if read_before:
        last = graph.append(ops.Add(), (last, first), Tensor("sum", (1, None, None, 12))).name
    graph.append(ops.DepthToSpace(2), (last,), Tensor("y", (1, None, None, 3)))
    graph.outputs = ("y",)
    return graph


CLIPS = {
    "relu": ([(ops.Relu(), None)], 0, np.inf, "CONV_2D×2 DEPTH_TO_SPACE"),
    "relu and minimum": ([(ops.Relu(), None), (ops.Minimum(), 90)], 0, 90, "CONV_2D×2 DEPTH_TO_SPACE"),
    "minimum and maximum": ([(ops.Minimum(), 90), (ops.Maximum(), 0)], 0, 90, "CONV_2D×2 DEPTH_TO_SPACE"),
    "relu6": ([(ops.Relu6(), None)], 0, 6, "CONV_2D×2 DEPTH_TO_SPACE"),
    "both ways": ([(ops.Maximum(), -30), (ops.Minimum(), 50)], -30, 50, "CONV_2D×2 DEPTH_TO_SPACE"),
    "above zero": ([(ops.Maximum(), 16), (ops.Minimum(), 50)], -np.inf, 50, "CONV_2D×2 MAXIMUM DEPTH_TO_SPACE"),
    "under zero": ([(ops.Minimum(), -16)], -np.inf, np.inf, "CONV_2D×2 MINIMUM DEPTH_TO_SPACE"),
}


@pytest.mark.parametrize("name", CLIPS)
def test_a_clip_bounds_its_group_and_costs_no_op(name: str) -> None:
    clips, low, high, summary = CLIPS[name]
    plan = plan_quantization(clipped(*clips))
    index = plan.group_of["second"] - 1
    assert (plan.groups[index].low, plan.groups[index].high) == (low, high)
    wide = {i: Range(-400.0, 800.0) for i, group in enumerate(plan.groups) if not group.fixed}
    view = QuantizedView(plan, wide)
    frozen = view.freeze()
    assert frozen.summary() == summary
    reached = span(view.grids()[index])
    assert reached[1] <= high
    assert reached[0] >= low
    image = np.random.default_rng(1).integers(0, 256, (9, 12, 3), np.uint8)
    codes = (image.astype(np.int16) - 128).astype(np.int8)[None]
    on_device = LiteRT(tflite.write(frozen)).run(codes)[0].astype(np.int16) + 128
    np.testing.assert_array_equal(view.upscale(image), on_device)


@pytest.mark.parametrize(
    "clip", [[(ops.Relu(), None), (ops.Minimum(), 90)], [(ops.Relu(), None)], [(ops.Relu6(), None)]]
)
def test_a_clip_of_what_something_else_reads_stays_on_the_same_grid(clip: list) -> None:
    plan = plan_quantization(clipped(*clip, read_before=True))
    assert plan.groups[plan.group_of["first"]].high == np.inf
    assert not plan.absorbed
    assert plan.group_of["first"] == plan.group_of[f"clip{len(clip) - 1}"]


def test_a_clip_of_one_of_two_joined_tensors_stays() -> None:
    graph = clipped((ops.Relu(), None), (ops.Minimum(), 90))
    position = next(index for index, node in enumerate(graph.nodes) if node.output == "second")
    joined = graph.add_tensor(Tensor("joined", (1, None, None, 15)))
    graph.nodes.insert(position, Node(ops.Concatenation(), ("clip1", "x"), ("joined",)))
    weight = graph.constant("w", np.ones((12, 3, 3, 15), np.float32) / 100)
    graph.nodes[position + 1] = Node(ops.Conv2D(), (joined.name, weight, "second_b"), ("second",))
    plan = plan_quantization(graph)
    assert plan.groups[plan.group_of["first"]].fixed  # it shares the input's pixels
    assert not plan.absorbed


def test_tensors_of_one_group_must_have_one_scale_in_a_file() -> None:
    graph = float_sr_graph(skip="concat")
    view = QuantizedView(
        plan := plan_quantization(graph), {i: Range(-9, 9) for i, g in enumerate(plan.groups) if not g.fixed}
    )
    frozen = view.freeze()
    frozen.update("trunk", quant=QuantParams((0.5,), (0,)))
    with pytest.raises(UnsupportedError, match="other quantization parameters"):
        QuantizedView.from_quantized(frozen)


def test_scales_that_cannot_be_kept_are_refused() -> None:
    frozen = QuantizedView(
        plan := plan_quantization(float_sr_graph(skip="none")),
        {i: Range(0, 9) for i, g in enumerate(plan.groups) if not g.fixed},
    ).freeze()
    frozen.update("stem", quant=QuantParams((float(np.float32(0.1)),), (-128,)))  # 24 bits
    with pytest.raises(UnsupportedError, match="would become"):
        QuantizedView.from_quantized(frozen)
