"""What can go wrong with a phone, from the command line to the device and back.

Each ends in one message with the right exit status, and leaves the phone's folder empty and nothing running there.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from kit.graphs import quantized_sr_graph
from outside import tool
from outside.facts import all_facts, thermal
from outside.loop import WORK, Phone, World
from outside.phones import Phones

from sr2tflite.bench import phone_tool
from sr2tflite.bench.calls import Calls
from sr2tflite.cli import status_of
from sr2tflite.cli.verbs import group
from sr2tflite.export import direct
from sr2tflite.graph import tflite

pytestmark = pytest.mark.skipif(tool.HERE is None, reason="the phone's benchmark_model is x86_64's")

CLASSIC = """\
INFO: STARTING!
INFO: count=3 first=70 curr=50 min=50 max=70 avg=60 std=8
INFO: count=5 first=40 curr=42 min=38 max=42 avg=40 std=1.5 p5=38 median=40 p95=42
INFO: Inference timings in us: Init: 1250, First inference: 70, Warmup (avg): 60, Inference (avg): 40
"""


@dataclass(frozen=True)
class Told:
    """How a call of the program ended, and what it printed."""

    status: int
    out: str
    err: str

    def is_error(self, status: int, *words: str) -> bool:
        """Whether it is one message, with a hint at most, that has some words; raises with all of it where not."""
        first, *more = self.err.strip().splitlines() or [""]
        fits = self.status == status and first.startswith("error: ") and all(word in self.err for word in words)
        assert fits, f"status {self.status}, {self.out}{self.err}"
        assert [line for line in more if not line.startswith("  hint: ")] == []
        assert len(more) < 2
        assert self.out == ""
        return True


Bench = Callable[..., Told]


def write_model(path: Path, seed: int = 0) -> Path:
    graph = direct.prepare(quantized_sr_graph(seed=seed), height=None, width=None, io="int8")
    path.write_bytes(tflite.write(graph))
    return path


def words(adb: Path, *more: str | Path) -> list[str]:
    """A short measurement."""
    usual = ("--android", "--adb", adb, "--height", "24", "--width", "32", "--rounds", "2", "--runs", "3")
    return ["bench", *(str(word) for word in (*usual, "--seconds", "0", *more))]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model.tflite")


@pytest.fixture
def bench(world: World, capsys: pytest.CaptureFixture[str]) -> Bench:
    """The program's ``bench --android``."""

    def called(*more: str | Path) -> Told:
        status = status_of(lambda: group.main(words(world.adb, *more), standalone_mode=False), as_json="--json" in more)
        return Told(status, *capsys.readouterr())

    return called


@pytest.fixture
def tool_of(tmp_path: Path) -> Callable[[bytes], Path]:
    """A program, as a file."""

    def written(content: bytes) -> Path:
        (tmp_path / "tool").write_bytes(content)
        return tmp_path / "tool"

    return written


@pytest.fixture
def real(tool_of: Callable[[bytes], Path]) -> Path:
    return tool_of(tool.the_real_one())


def is_clean(world: World, *phones: Phone) -> bool:
    """Whether nothing of ours is on some phones: no file, and soon no process. adbd takes a second to end a shell."""
    for phone in phones:
        assert phone.left == []
        assert any("benchmark_model" not in (last := told_of_processes(world, phone)) for _ in range(100)), last
        assert "sleep" not in last
    return True


def told_of_processes(world: World, phone: Phone) -> str:
    time.sleep(0.05)
    return world.call("-s", phone.serial, "shell", "ps -A -o ARGS").stdout


# what works


def test_a_phone_is_measured_and_its_output_is_this_machines(
    world: World, phone: Phone, bench: Bench, model: Path, real: Path
) -> None:
    told = bench(model, "--benchmark-model", real, "--json")
    assert (told.status, told.err) == (0, "")
    (result,) = json.loads(told.out)["results"]
    (measured,) = result["models"]
    assert result["device"]["name"] == "Loop Loop Phone (LOOP1)"
    assert phone.serial not in told.out
    assert "LOOP0001" not in told.out
    assert measured["output_check"]["values"] == 72 * 96 * 3
    assert measured["output_check"]["differing"] == 0
    assert [one["latency_ms"]["n"] for one in measured["rounds"]] == [3, 3]
    assert measured["latency_ms"]["min"] > 0
    assert measured["peak_memory_kib"] > 10_000
    assert is_clean(world, phone)


def test_names_with_spaces_and_quotes_work(world: World, phone: Phone, bench: Bench, tmp_path: Path) -> None:
    folder = tmp_path / 'it\'s a "folder" $HOME;'
    folder.mkdir()
    model, program = write_model(folder / "a model (1).tflite"), folder / "the tool"
    program.write_bytes(tool.the_real_one())
    told = bench(model, "--benchmark-model", program, "--json")
    assert told.status == 0, told.err
    assert json.loads(told.out)["results"][0]["models"][0]["name"] == "a model (1).tflite"
    assert is_clean(world, phone)


