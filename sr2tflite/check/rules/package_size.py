"""The files hold the network and little else."""

from typing import ClassVar

from sr2tflite.check.finding import Severity
from sr2tflite.check.package import ROLES, Package
from sr2tflite.check.rules import RULES, Checked, PackageRule, left_out
from sr2tflite.graph import Graph

_SPARE = 32 << 10
"""Bytes for tensors' names, shapes and scales, and for notes."""


@RULES.register("package_size")
class PackageSize(PackageRule):
    """A file is at most so many times as large as the constants that its ops read: the published ones are 1.2 times."""

    title: ClassVar[str] = "files are as small as their networks"
    source: ClassVar[str | None] = (
        "sizes and parameters of the files of AIM 2022's teams, https://arxiv.org/abs/2211.05910"
    )
    severity: Severity = "warning"

    most_times: float = 2.0
    most_bytes: int | None = None
    """Of one file, where a challenge sets a limit; beyond it is an error."""

    def check_package(self, package: Package) -> Checked:
        """Compare."""
        there = [role for role in ROLES if package.honest(role) is not None]
        findings, said = [], []
        for role in there:
            case = package.honest(role)
            assert case is not None
            size, read = len(case.data), _read(case.graph)
            said.append(f"{size:,}")
            if self.most_bytes is not None and size > self.most_bytes:
                expected = f"at most {self.most_bytes:,} bytes"
                findings.append(self.finding(package.place(role), f"{size:,} bytes", expected, severity="error"))
            elif size > self.most_times * read + _SPARE:
                found = f"{size:,} bytes, of which its ops read {read:,}"
                findings.append(self.finding(package.place(role), found, f"at most {self.most_times:g} times as many"))
        return Checked(f"{', '.join(said)} bytes", tuple(findings)) if there else left_out("no file can be read")


def _read(graph: Graph) -> int:
    """Bytes of the constants that ops read."""
    names = {name for node in graph.nodes for name in node.inputs}
    return sum(data.nbytes for name in names if (data := graph.tensors[name].data) is not None)
