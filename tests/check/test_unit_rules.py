"""Every rule about accelerators finds its fault, says where and what does away with it, and finds none without it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from kit.graphs import PIXELS, quantized_sr_graph
from kit.one_op import int8_graph, quantized_one_op_graph
from kit.tails import WIDE, with_pads, with_tail

from sr2tflite.check.case import Case
from sr2tflite.check.rules import RULES, Checked
from sr2tflite.check.rules._unit import UnitRule
from sr2tflite.commands.check import check
from sr2tflite.errors import InputError
from sr2tflite.graph import Graph, Tensor, ops
from sr2tflite.graph.passes.file_io import with_io
from sr2tflite.graph.shapes import with_size
from sr2tflite.numerics.qparams import QuantParams

SIZE = (9, 14)


def sr(**settings: Any) -> Graph:
    return quantized_sr_graph(size=SIZE, **settings)


@dataclass(frozen=True)
class Fault:
    """A graph, the rule that it breaks, and what is said."""

    rule: str
    make: Callable[[], Graph]
    where: str
    found: str
    settings: dict[str, Any]
    rewrite: str | None = None
    honest: Callable[[], Graph] = sr


def one_op(op: ops.Op) -> Graph:
    return int8_graph(op, PIXELS, PIXELS)


def bilinear(**attributes: Any) -> Graph:
    return one_op(ops.ResizeBilinear((32, 32), **attributes))


def rescaled() -> Graph:
    """A QUANTIZE to the pixels' scale between the last convolution and the shuffle."""
    graph = sr()
    tail, shuffle = graph.tensors["tail"], graph.nodes.pop()
    graph.update("tail", quant=WIDE)
    graph.append(ops.Quantize(), ("tail",), replace(tail, name="again"))
    graph.nodes.append(replace(shuffle, inputs=("again",)))
    return graph


def narrow() -> Graph:
    """A CONCATENATION one of whose branches is always 0."""
    graph = sr(skip="concat")
    for name in ("stem.weight", "stem.bias"):
        graph.update(name, data=np.zeros_like(graph.tensors[name].data))
    return graph


def unequal() -> Graph:
    """A CONCATENATION one of whose branches has another scale."""
    graph = sr(skip="concat")
    graph.update("body.1", quant=QuantParams((3.0,), (-128,)))
    return graph


def strided() -> Graph:
    graph = quantized_one_op_graph("conv_strided_relu6")
    graph.nodes = [replace(node, op=replace(node.op, stride=(5, 2))) for node in graph.nodes]
    return with_size(graph, 5, 7)


