"""What passes for ``benchmark_model`` on a loop phone is a program, and the real one really measures."""

from pathlib import Path

import numpy as np
import pytest
from kit.graphs import quantized_sr_graph
from outside import tool
from outside.loop import World
from outside.loop_phone import WORK, Phone

from sr2tflite.bench.phone.benchmark_model import flags_of, read
from sr2tflite.export import direct
from sr2tflite.graph import tflite
from sr2tflite.runtime import LiteRT

pytestmark = pytest.mark.skipif(tool.HERE is None, reason="its machine code is x86_64's")


def pushed(world: World, place: Path, **files: bytes) -> None:
    for name, content in files.items():
        (place / name).write_bytes(content)
        assert world.call("push", str(place / name), WORK).returncode == 0
    world.call("shell", f"chmod 755 {WORK}/benchmark_model")


@pytest.mark.usefixtures("phone")
def test_a_program_has_its_arguments_and_its_exit_status(world: World, tmp_path: Path) -> None:
    pushed(world, tmp_path, benchmark_model=tool.saying('for word in "$0" "$@"; do echo "<$word>"; done; exit 7'))
    said = world.call("shell", f"cd {WORK}; ./benchmark_model --a='b  c' '' \"'\"")
    assert (said.stdout, said.returncode) == ("<./benchmark_model>\n<--a=b  c>\n<>\n<'>\n", 7)


@pytest.mark.usefixtures("phone")
def test_a_program_of_another_machine_does_not_start(world: World, tmp_path: Path) -> None:
    pushed(world, tmp_path, benchmark_model=tool.elf("exit 0", tool.AARCH64))
    assert world.call("shell", f"{WORK}/benchmark_model").returncode in {126, 127}


@pytest.mark.usefixtures("phone")
def test_it_tells_its_flags(world: World, tmp_path: Path) -> None:
    pushed(world, tmp_path, benchmark_model=tool.replaying("", flags=["graph", "num_runs"]))
    said = world.call("shell", f"{WORK}/benchmark_model --help")
    assert (flags_of(said.stdout), said.returncode) == ({"graph", "num_runs"}, 1)


def test_the_real_one_writes_litert_s_bytes(world: World, phone: Phone, tmp_path: Path) -> None:
    model = tflite.write(direct.prepare(quantized_sr_graph(), height=None, width=None, io="int8"))
    (tmp_path / "m").write_bytes(model)
    x = np.random.default_rng(0).integers(-128, 128, (1, 24, 32, 3), np.int8)
    pushed(world, tmp_path, benchmark_model=tool.the_real_one(), **{"m.tflite": model, "in.bin": x.tobytes()})
    said = world.call(
        "shell",
        f"cd {WORK}; ./benchmark_model --graph=m.tflite --num_threads=1 --bogus=1 --num_runs=4 --min_secs=0 "
        "--warmup_runs=2 --warmup_min_secs=0 --input_layer=t --input_layer_shape=1,24,32,3 "
        "--input_layer_value_files=t:in.bin --output_filepath=out.bin --report_peak_memory_footprint=true",
    )
    log = read(said.stdout)
    assert said.returncode == 0, said
    assert log.is_complete
    assert (log.runs.count, log.warmup.count, log.unconsumed) == (4, 2, ("--bogus=1",))
    assert log.memory.peak > 10
    assert phone.left == ["benchmark_model", "in.bin", "m.tflite", "out.bin"]
    world.call("pull", f"{WORK}/out.bin", str(tmp_path / "out"))
    assert (tmp_path / "out").read_bytes() == LiteRT(tmp_path / "m").run(x).tobytes()
