"""What ``benchmark_model`` prints, read into a record: TensorFlow Lite 2.x, LiteRT, on a shell or through logcat.

The lines are those of ``tensorflow/lite/tools/benchmark/benchmark_model.cc``, ``benchmark_tflite_model.cc``,
``core/subgraph.cc`` and ``litert/tools/benchmark_litert_model.h``. Tables of op times are read by ``op_table``.
"""

import json
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from sr2tflite.bench.phone.log_lines import NUMBER, WHOLE, Line, lines_of
from sr2tflite.bench.phone.tool_log import Applied, Log, Memory, Replaced, Times
from sr2tflite.errors import InputError

_TIMES = re.compile(rf"count=({WHOLE})((?: \w+={NUMBER})*)(?:\(all same\))?\s*$")
_PAIR = re.compile(rf"(\w+)=({NUMBER})")
_SUMMARY = re.compile(
    rf"Inference timings in us: Init: ({NUMBER}), First inference: ({NUMBER}), "
    rf"Warmup \(avg\): ({NUMBER}), Inference \(avg\): ({NUMBER})"
)
_SESSION = re.compile(rf"Initialized session in ({NUMBER})ms")
_BLOCK = re.compile(
    r"(Model initialization|(?:Warmup|Inference) \((?:first|avg|min|max|std|median|p5|p95)\)|"
    rf"(?:Init|Overall) footprint|Peak memory): +({NUMBER})(?: (?:ms|MB))?(?: \(({WHOLE}) runs\))?"
)
_FOOTPRINT = re.compile(
    rf"(?:Memory footprint delta from the start of the tool|Peak memory footprint) \(MB\): "
    rf"init=({NUMBER}) overall=({NUMBER})"
)
_PEAK = re.compile(rf"Overall peak memory footprint \(MB\) via periodic monitoring: ({NUMBER})")
_CREATED = re.compile(r"Created TensorFlow Lite (?:(\w+) delegate for CPU|delegate for (\w+))")
_REPLACED = re.compile(
    rf"Replacing ({WHOLE})(?: out of ({WHOLE}))? node\(s\) with delegate \(([^)]*)\) node, "
    rf"yielding ({WHOLE}) partitions(?: for subgraph ({WHOLE}))?"
)
_APPLIED = re.compile(
    r"Explicitly applied (.+?) delegate, and the model graph will be (completely|partially) executed by the delegate"
    rf"(?: w/ ({WHOLE}) delegate kernels)?"
)
_NOT_APPLIED = re.compile(r"Though (.+?) delegate is explicitly applied, the model graph will not be executed")
_UNCONSUMED = re.compile(r"Unconsumed cmdline flags: (.*)")
_ACCELERATED = re.compile(r"Fully accelerated: +(True|False)")
_UNSUPPORTED = re.compile(r"(?:Following|Next) operations are not supported by GPU delegate:")
_UNSUPPORTED_END = re.compile(r"operations will run on the")
_FLAG = re.compile(r"^\s*--(\w+)=", re.MULTILINE)
_FAILED = "Benchmarking failed."

_Block = dict[str, tuple[float, str | None]]
"""Lines of LiteRT's block: what it names → its number, and the count of runs in brackets."""


def read(text: str) -> Log:
    """The record of one process, from its stdout and stderr together or from logcat.

    Raises:
        InputError: The text holds more than one process.
    """
    if text.lstrip().startswith("{"):
        return _from_json(text)
    lines = lines_of(text)
    found = (m for line in lines if (m := _BLOCK.fullmatch(line.message)))
    block = {m[1]: (value, m[3]) for m in found if (value := _number(m[2])) is not None}
    summary = [_number(group) for m in _searched(_SUMMARY, lines) for group in m.groups()]
    if len(summary) > 4:
        raise InputError(f"the log holds {len(summary) // 4} processes; expected one")
    init, first, _, mean = summary or (None,) * 4
    session = [value * 1e3 for m in _searched(_SESSION, lines) if (value := _number(m[1])) is not None]
    warmup, runs = _both(lines, block, mean)
    coarse = _us(block, "Model initialization")
    return Log(
        flavor=_flavor(lines, bool(summary), bool(block)),
        init_us=init if init is not None else round(session[-1], 3) if session else coarse,
        first_us=first if first is not None else warmup.first if warmup else None,
        warmup=warmup,
        runs=runs,
        created=tuple(m[1] or m[2] for m in _searched(_CREATED, lines)),
        replaced=tuple(
            Replaced(m[3], int(m[1]), _int(m[2]), int(m[4]), _int(m[5])) for m in _searched(_REPLACED, lines)
        ),
        applied=tuple(_applied(lines)),
        unsupported=tuple(_unsupported(lines)),
        fully_accelerated=next((m[1] == "True" for m in _searched(_ACCELERATED, lines)), None),
        memory=_memory(lines, block),
        unconsumed=tuple(flag for m in _searched(_UNCONSUMED, lines) for flag in re.split(r"\s+(?=-)", m[1].strip())),
        errors=tuple(line.message for line in lines if line.level == "ERROR" and line.message != _FAILED),
        failed=any(line.message == _FAILED for line in lines),
    )