FAULTS: dict[str, Fault] = {
    "six dimensions": Fault(
        "rank", lambda: with_tail(sr()), "op 6 TRANSPOSE woven", "has a tensor of 6 dimensions", {}, "shuffle_moves"
    ),
    "an op outside": Fault(
        "unit_ops",
        lambda: with_tail(sr()),
        "op 6 TRANSPOSE woven",
        "TRANSPOSE runs on the CPU",
        {"ops": {"CONV_2D": 0, "ADD": 0, "DEPTH_TO_SPACE": 0, "RESHAPE": 0}},
        "shuffle_moves",
    ),
    "a version outside": Fault(
        "unit_ops",
        lambda: with_tail(sr()),
        "op 6 TRANSPOSE woven",
        "TRANSPOSE version 6 runs on the CPU",
        {"ops": {"CONV_2D": 3, "ADD": 2, "DEPTH_TO_SPACE": 1, "RESHAPE": 1, "TRANSPOSE": 2}},
        "shuffle_moves",
    ),
    "a layout tail": Fault(
        "layout_ops",
        lambda: with_tail(sr()),
        "op 6 TRANSPOSE woven",
        "TRANSPOSE moves 1×9×3×14×3×3 values",
        {},
        "shuffle_moves",
    ),
    "pads": Fault(
        "layout_ops", lambda: with_pads(sr()), "op 0 PAD stem.padded", "PAD moves 1×11×16×3", {}, "same_padding"
    ),
    "an idle clip": Fault(
        "clips",
        lambda: with_tail(sr(), is_clipped=True),
        "op 8 MINIMUM output",
        "MINIMUM on its own",
        {},
        "drop_idle_clips",
    ),
    "a clip that rescales": Fault(
        "clips",
        lambda: with_tail(sr(), wide=WIDE),
        "op 8 RELU output",
        "RELU on its own, from scale 1.46875 to 1",
        {},
        "rescale_by_sum",
    ),
    "a RELU at two scales": Fault(
        "rescaling",
        lambda: with_tail(sr(), wide=WIDE),
        "op 8 RELU output",
        "RELU reads scale 1.46875, zero point -89 and writes scale 1, zero point -128",
        {},
        "rescale_by_sum",
    ),
    "a scale between": Fault(
        "requantize",
        rescaled,
        "op 5 QUANTIZE again",
        "from int8 at scale 1.46875 to int8 at scale 1",
        {},
        "write_at_once",
        honest=lambda: with_io(sr(), "uint8"),
    ),
    "a narrow branch": Fault(
        "concatenation",
        narrow,
        "op 3 CONCATENATION trunk",
        "stem takes 1 of 256 codes: 8.0 bits are lost",
        {"lost_bits": 6.0},
        honest=lambda: sr(skip="concat"),
    ),
    "a branch at another scale": Fault(
        "concatenation",
        unequal,
        "op 3 CONCATENATION trunk",
        "body.1 has scale 3, zero point -128",
        {"lost_bits": 8.0},
        honest=lambda: sr(skip="concat"),
    ),
    "seven channels": Fault(
        "channel_multiples",
        lambda: sr(channels=7),
        "op 0 CONV_2D stem",
        "7 channels",
        {},
        honest=lambda: sr(channels=8),
    ),
    "eight channels of sixteen": Fault(
        "channel_multiples",
        sr,
        "op 0 CONV_2D stem",
        "8 channels",
        {"multiple": 16},
        honest=lambda: sr(channels=16),
    ),
    "aligned corners": Fault(
        "resize",
        lambda: bilinear(align_corners=True),
        "op 0 RESIZE_BILINEAR y",
        "align_corners is true",
        {"align_corners": False},
        honest=bilinear,
    ),
    "half pixels": Fault(
        "resize",
        lambda: bilinear(half_pixel_centers=True),
        "op 0 RESIZE_BILINEAR y",
        "half_pixel_centers is true",
        {"half_pixel_centers": False},
        honest=bilinear,
    ),
    "a large resize": Fault(
        "resize",
        bilinear,
        "op 0 RESIZE_BILINEAR y",
        "writes 32×32 pixels",
        {"most": 31},
        honest=lambda: one_op(ops.ResizeBilinear((31, 20))),
    ),
    "three times as large": Fault(
        "resize",
        lambda: one_op(ops.ResizeNearestNeighbor(3)),
        "op 0 RESIZE_NEAREST_NEIGHBOR y",
        "goes from (16, 16) to (48, 48)",
        {"factors": (1, 2, 4, 8)},
        honest=lambda: one_op(ops.ResizeNearestNeighbor(4)),
    ),
    "a leaky function": Fault(
        "activations", lambda: quantized_one_op_graph("leaky_relu"), "op 0 LEAKY_RELU y", "LEAKY_RELU on its own", {}
    ),
    "a bound that is not fused there": Fault(
        "activations",
        lambda: quantized_one_op_graph("conv_strided_relu6"),
        "op 0 CONV_2D y",
        "RELU6 fused into CONV_2D",
        {"fused": ("NONE", "RELU")},
    ),
    "too much at once": Fault(
        "memory_peak",
        sr,
        "op 5 DEPTH_TO_SPACE output",
        f"{2 * 9 * 14 * 27:,} bytes: tail, output",
        {"most_bytes": 6803},
        honest=lambda: quantized_sr_graph(size=(9, 13)),
    ),
    "a long stride": Fault(
        "conv_limits",
        strided,
        "op 0 CONV_2D y",
        "stride 5",
        {"stride": 4, "depthwise_stride": 3},
    ),
    "a dilated kernel": Fault(
        "conv_limits",
        lambda: quantized_one_op_graph("conv_dilated"),
        "op 0 CONV_2D y",
        "dilation 2",
        {"dilation": 1},
    ),
    "a tall kernel": Fault(
        "conv_limits",
        lambda: quantized_one_op_graph("conv_dilated"),
        "op 0 CONV_2D y",
        "kernel height 5",
        {"height": 4},
    ),
    "a large kernel": Fault(
        "conv_limits", lambda: quantized_one_op_graph("conv_dilated"), "op 0 CONV_2D y", "kernel area 25", {"area": 24}
    ),
    "two of each channel": Fault(
        "conv_limits",
        lambda: quantized_one_op_graph("depthwise_twofold"),
        "op 0 DEPTHWISE_CONV_2D y",
        "depth multiplier 2",
        {"multiplier": 1},
        honest=lambda: quantized_one_op_graph("depthwise"),
    ),
    "a free size": Fault("known_size", quantized_sr_graph, "input", "takes 1×?×?×3", {}),
}


