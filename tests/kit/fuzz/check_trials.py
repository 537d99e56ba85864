"""What ``sr2tflite check`` makes of damaged files, submissions and profiles, and that it writes nothing anywhere."""

import os
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
from kit.archive_faults import entry, with_entries
from kit.fuzz.onnx_mutants import damaged_fields as damaged_onnx
from kit.fuzz.onnx_mutants import our_files
from kit.fuzz.tflite_mutants import BYTE_DAMAGES, Random, damaged_fields, mutant, tflite_mutant
from kit.submissions import FIXED, FLOAT, FREE, honest, integer_file, network

from sr2tflite.check.archive import archive_of
from sr2tflite.check.profile import FOLDER
from sr2tflite.commands.check import Given, check
from sr2tflite.errors import Sr2TfliteError
from sr2tflite.graph import onnx

Say = Callable[[str], None]

NAMES = ("../evil", "/tmp/evil", "TFLite/../../evil", "C:\\evil", "TFLite/a\0b", "ü" * 300, "TFLite/model.tflite/x", "")


@cache
def _archives() -> tuple[bytes, ...]:
    more = (entry("Model/readme.md", method=8), b"# how it was made\n" * 99)
    return archive_of(honest()), archive_of(honest("mai2022")), with_entries(more)


@cache
def _profiles() -> tuple[bytes, ...]:
    return tuple(path.read_bytes() for path in sorted(FOLDER.glob("*.yaml")))


def submission_mutant(seed: int) -> bytes:
    """The damaged submission of a number: a third by the archive's bytes, a third by its files, a third by names."""
    rng = np.random.default_rng(seed)
    files = _archives()
    match seed % 3:
        case 0:
            return _damaged(files[rng.integers(len(files))], files, rng)
        case 1:
            name = str(rng.choice([FIXED, FREE, FLOAT]))
            data = honest()[name]
            damaged = damaged_fields(data, rng) if rng.random() < 0.5 else _damaged(data, (data,), rng)
            return archive_of({**honest(), name: damaged})
        case _:
            name = str(rng.choice(NAMES))
            stand_in = "x" * len(name.encode())
            data = with_entries((entry(stand_in), b"evil")).replace(stand_in.encode(), name.encode())
            return _damaged(data, files, rng) if rng.random() < 0.3 else data


@cache
def _origins() -> tuple[bytes, ...]:
    return (onnx.write(network()), *our_files())


def against_mutant(seed: int) -> bytes:
    """The damaged ``.onnx`` of a number, every other one of the network that it is compared with."""
    files = _origins()
    return mutant(seed, files[:1] if seed % 2 else files, damaged_onnx)


def profile_mutant(seed: int) -> bytes:
    """The damaged YAML of a number: by bytes, or by lines and words."""
    rng = np.random.default_rng(seed)
    files = _profiles()
    data = files[rng.integers(len(files))]
    return _damaged(data, files, rng) if seed % 2 else _other_words(data, rng)


def _damaged(data: bytes, files: tuple[bytes, ...], rng: Random) -> bytes:
    for _ in range(rng.integers(1, 4)):
        data = BYTE_DAMAGES[rng.integers(len(BYTE_DAMAGES))](data, files, rng)
    return data


WORDS = (
    *("null", "[]", "{}", "-1", "1e999", ".nan", "2026-13-45", "!!int ''", "!!timestamp x", "!!python/name:os.system"),
    *("&a [*a]", "*a", "{name: integer_ops, severity: grave}", "{name: op_versions, min_runtime: [2]}", "'\\0'"),
    *("{? [a] : b}", "[" * 3000, "{name: {name: x}}", "challenge: [mai2026]", "y", "0x_", "mai1999", "? ?"),
)


def _other_words(data: bytes, rng: Random) -> bytes:
    lines = data.decode().splitlines()
    for _ in range(rng.integers(1, 4)):
        here = int(rng.integers(len(lines)))
        head, sign, _ = lines[here].rpartition(" ")
        match rng.integers(4):
            case 0:
                lines[here] = f"{head}{sign}{rng.choice(WORDS)}"
            case 1:
                lines.insert(here, lines[rng.integers(len(lines))])
            case 2:
                lines[here] = " " * int(rng.integers(5)) + lines[here].strip()
            case _:
                del lines[here]
                lines = lines or [""]
    return "\n".join(lines).encode()


def _asked(
    name: str, data: bytes, target: str, profile: str, beside: dict[str, bytes], against: Path | None = None
) -> Iterator[str]:
    """Check something in a folder within a folder; both hold afterwards what they held before."""
    with tempfile.TemporaryDirectory() as base:
        folder = Path(base, "here")
        folder.mkdir()
        os.chdir(folder)
        for file, content in {**beside, name: data}.items():
            Path(file).write_bytes(content)
        before = sorted(os.listdir())
        try:
            gate = check(Path(target), [profile], Given(against))
            yield f"check: {'passes' if gate.passed else 'fails'}"
        except Sr2TfliteError as error:
            yield f"check: refused {error.exit_status}"
        finally:
            left = sorted(os.listdir()), os.listdir(base)
            os.chdir("/")
        assert left == (before, ["here"]), left
        assert not Path("/tmp/evil").exists()


def try_check_file(data: bytes, say: Say) -> Iterator[str]:
    """What becomes of a ``.tflite``."""
    say("check")
    yield from _asked("mutant.tflite", data, "mutant.tflite", "integrity", {})


def try_check_submission(data: bytes, say: Say) -> Iterator[str]:
    """What becomes of a submission."""
    say("check")
    yield from _asked("mutant.zip", data, "mutant.zip", "mai2026", {})


def try_check_profile(data: bytes, say: Say) -> Iterator[str]:
    """What becomes of a profile."""
    say("check")
    yield from _asked("mutant.yaml", data, "model.tflite", "mutant.yaml", {"model.tflite": _small()})


def try_check_against(data: bytes, say: Say) -> Iterator[str]:
    """What becomes of an ``.onnx`` that a file is compared with."""
    say("check")
    yield from _asked("a.onnx", data, "model.tflite", "integrity", {"model.tflite": _small()}, Path("a.onnx"))


@cache
def _small() -> bytes:
    return integer_file(network(), (None, None))


CHECK_TRIALS: dict[str, Callable[[bytes, Say], Iterator[str]]] = {
    "check file": try_check_file,
    "check submission": try_check_submission,
    "check profile": try_check_profile,
    "check against": try_check_against,
}

CHECK_MUTANTS: dict[str, Callable[[int], bytes]] = {
    "check file": tflite_mutant,
    "check submission": submission_mutant,
    "check profile": profile_mutant,
    "check against": against_mutant,
}
