"""Real files, honest ones and others."""

from collections.abc import Callable
from pathlib import Path

import pytest
from kit.graphs import quantized_sr_graph

from sr2tflite.check.case import Case
from sr2tflite.graph import Graph, onnx, tflite

Filed = Callable[..., Case]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # where no calib_data is


@pytest.fixture
def filed(tmp_path: Path) -> Filed:
    """A graph as a file, against the QDQ ONNX of another one, in a case."""

    def write(graph: Graph, against: Graph | None = None, name: str = "model.tflite") -> Case:
        (tmp_path / name).write_bytes(tflite.write(graph))
        if against is None:
            return Case(Path(name))
        (tmp_path / "qat.onnx").write_bytes(onnx.write(against))
        return Case(Path(name), against=Path("qat.onnx"))

    return write


@pytest.fixture
def graph() -> Graph:
    return quantized_sr_graph()
