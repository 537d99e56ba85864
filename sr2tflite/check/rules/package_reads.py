"""Every file of a submission can be opened."""

from typing import ClassVar

from sr2tflite.check.package import ROLES, Package
from sr2tflite.check.rules import RULES, Checked, PackageRule, left_out


@RULES.register("package_reads")
class PackageReads(PackageRule):
    """Each is a whole ``.tflite`` with one image in and one out, that neither contradicts itself nor ends LiteRT."""

    title: ClassVar[str] = "every file can be opened"
    source: ClassVar[str | None] = (
        "https://github.com/tensorflow/tensorflow/blob/master/tensorflow/compiler/mlir/lite/schema/schema.fbs"
    )

    def check_package(self, package: Package) -> Checked:
        """Open each."""
        there = [role for role in ROLES if package.holds(role)]
        findings = [
            self.finding(package.place(role), damage, "a whole .tflite", hint=package.remake)
            for role in there
            if (damage := package.damage(role)) is not None
        ]
        if not there:
            return left_out("no file is there")
        return Checked(f"{len(there) - len(findings)}/{len(there)} files", tuple(findings))
