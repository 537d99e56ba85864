"""Every resize is of a kind and size that the accelerator knows."""

from collections.abc import Iterator
from typing import Any, ClassVar

from ai_edge_litert import schema_py_generated as schema

from sr2tflite.check.case import Case
from sr2tflite.check.rules import RULES, Checked
from sr2tflite.check.rules._unit import UnitRule
from sr2tflite.graph.tflite.flat import FlatOp

_RECORDS = {
    schema.BuiltinOperator.RESIZE_BILINEAR: ("RESIZE_BILINEAR", schema.ResizeBilinearOptionsT),
    schema.BuiltinOperator.RESIZE_NEAREST_NEIGHBOR: ("RESIZE_NEAREST_NEIGHBOR", schema.ResizeNearestNeighborOptionsT),
}


@RULES.register("resize")
class Resize(UnitRule):
    """Which pixel a resize takes is a matter of ``align_corners`` and ``half_pixel_centers``; accelerators know few."""

    title: ClassVar[str] = "every resize is of a kind that is known"
    source: ClassVar[str | None] = "https://developer.android.com/ndk/reference/group/neural-networks"

    align_corners: bool = True
    """Whether the corner pixels' centers may be kept."""

    half_pixel_centers: bool = True
    """Whether pixels may be squares."""

    most: int | None = None
    """Height and width of what RESIZE_BILINEAR writes; None for any."""

    factors: tuple[int, ...] = ()
    """How many times larger an image may get; none for any."""

    def check(self, case: Case) -> Checked:
        """Read the options as they stand in the file: a graph has no place for all of them."""
        count, findings = 0, []
        for index, op in enumerate(case.flat.ops):
            if op.builtin in _RECORDS:
                count += 1
                place = case.place_at(index, _RECORDS[op.builtin][0])
                findings += [self.finding(place, *one) for one in self._faults(case, op)]
        return Checked(f"{count} resizes", tuple(findings))

    def _faults(self, case: Case, op: FlatOp) -> Iterator[tuple[str, str]]:
        kind, record = _RECORDS[op.builtin]
        options: Any = record()
        if op.options is not None:
            options = record.InitFromBuf(op.options.Bytes, op.options.Pos)
        if options.alignCorners and not self.align_corners:
            yield "align_corners is true", "false"
        if options.halfPixelCenters and not self.half_pixel_centers:
            yield "half_pixel_centers is true", "false"
        sizes = _sizes(case, op)
        if sizes is None:
            return
        before, after = sizes
        if kind == "RESIZE_BILINEAR" and self.most is not None and max(after, default=0) > self.most:
            yield f"writes {'×'.join(map(str, after))} pixels", f"at most {self.most} either way"
        if self.factors and not self._is_multiple(before, after, int(options.alignCorners)):
            yield f"goes from {before} to {after}", f"one of {', '.join(map(str, self.factors))} times as large"

    def _is_multiple(self, before: tuple[int, ...], after: tuple[int, ...], corners: int) -> bool:
        """With corners aligned it is the steps between pixels that are counted."""
        return any(
            all(large - corners == (small - corners) * one for small, large in zip(before, after, strict=True))
            for one in self.factors
        )


def _sizes(case: Case, op: FlatOp) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """Height and width before and after; None in a damaged file, of which the reader says what is wrong."""
    ends, tensors = (*op.inputs[:1], *op.outputs[:1]), case.flat.tensors
    if len(ends) < 2 or not all(0 <= index < len(tensors) for index in ends):
        return None
    before, after = (tensors[index].shape[1:3] for index in ends)
    return (before, after) if len(before) == len(after) == 2 else None
