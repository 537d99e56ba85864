"""The files take and give images of the challenge's sizes."""

from typing import ClassVar

from sr2tflite.check.finding import Finding
from sr2tflite.check.images import GENERATED_SIZE, fitted, samples
from sr2tflite.check.package import ROLES, Package
from sr2tflite.check.rules import RULES, Checked, PackageRule, left_out
from sr2tflite.errors import InputError
from sr2tflite.export.challenges import Role
from sr2tflite.graph.model import Shape


@RULES.register("package_shapes")
class PackageShapes(PackageRule):
    """The timed file's size is fixed, the others' is free, and all enlarge RGB images by the challenge's factor."""

    title: ClassVar[str] = "the files have the challenge's shapes"

    def check_package(self, package: Package) -> Checked:
        """Look at the ends of each; what a free file enlarges by is tried."""
        there = [role for role in ROLES if package.honest(role) is not None]
        findings = [found for role in there if (found := self._ends(package, role) or self._factor(package, role))]
        if not there:
            return left_out("no file can be read")
        said = [
            f"{_said(package.graph(role).input.shape)} → {_said(package.graph(role).output.shape)}" for role in there
        ]
        return Checked("; ".join(said), tuple(findings))

    def _ends(self, package: Package, role: Role) -> Finding | None:
        graph, wanted = package.graph(role), package.shapes(role)
        for end, shape in zip((graph.input, graph.output), wanted, strict=True):
            # a free file of another tool may say of its output what it is for an input of 1×1
            found = end.shape if role == "fixed" or end is graph.input else (*shape[:3], *end.shape[3:])
            if found != shape:
                return self._finding(package, role, end.name, end.shape, shape)
        return None

    def _factor(self, package: Package, role: Role) -> Finding | None:
        if role == "fixed" or package.unfit(role):
            return None
        (height, width), scale = GENERATED_SIZE, package.challenge.scale
        image, tensor = fitted(samples((), 3, 1, 1).images[0].pixels, (height, width)), package.graph(role).output.name
        try:
            found = package.run(role, image).shape
        except InputError as error:
            return self.finding(package.place(role), " ".join(error.message.split()), "a file that takes any size")
        wanted = (1, scale * height, scale * width, 3)
        return None if found == wanted else self._finding(package, role, tensor, found, wanted)

    def _finding(self, package: Package, role: Role, tensor: str, found: Shape, wanted: Shape) -> Finding:
        source, hint = package.challenge.source, package.remake
        return self.finding(package.place(role, tensor), _said(found), _said(wanted), source=source, hint=hint)


def _said(shape: Shape) -> str:
    return "×".join("free" if size is None else str(size) for size in shape)
