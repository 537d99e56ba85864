"""The onnx2tf road: its file is the graph, or it is refused; TensorFlow runs in a few tests, of the marker ``tf``."""

import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from kit.graphs import float_sr_graph, quantized_sr_graph
from kit.one_op import CASES, one_op_graph, quantized_one_op_graph
from kit.students import deployed

from sr2tflite.commands.export import ExportResult, export
from sr2tflite.errors import InputError, MissingError, UnsupportedError
from sr2tflite.export import onnx2tf
from sr2tflite.export.backends import Spec, make
from sr2tflite.export.cross_check import compare_backends
from sr2tflite.export.match import prove_match
from sr2tflite.export.onnx2tf import child
from sr2tflite.export.onnx2tf.feed import feedable
from sr2tflite.export.onnx2tf.fitness import declined
from sr2tflite.graph import Graph, Tensor, onnx, ops, tflite
from sr2tflite.interpret import Interpreter
from sr2tflite.runtime import LiteRT

ROOT = Path(__file__).parents[2]


def saved(folder: Path, graph: Graph) -> Path:
    path = folder / "model.onnx"
    path.write_bytes(onnx.write(graph))
    return path


@pytest.fixture
def without_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "_missing", lambda: ["tensorflow"])


@pytest.mark.usefixtures("without_extra")
@pytest.mark.parametrize("options", [{"backend": "onnx2tf"}, {"cross_check": True}])
def test_without_the_extra_the_pip_line_is_the_hint(tmp_path: Path, options: dict[str, object]) -> None:
    with pytest.raises(MissingError) as caught:
        export(saved(tmp_path, quantized_sr_graph()), tmp_path / "out.tflite", free_shape=True, **options)
    assert (caught.value.exit_status, caught.value.hint) == (3, onnx2tf.INSTALL)
    assert not (tmp_path / "out.tflite").exists()


@pytest.mark.usefixtures("without_extra")
def test_without_the_extra_an_export_by_default_is_not_cross_checked(tmp_path: Path) -> None:
    model = saved(tmp_path, quantized_sr_graph())
    result = export(model, tmp_path / "out.tflite", free_shape=True, cross_check=None)
    assert (result.cross_check, result.not_checked) == (None, None)


def test_the_pip_line_is_the_extra() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert tuple(extras["onnx2tf"]) == child.REQUIREMENTS