def test_two_phones_are_measured_at_once(world: World, phones: Phones, bench: Bench, model: Path, real: Path) -> None:
    both = phones(2)
    other = write_model(model.with_name("other.tflite"), seed=1)
    told = bench(model, other, "--benchmark-model", real, "--all-devices", "--json")
    results = json.loads(told.out)["results"]
    assert told.status == 0
    assert len({one["device"]["serial_hash"] for one in results}) == 2
    assert [[measured["name"] for measured in one["models"]] for one in results] == [
        ["model.tflite", "other.tflite"]
    ] * 2
    assert is_clean(world, *both)


def test_what_an_earlier_run_left_is_not_measured_though_it_has_the_same_size(
    world: World, phone: Phone, bench: Bench, model: Path, real: Path, tmp_path: Path
) -> None:
    """Its folder has the very name of this run's, and a file of the same length with other bytes."""
    stale = tmp_path / "stale"
    stale.write_bytes(
        write_model(tmp_path / "x", seed=1).read_bytes()[: model.stat().st_size].ljust(model.stat().st_size)
    )
    seen: list[str] = []
    spy = tool.the_real_one(then="echo ${PWD##*/} > /system/facts/folder")
    real.write_bytes(spy)
    assert bench(model, "--benchmark-model", real).status == 0
    seen.append(world.call("shell", "cat /system/facts/folder").stdout.strip())
    assert world.call("push", str(stale), f"{WORK}/{seen[0]}/m0.tflite").returncode == 0
    told = bench(model, "--benchmark-model", real, "--json")
    assert told.status == 0, told.err
    assert json.loads(told.out)["results"][0]["models"][0]["output_check"]["differing"] == 0
    assert world.call("shell", "cat /system/facts/folder").stdout.strip() == seen[0]
    assert is_clean(world, phone)


# which phone


def test_no_phone(phones: Phones, bench: Bench, model: Path, real: Path) -> None:
    assert phones(0) == []
    assert bench(model, "--benchmark-model", real).is_error(3, "adb sees no device", "USB debugging")


def test_two_phones_and_no_serial(world: World, phones: Phones, bench: Bench, model: Path, real: Path) -> None:
    one, other = phones(2)
    assert bench(model, "--benchmark-model", real).is_error(3, "2 devices", "--serial", one.serial, other.serial)
    assert is_clean(world, one, other)


def test_the_serial_of_another_phone(world: World, phone: Phone, bench: Bench, model: Path, real: Path) -> None:
    told = bench(model, "--benchmark-model", real, "--serial", "R58M123456A")
    assert told.is_error(3, "R58M123456A", phone.serial)
    assert is_clean(world, phone)


def test_nothing_listens_at_an_address(bench: Bench, phone: Phone, world: World, model: Path, real: Path) -> None:
    told = bench(model, "--benchmark-model", real, "--serial", "127.0.0.1:9")
    assert told.is_error(3, "127.0.0.1:9", "Connection refused")
    assert is_clean(world, phone)


@pytest.mark.parametrize(("state", "says"), [("unauthorized", "Allow USB debugging"), ("offline", "is offline")])
def test_a_phone_that_will_not(
    state: str, says: str, world: World, phones: Phones, bench: Bench, model: Path, real: Path
) -> None:
    phones(0)
    serial = world.half_phone(state)
    world.see(serial, state)
    assert bench(model, "--benchmark-model", real).is_error(3, serial, says)


def test_an_old_phone_without_exit_statuses(
    world: World, phones: Phones, bench: Bench, model: Path, real: Path
) -> None:
    (phone,) = phones(1)
    world.forget()
    serial = world.cable(phone, "--without=shell_v2")
    world.connect(serial)
    assert bench(model, "--benchmark-model", real).is_error(3, serial, "shell_v2", "Android 7")
    world.connect(phone.serial)
    assert is_clean(world, phone)


# the tool


def test_no_tool(world: World, phone: Phone, bench: Bench, model: Path) -> None:
    assert bench(model).is_error(3, "no benchmark_model for x86_64", "--benchmark-model")
    assert is_clean(world, phone)


def test_a_tool_for_another_processor(
    world: World, phone: Phone, bench: Bench, model: Path, tool_of: Callable[[bytes], Path]
) -> None:
    told = bench(model, "--benchmark-model", tool_of(tool.elf("exit 0", tool.AARCH64)))
    assert told.is_error(3, "arm64-v8a", "the phone runs x86_64")
    assert is_clean(world, phone)


