"""Timing ``.tflite`` files on one phone: models take turns, each round in a fresh process and from a cool phone."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from sr2tflite.bench.phone import op_table, passes
from sr2tflite.bench.phone.answered import answered
from sr2tflite.bench.phone.claim import claimed
from sr2tflite.bench.phone.cooling import cooled
from sr2tflite.bench.phone.cpu_groups import big_mask, checked_mask
from sr2tflite.bench.phone.facts import PhoneFacts, phone_facts
from sr2tflite.bench.phone.folder import lodged
from sr2tflite.bench.phone.models import PhoneModel
from sr2tflite.bench.phone.notes import notes
from sr2tflite.bench.phone.parcels import demand_room, parcels_of
from sr2tflite.bench.phone.phone import Phone
from sr2tflite.bench.phone.placed import op_times, placement
from sr2tflite.bench.phone.plan import ANY, BIG, PhonePlan
from sr2tflite.bench.phone.sections import STATE, answers, script
from sr2tflite.bench.phone.state import PhoneState, effective_mhz, phone_state
from sr2tflite.bench.phone.tool import PhoneTool
from sr2tflite.bench.phone.tool_cache import NAME, Binary, binary_for, check_library
from sr2tflite.bench.phone.tool_log import Log
from sr2tflite.bench.ratio import ratio, unequal_work
from sr2tflite.bench.result import BenchResult, ModelBench, OutputCheck, Tool
from sr2tflite.bench.rounds import Round
from sr2tflite.errors import DeviceError
from sr2tflite.progress import Progress


@dataclass
class _Found:
    """What is gathered of one file."""

    rounds: list[Round] = field(default_factory=list)
    log: Log = field(default_factory=Log)


@dataclass(frozen=True)
class _Bench:
    """One phone with everything on it."""

    phone: Phone
    tool: PhoneTool
    binary: Binary
    facts: PhoneFacts
    models: Sequence[PhoneModel]
    plan: PhonePlan
    masks: Mapping[int, str | None]
    """Threads → where they are held."""

    progress: Progress

    def look(self) -> PhoneState:
        """The phone's state just now."""
        said = self.phone.ask(script(STATE), limit_s=60, doing="asking for its state")
        return phone_state(answers(said.out))


def bench_on_phone(
    phone: Phone, cleaner: Phone, models: Sequence[PhoneModel], plan: PhonePlan, progress: Progress
) -> tuple[BenchResult, ...]:
    """Measure files on one phone.

    Args:
        phone: Where.
        cleaner: The same phone, through calls that an interrupt does not stop.
        models: The first is what the others are compared with.
        plan: How.
        progress: Told after each round.

    Returns:
        A result for each number of threads.

    Raises:
        DeviceError: The phone is gone, too old, full or hot, or the tool does not run there.
        MissingError: There is no ``benchmark_model`` for it.
        VerificationError: What was pushed, or what the processor answers, is not what it must be.
    """
    phone.demand_exit_statuses()
    said = phone.ask(script(), limit_s=60, doing="asking what it is")
    facts = phone_facts(answers(said.out), phone.adb.version())
    binary = binary_for(facts.abis, plan.benchmark_model, phone.serial)
    for index, library in enumerate(plan.delegate.libraries):
        check_library(library, facts.abis, phone.serial, may_be_dsp=index > 0)
    masks = {threads: _mask(facts, plan, threads, phone.serial) for threads in plan.threads}
    with tempfile.TemporaryDirectory() as scratch:
        parcels = parcels_of(binary, plan.delegate, models, Path(scratch))
        demand_room(parcels, models, facts.free_kib, phone.serial)
        with claimed(phone, facts, progress), lodged(phone, cleaner, parcels, progress) as folder:
            tool = PhoneTool(phone, folder, limit_s=plan.limit_s, has_timeout="timeout" in facts.tools)
            bench = _Bench(phone, tool, binary, facts, models, plan, masks, progress)
            checks = [_check(bench, index, Path(scratch)) for index in range(len(models))]
            return tuple(_measured(bench, threads, checks) for threads in plan.threads)


def _check(bench: _Bench, index: int, scratch: Path) -> OutputCheck | None:
    """The phone's output beside this computer's; None where none is asked for, or the tool writes none."""
    plan, model = bench.plan, bench.models[index]
    flags = passes.output(f"m{index}", model, plan, plan.threads[0], bench.tool.known) if plan.checks_output else None
    return answered(bench.tool, model, flags, plan.delegate, bench.binary.abi, scratch) if flags else None


