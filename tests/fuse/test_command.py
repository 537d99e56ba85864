"""``fuse`` as a command: sources by name, path and class; both files or none."""

import json
import textwrap
from pathlib import Path

import pytest
import torch
from torch import nn

from sr2tflite.commands.fuse import fuse
from sr2tflite.errors import InputError, RecipeError, UnsupportedError
from sr2tflite.fuse import fuse_module
from sr2tflite.graph import onnx
from sr2tflite.networks.checkpoint import store
from sr2tflite.networks.students import STUDENTS
from sr2tflite.provenance import TRAINED_ON

MODULE = """
import torch
from torch import nn

class Small(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, width, 3, padding=1), nn.Conv2d(width, 12, 3, padding=1)
    def forward(self, x):
        return nn.functional.pixel_shuffle(self.b(self.a(x).relu()), 2)

class Needy(Small):
    def __init__(self, width):
        super().__init__(width)

class Odd(Small):
    def forward(self, x):
        return super().forward(x).abs()

wide = Small(8)
number = 3
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "sandbox_nets").mkdir()
    (tmp_path / "sandbox_nets" / "__init__.py").write_text("")
    (tmp_path / "sandbox_nets" / "small.py").write_text(textwrap.dedent(MODULE))
    (tmp_path / "sandbox_nets" / "broken.py").write_text("import not_installed_here\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


REFUSED = {
    "sandbox_nets.smal:Small": "did you mean 'sandbox_nets.small'",
    "sandbox_nets.small:Smal": "did you mean 'Small'",
    "sandbox_nets.small:Needy": "cannot be called with no arguments",
    "sandbox_nets.small:number": "is a int; expected an nn.Module",
    "sandbox_nets.broken:Small": "imports 'not_installed_here'",
    "missing.pth": "no such file",
}


@pytest.mark.parametrize("source", REFUSED)
def test_a_source_that_is_not_there_is_named_with_the_nearest(source: str, here: Path) -> None:
    with pytest.raises(InputError) as refusal:
        fuse(source, here / "deploy.onnx")
    assert REFUSED[source] in str(refusal.value)


def test_an_unknown_student_is_named_with_the_nearest(here: Path) -> None:
    with pytest.raises(RecipeError, match="abpn"):
        fuse("abpm", here / "deploy.onnx")


def test_nothing_is_written_when_the_network_is_refused(here: Path) -> None:
    with pytest.raises(UnsupportedError, match="abs"):
        fuse("sandbox_nets.small:Odd", here / "deploy.onnx")
    with pytest.raises(InputError, match="enlarges 2 times; expected 3"):
        fuse("sandbox_nets.small:Small", here / "deploy.onnx", scale=3)
    assert list(here.glob("deploy*")) == []


def test_a_class_becomes_onnx_and_a_certificate_beside_it(here: Path) -> None:
    result = fuse("sandbox_nets.small:wide", here / "deploy.onnx", peak=255)
    graph = onnx.read(result.path.read_bytes(), "deploy.onnx")
    assert graph.summary() == result.summary == "CONV_2D×2 DEPTH_TO_SPACE"
    assert graph.value_range == (0, 255)
    assert result.certificate_path == here / "deploy.onnx.certificate.json"
    certificate = json.loads(result.certificate_path.read_text())
    assert certificate == json.loads(result.certificate.to_json())
    assert certificate["schema_version"] == 1
    assert {"source", "tools", "weights_in_sha256", "weights_out_sha256", "collapsed", "left", "checks"} <= set(
        certificate
    )


def test_the_same_weights_give_the_same_files(here: Path) -> None:
    results = [fuse("sandbox_nets.small:wide", here / f"{name}.onnx") for name in ("a", "b")]
    a, b = ((result.path.read_bytes(), result.certificate_path.read_bytes()) for result in results)
    assert a == b


def test_a_checkpoint_brings_its_range_and_what_it_was_trained_on(here: Path) -> None:
    student = STUDENTS["abpn"](channels=4, depth=1, scale=2)
    facts = {TRAINED_ON: "0123abcd 89abcdef"}
    store(here / "deep" / "weights.safetensors", "abpn", student, student.build().state_dict(), facts)
    result = fuse(str(here / "deep" / "weights.safetensors"), here / "deploy.onnx", scale=2)
    graph = onnx.read(result.path.read_bytes(), "deploy.onnx")
    assert graph.value_range == student.value_range
    assert graph.metadata[TRAINED_ON] == facts[TRAINED_ON]
    assert graph.metadata["source"] == result.certificate.source == "weights.safetensors"


def test_plain_tensors_of_a_module_follow_its_dtype() -> None:
    class Plain(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.kernel = torch.randn(3, 3, 3, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return nn.functional.conv2d(x, self.kernel, padding=1)

    assert fuse_module(Plain(), source="net").graph.summary() == "CONV_2D"


class Habits(nn.Module):
    """What people write in a forward: in-place arithmetic on the input, no_grad, detach, parametrized weights."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 4, 3, padding=1))
        self.last = nn.Conv2d(4, 3, 3, padding=1)
        self.calls = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        assert x.shape[1] == 3
        with torch.no_grad():
            center = x.new_full((1, 3, 1, 1), 0.5)
        x -= center
        y = self.conv(x).detach().relu_()
        y *= 2.0
        y += 1.0
        return self.last(y[:, [3, 2, 1, 0]].permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2))


def test_the_habits_of_forward_functions_do_not_stand_in_the_way() -> None:
    graph = fuse_module(Habits(), source="net").graph
    assert graph.summary() == "ADD×2 CONV_2D×2 MUL"
