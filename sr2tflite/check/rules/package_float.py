"""The float file is float: no integers behind float ends."""

from typing import ClassVar

from sr2tflite.check.package import Package
from sr2tflite.check.rules import RULES, Checked, PackageRule
from sr2tflite.export.challenges import Role


@RULES.register("package_float")
class PackageFloat(PackageRule):
    """It computes in float32 from end to end; a converter left with its optimizations on writes integers."""

    title: ClassVar[str] = "the float file holds no integers"
    needs: ClassVar[tuple[Role, ...]] = ("float",)
    source: ClassVar[str | None] = (
        "https://ai.google.dev/edge/litert/conversion/tensorflow/quantization/post_training_quantization"
    )

    def check_package(self, package: Package) -> Checked:
        """Look at every activation, and at every weight that is multiplied."""
        graph = package.graph("float")
        integers = [
            tensor
            for node in graph.nodes
            for tensor in map(graph.tensors.__getitem__, (*node.inputs, *node.outputs))
            if tensor.quant is not None
        ]
        said = f"{len(graph.nodes)} ops"
        if not integers:
            return Checked(said)
        names = dict.fromkeys(tensor.name for tensor in integers)
        found = f"{len(names)} tensors have scales, first {integers[0].dtype}"
        place = package.place("float", integers[0].name)
        return Checked(said, (self.finding(place, found, "float32 throughout", hint=package.remake),))
