"""Whether a phone's answer is this computer's: the seeded input through the tool there and through LiteRT here."""

import platform
from collections.abc import Mapping
from pathlib import Path

from sr2tflite.bench.phone import passes
from sr2tflite.bench.phone.delegates import Delegate
from sr2tflite.bench.phone.models import PhoneModel
from sr2tflite.bench.phone.output import compared, judge, output_of
from sr2tflite.bench.phone.tool import PhoneTool
from sr2tflite.bench.result import OutputCheck
from sr2tflite.files import read_bytes

MACHINE_OF_ABI: Mapping[str, str] = {"arm64-v8a": "aarch64", "x86_64": "x86_64"}
"""What this computer would call the processor of an ABI that it may have itself."""


def answered(
    tool: PhoneTool, model: PhoneModel, flags: passes.Flags, delegate: Delegate, abi: str, scratch: Path
) -> OutputCheck:
    """Run the input once, fetch the output and compare.

    Args:
        tool: On the phone.
        model: The file.
        flags: Of :func:`passes.output`.
        delegate: What runs the file there.
        abi: What the tool was built for.
        scratch: A folder for the output.

    Raises:
        DeviceError: The tool fails, writes no output, or the phone is gone.
        VerificationError: It is a processor's answer to a file of integers, and not the one it must be.
    """
    tool.run(flags, None, doing=f"checking the output of {model.name}")
    local, remote, where = scratch / passes.OUT, f"{tool.folder}/{passes.OUT}", tool.phone.serial
    tool.phone.pull(remote, local, size_bytes=model.output_bytes)
    tool.phone.ask(f"rm -f {remote}", doing="removing the output")
    found = output_of(read_bytes(local), model, where)
    on_processor = delegate.unit == "cpu"
    if delegate.runs_xnnpack(tool.known) or not on_processor:
        check = compared(found, model.y, "xnnpack")
        judge(check, model, where, must_equal=on_processor and model.is_integer)
        return check
    check = compared(found, model.by_builtin_kernels(), "builtin")
    # builtin kernels round otherwise on other processors
    judge(check, model, where, must_equal=platform.machine() == MACHINE_OF_ABI.get(abi) and model.is_integer)
    return check
