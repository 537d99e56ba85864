"""The float file and the integer one are the same network."""

from typing import ClassVar

import numpy as np

from sr2tflite.check.finding import counted
from sr2tflite.check.package import Package
from sr2tflite.check.rules import RULES, Checked, PackageRule, left_out
from sr2tflite.errors import InputError
from sr2tflite.evaluate.metrics import psnr
from sr2tflite.export.challenges import NAMES, Role


@RULES.register("package_twin")
class PackageTwin(PackageRule):
    """The PSNR of the integer file's pictures against the float file's, over all images, each of one weight."""

    title: ClassVar[str] = "float and integer file are one network"
    needs: ClassVar[tuple[Role, ...]] = ("free", "float")
    source: ClassVar[str | None] = (
        "https://github.com/NguyenPhamPhuongNam/AIO_MAI, whose integer files are 45.9 dB from its float one"
    )

    least_psnr: float = 35.0
    """In dB. Noise of 35 dB takes 1.2 dB from a picture of 30 dB: ``10·log10(1 + 10^((30 − 35)/10))``; quantization
    takes 0.05 to 0.3 dB, and another network is below 35 dB."""

    def check_package(self, package: Package) -> Checked:
        """Run both on every image."""
        if why := package.unfit("free", "float"):
            return left_out(why)
        values = []
        for sample in package.photographs:
            try:
                pictures = [package.seen(role, sample.pixels) for role in self.needs]
            except InputError as error:
                found = " ".join(error.message.split())
                return Checked(f"image {sample.name}", (self.finding(package.place("float"), found, "files that run"),))
            if pictures[0].shape != pictures[1].shape:
                return left_out("they enlarge by different factors")
            values.append(np.square(pictures[0].astype(np.int32) - pictures[1]).mean())
        decibels = psnr(np.sqrt(np.asarray(values)), np.zeros(len(values)))
        said = f"{decibels:.2f} dB on {counted(len(values), 'image')}"
        if decibels >= self.least_psnr:
            return Checked(said)
        expected = f"at least {self.least_psnr:g} dB from {NAMES['free']}"
        return Checked(said, (self.finding(package.place("float"), said, expected, hint=package.remake),))
