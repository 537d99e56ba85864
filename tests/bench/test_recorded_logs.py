"""Every recorded output of ``benchmark_model``, as a person reads it. The recordings are not part of the project."""

from pathlib import Path

import pytest

from sr2tflite.bench.phone import op_table
from sr2tflite.bench.phone.benchmark_model import flags_of, read
from sr2tflite.bench.phone.tool_log import Applied, Log, Memory, Replaced, Times

NO_MODEL = "Failed to load model /data/local/tmp/{}.tflite"
NOT_A_MODEL = "The model is not a valid Flatbuffer buffer"

PLAIN = Log(
    flavor="classic",
    init_us=520,
    first_us=15186,
    warmup=Times(45, 15186, 10537, 10050, 15363, 11267.6, 1450),
    runs=Times(96, 10597, 10249, 10019, 15807, 10485, 622),
    memory=Memory(2.79688, 8.53906, 15.8047),
)
BOGUS = Log(
    flavor="classic",
    init_us=340,
    first_us=18076,
    warmup=Times(36, 18076, 19627, 13092, 19627, 14119.2, 1554),
    runs=Times(68, 20201, 22857, 10441, 29807, 14708.5, 5057),
    memory=Memory(2.91797, 8.66797),
    unconsumed=("--bogus=1",),
)
CSV = Log(
    flavor="classic",
    init_us=364,
    first_us=15284,
    warmup=Times(45, 15284, 10566, 10281, 18271, 11287.4, 1468),
    runs=Times(88, 10214, 10563, 10214, 20185, 11340.6, 1417),
    memory=Memory(3.04297, 8.78906),
)
PROFILED = Log(
    flavor="classic",
    init_us=356,
    first_us=37532,
    warmup=Times(42, 37532, 7524, 7421, 37532, 11951.6, 8265),
    runs=Times(51, 7541, 29547, 7478, 30742, 19830.8, 8336),
    memory=Memory(3.08984, 8.83203),
)
LITERT_PYTHON = Log(
    flavor="litert",
    init_us=3510,
    first_us=2650,
    warmup=Times(5, 2650, mean=3290),
    runs=Times(20, min=2300, max=6390, mean=2750, std=950, p5=2320, median=2410, p95=4070),
    fully_accelerated=False,
)
GARBAGE = Log(errors=(NOT_A_MODEL, NO_MODEL.format("garbage")), failed=True)
NOPE = Log(
    errors=(
        "Could not open '/nope.tflite'.",
        "The model allocation is null/empty",
        "Failed to load model /nope.tflite",
    ),
    failed=True,
)

LOGS = {
    "plain.out": PLAIN,
    "plain.err": Log(),
    "plain.txt": PLAIN,
    "bogus.out": BOGUS,
    "bogus.err": Log(),
    "bogus.txt": BOGUS,
    "csv.out": CSV,
    "csv.err": Log(),
    "csv.txt": CSV,
    "prof.out": PROFILED,
    "prof.err": Log(),
    "prof.txt": PROFILED,
    "garbage.out": Log(),
    "garbage.err": GARBAGE,
    "garbage.txt": GARBAGE,
    "nope.out": Log(),
    "nope.err": NOPE,
    "nope.txt": NOPE,
    "trunc.out": Log(),
    "trunc.err": Log(errors=(NOT_A_MODEL, NO_MODEL.format("trunc")), failed=True),
    "help.txt": Log(errors=("usage: /data/local/tmp/benchmark_model <flags>",), failed=True),
    "qemu64.out": Log(
        flavor="classic",
        init_us=36037,
        first_us=1773172,
        warmup=Times(1, 1773172, 1773172, 1773172, 1773172, 1773172),
        runs=Times(5, 1715599, 1342656, 1342656, 1810975, 1620270, 162694),
        memory=Memory(3, 9.27734),
    ),
    "lb.err": Log(flavor="litert", created=("XNNPACK",), fully_accelerated=False),
    "lb.json": LITERT_PYTHON,
    "litert-benchmark.out": LITERT_PYTHON,
    "p.csv": Log(),
    "web/deleg.txt": Log(applied=(Applied("GPU", "partially", 3), Applied("NNAPI", "not"))),
    "web/litert_2025.txt": Log(
        flavor="litert",
        init_us=4478,
        first_us=1033,
        warmup=Times(1055, 1033, 473, 443, 1033, 465.319, 18, 459, 463, 478),
        runs=Times(2112, 463, 459, 442, 979, 464.545, 13, 460, 462, 478),
        created=("XNNPACK",),
        replaced=(Replaced("TfLiteXNNPackDelegate", 1, 1, 1, 0),),
        memory=Memory(peak=427.64),
    ),
    "web/logcat_apk.txt": Log(
        flavor="classic",
        init_us=92318,
        first_us=187533,
        runs=Times(25, 187533, 140990, 140071, 195121, 145528, 13583, 140545, 141253, 187533),
        memory=Memory(54.2852, 73.4102),
    ),
    "web/tflite24.txt": Log(
        flavor="classic",
        init_us=16242,
        first_us=360262,
        runs=Times(50, 249042, 250889, 247067, 254474, 249684, 1442),
        memory=Memory(4.92969, 138.809),
    ),
}

