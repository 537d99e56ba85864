"""A submission's archive unpacks whole, and nowhere but into its folder."""

from typing import ClassVar

from sr2tflite.check.finding import Place, counted
from sr2tflite.check.package import Package
from sr2tflite.check.rules import RULES, Checked, PackageRule


@RULES.register("archive")
class Archive(PackageRule):
    """No name leads outside, nothing is a link, encrypted or twice there, and sizes and ratios are bounded."""

    title: ClassVar[str] = "the archive is whole and safe to unpack"
    source: ClassVar[str | None] = (
        "https://cwe.mitre.org/data/definitions/22.html, names; 59.html, links; 409.html, sizes and ratios"
    )

    def check_package(self, package: Package) -> Checked:
        """Tell what was found when it was read; where anything was, nothing else of it is looked at."""
        contents = package.contents
        findings = [
            self.finding(Place(file=fault.name or package.path.name), fault.found, fault.expected, hint=package.remake)
            for fault in contents.faults
        ]
        files = counted(len(contents.names), "file")
        seen = f"a folder of {files}" if package.path.is_dir() else f"{files}, {contents.size_bytes:,} bytes"
        return Checked(seen, tuple(findings))