def test_a_child_without_a_file_is_an_error_with_its_last_lines(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    failing = tmp_path / "python"
    failing.write_text("#!/bin/sh\necho first >&2\necho the last words\nexit 0\n")
    failing.chmod(0o755)
    monkeypatch.setattr(child, "_missing", list)
    monkeypatch.setattr(sys, "executable", str(failing))
    with pytest.raises(UnsupportedError, match=r"first \| the last words \| exit status 0"):
        onnx2tf.convert(quantized_sr_graph(size=(8, 9)), "int8")


def test_a_file_that_is_not_the_graph_is_refused_whatever_the_child_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    graph = quantized_sr_graph()
    other = tflite.write(quantized_sr_graph(size=(8, 9), seed=1))
    monkeypatch.setattr(child, "_missing", list)
    monkeypatch.setattr(onnx2tf, "convert", lambda *_args, **_kwargs: other)
    with pytest.raises(Exception, match="stem") as caught:
        make(graph, Spec(height=8, width=9, backend="onnx2tf"))
    assert caught.value.exit_status == 5


def test_the_child_can_reach_no_network() -> None:
    code = (
        "import sys, socket\n"
        "from sr2tflite.export.onnx2tf import worker\n"
        "sys.addaudithook(worker._refuse_connections)\n"
        "for ask in (lambda: socket.create_connection(('127.0.0.1', 9)), lambda: socket.getaddrinfo('a.b', 80)):\n"
        "    try: ask()\n"
        "    except ConnectionRefusedError as error: print('offline' in str(error))\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert said.stdout.split() == ["True", "True"]


def test_direct_writes_no_float16(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="float16 is asked for"):
        export(tmp_path / "m.onnx", tmp_path / "o.tflite", kind="float16", backend="direct", free_shape=True)


def test_what_one_backend_makes_is_not_cross_checked(tmp_path: Path) -> None:
    model = saved(tmp_path, float_sr_graph())
    with pytest.raises(InputError, match="nothing to check it with"):
        export(model, tmp_path / "o.tflite", kind="float16", free_shape=True, cross_check=True)


def test_an_op_that_does_not_survive_is_refused_by_name_and_said_by_default(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(child, "_missing", list)
    model = saved(tmp_path, quantized_one_op_graph("relu_0_to_1"))
    monkeypatch.setattr("sr2tflite.export.direct.with_io", lambda graph, _io: graph)
    for options in ({"backend": "onnx2tf"}, {"cross_check": True}):
        with pytest.raises(UnsupportedError, match="RELU_0_TO_1"):
            export(model, tmp_path / "o.tflite", height=8, width=9, **options)
    result = export(model, tmp_path / "o.tflite", height=8, width=9, cross_check=None)
    assert "not cross-checked: y: the converter splits RELU_0_TO_1" in result.line()


@pytest.mark.parametrize("channels", [22, 23, 24])
def test_a_network_is_traced_at_sizes_that_tell_its_axes_apart(channels: int) -> None:
    fed = feedable(quantized_sr_graph(channels=channels))
    _, height, width, _ = fed.input.shape
    assert len({height, width, *(tensor.shape[-1] for tensor in fed.tensors.values() if len(tensor.shape) == 4)}) > 3
    assert height != width
    assert channels not in (height, width)


def test_a_network_that_halves_its_image_is_traced_at_sizes_that_stay_apart_from_its_channels() -> None:
    graph = deployed("efm", 1, channels=14)
    fed = feedable(graph)
    _, height, width, _ = fed.input.shape
    assert (height, width) == (24, 32)  # 28, 14 and 7 are numbers of channels
    sizes = {size for tensor in fed.tensors.values() if len(tensor.shape) == 4 for size in tensor.shape[1:3]}
    assert sizes & {7, 14, 28} == set()


@pytest.mark.tf
@pytest.mark.slow
def test_an_enlargement_that_fixes_its_size_is_cross_checked_at_that_size(tmp_path: Path) -> None:
    graph = float_sr_graph(size=(7, 9))
    graph.append(ops.ResizeNearestNeighbor(2), graph.outputs, Tensor("larger", (1, 42, 54, 3)))
    graph.outputs = ("larger",)
    options = {"kind": "float32", "height": 7, "width": 9, "cross_check": True}
    for backend in ("direct", "onnx2tf"):
        result = export(saved(tmp_path, graph), tmp_path / "o.tflite", backend=backend, **options)
        assert result.cross_check.size == (7, 9)


def test_an_enlargement_that_fixes_its_size_has_no_free_form() -> None:
    with pytest.raises(UnsupportedError, match="free shape"):
        feedable(one_op_graph("resize_nearest", height=None, width=None))


@pytest.fixture(scope="module")
def free(tmp_path_factory: pytest.TempPathFactory) -> tuple[Graph, Path, ExportResult]:
    """A free-shape uint8 file by onnx2tf, of a graph with a name that TensorFlow would not take."""
    folder = tmp_path_factory.mktemp("free")
    graph = with_name(quantized_sr_graph(skip="concat", channels=6), "stem", "/stem conv:0 ä")
    model, out = saved(folder, graph), folder / "out.tflite"
    return graph, out, export(model, out, free_shape=True, io="uint8", backend="onnx2tf", cross_check=True)


def with_name(graph: Graph, old: str, new: str) -> Graph:
    """A graph with one tensor renamed."""
    names = {name: new if name == old else name for name in graph.tensors}

    def swap(given: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(names[name] for name in given)

    tensors = {names[name]: replace(tensor, name=names[name]) for name, tensor in graph.tensors.items()}
    nodes = [replace(node, inputs=swap(node.inputs), outputs=swap(node.outputs)) for node in graph.nodes]
    return replace(graph, tensors=tensors, nodes=nodes)


@pytest.mark.tf
def test_the_free_file_is_clean_proved_and_cross_checked(free: tuple[Graph, Path, ExportResult]) -> None:
    _, _, result = free
    assert result.input_shape == (1, None, None, 3)
    assert result.proof.summary == "QUANTIZE×2 CONV_2D×4 CONCATENATION DEPTH_TO_SPACE"
    assert result.line().endswith("cross-checked with direct: 0 bytes differ on 7 images of 24×32")


@pytest.mark.tf
@pytest.mark.parametrize("size", [(1, 1), (2, 5), (24, 24), (37, 53)])
def test_the_free_file_gives_the_direct_files_bytes_at_any_size(
    free: tuple[Graph, Path, ExportResult], size: tuple[int, int]
) -> None:
    graph, out, _ = free
    pixels = np.random.default_rng(0).integers(0, 256, (1, *size, 3)).astype(np.uint8)
    wanted = Interpreter(graph).run((pixels.astype(np.int16) - 128).astype(np.int8)).astype(np.int16) + 128
    assert np.count_nonzero(LiteRT(out).run(pixels) != wanted) == 0


@pytest.mark.tf
def test_direct_is_cross_checked_with_onnx2tf_and_told_when_it_takes_long(tmp_path: Path) -> None:
    told = []
    result = export(
        saved(tmp_path, quantized_sr_graph(skip="nearest")),
        tmp_path / "out.tflite",
        height=40,
        width=50,
        cross_check=None,
        progress=lambda what, *_: told.append(what),
    )
    assert result.backend == "direct"
    assert result.line().endswith("cross-checked with onnx2tf: 0 bytes differ on 7 images of 24×32")
    assert set(told) <= {"onnx2tf"}


@pytest.mark.tf
def test_float16_weights_by_the_backend_that_makes_them(tmp_path: Path) -> None:
    out = tmp_path / "out.tflite"
    graph = float_sr_graph(value_range=(0, 1))
    graph.append(ops.Relu0To1(), graph.outputs, Tensor("clipped", graph.output.shape))
    graph.outputs = ("clipped",)
    result = export(saved(tmp_path, graph), out, kind="float16", free_shape=True)
    assert (result.backend, result.io, result.proof.weights_are) == (
        "onnx2tf",
        "float32",
        "equal to their float16 rounding",
    )
    assert "MINIMUM DEPTH_TO_SPACE" in result.proof.summary
    assert LiteRT(out).run(np.full((1, 5, 6, 3), 128, np.float32)).shape == (1, 15, 18, 3)


@pytest.mark.tf
@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_every_op_keeps_its_integers_or_is_declined(case: str) -> None:
    graph = quantized_one_op_graph(case, height=9, width=11)
    if fault := declined(graph):
        pytest.skip(fault.reason)
    prove_match(onnx2tf.convert(graph, "int8"), graph, "int8")


@pytest.mark.tf
@pytest.mark.slow
def test_dynamic_range_and_float32_are_proved_and_float32_cross_checked() -> None:
    graph = float_sr_graph(channels=16)
    assert make(graph, Spec("dynamic-range", io="float32", backend="onnx2tf")).proof.weights_are.startswith("within")
    spec = Spec("float32", 24, 32, io="float32", backend="onnx2tf")
    assert compare_backends(graph, spec, make(graph, spec).data).largest < 1e-2
