from pathlib import Path

import numpy as np
import pytest

from sr2tflite.commands.steps import steps
from sr2tflite.data.images import write_image
from sr2tflite.errors import InputError, RecipeError
from sr2tflite.run.recipe import load, resolved

MINIMAL = "name: tiny\nstudent: abpn\ndata: {train: [scenes], evaluate: [photos]}\n"


def _recipe(folder: Path, text: str) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(text)
    return path


BAD = {
    "an unknown key": (MINIMAL + "qatt: {}", r"recipe\.yaml: qatt: unknown key; did you mean 'qat'\?"),
    "a nested unknown key": (MINIMAL + "gates: {psnr_drop: 1}", r"unknown key; did you mean 'psnr_drop_db'\?"),
    "a missing key": ("name: tiny\nstudent: abpn\n", r"recipe\.yaml: data: field required"),
    "a wrong type": (MINIMAL + "export: {height: tall}", r"export\.height: input should be a valid integer"),
    "a value out of range": (MINIMAL + "qat: {steps: 0}", r"qat\.steps: input should be greater than or equal to 1"),
    "a bad name": (MINIMAL.replace("tiny", "a/b"), r"name: string should match pattern"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_wrong_recipe_is_refused_with_path_and_hint(case: str, tmp_path: Path) -> None:
    text, message = BAD[case]
    with pytest.raises(RecipeError, match=message):
        load(_recipe(tmp_path, text))


@pytest.mark.parametrize("text", ["a: [", "just words", "- a\n- b", "a: 2001-99-99"])
def test_what_is_no_yaml_mapping_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(InputError):
        load(_recipe(tmp_path, text))


def test_an_override_goes_through_the_same_validation(tmp_path: Path) -> None:
    path = _recipe(tmp_path, MINIMAL)
    recipe = load(path, ("qat.steps=7", "ptq.method=minmax"))
    assert recipe.qat is not None
    assert (recipe.qat.steps, recipe.ptq.method) == (7, "minmax")
    assert recipe.qat.ptq.method == "minmax", "quantized training starts from what ptq says"
    with pytest.raises(RecipeError, match="unknown key; did you mean 'steps'"):
        load(path, ("qat.stesp=7",))
    with pytest.raises(RecipeError, match="is not YAML"):
        load(path, ("qat.steps=2001-99-99",))
    with pytest.raises(RecipeError, match="is not KEY=VALUE"):
        load(path, ("qat",))


def test_paths_are_relative_to_the_recipe(tmp_path: Path) -> None:
    recipe = load(_recipe(tmp_path, MINIMAL))
    assert recipe.data.evaluate == ((tmp_path / "photos").resolve(),)


def test_weights_are_relative_to_the_recipe_and_not_trained_over(tmp_path: Path) -> None:
    text = MINIMAL.replace("abpn", "{name: plain, anchor: false}") + "weights: foreign.pth\n"
    recipe = load(_recipe(tmp_path, text))
    assert recipe.weights == (tmp_path / "foreign.pth").resolve()
    assert recipe.student == {"name": "plain", "anchor": False}
    with pytest.raises(RecipeError, match="weights: are given, and train makes some"):
        load(_recipe(tmp_path, text + "train: {steps: 9}\n"))


FINETUNE = {
    "nothing before it": ("finetune: {steps: 9}\n", "goes on from the weights of train"),
    "weights of its own": ("train: {steps: 9}\nfinetune: {start: other.safetensors}\n", "and from no others"),
    "trained weights": ("weights: w.pth\nfinetune: {steps: 9}\n", "goes on from the weights of train"),
}


@pytest.mark.parametrize("case", FINETUNE)
def test_finetuning_goes_on_from_training_alone(case: str, tmp_path: Path) -> None:
    text, message = FINETUNE[case]
    with pytest.raises(RecipeError, match=message) as caught:
        load(_recipe(tmp_path, MINIMAL + text))
    assert "train a start" in (caught.value.hint or "")


def test_each_training_of_a_recipe_has_its_own_teacher_relative_to_it(tmp_path: Path) -> None:
    stages = "train: {teacher: a.pth}\nfinetune: {teacher: b.pth, patch: 32}\nqat: {teacher: c.onnx}\n"
    recipe = load(_recipe(tmp_path, MINIMAL + stages), ("finetune.steps=7",))
    assert recipe.train is not None
    assert recipe.finetune is not None
    assert recipe.qat is not None
    found = [stage.teacher for stage in (recipe.train, recipe.finetune, recipe.qat)]
    assert found == [(tmp_path / name).resolve() for name in ("a.pth", "b.pth", "c.onnx")]
    assert (recipe.finetune.steps, recipe.finetune.patch) == (7, 32)


def test_the_resolved_recipe_says_the_same(tmp_path: Path) -> None:
    recipe = load(_recipe(tmp_path, MINIMAL + "train: {steps: 9}"))
    again = load(_recipe(tmp_path, resolved(recipe)))
    assert again == recipe


@pytest.mark.parametrize("path", sorted(Path("recipes").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_recipe_is_valid_and_named_as_its_file(path: Path) -> None:
    assert load(path).name == path.stem


def test_both_folders_of_an_entry_are_relative_to_the_recipe(tmp_path: Path) -> None:
    recipe = load(_recipe(tmp_path, MINIMAL.replace("scenes", "'hr:../lr/X3'")))
    assert recipe.data.train == (Path(f"{(tmp_path / 'hr').resolve()}:{(tmp_path.parent / 'lr' / 'X3').resolve()}"),)


def test_one_folder_of_several_sets_trains_with_one_and_judges_by_another(tmp_path: Path) -> None:
    for number, part in enumerate(("train", "valid")):
        for place, side in (("HR", 30), ("LR_bicubic/X3", 10)):
            image = np.full((side, side, 3), number * 100 + side, np.uint8)
            write_image(tmp_path / f"DIV2K_{part}_{place}" / f"{number}.png", image)
    path = _recipe(tmp_path, MINIMAL.replace("scenes", ".").replace("photos", "."))
    evaluated = steps(load(path), tmp_path / "run")[-2].stage
    assert evaluated.name == "evaluate"
    judged = [file for file in evaluated.inputs if file.suffix == ".png"]
    assert [file.parent.name for file in judged] == ["DIV2K_valid_HR", "X3"]
    (tmp_path / "DIV2K_valid_HR" / "1.png").write_bytes((tmp_path / "DIV2K_train_HR" / "0.png").read_bytes())
    with pytest.raises(InputError, match=r"DIV2K_valid_HR/1\.png: serves training or calibration, and evaluation"):
        steps(load(path), tmp_path / "run")