TOOLS = {
    "exits with 7": (tool.replaying("ERROR: Failed to apply X delegate.", 7), 3, ("status 7", "Failed to apply X")),
    "fails": (
        tool.replaying("ERROR: The model is not a valid Flatbuffer buffer\nERROR: Benchmarking failed.", 1),
        3,
        ("status 1", "not a valid Flatbuffer"),
    ),
    "is killed": (tool.saying("kill -9 $$"), 3, ("signal 9",)),
    "crashes": (tool.saying("kill -11 $$"), 3, ("signal 11",)),
    "says nothing": (tool.replaying("INFO: STARTING!"), 3, ("benchmark_model",)),
    "is another program": (tool.elf("echo usage: frobnicate FILE; exit 2"), 3, ("--help", "frobnicate")),
    "does not know a flag that it lists": (
        tool.replaying(f"WARN: Unconsumed cmdline flags: --num_runs=3\n{CLASSIC}"),
        3,
        ("does not know", "--num_runs=3"),
    ),
    "has no graph flag": (tool.replaying(CLASSIC, flags=["num_runs"]), 3, ("--help",)),
    "has too few flags": (
        tool.replaying(CLASSIC, flags=[flag for flag in tool.FLAGS if flag != "num_threads"]),
        3,
        ("num_threads",),
    ),
    "writes no output": (tool.replaying(CLASSIC), 3, ("out.bin",)),
    "writes too little": (tool.the_real_one(then='printf abc > "$out"'), 5, ("3 bytes", "20,736")),
    "writes other bytes": (
        tool.the_real_one(then='tail -c +2 "$out" > rest; { printf A; cat rest; } > "$out"'),
        5,
        ("1 of 20,736 values differ", "LSB"),
    ),
    "fills the storage": (
        tool.saying("head -c 400m /dev/zero > fill; exit 1"),
        3,
        ("No space left",),
    ),
}


@pytest.mark.parametrize("name", TOOLS)
def test_a_tool_that(
    name: str, world: World, phone: Phone, bench: Bench, model: Path, tool_of: Callable[[bytes], Path]
) -> None:
    program, status, says = TOOLS[name]
    assert bench(model, "--benchmark-model", tool_of(program)).is_error(status, *says)
    assert is_clean(world, phone)


