"""What the vendors' own compilers would take of the file, where they are installed."""

import tempfile
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from sr2tflite.check.case import Case
from sr2tflite.check.finding import Finding, Place, Severity, counted
from sr2tflite.check.npu_compilers import COMPILERS, Compiler
from sr2tflite.check.rules import RULES, Checked, Rule, left_out
from sr2tflite.errors import InputError
from sr2tflite.progress import Progress

Vendor = Literal["google_tensor", "intel_openvino", "mediatek", "qualcomm"]


@RULES.register("npu_compilers")
class NpuCompilers(Rule):
    """Advice: the partitions that a vendor's AOT compiler makes of the file, asked through LiteRT's plugin for it."""

    title: ClassVar[str] = "vendors' compilers take the whole file"
    source: ClassVar[str | None] = "https://ai.google.dev/edge/litert/next/npu"

    severity: Severity = "note"

    vendors: tuple[Vendor, ...] = ("google_tensor", "intel_openvino", "mediatek", "qualcomm")
    """Whose, where they are installed."""

    chips: dict[Vendor, Annotated[str, Field(pattern=r"^[\w-]+$")]] = Field(default_factory=dict)
    """Another chip than the usual one of a vendor, as LiteRT's plugin spells it: ``{qualcomm: SM8650}``."""

    def check(self, case: Case) -> Checked:
        """Ask every compiler that is there."""
        installed = [COMPILERS[vendor] for vendor in self.vendors if COMPILERS[vendor].is_installed]
        if not installed:
            wanted = ", ".join(COMPILERS[vendor].requirement for vendor in self.vendors)
            return left_out(f"no vendor's AOT SDK is installed; there are {wanted}")
        said, findings = [], []
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "model.tflite"
            file.write_bytes(case.data)
            for compiler in installed:
                words, found = self._asked(compiler, file, case.progress)
                said.append(words)
                findings += found
        return Checked("; ".join(said), tuple(findings))

    def _asked(self, compiler: Compiler, file: Path, progress: Progress) -> tuple[str, list[Finding]]:
        chip = self.chips.get(compiler.vendor, compiler.chip)  # type: ignore[call-overload]
        name = f"{compiler.vendor} {chip}"
        try:
            found = compiler.partitions(file, chip, progress)
        except InputError as error:
            return f"{name}: not known", [self.finding(Place(), f"{name} {error.message}", hint=error.hint)]
        words = f"{name}: {found.selected} of {found.total} ops in {counted(found.count, 'partition')}"
        if found.selected == found.total and found.count == 1:
            return words, []
        return words, [self.finding(Place(), words, "all ops in one partition")]
