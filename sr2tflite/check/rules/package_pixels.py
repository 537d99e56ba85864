"""Raw pixels go in and raw pixels come out: a plain color comes out as the same color."""

from typing import ClassVar

import numpy as np

from sr2tflite.check.finding import Finding
from sr2tflite.check.package import ROLES, Package
from sr2tflite.check.rules import RULES, Checked, PackageRule, left_out
from sr2tflite.errors import InputError
from sr2tflite.export.challenges import Role

COLORS = {
    "black": (0, 0, 0),
    "dark grey": (64, 64, 64),
    "grey": (128, 128, 128),
    "light grey": (192, 192, 192),
    "white": (255, 255, 255),
    "orange": (200, 120, 40),
    "blue": (40, 80, 200),
}


@RULES.register("package_pixels")
class PackagePixels(PackageRule):
    """The files are run as a scorer runs them, that applies no scale, rounds and clips.

    A network that enlarges images keeps their colors. One that takes values 0…1, or BGR, or whose clip was left out so
    that its scale was chosen for values beyond white, does not.
    """

    title: ClassVar[str] = "raw pixels in, raw pixels out"
    needs: ClassVar[tuple[Role, ...]] = ()
    source: ClassVar[str | None] = (
        "https://github.com/aiff22/MAI-2021-Workshop/blob/main/network_quantization/test_tflite_model_none.py"
    )

    most_levels: float = 12.0
    """That the middle of a plain color may be off; half of what a scale of 0.9 makes of white."""

    def check_package(self, package: Package) -> Checked:
        """Run plain colors through every file that has the challenge's ends."""
        there = [role for role in ROLES if package.honest(role) is not None and not package.unfit(role)]
        if not there:
            return left_out("no file has the challenge's ends")
        findings, said = [], []
        for role in there:
            try:
                off = {name: _off(package, role, color) for name, color in COLORS.items()}
            except InputError as error:
                findings.append(self.finding(package.place(role), " ".join(error.message.split()), "a file that runs"))
                continue
            said.append(f"{max(off.values()):g}")
            findings += self._wrong(package, role, off)
        return Checked(f"colors off by at most {', '.join(said)} levels" if said else "none runs", tuple(findings))

    def _wrong(self, package: Package, role: Role, off: dict[str, float]) -> list[Finding]:
        wrong = [name for name, levels in off.items() if levels > self.most_levels]
        if not wrong:
            return []
        worst = max(wrong, key=lambda name: off[name])
        found = f"{len(wrong)} of {len(off)} plain colors come out otherwise, {worst} by {off[worst]:g} levels"
        return [self.finding(package.place(role), found, f"at most {self.most_levels:g}", hint=package.remake)]


def _off(package: Package, role: Role, color: tuple[int, int, int]) -> float:
    """How many levels the median of the picture is away from the color, in its worst channel."""
    image = np.full((*package.small(role), 3), color, np.uint8)
    middle = np.median(package.seen(role, image).reshape(-1, 3), axis=0)
    return float(np.abs(middle - np.asarray(color)).max())
