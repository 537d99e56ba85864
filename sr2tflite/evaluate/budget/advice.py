"""What may be done about a cost, without trying it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from sr2tflite.evaluate.budget.result import Budget, Fix, Row

WORTH = 0.1
"""Rows that cost less than this against float, in dB, are left in peace."""

SATURATES = 1e-3
"""Share of saturated values from which a range is called narrow."""

_SUMS = ("ADD", "SUB")


def advised(budget: Budget, model: Path, source: Path, liftable: frozenset[str] = frozenset()) -> Budget:
    """The budget with fixes for every row that is worth one.

    Args:
        budget: Without fixes.
        model: The quantized file's path, for commands.
        source: The float file's.
        liftable: Sums whose skip could be copies of pixels.
    """
    sums = [row for row in budget.rows if row.op in _SUMS and len(row.reads) == 2]
    added = {name for row in sums for name in (*row.reads, row.tensor)}
    lifted = {name for row in sums if row.tensor in liftable for name in (*row.reads, row.tensor)}
    rows = (
        row.with_fixes(*_lifting(row, source, lifted), *_fixes(row, model, source, is_added=row.tensor in added))
        if _is_worth(row)
        else row
        for row in budget.rows
    )
    return replace(budget, rows=tuple(rows))


def _lifting(row: Row, source: Path, lifted: set[str]) -> Iterator[Fix]:
    if row.tensor in lifted and row.kind != "weights":
        lift = f"sr2tflite ptq {source} --calibrate OTHER_IMAGES --set lift_skips=true -o lifted.onnx"
        yield Fix("the skip as copies of pixels, which are exact, all int8", lift, "advised")


def _is_worth(row: Row) -> bool:
    return row.cost.against_float >= WORTH


def _fixes(row: Row, model: Path, source: Path, *, is_added: bool) -> Iterator[Fix]:
    train = f"sr2tflite qat {source} --data TRAINING_IMAGES -o qat.onnx"
    if row.kind == "weights":
        yield Fix("quantized training, which moves weights to where rounding hurts less", train, "advised")
        return
    tries = f"sr2tflite budget {model} --float {source} --data DIR --try --calibrate OTHER_IMAGES"
    if row.facts.saturated >= SATURATES:
        yield Fix(f"a wider range: {100 * row.facts.saturated:.2f} % of its values saturate", tries, "advised")
    islands = f"sr2tflite ptq {source} --calibrate OTHER_IMAGES --set islands.gain_db=0.1 -o islands.onnx"
    yield Fix("16 bits for this tensor alone (an int16 island)", islands, "estimated", row.cost)
    if is_added:
        clip = "--set weight_clip.kind=sigma --set weight_clip.k=3"
        yield Fix("a smaller range of what is added, by clipping weights in training", f"{train} {clip}", "advised")
    else:
        yield Fix("quantized training, which learns the range with the weights", train, "advised")
