"""Where everything of a drawn graph stands: a column of boxes in execution order, and lanes for what skips some."""

from dataclasses import dataclass

from sr2tflite.run.report.drawing import Drawing, DrawnOp, Grid

WIDTH = 356
"""Of the picture, in CSS pixels: a phone of 390 shows it at its own size."""

LINE, GAP = 16, 20
LANE, MOST_GUTTER = 14, 110
TURN = 6
"""Radius of a lane's corners."""


@dataclass(frozen=True)
class Box:
    """An op, or an end of the graph."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    detail: str
    lines: tuple[str, ...]
    is_input: bool
    is_output: bool


@dataclass(frozen=True)
class Placed:
    """The whole picture."""

    width: int
    height: float
    boxes: tuple[Box, ...]
    arrows: tuple[str, ...]
    """SVG path data."""


@dataclass(frozen=True)
class _Skip:
    """A tensor that is read farther down than by the next op."""

    source: int
    targets: tuple[int, ...]
    """Rows."""


def place(drawing: Drawing) -> Placed:
    """Put a drawing's ops one below the other."""
    ends = set(drawing.outputs)
    rows = [*map(_end, drawing.inputs), *(_words(op, ends) for op in drawing.ops)]
    written = {grid.name: row for row, grid in enumerate(drawing.inputs)}
    below = len(drawing.inputs)
    written |= {grid.name: below + row for row, op in enumerate(drawing.ops) for grid in op.writes}
    readers = [(below + row, name) for row, op in enumerate(drawing.ops) for name in op.reads]
    edges = sorted({(written[name], row) for row, name in readers if written.get(name, row) < row})
    skips = _skips(edges)
    lanes = _lanes(skips)
    count = max(lanes, default=-1) + 1
    spacing = min(LANE, MOST_GUTTER / count) if count else 0
    gutter = spacing * count + (6 if count else 1)
    boxes = _boxes(rows, gutter)
    arrows = [_down(boxes[source], boxes[target]) for source, target in edges if target == source + 1]
    for skip, lane in zip(skips, lanes, strict=True):
        across = gutter - 6 - spacing * (lane + 0.5)
        arrows += [_around(boxes[skip.source], boxes[target], across) for target in skip.targets]
    return Placed(WIDTH, boxes[-1].y + boxes[-1].height + 1 if boxes else 0, tuple(boxes), tuple(arrows))


@dataclass(frozen=True)
class _Row:
    """What is written in a box."""

    kind: str
    detail: str
    lines: tuple[str, ...]
    is_input: bool = False
    is_output: bool = False

    @property
    def height(self) -> float:
        return 30 + LINE * len(self.lines)


def _end(grid: Grid) -> _Row:
    return _Row("input", _size(grid), (_short(grid.name), _stored(grid)), is_input=True)


def _words(op: DrawnOp, ends: set[str]) -> _Row:
    lines = [line for grid in op.writes for line in (_short(grid.name), _stored(grid))]
    if op.weight_scales is not None:
        low, high = op.weight_scales
        several = f" … {high:.3g}, {op.weight_channels} channels" if op.weight_channels > 1 else ""
        lines.append(f"weights s {low:.3g}{several}")
    return _Row(op.kind, op.detail, tuple(lines), is_output=any(grid.name in ends for grid in op.writes))


def _stored(grid: Grid) -> str:
    if grid.scale is None:
        return grid.dtype
    return f"{grid.dtype}  s {grid.scale:.6g}  z {str(grid.zero_point).replace('-', '−')}"


def _size(grid: Grid) -> str:
    return "×".join("?" if size is None else str(size) for size in grid.shape)


def _short(name: str, most: int = 40) -> str:
    return name if len(name) <= most else f"…{name[1 - most :]}"


def _boxes(rows: list[_Row], gutter: float) -> list[Box]:
    boxes, y = [], 1.0
    for row in rows:
        words = (row.kind, row.detail, row.lines, row.is_input, row.is_output)
        boxes.append(Box(gutter, y, WIDTH - gutter - 1, row.height, *words))
        y += row.height + GAP
    return boxes


def _skips(edges: list[tuple[int, int]]) -> list[_Skip]:
    sources = dict.fromkeys(source for source, target in edges if target > source + 1)
    return [
        _Skip(source, tuple(target for start, target in edges if start == source and target > source + 1))
        for source in sources
    ]


def _lanes(skips: list[_Skip]) -> list[int]:
    """The innermost lane that is free, for each; those that end first are given theirs first."""
    taken: dict[int, list[tuple[int, int]]] = {}
    lanes = dict.fromkeys(range(len(skips)), 0)
    for index in sorted(lanes, key=lambda one: skips[one].targets[-1] - skips[one].source):
        start, end = skips[index].source, skips[index].targets[-1]
        lane = 0
        while any(start <= other_end and other_start <= end for other_start, other_end in taken.get(lane, ())):
            lane += 1
        taken.setdefault(lane, []).append((start, end))
        lanes[index] = lane
    return [lanes[index] for index in range(len(skips))]


def _down(source: Box, target: Box) -> str:
    x = source.x + source.width / 2
    return f"M{x:g} {source.y + source.height:g}V{target.y - 1:g}"


def _around(source: Box, target: Box, lane: float) -> str:
    start, end = source.y + source.height - 14, target.y + 16
    return (
        f"M{source.x:g} {start:g}H{lane + TURN:g}Q{lane:g} {start:g} {lane:g} {start + TURN:g}"
        f"V{end - TURN:g}Q{lane:g} {end:g} {lane + TURN:g} {end:g}H{target.x - 1:g}"
    )
