"""``inspect`` of PyTorch's own files: what they hold, and which network it is of."""

import json
import os
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from kit.published import PUBLICATIONS
from kit.students import small
from safetensors.torch import save_file

from sr2tflite.cli import status_of
from sr2tflite.cli.verbs import group
from sr2tflite.networks.students import STUDENTS
from sr2tflite.networks.teachers import TEACHERS

End = Callable[..., tuple[int, str, str]]

TEACHER = {"channels": 12, "depths": (2, 1), "heads": 2, "window": 4, "states": 3, "rank": 5, "tokens": 6, "hidden": 8}


@pytest.fixture
def end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> End:
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> tuple[int, str, str]:
        status = status_of(lambda: group.main(list(words), standalone_mode=False))
        return status, *capfd.readouterr()

    return run


def told(end: End, path: str) -> dict[str, Any]:
    status, out, err = end("inspect", path, "--json")
    assert (status, err) == (0, ""), err
    found: dict[str, Any] = json.loads(out)
    return found


def _renamed(weights: dict[str, Any]) -> dict[str, Any]:
    return {f"net.{index}.w": value for index, value in enumerate(weights.values())}


def test_a_bare_state_dict_is_known_by_its_keys(end: End) -> None:
    network = small("aio_mai", 3).build()
    weights = network.state_dict()
    torch.save({"params_ema": {f"module.{key}": value for key, value in weights.items()}}, "a.pth")
    found = told(end, "a.pth")
    assert found["what"] == "weights of the student aio_mai, known by its keys"
    assert (found["wrapper"], found["parameters"]) == ("params_ema", sum(one.numel() for one in network.parameters()))
    counters = sum(one.dtype == torch.int64 for one in weights.values())
    assert counters
    assert found["dtypes"] == {"float32": len(weights) - counters, "int64": counters}
    assert {one["name"]: tuple(one["shape"]) for one in found["weights"]} == {k: tuple(v.shape) for k, v in weights.items()}  # fmt: skip  # noqa: E501
    (known,) = found["networks"]
    assert (known["kind"], known["name"], known["settings"]["channels"]) == (
        "student",
        "aio_mai",
        small("aio_mai", 3).model_dump()["channels"],
    )
    assert found["next"] == "sr2tflite fuse a.pth -o deploy.onnx"


def test_the_command_told_next_is_one_that_works(end: End, shared: Path) -> None:
    Path("a b").mkdir()
    for name in ("ABPN_M4C28_x3", "FSRCNN_x3", "ECBSR_M4C16_x3"):
        path = Path("a b", f"{name}.pth")
        path.write_bytes((shared / "models" / path.name).read_bytes())
        following = told(end, str(path))["next"]
        assert f"'{path}'" in following
        status, _, err = end(*shlex.split(following)[1:])
        assert status == 0, err
        Path("deploy.onnx").unlink()


KNOWN = {
    "ABPN_M4C28_x3": ("abpn", {"scale": 3, "channels": 28, "depth": 4, "peak": 1}),
    "FSRCNN_x3": ("fsrcnn", {"channels": 56, "shrunk": 12, "depth": 4, "peak": 1}),
    "mambairv2_lightSR_x3": ("mambair_v2", {"scale": 3, "channels": 48, "size": "light"}),
}


@pytest.mark.parametrize("name", KNOWN)
def test_other_peoples_files_are_known_by_what_is_in_them(name: str, end: End, shared: Path) -> None:
    found = told(end, str(shared / "models" / f"{name}.pth"))
    (network,) = found["networks"]
    wanted, settings = KNOWN[name]
    assert (network["name"], network["settings"]) == (wanted, {**network["settings"], **settings})
    assert found["wrapper"] == ("params" if wanted == "mambair_v2" else None)


def test_shapes_that_several_students_have_are_all_named(end: End, shared: Path) -> None:
    found = told(end, str(shared / "models" / "ECBSR_M4C16_x3.pth"))
    assert [one["name"] for one in found["networks"]] == ["plain", "srvgg"]
    assert found["networks"][0]["assumed"] == ["anchor"]
    assert "peak" not in found["networks"][0]["settings"]
    assert "2 students have these shapes" in found["unknown"][0]
    assert "--student plain" in found["next"]


def test_published_keys_and_those_of_no_order_are_known(end: End) -> None:
    save_file(PUBLICATIONS["EDSR-PyTorch"].weights(6, 3, 2), "a.safetensors")  # sorts them
    found = told(end, "a.safetensors")
    (network,) = found["networks"]
    assert (network["name"], network["known_by"], network["settings"]["scale"]) == (
        "edsr_baseline",
        "published keys",
        2,
    )
    assert found["value_range"] == [0, 255]


def test_a_teacher_is_told_with_the_verb_that_judges_it(end: End) -> None:
    torch.save(TEACHERS.parse({"name": "mambair_v2", "scale": 2, **TEACHER})[1].build().state_dict(), "t.pt")
    found = told(end, "t.pt")
    assert found["what"] == "weights of the teacher mambair_v2, ×2"
    assert found["next"] == "sr2tflite eval t.pt --data DIR"


