"""``bench --android`` where no phone is needed to say no."""

import json
import sys
from pathlib import Path

import pytest
from click.core import ParameterSource
from kit.changed import with_custom_op
from kit.graphs import quantized_sr_graph

from sr2tflite.bench.phone.plan import PhonePlan
from sr2tflite.cli import status_of
from sr2tflite.cli.benching import bench
from sr2tflite.cli.options_phone import phone_plan
from sr2tflite.cli.verbs import group
from sr2tflite.export import direct
from sr2tflite.graph import tflite


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.tflite"
    path.write_bytes(tflite.write(direct.prepare(quantized_sr_graph(), height=None, width=None, io="int8")))
    return path


@pytest.fixture
def no_adb(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("ANDROID_HOME", "ANDROID_SDK_ROOT", "ADBUTILS_ADB_PATH", "ANDROID_SERIAL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "adbutils", None)


def ended(*words: object) -> int:
    return status_of(lambda: group.main(["bench", *map(str, words)], standalone_mode=False), as_json="--json" in words)


def plan_of(*words: str) -> PhonePlan:
    """What some words come to."""
    context = bench.make_context("bench", ["m.tflite", "--android", *words])
    told = dict(context.params)
    phone = {
        name: told.pop(name)
        for name in (
            "android", "serials", "all_devices", "benchmark_model", "adb", "delegate", "delegate_library",
            "delegate_option", "any_core", "max_temp", "cool_limit", "timeout", "no_check_output", "no_profile",
        )
    }  # fmt: skip
    assert context.get_parameter_source("android") is ParameterSource.COMMANDLINE
    shared = ("runs", "rounds", "warmup", "threads", "seconds", "cpus", "sizes", "ops")
    return phone_plan(phone, {name: told[name] for name in shared if told[name] is not None})


def test_nothing_said_is_the_usual_plan() -> None:
    assert plan_of() == PhonePlan()


def test_every_option_arrives() -> None:
    plan = plan_of(
        "--runs=7", "--rounds=3", "--warmup=0", "--threads=1,4", "--seconds=0", "--cpus=4-7", "--ops",
        "--delegate=external",
        "--delegate-library=a.so", "--delegate-library=b.so", "--delegate-option=k=v",
        "--max-temp=35.5", "--cool-limit=9",
        "--timeout=33", "--no-check-output", "--no-profile", "--benchmark-model=bm",
    )  # fmt: skip
    assert (plan.runs, plan.rounds, plan.warmup, plan.threads, plan.seconds) == (7, 3, 0, (1, 4), 0)
    assert (plan.affinity, plan.ops, plan.limit_s, plan.benchmark_model) == ("f0", True, 33, Path("bm"))
    assert (plan.cooling.max_c, plan.cooling.limit_s) == (35.5, 9)
    assert (plan.checks_output, plan.profiles) == (False, False)
    assert plan.delegate.libraries == (Path("a.so"), Path("b.so"))
    assert (plan.delegate.unit, plan.delegate.options) == ("external", {"k": "v"})
    assert plan_of("--any-core").affinity == "any"


USAGE = {
    "without --android": (("--serial", "abc"), "--serial goes with --android"),
    "two without --android": (("--timeout", "5", "--all-devices"), "goes with --android"),
    "sizes": (("--android", "--sizes", "8x8"), "--sizes is for this machine"),
    "two kinds of processors": (("--android", "--cpus", "0", "--any-core"), "exclude each other"),
    "a serial and all": (("--android", "--serial", "a", "--all-devices"), "exclude each other"),
    "a unit that is none": (("--android", "--delegate", "npu"), "'npu' is not one of"),
    "no time": (("--android", "--timeout", "0"), "0"),
    "a library for the cpu": (("--android", "--delegate-library", "a.so"), "cpu takes no library"),
    "a temperature that is none": (("--android", "--max-temp", "nan"), "nan"),
}


@pytest.mark.parametrize(("words", "message"), USAGE.values(), ids=USAGE)
@pytest.mark.usefixtures("no_adb")
def test_words_that_do_not_fit_together_are_usage_errors(
    words: tuple[str, ...], message: str, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(model, *words) == 2
    assert message in capsys.readouterr().err


@pytest.mark.usefixtures("no_adb")
def test_without_adb_the_hint_says_what_brings_it(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(model, "--android", "--json") == 3
    told = json.loads(capsys.readouterr().out)
    assert (told["error"], told["message"]) == ("MissingError", "there is no adb program")
    assert "pip install 'sr2tflite[android]'" in told["hint"]


@pytest.mark.usefixtures("no_adb")
def test_a_file_that_needs_flex_ops_is_refused_before_anything_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "flex.tflite"
    path.write_bytes(with_custom_op(quantized_sr_graph(), "FlexErf"))
    assert ended(path, "--android") == 6
    assert "op 0: FlexErf is TensorFlow's own op" in capsys.readouterr().err


@pytest.mark.usefixtures("no_adb")
def test_a_file_that_is_none_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.tflite").write_text("no")
    assert ended(tmp_path / "x.tflite", "--android") == 2
    assert ended(tmp_path / "none.tflite", "--android") == 2
    assert "cannot read" in capsys.readouterr().err


def test_a_serial_in_the_environment_does_not_ask_for_a_phone(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ANDROID_SERIAL", "abc")
    assert ended(model, "--rounds", "1", "--runs", "1", "--seconds", "0", "--height", "8", "--width", "8") == 0
    assert "model.tflite" in capsys.readouterr().out


@pytest.mark.usefixtures("no_adb")
def test_all_devices_are_more_than_the_one_of_the_environment(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ANDROID_SERIAL", "abc")
    assert ended(model, "--android", "--all-devices") == 3
    assert "no adb program" in capsys.readouterr().err
