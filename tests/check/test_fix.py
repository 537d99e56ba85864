"""``--fix``: what is written gives the same bytes, and what would not is told and left alone."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from kit.graphs import PIXELS, quantized_sr_graph
from kit.sabotage import with_code
from kit.tails import (
    REAL,
    WIDE,
    channels_first_tail,
    clamped_tail,
    float_island_tail,
    gathered_tail,
    with_computed_shapes,
    with_pads,
    with_tail,
)

from sr2tflite.check import rewrites
from sr2tflite.check.case import Case
from sr2tflite.check.fix import PROVED, fix
from sr2tflite.check.rewrites import REWRITES, planned
from sr2tflite.errors import UnsupportedError, VerificationError
from sr2tflite.graph import Graph, ops, tflite
from sr2tflite.graph.passes.file_io import with_io
from sr2tflite.graph.passes.rewritten import Rewritten
from sr2tflite.runtime import LiteRT

Filed = Callable[..., Case]
SIZE = (9, 14)


def tailed(**settings: object) -> Graph:
    return with_tail(quantized_sr_graph(size=SIZE), **settings)


def test_a_layout_tail_with_a_clip_becomes_one_op_and_no_byte_differs(filed: Filed) -> None:
    case = filed(with_pads(tailed(is_clipped=True)))
    found = fix(case)
    assert found.before.summary() == "PAD×4 CONV_2D×4 ADD RESHAPE×2 TRANSPOSE MINIMUM"
    assert found.after.summary() == "CONV_2D×4 ADD DEPTH_TO_SPACE"
    assert [step.rewrite.name for step in found.steps if step.is_applied] == [
        "shuffle_moves",
        "same_padding",
        "drop_idle_clips",
    ]
    assert [(one.kernels, one.differ) for one in found.proof] == [(kernels.value, 0) for kernels in PROVED]
    assert all(one.images == len(case.samples) for one in found.proof)
    assert found.is_equal
    # said once more, without what is tested
    for sample in case.samples.images:
        for kernels in PROVED:
            wanted = case.run(sample.pixels, kernels)
            assert np.array_equal(LiteRT(found.data, kernels).run(case.codes(sample.pixels)), wanted)
    assert tflite.read(found.data, "fixed").output == found.before.output


def test_a_rewrite_that_changes_bytes_is_told_and_applied_only_where_that_is_allowed(filed: Filed) -> None:
    case = filed(tailed(is_clipped=True, wide=WIDE))
    strict, loose = fix(case), fix(case, allow_difference=True)
    (step,) = (one for one in strict.steps if one.rewrite.name == "write_at_once")
    assert (step.is_applied, strict.is_equal) == (False, True)
    assert "values differ" in step.refused
    assert strict.after.summary() == "CONV_2D×4 ADD×2 DEPTH_TO_SPACE"
    assert loose.after.summary() == "CONV_2D×4 ADD DEPTH_TO_SPACE"
    assert not loose.is_equal
    assert {one.largest for one in loose.proof} == {1.0}


FORMS: dict[str, tuple[Callable[[], Graph], str]] = {
    "a GATHER before, clips behind": (
        lambda: gathered_tail(quantized_sr_graph(size=SIZE, skip="nearest"), REAL),
        "CONV_2D×5 ADD×2 DEPTH_TO_SPACE",
    ),
    "channels first, in floats": (
        lambda: channels_first_tail(quantized_sr_graph(size=SIZE)),
        "CONV_2D×4 ADD DEPTH_TO_SPACE DEQUANTIZE RELU MINIMUM",
    ),
    "an island of floats": (
        lambda: float_island_tail(quantized_sr_graph(size=SIZE), REAL),
        "CONV_2D×4 ADD×2 DEPTH_TO_SPACE",
    ),
    "a clamp on the pixels' grid": (
        lambda: clamped_tail(quantized_sr_graph(size=SIZE), PIXELS),
        "CONV_2D×4 ADD DEPTH_TO_SPACE",
    ),
    "a clamp on another grid": (
        lambda: clamped_tail(quantized_sr_graph(size=SIZE), WIDE),
        "CONV_2D×4 ADD MINIMUM DEPTH_TO_SPACE",
    ),
    "a RELU that rescales, uint8 ends": (
        lambda: with_io(tailed(is_clipped=True, wide=REAL), "uint8"),
        "QUANTIZE×2 CONV_2D×4 ADD×2 DEPTH_TO_SPACE",
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_what_other_converters_leave_becomes_less_and_no_byte_differs(form: str, filed: Filed) -> None:
    make, summary = FORMS[form]
    case = filed(make())
    found = fix(case)
    assert found.after.summary() == summary
    assert [one.differ for one in found.proof] == [0, 0]
    assert fix(filed(found.after)).has_changed is False


def test_a_tail_of_a_free_size_is_proved_on_images_and_on_their_side(tmp_path: Path) -> None:
    path = tmp_path / "free.tflite"
    path.write_bytes(with_computed_shapes(tailed(is_clipped=True, wide=REAL)))
    case = Case(path)
    found = fix(case)
    assert found.after.summary() == "CONV_2D×4 ADD×2 DEPTH_TO_SPACE"
    assert found.after.input.shape == (1, None, None, 3)
    assert found.images == "7 generated images of 25×38, upright and on their side"
    assert [(one.images, one.differ) for one in found.proof] == [(2 * len(case.samples), 0)] * 2


def test_a_free_batch_leaves_the_images_their_size(filed: Filed) -> None:
    graph = tailed(is_clipped=True)
    for name, tensor in graph.tensors.items():
        if not tensor.is_constant:
            graph.update(name, shape=(None, *tensor.shape[1:]))
    graph.nodes = [
        replace(node, op=ops.Reshape((-1, *node.op.shape[1:]))) if isinstance(node.op, ops.Reshape) else node
        for node in graph.nodes
    ]
    case = filed(graph)
    found = fix(case)
    assert found.after.summary() == "CONV_2D×4 ADD DEPTH_TO_SPACE"
    assert found.after.output.shape == (None, 27, 42, 3)
    assert {sample.pixels.shape[:2] for sample in case.samples.images} == {SIZE}
    assert [one.differ for one in found.proof] == [0, 0]


def test_a_file_with_nothing_to_rewrite_stays_as_it_is(filed: Filed) -> None:
    found = fix(filed(quantized_sr_graph()))
    assert (found.has_changed, found.proof, found.is_equal) == (False, (), True)
    assert not any(step.places or step.declined for step in found.steps)


def test_a_rewrite_that_claims_to_be_exact_and_is_not_is_left_alone(
    filed: Filed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(graph: Graph) -> Rewritten:
        return Rewritten(with_code(graph, "tail.weight", (0, 0, 0, 0), -100), ("tail",))

    broken = replace(REWRITES["drop_idle_clips"], apply=wrong)
    monkeypatch.setitem(rewrites.REWRITES, "drop_idle_clips", broken)
    found = fix(filed(tailed()))
    (step,) = (one for one in found.steps if one.rewrite is broken)
    assert "values differ" in step.refused
    assert found.is_equal
    assert found.after.summary().endswith("DEPTH_TO_SPACE")


def test_a_difference_on_a_later_image_writes_nothing(filed: Filed, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(graph: Graph) -> Rewritten:
        return Rewritten(with_code(graph, "tail.weight", (0, 0, 0, 0), -100), ("tail",))

    monkeypatch.setitem(rewrites.REWRITES, "drop_idle_clips", replace(REWRITES["drop_idle_clips"], apply=wrong))
    monkeypatch.setattr("sr2tflite.check.fix._TRIED", 0)
    with pytest.raises(VerificationError, match="drop_idle_clips changed bytes"):
        fix(filed(quantized_sr_graph(size=SIZE)))


def test_a_file_that_cannot_be_written_here_is_refused_by_the_op(filed: Filed, monkeypatch: pytest.MonkeyPatch) -> None:
    case = filed(quantized_sr_graph(size=SIZE))
    graph = case.graph.copy()
    graph.nodes[-1] = replace(graph.nodes[-1], op=ops.Opaque("SHAPE"))
    monkeypatch.setitem(vars(case), "graph", graph)
    with pytest.raises(UnsupportedError, match="SHAPE"):
        fix(case)


def test_what_is_planned_is_named_by_the_files_own_tensors() -> None:
    graph = with_pads(tailed(is_clipped=True, wide=WIDE))
    assert planned(graph) == {
        "stem.padded": "same_padding",
        "body.0.padded": "same_padding",
        "body.1.padded": "same_padding",
        "tail.padded": "same_padding",
        "output": "drop_idle_clips",
        "apart": "shuffle_moves",
        "woven": "shuffle_moves",
        "whole": "shuffle_moves",
        "floored": "rescale_by_sum",
    }
    assert planned(quantized_sr_graph()) == {}
