"""``check --fix``: its options, and what a person sees of it."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sr2tflite.cli.options import FILE

if TYPE_CHECKING:
    from sr2tflite.check.fix import Step
    from sr2tflite.commands.check_fix import Fixed


def fixable(check: Callable[..., int]) -> Callable[..., int]:
    """Decorator of the verb: with ``--fix`` it writes a file instead of only asking."""

    @wraps(check)
    def verb(*, fix: bool, output: Path | None, allow_difference: bool, **asked: Any) -> int:
        if fix != (output is not None):
            raise click.UsageError("--fix and -o FIXED.tflite go together")
        if output is not None and output.suffix != ".tflite":
            raise click.UsageError(f"{output} does not end in .tflite")
        if fix and (asked["baseline"] or asked["written"]):
            raise click.UsageError("--fix goes without --baseline and --write-baseline: ask those of the new file")
        if allow_difference and not fix:
            raise click.UsageError("--allow-difference is of --fix")
        return check(**asked) if output is None else _fix(output, allow_difference, **asked)

    for option in (
        click.option("--allow-difference", is_flag=True, help="With --fix: also rewrites that change some bytes."),
        click.option("-o", "--output", type=FILE, metavar="FIXED.tflite", help="With --fix: the new file."),
        click.option("--fix", is_flag=True, help="Rewrite the file, prove it byte-equal on images, ask again."),
    ):
        verb = option(verb)
    return verb


def _fix(output: Path, allow_difference: bool, **asked: Any) -> int:
    from sr2tflite.check.package import Tried
    from sr2tflite.cli import show
    from sr2tflite.cli.watch import watching
    from sr2tflite.commands.check import Given
    from sr2tflite.commands.check_fix import check_fix

    if asked["as_markdown"]:
        raise click.UsageError("--fix and --markdown exclude each other")
    given = Given(asked["against"], Tried(images=asked["images"], limit=asked["limit"]))
    with watching(asked["as_json"]) as progress:
        found = check_fix(
            asked["target"], asked["names"], output, given, allow_difference=allow_difference, progress=progress
        )
    if asked["as_json"]:
        show.as_json(found)
    else:
        _show(found)
    return 0 if found.passed else show.GATE_FAILED


def _show(found: "Fixed") -> None:
    """What was done step by step, the proof, and what the profiles say of the new file."""
    from sr2tflite.cli import findings

    for step in found.fix.steps:
        for line in _lines(step):
            click.echo(line)
    click.echo(found.verdict())
    findings.gate(found.after)


def _lines(step: "Step") -> list[str]:
    lines = [f"  {one.place}: left alone: {one.reason}" for one in step.declined]
    places = ", ".join(step.places)
    if step.is_applied:
        lines.insert(0, f"✓ {step.rewrite.name}: {step.rewrite.words} ({places})")
    elif step.places:
        lines.insert(0, f"– {step.rewrite.name} not applied ({places}): {step.refused}")
        if not step.rewrite.is_exact:
            lines.append("  --allow-difference applies it all the same")
    elif step.declined:
        lines.insert(0, f"– {step.rewrite.name}")
    return lines
