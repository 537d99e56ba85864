"""The passes of ``benchmark_model`` over one file: its output, its times, its memory, its ops; and their flags."""

import re
from collections.abc import Collection, Mapping

from sr2tflite.bench.phone.models import PhoneModel
from sr2tflite.bench.phone.plan import PhonePlan
from sr2tflite.errors import DeviceError

Flags = Mapping[str, str]

OUT = "out.bin"
"""Where the tool writes the output."""

FEW = 5
"""Inferences of a pass that tells no latency."""

_PLAIN = re.compile(r"[\w./;-]+")


def timed(name: str, model: PhoneModel, plan: PhonePlan, threads: int, known: Collection[str]) -> Flags:
    """The runs that were asked for: the tool goes on until both their number and the seconds are reached."""
    return {
        **_on(name, model, plan, threads, known),
        **_counts(plan.runs, plan.warmup + 1, plan.seconds),  # the first inference is one of the tool's warm-up
        **({"max_secs": f"{plan.limit_s:.0f}"} if "max_secs" in known else {}),
    }


def output(name: str, model: PhoneModel, plan: PhonePlan, threads: int, known: Collection[str]) -> Flags | None:
    """One inference whose output is written; None where the tool cannot take an input or write an output."""
    if not {"input_layer_value_files", "output_filepath"} <= set(known):
        return None
    return {**_on(name, model, plan, threads, known), **_counts(1, 1), "output_filepath": OUT}


def memory(name: str, model: PhoneModel, plan: PhonePlan, threads: int, known: Collection[str]) -> Flags | None:
    """A pass in which a thread of the tool's own looks at the memory, which disturbs the times."""
    if "report_peak_memory_footprint" not in known:
        return None
    return {**_on(name, model, plan, threads, known), **_counts(FEW, 1), "report_peak_memory_footprint": "true"}


def profile(name: str, model: PhoneModel, plan: PhonePlan, threads: int, known: Collection[str]) -> Flags | None:
    """A pass in which every op is timed, which disturbs the times."""
    switch = next((flag for flag in ("enable_op_profiling", "use_profiler") if flag in known), None)
    if switch is None:
        return None
    return {**_on(name, model, plan, threads, known), **_counts(FEW, 1), switch: "true"}


def _on(name: str, model: PhoneModel, plan: PhonePlan, threads: int, known: Collection[str]) -> dict[str, str]:
    """The file, its input, and the unit that runs it.

    The tool only warns where the input is called by another name than the file's, so one that its lists cannot hold is
    called ``input``.
    """
    flags = {"graph": f"{name}.tflite", "num_threads": str(threads), **plan.delegate.flags(known)}
    layer = model.input_name if _PLAIN.fullmatch(model.input_name) else "input"
    if {"input_layer", "input_layer_shape"} <= set(known):
        flags |= {"input_layer": layer, "input_layer_shape": ",".join(str(size) for size in model.x.shape)}
        if "input_layer_value_files" in known:
            flags["input_layer_value_files"] = f"{layer}:{name}.bin"
    elif model.is_free:
        raise DeviceError(
            "this benchmark_model cannot set the size of a free-shape file",
            where=str(model.path),
            hint="export the file with --height and --width, or take the classic benchmark_model",
        )
    return flags


def _counts(runs: int, warmup: int, seconds: float = 0) -> dict[str, str]:
    least = f"{seconds:g}"
    return {"num_runs": str(runs), "min_secs": least, "warmup_runs": str(warmup), "warmup_min_secs": least}
