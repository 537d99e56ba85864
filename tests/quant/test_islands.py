"""Islands are put where they bring the output nearest to float, and the file computes what was measured."""

from collections.abc import Callable
from contextlib import suppress
from math import log10

import numpy as np
import onnxruntime
import pytest
import torch
from kit.graphs import float_sr_graph, quantized_sr_graph
from kit.islands import Islander
from kit.mixed import mixed_graph
from kit.residual import residual_graph
from numpy.typing import NDArray
from pydantic import ValidationError

from sr2tflite.commands.ptq import on_device
from sr2tflite.errors import UnsupportedError, VerificationError
from sr2tflite.export.checks import check_integers
from sr2tflite.export.onnx2tf.fitness import declined
from sr2tflite.graph import Graph, onnx, ops, tflite
from sr2tflite.graph.passes.as_uint8 import as_uint8
from sr2tflite.graph.passes.int16_island import declined as no_island
from sr2tflite.graph.passes.int16_island import int16_islands
from sr2tflite.graph.shapes import with_size
from sr2tflite.interpret import Interpreter
from sr2tflite.numerics.qparams import QuantParams
from sr2tflite.quant.islands import Islands, choose_islands, island_scale
from sr2tflite.quant.limits import Range
from sr2tflite.quant.plan import PIXELS, Group
from sr2tflite.quant.settings import (
    Bits,
    BranchSettings,
    IslandSettings,
    PtqSettings,
    QatSettings,
    WeightGrid,
)
from sr2tflite.quant.view import QuantizedView
from sr2tflite.runtime import Kernels, LiteRT
from sr2tflite.torch_view import FloatView

IMAGES = [np.random.default_rng(seed).integers(0, 256, (40, 36, 3), np.uint8) for seed in range(3)]
ALL = IslandSettings(gain_db=0, most=99)
MakeView = Callable[..., QuantizedView]


def _view(graph: Graph, **settings: object) -> QuantizedView:
    return QuantizedView.from_float(graph, IMAGES, PtqSettings.model_validate(settings))


def _found(view: QuantizedView, settings: IslandSettings = ALL) -> Islands:
    return choose_islands(view, view.freeze(), IMAGES, settings, on_device)


def _outputs(graph: Graph, kernels: Kernels, height: int, width: int, *, fixed: bool) -> tuple[NDArray[np.int8], ...]:
    """Of the file and of the interpreter."""
    x = np.random.default_rng(height * width).integers(-128, 128, (1, height, width, 3)).astype(np.int8)
    file = with_size(graph, height, width) if fixed else graph
    check_integers(file)
    return LiteRT(tflite.write(file), kernels).run(x), Interpreter(graph, kernels.value).run(x)


def _assert_exact(graph: Graph, height: int = 23, width: int = 29) -> None:
    for kernels in Kernels:
        for fixed in (False, True):
            file, ours = _outputs(graph, kernels, height, width, fixed=fixed)
            assert np.count_nonzero(file != ours) == 0, kernels


def _all_of(graph: Graph) -> Graph:
    """Everything that can be int16, on the finest scale that the kernels take."""
    names = [node.output for node in graph.nodes if no_island(graph, node.output) is None]
    assert names
    for exponent in range(-6, 12):
        with suppress(UnsupportedError):
            return int16_islands(graph, dict.fromkeys(names, 2.0**exponent))
    raise AssertionError(names)


@pytest.mark.parametrize("weights", ["per-channel", "per-tensor"])
@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("seed", range(4))
def test_files_of_random_graphs_compute_what_the_interpreter_does(
    hard_view: MakeView, seed: int, bits: int, weights: WeightGrid
) -> None:
    view = hard_view(seed, weights, Bits.model_validate({"weights": bits, "activations": bits}))
    _assert_exact(_all_of(view.freeze()))


@pytest.mark.parametrize("seed", range(3))
def test_int4_weights_beside_int16_activations_are_exact(hard_view: MakeView, seed: int) -> None:
    bits = Bits(weights=4, ends=4, container="int4")
    graph = _all_of(hard_view(seed, "per-channel", bits).freeze())
    assert {tensor.dtype for tensor in graph.tensors.values()} >= {"int4", "int8", "int16", "int32"}
    _assert_exact(graph)
    assert onnx.read(onnx.write(graph), "island.onnx") == graph


@pytest.mark.parametrize("seed", range(8))
def test_networks_of_any_ops_are_exact_and_come_nearer(seed: int) -> None:
    found = _found(_view(mixed_graph(seed), rounding="nearest"))
    _assert_exact(found.graph)
    assert found.gain_db >= 0, "a clip that saturation stood for is gone?"


