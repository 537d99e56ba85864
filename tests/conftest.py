"""Seeds, and where the test images are."""

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, settings

from sr2tflite.export import onnx2tf

# tests never judge time: a busy machine is not a failure
settings.register_profile("calm", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("calm")

pytest_plugins = ["outside.phones", "kit.tiny_run"]

SHARED = Path(__file__).parent.parent.parent / "shared" / "data"


@pytest.fixture(autouse=True)
def _seeded() -> None:
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


@pytest.fixture(autouse=True, scope="session")
def _few_threads() -> None:
    torch.set_num_threads(2)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Test sets and other people's weights; they are not part of the project."""
    if not SHARED.is_dir():
        pytest.skip("the shared test data is not on this machine")
    return SHARED


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SR2TFLITE_CACHE", str(tmp_path / "cache"))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Tests that convert with TensorFlow skip where it is not installed, before any fixture of theirs runs."""
    if item.get_closest_marker("tf") and not onnx2tf.is_installed():
        pytest.skip(onnx2tf.INSTALL)
