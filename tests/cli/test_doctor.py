"""``doctor`` says what is there and what to type for the rest."""

import json
import struct
import sys
from pathlib import Path

import pytest

from sr2tflite.bench.phone.tool_cache import tool_folder
from sr2tflite.cli import status_of
from sr2tflite.cli.verbs import group
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
    assert lines[0] == "missing  adb: there is no adb program"
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
    assert (found["phones"]["is_there"], found["phones"]["told"]) == (True, "abc (unauthorized)")
    assert found["benchmark_model for arm64-v8a"]["told"] == "has no benchmark_model.sha256 beside it"
    path.with_name("benchmark_model.sha256").write_text(sha256(ARM64))
    lines = told(capsys, "--adb", str(adb)).splitlines()
    assert f"found    benchmark_model for arm64-v8a: {path}, sha256 {sha256(ARM64)}" in lines
