"""Phones side by side, as far as that goes without one: each is an adb that is a script."""

import fcntl
import stat
import threading

import pytest
from kit.graphs import quantized_sr_graph

from sr2tflite.bench.phone.facts import hashed
from sr2tflite.bench.phone.phones import bench_on_phones
from sr2tflite.bench.phone.plan import PhonePlan
from sr2tflite.commands.bench_android import bench_android
from sr2tflite.errors import DeviceError, InputError
from sr2tflite.export import direct
from sr2tflite.files import cache_folder
from sr2tflite.graph.tflite import write

ADB = """#!/bin/sh
case "$*" in
  version) echo Version 36.0.0;;
  "devices -l") echo "one device"; echo "two device";;
  "-s one features") echo cmd;;
  "-s two features") echo "error: device offline" >&2; exit 1;;
esac
"""


@pytest.fixture
def adb(tmp_path):
    path = tmp_path / "adb"
    path.write_text(ADB)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(write(direct.prepare(quantized_sr_graph(), height=8, width=8, io="int8")))
    return path


def test_the_second_process_on_a_phone_waits_for_the_first(adb, model):
    lock = cache_folder() / "phones" / hashed("one")
    lock.parent.mkdir(parents=True)
    lock.touch()
    waits, ends = threading.Event(), []

    def told(what, _done, _total, detail=""):
        if (what, detail) == ("waiting", "another process measures on one: waiting for it"):
            waits.set()

    def run():
        try:
            bench_on_phones([model], PhonePlan(), serials=["one"], adb=adb, progress=told)
        except DeviceError as error:
            ends.append(error.message)

    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        thread = threading.Thread(target=run)
        thread.start()
        assert waits.wait(30)
        assert ends == []
    thread.join(30)
    assert ends[0].startswith("its adbd has no shell_v2")


def test_where_all_phones_fail_the_first_one_s_error_is_the_error(adb, model):
    with pytest.raises(DeviceError, match="shell_v2") as caught:
        bench_on_phones([model], PhonePlan(), every=True, adb=adb)
    assert caught.value.where == "one"
    with pytest.raises(DeviceError, match="is offline, while asking what it can do"):
        bench_on_phones([model], PhonePlan(), serials=["two", "one"], adb=adb)


WRONG = {
    "no threads": {"threads": ()},
    "no runs": {"runs": 0},
    "no rounds": {"rounds": 0},
    "no size": {"size": (0, 8)},
    "less than no warm-up": {"warmup": -1},
    "no time": {"limit_s": 0},
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_plan_that_cannot_be_is_refused_before_a_phone_is_looked_for(wrong, model):
    with pytest.raises(InputError, match="at least"):
        bench_android([model], PhonePlan(**wrong), adb=model)


def test_no_model_is_an_input_error(adb):
    with pytest.raises(InputError, match="no model to measure"):
        bench_android([], adb=adb)
