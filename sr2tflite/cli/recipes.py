"""The verbs around a recipe."""

from pathlib import Path

import click

from sr2tflite.cli.group import group
from sr2tflite.cli.options import COUNT, FILE, json_out


@group.command(short_help="Carry a recipe out.")
@click.argument("recipe", type=FILE, metavar="RECIPE.yaml")
@click.option("-o", "--output", "folder", type=FILE, help="The run folder; runs/NAME otherwise.")
@click.option("--set", "overrides", multiple=True, metavar="A.B=C", help="Put a value over the recipe's.")
@click.option("--dry-run", is_flag=True, help="Show the resolved recipe and what would be done.")
@json_out
def run(recipe: Path, folder: Path | None, overrides: tuple[str, ...], dry_run: bool, as_json: bool) -> int:
    """Carry a recipe out: student to report; exit status 4 where a gate fails."""
    from sr2tflite.cli import show
    from sr2tflite.cli.watch import watching
    from sr2tflite.commands.run import plan
    from sr2tflite.commands.run import run as command

    if dry_run:
        show.plan(plan(recipe, folder, overrides), as_json)
        return 0
    with watching(as_json) as progress:
        result = command(recipe, folder, overrides, progress=progress)
    return show.run(result, as_json)


@group.command(short_help="What a run found out, as a page.")
@click.argument("folder", type=FILE, metavar="RUN")
@click.option(
    "-o",
    "--output",
    "targets",
    type=FILE,
    multiple=True,
    metavar="FILE.html|.md|.json",
    help="The file to write; RUN/report.html otherwise. May be given more than once.",
)
@click.option(
    "--add",
    "added",
    type=FILE,
    multiple=True,
    metavar="FILE.json",
    help="What verify, check, bench, budget or eval printed with --json; such files in RUN are found without.",
)
@click.option("--verify", is_flag=True, help="Ask verify's rules first, and keep the findings in RUN/verify.json.")
@click.option("--budget", type=COUNT, metavar="N", help="Measure what each tensor costs first, on N images a folder.")
@json_out
def report(
    folder: Path,
    targets: tuple[Path, ...],
    added: tuple[Path, ...],
    verify: bool,
    budget: int | None,
    as_json: bool,
) -> None:
    """One page that needs no network: what was made from what, quality, crops, graph, cost, latency, proofs.

    RUN is a folder of run, or one that holds artifacts under the same names; the page says what is missing, and the
    command that makes it.
    """
    from sr2tflite.cli import show
    from sr2tflite.cli.watch import watching
    from sr2tflite.commands.report import PAGE, Making
    from sr2tflite.commands.report import report as command

    written = targets or (() if as_json else (folder / PAGE,))
    with watching(as_json) as progress:
        result = command(folder, written, added=added, making=Making(verify, budget or 0), progress=progress)
    return show.as_json(result) if as_json else show.report(result, folder, written)


@group.group(short_help="What a recipe may say.")
def recipe() -> None:
    """What a recipe may say."""


@recipe.command()
def schema() -> None:
    """The JSON schema of a recipe, for editors."""
    import json

    from sr2tflite.run.recipe import Recipe

    click.echo(json.dumps(Recipe.model_json_schema(), indent=2, ensure_ascii=False))


@group.command(short_help="Fill a calibration folder.")
@click.argument("folder", type=FILE)
def photographs(folder: Path) -> None:
    """Fill a calibration folder from installed packages, as its MANIFEST.json says."""
    from sr2tflite.data.manifest import fill

    click.echo(f"{folder}: {len(fill(folder))} photographs, each with the hash its manifest gives")
