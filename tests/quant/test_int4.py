"""Weights of few bits in the int4 container: half the bytes, and the arithmetic of the kernel that unpacks them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from kit.device import on_device
from kit.graphs import float_sr_graph

from sr2tflite.commands.export import export
from sr2tflite.commands.verify import verify
from sr2tflite.errors import InputError, UnsupportedError
from sr2tflite.files import write_bytes
from sr2tflite.graph import Graph, Node, onnx, ops, tflite
from sr2tflite.graph.tflite.packing import packed
from sr2tflite.quant.settings import Bits, PtqSettings, WeightGrid, Width
from sr2tflite.quant.view import QuantizedView

MakeView = Callable[..., QuantizedView]
WIDTHS: tuple[Width, ...] = (4, 3, 2)
IMAGES = [np.random.default_rng(seed).integers(0, 256, (40, 36, 3), np.uint8) for seed in range(3)]


def _bits(width: Width = 4, **more: Width) -> Bits:
    return Bits(weights=width, activations=more.get("activations", 8), ends=more.get("ends", 8), container="int4")


def _convolutions(graph: Graph) -> list[Node]:
    return [node for node in graph.nodes if isinstance(node.op, ops.Conv2D)]


@pytest.mark.parametrize("weights", ["per-channel", "per-tensor"])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("seed", range(6))
def test_random_graphs_equal_the_device(hard_view: MakeView, seed: int, width: Width, weights: WeightGrid) -> None:
    view = hard_view(seed, weights, _bits(width, activations=width, ends=width))
    image = np.random.default_rng(seed).integers(0, 256, (37, 29, 3), np.uint8)
    frozen = view.freeze()
    packed_now = [frozen.tensors[node.inputs[1]].dtype == "int4" for node in _convolutions(frozen)]
    assert all(packed_now)
    assert np.array_equal(view.upscale(image), on_device(view, image))
    assert np.array_equal(view.upscale(image), on_device(view, image, fixed=True))


def test_the_kernel_rounds_otherwise_than_the_delegate_does(hard_view: MakeView) -> None:
    """Else the whole distinction would be idle."""
    differ = 0
    for seed in range(6):
        image = np.random.default_rng(seed).integers(0, 256, (64, 64, 3), np.uint8)
        views = [hard_view(seed, "per-channel", Bits(weights=4, ends=4, container=where)) for where in ("int8", "int4")]
        differ += int((views[0].upscale(image) != views[1].upscale(image)).sum())
    assert differ > 0


def test_only_few_bits_are_packed() -> None:
    frozen = QuantizedView.from_float(float_sr_graph(), IMAGES, PtqSettings(bits=_bits(3))).freeze()
    first, *body, last = (frozen.tensors[node.inputs[1]].dtype for node in _convolutions(frozen))
    assert (first, last) == ("int8", "int8")
    assert set(body) == {"int4"}


@pytest.mark.parametrize("width", WIDTHS)
def test_packed_weights_take_half_the_bytes(width: Width) -> None:
    frozen = QuantizedView.from_float(float_sr_graph(), IMAGES, PtqSettings(bits=_bits(width))).freeze()
    for node in _convolutions(frozen)[1:-1]:
        weight = frozen.tensors[node.inputs[1]]
        assert weight.data is not None
        assert len(packed(weight)) == (weight.data.size + 1) // 2


def test_it_is_written_and_read_back_as_it_is(hard_view: MakeView) -> None:
    frozen = hard_view(1, "per-channel", _bits(4, ends=4)).freeze()
    data = onnx.write(frozen)
    again = QuantizedView.from_quantized(onnx.read(data, "frozen.onnx"))
    assert onnx.write(again.freeze()) == data
    assert {tensor.dtype for tensor in tflite.read(tflite.write(frozen), "x.tflite").tensors.values()} >= {"int4"}


def test_training_stays_exact() -> None:
    view = QuantizedView.from_float(float_sr_graph(), IMAGES, PtqSettings(bits=_bits(4, activations=4)))
    pixels = torch.from_numpy(np.stack(IMAGES)).permute(0, 3, 1, 2).float()
    target = torch.rand(view(pixels).shape) * 255
    optimizer = torch.optim.Adam([{"params": g["params"], "lr": 1e-2} for g in view.parameter_groups()])
    losses = []
    for _ in range(20):
        loss = (view(pixels) - target).square().mean()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0]
    assert np.array_equal(view.upscale(IMAGES[0]), on_device(view, IMAGES[0]))


def test_the_file_is_verified_and_says_what_runs_outside_the_delegate(tmp_path: Path) -> None:
    quantized, file = tmp_path / "ptq.onnx", tmp_path / "model.tflite"
    view = QuantizedView.from_float(float_sr_graph(), IMAGES, PtqSettings(bits=_bits()))
    write_bytes(quantized, onnx.write(view.freeze()))
    export(quantized, file, free_shape=True)
    report = verify(file, against=quantized, limit=1)
    assert report.passed, report.verdict()
    (outside,) = [rule for rule in report.rules if rule.rule == "delegated"]
    assert outside.status != "holds"


def test_a_constant_called_int4_that_is_none_is_refused() -> None:
    frozen = QuantizedView.from_float(float_sr_graph(), IMAGES, PtqSettings(bits=_bits())).freeze()
    data = onnx.write(frozen)
    name = _convolutions(frozen)[0].inputs[2]  # a bias, int32
    packed_name = _convolutions(frozen)[1].inputs[1]
    broken = data.replace(f'"{packed_name}":"int4"'.encode(), f'"{name}":"int4"'.encode().ljust(len(packed_name) + 9))
    assert broken != data
    assert len(broken) == len(data)  # protobuf keeps lengths
    with pytest.raises(InputError, match="is called int4"):
        onnx.read(broken, "broken.onnx")


def test_uint8_files_have_no_int4_weights(tmp_path: Path) -> None:
    quantized = tmp_path / "ptq.onnx"
    settings = PtqSettings(bits=_bits(), weights="per-tensor")
    write_bytes(quantized, onnx.write(QuantizedView.from_float(float_sr_graph(), IMAGES, settings).freeze()))
    with pytest.raises(UnsupportedError, match="int4"):
        export(quantized, tmp_path / "model.tflite", free_shape=True, kind="uint8")
