"""The files' ends have the types that the scorers feed and read."""

from typing import ClassVar

from sr2tflite.check.package import ROLES, Package
from sr2tflite.check.rules import RULES, Checked, PackageRule, left_out


@RULES.register("package_types")
class PackageTypes(PackageRule):
    """The integer files take and give the challenge's integers, the float file float32."""

    title: ClassVar[str] = "the files' ends have the challenge's types"

    def check_package(self, package: Package) -> Checked:
        """Look at the ends of each."""
        there = [role for role in ROLES if package.honest(role) is not None]
        findings = [
            self.finding(
                package.place(role, end.name),
                end.dtype,
                package.dtype(role),
                source=package.challenge.source,
                hint=package.remake,
            )
            for role in there
            for end in (package.graph(role).input, package.graph(role).output)
            if end.dtype != package.dtype(role)
        ]
        said = [f"{package.graph(role).input.dtype} → {package.graph(role).output.dtype}" for role in there]
        return Checked("; ".join(said), tuple(findings)) if there else left_out("no file can be read")
