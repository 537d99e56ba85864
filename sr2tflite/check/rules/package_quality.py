"""The judged file's quality, by the challenge's protocol."""

from typing import ClassVar

from sr2tflite.check.finding import counted
from sr2tflite.check.package import Package
from sr2tflite.check.rules import RULES, Checked, PackageRule, left_out
from sr2tflite.errors import InputError
from sr2tflite.evaluate.compare import refuse_seen_images
from sr2tflite.export.challenges import Role


@RULES.register("package_quality")
class PackageQuality(PackageRule):
    """PSNR, RGB, whole images, mean over them; no lower than bicubic enlargement, and not on images it has seen."""

    title: ClassVar[str] = "quality is above the floor"
    needs: ClassVar[tuple[Role, ...]] = ("free",)
    source: ClassVar[str | None] = "https://arxiv.org/abs/2211.05910, bicubic enlargement is the tables' last line"

    above_bicubic: float = 0.0
    """In dB, on the same images."""

    least_psnr: float | None = None
    """In dB, on the images that are given."""

    def check_package(self, package: Package) -> Checked:
        """Run it on every high-resolution image's low-resolution one."""
        if package.pairs is None:
            return left_out("no high-resolution images: give --data DIR")
        if why := package.unfit("free"):
            return left_out(why)
        place, findings = package.place("free"), []
        if not package.tried.allow_leak:
            try:
                refuse_seen_images([package.runner], package.pairs)
            except InputError as error:
                findings.append(self.finding(place, error.message, "images it has not seen", hint=error.hint))
        psnr, bicubic = package.quality
        floor = bicubic + self.above_bicubic if self.least_psnr is None else self.least_psnr
        if not psnr >= floor:
            what = "bicubic enlargement" if self.least_psnr is None else "the floor"
            findings.append(self.finding(place, f"{psnr:.4f} dB", f"at least {floor:.4f} dB, {what}"))
        images = counted(len(package.pairs.pairs), "image")
        return Checked(f"{psnr:.4f} dB on {images}, bicubic {bicubic:.4f} dB", tuple(findings))
