"""Measures a ``.tflite`` file, and says so as ``benchmark_model`` does: ``tool_on_phone.py KNOWN-FLAGS --FLAG=VALUE…``.

The model comes on descriptor 3, the input on 4, the output goes to 5. Knows NumPy and LiteRT only.
"""

import resource
import statistics
import sys
from time import perf_counter

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType


def say(text: str) -> None:
    sys.stdout.write(text + "\n")


def microseconds(action) -> int:
    start = perf_counter()
    action()
    return round((perf_counter() - start) * 1e6)


def row(times: list[int]) -> str:
    if not times:
        return "count=0"
    if min(times) == max(times):
        return f"count={len(times)} curr={times[-1]}" + ("(all same)" if len(times) > 1 else "")
    spread = f"min={min(times)} max={max(times)} avg={statistics.fmean(times):.6g} std={statistics.pstdev(times):.0f}"
    p5, median, p95 = (round(value) for value in np.percentile(times, (5, 50, 95)))
    return f"count={len(times)} first={times[0]} curr={times[-1]} {spread} p5={p5} median={median} p95={p95}"


def read(descriptor: int) -> bytes:
    with open(descriptor, "rb") as file:
        return file.read()


def resident_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def loaded(flags: dict[str, str]) -> Interpreter:
    """The file, of the size that was asked for."""
    resolver = OpResolverType.AUTO
    if flags.get("use_xnnpack") == "false":
        resolver = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    engine = Interpreter(
        model_content=read(3),
        num_threads=int(flags.get("num_threads", 1)),
        experimental_op_resolver_type=resolver,
    )
    if "input_layer_shape" in flags:
        shape = [int(size) for size in flags["input_layer_shape"].split(",")]
        engine.resize_tensor_input(engine.get_input_details()[0]["index"], shape)
    engine.allocate_tensors()
    return engine


def fed(engine: Interpreter) -> None:
    """With the bytes that were pushed, or zeros."""
    detail = engine.get_input_details()[0]
    content = read(4)
    x = np.frombuffer(content, detail["dtype"]) if content else np.zeros(detail["shape"], detail["dtype"])
    engine.set_tensor(detail["index"], x.reshape(detail["shape"]))


def timed(engine: Interpreter, count: int, seconds: float) -> list[int]:
    """At least so many runs and for so long."""
    times: list[int] = []
    end = perf_counter() + seconds
    while len(times) < count or perf_counter() < end:
        times.append(microseconds(engine.invoke))
    say(f"INFO: {row(times)}\n")
    return times


def main() -> None:
    known, words = sys.argv[1].split(), sys.argv[2:]
    flags = dict(word.removeprefix("--").split("=", 1) for word in words)
    unknown = [f"--{name}={value}" for name, value in flags.items() if name not in known]
    say("INFO: STARTING!")
    if unknown:
        say(f"WARN: Unconsumed cmdline flags: {' '.join(unknown)}")
    say(f"INFO: Graph: [{flags['graph']}]")
    before, engines = resident_mib(), []
    init = microseconds(lambda: engines.append(loaded(flags)))
    engine, grown = engines[0], resident_mib() - before
    for unit in ("gpu", "nnapi"):
        if flags.get(f"use_{unit}") == "true":
            say(
                f"INFO: Though {unit.upper()} delegate is explicitly applied, "
                "the model graph will not be executed by the delegate."
            )
    fed(engine)
    rows = [
        timed(engine, int(flags.get("warmup_runs", 1)), float(flags.get("warmup_min_secs", 0.5))),
        timed(engine, int(flags.get("num_runs", 50)), float(flags.get("min_secs", 1))),
    ]
    with open(5, "wb") as out:
        for detail in engine.get_output_details():
            out.write(engine.get_tensor(detail["index"]).tobytes())
    first = rows[0][0] if rows[0] else 0
    means = [f"{statistics.fmean(times):.6g}" if times else "nan" for times in rows]
    say(
        f"INFO: Inference timings in us: Init: {init}, First inference: {first}, "
        f"Warmup (avg): {means[0]}, Inference (avg): {means[1]}"
    )
    overall = resident_mib() - before
    say(f"INFO: Memory footprint delta from the start of the tool (MB): init={grown:.6g} overall={overall:.6g}")
    if flags.get("report_peak_memory_footprint") == "true":
        say(f"INFO: Overall peak memory footprint (MB) via periodic monitoring: {resident_mib():.6g}")


if __name__ == "__main__":
    main()
