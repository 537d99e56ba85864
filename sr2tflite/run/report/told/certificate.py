"""What ``fuse`` wrote beside its graph: what was collapsed, and how exactly."""

from sr2tflite.run.report.told import Told


class Delta(Told):
    """Largest |Δ| of a region and its replacement."""

    interior: float
    border: float
    corners: float

    @property
    def largest(self) -> float:
        return max(self.interior, self.border, self.corners)


class Collapse(Told):
    """A region that is one op now."""

    name: str
    form: str
    ops: tuple[str, ...]
    kernel: tuple[int, int]
    macs_before: int
    macs_after: int
    delta: Delta


class LeftRegion(Told):
    """A region that stays apart."""

    name: str
    reason: str


class WholeGraph(Told):
    """The whole graph against what it comes from."""

    against: str = "module"
    dtype: str
    size: tuple[int, int]
    largest_delta: float
    value_range: float
    limit: float

    @property
    def passed(self) -> bool:
        return self.largest_delta <= self.limit * self.value_range


class Certificate(Told):
    """``fuse``: what was collapsed, and how exactly."""

    source: str
    tools: dict[str, str]
    weights_in_sha256: str
    weights_out_sha256: str
    ops: str
    collapsed: tuple[Collapse, ...]
    left: tuple[LeftRegion, ...]
    checks: tuple[WholeGraph, ...]
