"""What ``sr2tflite check --fix`` makes of damaged files with the tails of other converters."""

import os
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

from kit.fuzz.tflite_mutants import damaged_fields, mutant
from kit.graphs import quantized_sr_graph
from kit.tails import WIDE, float_island_tail, gathered_tail, with_computed_shapes, with_pads, with_tail

from sr2tflite.check.package import Tried
from sr2tflite.commands.check import Given
from sr2tflite.commands.check_fix import check_fix
from sr2tflite.errors import Sr2TfliteError
from sr2tflite.graph import tflite

Say = Callable[[str], None]

PROFILES = ("nnapi", "gpu", "hexagon", "ethos-u", "xnnpack")


@cache
def _files() -> tuple[bytes, ...]:
    graph = quantized_sr_graph(channels=4, depth=1, size=(7, 10))
    made = (
        with_tail(graph),
        with_tail(with_pads(graph), is_clipped=True),
        with_tail(graph, wide=WIDE),
        gathered_tail(graph, WIDE),
        float_island_tail(graph, WIDE),
    )
    return (*(tflite.write(one) for one in made), with_computed_shapes(with_tail(graph)))


def fix_mutant(seed: int) -> bytes:
    """The damaged file of a number."""
    return mutant(seed, _files(), damaged_fields)


def try_check_fix(data: bytes, say: Say) -> Iterator[str]:
    """What becomes of a ``.tflite``: nothing is written beside the file that was asked for."""
    say("check --fix")
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        Path("mutant.tflite").write_bytes(data)
        try:
            given = Given(tried=Tried(limit=1))
            found = check_fix(Path("mutant.tflite"), PROFILES, Path("fixed.tflite"), given, allow_difference=True)
            yield f"check --fix: {'rewritten' if found.output else 'nothing to do'}"
        except Sr2TfliteError as error:
            yield f"check --fix: refused {error.exit_status}"
        finally:
            left = sorted(os.listdir())
            os.chdir("/")
        assert left in (["mutant.tflite"], ["fixed.tflite", "mutant.tflite"]), left


FIX_TRIALS: dict[str, Callable[[bytes, Say], Iterator[str]]] = {"check fix": try_check_fix}
FIX_MUTANTS: dict[str, Callable[[int], bytes]] = {"check fix": fix_mutant}
