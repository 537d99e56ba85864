"""Bad input in every shape: one message with what, where and what to do, the right status, nothing half-written."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from sr2tflite.cli import status_of
from sr2tflite.cli.verbs import group
from sr2tflite.data.images import write_image
from sr2tflite.graph import onnx
from sr2tflite.networks import checkpoint
from sr2tflite.networks.students import STUDENTS

RNG = np.random.default_rng(0)
TINY = ("--student-set", "channels=4", "--student-set", "depth=1")
SHORT = tuple(f"--set={one}" for one in ("batch=1", "patch=16", "held_out=1", "validate_every=2", "ema=0"))

MODULES = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.shuffle = nn.Conv2d(3, 27, 3, padding=1), nn.PixelShuffle(3)
    def forward(self, x):
        return self.shuffle(self.conv(x))

class Softmax(Net):
    def forward(self, x):
        return self.shuffle(torch.softmax(self.conv(x), 1))

class Branch(Net):
    def forward(self, x):
        return super().forward(x * 2 if x.mean() > 0.3 else x)

class Pair(Net):
    def forward(self, x):
        return super().forward(x), x

class NotFinite(Net):
    def __init__(self):
        super().__init__()
        nn.init.constant_(self.conv.weight, float("nan"))

class Broken(Net):
    def __init__(self):
        raise ValueError("where are the weights")
"""