def test_the_summary_is_for_people_and_the_tree_lists_every_tensor(end: End) -> None:
    torch.save(_renamed(STUDENTS.parse({"name": "fsrcnn", "depth": 1})[1].build().state_dict()), "a.pth")
    status, out, _ = end("inspect", "a.pth", "--tree")
    assert status == 0
    for line in ("14: float32", "fsrcnn, known by shapes in order: channels=56", "scale=3 (default)", "net.13.w"):
        assert line in out, out


def test_what_white_is_is_not_guessed(end: End) -> None:
    weights = {key: torch.randn_like(value) for key, value in small("xlsr", 3).build().state_dict().items()}
    torch.save(_renamed(weights), "a.pth")
    found = told(end, "a.pth")
    assert "does not enlarge a picture" in found["unknown"][0]
    assert found["next"] == "sr2tflite fuse a.pth --peak 255 -o deploy.onnx"


def test_a_value_that_is_no_number_is_told(end: End) -> None:
    weights = small("abpn", 3).build().state_dict()
    weights["tail.bias"][0] = float("nan")
    torch.save(weights, "a.pth")
    found = told(end, "a.pth")
    assert found["unknown"] == ["key 'tail.bias' holds values that are not finite"]
    assert found["next"] == "sr2tflite train abpn --data DIR -o abpn.safetensors"


def test_weights_of_nothing_known_come_with_the_nearest(end: End) -> None:
    torch.save({"conv.weight": torch.ones(4, 3, 7, 7), "conv.bias": torch.ones(4)}, "a.pth")
    found = told(end, "a.pth")
    assert (found["what"], found["networks"]) == ("weights, which do not say of what", [])
    assert found["unknown"][0].startswith("a student: fits no student")
    assert "spandrel" in found["unknown"][1]
    assert found["next"] == "sr2tflite fuse package.module:Class -o deploy.onnx"


class _Code:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("pwned",)


def _cut(**form: bool) -> None:
    torch.save(small("abpn", 3).build().state_dict(), "bad.pth", **form)
    Path("bad.pth").write_bytes(Path("bad.pth").read_bytes()[:3000])


def _inside() -> None:
    torch.save({"epoch": 3, "model": {"a": torch.ones(1)}}, "bad.pth")


BAD = {
    "code": (lambda: torch.save({"a": _Code()}, "bad.pth"), "(posix.mkdir) beside tensors, and loading them could run"),
    "a module": (lambda: torch.save(torch.nn.ReLU(), "bad.pth"), "(torch.nn.modules.activation.ReLU) beside tensors"),
    "cut": (_cut, "is not a torch checkpoint, or damaged"),
    "an old one, cut": (lambda: _cut(_use_new_zipfile_serialization=False), "is not a torch checkpoint, or damaged"),
    "a page": (lambda: Path("bad.pth").write_bytes(b"<!DOCTYPE html>"), "is not a torch checkpoint, or damaged"),
    "a list": (lambda: torch.save([torch.ones(1)], "bad.pth"), "holds no state dict but a list"),
    "numbers for keys": (lambda: torch.save({0: torch.ones(1)}, "bad.pth"), "holds no state dict but a dict with 0"),
    "nothing": (lambda: torch.save({}, "bad.pth"), "holds no state dict but an empty dict"),
    "a training's": (
        _inside,
        "a dict with 'epoch', 'model'\n  hint: torch.save(torch.load('bad.pth')['model'], 'weights.pth')",
    ),
    "sparse": (lambda: torch.save({"a": torch.eye(3).to_sparse()}, "bad.pth"), "key 'a' is a tensor that is torch.sp"),
    "a program": (
        lambda: torch.jit.script(torch.nn.ReLU()).save("bad.pth"),
        "is a TorchScript program; expected a state dict",
    ),
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("case", BAD)
def test_what_is_no_state_dict_is_named(case: str, end: End) -> None:
    make, message = BAD[case]
    make()
    for words in (("bad.pth",), ("bad.pth", "--json")):
        status, out, err = end("inspect", *words)
        assert (status, message in err, out) == (2, True, ""), err
    assert not Path("pwned").exists()


@pytest.mark.parametrize("new", [True, False])
def test_changed_bytes_end_in_a_message(new: bool, end: End) -> None:
    torch.save(small("abpn", 3).build().state_dict(), "a.pth", _use_new_zipfile_serialization=new)
    data, draw = Path("a.pth").read_bytes(), torch.Generator().manual_seed(0)
    for _ in range(150):
        changed = bytearray(data)
        for place, value in torch.randint(0, 2**31, (4, 2), generator=draw).tolist():
            # pickles stand at the ends, where a change is one of structure
            changed[place % 1500 * (1 if value % 2 else -1)] = value % 256
        Path("b.pth").write_bytes(changed)
        status, _, err = end("inspect", "b.pth")
        assert status in (0, 2), err
