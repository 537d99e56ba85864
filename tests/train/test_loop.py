import json
import math
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from sr2tflite.errors import DivergedError, InputError, RecipeError, StorageError, UnsupportedError
from sr2tflite.registry import parse_settings
from sr2tflite.train.loop import Training
from sr2tflite.train.schedules import Step
from sr2tflite.train.settings import LoopSettings, QatTrainSettings
from sr2tflite.train.state import load_state, save_state
from sr2tflite.train.task import Task

TARGET = torch.tensor([[0.5, -1.0, 2.0]])


def _batch(step: int) -> Tensor:
    return torch.randn(8, 3, generator=torch.Generator().manual_seed(step))


def _task(seed: int = 0) -> Task[Tensor]:
    torch.manual_seed(seed)
    module = nn.Linear(3, 1)
    return Task(
        module,
        [{"params": list(module.parameters())}],
        _batch,
        lambda model, x: (model(x) - x @ TARGET.T).square().mean(),
        lambda model: -float((model.weight.detach() - TARGET).norm()),
    )


SETTINGS = LoopSettings(steps=30, learning_rate=0.1, validate_every=5, ema=0.5)


def test_training_reaches_what_it_is_trained_towards(tmp_path: Path) -> None:
    task = _task()
    before = task.validate(task.module)
    fitted = Training(task, SETTINGS.model_copy(update={"steps": 200}), tmp_path).run()
    assert fitted.best_psnr > 0.2 * before
    assert task.validate(task.module) == pytest.approx(fitted.best_psnr)


def test_a_training_killed_and_resumed_equals_one_that_was_not(tmp_path: Path) -> None:
    whole = _task()
    Training(whole, SETTINGS, tmp_path / "whole").run()

    class KilledError(Exception): ...

    def die(_what: str, done: int, _total: int, _detail: str = "") -> None:
        if done >= 15:
            raise KilledError

    with pytest.raises(KilledError):
        Training(_task(), SETTINGS, tmp_path / "part").run(die)
    resumed = _task(seed=1)  # other fresh weights: all must come from the saved state
    Training(resumed, SETTINGS, tmp_path / "part").run()
    assert torch.equal(whole.module.weight, resumed.module.weight)


def test_a_training_with_other_settings_is_not_resumed(tmp_path: Path) -> None:
    Training(_task(), SETTINGS, tmp_path).run()
    before = (tmp_path / "last.pt").read_bytes()
    with pytest.raises(InputError, match="other settings"):
        Training(_task(), SETTINGS.model_copy(update={"steps": 31}), tmp_path).run()
    other = _task()
    other.origin = "other images"
    with pytest.raises(InputError, match="other weights or images"):
        Training(other, SETTINGS, tmp_path).run()
    assert (tmp_path / "last.pt").read_bytes() == before


def test_a_training_may_go_on_with_other_settings_of_watching_it(tmp_path: Path) -> None:
    first = Training(_task(), SETTINGS, tmp_path).run()
    assert Training(_task(), SETTINGS.model_copy(update={"save_every_s": 1.0}), tmp_path).run() == first


def test_a_state_from_before_a_setting_existed_is_gone_on_with(tmp_path: Path) -> None:
    Training(_task(), SETTINGS, tmp_path).run()
    state = load_state(tmp_path / "last.pt")
    assert state is not None
    known = json.loads(state["settings"])
    del known["schedule"]
    save_state(tmp_path / "last.pt", {**state, "settings": json.dumps(known)})
    Training(_task(), SETTINGS, tmp_path).run()
    with pytest.raises(InputError, match="other settings"):
        Training(_task(), SETTINGS.model_copy(update={"schedule": Step()}), tmp_path).run()


def test_a_loss_that_is_not_finite_ends_the_training(tmp_path: Path) -> None:
    task = _task()
    task.objective = lambda model, x: model(x).sum() * float("nan")
    with pytest.raises(DivergedError, match="at step 0: the loss is not finite") as caught:
        Training(task, SETTINGS, tmp_path).run()
    assert "learning_rate" in (caught.value.hint or "")


def _goes_wrong_in(step: int) -> Task[Tensor]:
    task = _task()
    sound, seen = task.objective, []

    def objective(module: nn.Module, x: Tensor) -> Tensor:
        seen.append(x)
        return sound(module, x) * (math.inf if len(seen) == step + 1 else 1.0)

    task.objective = objective
    return task


def test_the_step_that_went_wrong_is_named_and_the_states_stay(tmp_path: Path) -> None:
    task = _goes_wrong_in(13)
    with pytest.raises(DivergedError, match="at step 13: the loss is not finite"):
        Training(task, SETTINGS, tmp_path).run()
    assert task.module.weight.isfinite().all()
    state, best = load_state(tmp_path / "last.pt"), load_state(tmp_path / "best.pt")
    assert state is not None
    assert best is not None
    assert state["step"] == 10
    assert all(value.isfinite().all() for value in (*state["module"].values(), *best.values()))
    whole, resumed = _task(), _task(seed=1)
    Training(whole, SETTINGS, tmp_path / "whole").run()
    Training(resumed, SETTINGS, tmp_path).run()
    assert torch.equal(whole.module.weight, resumed.module.weight)


def test_where_looking_costs_the_step_is_named_later_and_nothing_bad_is_saved(tmp_path: Path) -> None:
    training = Training(_goes_wrong_in(13), SETTINGS.model_copy(update={"validate_every": 10}), tmp_path)
    training.looks_at_once = False  # as on a GPU
    with pytest.raises(DivergedError, match="at step 13: the loss is not finite"):
        training.run()
    assert training.step == 20
    state = load_state(tmp_path / "last.pt")
    assert state is not None
    assert (state["step"], bool(state["module"]["weight"].isfinite().all())) == (10, True)


