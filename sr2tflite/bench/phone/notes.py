"""What a reader of a phone's figures must know besides."""

from collections.abc import Sequence

from sr2tflite.bench.figures import figure
from sr2tflite.bench.phone.facts import PhoneFacts
from sr2tflite.bench.phone.plan import BIG, PhonePlan
from sr2tflite.bench.result import ModelBench, Placement
from sr2tflite.bench.rounds import State

SHELL = "measured by adb's shell: an app's processes are scheduled otherwise"


def notes(plan: PhonePlan, facts: PhoneFacts, mask: str | None, models: Sequence[ModelBench]) -> tuple[str, ...]:
    """What was not as one would think, or is not known.

    Args:
        plan: What was asked for.
        facts: Of the phone.
        mask: Where the runs were held.
        models: What was found.
    """
    states = [round_.before for model in models for round_ in model.rounds]
    found = [SHELL]
    if plan.affinity == BIG and mask is None:
        why = "tells of no faster ones" if "taskset" in facts.tools else "has no taskset"
        found.append(f"not held on any processors: the phone {why}")
    if held := [core for core in facts.cores if core.limit_khz and core.max_khz and core.limit_khz < core.max_khz]:
        limits = ", ".join(f"cpu{core.number} {_mhz(core.limit_khz)} of {_mhz(core.max_khz)} MHz" for core in held)
        found.append(f"clocks were held down from the start: {limits}")
    if any(state.power_save for state in states):
        found.append("power saving was on")
    if not any(_tells_heat(state) for state in states):
        found.append("the phone tells neither thermal status nor temperatures: heat is unknown")
    if any(model.latency_ms.median is None for model in models):
        means = ", ".join(f"{model.name} {figure(model.latency_ms.mean)} ms" for model in models)
        found.append(f"this benchmark_model tells no median; mean: {means}")
    if any(model.placement.obtained is None for model in models):
        found.append(f"this benchmark_model does not tell whether {models[0].placement.asked} ran the file")
    why = "no profile was asked for" if not plan.profiles else "this benchmark_model profiles no ops"
    if plan.ops and any(model.ops is None for model in models):
        found.append(f"no op times: {why}")
    if unknown := [model.name for model in models if _lacks_names(model.placement)]:
        found.append(f"which ops {models[0].placement.asked} left is not known, {why}: {', '.join(unknown)}")
    if plan.checks_output and any(model.output_check is None for model in models):
        found.append("outputs not compared: this benchmark_model writes none")
    return tuple(found)


def _lacks_names(placed: Placement) -> bool:
    """Whether ops were left out, and it is not known which."""
    counts = (placed.nodes, placed.delegated)
    return None not in counts and counts[0] != counts[1] and not placed.outside


def _tells_heat(state: State) -> bool:
    return bool(state.thermal_status is not None or state.temperatures_c or state.battery_c is not None)


def _mhz(khz: int | None) -> str:
    return "?" if khz is None else f"{khz / 1000:.0f}"
