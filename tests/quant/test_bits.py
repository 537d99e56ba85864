"""Fewer bits are codes left unused: the kernels, and what they compute, stay those of int8."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from kit.device import on_device
from kit.graphs import float_sr_graph

from sr2tflite.graph import Graph, onnx
from sr2tflite.quant.bits import largest_code
from sr2tflite.quant.plan import plan_quantization
from sr2tflite.quant.settings import Bits, PtqSettings, Width
from sr2tflite.quant.view import QuantizedView

MakeView = Callable[..., QuantizedView]
WIDTHS: tuple[Width, ...] = (4, 3, 2)
LIMITS = {8: 127, 4: 7, 3: 3, 2: 1}
IMAGES = [np.random.default_rng(seed).integers(0, 256, (40, 36, 3), np.uint8) for seed in range(3)]


def _weights(frozen: Graph) -> dict[str, int]:
    """The largest weight code of each convolution, by its output."""
    found = {}
    for node in frozen.nodes:
        if node.op.kind == "CONV_2D":
            data = frozen.tensors[node.inputs[1]].data
            assert data is not None
            found[node.output] = int(np.abs(data.astype(int)).max())
    return found


def test_codes_are_those_of_the_bits() -> None:
    assert {bits: largest_code(bits) for bits in LIMITS} == LIMITS


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("seed", range(6))
def test_random_graphs_of_few_bits_equal_the_device(hard_view: MakeView, seed: int, width: Width) -> None:
    view = hard_view(seed, "per-channel", Bits(weights=width, activations=width, ends=width))
    image = np.random.default_rng(seed).integers(0, 256, (37, 29, 3), np.uint8)
    assert np.array_equal(view.upscale(image), on_device(view, image))
    assert set(_weights(view.freeze()).values()) == {LIMITS[width]}


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("seed", range(4))
def test_a_file_of_few_bits_is_read_back_as_it_is(hard_view: MakeView, seed: int, width: Width) -> None:
    frozen = hard_view(seed, "per-channel", Bits(weights=width, activations=width)).freeze()
    again = QuantizedView.from_quantized(onnx.read(onnx.write(frozen), "frozen.onnx")).freeze()
    for name, tensor in frozen.tensors.items():
        other = again.tensors[name]
        assert other.quant == tensor.quant
        assert tensor.data is None or np.array_equal(tensor.data, other.data)


def test_first_and_last_convolutions_have_their_own_bits() -> None:
    frozen = QuantizedView.from_float(float_sr_graph(), IMAGES, PtqSettings(bits=Bits(weights=2, ends=4))).freeze()
    first, *body, last = _weights(frozen).values()
    assert (first, last) == (7, 7)
    assert body
    assert set(body) == {1}


@pytest.mark.parametrize("width", WIDTHS)
def test_what_a_relu_writes_has_few_codes_and_other_tensors_all(width: Width) -> None:
    view = QuantizedView.from_float(float_sr_graph(), IMAGES, PtqSettings(bits=Bits(activations=width)))
    plan, steps = view.plan, 2**width - 1
    rectified = [i for i, group in enumerate(plan.groups) if group.steps < 255]
    assert rectified
    pixels = torch.from_numpy(IMAGES[0]).permute(2, 0, 1)[None].float()
    with torch.no_grad():
        found = [(node, codes.clone()) for node, codes in view.codes(pixels, view.grids())]
    for node, codes in found:
        if plan.group_of[node.output] in rectified:
            assert getattr(node.op, "activation", "") == "RELU"
            assert (float(codes.min()), float(codes.max())) == (0, steps)
    signed = [g for g in plan_quantization(float_sr_graph(), Bits(activations=width)).groups if not g.nonnegative]
    assert all(group.steps == 255 for group in signed)


def test_training_with_few_bits_lowers_the_loss_and_stays_exact() -> None:
    view = QuantizedView.from_float(float_sr_graph(), IMAGES, PtqSettings(bits=Bits(weights=4, activations=4)))
    pixels = torch.from_numpy(np.stack(IMAGES)).permute(0, 3, 1, 2).float()
    target = torch.rand(view(pixels).shape) * 255
    groups = [{"params": g["params"], "lr": 1e-2} for g in view.parameter_groups()]
    optimizer = torch.optim.Adam(groups)
    losses = []
    for _ in range(30):
        loss = (view(pixels) - target).square().mean()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0]
    assert np.array_equal(view.upscale(IMAGES[0]), on_device(view, IMAGES[0]))
