"""Which verb wrote some JSON."""

from collections.abc import Mapping
from typing import Any

from sr2tflite.run.report.told import Told, parsed
from sr2tflite.run.report.told.budget import Budget
from sr2tflite.run.report.told.findings import Checked, Gate
from sr2tflite.run.report.told.latency import Benches
from sr2tflite.run.report.told.quality import Evaluation

KINDS: tuple[tuple[frozenset[str], type[Told]], ...] = (
    (frozenset({"profile", "rules", "verdict"}), Checked),
    (frozenset({"profiles", "target", "verdict"}), Gate),
    (frozenset({"results", "failures"}), Benches),
    (frozenset({"int8", "float", "rows"}), Budget),
    (frozenset({"image_set", "artifacts", "rows"}), Evaluation),
)
"""Every kind of JSON that a report takes in, by keys that only it has."""


def of_any_kind(content: Any, where: str) -> Told | None:
    """What ``verify``, ``check``, ``bench``, ``budget`` or ``eval`` printed with ``--json``; the keys tell which.

    Returns:
        The record, or None where it is no verb's that a report shows.

    Raises:
        InputError: It is one, and something in it is missing or of another type.
    """
    keys = content.keys() if isinstance(content, Mapping) else frozenset()
    kind = next((kind for needed, kind in KINDS if needed <= keys), None)
    return None if kind is None else parsed(kind, content, where)
