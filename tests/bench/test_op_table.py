"""Tables of op times as ``benchmark_model`` prints them, and its CSV files."""

import pytest

from sr2tflite.bench.phone.op_table import OpRow, read

RULE = "=" * 30
OPS = [
    ("CONV_2D", "[a;b]:0", 0.5, 0.25, 50.0, 1),
    ("TfLiteXNNPackDelegate", "[c]:7", 0.125, 0.1875, 37.5, 1),
    ("RELU", "[d, with a comma]:3", 0.0625, 0.0625, 12.5, 2),
]
EXPECTED = tuple(
    OpRow("runs", 0, kind, name.rpartition(":")[0], int(name[-1]), first, mean, percent, 0.0, calls)
    for kind, name, first, mean, percent, calls in OPS
)


def on_stdout(rows: list[tuple], *, start: bool = False) -> str:
    """A table, its rows sorted by time and its sums by kind, as on the output."""
    head = ["[node type]", *(["[start]"] if start else []), "[first]", "[avg ms]", "[%]", "[cdf%]", "[mem KB]"]
    lines = [
        [
            kind,
            *(["0.000"] if start else []),
            f"{first:.4f}",
            f"{mean:.4f}",
            f"{percent:.3f}%",
            "9%",
            "0",
            f"{calls}",
            name,
        ]
        for kind, name, first, mean, percent, calls in rows
    ]
    table = [[*head, "[times called]", "[Name]"], *lines]
    text = "\n".join("\t" + "\t".join(f"{cell:>9}" for cell in line[:-1]) + f"\t{line[-1]}" for line in table)
    sums = (
        "\t[Node type]\t[count]\t[avg ms]\t[avg %]\t[cdf %]\t[mem KB]\t[times called]\n\tRELU\t1\t1.0\t9%\t9%\t0.0\t2"
    )
    return (
        f"{RULE} Run Order {RULE}\n{text}\n\n{RULE} Top by Computation Time {RULE}\n{text}\n\n"
        f"Number of nodes executed: 3\n{RULE} Summary by node type {RULE}\n{sums}\n\n"
        "Timings (microseconds): count=88 first=10 curr=10 min=9 max=11 avg=10 std=1\n3 nodes observed\n\n"
    )


def in_csv(rows: list[tuple], *, start: bool = False) -> str:
    head = f"node type,{' start,' if start else ''} first, avg_ms, %, cdf%, mem KB, times called, name"
    lines = [
        f"{kind},{' 0,' if start else ''} {first}, {mean}, {percent:g}%, 99%, 0, {calls}, {name}"
        for kind, name, first, mean, percent, calls in rows
    ]
    table = "\n".join([head, *lines])
    sums = "node type, count, avg_ms, avg %, cdf %, mem KB, times called\nRELU, 1, 1.0, 9%, 9%, 0, 2"
    return (
        f"{RULE} Run Order {RULE}\n{table}\n\n{RULE} Top by Computation Time {RULE}\n{table}\n\n"
        f"{RULE} Summary by node type {RULE}\n{sums}\n\n"
    )


RUN_HEADING = "Operator-wise Profiling Info for Regular Benchmark Runs:\n"
FORMS = {"stdout": on_stdout, "csv": in_csv}


@pytest.mark.parametrize("start", [False, True], ids=["without start", "with start"])
@pytest.mark.parametrize("form", FORMS)
def test_ops_come_once_and_in_run_order(form: str, start: bool) -> None:
    assert read(RUN_HEADING + FORMS[form](OPS, start=start)) == EXPECTED


@pytest.mark.parametrize("form", FORMS)
def test_a_delegates_kernels_have_commas_in_their_kind(form: str) -> None:
    kernel = ("Convolution (NHWC, QC8) IGEMM", "Delegate/Convolution (NHWC, QC8) IGEMM:2", 0.5, 0.5, 100.0, 1)
    (op,) = read(RUN_HEADING + FORMS[form]([kernel]))
    assert (op.kind, op.name, op.index) == (kernel[0], "Delegate/Convolution (NHWC, QC8) IGEMM", 2)
    assert op.is_in_delegate


@pytest.mark.parametrize("form", FORMS)
def test_every_section_has_its_name(form: str) -> None:
    init = ("AllocateTensors", "AllocateTensors/0", 0.05, 0.05, 100.0, 1)
    text = FORMS[form]
    ops = read(
        f"INFO: Profiling Info for Benchmark Initialization:\n{text([init])}\nINFO: {RUN_HEADING}{text(OPS)}"
        f"Delegate internal: \n{text(OPS[:1])}"
    )
    assert [(op.section, op.kind, op.index) for op in ops] == [
        ("initialization", "AllocateTensors", None),
        *(("runs", op.kind, op.index) for op in EXPECTED),
        ("delegate", "CONV_2D", 0),
    ]
    assert [op.is_in_delegate for op in ops] == [False, False, False, False, True]


def test_subgraphs_are_told_apart() -> None:
    ops = read(
        f"{RUN_HEADING}Primary graph (name: main) profile:\n{on_stdout(OPS[:1])}"
        f"Subgraph (index: 2, name: body) profile:\n{on_stdout(OPS[1:])}"
        "Subgraph (index: 2, name: body) Timings (microseconds): count=1 curr=5\n"
        f"Delegate internal: \n{on_stdout(OPS[:1])}"
    )
    assert [(op.subgraph, op.section, op.kind) for op in ops] == [
        (0, "runs", "CONV_2D"),
        (2, "runs", "TfLiteXNNPackDelegate"),
        (2, "runs", "RELU"),
        (0, "delegate", "CONV_2D"),
    ]


def test_a_table_without_a_heading_is_of_the_runs() -> None:
    """LiteRT's summary."""
    assert read(on_stdout(OPS)) == EXPECTED


def test_logcat_and_windows_line_ends_change_nothing() -> None:
    text = RUN_HEADING + on_stdout(OPS)
    assert read("".join(f"I tflite  : {line}\r\n" for line in text.splitlines())) == EXPECTED


def test_a_text_without_tables_has_no_ops() -> None:
    assert read("INFO: STARTING!\nINFO: count=1 curr=5\n") == ()