def test_a_gradient_that_is_not_finite_ends_the_training_before_the_weights_are(tmp_path: Path) -> None:
    task = _task()
    task.objective = lambda model, x: (model(x) * 0).abs().sqrt().mean()
    with pytest.raises(DivergedError, match="at step 0: the gradient is not finite"):
        Training(task, SETTINGS, tmp_path).run()
    assert task.module.weight.isfinite().all()


def test_a_full_disk_leaves_the_state_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sr2tflite.train import state as states

    write, room = states.write_bytes, [9]

    def full(path: Path, data: bytes) -> None:
        room[0] -= 1
        if not room[0]:
            raise StorageError("cannot write: No space left on device", where=str(path))
        write(path, data)

    monkeypatch.setattr(states, "write_bytes", full)
    with pytest.raises(StorageError, match="No space left"):
        Training(_task(), SETTINGS, tmp_path).run()
    whole, resumed = _task(), _task(seed=1)
    Training(resumed, SETTINGS, tmp_path).run()
    Training(whole, SETTINGS, tmp_path / "whole").run()
    assert torch.equal(whole.module.weight, resumed.module.weight)


def test_best_weights_that_are_gone_are_named(tmp_path: Path) -> None:
    Training(_task(), SETTINGS, tmp_path).run()
    (tmp_path / "best.pt").unlink()
    with pytest.raises(InputError, match="is gone; expected the best weights"):
        Training(_task(), SETTINGS, tmp_path).run()


def test_losses_are_added_up_and_told_by_name(tmp_path: Path) -> None:
    single, several = _task(), _task()
    single.objective = lambda model, x: model(x).square().mean() + 0.5 * model(x).abs().mean()
    several.objective = lambda model, x: {"a": model(x).square().mean(), "b": 0.5 * model(x).abs().mean()}
    Training(single, SETTINGS, tmp_path / "single").run()
    Training(several, SETTINGS, tmp_path / "several").run()
    assert torch.equal(single.module.weight, several.module.weight)
    for line in (tmp_path / "several" / "log.jsonl").read_text().splitlines():
        row = json.loads(line)
        assert row["loss"] == row["terms"]["a"] + row["terms"]["b"]
        assert row["learning_rate"] == pytest.approx(0.1 * SETTINGS.learning_rate_factor(row["step"] - 1))


def test_weights_that_leave_what_the_module_can_compute_have_diverged(tmp_path: Path) -> None:
    task = _task()

    def objective(_module: nn.Module, _batch: Tensor) -> Tensor:
        raise UnsupportedError("scales lie too far apart")

    task.objective = objective
    with pytest.raises(DivergedError, match="at step 0: scales lie too far apart"):
        Training(task, LoopSettings(steps=3), tmp_path).run()


def test_the_learning_rate_rises_then_falls_to_one_percent() -> None:
    settings = LoopSettings(steps=1000, warmup=0.1)
    factors = [settings.learning_rate_factor(step) for step in range(1001)]
    assert factors[:100] == sorted(factors[:100])
    assert factors[100:] == sorted(factors[100:], reverse=True)
    assert max(factors) == pytest.approx(1.0)
    assert factors[-1] == pytest.approx(0.01)


def test_the_learning_rate_falls_by_steps_at_its_milestones() -> None:
    schedule = {"kind": "step", "milestones": [0.2, 0.5], "gamma": 0.1}
    settings = parse_settings(LoopSettings, {"steps": 1000, "warmup": 0.1, "schedule": schedule}, "")
    factors = [settings.learning_rate_factor(step) for step in range(1000)]
    assert factors[:100] == [(step + 1) / 100 for step in range(100)]
    assert factors[100:200] == [1.0] * 100
    assert factors[200:500] == [0.1] * 300
    assert factors[500:] == pytest.approx([0.01] * 500)


BAD_SETTINGS = {
    "an unknown schedule": ({"schedule": {"kind": "poly"}}, "schedule: "),
    "falling milestones": ({"schedule": {"kind": "step", "milestones": [0.5, 0.2]}}, "each after the one before"),
    "a milestone in steps": ({"schedule": {"kind": "step", "milestones": [400]}}, "less than 1"),
    "an unknown protocol": ({"protocol": "rbg"}, "protocol: unknown protocol 'rbg'; did you mean 'rgb'"),
}


@pytest.mark.parametrize("case", BAD_SETTINGS)
def test_settings_that_cannot_be_are_named(case: str) -> None:
    told, message = BAD_SETTINGS[case]
    with pytest.raises(RecipeError) as caught:
        parse_settings(LoopSettings, told, "train")
    assert message in str(caught.value)


def test_quantized_training_knows_no_half_precision() -> None:
    for precision in ("16-mixed", "bf16-mixed"):
        with pytest.raises(RecipeError, match="precision: input should be '32-true'"):
            parse_settings(QatTrainSettings, {"precision": precision}, "")


def test_a_group_is_trained_until_its_share_of_the_steps(tmp_path: Path) -> None:
    task, seen = _task(), []
    task.groups = [{"params": [task.module.weight]}, {"params": [task.module.bias], "until": 0.5}]
    task.after_step = lambda module: seen.append(module.bias.item())
    Training(task, SETTINGS.model_copy(update={"steps": 10}), tmp_path).run()
    assert len(set(seen[:5])) == 5
    assert len(set(seen[4:])) == 1
