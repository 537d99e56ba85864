"""Every rule on a file by itself finds its fault, says where, and finds none in an honest one."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kit.absorbed import graph_of_case
from kit.graphs import per_tensor, quantized_sr_graph
from kit.one_op import quantized_one_op_graph
from kit.sabotage import next_float, with_code, with_island, with_scale
from kit.tails import with_tail

from sr2tflite.check.case import Case
from sr2tflite.check.rules import RULES, Checked
from sr2tflite.commands.verify import verify
from sr2tflite.errors import UnsupportedError
from sr2tflite.graph import Graph, ops, tflite
from sr2tflite.graph.passes.as_uint8 import as_uint8
from sr2tflite.graph.passes.file_io import with_io
from sr2tflite.interpret import Interpreter
from sr2tflite.interpret.kernels import add
from sr2tflite.numerics.qparams import QuantParams


def asked(rule: str, case: Case, **settings: Any) -> Checked:
    return RULES[rule](**settings).check(case)


def the_only(checked: Checked) -> Any:
    (finding,) = checked.findings
    return finding


def test_a_kernel_that_is_off_by_one_is_found_by_its_op(
    graph: Graph, filed: Callable[..., Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = add.prepare

    def off(site: Any, arithmetic: Any) -> Any:
        run = honest(site, arithmetic)
        return lambda operands, workers: np.maximum(run(operands, workers), -127)

    monkeypatch.setattr(add, "prepare", off)
    findings = asked("runtime_bytes", filed(graph)).findings
    assert [str(one.where) for one in findings] == ["op 3 ADD trunk"] * 3
    assert [one.found.split(":")[0] for one in findings] == ["xnnpack", "builtin", "reference"]
    assert findings[0].error_map.largest == 1


def test_the_runtime_computes_what_an_honest_files_integers_say(graph: Graph, filed: Callable[..., Case]) -> None:
    checked = asked("runtime_bytes", filed(graph))
    assert checked.findings == ()
    assert checked.seen.count("0 of 179,550 values differ") == 3


def test_an_op_that_no_kernel_computes_here_leaves_the_file_unproved(filed: Callable[..., Case]) -> None:
    island = asked("runtime_bytes", filed(with_island(quantized_sr_graph()))).findings
    # all families refuse it for the same reason, which is said once
    assert [one.severity for one in island] == ["error"]
    assert island[0].found.startswith("xnnpack: real: RELU has a float32 tensor")
    # the default kernels are compared, so that a family that is not modeled is a note
    fine = graph_of_case("mean", "int8")
    fine.update("y", quant=QuantParams((2.0**-30,), (0,)))
    checked = asked("runtime_bytes", filed(fine))
    assert [(one.severity, one.found.partition(":")[0]) for one in checked.findings] == [("note", "builtin")]
    assert "which is not modeled" in checked.findings[0].found
    assert checked.seen.startswith("xnnpack: 0 of ")


def test_a_map_is_drawn_for_every_family_that_differs(
    graph: Graph, filed: Callable[..., Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = add.prepare
    monkeypatch.setattr(add, "prepare", lambda *site: lambda *given: np.maximum(honest(*site)(*given), -127))
    filed(graph)
    (rule,) = (rule for rule in verify(Path("model.tflite")).rules if rule.rule == "runtime_bytes")
    names = [str(one.error_map_file) for one in rule.checked.findings]
    assert names == [f"model.verify/runtime_bytes-trunk{suffix}.png" for suffix in ("", 2, 3)]


def test_an_op_with_options_that_are_not_modeled_is_named() -> None:
    graph = quantized_one_op_graph("conv_grouped")
    graph.nodes = [replace(node, op=ops.Opaque("CONV_2D")) for node in graph.nodes]
    with pytest.raises(UnsupportedError, match="CONV_2D has attributes"):
        Interpreter(graph)


def test_tiles_without_their_halo_are_found(
    graph: Graph, filed: Callable[..., Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    case = filed(graph)
    assert asked("shape_bytes", case).findings == ()
    monkeypatch.setattr("sr2tflite.check.rules.shape_bytes.receptive_field", lambda _: 1)
    assert the_only(asked("shape_bytes", case)).found.startswith("in tiles: ")


@pytest.mark.parametrize("size", [(None, None), (19, 26)])
def test_a_twin_of_another_size_that_computes_otherwise_is_found(
    size: tuple[int | None, int | None], filed: Callable[..., Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    case = filed(quantized_sr_graph(size=size))
    write = tflite.write
    assert asked("shape_bytes", case).findings == ()
    monkeypatch.setattr(tflite, "write", lambda graph: write(with_code(graph, "tail.bias", (0,), 2**20)))
    assert asked("shape_bytes", case).findings[0].found.startswith("as the other kind of shape: ")


def test_an_op_with_the_size_written_into_it_has_no_other_size(filed: Callable[..., Case]) -> None:
    checked = asked("shape_bytes", filed(quantized_one_op_graph("resize_nearest")))
    assert checked.is_left_out
    # LiteRT starts a free file at 1×1, which a 3×5 kernel without padding does not fit into
    no_twin = asked("shape_bytes", filed(quantized_one_op_graph("conv_valid_relu")))
    assert (no_twin.is_left_out, "LiteRT refuses the file" in no_twin.seen) == (True, True)


def test_a_reshape_to_a_size_is_one_that_is_written_into_the_file(filed: Callable[..., Case]) -> None:
    case = filed(with_tail(quantized_sr_graph(size=(9, 14))))
    assert case.free is None
    assert {sample.pixels.shape for sample in case.samples.images} == {(9, 14, 3)}
    assert asked("runtime_bytes", case).findings == ()


def test_a_float_island_is_named_op_by_op_and_float_ends_are_not(graph: Graph, filed: Callable[..., Case]) -> None:
    checked = asked("integer_ops", filed(with_island(with_io(graph, "float32"))))
    assert [one.where.tensor for one in checked.findings] == ["real", "clipped", "again"]
    assert checked.seen == "8/11 integer ops (QUANTIZE and DEQUANTIZE at the ends)"
    assert asked("integer_ops", filed(with_io(graph, "float32"))).findings == ()


def test_a_file_that_lies_is_found_without_reading_it_as_a_graph(graph: Graph, filed: Callable[..., Case]) -> None:
    quant = graph.tensors["body.0.bias"].quant
    lying = graph.copy()
    lying.update("body.0.bias", quant=replace(quant, scale=tuple(2 * scale for scale in quant.scale)))
    case = filed(lying)
    finding = the_only(asked("truthful", case))
    assert (finding.where.op, finding.where.tensor) == (1, "body.0.bias")
    assert finding.expected.startswith("input scale · weight scale")
    assert not case.is_truthful


def test_a_bias_scale_that_is_off_by_a_bit_breaks_a_demand(graph: Graph, filed: Callable[..., Case]) -> None:
    quant = graph.tensors["body.0.bias"].quant
    changed = graph.copy()
    scales = (next_float(quant.scale[0]), *quant.scale[1:])
    changed.update("body.0.bias", quant=replace(quant, scale=scales))
    assert the_only(asked("demands", filed(changed))).where.tensor == "body.0.bias"
    assert asked("demands", filed(graph)).findings == ()


def test_a_bias_that_was_cut_is_found(graph: Graph, filed: Callable[..., Case]) -> None:
    case = filed(with_code(graph, "body.1.bias", (2,), 2**31 - 1))
    finding = the_only(asked("bias_range", case))
    assert finding.where.tensor == "body.1.bias"
    assert "channel 2 (1 of 8)" in finding.found
    assert asked("bias_range", filed(graph)).findings == ()


def test_sums_that_may_wrap_are_found_before_they_do(graph: Graph, filed: Callable[..., Case]) -> None:
    finding = the_only(asked("accumulator", filed(with_code(graph, "body.1.bias", (2,), 2**31 - 100))))
    assert (finding.where.tensor, finding.found) == ("body.1", "channel 2 can sum up to 2^31.0")
    assert asked("accumulator", filed(with_code(graph, "body.1.bias", (2,), 2**30))).findings == ()


def test_multipliers_from_1_on_are_a_warning(graph: Graph, filed: Callable[..., Case]) -> None:
    finding = the_only(asked("multipliers", filed(with_scale(quantized_one_op_graph("conv"), "y", 2.0**-14))))
    assert (finding.severity, finding.where.tensor) == ("warning", "y")
    assert asked("multipliers", filed(graph)).findings == ()


GROUPED_SINCE = {"2.8": 1, "2.9": 0, "2.14": 0, "2.9.1": 0}


@pytest.mark.parametrize("release", GROUPED_SINCE)
def test_releases_compare_as_numbers(release: str, filed: Callable[..., Case]) -> None:
    case = filed(quantized_one_op_graph("conv_grouped"))
    findings = asked("op_versions", case, min_runtime=release).findings
    assert len(findings) == GROUPED_SINCE[release]
    assert asked("op_versions", case).seen == "oldest runtime that knows all: 2.9, for CONV_2D 6"


def test_an_op_that_is_not_in_the_table_is_no_promise(
    filed: Callable[..., Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    case = filed(quantized_one_op_graph("prelu"))
    monkeypatch.setattr("sr2tflite.check.rules.op_versions.first_release", lambda *_: None)
    assert the_only(asked("op_versions", case, min_runtime="2.14")).severity == "error"
    assert the_only(asked("op_versions", case)).severity == "note"


def test_what_xnnpack_leaves_is_named(graph: Graph, filed: Callable[..., Case]) -> None:
    note = the_only(asked("delegated", filed(quantized_one_op_graph("prelu"))))
    assert (note.severity, note.where.kind) == ("note", "PRELU")
    assert asked("delegated", filed(graph)).findings == ()


def test_scales_per_channel_are_a_note(graph: Graph, filed: Callable[..., Case]) -> None:
    assert the_only(asked("per_channel", filed(graph))).severity == "note"
    assert asked("per_channel", filed(per_tensor(graph))).findings == ()
    assert the_only(asked("per_channel", filed(graph), severity="error")).severity == "error"


def test_a_file_whose_ends_are_floats_is_not_tiled_and_says_so(graph: Graph, filed: Callable[..., Case]) -> None:
    checked = asked("shape_bytes", filed(with_io(graph, "float32")))
    assert checked.findings == ()
    assert checked.seen == "fixed against free at 25×38; not tiled: its output is not of 8-bit integers"


@pytest.mark.parametrize("shape", [(1, 8), (2, 9, 14, 3), (1, 9, 14, 2, 3)])
def test_what_takes_no_single_image_is_refused(shape: tuple[int, ...], filed: Callable[..., Case]) -> None:
    graph = quantized_one_op_graph("relu")
    for name in (graph.input.name, graph.output.name):
        graph.update(name, shape=shape)
    with pytest.raises(UnsupportedError, match="expected one image"):
        _ = filed(graph).graph


def test_how_a_file_is_made_again_says_its_kind_ends_and_size(graph: Graph, filed: Callable[..., Case]) -> None:
    assert "qat.onnx --int8 --free-shape -o model" in filed(graph).remake
    assert "--int8 --io uint8 --free-shape" in filed(with_io(graph, "uint8")).remake
    assert "--uint8 --free-shape" in filed(as_uint8(per_tensor(graph))).remake
    assert "--int8 --height 24 --width 30" in filed(quantized_sr_graph(size=(24, 30))).remake
