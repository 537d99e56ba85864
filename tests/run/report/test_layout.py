"""Every graph finds place: boxes apart, an arrow for each tensor that is read, lanes beside the boxes."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.graphs import float_sr_graph, quantized_sr_graph

from sr2tflite.run.report.drawing import Drawing, DrawnOp, Grid, drawing
from sr2tflite.run.report.layout import WIDTH, place
from sr2tflite.run.report.ranges import ranges


def _grid(name: str) -> Grid:
    return Grid(name, (1, None, None, 3), "int8", 0.5, -128)


@st.composite
def drawings(draw: st.DrawFn) -> Drawing:
    """Ops that read any tensors before them."""
    names, ops = ["input"], []
    for number in range(draw(st.integers(1, 30))):
        reads = draw(st.lists(st.sampled_from(names), min_size=1, max_size=3))
        writes = [f"t{number}.{part}" for part in range(draw(st.integers(1, 2)))]
        ops.append(DrawnOp("ADD", "", tuple(reads), tuple(map(_grid, writes)), None, 0, None))
        names += writes
    return Drawing("m.tflite", "", (_grid("input"),), tuple(ops), (names[-1],), None, 0, None)


@given(drawings())
def test_boxes_stand_apart_and_every_reading_has_its_arrow(found: Drawing) -> None:
    placed = place(found)
    assert len(placed.boxes) == len(found.ops) + 1
    for above, below in pairwise(placed.boxes):
        assert above.y + above.height < below.y
    rows = {"input": 0} | {grid.name: row for row, op in enumerate(found.ops, 1) for grid in op.writes}
    edges = {(rows[name], row) for row, op in enumerate(found.ops, 1) for name in op.reads}
    assert len(placed.arrows) == len(edges)
    for path in placed.arrows:
        for x in re.findall(r"H([\d.e+-]+)", path):
            assert 0 <= float(x) <= placed.boxes[0].x
    assert all(box.x >= 0 and box.x + box.width <= WIDTH for box in placed.boxes)
    assert placed.boxes[0].width >= WIDTH / 2, "there is room for words"


@given(drawings())
def test_lanes_of_tensors_that_live_at_once_do_not_meet(found: Drawing) -> None:
    spans: dict[str, list[tuple[float, float, str]]] = {}
    for path in place(found).arrows:
        if "Q" in path:
            start, turn, end = re.search(r" ([\d.]+)H.*V([\d.]+)Q\S+ ([\d.]+)", path).groups()  # type: ignore[union-attr]
            lane = re.search(r"Q([\d.]+) ", path).group(1)  # type: ignore[union-attr]
            spans.setdefault(lane, []).append((float(start), float(end), start))
            assert float(turn) <= float(end)
    for lane in spans.values():
        for one in lane:
            for other in lane:
                assert one[2] == other[2] or one[1] < other[0] or other[1] < one[0], (
                    "only arrows of one op share a lane"
                )


def test_an_op_says_kernel_channels_activation_and_scales() -> None:
    found = drawing(quantized_sr_graph(), "m.tflite")
    stem = found.ops[0]
    assert (stem.kind, stem.detail, stem.reads) == ("CONV_2D", "3×3, 3 → 8, RELU", ("input",))
    assert stem.weight_channels == 8
    assert stem.writes[0].scale is not None
    box = place(found).boxes[1]
    assert (box.kind, box.detail) == ("CONV_2D", "3×3, 3 → 8, RELU")
    assert box.lines[0] == "stem"
    assert box.lines[1].startswith("int8  s ")
    assert place(found).boxes[-1].is_output


def test_a_float_graph_has_no_ranges_and_sizes_give_macs_and_memory() -> None:
    found = drawing(float_sr_graph(size=(4, 5)), "m.tflite")
    assert ranges(found) is None
    # stem 3·8, two of 8·8 and the tail 8·27, each 3×3 over 4×5 pixels
    assert found.macs == 9 * (3 * 8 + 2 * 8 * 8 + 8 * 27) * 20
    assert found.peak_bytes == 4 * 20 * (27 + 27), "before and behind DEPTH_TO_SPACE"
    free = drawing(float_sr_graph(), "m.tflite")
    assert (free.macs, free.peak_bytes) == (None, None)


@pytest.mark.parametrize("skip", ["none", "add", "concat", "nearest"])
def test_ranges_span_one_axis(skip: str) -> None:
    found = ranges(drawing(quantized_sr_graph(skip=skip), "m.tflite"))  # type: ignore[arg-type]
    assert found
    assert min(one.left for one in found.rows) >= 0
    assert max(one.left + one.width for one in found.rows) == pytest.approx(100)
    by_name = {one.name: one for one in found.rows}
    assert (by_name["input"].low, by_name["input"].high) == ("0", "255")
    assert by_name["input"].left == pytest.approx(found.zero)
