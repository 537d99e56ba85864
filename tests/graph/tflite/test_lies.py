"""Files that LiteRT runs otherwise than they say: what it makes of them, and that they are not read."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from kit.graphs import per_tensor, quantized_sr_graph
from kit.one_op import CASES, quantized_one_op_graph
from numpy.typing import NDArray

from sr2tflite.errors import InputError
from sr2tflite.evaluate.runners import open_runner
from sr2tflite.export.proof import prove
from sr2tflite.graph import Graph, tflite
from sr2tflite.graph.passes.as_uint8 import as_uint8
from sr2tflite.numerics.qparams import QuantParams
from sr2tflite.runtime import Kernels, LiteRT

X = np.random.default_rng(0).integers(0, 256, (1, 9, 14, 3)).astype(np.uint8)


def signed_weights() -> Graph:
    """A uint8 graph whose first weights are int8: the same real values, by another type and zero point."""
    graph = as_uint8(per_tensor(quantized_sr_graph()))
    codes = graph.tensors["stem.weight"].data.astype(np.int16) - 128
    quant = QuantParams(graph.tensors["stem.weight"].quant.scale, (0,))
    graph.update("stem.weight", dtype="int8", data=codes.astype(np.int8), quant=quant)
    return graph


def with_weight_bytes(graph: Graph, codes: NDArray[np.uint8], zero_point: int) -> Graph:
    quant = QuantParams(graph.tensors["stem.weight"].quant.scale, (zero_point,))
    graph.update("stem.weight", dtype="uint8", data=codes, quant=quant)
    return graph


@pytest.mark.parametrize("kernels", list(Kernels), ids=lambda kernels: kernels.value)
def test_int8_weights_under_uint8_activations_are_run_as_uint8(kernels: Kernels) -> None:
    """A runtime that read the file as it stands would give the honest file's bytes; it reads −1 as 255."""
    lying = signed_weights()
    honest = as_uint8(per_tensor(quantized_sr_graph()))
    as_read = with_weight_bytes(signed_weights(), lying.tensors["stem.weight"].data.view(np.uint8), 0)
    got, said, read = (LiteRT(tflite.write(graph), kernels).run(X) for graph in (lying, honest, as_read))
    assert np.mean(got != said) > 0.5
    np.testing.assert_array_equal(got, read)


@pytest.mark.parametrize("weights", ["per tensor", "per channel"])
def test_a_bias_scale_that_does_not_follow_is_ignored_by_the_kernels(weights: str) -> None:
    graph = quantized_sr_graph() if weights == "per channel" else per_tensor(quantized_sr_graph())
    codes = (X.astype(np.int16) - 128).astype(np.int8)
    honest, lying = (LiteRT(tflite.write(one)).run(codes) for one in (graph, with_bias_scale(graph, 4.0)))
    np.testing.assert_array_equal(honest, lying)


def with_bias_scale(graph: Graph, factor: float) -> Graph:
    quant, graph = graph.tensors["stem.bias"].quant, graph.copy()
    scales = tuple(float(np.float32(scale * factor)) for scale in quant.scale)
    graph.update("stem.bias", quant=QuantParams(scales, quant.zero_point, quant.axis))
    return graph


def moved(case: str) -> Graph:
    graph = quantized_one_op_graph(case)
    graph.update("y", quant=QuantParams((0.5,), (-128,)))
    return graph


MOVES = ("depth_to_space", "resize_nearest", "minimum", "maximum")


@pytest.mark.parametrize("case", MOVES)
def test_a_move_between_other_scales_moves_the_codes_all_the_same(case: str) -> None:
    codes = np.random.default_rng(0).integers(-128, 128, (1, 5, 7, 8)).astype(np.int8)
    honest, lying = (
        LiteRT(tflite.write(graph), Kernels.BUILTIN).run(codes) for graph in (quantized_one_op_graph(case), moved(case))
    )
    np.testing.assert_array_equal(honest, lying)


def unsigned_weights() -> Graph:
    graph = per_tensor(quantized_sr_graph())
    return with_weight_bytes(graph, (graph.tensors["stem.weight"].data.astype(np.int16) + 128).astype(np.uint8), 128)


def without_bias_scale() -> Graph:
    graph = quantized_sr_graph()
    graph.update("stem.bias", quant=None)
    return graph


LIES: dict[str, tuple[Callable[[], Graph], str, str]] = {
    "int8 weights under uint8": (signed_weights, "stem.weight", "weights are int8 and the activations.* uint8"),
    "uint8 weights under int8": (unsigned_weights, "stem.weight", "weights are uint8 and the activations.* int8"),
    "bias": (lambda: with_bias_scale(quantized_sr_graph(), 1.01), "stem.bias", "biases have scale"),
    "bias per tensor": (lambda: with_bias_scale(per_tensor(quantized_sr_graph()), 1.01), "stem.bias", "biases have"),
    "bias of no scale": (without_bias_scale, "stem.bias", "biases have no scale"),
    **{case: (lambda case=case: moved(case), "y", f"{CASES[case]()[0].kind} reads scale 1 and") for case in MOVES},
}


@pytest.mark.parametrize("name", LIES)
def test_a_file_that_lies_is_not_read(name: str) -> None:
    make, tensor, message = LIES[name]
    with pytest.raises(InputError, match=message) as caught:
        tflite.read(tflite.write(make()), "lying.tflite")
    assert caught.value.where == f"lying.tflite: tensor {tensor}"
    assert caught.value.hint
    assert caught.value.exit_status == 2


def test_a_convolution_without_bias_is_asked_too() -> None:
    graph = signed_weights()
    data = bytearray(tflite.write(graph))
    model = flat_without_bias(bytes(data))
    with pytest.raises(InputError, match="weights are int8"):
        tflite.read(model, "lying.tflite")


def flat_without_bias(data: bytes) -> bytes:
    """A file whose convolutions have no bias, as other tools write them; the deploy graph has no such op."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(data, 0)
    for op in model.subgraphs[0].operators:
        if len(op.inputs) == 3:
            op.inputs = op.inputs[:2]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def test_a_scale_that_another_tool_rounded_on_its_way_is_no_lie() -> None:
    graph = quantized_sr_graph()
    tflite.read(tflite.write(with_bias_scale(graph, 1 + 2.0**-23)), "honest.tflite")


def test_a_lying_file_is_not_evaluated_although_the_runtime_takes_it(tmp_path: Path) -> None:
    path = tmp_path / "lying.tflite"
    path.write_bytes(tflite.write(signed_weights()))
    LiteRT(path).run(X)
    with pytest.raises(InputError, match="weights are int8"):
        open_runner(path)


def test_a_lying_file_is_no_proof() -> None:
    graph = signed_weights()
    with pytest.raises(InputError, match="weights are int8"):
        prove(tflite.write(graph), graph)
