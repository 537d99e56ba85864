"""A submission's files have the names that its scorers look for."""

from typing import ClassVar

from sr2tflite.check.finding import Finding, Place
from sr2tflite.check.package import ROLES, Package
from sr2tflite.check.rules import RULES, Checked, PackageRule, left_out
from sr2tflite.export.challenges import FOLDER, NAMES, Role


@RULES.register("package_names")
class PackageNames(PackageRule):
    """``TFLite/model.tflite``, ``model_none.tflite`` and, where it is asked for, ``model_none_float.tflite``."""

    title: ClassVar[str] = "the files have their names and places"

    def check_package(self, package: Package) -> Checked:
        """Look for each, in this very spelling; name others that a scorer may take for them."""
        contents = package.contents
        if contents.faults:
            return left_out("the archive is not safe to read")
        findings = [found for role in ROLES if (found := self._missing(package, role))]
        models = {name for name in contents.names if name.lower().endswith(".tflite")}
        known = {f"{FOLDER}/{name}" for name in NAMES.values()}
        findings += [
            self.finding(
                Place(file=name),
                f"is one more model in {FOLDER}/",
                ", ".join(NAMES.values()),
                severity="warning",
                source=package.challenge.source,
            )
            for name in sorted(models - known)
            if name.startswith(f"{FOLDER}/")
        ]
        return Checked(f"{len(models & known)} of {len(known)} models, {len(contents.names)} files", tuple(findings))

    def _missing(self, package: Package, role: Role) -> Finding | None:
        wanted = f"{FOLDER}/{NAMES[role]}"
        if package.holds(role):
            return None
        names = package.contents.names
        near = [name for name in names if name.lower() == wanted.lower()]
        near += [name for name in names if name.rpartition("/")[2] == NAMES[role]]
        found = f"is not there; there is {near[0]}" if near else "is not there"
        severity = self.severity if role != "float" or package.challenge.asks_float else "note"
        source, hint = package.challenge.source, package.remake
        return self.finding(Place(file=wanted), found, f"{wanted}", severity=severity, source=source, hint=hint)
