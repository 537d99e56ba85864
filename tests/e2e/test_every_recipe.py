"""Every shipped recipe, in miniature: two steps on tiny patches, through to the exported and judged file."""

from pathlib import Path

import pytest

from sr2tflite.commands.run import plan, run
from sr2tflite.networks import checkpoint
from sr2tflite.networks.students import STUDENTS
from sr2tflite.run.recipe import load

ROOT = Path(__file__).parents[2]
RECIPES = sorted((ROOT / "recipes").glob("*.yaml"))
PHOTOGRAPHS = ROOT / "calib_data"
DATA = {"train": ("coffee.png", "astronaut.png"), "calibrate": ("coffee.png",), "evaluate": ("chelsea.png",)}
TINY = ("steps=2", "batch=1", "patch=16", "held_out=1", "validate_every=1")


def test_every_student_has_a_recipe() -> None:
    students = [load(path).student for path in RECIPES]
    named = {one if isinstance(one, str) else one["name"] for one in students}
    assert named == set(STUDENTS.names())


def _miniature(path: Path) -> tuple[str, ...]:
    """What makes a recipe tiny, on photographs that are here."""
    if not (PHOTOGRAPHS / "coffee.png").exists():
        pytest.skip("calib_data is empty: sr2tflite photographs calib_data")
    recipe = load(path)
    trainings = [name for name in ("train", "finetune", "qat") if getattr(recipe, name) is not None]
    images = {key: ", ".join(str(PHOTOGRAPHS / name) for name in names) for key, names in DATA.items()}
    overrides = [f"data.{key}=[{names}]" for key, names in images.items()]
    overrides += [f"{training}.{setting}" for training in trainings for setting in TINY]
    if recipe.finetune is not None and recipe.finetune.teacher is not None:
        overrides.append(f"finetune.teacher={checkpoint.shipped('anchor_rep')}")
    if recipe.recalibrate:
        overrides.append("recalibrate=2")
    return (*overrides, "export.height=24", "export.width=32", "bench=null", "gates={}", "evaluate.protocols=[rgb]")


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_says_what_it_would_do(path: Path, tmp_path: Path) -> None:
    recipe = load(path)
    wanted = [name for name in ("train", "finetune", "recalibrate") if getattr(recipe, name)]
    wanted += ["fuse", "ptq", *(["qat"] if recipe.qat else []), "export", "evaluate"]
    planned = plan(path, tmp_path / "run", _miniature(path))
    assert [name for name, _, _ in planned.stages] == wanted
    assert not any(stands for _, stands, _ in planned.stages)
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_runs_in_miniature(path: Path, tmp_path: Path) -> None:
    overrides = _miniature(path)
    result = run(path, tmp_path / "run", overrides)
    assert result.passed
    exported = result.report.stages["export"]["files"]
    assert [one["file"] for one in exported] == [
        "model.tflite",
        "model_free.tflite",
        "ptq_free.tflite",
        "model_float.tflite",
    ]
    assert result.report.stages["evaluate"]["rows"]
