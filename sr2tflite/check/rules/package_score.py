"""What the challenge's formula makes of quality and runtime."""

from typing import ClassVar

from sr2tflite.check.finding import Severity
from sr2tflite.check.package import Package
from sr2tflite.check.rules import RULES, Checked, PackageRule, left_out
from sr2tflite.export.challenges import Role, score


@RULES.register("package_score")
class PackageScore(PackageRule):
    """``2^(2·PSNR) / (C · t)``, of the images and the runtime that are given; not the challenge's own."""

    title: ClassVar[str] = "the challenge's score"
    needs: ClassVar[tuple[Role, ...]] = ("free",)
    source: ClassVar[str | None] = "https://arxiv.org/abs/2105.07825, https://arxiv.org/abs/2211.05910"
    severity: Severity = "error"

    least_score: float | None = None
    """What it must reach."""

    def check_package(self, package: Package) -> Checked:
        """Compute it where both are given."""
        if package.pairs is None or package.tried.runtime_ms is None:
            return left_out("no quality or no runtime: give --data DIR and --runtime-ms X")
        if why := package.unfit("free"):
            return left_out(why)
        year, milliseconds, (psnr, _) = package.challenge, package.tried.runtime_ms, package.quality
        found = score(year, psnr, milliseconds)
        said = f"{found:.4g} of {psnr:.4f} dB here and {milliseconds:g} ms as given; the constant {year.told}"
        if self.least_score is None or found >= self.least_score:
            return Checked(said)
        return Checked(said, (self.finding(package.place("free"), f"{found:.4g}", f"at least {self.least_score:g}"),))