KINDS = ["CONCATENATION", *["CONV_2D"] * 5, "ADD", "CONV_2D", "ADD", "DEPTH_TO_SPACE", "MINIMUM", "RELU"]
PROF_MS = [0.294, 2.259, 2.238, 2.650, 2.682, 2.107, 2.056, 2.548, 2.041, 0.059, 0.012, 0.869]
CSV_MS = [0.274761, 0.265182, 1.25665, 1.17969, 1.15131, 1.1513, 1.99102, 1.19924, 1.89086, 0.0610227, 0.0112386]
QEMU_MS = [6.278, 50.881, 322.987, 340.269, 296.375, 293.583, 2.725, 292.618, 2.770, 2.072, 0.156, 9.352]
TABLES = {
    "prof.out": (0.046, PROF_MS),
    "prof.txt": (0.046, PROF_MS),
    "p.csv": (0.045, [*CSV_MS, 0.89217]),
    "qemu64.out": (8.130, QEMU_MS),
}
"""Means: of AllocateTensors, then of the network's ops."""


@pytest.fixture(scope="module")
def samples(shared: Path) -> Path:
    folder = shared.parent / "device" / "samples"
    if not folder.is_dir():
        pytest.skip("the recorded outputs are not on this machine")
    return folder


def test_no_recording_is_left_out(samples: Path) -> None:
    assert set(LOGS) == {path.relative_to(samples).as_posix() for path in samples.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", LOGS)
def test_a_recording_reads_as_a_person_reads_it(name: str, samples: Path) -> None:
    assert read((samples / name).read_text()) == LOGS[name]


@pytest.mark.parametrize("name", LOGS)
def test_a_recording_has_the_op_times_that_a_person_finds(name: str, samples: Path) -> None:
    ops = op_table.read((samples / name).read_text())
    if name not in TABLES:
        assert not ops
        return
    allocate, means = TABLES[name]
    assert [(op.section, op.kind, op.index, op.mean_ms, op.calls) for op in ops] == [
        ("initialization", "AllocateTensors", None, allocate, 1),
        *(("runs", kind, at, ms, 1) for at, (kind, ms) in enumerate(zip(KINDS, means, strict=True))),
    ]
    assert (ops[0].name, ops[0].memory_kb) == ("AllocateTensors/0", 256)
    assert ops[2].name == "[functional_1/conv2d_1/Relu;functional_1/conv2d_1/convolution]"
    assert ops[12].name == "[Identity]"


def test_the_recorded_help_lists_its_flags(samples: Path) -> None:
    flags = flags_of((samples / "help.txt").read_text())
    assert len(flags) == 44  # 45 lines, num_threads is in two
    assert {"num_runs", "graph", "output_filepath", "require_full_delegation", "external_delegate_path"} <= flags
    assert "use_xnnpack" not in flags
    assert "use_gpu" not in flags
