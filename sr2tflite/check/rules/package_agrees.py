"""The timed file and the judged one give the same bytes."""

from typing import ClassVar

import numpy as np

from sr2tflite.check.finding import Finding, counted, error_map
from sr2tflite.check.images import Sample, fitted
from sr2tflite.check.package import Package
from sr2tflite.check.rules import RULES, Checked, PackageRule, left_out
from sr2tflite.errors import InputError
from sr2tflite.export.challenges import NAMES, Role


@RULES.register("package_agrees")
class PackageAgrees(PackageRule):
    """Both at one size: the fixed one's own where images are given; otherwise small, where its ops allow.

    An image of another size is cut, or repeated to the right and down, to the fixed size: nothing is padded, so that no
    border is any different.
    """

    title: ClassVar[str] = "fixed and free file give the same bytes"
    needs: ClassVar[tuple[Role, ...]] = ("fixed", "free")
    source: ClassVar[str | None] = (
        "https://github.com/tensorflow/tensorflow/issues/56820, a free shape that adds ops and loses PSNR"
    )

    def check_package(self, package: Package) -> Checked:
        """Run both on every image; the first that differs is shown."""
        if why := package.unfit("fixed", "free"):
            return left_out(why)
        is_small = not package.is_given_images and package.small("fixed") != package.challenge.size
        size = None if is_small else package.challenge.size
        images, values = package.samples.images, 0
        for done, sample in enumerate(images):
            package.progress("comparing", done, len(images), sample.name)
            found = self._compare(package, sample, size)
            if isinstance(found, Finding):
                return Checked(f"image {sample.name}", (found,))
            values += found
        where = "their own sizes" if size is None else f"{size[0]}×{size[1]}"
        return Checked(f"0 of {values:,} bytes differ on {counted(len(images), 'image')} of {where}")

    def _compare(self, package: Package, sample: Sample, size: tuple[int, int] | None) -> Finding | int:
        """How many values are equal, or the difference."""
        pixels = sample.pixels if size is None else fitted(sample.pixels, size)
        try:
            fixed, free = package.run("fixed", pixels), package.run("free", pixels)
        except InputError as error:
            return self.finding(package.place("fixed"), " ".join(error.message.split()), "files that run")
        place = package.place("fixed", package.graph("fixed").output.name)
        if fixed.shape != free.shape:
            return self.finding(place, f"gives {fixed.shape}", f"{free.shape}, as {NAMES['free']}")
        difference = error_map(fixed, free, place, sample.name, pixels)
        if difference is None:
            return int(np.size(fixed))
        said = f"image {sample.name}: {difference.line()}"
        return self.finding(place, said, f"the bytes of {NAMES['free']}", hint=package.remake, error_map=difference)
