"""``report.html``: one page that holds all it shows, and that its own policy keeps from asking a network for more."""

import base64
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from sr2tflite.run.artifacts import DEPLOY
from sr2tflite.run.crops import palette
from sr2tflite.run.report import Artifact, Report, numbers
from sr2tflite.run.report.charts import MOST_COSTS, costs, panels, scored
from sr2tflite.run.report.headline import gates, tiles
from sr2tflite.run.report.layout import place
from sr2tflite.run.report.pictures import NAMES, maps, shown
from sr2tflite.run.report.ranges import ranges

SHADES = 16
"""Colors of the error maps' palette that the page's script interpolates between."""

LABELS = {
    "bicubic": "bicubic",
    "deploy.onnx": "float",
    "ptq_free.tflite": "INT8, PTQ only",
    "model_free.tflite": "INT8",
    "model.tflite": "INT8, fixed size",
}
"""What an artifact is called in tables."""


@dataclass(frozen=True)
class Stage:
    """A step of the chain with the files it made."""

    name: str
    told: str
    files: tuple[Artifact, ...]


def page(report: Report, folder: Path) -> str:
    """The page; the same report of the same folder gives the same bytes.

    Args:
        report: What it shows; pictures that cannot be used are noted there.
        folder: Where its pictures lie.
    """
    pictures = shown(report, folder)
    evaluation = report.evaluation
    style, early, script = (Markup(_asset(name)) for name in ("page.css", "early.js", "page.js"))  # noqa: S704 (ours)
    return (
        _environment()
        .get_template("page.html")
        .render(
            report=report,
            policy=_policy(style, early, script),
            style=style,
            early=early,
            script=script,
            tiles=tiles(report),
            gates=gates(report.findings),
            quality=[(name, scored(evaluation, name, DEPLOY)) for name in evaluation.protocols] if evaluation else [],
            labels=LABELS,
            pictures=pictures,
            pair=_pair([one.name for one in pictures[0].renderings]) if pictures else (0, 0),
            palette=",".join(palette()[:: 256 // SHADES] + palette()[-1:]),
            chain=_chain(report),
            placed=place(report.drawing) if report.drawing else None,
            ranges=ranges(report.drawing) if report.drawing else None,
            costs=costs(report.budget) if report.budget else [],
            most_costs=MOST_COSTS,
            panels=panels(report.benches),
            maps=maps(report, folder),
            recipe=yaml.safe_dump(report.recipe, sort_keys=False, allow_unicode=True) if report.recipe else "",
        )
    )


def _pair(names: list[str]) -> tuple[int, int]:
    """The two renderings that are compared first: where one comes from, and where it gets."""
    left, right = NAMES["bicubic"], NAMES["INT8"]
    return names.index(left), names.index(right)


def _chain(report: Report) -> list[Stage]:
    """Stages in order, with the files that are there."""
    made: dict[str, list[Artifact]] = {}
    for one in report.artifacts:
        made.setdefault(one.stage, []).append(one)
    return [Stage(name, _told(report.stages.get(name, {})), tuple(files)) for name, files in made.items()]


def _told(facts: dict[str, Any]) -> str:
    """What a stage says of itself, in a line."""
    words = []
    if isinstance(facts.get("layers"), int):
        words.append(numbers.counted(facts["layers"], "layer"))
    if isinstance(facts.get("images"), int):
        words.append(numbers.counted(facts["images"], "image"))
    if isinstance(facts.get("steps"), int):
        words.append(numbers.counted(facts["steps"], "step"))
    if isinstance(facts.get("best_psnr"), float):
        words.append(f"best {facts['best_psnr']:.3f} dB at step {facts.get('best_step')}")
    if isinstance(facts.get("summary"), str):
        words.append(facts["summary"].split(";")[0])
    return ", ".join(words)


def _asset(name: str) -> str:
    return (files(__package__) / "templates" / name).read_text(encoding="utf-8")


def _policy(style: str, *scripts: str) -> str:
    """What the browser may load: this page's own style and scripts, by their hashes, and pictures inside it."""
    own = f"style-src {_hash(style)}; script-src {' '.join(map(_hash, scripts))}"
    return f"default-src 'none'; img-src data:; {own}; base-uri 'none'; form-action 'none'"


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        decimals=numbers.decimals,
        signed=numbers.signed,
        size=numbers.size,
        scientific=numbers.scientific,
        percent=numbers.percent,
        short=numbers.short_hash,
        counted=numbers.counted,
        sentence=numbers.sentence,
        many=numbers.many,
    )
    return environment
