"""Times of single ops: the tables of ``benchmark_model --enable_op_profiling``, on its output or in a CSV file.

As ``tensorflow/lite/profiling/profile_summary_formatter.cc`` and ``stats_calculator.cc`` write them. Columns go by the
names in a table's head: builds differ in them. Profiling slows the runs: these times are for comparing ops with each
other, not for the latency.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite
from typing import Literal

from sr2tflite.bench.phone.log_lines import NUMBER, WHOLE

Section = Literal["initialization", "runs", "delegate"]

_SECTIONS: dict[str, Section] = {
    "Profiling Info for Benchmark Initialization:": "initialization",
    "Operator-wise Profiling Info for Regular Benchmark Runs:": "runs",
    "Delegate internal:": "delegate",
}
_SUBGRAPH = re.compile(r"(?:(Primary graph)|Subgraph \(index: (\d{1,9})(?:, name: .*)?\)).*:$")
_VALUE = rf"({NUMBER}%?)"
_INDEX = re.compile(rf"(.*):({WHOLE})")
_NEEDED = {"node type", "first", "avg ms", "%", "mem kb", "times called"}


@dataclass(frozen=True)
class OpRow:
    """One op of one table, in the order they ran."""

    section: Section
    """What it is part of; ``delegate`` are ops of a library behind a delegate, by that library's names."""

    subgraph: int
    kind: str
    """``CONV_2D``, or what the delegate's library calls it."""

    name: str
    """The op's output tensors, ``[a;b]``; for ops of a delegate what it says."""

    index: int | None
    """Of the node in the graph that ran, which has its delegates' nodes at the end; of the op for a delegate's."""

    first_ms: float
    mean_ms: float
    percent: float
    """Of its table's time."""

    memory_kb: float
    calls: int
    """A run."""

    @property
    def is_in_delegate(self) -> bool:
        """Whether a delegate's library runs it; its time is also in its delegate's node."""
        return self.section == "delegate" or self.name.startswith("Delegate/")


def read(text: str) -> tuple[OpRow, ...]:
    """Every table's ops in run order; the same rows sorted by time, and sums by kind, are left out."""
    return tuple(_ops(text.replace("\r", "").split("\n")))


def _ops(lines: list[str]) -> Iterator[OpRow]:
    section: Section = "runs"
    subgraph, columns, tables = 0, [""], 0
    for line in lines:
        owner = _SUBGRAPH.search(line)
        heading = next((name for title, name in _SECTIONS.items() if title in line), None)
        if owner or heading:
            section, subgraph, tables = heading or section, int((owner and owner[2]) or 0), 0
        elif "node type" in line.lower():
            columns, tables = _columns(line), tables + 1
        elif columns != [""] and tables == 1 and (cells := _cells(line, columns)):
            yield _op(section, subgraph, cells)
        elif not line.strip():
            columns = [""]


def _columns(line: str) -> list[str]:
    """Names in a table's head, of a table of ops; tabs and brackets on the output, commas in a file."""
    cells = _tabbed(line) if "\t" in line else line.split(",")
    names = [cell.strip("[] ").lower().replace("_", " ") for cell in cells]
    return names if names[-1] == "name" and set(names) >= _NEEDED else [""]


def _cells(line: str, columns: list[str]) -> dict[str, str] | None:
    """A row's cells by column: a kind, numbers, a name. Kind and name may hold the commas that part the others."""
    if "\t" in line:
        cells = _tabbed(line)
    else:
        match = re.fullmatch(r", ".join((r"(.+?)", *[_VALUE] * (len(columns) - 2), r"(.*)")), line.strip())
        cells = list(match.groups()) if match else []
    if len(cells) != len(columns) or not all(re.fullmatch(_VALUE, cell) for cell in cells[1:-1]):
        return None
    row = dict(zip(columns, cells, strict=True))
    whole = re.fullmatch(WHOLE, row["times called"]) and all(isfinite(float(row[key])) for key in ("first", "avg ms"))
    return row if whole else None


def _tabbed(line: str) -> list[str]:
    """Cells after the first tab: before it stands what a logger says."""
    return [cell.strip() for cell in line[line.index("\t") :].lstrip("\t").split("\t")]


def _op(section: Section, subgraph: int, cells: dict[str, str]) -> OpRow:
    indexed = _INDEX.fullmatch(cells["name"])
    return OpRow(
        section,
        subgraph,
        cells["node type"],
        indexed[1] if indexed else cells["name"],
        int(indexed[2]) if indexed else None,
        float(cells["first"]),
        float(cells["avg ms"]),
        float(cells["%"].rstrip("%")),
        float(cells["mem kb"]),
        int(cells["times called"]),
    )
