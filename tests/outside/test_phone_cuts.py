"""Cables that break, phones that are unplugged, and Ctrl-C: one message at most, and nothing left on the phone."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from outside import tool
from outside.benched import Bench, Program, is_clean, words, write_model
from outside.loop import World
from outside.loop_phone import Phone
from outside.phones import Phones

pytestmark = pytest.mark.slow


def running(phone: Phone) -> bool:
    """Whether the tool has begun to run, within ten seconds."""
    for _ in range(1000):
        if phone.knows("running"):
            return True
        time.sleep(0.01)
    return False


COMMAND = [sys.executable, "-c", "from sr2tflite.cli import main; main()"]
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


def test_a_cable_that_garbles(world: World, phones: Phones, bench: Bench, model: Path, real: Path) -> None:
    (phone,) = phones(1)
    world.forget()
    plain = [f"--without=sendrecv_v2_{kind}" for kind in ("brotli", "lz4", "zstd")]
    world.connect(world.cable(phone, "--garbles=input_layer_value_files", *plain))
    told = bench(model, "--benchmark-model", real)
    assert told.is_error(5, "benchmark_model arrived with sha256", "check the cable")
    world.connect(phone.serial)
    assert is_clean(world, phone)


def test_a_phone_that_is_unplugged_for_a_moment(
    world: World, phone: Phone, bench: Bench, model: Path, program: Program
) -> None:
    def unplug() -> None:
        assert running(phone)
        phone.unplug()
        time.sleep(0.3)
        phone.plug()

    hand = threading.Thread(target=unplug)
    hand.start()
    told = bench(model, "--benchmark-model", program(SLOW))
    hand.join()
    assert told.is_error(3, phone.serial)
    world.connect(phone.serial)
    assert is_clean(world, phone)


def test_a_phone_that_is_unplugged_is_cleaned_when_it_is_back(
    world: World,
    phone: Phone,
    bench: Bench,
    model: Path,
    program: Program,
) -> None:
    def unplug() -> None:
        assert running(phone)
        phone.unplug()

    hand = threading.Thread(target=unplug)
    hand.start()
    told = bench(model, "--benchmark-model", program(SLOW))
    hand.join()
    (left,) = phone.left
    assert told.is_error(3, phone.serial, left, "is left on the phone")
    phone.plug()
    world.connect(phone.serial)
    assert bench(model, "--benchmark-model", program(tool.the_real_one())).status == 0
    assert is_clean(world, phone)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_an_interrupt_leaves_nothing(
    how: signal.Signals, world: World, phone: Phone, model: Path, program: Program
) -> None:
    command = COMMAND + words(world.adb, model, "--benchmark-model", program(SLOW))
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
        preexec_fn=lambda: signal.signal(how, signal.SIG_DFL),  # a shell's background jobs ignore Ctrl-C
    )
    assert running(phone)
    process.send_signal(how)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, ""), err
    assert "Traceback" not in err
    assert is_clean(world, phone)


def test_two_processes_do_not_measure_on_one_phone_at_once(
    world: World, phone: Phone, model: Path, program: Program, tmp_path: Path
) -> None:
    """The second waits, and does not sweep away what the first one pushed."""
    other = write_model(tmp_path / "other.tflite", seed=1)
    busy = "[ -f /system/facts/busy ] && echo >> /system/facts/met; echo > /system/facts/busy; sleep 0.2"
    content = tool.the_real_one(then=f"{busy}; rm /system/facts/busy")
    commands = [COMMAND + words(world.adb, one, "--benchmark-model", program(content)) for one in (model, other)]
    processes = [subprocess.Popen(one, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for one in commands]
    said = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    assert not phone.knows("met")
    assert is_clean(world, phone)
