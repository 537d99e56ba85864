"""A submission's three files come from one set of integers."""

from pathlib import Path

import numpy as np
import pytest
from kit.floats import run_float
from kit.graphs import float_sr_graph, quantized_sr_graph

from sr2tflite.commands.challenge import challenge
from sr2tflite.errors import InputError, StorageError
from sr2tflite.export.challenges import CHALLENGES
from sr2tflite.graph import Graph, onnx
from sr2tflite.graph.passes.dequantize import dequantized
from sr2tflite.interpret import Interpreter
from sr2tflite.runtime import LiteRT


def saved(folder: Path, graph: Graph) -> Path:
    path = folder / "model.onnx"
    path.write_bytes(onnx.write(graph))
    return path


@pytest.mark.parametrize("name", CHALLENGES)
def test_the_three_files_have_the_shapes_and_types_asked_for(tmp_path: Path, name: str) -> None:
    result = challenge(saved(tmp_path, quantized_sr_graph()), tmp_path / "v1.2", name)
    rules = CHALLENGES[name]
    fixed, free, floating = (LiteRT(file.path) for file in result.files)
    assert [file.path.name for file in result.files] == [
        "model.tflite",
        "model_none.tflite",
        "model_none_float.tflite",
    ]
    assert result.folder == tmp_path / "v1.2" / "TFLite"
    assert (fixed.fixed_size, free.fixed_size, floating.fixed_size) == ((rules.height, rules.width), None, None)
    types = [np.dtype(model.input["dtype"]).name for model in (fixed, free, floating)]
    assert types == [rules.io, rules.io, "float32"]
    assert types == [np.dtype(model.output["dtype"]).name for model in (fixed, free, floating)]


@pytest.mark.parametrize("size", [(1, 1), (17, 23), (48, 40)])
def test_fixed_and_free_file_hold_the_same_integers(tmp_path: Path, size: tuple[int, int]) -> None:
    graph = quantized_sr_graph(skip="nearest")
    result = challenge(saved(tmp_path, graph), tmp_path, "mai2026")
    x = np.random.default_rng(0).integers(-128, 128, (1, *size, 3)).astype(np.int8)
    fixed, free, _ = (LiteRT(file.path) for file in result.files)
    wanted = Interpreter(graph).run(x)
    assert np.count_nonzero(fixed.run(x, strict=False) != wanted) == 0
    assert np.count_nonzero(free.run(x) != wanted) == 0


def test_the_float_file_holds_the_integers_real_values_and_stays_between_black_and_white(tmp_path: Path) -> None:
    graph = quantized_sr_graph()
    floating = challenge(saved(tmp_path, graph), tmp_path, "mai2022").files[2]
    pixels = np.random.default_rng(0).integers(0, 256, (1, 12, 17, 3)).astype(np.float32)
    unbounded = run_float(dequantized(graph), pixels)["output"]
    assert unbounded.min() < 0
    assert unbounded.max() > 255
    # float32 against the reference's float64
    assert np.abs(LiteRT(floating.path).run(pixels) - unbounded.clip(0, 255)).max() < 1e-2


REFUSED = {
    "a float model": (float_sr_graph, "mai2026", "holds no scales"),
    "another factor": (lambda: quantized_sr_graph(scale=2), "mai2026", "enlarges by 2; mai2026 asks for 3"),
    "an unknown challenge": (quantized_sr_graph, "mai1999", "mai2022, mai2026"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused_before_anything_is_written(tmp_path: Path, case: str) -> None:
    graph, name, message = REFUSED[case]
    with pytest.raises(InputError, match=message):
        challenge(saved(tmp_path, graph()), tmp_path / "out", name)
    assert not (tmp_path / "out").exists()


def test_a_file_where_the_folder_should_be_is_refused(tmp_path: Path) -> None:
    model = saved(tmp_path, quantized_sr_graph())
    with pytest.raises(StorageError, match="is a file; expected a folder"):
        challenge(model, model, "mai2026")
