"""The file's types, scales and zero points are those that were learned, to the last bit."""

from typing import ClassVar

import numpy as np

from sr2tflite.check.case import Case
from sr2tflite.check.finding import Finding
from sr2tflite.check.rules import RULES, Checked, Rule
from sr2tflite.check.rules._constants import Pair, again, pairs
from sr2tflite.export.match import plain
from sr2tflite.numerics.qparams import QuantParams

_FEW_STEPS = 128
"""Fewer than scales of 16 significant bits, as they are born, can be apart."""


@RULES.register("same_scales")
class SameScales(Rule):
    """Every activation, weight and bias has the other's type, scales and zero points."""

    title: ClassVar[str] = "scales are those of the other file"
    compares: ClassVar[bool] = True

    def check(self, case: Case) -> Checked:
        """Compare bit by bit."""
        chosen = list(pairs(case))
        findings = [found for pair in chosen if (found := self._difference(case, pair))]
        return Checked(f"{len(chosen) - len(findings)}/{len(chosen)} tensors equal", tuple(findings))

    def _difference(self, case: Case, pair: Pair) -> Finding | None:
        found, wanted = pair.found, pair.wanted
        if (found.dtype, plain(found.quant)) == (wanted.dtype, plain(wanted.quant)):
            return None
        place = case.place(pair.node, found.name)
        if found.dtype != wanted.dtype or found.quant is None or wanted.quant is None:
            return self.finding(place, f"{found.dtype} with {found.quant}", f"{wanted.dtype} with {wanted.quant}")
        return self.finding(place, *_said(found.quant, wanted.quant), hint=again(case))


def _said(found: QuantParams, wanted: QuantParams) -> tuple[str, str]:
    """What is found and what was expected, where they part first."""
    if len(found.scale) != len(wanted.scale):
        return f"{len(found.scale)} scales", f"{len(wanted.scale)}"
    scales = [np.asarray(one.scale, np.float32) for one in (found, wanted)]
    zeros = [np.asarray(one.zero_point) for one in (found, wanted)]
    differs = np.flatnonzero((scales[0] != scales[1]) | (zeros[0] != zeros[1]))
    if not differs.size:
        return f"scales along axis {found.axis}", f"axis {wanted.axis}"
    first = int(differs[0])
    channel = f"channel {first} ({differs.size} of {len(found.scale)} differ): " if len(found.scale) > 1 else ""
    apart = _apart(scales[0][first], scales[1][first])
    return (
        f"{channel}scale {scales[0][first]!s}{apart}, zero point {zeros[0][first]}",
        f"scale {scales[1][first]!s}, zero point {zeros[1][first]}",
    )


def _apart(found: np.float32, wanted: np.float32) -> str:
    """How far two scales are apart: in steps of float32, or in percent where that says more."""
    if found == wanted:
        return ""
    steps = int(found.view(np.int32)) - int(wanted.view(np.int32))
    return f" ({steps:+} in the last bit)" if abs(steps) < _FEW_STEPS else f" ({100 * (found / wanted - 1):+.2g} %)"