def test_residual_networks_are_exact_and_their_stream_stays_in_16_bits() -> None:
    found = _found(_view(residual_graph()))
    adding = [node for node in found.graph.nodes if isinstance(node.op, ops.Add)]
    assert len(adding) > 2
    assert {found.graph.tensors[name].dtype for node in adding for name in node.inputs} == {"int16"}
    _assert_exact(found.graph)
    assert found.gain_db > 0.5


def test_a_skip_in_16_bits_leaves_most_convolutions_to_xnnpack() -> None:
    view = _view(float_sr_graph(depth=3))
    found = _found(view, IslandSettings(gain_db=0.1, sums_alone=True))
    assert [layer.tensor for layer in found.layers if layer.is_int16] == ["stem"]
    wide = [node for node in found.graph.nodes if found.graph.tensors[node.output].dtype == "int16"]
    assert [node.op.kind for node in wide] == ["QUANTIZE", "CONV_2D", "QUANTIZE", "ADD"]
    assert found.gain_db > 0.3
    _assert_exact(found.graph)


def test_depthwise_and_grouped_convolutions_are_exact() -> None:
    put = Islander(0, 8)
    stem = put.conv("input", "int32", op=ops.Conv2D(activation="RELU"))
    depthwise = put.conv(stem, "int32", op=ops.DepthwiseConv2D(activation="RELU"))
    last = put.conv(depthwise, "int32", outputs=12)
    put.put(ops.DepthToSpace(2), (last,), "int8", put.graph.tensors[last].quant)
    graph = put.graph
    graph.outputs = (graph.nodes[-1].output,)
    for names in ([stem], [depthwise], [stem, depthwise]):
        _assert_exact(int16_islands(graph, dict.fromkeys(names, 2.0**-12)))


def test_the_gain_that_is_told_is_the_files() -> None:
    graph = float_sr_graph(skip="add", depth=3)
    view = _view(graph)
    found = _found(view, IslandSettings(gain_db=0.5, most=2))
    assert [layer.tensor for layer in found.layers if layer.is_int16] == ["trunk", "stem"]

    def apart(quantized: Graph) -> float:
        engine, squares = LiteRT(tflite.write(quantized)), []
        for image in IMAGES:
            pixels = engine.run((image.astype(np.int16) - 128).astype(np.int8)[None]).astype(np.float64) + 128
            with torch.no_grad():
                wanted = FloatView(view.plan.graph)(torch.from_numpy(image).permute(2, 0, 1)[None].float())
            squares.append(np.square(pixels[0] - wanted[0].clamp(0, 255).permute(1, 2, 0).numpy()).mean())
        return float(np.mean(squares))

    assert found.gain_db == pytest.approx(10 * log10(apart(view.freeze()) / apart(found.graph)), abs=1e-9)
    assert found.gain_db > max(layer.gain_db or 0 for layer in found.layers)


def test_where_nothing_gains_enough_the_file_is_the_plain_one() -> None:
    view = _view(float_sr_graph())
    found = _found(view, IslandSettings(gain_db=60))
    assert found.graph == view.freeze()
    assert found.gain_db == 0
    assert found.layers
    assert not any(layer.is_int16 for layer in found.layers)


def test_at_most_so_many_are_chosen_and_what_lies_between_joins() -> None:
    view = _view(float_sr_graph(skip="none", depth=4))
    found = _found(view, IslandSettings(gain_db=0, most=4))
    joined = [layer.tensor for layer in found.layers if layer.why == "between two islands"]
    assert sum(layer.is_int16 for layer in found.layers) == 4 + len(joined)
    single = _found(view, IslandSettings(gain_db=0, most=1))
    assert [layer.is_int16 for layer in single.layers].count(True) == 1
    assert single.layers[0].is_int16


def test_every_activation_has_a_row_and_what_cannot_be_an_island_says_why() -> None:
    view = _view(float_sr_graph(skip="concat"))
    found, told = _found(view), {node.output for node in view.freeze().nodes}
    assert {layer.tensor for layer in found.layers} == told
    assert all((layer.gain_db is None) == bool(layer.why) for layer in found.layers)
    gains = [layer.gain_db for layer in found.layers if layer.gain_db is not None]
    assert gains == sorted(gains, reverse=True)