def asked(fault: Fault, graph: Graph, filed: Callable[..., Case]) -> Checked:
    return RULES[fault.rule](**fault.settings).check(filed(graph))


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found_where_it_is_with_what_does_away_with_it(name: str, filed: Callable[..., Case]) -> None:
    fault = FAULTS[name]
    checked = asked(fault, fault.make(), filed)
    (found,) = (one for one in checked.findings if fault.found in one.found and str(one.where) == fault.where)
    assert found.rewrite == fault.rewrite
    assert fault.rewrite is None or fault.rewrite in found.hint
    assert found.expected
    assert checked.seen


@pytest.mark.parametrize("name", FAULTS)
def test_nothing_is_found_where_the_fault_is_not(name: str, filed: Callable[..., Case]) -> None:
    fault = FAULTS[name]
    checked = asked(fault, fault.honest(), filed)
    assert checked.findings == ()
    assert not checked.is_left_out


def test_every_rule_about_accelerators_has_a_fault_and_the_rewrites_that_it_names() -> None:
    rules = {name: RULES[name] for name in RULES.names() if issubclass(RULES[name], UnitRule)}
    assert {fault.rule for fault in FAULTS.values()} == set(rules)
    for fault in FAULTS.values():
        assert fault.rewrite is None or fault.rewrite in rules[fault.rule].rewrites


def test_the_file_that_the_hint_promises_is_named_by_the_profiles_own_source(filed: Callable[..., Case]) -> None:
    case = filed(with_tail(sr()))
    address = "https://example.org/limits"
    assert {one.source for one in RULES["rank"](cites=address).check(case).findings} == {address}
    assert {one.source for one in RULES["rank"]().check(case).findings} == {RULES["rank"].source}


def test_without_a_size_no_memory_is_counted(filed: Callable[..., Case]) -> None:
    assert RULES["memory_peak"]().check(filed(quantized_sr_graph())).is_left_out


def test_a_branch_that_cannot_be_computed_here_is_not_measured(filed: Callable[..., Case]) -> None:
    graph = sr(skip="concat")
    graph.add_tensor(Tensor("odd", graph.tensors["trunk"].shape, "int8", graph.tensors["trunk"].quant))
    graph.nodes.append(replace(graph.nodes[3], op=ops.Relu(), inputs=("trunk",), outputs=("odd",)))
    graph.update("odd", quant=QuantParams((2.0**-60,), (0,)))
    assert "not measured: " in RULES["concatenation"]().check(filed(graph)).seen


@pytest.mark.parametrize("end", ["inputs", "outputs"])
def test_a_resize_of_a_tensor_that_is_not_there_ends_no_rule(end: str, filed: Callable[..., Case]) -> None:
    path = filed(bilinear()).path
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(path.read_bytes()))
    setattr(model.subgraphs[0].operators[0], end, [99])
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(builder.Output())
    checked = RULES["resize"](most=31, factors=(4,)).check(Case(path))
    assert (checked.seen, checked.findings) == ("1 resizes", ())
    with pytest.raises(InputError, match="names tensor 99 of 3"):
        check(path, ("nnapi", "hexagon", "ethos-u"))
