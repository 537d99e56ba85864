"""What ``budget`` wrote: the cost of each tensor's quantization."""

from sr2tflite.run.report.told import Told


class Decibels(Told):
    """Mean PSNR, or what it gains; None is infinite, or not measured."""

    against_float: float | None
    against_hr: float | None


class BudgetRow(Told):
    """One tensor."""

    name: str
    kind: str
    op: str
    reads: tuple[str, ...]
    cost: Decibels
    saturated: float
    unused_codes: int
    codes: int


class Measured(Told):
    """The file."""

    name: str
    sha256: str


class Budget(Told):
    """``budget``: what each tensor's quantization costs, the most expensive first."""

    model: Measured
    protocol: str | None
    images: tuple[str, ...]
    int8: Decibels
    drop: float | None
    rows: tuple[BudgetRow, ...]
    notes: tuple[str, ...] = ()

    @property
    def subjects(self) -> tuple[tuple[str, str], ...]:
        return ((self.model.name, self.model.sha256),)
