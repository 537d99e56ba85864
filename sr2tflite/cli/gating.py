"""The verbs around what may pass: the gate itself, and the package that is to pass it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sr2tflite.cli.fixing import fixable
from sr2tflite.cli.group import group
from sr2tflite.cli.options import COUNT, FILE, IMAGES, data, decibels, json_out, out, percent

if TYPE_CHECKING:
    from sr2tflite.check.gate import Gate
    from sr2tflite.check.package import Tried
    from sr2tflite.progress import Progress


def _profiles(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    """What the tab key offers."""
    from sr2tflite.check.profile import profiles

    return [name for name in profiles() if name.startswith(begun)]


@group.command(short_help="May it go there? Profiles of rules, as a gate.")
@click.argument("target", type=FILE, metavar="MODEL.tflite|FOLDER|FILE.zip")
@click.option(
    "--profile",
    "names",
    multiple=True,
    required=True,
    metavar="NAME",
    shell_complete=_profiles,
    help="mai2026, mai2022, mai2021, nnapi, gpu, hexagon, ethos-u, xnnpack, integrity, or a .yaml; any number of them.",
)
@click.option(
    "--against", type=FILE, metavar="QDQ.onnx", help="What it was made from: qat.onnx, ptq.onnx, or a .tflite."
)
@data(
    "Images that it is run on, as they are; otherwise generated ones and calib_data/.",
    required=False,
    flag="--images",
    name="images",
)
@data(f"{IMAGES} For a submission's quality.", required=False)
@click.option("--limit", type=COUNT, default=16, show_default=True, help="At most so many images of each folder.")
@click.option("--runtime-ms", type=float, metavar="X", help="Of a submission on the challenge's device: for its score.")
@click.option("--min-psnr", callback=decibels, metavar="DB", help="Of a submission; bicubic's otherwise.")
@click.option("--allow-leak", is_flag=True, help="Judge even on images the submission was made with.")
@click.option("--baseline", type=FILE, metavar="FILE.json", help="What stood in its place, by --write-baseline.")
@click.option("--max-drop", callback=decibels, metavar="DB", help="Below the baseline's PSNR, on the same --data.")
@click.option("--max-slowdown", callback=percent, metavar="PCT", help="Of the baseline's file, timed beside it: 3%.")
@click.option("--rounds", type=COUNT, default=11, show_default=True, help="Of that timing.")
@click.option("--write-baseline", "written", type=FILE, metavar="FILE.json", help="Write it, where all pass.")
@click.option("--markdown", "as_markdown", is_flag=True, help="Print the result as Markdown.")
@json_out
@fixable
def check(
    target: Path, names: tuple[str, ...], as_markdown: bool, as_json: bool, min_psnr: float | None, **told: Any
) -> int:
    """May the file, or the submission, go where the profiles say? Exit status 4 where a rule says no.

    A submission is a folder or a zip archive with TFLite/model.tflite, model_none.tflite and model_none_float.tflite.
    With --baseline, also: is it worse than what stood in its place?
    """
    from sr2tflite.check.package import Tried
    from sr2tflite.cli import findings, markdown, show
    from sr2tflite.cli.watch import watching
    from sr2tflite.commands.check import Given
    from sr2tflite.commands.check import check as command

    if as_json and as_markdown:
        raise click.UsageError("--json and --markdown exclude each other")
    bounds = told["max_drop"], told["max_slowdown"]
    if (told["baseline"] is None) != (bounds == (None, None)):
        raise click.UsageError("--baseline goes with --max-drop or --max-slowdown")
    if told["max_drop"] is not None and not told["folders"]:
        raise click.UsageError("--max-drop goes with --data, the images that the baseline was measured on")
    tried = Tried(
        data=told.pop("folders"), **{key: told.pop(key) for key in ("images", "limit", "runtime_ms", "allow_leak")}
    )
    with watching(as_json or as_markdown) as progress:
        gate = command(target, names, Given(told["against"], tried, min_psnr), progress=progress)
        gate = _beside_baseline(gate, tried, told, progress)
    _say_what_is_unused(names, tried, told, min_psnr)
    if as_json:
        show.as_json(gate)
    elif as_markdown:
        click.echo(markdown.gate(gate))
    else:
        findings.gate(gate)
    return 0 if gate.passed else show.GATE_FAILED


def _say_what_is_unused(names: tuple[str, ...], tried: "Tried", told: dict[str, Any], min_psnr: float | None) -> None:
    """Profiles of single files ask for no quality and no score."""
    from sr2tflite.check.profile import load_profile
    from sr2tflite.cli import show

    if any(load_profile(name).challenge for name in names):
        return
    given = {"--runtime-ms": tried.runtime_ms is not None, "--min-psnr": min_psnr is not None}
    given["--data"] = bool(tried.data) and told["baseline"] is None and told["written"] is None
    if unused := [flag for flag, is_given in given.items() if is_given]:
        show.remarks([f"not used: {', '.join(unused)}; the profiles {', '.join(names)} are about no submission"])


def _beside_baseline(gate: "Gate", tried: "Tried", told: dict[str, Any], progress: "Progress") -> "Gate":
    """Ask whether the file is worse than before, and write down what it is, where either is wanted."""
    if told["baseline"] is None and told["written"] is None:
        return gate
    from sr2tflite.bench.plan import Plan
    from sr2tflite.commands import baseline

    if told["baseline"] is not None:
        plan = Plan(rounds=told["rounds"])
        bounds = baseline.Bounds(told["max_drop"], told["max_slowdown"], tried.data, tried.limit, plan)
        gate = baseline.with_baseline(gate, told["baseline"], bounds, progress=progress)
    if told["written"] is not None and gate.passed:
        found = baseline.measured(gate.target, tried.data, tried.limit, progress=progress)
        baseline.write_baseline(told["written"], found)
    return gate


@group.command(short_help="Pack a submission, and check it.")
@click.argument("source", type=FILE, required=False, metavar="[RUN|QDQ.onnx]")
@click.option("--fixed", type=FILE, metavar="FILE.tflite", help="The file that is timed, where there is no RUN.")
@click.option("--free", type=FILE, metavar="FILE.tflite", help="The file that is judged.")
@click.option("--float", "floating", type=FILE, metavar="FILE.tflite", help="The float file.")
@click.option("--profile", "name", required=True, metavar="NAME", help="Of a challenge: mai2026, mai2022, mai2021.")
@data(f"{IMAGES} For the submission's quality.", required=False)
@click.option("--limit", type=COUNT, default=16, show_default=True, help="At most so many images of each folder.")
@click.option("--allow-leak", is_flag=True, help="Judge even on images the submission was made with.")
@out(".zip")
@json_out
def package(
    source: Path | None,
    fixed: Path | None,
    free: Path | None,
    floating: Path | None,
    name: str,
    target: Path,
    as_json: bool,
    **told: Any,
) -> int:
    """Pack the files of a submission and ask the challenge's profile of what was written.

    Of a run folder or a QDQ ONNX, all files are made anew from one set of integers. The same files give the same
    archive, byte for byte. Exit status 4 where a rule says no.
    """
    from sr2tflite.check.package import Tried
    from sr2tflite.cli import findings, show
    from sr2tflite.cli.watch import watching
    from sr2tflite.commands.package import package as command

    files = {role: path for role, path in (("fixed", fixed), ("free", free), ("float", floating)) if path}
    if (source is None) == (not files):
        raise click.UsageError("name a run folder or a QDQ.onnx, or give --fixed, --free and --float")
    tried = Tried(data=told["folders"], limit=told["limit"], allow_leak=told["allow_leak"])
    with watching(as_json) as progress:
        result = command(source or files, name, target, tried, progress=progress)
    if as_json:
        show.as_json(result)
    else:
        findings.gate(result.gate, f"{result.path}: {result.size_bytes:,} bytes, {', '.join(result.files)}")
    return 0 if result.gate.passed else show.GATE_FAILED
