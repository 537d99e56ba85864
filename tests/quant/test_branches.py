"""Branches are put where outliers are, and a network with branches is trained and run as the device runs it."""

import numpy as np
import pytest
import torch
from kit.device import on_device
from kit.graphs import float_sr_graph

from sr2tflite.graph import Graph, onnx
from sr2tflite.quant.breakpoints import Breakpoints
from sr2tflite.quant.finetune import finetune_ranges
from sr2tflite.quant.settings import Bits, BranchSettings, FinetuneSettings, PtqSettings
from sr2tflite.quant.view import QuantizedView
from sr2tflite.torch_view import FloatView

IMAGES = [np.random.default_rng(seed).integers(0, 256, (40, 36, 3), np.uint8) for seed in range(3)]
PIXELS = torch.from_numpy(np.stack(IMAGES)).permute(0, 3, 1, 2).float()
FEW = Bits(activations=4)
PLAIN = PtqSettings(bits=FEW, equalize=False)


def with_outliers(graph: Graph, name: str, share: float = 30.0) -> Graph:
    """The graph with one channel of an activation far larger than the others, and read as much more weakly."""
    graph = graph.copy()
    writer, (reader,) = graph.producer(name), graph.consumers(name)
    assert writer is not None
    for constant in writer.inputs[1:]:
        data = np.array(graph.tensors[constant].data)
        data[0] *= share
        graph.update(constant, data=data)
    weight = np.array(graph.tensors[reader.inputs[1]].data)
    weight[..., 0] /= share
    graph.update(reader.inputs[1], data=weight)
    return graph


GRAPH = with_outliers(float_sr_graph(skip="none", depth=4), "body.1")


def _view(branches: BranchSettings | None, **settings: object) -> QuantizedView:
    told = {"branches": branches, **settings}
    return QuantizedView.from_float(GRAPH, IMAGES, PLAIN.model_copy(update=told))


def _apart(view: QuantizedView) -> float:
    with torch.no_grad():
        return float((view(PIXELS) - FloatView(GRAPH)(PIXELS).clamp(0, 255)).square().mean())


def test_the_activation_with_outliers_is_split_and_the_output_comes_nearer() -> None:
    split = _view(BranchSettings(percentile=90, most=1))
    first, *others = split.branchings
    assert (first.tensor, first.split) == ("body.1", True)
    assert not any(layer.split for layer in others)
    assert _apart(split) < 0.7 * _apart(_view(None))


def test_where_nothing_gains_enough_the_file_is_the_plain_one() -> None:
    found = _view(BranchSettings(gain_db=60))
    assert found.branchings
    assert not any(layer.split for layer in found.branchings)
    assert found.freeze().tensors == _view(None).freeze().tensors


@pytest.mark.parametrize("weights", [4, 8])
def test_a_network_with_branches_equals_the_device_and_is_read_back_as_it_is(weights: int) -> None:
    bits = Bits.model_validate({"weights": weights, "activations": 4})
    view = _view(BranchSettings(percentile=90, gain_db=0.0), bits=bits, finetune=FinetuneSettings(epochs=3))
    assert sum(layer.split for layer in view.branchings) > 0
    assert np.array_equal(view.upscale(IMAGES[0]), on_device(view, IMAGES[0]))
    frozen = view.freeze()
    again = QuantizedView.from_quantized(onnx.read(onnx.write(frozen), "frozen.onnx")).freeze()
    assert {name: tensor.quant for name, tensor in again.tensors.items()} == {
        name: tensor.quant for name, tensor in frozen.tensors.items()
    }
    assert all(
        tensor.data is None or np.array_equal(tensor.data, again.tensors[name].data)
        for name, tensor in frozen.tensors.items()
    )
    kinds = frozen.counts()
    assert "MINIMUM" not in kinds  # saturation does it


def test_breakpoints_are_finetuned() -> None:
    view = _view(BranchSettings(percentile=80, most=1))
    before, apart = view.branchings[0].breakpoint, _apart(view)
    finetune_ranges(view, IMAGES, FinetuneSettings(epochs=6, rate=0.05, decay=1))
    assert view.branchings[0].breakpoint != before
    assert _apart(view) < apart


def test_another_breakpoint_is_the_same_float_function_and_the_device_follows() -> None:
    view = _view(BranchSettings(percentile=80, most=1))
    before, image = view.branchings[0].breakpoint, view.upscale(IMAGES[0])
    moved = Breakpoints(view)
    with torch.no_grad():
        moved.gains[0].fill_(1.5)
    moved.apply()
    moved.close()
    group = view.plan.groups[view.plan.group_of["body.1"]]
    assert group.high == view.branchings[0].breakpoint == pytest.approx(1.5 * before)
    assert not np.array_equal(view.upscale(IMAGES[0]), image)
    assert np.array_equal(view.upscale(IMAGES[0]), on_device(view, IMAGES[0]))
    # float32, of values up to some thousands
    torch.testing.assert_close(FloatView(view.plan.graph)(PIXELS), FloatView(GRAPH)(PIXELS), rtol=0, atol=0.05)