@pytest.fixture
def end(capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Run a command line here: its exit status and what it wrote to stderr."""

    def ended(*words: str | Path) -> tuple[int, str]:
        capfd.readouterr()
        status = status_of(lambda: group.main([str(word) for word in words], standalone_mode=False))
        return status, capfd.readouterr().err

    return ended


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the command lines run: photographs, a student, and its deploy graph."""
    monkeypatch.chdir(tmp_path)
    for index in range(3):
        low = RNG.integers(0, 256, (8, 10, 3), dtype=np.uint8)
        write_image(tmp_path / "photos" / f"{index}.png", low.repeat(9, 0).repeat(9, 1))
    name, settings = STUDENTS.parse({"name": "anchor_rep", "channels": 4, "depth": 1})
    checkpoint.store(tmp_path / "tiny.safetensors", name, settings, settings.build().state_dict(), {})
    return tmp_path


@pytest.fixture
def deploy(folder: Path) -> Path:
    from sr2tflite.commands.fuse import fuse

    return fuse("tiny.safetensors", folder / "deploy.onnx").path


MODULE_CASES = {
    "an op outside the set": ("Softmax", 6, "user_nets.py:14): op softmax is outside the deploy graph's set"),
    "dynamic control flow": ("Branch", 6, "remove control flow"),
    "a tuple": ("Pair", 6, "returns a tuple; expected one image tensor"),
    "NaN weights": ("NotFinite", 2, "NotFinite, conv.weight: holds values that are not finite"),
    "a constructor that fails": ("Broken", 2, "raises ValueError: where are the weights"),
    "no such class": ("Nett", 2, "did you mean 'Net'?"),
}


@pytest.mark.parametrize("case", MODULE_CASES)
def test_a_module_that_cannot_be_fused_is_refused(case: str, end: Callable[..., tuple[int, str]], folder: Path) -> None:
    name, expected, message = MODULE_CASES[case]
    (folder / "user_nets.py").write_text(MODULES)
    status, err = end("fuse", f"user_nets:{name}", "-o", "x.onnx")
    assert (status, err.startswith("error: ")) == (expected, True), err
    assert message in err
    assert not (folder / "x.onnx").exists()


def _rewritten(metadata: str, **weights: torch.Tensor) -> None:
    save_file(weights or {"a": torch.zeros(1)}, "bad.safetensors", {"sr2tflite": metadata})


class _Foreign:
    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, ("pwned",)


SPEC = '{"student": {"name": "anchor_rep", "channels": 4, "depth": 1}}'
CHECKPOINTS = {
    "a list for metadata": (lambda: _rewritten("[1]"), "does not name a student"),
    "a number for a student": (lambda: _rewritten('{"student": 3}'), "does not name a student"),
    "keys that do not fit": (lambda: _rewritten(SPEC, **{"tail.weigth": torch.zeros(1)}), "did you mean 'tail.weight'"),
    "a foreign pickle": (lambda: torch.save({"a": _Foreign()}, "bad.pth"), "could run any code"),
    "no ONNX file": (lambda: Path("bad.onnx").write_bytes(b"x"), "not an ONNX file, or damaged"),
}


@pytest.mark.parametrize("case", CHECKPOINTS)
def test_a_checkpoint_that_does_not_fit_is_refused(
    case: str, end: Callable[..., tuple[int, str]], folder: Path
) -> None:
    make, message = CHECKPOINTS[case]
    make()
    (bad,) = folder.glob("bad.*")
    status, err = end("fuse", bad.name, "-o", "x.onnx")
    assert (status, message in err) == (2, True), err
    assert not (folder / "pwned").exists()


def _written(name: str, image: np.ndarray) -> None:
    os.mkdir("bad")
    assert cv2.imwrite(f"bad/{name}.png", image)


def _cut() -> None:
    _written("x", RNG.integers(0, 256, (30, 30, 3), dtype=np.uint8))
    Path("bad/x.png").write_bytes(Path("bad/x.png").read_bytes()[:1000])


IMAGES = {
    "no image": (lambda: os.mkdir("bad"), "bad: holds no image"),
    "a truncated one": (_cut, "bad/x.png: does not decode"),
    "16 bits": (lambda: _written("x", np.zeros((9, 9, 3), np.uint16)), "has 16 bits a channel"),
    "transparent pixels": (lambda: _written("x", np.zeros((9, 9, 4), np.uint8)), "has transparent pixels"),
    "one pixel": (lambda: _written("x", np.zeros((1, 1, 3), np.uint8)), "is 1×1 pixels; expected at least 3×3"),
}


@pytest.mark.parametrize("case", IMAGES)
def test_images_that_cannot_be_used_are_named(case: str, end: Callable[..., tuple[int, str]], deploy: Path) -> None:
    make, message = IMAGES[case]
    make()
    for words in (
        ("ptq", deploy, "--calibrate", "bad", "-o", "x.onnx"),
        ("qat", deploy, "--data", "bad", "-o", "x.onnx", *SHORT),
        ("eval", deploy, "--data", "bad"),
    ):
        status, err = end(*words)
        assert (status, message in err, err.startswith("error: ")) == (2, True, True), err
    assert not list(Path.cwd().glob("x.*"))


def test_a_bad_training_image_is_named_once_in_every_run(end: Callable[..., tuple[int, str]], folder: Path) -> None:
    (folder / "photos" / "zzz.png").write_bytes(b"broken")
    command = ("train", "anchor_rep", *TINY, *SHORT, "--set=steps=4", "--data", "photos", "-o", "x.safetensors")
    for _ in ("trained", "gone on with"):
        status, err = end(*command)
        assert (status, err.count("zzz.png")) == (0, 1), err
        assert "left out: photos/zzz.png: does not decode as an image\n" in err


def _given(*sizes: int) -> None:
    for index, size in enumerate(sizes):
        write_image(Path(f"given/HR/{index}.png"), RNG.integers(0, 256, (60, 60, 3), dtype=np.uint8))
        write_image(Path(f"given/LR/X3/{index}x3.png"), RNG.integers(0, 256, (size, size, 3), dtype=np.uint8))


def _elsewhere() -> None:
    _given(20)
    Path("given/LR/X3").rename("given/LR/X2")


PAIRS = {
    "LR of another scale": (
        lambda: _given(20, 15),
        "1x3.png: is 15×15, given/HR/1.png is 60×60: made for ×4",
    ),
    "LR of no scale": (lambda: _given(25), "0x3.png: is 25×25, given/HR/0.png is 60×60; expected 20×20 at scale 3"),
    "no LR of the scale": (_elsewhere, "given/LR: holds X2; expected X3"),
}


@pytest.mark.parametrize("case", PAIRS)
def test_lr_images_that_do_not_fit_are_named(case: str, end: Callable[..., tuple[int, str]], deploy: Path) -> None:
    make, message = PAIRS[case]
    make()
    for words in (
        ("train", "anchor_rep", *TINY, *SHORT, "--data", "given", "-o", "x.safetensors"),
        ("recalibrate", "tiny.safetensors", "--data", "given", "-o", "x.safetensors"),
        ("qat", deploy, "--data", "given", "-o", "x.onnx", *SHORT),
        ("ptq", deploy, "--calibrate", "given", "-o", "x.onnx"),
        ("eval", deploy, "--data", "given"),
    ):
        status, err = end(*words)
        assert (status, err.count("error: "), message in err) == (2, 1, True), err
    assert not list(Path.cwd().glob("x.*"))


PLACES = {
    "its own input": (("ptq", "deploy.onnx", "--calibrate", "photos", "-o", "./deploy.onnx"), 2, "is input and output"),
    "another kind of file": (("fuse", "tiny.safetensors", "-o", "x.tflite"), 2, "does not end in .onnx"),
    "a folder": (("fuse", "tiny.safetensors", "-o", "photos"), 2, "is a directory"),
    "below a file": (("fuse", "tiny.safetensors", "-o", "tiny.safetensors/x.onnx"), 3, "is a file; expected a folder"),
    "below a file, trained": (
        ("train", "anchor_rep", *TINY, *SHORT, "--data", "photos", "-o", "tiny.safetensors/x.safetensors"),
        3,
        "cannot write",
    ),
    "a device": (("fuse", "tiny.safetensors", "-o", "/dev/full/x.onnx"), 3, "/dev/full: is a file"),
    "no height": (("export", "deploy.onnx", "--height", "0", "--width", "9", "-o", "x.tflite"), 2, "--height"),
    "a huge size": (
        ("export", "deploy.onnx", "--float32", "--height", "99999", "--width", "99999", "-o", "x.tflite"),
        2,
        "expected at most 2,147,483,647",
    ),
}


@pytest.mark.parametrize("case", PLACES)
def test_an_output_that_cannot_be_is_refused(case: str, end: Callable[..., tuple[int, str]], deploy: Path) -> None:
    words, expected, message = PLACES[case]
    before = deploy.read_bytes()
    status, err = end(*words)
    assert (status, message in err) == (expected, True), err
    assert deploy.read_bytes() == before


def test_an_artifact_whose_output_is_not_finite_gets_no_score(
    end: Callable[..., tuple[int, str]], deploy: Path
) -> None:
    graph = onnx.read(deploy.read_bytes(), "deploy")
    name, weight = next((n, t.data) for n, t in graph.tensors.items() if t.data is not None and t.data.ndim == 4)
    graph.update(name, data=np.full_like(weight, 1e38))
    deploy.write_bytes(onnx.write(graph))
    status, err = end("eval", deploy, "--data", "photos")
    assert (status, "not finite" in err, "Warning" in err) == (2, True, False), err


def test_unfinished_work_of_another_training_is_not_gone_on_with(end: Callable[..., tuple[int, str]]) -> None:
    words = ("--data", "photos", "-o", "x.safetensors", "--set=steps=2", *SHORT)
    assert end("train", "anchor_rep", *TINY, *words)[0] == 0
    status, err = end("train", "anchor_rep", "--student-set", "channels=8", *words)
    assert (status, "other weights or images" in err) == (2, True), err
    Path("x.train/last.pt").write_bytes(b"cut")
    status, err = end("train", "anchor_rep", *TINY, *words)
    assert (status, "is not the state of a training" in err) == (2, True), err


RECIPES = {
    "judged on what it is made with": ("data.evaluate=[photos]", "serves training or calibration, and evaluation"),
    "an unknown protocol": ("evaluate.protocols=[rbg]", "did you mean 'rgb'?"),
    "nothing to train on": ("data.train=[]", "data.train: is empty"),
    "unknown keys, all at once": ("qat={stesp: 1, bach: 2}", "qat.bach: unknown key; did you mean 'batch'?"),
}


@pytest.mark.parametrize("case", RECIPES)
def test_a_recipe_that_would_fail_later_fails_at_once(case: str, end: Callable[..., tuple[int, str]]) -> None:
    override, message = RECIPES[case]
    write_image(Path("judged/new.png"), RNG.integers(0, 256, (72, 90, 3), dtype=np.uint8))
    Path("r.yaml").write_text("name: r\nstudent: tiny.safetensors\ndata: {train: [photos], evaluate: [judged]}\n")
    status, err = end("run", "r.yaml", "--set", override, "--dry-run")
    assert (status, message in err) == (2, True), err


def _start(target: str) -> subprocess.Popen[bytes]:
    words = ("train", "anchor_rep", *TINY, *SHORT, "--set=steps=40", "--set=save_every_s=0.01", "--data", "photos")
    command = [sys.executable, "-c", "from sr2tflite.cli import main; main()", *words, "-o", target]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def test_a_training_stopped_at_any_moment_ends_in_the_same_bytes(folder: Path) -> None:
    assert _start("whole.safetensors").wait() == 0
    state = folder / "stopped.train" / "last.pt"
    for blow in (signal.SIGKILL, signal.SIGINT):
        before = state.stat().st_mtime_ns if state.exists() else 0
        stopped = _start("stopped.safetensors")
        while stopped.poll() is None and (not state.exists() or state.stat().st_mtime_ns == before):
            time.sleep(0.001)
        stopped.send_signal(blow)
        _, err = stopped.communicate()
        assert b"Traceback" not in err
    assert _start("stopped.safetensors").wait() == 0
    assert (folder / "stopped.safetensors").read_bytes() == (folder / "whole.safetensors").read_bytes()