def _mask(facts: PhoneFacts, plan: PhonePlan, threads: int, where: str) -> str | None:
    """Where runs are held; None is anywhere."""
    if plan.affinity not in {ANY, BIG}:
        return checked_mask(plan.affinity, facts.cores, where)
    if plan.affinity == ANY or "taskset" not in facts.tools:
        return None
    return big_mask(facts.cores, facts.parts, threads)


def _measured(bench: _Bench, threads: int, checks: Sequence[OutputCheck | None]) -> BenchResult:
    """All rounds, and then the passes that would disturb them."""
    plan, utc = bench.plan, datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    mask, found = bench.masks[threads], [_Found() for _ in bench.models]
    for turn in range(plan.rounds):
        for place, index in enumerate(_order(len(found), turn)):
            _round(bench, index, threads, mask, found[index])
            done = turn * len(found) + place + 1
            detail = bench.models[index].name
            bench.progress(f"timing on {bench.phone.serial}", done, plan.rounds * len(found), detail)
    models = [_model(bench, index, threads, mask, *one) for index, one in enumerate(zip(found, checks, strict=True))]
    return BenchResult(
        utc=utc,
        device=bench.facts.device(bench.phone.serial),
        tool=Tool(NAME, None, bench.binary.sha256, found[0].log.flavor or "classic"),
        threads=threads,
        affinity=mask,
        warmup=plan.warmup,
        runs=plan.runs,
        rounds=plan.rounds,
        interleaved=True,
        models=tuple(models),
        ratios=tuple(ratio(model, models[0]) for model in models[1:]),
        notes=(*notes(plan, bench.facts, mask, models), *unequal_work(models)),
    )


def _order(count: int, turn: int) -> Sequence[int]:
    """Each model goes first in every other round."""
    return range(count) if turn % 2 == 0 else range(count)[::-1]


def _round(bench: _Bench, index: int, threads: int, mask: str | None, found: _Found) -> None:
    model, tool = bench.models[index], bench.tool
    calls = bench.phone.adb.calls
    before = cooled(bench.look, bench.plan.cooling, bench.phone.serial, bench.progress, pause=calls.pause)
    flags = passes.timed(f"m{index}", model, bench.plan, threads, tool.known)
    run = tool.run(flags, mask, doing=f"timing {model.name}")
    after = bench.look()
    times = run.log.runs.latency_ms if run.log.runs else None
    if times is None or times.center <= 0:  # of so small a file that a coarse clock counts nothing
        raise DeviceError(f"{NAME} tells no times of {model.name}", where=bench.phone.serial)
    found.log = run.log
    ended = replace(after.public(), effective_mhz=effective_mhz(before, after))
    init, first = _ms(run.log.init_us), _ms(run.log.first_us)
    found.rounds.append(Round(run.argv, init, first, (), times, before=before.public(), after=ended, log=run.text))


def _model(
    bench: _Bench, index: int, threads: int, mask: str | None, found: _Found, check: OutputCheck | None
) -> ModelBench:
    """A file's figures, after the passes of their own."""
    model, tool, plan = bench.models[index], bench.tool, bench.plan
    rows: tuple[op_table.OpRow, ...] = ()
    peak_kib = None
    if plan.profiles:
        if flags := passes.memory(f"m{index}", model, plan, threads, tool.known):
            memory = tool.run(flags, mask, doing=f"measuring the memory of {model.name}").log.memory
            peak_mib = memory.peak if memory.peak is not None else memory.overall
            peak_kib = None if peak_mib is None else round(peak_mib * 1024)
        if flags := passes.profile(f"m{index}", model, plan, threads, tool.known):
            rows = op_table.read(tool.run(flags, mask, doing=f"profiling {model.name}").text)
    is_xnnpack = plan.delegate.runs_xnnpack(tool.known)
    return ModelBench.of_rounds(
        found.rounds,
        placement(plan.delegate, found.log, model.nodes, is_xnnpack=is_xnnpack, rows=rows),
        name=model.name,
        sha256=model.sha256,
        size_bytes=model.size_bytes,
        input=model.input,
        output=model.output,
        peak_memory_kib=peak_kib,
        ops=op_times(rows) if rows and plan.ops else None,
        output_check=check,
    )


def _ms(us: float | None) -> float | None:
    return None if us is None else us / 1e3
