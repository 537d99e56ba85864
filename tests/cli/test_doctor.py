"""``doctor`` says what is there and what to type for the rest, and last what to type next."""

import json
import struct
import sys
from importlib.metadata import requires
from pathlib import Path

import pytest

from sr2tflite.bench.phone.tool_cache import tool_folder
from sr2tflite.cli import status_of
from sr2tflite.cli.verbs import group
from sr2tflite.commands import installed
from sr2tflite.commands.installed import EXTRAS
from sr2tflite.files import sha256

ARM64 = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HH", 3, 183)


def told(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert status_of(lambda: group.main(["doctor", *words], standalone_mode=False)) == 0
    return capsys.readouterr().out


@pytest.fixture
def adb(tmp_path: Path) -> Path:
    path = tmp_path / "adb"
    path.write_text(
        '#!/bin/sh\ncase "$*" in version) echo Version 36.0.0;; "devices -l") echo "abc unauthorized";; esac\n'
    )
    path.chmod(0o755)
    return path


def test_nothing_is_there(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for name in ("ANDROID_HOME", "ANDROID_SDK_ROOT", "ADBUTILS_ADB_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "adbutils", None)
    lines = told(capsys).splitlines()
    lines = lines[lines.index("missing  adb: there is no adb program") :]
    assert "pip install 'sr2tflite[android]'" in lines[1]
    assert [line.split(":")[0] for line in lines if line.startswith("missing")][1:] == [
        "missing  benchmark_model for arm64-v8a", "missing  benchmark_model for armeabi-v7a",
    ]  # fmt: skip
    assert sum("curl -fLo benchmark_model https://" in line for line in lines) == 2


def test_what_is_there_is_told_with_its_version_state_and_hash(adb: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tool_folder() / "arm64-v8a" / "benchmark_model"
    path.parent.mkdir(parents=True)
    path.write_bytes(ARM64)
    found = {one["name"]: one for one in json.loads(told(capsys, "--adb", str(adb), "--json"))["items"]}
    assert found["adb"]["told"] == f"{adb}, version 36.0.0"
    assert (found["phones"]["is_there"], found["phones"]["told"]) == (False, "abc (unauthorized)")
    assert "accept 'Allow USB debugging'" in found["phones"]["hint"]
    assert found["benchmark_model for arm64-v8a"]["told"] == "has no benchmark_model.sha256 beside it"
    path.with_name("benchmark_model.sha256").write_text(sha256(ARM64))
    lines = told(capsys, "--adb", str(adb)).splitlines()
    assert f"found    benchmark_model for arm64-v8a: {path}, sha256 {sha256(ARM64)}" in lines


@pytest.mark.parametrize(
    ("listed", "is_there"),
    {"": False, "abc device": True, "abc offline\\ndef device": True, "abc recovery\\ndef offline": False}.items(),
)
def test_a_phone_is_there_if_adb_can_use_it(
    listed: str, is_there: bool, adb: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    adb.write_text(adb.read_text().replace("abc unauthorized", listed))
    found = {one["name"]: one for one in json.loads(told(capsys, "--adb", str(adb), "--json"))["items"]}["phones"]
    assert (found["is_there"], found["hint"] is None) == (is_there, is_there)


def test_versions_extras_runtime_and_places_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    found = {one["name"]: one for one in json.loads(told(capsys, "--json"))["items"]}
    assert found["python"]["told"].startswith(f"{sys.version_info.major}.{sys.version_info.minor}.")
    assert found["runtime"]["told"] == "LiteRT runs a file, with XNNPACK"
    assert (found["ai-edge-litert"]["is_there"], found["ai-edge-litert"]["kind"]) == (True, "package")
    assert {name for name in found if name.startswith("extra ")} == {f"extra {name}" for name in EXTRAS}
    for name in EXTRAS:
        hint = f"pip install 'sr2tflite[{name}]'"
        assert found[f"extra {name}"]["hint"] == (None if found[f"extra {name}"]["is_there"] else hint)


def test_every_extra_of_the_program_is_known() -> None:
    asked = [line.split("extra ==")[1].strip(" \"'") for line in requires("sr2tflite") or () if "extra ==" in line]
    assert set(asked) == {*EXTRAS, "dev"}


@pytest.mark.parametrize(
    ("have", "asked", "message"),
    [("2.2.0", "==2.3.0", "is 2.2.0; expected ==2.3.0"), ("2.13.0+cpu", ">=2.9", None), ("2.3", "==2.3.0", None)],
)
def test_a_package_of_another_version_is_missing(
    have: str, asked: str, message: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installed, "requires", lambda _: [f"torch{asked}", "x>=1; extra == 'dev'"])
    monkeypatch.setattr(installed, "version", lambda _: have)
    (item,) = installed.packages()
    assert (item.is_there, item.told) == ((True, have) if message is None else (False, message))
    assert item.hint == (None if message is None else f"pip install 'torch{asked}'")


def test_what_is_missing_first_is_what_to_type_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert told(capsys).splitlines()[-1] == "next: sr2tflite fuse anchor_rep -o deploy.onnx"
    Path("calib_data").mkdir()
    Path("calib_data/MANIFEST.json").write_text("{}")
    assert told(capsys).splitlines()[-1] == "next: sr2tflite photographs calib_data"