def flags_of(usage: str) -> frozenset[str]:
    """The flags that ``benchmark_model --help`` lists, without dashes."""
    return frozenset(_FLAG.findall(usage))


def _both(lines: Sequence[Line], block: _Block, mean: float | None) -> tuple[Times | None, Times | None]:
    """Warm-up and runs: each prints a line when it is done. A lone line is the runs' if the summary has its mean."""
    rows = [_times(m) for line in lines if (m := _TIMES.match(line.message))]
    if len(rows) > 2:
        raise InputError(f"the log holds {len(rows)} rows of times; expected a warm-up's and the runs'")
    if len(rows) == 2:
        return rows[0], rows[1]
    if rows and mean is not None and rows[0].mean is not None and f"{rows[0].mean:.6g}" == f"{mean:.6g}":
        return None, rows[0]
    coarse = _times_of_block(block)
    return (rows[0] if rows else coarse[0]), coarse[1]


def _times(match: re.Match[str]) -> Times:
    told = {name: _number(value) for name, value in _PAIR.findall(match[2])}
    last, count = told.get("curr"), int(match[1])
    if told.get("min") is None:
        return Times(count, last, last, last, last, last, std=0.0 if count > 1 else None)
    percentiles = (told.get(name) for name in ("p5", "median", "p95"))
    return Times(
        count, told.get("first"), last, told["min"], told["max"], told.get("avg"), told.get("std"), *percentiles
    )


def _us(block: _Block, name: str) -> float | None:
    return round(block[name][0] * 1e3, 3) if name in block else None


def _times_of_block(block: _Block) -> tuple[Times | None, Times | None]:
    """LiteRT's own figures, of two decimals of a millisecond."""

    def inference(name: str) -> float | None:
        return _us(block, f"Inference ({name})")

    warm, runs = (block.get(name, (0, None))[1] for name in ("Warmup (avg)", "Inference (avg)"))
    return (
        Times(int(warm), _us(block, "Warmup (first)"), mean=_us(block, "Warmup (avg)")) if warm else None,
        Times(
            int(runs),
            min=inference("min"),
            max=inference("max"),
            mean=inference("avg"),
            std=inference("std"),
            p5=inference("p5"),
            median=inference("median"),
            p95=inference("p95"),
        )
        if runs
        else None,
    )


def _applied(lines: Sequence[Line]) -> Iterable[Applied]:
    for line in lines:
        if m := _APPLIED.search(line.message):
            yield Applied(m[1], "completely" if m[2] == "completely" else "partially", _int(m[3]))
        elif m := _NOT_APPLIED.search(line.message):
            yield Applied(m[1], "not")


def _unsupported(lines: Sequence[Line]) -> Iterable[tuple[str, str]]:
    """The list between the GPU delegate's heading and its count of operations, an op and a reason a line."""
    within = False
    for line in lines:
        if _UNSUPPORTED.search(line.message) or _UNSUPPORTED_END.search(line.message):
            within = bool(_UNSUPPORTED.search(line.message))
        elif within:
            op, _, reason = line.message.strip().partition(":")
            yield op, reason.strip()


def _memory(lines: Sequence[Line], block: _Block) -> Memory:
    footprint = next(_searched(_FOOTPRINT, lines), None)
    peak = next(_searched(_PEAK, lines), None)
    init, overall, most = (
        block.get(name, (None,))[0] for name in ("Init footprint", "Overall footprint", "Peak memory")
    )
    return Memory(
        _number(footprint[1]) if footprint else init,
        _number(footprint[2]) if footprint else overall,
        _number(peak[1]) if peak else most,
    )


def _flavor(lines: Sequence[Line], has_summary: bool, has_block: bool) -> Literal["classic", "litert"] | None:
    if has_block or any("benchmark_litert_model" in line.origin for line in lines):
        return "litert"
    return "classic" if has_summary else None


def _from_json(text: str) -> Log:
    """What ``litert-benchmark --result_json`` writes; times of two decimals of a millisecond."""
    try:
        told = json.loads(text)
        times = told["latency"]
        us = {name: round(value * 1e3, 3) for name, value in times.items() if name.endswith("_ms")}
        return Log(
            flavor="litert",
            init_us=us["init_ms"],
            first_us=us["warmup_first_ms"],
            warmup=Times(times["num_warmup_runs"], us["warmup_first_ms"], mean=us["warmup_avg_ms"]),
            runs=Times(
                times["num_runs"],
                **{name: us[f"{name}_ms"] for name in ("min", "max", "std", "p5", "median", "p95")},
                mean=us["avg_ms"],
            ),
            fully_accelerated=told["fully_accelerated"],
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"not a result of litert-benchmark: {error}") from error


def _searched(pattern: re.Pattern[str], lines: Iterable[Line]) -> Iterator[re.Match[str]]:
    return (m for line in lines if (m := pattern.search(line.message)))


def _int(text: str | None) -> int | None:
    return None if text is None else int(text)


def _number(text: str) -> float | None:
    value = float(text)
    return value if math.isfinite(value) else None
