"""The verbs around a recipe."""

import shlex
from pathlib import Path

import click

from sr2tflite.cli.group import group
from sr2tflite.cli.options import COUNT, FILE, json_out

overrides_option = click.option(
    "--set", "overrides", multiple=True, metavar="A.B=C", help="Put a value over the recipe's."
)


@group.command(short_help="Carry a recipe out.")
@click.argument("recipe", type=FILE, metavar="RECIPE.yaml")
@click.option("-o", "--output", "folder", type=FILE, help="The run folder; runs/NAME otherwise.")
@overrides_option
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
        if not as_json:
            show.next_step(_run_line(recipe, overrides, folder))
        return 0
    with watching(as_json) as progress:
        result = command(recipe, folder, overrides, progress=progress)
    return show.run(result, as_json)


def _run_line(recipe: Path, overrides: tuple[str, ...], folder: Path | None = None) -> str:
    told = [word for one in overrides for word in ("--set", one)]
    return shlex.join(["sr2tflite", "run", str(recipe), *(["-o", str(folder)] if folder else []), *told])


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


@group.group(short_help="What recipes may say, say, and differ in.")
def recipe() -> None:
    """What a recipe may say, what it says with all defaults, and what two differ in."""


@recipe.command()
@json_out
def schema(as_json: bool) -> None:
    """The JSON schema of a recipe, for editors."""
    import json

    from sr2tflite.cli import show
    from sr2tflite.run.recipe import Recipe

    content = Recipe.model_json_schema()
    if as_json:
        return show.as_json({"json_schema": content}, "recipe.schema")
    click.echo(json.dumps(content, indent=2, ensure_ascii=False))
    return show.next_step("sr2tflite recipe show RECIPE.yaml", err=True)


@recipe.command("show", short_help="A recipe with every default written out.")
@click.argument("recipe", type=FILE, metavar="RECIPE.yaml|RUN")
@overrides_option
@json_out
def show_recipe(recipe: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """A recipe as YAML with every default written out; of a run folder, the one it was made by."""
    from sr2tflite.cli import show
    from sr2tflite.commands.recipe import recipe_file
    from sr2tflite.commands.recipe import show as command
    from sr2tflite.run.recipe import resolved

    found = command(recipe, overrides)
    if as_json:
        return show.as_json({"recipe": found.model_dump(mode="json")}, "recipe")
    click.echo(resolved(found), nl=False)
    return show.next_step(_run_line(recipe_file(recipe), overrides), mark="# ")


@recipe.command("diff", short_help="What two recipes differ in.")
@click.argument("first", type=FILE, metavar="A")
@click.argument("second", type=FILE, metavar="B")
@click.option("--set", "overrides", multiple=True, metavar="A.B=C", help="Put a value over B's.")
@json_out
def diff_recipes(first: Path, second: Path, overrides: tuple[str, ...], as_json: bool) -> int:
    """What two recipes, or those of two run folders, differ in with all defaults; exit status 4 where they do."""
    from sr2tflite.cli import show, tables
    from sr2tflite.commands.recipe import diff as command
    from sr2tflite.commands.recipe import recipe_file

    found = command(first, second, overrides)
    if as_json:
        show.as_json(found)
    else:
        rows = [[one.key, str(one.first), str(one.second)] for one in found.changes]
        if rows:
            tables.table(["setting", "A", "B"], rows, numbers=False)
        click.echo(f"different: {show.counted(rows, 'setting')}" if rows else "A and B are equal")
        show.next_step(_run_line(recipe_file(second), overrides))
    return show.GATE_FAILED if found.changes else 0


@group.command(short_help="Fill a calibration folder.")
@click.argument("folder", type=FILE)
@json_out
def photographs(folder: Path, as_json: bool) -> None:
    """Fill a calibration folder from installed packages, as its MANIFEST.json says."""
    from sr2tflite.cli import show
    from sr2tflite.data.manifest import fill

    found = fill(folder)
    if as_json:
        return show.as_json({"folder": str(folder), "images": [str(one) for one in found]}, "photographs")
    click.echo(f"{folder}: {len(found)} photographs, each with the hash its manifest gives")
    return show.next_step(f"sr2tflite ptq deploy.onnx --calibrate {shlex.quote(str(folder))} -o ptq.onnx")
