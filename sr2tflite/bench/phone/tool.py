"""``benchmark_model`` on the phone: called with the flags it has, its complaints as errors."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sr2tflite.bench.phone import benchmark_model
from sr2tflite.bench.phone.phone import Answer, Phone
from sr2tflite.bench.phone.tool_cache import NAME
from sr2tflite.bench.phone.tool_log import Log
from sr2tflite.errors import DeviceError

GRACE_S = 10.0
"""For starting and loading, and for what adb adds, on top of a call's time."""

_NOT_RUN, _NOT_FOUND = 126, 127
"""What a shell ends with where it cannot run a program, or cannot find it or its loader."""

_NEWER = "take a newer benchmark_model: --benchmark-model PATH"


@dataclass(frozen=True)
class ToolRun:
    """One process of the tool."""

    argv: tuple[str, ...]
    log: Log
    text: str
    """All that it printed."""


class PhoneTool:
    """The tool in a folder on a phone.

    Args:
        phone: Where.
        folder: Holds the tool and the files.
        limit_s: After how many seconds a call is killed.
        has_timeout: Whether the phone's own ``timeout`` may end what a lost connection leaves running.
    """

    def __init__(self, phone: Phone, folder: str, *, limit_s: float, has_timeout: bool) -> None:
        self.phone = phone
        self.folder = folder
        self.limit_s = limit_s
        self._bound = ("timeout", "-s", "9", f"{limit_s + 2 * GRACE_S:.0f}") if has_timeout else ()
        self.known = self._flags()

    def run(self, flags: Mapping[str, str], mask: str | None, *, doing: str) -> ToolRun:
        """One process.

        Args:
            flags: Without dashes.
            mask: The processors it is held on, as ``taskset`` takes them; None is any.
            doing: What is tried, for messages.

        Raises:
            DeviceError: It does not know a flag, does not end well or in time, or the phone is gone.
        """
        self.demand(flags)
        pinned = ("taskset", mask) if mask else ()
        argv = (*self._bound, *pinned, f"./{NAME}", *(f"--{name}={value}" for name, value in flags.items()))
        answer = self._call(argv, doing)
        log = benchmark_model.read(answer.out)
        self._judge(answer, log, doing)
        return ToolRun(argv, log, answer.out)

    def demand(self, flags: Sequence[str] | Mapping[str, str]) -> None:
        """See to it that the tool knows some flags: one that it does not know, it would ignore.

        Raises:
            DeviceError: It does not know one.
        """
        unknown = [name for name in flags if name not in self.known]
        if unknown:
            raise self._error(f"does not know --{unknown[0]}", _NEWER)

    def _flags(self) -> frozenset[str]:
        answer = self._call((f"./{NAME}", "--help"), "asking for its flags", limit_s=60)
        known = benchmark_model.flags_of(answer.out)
        if "graph" not in known:
            last = (answer.out.strip().splitlines() or ["nothing"])[-1]
            raise self._error(f"lists no flags on --help but says: {last}", "is it a benchmark_model for this phone?")
        return known

    def _call(self, argv: Sequence[str], doing: str, limit_s: float | None = None) -> Answer:
        """Run it in its folder, where libraries that it loads are found too, stderr among stdout."""
        command = f"cd {self.folder} && export LD_LIBRARY_PATH=. ADSP_LIBRARY_PATH={self.folder}"
        limit_s = (limit_s or self.limit_s) + GRACE_S
        answer = self.phone.ask(f"{command} && {shlex.join(argv)} 2>&1 </dev/null", limit_s=limit_s, doing=doing)
        last = (answer.out.strip().splitlines() or ["no message"])[-1]
        if answer.status and last.startswith("taskset:"):
            raise self._error(f"cannot be held there: {last}", "name other processors: --cpus 0,1, or --any-core")
        if answer.status == _NOT_RUN and "Permission denied" in last:
            raise self._error(f"may not be run there: {last}", "is /data mounted noexec? Measure on another phone")
        if answer.status in {_NOT_RUN, _NOT_FOUND}:
            raise self._error(f"cannot be started there: {last}", "is it built for Android, and for this phone's ABI?")
        return answer

    def _judge(self, answer: Answer, log: Log, doing: str) -> None:
        if log.unconsumed:
            raise self._error(f"does not know {' '.join(log.unconsumed)}", _NEWER)
        if answer.status > 128:
            raise self._error(
                f"ended with signal {answer.status - 128}, {doing}", "a smaller size, or another delegate?"
            )
        if answer.status or not log.is_complete:
            lines = answer.out.strip().splitlines() or ["no message"]
            reason = log.errors[0] if log.errors else lines[-1]
            what = f"ended with status {answer.status}" if answer.status else "told no times"
            raise self._error(f"{what}, {doing}: {reason}", None)

    def _error(self, message: str, hint: str | None) -> DeviceError:
        return DeviceError(f"{NAME} {message}", where=self.phone.serial, hint=hint)
