"""Whatever a program on a phone prints, reading it gives a record or a refusal."""

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from sr2tflite.bench.phone import benchmark_model, op_table
from sr2tflite.errors import InputError

LINES = """\
INFO: STARTING!
WARN: Unconsumed cmdline flags: --a=1 --b=2
VERBOSE: Replacing 5 out of 9 node(s) with delegate (TfLiteGpuDelegateV2) node, yielding 2 partitions for subgraph 0.
ERROR: Following operations are not supported by GPU delegate:
DEQUANTIZE: no
5 operations will run on the GPU, and the remaining 4 operations will run on the CPU.
I tflite  : Explicitly applied X delegate, and the model graph will be partially executed by the delegate w/ 2 kernels
INFO: Initialized session in 1.25ms.
INFO: count=2 first=700 curr=500 min=500 max=700 avg=600 std=100 p5=500 median=700 p95=700
INFO: count=4 curr=7000(all same)
INFO: Inference timings in us: Init: 1250, First inference: 700, Warmup (avg): 600, Inference (avg): 1.62027e+06
INFO: Memory footprint delta from the start of the tool (MB): init=1.5 overall=4.25
INFO: [./litert/tools/benchmark_litert_model.h:88] Inference (avg):      7.00 ms (4 runs)
Operator-wise Profiling Info for Regular Benchmark Runs:
\t[node type]\t[first]\t[avg ms]\t[%]\t[cdf%]\t[mem KB]\t[times called]\t[Name]
\tCONV_2D\t0.5\t0.25\t50.0%\t99%\t0.0\t1\t[a;b]:0
node type, first, avg_ms, %, cdf%, mem KB, times called, name
CONV_2D, 0.5, 0.25, 50%, 99%, 0, 1, [a;b]:0
Subgraph (index: 2, name: body) profile:
{"latency": {"init_ms": 1}}
""".splitlines()
JUNK = st.text("\t\n ,:;=()[]{}%.+-eE0123456789naif\0é", max_size=6) | st.just("9" * 5000) | st.just("{" * 5000)


@st.composite
def logs(draw: st.DrawFn) -> str:
    """Lines that the tool prints, in any order, some cut, some with other signs in them."""
    text = "\n".join(draw(st.lists(st.sampled_from(LINES), max_size=12)))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(text)))
        text = text[:start] + draw(JUNK) + text[draw(st.integers(start, min(start + 8, len(text)))) :]
    return text


@given(logs())
def test_a_log_is_read_or_refused(text: str) -> None:
    with suppress(InputError):
        log = benchmark_model.read(text)
        assert log.runs is None or log.runs.count >= 0
        assert not log.is_complete or log.runs.latency_ms is not None
        benchmark_model.flags_of(text)


@given(logs())
def test_tables_are_read_as_far_as_they_are_tables(text: str) -> None:
    assert all(op.mean_ms >= -1e30 and op.calls >= 0 for op in op_table.read(text))
