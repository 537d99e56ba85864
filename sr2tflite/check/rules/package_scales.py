"""One step of the integer files' ends is one level of a pixel, exactly."""

from typing import ClassVar

from sr2tflite.check.package import INTEGERS, Package
from sr2tflite.check.rules import RULES, Checked, PackageRule, left_out
from sr2tflite.graph import Tensor


@RULES.register("package_scales")
class PackageScales(PackageRule):
    """Scale 1.0 and zero point 0 (uint8) or −128 (int8): a scorer feeds raw pixels and never looks at either."""

    title: ClassVar[str] = "ends have scale 1 and the type's lowest code for black"
    source: ClassVar[str | None] = (
        "https://github.com/aiff22/MAI-2021-Workshop/blob/main/network_quantization/test_tflite_model_none.py"
    )

    def check_package(self, package: Package) -> Checked:
        """Look at the ends of both integer files."""
        there = [role for role in INTEGERS if package.honest(role) is not None]
        wanted, findings, said = f"scale 1.0, zero point {package.challenge.zero_point}", [], []
        for role in there:
            for end in (package.graph(role).input, package.graph(role).output):
                if end.dtype != package.challenge.io:
                    continue  # another rule's
                said.append(_said(end))
                if said[-1] != wanted:
                    findings.append(self.finding(package.place(role, end.name), said[-1], wanted, hint=package.remake))
        if not said:
            absent = f"no integer file has {package.challenge.io} ends" if there else "no integer file can be read"
            return left_out(absent)
        return Checked("; ".join(dict.fromkeys(said)), tuple(findings))


def _said(end: Tensor) -> str:
    if end.quant is None:
        return "no scale"
    scales, zeros = (", ".join(map(str, values)) for values in (end.quant.scale, end.quant.zero_point))
    return f"scale {scales}, zero point {zeros}"