def test_a_tool_that_hangs(
    world: World,
    phone: Phone,
    bench: Bench,
    model: Path,
    tool_of: Callable[[bytes], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(phone_tool, "GRACE_S", 0.5)
    told = bench(model, "--benchmark-model", tool_of(tool.saying("sleep 1000")), "--timeout", "0.5")
    assert told.is_error(3, "in time", "--timeout")
    assert is_clean(world, phone)


# the unit


def test_a_gpu_that_declines_is_no_gpu(world: World, phone: Phone, bench: Bench, model: Path, real: Path) -> None:
    told = bench(model, "--benchmark-model", real, "--delegate", "gpu", "--json")
    (measured,) = json.loads(told.out)["results"][0]["models"]
    assert (told.status, measured["verdict"]) == (0, "fell back")
    assert measured["placement"]["asked"] == "gpu"
    assert measured["placement"]["obtained"] != "gpu"
    assert is_clean(world, phone)


def test_a_tool_without_the_delegates_flag(
    world: World, phone: Phone, bench: Bench, model: Path, tool_of: Callable[[bytes], Path]
) -> None:
    program = tool_of(tool.the_real_one([flag for flag in tool.FLAGS if flag != "use_gpu"]))
    assert bench(model, "--benchmark-model", program, "--delegate", "gpu").is_error(3, "use_gpu", "--benchmark-model")
    assert is_clean(world, phone)


# the storage


@pytest.mark.parametrize(
    ("options", "says"),
    [("size=16k", "free"), ("ro", "Read-only file system"), ("noexec", "Permission denied")],
    ids=["full", "read-only", "noexec"],
)
def test_a_folder_that_is(
    options: str, says: str, world: World, phone: Phone, bench: Bench, model: Path, real: Path
) -> None:
    phone.remount(options)
    assert bench(model, "--benchmark-model", real).is_error(3, phone.serial, says)
    assert is_clean(world, phone)


def test_one_of_two_phones_is_full(world: World, phones: Phones, bench: Bench, model: Path, real: Path) -> None:
    """The other's figures are told all the same."""
    one, other = phones(2)
    one.remount("size=16k")
    told = bench(model, "--benchmark-model", real, "--all-devices", "--json")
    report = json.loads(told.out)
    assert (told.status, len(report["results"]), len(report["failures"])) == (3, 1, 1)
    assert "free" in report["failures"][0]["message"]
    assert is_clean(world, one, other)


# heat


def test_a_phone_that_gets_hot_between_rounds_is_waited_for_and_told(
    world: World, phone: Phone, bench: Bench, model: Path, real: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []

    def cool_down(_calls: Calls, seconds: float) -> None:
        waits.append(seconds)
        phone.tell("dumpsys/thermalservice", thermal())

    monkeypatch.setattr(Calls, "pause", cool_down)
    phone.tell("hot", thermal(status=2, skin=44.5))
    real.write_bytes(tool.the_real_one(then="cat /system/facts/hot > /system/facts/dumpsys/thermalservice"))
    told = bench(model, "--benchmark-model", real, "--json")
    (measured,) = json.loads(told.out)["results"][0]["models"]
    assert (told.status, measured["verdict"]) == (0, "throttled")
    assert [(one["before"]["thermal_status"], one["after"]["thermal_status"]) for one in measured["rounds"]] == [
        (0, 2)
    ] * 2
    assert measured["rounds"][1]["after"]["temperatures_c"]["skin"] == 44.5
    assert waits
    assert is_clean(world, phone)


def test_a_phone_that_stays_hot(
    world: World, phone: Phone, bench: Bench, model: Path, real: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Calls, "pause", lambda *_: time.sleep(0.05))
    phone.tell("dumpsys/thermalservice", thermal(status=3))
    told = bench(model, "--benchmark-model", real, "--cool-limit", "0.1")
    assert told.is_error(3, "thermal status severe", "--max-temp")
    assert is_clean(world, phone)


# the connection


def running(phone: Phone) -> bool:
    """Whether the tool has begun to run, within ten seconds."""
    for _ in range(1000):
        if phone.knows("running"):
            return True
        time.sleep(0.01)
    return False


SLOW = tool.saying("echo > /system/facts/running; sleep 1000")


def test_a_cable_that_breaks_and_is_plugged_in_again(
    world: World, phones: Phones, bench: Bench, model: Path, real: Path
) -> None:
    (phone,) = phones(1)
    world.forget()
    world.connect(world.cable(phone, "--breaks-after=20000"))
    told = bench(model, "--benchmark-model", real, "--height", "200")
    assert told.is_error(3)
    world.connect(phone.serial)
    assert is_clean(world, phone)


def test_a_phone_that_is_unplugged_for_a_moment(
    world: World, phone: Phone, bench: Bench, model: Path, tool_of: Callable[[bytes], Path]
) -> None:
    def unplug() -> None:
        assert running(phone)
        phone.unplug()
        time.sleep(0.3)
        phone.plug()

    hand = threading.Thread(target=unplug)
    hand.start()
    told = bench(model, "--benchmark-model", tool_of(SLOW))
    hand.join()
    assert told.is_error(3, phone.serial)
    world.connect(phone.serial)
    assert is_clean(world, phone)


def test_a_phone_that_is_unplugged_is_cleaned_when_it_is_back(
    world: World,
    phone: Phone,
    bench: Bench,
    model: Path,
    tool_of: Callable[[bytes], Path],
) -> None:
    def unplug() -> None:
        assert running(phone)
        phone.unplug()

    hand = threading.Thread(target=unplug)
    hand.start()
    told = bench(model, "--benchmark-model", tool_of(SLOW))
    hand.join()
    (left,) = phone.left
    assert told.is_error(3, phone.serial, left, "is left on the phone")
    phone.plug()
    world.connect(phone.serial)
    assert bench(model, "--benchmark-model", tool_of(tool.the_real_one())).status == 0
    assert is_clean(world, phone)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_an_interrupt_leaves_nothing(
    how: signal.Signals, world: World, phone: Phone, model: Path, tool_of: Callable[[bytes], Path]
) -> None:
    command = [sys.executable, "-c", "from sr2tflite.cli import main; main()"]
    command += words(world.adb, model, "--benchmark-model", tool_of(SLOW))
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ))
    assert running(phone)
    process.send_signal(how)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, ""), err
    assert "Traceback" not in err
    assert is_clean(world, phone)


def test_facts_that_a_phone_does_not_tell_stay_unknown(
    world: World, phone: Phone, bench: Bench, model: Path, real: Path
) -> None:
    phone.reset({"build.prop": all_facts()["build.prop"]}, {})
    told = bench(model, "--benchmark-model", real, "--json")
    assert told.status == 0, told.err
    (result,) = json.loads(told.out)["results"]
    state = result["models"][0]["rounds"][0]["before"]
    assert (state["thermal_status"], state["temperatures_c"], state["battery_c"], state["governor"]) == (
        None,
        {},
        None,
        None,
    )
    assert result["affinity"] is None
    assert is_clean(world, phone)
