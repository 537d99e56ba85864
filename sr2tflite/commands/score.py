"""The challenge score of what was measured."""

import json
from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any

from sr2tflite.bench.result import BenchReport
from sr2tflite.bench.score import scored
from sr2tflite.errors import InputError
from sr2tflite.evaluate.protocols import PROTOCOLS
from sr2tflite.export.challenges import CHALLENGES, PROTOCOL
from sr2tflite.files import quoted, read_bytes, sha256

MOST_DB = 100.0
"""Beyond this a PSNR is none of a network's."""


def score(report: BenchReport, year: str, psnr: Mapping[str, float]) -> BenchReport:
    """The report with scores; see :func:`sr2tflite.bench.score.scored`.

    Args:
        report: What was measured.
        year: ``mai2021``, ``mai2022`` or ``mai2026``.
        psnr: What :func:`psnr_of` gives.
    """
    return scored(report, CHALLENGES[year], psnr)


def psnr_of(models: Sequence[Path], told: str) -> dict[str, float]:
    """The PSNR of every file, by its SHA-256.

    Args:
        models: ``.tflite`` files.
        told: A number of decibels, for one file; or the path of what ``sr2tflite eval --json`` printed, in which a
            file is known by its hash, or by its name where no hash is told.

    Raises:
        InputError: No such file, no such row in it, or a number out of range.
    """
    hashes = {sha256(read_bytes(path)): path for path in models}
    try:
        found = dict.fromkeys(hashes, float(told))
    except ValueError:
        if not Path(told).exists():
            hint = "--psnr 29.9, or --psnr eval.json"
            raise InputError(f"{told!r} is neither a number nor a file", where="--psnr", hint=hint) from None
        content = _evaluation(Path(told))
        found = {digest: _row(content, digest, path, told) for digest, path in hashes.items()}
    else:
        if len(hashes) > 1:
            raise InputError(f"one PSNR for {len(hashes)} files", hint="--psnr EVAL.json, of sr2tflite eval --json")
    for digest, value in found.items():
        if not (isfinite(value) and 0 < value <= MOST_DB):
            raise InputError(f"PSNR is {value} dB; expected up to {MOST_DB:.0f}", where=str(hashes[digest]))
    return found


def _evaluation(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(read_bytes(path))
        names = {one["name"]: one["sha256"] for one in content["artifacts"]}
        judged = PROTOCOLS[PROTOCOL].id(content["scale"])
        rows = {one["artifact"]: one["psnr"] for one in content["rows"] if one["protocol"] == judged}
    except (ValueError, KeyError, TypeError) as error:
        hint = "sr2tflite eval MODEL.tflite --data DIR --json > eval.json"
        raise InputError("is not what sr2tflite eval --json prints", where=str(path), hint=hint) from error
    return {"names": names, "rows": rows}


def _row(content: dict[str, Any], digest: str, path: Path, where: str) -> float:
    names = [name for name, known in content["names"].items() if known == digest or (name == path.name and not known)]
    value = content["rows"].get(names[0]) if names else None
    if value is None:
        known = ", ".join(sorted(content["rows"])) or "none"
        message = f"holds no PSNR of this {path.name} by the protocol {PROTOCOL}; it holds those of: {known}"
        hint = f"sr2tflite eval {quoted(path)} --data DIR --protocol {PROTOCOL} --json > eval.json"
        raise InputError(message, where=where, hint=hint)
    return float(value)
