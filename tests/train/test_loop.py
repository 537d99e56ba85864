from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from sr2tflite.errors import DivergedError, InputError, UnsupportedError
from sr2tflite.train.loop import Task, Training, learning_rate_factor
from sr2tflite.train.settings import LoopSettings

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
    with pytest.raises(InputError, match="other settings"):
        Training(_task(), SETTINGS.model_copy(update={"steps": 31}), tmp_path).run()


def test_a_loss_that_is_not_finite_ends_the_training(tmp_path: Path) -> None:
    task = _task()
    task.objective = lambda model, x: model(x).sum() * float("nan")
    with pytest.raises(DivergedError, match="the loss is nan") as caught:
        Training(task, SETTINGS, tmp_path).run()
    assert "learning_rate" in (caught.value.hint or "")


def test_weights_that_leave_what_the_module_can_compute_have_diverged(tmp_path: Path) -> None:
    task = _task()

    def objective(_module: nn.Module, _batch: Tensor) -> Tensor:
        raise UnsupportedError("scales lie too far apart")

    task.objective = objective
    with pytest.raises(DivergedError, match="at step 0: scales lie too far apart"):
        Training(task, LoopSettings(steps=3), tmp_path).run()


def test_the_learning_rate_rises_then_falls_to_one_percent() -> None:
    settings = LoopSettings(steps=1000, warmup=0.1)
    factors = [learning_rate_factor(step, settings) for step in range(1001)]
    assert factors[:100] == sorted(factors[:100])
    assert factors[100:] == sorted(factors[100:], reverse=True)
    assert max(factors) == pytest.approx(1.0)
    assert factors[-1] == pytest.approx(0.01)


def test_a_group_is_trained_until_its_share_of_the_steps(tmp_path: Path) -> None:
    task, seen = _task(), []
    task.groups = [{"params": [task.module.weight]}, {"params": [task.module.bias], "until": 0.5}]
    task.after_step = lambda module: seen.append(module.bias.item())
    Training(task, SETTINGS.model_copy(update={"steps": 10}), tmp_path).run()
    assert len(set(seen[:5])) == 5
    assert len(set(seen[4:])) == 1
