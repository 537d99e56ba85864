"""A phone that is reached by two ways is one phone."""

import fcntl
import threading

import pytest

from sr2tflite.bench.phone.adb import Adb
from sr2tflite.bench.phone.calls import Calls
from sr2tflite.bench.phone.claim import claimed
from sr2tflite.bench.phone.facts import hashed, phone_facts
from sr2tflite.bench.phone.phone import Phone
from sr2tflite.bench.phone.sections import answers
from sr2tflite.files import cache_folder

FACTS = phone_facts(answers("@@properties\n[ro.serialno]: [ABC]\n"), "")


def phone(serial, tmp_path):
    return Phone(Adb(tmp_path / "adb", Calls()), serial)


def test_the_second_way_waits_for_the_first_and_says_so_once(tmp_path):
    told, order = [], []
    cable, network = phone("ABC", tmp_path), phone("192.168.0.5:5555", tmp_path)

    def second():
        with claimed(network, FACTS, lambda *words: told.append(words[-1])):
            order.append("second")

    with claimed(cable, FACTS, lambda *_: None):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(1.5)  # long enough to look three times
        order.append("first")
    thread.join(20)
    assert order == ["first", "second"]
    assert told == ["192.168.0.5:5555 is measured on by another way: waiting for that"]


def test_an_interrupt_ends_the_wait(tmp_path):
    waiting = phone("ABC", tmp_path)
    with claimed(phone("other", tmp_path), FACTS, lambda *_: None):
        waiting.adb.calls.stop()
        with pytest.raises(KeyboardInterrupt), claimed(waiting, FACTS, lambda *_: None):
            pass


def test_a_phone_that_tells_no_serial_number_goes_by_the_way_it_is_reached(tmp_path):
    with claimed(phone("192.168.0.5:5555", tmp_path), phone_facts(answers(""), ""), lambda *_: None):
        lock = cache_folder() / "phones" / f"{hashed('192.168.0.5:5555')}.itself"
        with lock.open() as held, pytest.raises(BlockingIOError):
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
