"""``sr2tflite bench --android`` on loop phones: how it ended, what it printed, and what it left on them."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kit.graphs import quantized_sr_graph
from outside.loop import World
from outside.loop_phone import Phone

from sr2tflite.export import direct
from sr2tflite.graph import tflite


@dataclass(frozen=True)
class Told:
    """How a call of the program ended, and what it printed."""

    status: int
    out: str
    err: str

    def is_error(self, status: int, *says: str) -> bool:
        """Whether it ends in one message, with a hint at most, that has some words; raises with all of it where not.

        Progress may come before it, where a slow machine makes that worth telling.
        """
        lines = self.err.strip().splitlines() or [""]
        begins = next((index for index, line in enumerate(lines) if line.startswith("error: ")), 0)
        assert not [line for line in lines[:begins] if line.startswith(("Traceback", " "))], self.err
        first, *more = lines[begins:]
        fits = self.status == status and first.startswith("error: ") and all(one in self.err for one in says)
        assert fits, f"status {self.status}, {self.out}{self.err}"
        assert [line for line in more if not line.startswith("  hint: ")] == []
        assert len(more) < 2
        assert self.out == ""
        return True


Bench = Callable[..., Told]
Program = Callable[[bytes], Path]


def words(adb: Path, *more: str | Path) -> list[str]:
    """A short measurement."""
    usual = ("--android", "--adb", adb, "--height", "24", "--width", "32", "--rounds", "2", "--runs", "3")
    return ["bench", *(str(word) for word in (*usual, "--seconds", "0", *more))]


def write_model(path: Path, seed: int = 0, size: tuple[int | None, int | None] = (None, None)) -> Path:
    """An int8 file, ×3, of free shape or of one height and width."""
    graph = direct.prepare(quantized_sr_graph(seed=seed), height=size[0], width=size[1], io="int8")
    path.write_bytes(tflite.write(graph))
    return path


def is_clean(world: World, *phones: Phone) -> bool:
    """Whether nothing of ours is on some phones: no file, and soon no process. adbd takes a second to end a shell."""
    for phone in phones:
        assert phone.left == []
        assert any("benchmark_model" not in (last := _processes(world, phone)) for _ in range(100)), last
        assert "sleep" not in last
    return True


def _processes(world: World, phone: Phone) -> str:
    time.sleep(0.05)
    return world.call("-s", phone.serial, "shell", "ps -A -o ARGS").stdout