def test_a_range_is_whole_and_a_clip_stays_one() -> None:
    plain, seen = Group(("t",)), Range(-3.0, 100.0)
    for rectified in (False, True):
        scale = island_scale(plain, seen, rectified=rectified)
        assert scale == 2.0**-7  # 150 and more, 255.99 in fact
    relu6 = island_scale(Group(("t",), low=0.0, high=6.0), seen, rectified=True)
    assert relu6 is not None
    assert 6.0 * (1 - 2.0**-15) < relu6 * 32767 <= 6.0
    hardtanh = island_scale(Group(("t",), low=-1.0, high=1.0), seen, rectified=False)
    assert hardtanh is not None
    assert hardtanh * 32768 == 1.0
    for low, high in ((-1.0, 6.0), (0.0, 6.0), (-1.0, np.inf), (-np.inf, 1.0), (0.0, np.inf)):
        assert island_scale(Group(("t",), low=low, high=high), seen, rectified=False) is None
    assert island_scale(Group(("t",), PIXELS), Range(0.0, 0.0), rectified=False)  # some width


def test_onnx_files_hold_islands_and_say_a_newer_opset_for_them_alone() -> None:
    view = _view(float_sr_graph(skip="add", depth=3))
    found = _found(view)
    for graph, opset in ((view.freeze(), 17), (found.graph, 21)):
        data = onnx.write(graph)
        assert onnx.read(data, "x.onnx") == graph
        assert onnx.write(onnx.read(data, "x.onnx")) == data
        session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
        (result,) = session.run(None, {"input": IMAGES[0].transpose(2, 0, 1)[None].astype(np.float32)})
        # each runtime rounds in its own way, by a code at most
        assert np.abs(result[0].transpose(1, 2, 0) - on_device(graph)(IMAGES[0])).max() <= 1
        assert f"opset {opset}" in _opset(data)


def _opset(data: bytes) -> str:
    from sr2tflite.graph.onnx.proto import opset_of, parse_model

    return f"opset {opset_of(parse_model(data, 'x.onnx'))}"


def test_biases_beyond_32_bits_have_no_onnx_form() -> None:
    graph = _found(_view(float_sr_graph())).graph
    name = next(name for name in graph.tensors if name.endswith(".wide"))
    graph.update(name, dtype="int64", data=np.full(graph.tensors[name].shape, 2**31, np.int64))
    with pytest.raises(UnsupportedError, match="beyond 32 bits") as refusal:
        onnx.write(graph)
    assert refusal.value.where == name


def _with_int16(graph: Graph, *names: str, scale: float = 0.02) -> Graph:
    for name in names:
        graph.update(name, dtype="int16", quant=QuantParams((scale,), (0,)))
    return graph


WRONG: dict[str, tuple[Callable[[], Graph], str, type[Exception]]] = {
    "shuffle": (lambda: _with_int16(quantized_sr_graph(), "output"), "DEPTH_TO_SPACE", UnsupportedError),
    "joining": (lambda: _with_int16(quantized_sr_graph(skip="concat"), "trunk"), "CONCATENATION", UnsupportedError),
    "odd sum": (lambda: _odd_sum(), "power of two", UnsupportedError),
    "zero point": (lambda: _with_zero_point(), "zero point 3", VerificationError),
}


def _odd_sum() -> Graph:
    graph = _found(_view(float_sr_graph())).graph
    adding = next(node for node in graph.nodes if isinstance(node.op, ops.Add))
    return _with_int16(graph, adding.inputs[0], scale=0.0123)


def _with_zero_point() -> Graph:
    graph = _found(_view(float_sr_graph(skip="none"))).graph
    graph.update("body.0", quant=QuantParams((0.5,), (3,)))
    return graph


@pytest.mark.parametrize("case", WRONG)
def test_what_a_runtime_gets_wrong_is_not_written(case: str) -> None:
    make, reason, error = WRONG[case]
    with pytest.raises(error, match=reason):
        check_integers(make())


def test_what_knows_8_bits_alone_refuses_islands_by_name() -> None:
    graph = _found(_view(float_sr_graph(), weights="per-tensor")).graph
    for refuse in (as_uint8, QuantizedView.from_quantized):
        with pytest.raises(UnsupportedError, match="is int16") as refusal:
            refuse(graph)
        assert refusal.value.where in graph.tensors
    found = declined(graph)
    assert found is not None
    assert graph.tensors[found.where].dtype == "int16"
    assert declined(_view(float_sr_graph()).freeze()) is None


REFUSED: dict[str, tuple[type[PtqSettings | QatSettings], dict[str, object], str]] = {
    "a simulation": (
        PtqSettings,
        {"placement": "paper", "method": "minmax", "equalize": False, "islands": {}},
        "no int16 kernels",
    ),
    "branches beside": (PtqSettings, {"islands": {}, "branches": BranchSettings()}, "expected one of them"),
    "in training": (QatSettings, {"ptq": {"islands": {"most": 2}}}, "ptq.islands"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_settings_that_do_not_go_together_are_refused(case: str) -> None:
    kind, told, reason = REFUSED[case]
    with pytest.raises(ValidationError, match=reason):
        kind.model_validate(told)
