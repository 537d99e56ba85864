"""Verbs that look, on damaged files: their own messages alone, and nothing written anywhere."""

import io
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import chdir, redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from kit.fuzz.onnx_mutants import foreign_mutant, our_files, our_mutant
from kit.fuzz.tflite_mutants import BYTE_DAMAGES, TEXTS, Random, mutant, other_op, seed_files, tflite_mutant
from safetensors.numpy import save

from sr2tflite.cli import status_of
from sr2tflite.cli.verbs import group

Say = Callable[[str], None]
Files = dict[str, bytes]
"""What lies in the working folder, by name."""

STATUSES = {0, 2, 4, 6}
"""Ends of a verb that looks: done, refused, or different."""

RECIPE = b"""name: tiny
student: {name: abpn, channels: 4}
data: {train: [photos], calibrate: [photos], evaluate: [judged]}
train: {steps: 5, losses: [l1, {name: dct, weight: 0.02}]}
qat: {steps: 10, ptq: {method: minmax}}
export: {height: 24, width: 30}
bench: null
gates: {psnr_drop_db: 0.02}
"""

MANIFEST = json.dumps(
    {
        "fuse": {"started": "a", "key": "a", "outputs": {"deploy.onnx": "0" * 64}, "facts": {"ops": 3}},
        "export": {"started": "b", "key": "b", "outputs": {"m.tflite": "1" * 64}, "facts": {"files": ["m.tflite"]}},
    },
    indent=1,
).encode()


def _ended(files: Files, words: list[str], say: Say) -> Iterator[str]:
    """How a verb ends on some files, in a folder that it must leave as it is."""
    with tempfile.TemporaryDirectory() as outer:
        place = Path(outer) / "work"
        for name, data in files.items():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_bytes(data)
        before = _snapshot(outer)
        out, err = io.StringIO(), io.StringIO()
        say(words[0])
        with chdir(place), redirect_stdout(out), redirect_stderr(err):
            status = status_of(lambda: group.main(words, standalone_mode=False), as_json="--json" in words)
        assert status in STATUSES, (status, err.getvalue())
        assert _snapshot(outer) == before, f"{words} changed files"
        if "--json" in words:
            assert "schema" in json.loads(out.getvalue())
        assert (status in (2, 6)) == ("error: " in err.getvalue()), (status, err.getvalue())
        yield f"{words[0]}: {status}"


def _snapshot(folder: str) -> dict[str, bytes]:
    places = (os.path.join(at, name) for at, _, names in os.walk(folder) for name in names)
    return {place: Path(place).read_bytes() for place in places}


def _looked(name: str) -> Callable[[bytes, Say], Iterator[str]]:
    def look(data: bytes, say: Say) -> Iterator[str]:
        for words in (["--json"], ["--tree"]):
            yield from _ended({name: data}, ["inspect", name, *words], say)

    return look


def _inspect_run(data: bytes, say: Say) -> Iterator[str]:
    files = {"run/manifest.json": data, "run/m.tflite": seed_files()[0], "run/cut.onnx": our_files()[0][:99]}
    yield from _ended(files, ["inspect", "run", "--json"], say)
    yield from _ended(files, ["inspect", "run", "--tree"], say)


def _diff(suffix: str) -> Callable[[bytes, Say], Iterator[str]]:
    def diff(data: bytes, say: Say) -> Iterator[str]:
        honest, damaged = parted(data)
        files = {f"a.{suffix}": honest, f"b.{suffix}": damaged}
        yield from _ended(files, ["diff", f"a.{suffix}", f"b.{suffix}", "--json"], say)
        yield from _ended(files, ["diff", f"b.{suffix}", f"a.{suffix}"], say)

    return diff


def _recipe(data: bytes, say: Say) -> Iterator[str]:
    files = {"a.yaml": RECIPE, "b.yaml": data}
    yield from _ended(files, ["recipe", "show", "b.yaml"], say)
    yield from _ended(files, ["recipe", "diff", "a.yaml", "b.yaml", "--json"], say)


def paired(honest: bytes, damaged: bytes) -> bytes:
    """Two files as one, for :func:`parted`."""
    return len(honest).to_bytes(8, "little") + honest + damaged


def parted(data: bytes) -> tuple[bytes, bytes]:
    """The honest and the damaged file."""
    end = 8 + int.from_bytes(data[:8], "little")
    return data[8:end], data[end:]


def _with_its_source(make: Callable[[int], bytes], files: Callable[[], tuple[bytes, ...]]) -> Callable[[int], bytes]:
    """A damaged file beside the one that it was: ``mutant`` draws that first."""
    return lambda seed: paired(files()[np.random.default_rng(seed).integers(len(files()))], make(seed))


@cache
def checkpoints() -> tuple[bytes, ...]:
    """Weights that say what they are, and weights that do not."""
    weights = {"body.0.weight": np.zeros((4, 3, 3, 3), np.float32), "body.0.bias": np.zeros(4, np.float32)}
    facts = {"student": {"name": "abpn", "channels": 4}, "trained_on": "00000001 00000002"}
    return save(weights, {"sr2tflite": json.dumps(facts)}), save(weights)


def damaged_text(data: bytes, rng: Random) -> bytes:
    """One to three words or lines of a text changed."""
    lines = data.split(b"\n")
    for _ in range(rng.integers(1, 4)):
        here, there = rng.integers(len(lines), size=2)
        match rng.integers(4):
            case 0:
                lines[here] = lines[there]
            case 1:
                lines[here] += str(rng.choice(TEXTS)).encode()
            case 2:
                words = (
                    b"1e999",
                    b"[]",
                    b"{}",
                    b"null",
                    b"&a [*a]",
                    b"!!python/name:os.system",
                    b"-1",
                    b"'",
                    b"9" * 40,
                )
                key, colon, _ = lines[here].partition(b":")
                lines[here] = key + colon + b" " + words[rng.integers(len(words))]
            case _:
                lines[here] = b" " * int(rng.integers(8)) + lines[here].strip()
    return b"\n".join(lines)


def _text_mutant(*texts: bytes) -> Callable[[int], bytes]:
    return lambda seed: mutant(seed, texts, damaged_text)


def _checkpoint_mutant(seed: int) -> bytes:
    return mutant(seed, checkpoints(), lambda data, rng: BYTE_DAMAGES[0](data, checkpoints(), rng))


def _any_onnx(seed: int) -> bytes:
    return our_mutant(seed // 2) if seed % 2 else foreign_mutant(seed // 2)


def _any_tflite(seed: int) -> bytes:
    return other_op(seed // 4) if seed % 4 == 0 else tflite_mutant(seed)


VERB_TRIALS: dict[str, Callable[[bytes, Say], Iterator[str]]] = {
    "inspect tflite": _looked("m.tflite"),
    "inspect onnx": _looked("m.onnx"),
    "inspect checkpoint": _looked("m.safetensors"),
    "inspect run": _inspect_run,
    "diff tflite": _diff("tflite"),
    "diff onnx": _diff("onnx"),
    "recipe": _recipe,
}
"""Verb and kind of file → what is done with one."""

VERB_MUTANTS: dict[str, Callable[[int], Any]] = {
    "inspect tflite": _any_tflite,
    "inspect onnx": _any_onnx,
    "inspect checkpoint": _checkpoint_mutant,
    "inspect run": _text_mutant(MANIFEST),
    "diff tflite": _with_its_source(tflite_mutant, seed_files),
    "diff onnx": _with_its_source(our_mutant, our_files),
    "recipe": _text_mutant(RECIPE),
}
"""Verb and kind of file → the damaged file of a number."""
