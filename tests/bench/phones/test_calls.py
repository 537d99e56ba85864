import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from sr2tflite.bench.phone.calls import Calls

WITH_CHILD = "sleep 30 & echo $! > {pid}; wait"


def ends(pid):
    """Whether a process ends soon: a signal is not a death yet."""
    for _ in range(1000):
        if not is_alive(pid):
            return True
        time.sleep(0.01)
    return False


def is_alive(pid):
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def awaited(path):
    for _ in range(500):
        if path.exists() and path.read_text().strip():
            return int(path.read_text())
        time.sleep(0.01)
    raise AssertionError(f"{path} stays empty")


def test_what_a_program_prints_and_how_it_ends_is_told():
    said = Calls()(["sh", "-c", "echo out; printf 'a\\r\\nb' >&2; exit 7"], limit_s=20)
    assert (said.status, said.out, said.err) == (7, "out\n", "a\nb")
    assert Calls()(["sh", "-c", "kill -9 $$"], limit_s=20).status == -signal.SIGKILL


def test_bytes_that_are_no_text_are_no_error():
    assert Calls()(["printf", r"\377"], limit_s=20).out == "\N{REPLACEMENT CHARACTER}"


def test_a_program_reads_nothing():
    assert Calls()(["cat"], limit_s=20).out == ""


def test_a_program_whose_time_is_up_ends_with_its_children(tmp_path):
    pid = tmp_path / "pid"
    began = time.monotonic()
    said = Calls()(["sh", "-c", f"echo begun; {WITH_CHILD.format(pid=pid)}"], limit_s=2)
    assert (said.status, said.out) == (None, "begun\n")
    assert time.monotonic() - began < 20
    assert ends(awaited(pid))


def test_a_daemon_that_is_left_behind_does_not_hold_the_call(tmp_path):
    pid = tmp_path / "pid"
    began = time.monotonic()
    Calls()(["sh", "-c", f"setsid sleep 20 & echo $! > {pid}"], limit_s=15)
    assert time.monotonic() - began < 10
    assert is_alive(awaited(pid))


def test_all_calls_are_stopped_from_another_thread_and_none_starts_again(tmp_path):
    calls, pid, told = Calls(), tmp_path / "pid", []

    def run():
        try:
            calls(["sh", "-c", WITH_CHILD.format(pid=pid)], limit_s=60)
        except KeyboardInterrupt:
            told.append("interrupted")

    thread = threading.Thread(target=run)
    thread.start()
    child = awaited(pid)
    calls.stop()
    thread.join(10)
    assert told == ["interrupted"]
    assert ends(child)
    with pytest.raises(KeyboardInterrupt):
        calls(["true"], limit_s=5)
    with pytest.raises(KeyboardInterrupt):
        calls.pause(5)


def test_a_program_that_is_not_there_is_an_oserror():
    with pytest.raises(OSError, match="No such file"):
        Calls()(["/no/such/program"], limit_s=5)


def test_variables_come_on_top_of_this_process_s():
    code = "import os; print(os.environ['MINE'], 'PATH' in os.environ)"
    assert Calls()([sys.executable, "-c", code], limit_s=20, env={"MINE": "1"}).out == "1 True\n"
