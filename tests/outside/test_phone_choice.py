"""Which phone is meant, and phones that will not: one message, its exit status, and nothing left there."""

import json
from pathlib import Path

import pytest
from kit.changed import with_custom_op
from kit.graphs import quantized_sr_graph
from outside.benched import Bench, is_clean
from outside.loop import World
from outside.loop_phone import Phone
from outside.phones import Phones


def test_no_phone(phones: Phones, bench: Bench, model: Path, real: Path) -> None:
    assert phones(0) == []
    assert bench(model, "--benchmark-model", real).is_error(3, "adb sees no device", "USB debugging")


def test_two_phones_and_no_serial(world: World, phones: Phones, bench: Bench, model: Path, real: Path) -> None:
    one, other = phones(2)
    assert bench(model, "--benchmark-model", real).is_error(3, "2 devices", "--serial", one.serial, other.serial)
    assert is_clean(world, one, other)


def test_an_error_is_json_where_json_is_asked_for(phones: Phones, bench: Bench, model: Path, real: Path) -> None:
    phones(2)
    told = bench(model, "--benchmark-model", real, "--json")
    assert (told.status, json.loads(told.out)["error"]) == (3, "DeviceError")


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


@pytest.mark.slow
def test_an_address_that_hangs_up(world: World, phone: Phone, bench: Bench, model: Path, real: Path) -> None:
    """Slow: adb tries for ten seconds."""
    serial = world.half_phone("hangup")
    assert bench(model, "--benchmark-model", real, "--serial", serial).is_error(3, serial, "failed to connect")
    assert is_clean(world, phone)


@pytest.mark.slow
def test_one_phone_that_is_there_twice_is_measured_in_turn(
    world: World, phone: Phone, bench: Bench, model: Path, real: Path
) -> None:
    """As by its cable and by network: neither sweeps away what the other pushed."""
    world.connect(world.cable(phone))
    told = bench(model, "--benchmark-model", real, "--all-devices", "--json")
    assert told.status == 0, told.err
    first, second = json.loads(told.out)["results"]
    assert first["device"]["serial_hash"] == second["device"]["serial_hash"]
    assert is_clean(world, phone)


def test_a_file_that_needs_tensorflow(world: World, phone: Phone, bench: Bench, real: Path, tmp_path: Path) -> None:
    (tmp_path / "flex.tflite").write_bytes(with_custom_op(quantized_sr_graph(), "FlexErf"))
    assert bench(tmp_path / "flex.tflite", "--benchmark-model", real).is_error(6, "flex.tflite", "FlexErf")
    assert is_clean(world, phone)


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
