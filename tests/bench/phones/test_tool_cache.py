import struct

import pytest

from sr2tflite.bench.phone.elf import abi_of
from sr2tflite.bench.phone.tool_cache import binary_for, check_library, tool_folder
from sr2tflite.errors import DeviceError, MissingError, VerificationError
from sr2tflite.files import sha256

ARM64, ARM, X86_64, HEXAGON = 183, 40, 62, 164
ABIS = ("arm64-v8a", "armeabi-v7a")


def elf(machine, order="<", bits=2):
    return b"\x7fELF" + bytes((bits, 1 if order == "<" else 2, 1)) + bytes(9) + struct.pack(f"{order}HH", 3, machine)


@pytest.fixture
def kept():
    """Puts a binary somewhere, the cache's folder by default, with its hash."""

    def keep(content, abi="arm64-v8a", folder=None, pin=True):
        path = (folder or tool_folder()) / abi / "benchmark_model"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        if pin:
            told = sha256(content) if pin is True else pin
            path.with_name("benchmark_model.sha256").write_text(f"{told}  benchmark_model\n")
        return path

    return keep


def test_the_machine_of_a_program():
    found = [abi_of(elf(machine)) for machine in (3, ARM, X86_64, ARM64, 243, HEXAGON, 8)]
    assert found == ["x86", "armeabi-v7a", "x86_64", "arm64-v8a", "riscv64", "hexagon", "machine 8"]
    assert abi_of(elf(ARM64, ">")) == "big-endian machine 183"
    assert [abi_of(text) for text in (b"", b"\x7fELF", b"MZ" + bytes(40), b"#!/bin/sh\n" + bytes(40))] == [None] * 4


def test_the_best_abi_that_is_kept_is_taken(kept):
    arm = kept(elf(ARM), "armeabi-v7a")
    assert binary_for(ABIS, None, "abc").path == arm
    found = kept(elf(ARM64))
    assert binary_for(ABIS, None, "abc").path == found
    assert binary_for(ABIS, None, "abc").sha256 == sha256(elf(ARM64))


def test_a_folder_of_one_s_own_is_laid_out_as_the_cache_and_needs_no_pins(kept, tmp_path):
    path = kept(elf(ARM64), folder=tmp_path / "mine", pin=False)
    assert binary_for(ABIS, tmp_path / "mine", "abc").path == path
    assert binary_for(ABIS, path, "abc").abi == "arm64-v8a"


def test_what_is_not_kept_is_named_with_the_command_that_brings_it(tmp_path):
    with pytest.raises(MissingError, match="no benchmark_model for arm64-v8a in") as caught:
        binary_for(ABIS, None, "abc")
    assert "curl -fLo benchmark_model https://" in caught.value.hint
    assert "android_aarch64_benchmark_model" in caught.value.hint
    with pytest.raises(MissingError, match="no benchmark_model for x86_64") as caught:
        binary_for(("x86_64",), None, "abc")
    assert "build it for x86_64" in caught.value.hint
    with pytest.raises(MissingError, match="is not there"):
        binary_for(ABIS, tmp_path / "none", "abc")
    with pytest.raises(DeviceError, match="does not tell its ABI"):
        binary_for((), None, "abc")


def test_a_binary_of_the_cache_must_be_the_one_that_its_pin_names(kept):
    kept(elf(ARM64), pin=False)
    with pytest.raises(MissingError, match=r"has no benchmark_model\.sha256") as caught:
        binary_for(ABIS, None, "abc")
    assert "sha256sum benchmark_model > benchmark_model.sha256" in caught.value.hint
    for wrong in ("0" * 64, "no hash"):
        kept(elf(ARM64), pin=wrong)
        with pytest.raises(VerificationError, match=r"benchmark_model\.sha256 says"):
            binary_for(ABIS, None, "abc")
    kept(elf(ARM64), pin=sha256(elf(ARM64)).upper())
    assert binary_for(ABIS, None, "abc").abi == "arm64-v8a"


def test_a_pin_beside_a_given_binary_is_held_to_as_well(kept, tmp_path):
    path = kept(elf(ARM64), folder=tmp_path / "mine", pin="0" * 64)
    with pytest.raises(VerificationError):
        binary_for(ABIS, path, "abc")


@pytest.mark.parametrize(
    ("content", "kind", "message"),
    [
        (elf(X86_64), DeviceError, "is for x86_64; the phone runs arm64-v8a, armeabi-v7a"),
        (elf(8), DeviceError, "is for machine 8"),
        (b"PK" + bytes(40), MissingError, "not an ELF file"),
        (b"", MissingError, "not an ELF file"),
    ],
)
def test_a_binary_of_another_machine_is_refused_before_anything_is_pushed(tmp_path, content, kind, message):
    path = tmp_path / "bm"
    path.write_bytes(content)
    with pytest.raises(kind, match=message) as caught:
        binary_for(ABIS, path, "abc")
    assert caught.value.exit_status == 3


def test_a_delegate_s_library_is_the_phone_s_and_what_it_loads_may_be_the_dsp_s(tmp_path):
    path = tmp_path / "lib.so"
    for machine, may_be_dsp in ((ARM64, False), (ARM, False), (HEXAGON, True)):
        path.write_bytes(elf(machine))
        check_library(path, ABIS, "abc", may_be_dsp=may_be_dsp)
    for content, message in ((elf(X86_64), "is for x86_64"), (elf(HEXAGON), "is for hexagon"), (b"text", "no ELF")):
        path.write_bytes(content)
        with pytest.raises(DeviceError, match=message):
            check_library(path, ABIS, "abc", may_be_dsp=False)
