"""Learned shortcuts are folded exactly, and blocks that are left out are gone from the file."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from kit.device import on_device
from kit.graphs import float_sr_graph
from kit.residual import residual_graph
from torch import Tensor

from sr2tflite.errors import UnsupportedError
from sr2tflite.graph import Graph, Node, ops
from sr2tflite.graph import Tensor as GraphTensor
from sr2tflite.quant.blocks import Block, residual_blocks
from sr2tflite.quant.settings import PtqSettings
from sr2tflite.quant.shift import add_shifts
from sr2tflite.quant.shortcuts import Shortcuts, add_shortcuts, required, shortcuts_of
from sr2tflite.quant.view import QuantizedView
from sr2tflite.torch_view import FloatView, apply

IMAGES = [np.random.default_rng(seed).integers(0, 256, (24, 22, 3), np.uint8) for seed in range(2)]
PIXELS = torch.from_numpy(np.stack(IMAGES)).permute(0, 3, 1, 2).double()
QUICK = PtqSettings(method="minmax", bias_correction=False, rounding="nearest", equalize=False)
ALPHA = [0.7, 1.3, 0.9, 1.6]


@pytest.fixture(scope="module", params=["edsr_baseline", "srresnet"])
def graph(request: pytest.FixtureRequest) -> Graph:
    return residual_graph(request.param)


def view_of(graph: Graph, *, identity: bool) -> tuple[QuantizedView, Shortcuts]:
    view = QuantizedView.from_float(graph, IMAGES, QUICK)
    shortcuts = add_shortcuts(view, identity=identity)
    assert shortcuts is not None
    with torch.no_grad():
        shortcuts.alpha.copy_(torch.tensor(ALPHA))
    return view, shortcuts


def in_float64(view: QuantizedView) -> Tensor:
    """What the view's graph gives with the folded weights as they are, real."""
    twin = deepcopy(view).double()
    graph = twin.plan.graph.copy()
    for node in graph.nodes:
        if isinstance(node.op, ops.Conv2D):
            weight, bias = twin.layer(node.output).folded()
            graph.update(node.inputs[1], data=weight.detach().permute(0, 2, 3, 1).numpy())
            graph.update(node.inputs[2], data=bias.detach().numpy())
    return FloatView(graph, torch.float64)(PIXELS)


def with_shortcuts(graph: Graph, blocks: Sequence[Block], alpha: Sequence[float], off: Sequence[int]) -> Tensor:
    """The same by the definition, with weights as they were: ``α·x + F(x)``, or ``α·x`` of what is left out."""
    view, number = FloatView(graph, torch.float64), {block.output: index for index, block in enumerate(blocks)}
    values = {graph.input.name: PIXELS}
    for node in graph.nodes:
        if (index := number.get(node.output)) is not None:
            block = blocks[index]
            shortcut = alpha[index] * values[block.source]
            values[node.output] = shortcut if index in off else shortcut + values[block.convolutions[-1]]
        else:
            values[node.output] = apply(node, [view._operand(node, name, values) for name in node.inputs])
    return values[graph.output.name]


@pytest.mark.parametrize("off", [(), (1,), (0, 3), (2, 3), (0, 1, 2, 3)])
@pytest.mark.parametrize("identity", [False, True])
def test_shortcuts_fold_into_the_weights_exactly(graph: Graph, off: tuple[int, ...], identity: bool) -> None:
    view, shortcuts = view_of(graph, identity=identity)
    plain = view.plan.graph
    shortcuts.leave_out(off)
    alpha = [1.0 if identity and index in off else float(np.float32(value)) for index, value in enumerate(ALPHA)]
    wanted = with_shortcuts(plain, shortcuts.blocks, alpha, off)
    assert float((in_float64(view) - wanted).abs().max()) < 1e-10 * float(wanted.abs().max())


def test_a_shift_without_activation_between_is_one_of_what_is_read() -> None:
    graph = float_sr_graph(depth=1, skip="none")
    graph.nodes[0] = replace(graph.nodes[0], op=ops.Conv2D())
    view = QuantizedView.from_float(graph, IMAGES, QUICK)
    first, reader = (node.output for node in graph.nodes[:2])
    shifts = add_shifts(view)
    with torch.no_grad():
        shifts[0].tau.uniform_(-1, 1)
    tau = (shifts[0].unit * shifts[0].tau).detach().double()
    shifted = in_float64(view)
    values = FloatView(view.plan.graph, torch.float64).activations(PIXELS)
    nodes = {node.output: node for node in view.plan.graph.nodes}
    plain = FloatView(view.plan.graph, torch.float64)
    values[first] = values[first] + tau.reshape(-1, 1, 1)
    for name in (reader, *(node.output for node in graph.nodes[2:])):
        node = nodes[name]
        values[name] = apply(node, [plain._operand(node, source, values) for source in node.inputs])
    torch.testing.assert_close(shifted, values[view.plan.graph.output.name], rtol=0, atol=1e-9)


def test_shifts_stand_where_one_convolution_reads_what_another_writes(graph: Graph) -> None:
    view = QuantizedView.from_float(graph, IMAGES, QUICK)
    add_shifts(view)
    shifted = [name for name in view.layer_names() if len(view.layer(name).folds)]
    # sums read what else convolutions write; LEAKY_RELU and DEPTH_TO_SPACE are no convolutions
    assert shifted == [f"blocks.{index}.body.0" for index in range(4)]


def test_blocks_are_found_in_order(graph: Graph) -> None:
    blocks = residual_blocks(graph)
    assert [block.output for block in blocks] == [f"blocks.{index}" for index in range(4)]
    assert blocks[1] == Block("blocks.0", ("blocks.1.body.0", "blocks.1.body.2"), "blocks.1")


@pytest.mark.parametrize("identity", [False, True])
@pytest.mark.parametrize("off", [(1,), (0, 3)])
def test_blocks_left_out_are_gone_and_the_file_is_still_what_is_computed(
    graph: Graph, off: tuple[int, ...], identity: bool
) -> None:
    view, shortcuts = view_of(graph, identity=identity)
    before = view.freeze()
    shortcuts.leave_out(off)
    after = view.freeze()
    counts = [frozen.counts() for frozen in (before, after)]
    assert counts[0]["CONV_2D"] - counts[1]["CONV_2D"] == 2 * len(off)
    assert counts[0]["ADD"] - counts[1]["ADD"] == len(off)
    gone = {name for index in off for name in (*shortcuts.blocks[index].convolutions, shortcuts.blocks[index].output)}
    assert gone.isdisjoint(after.tensors)
    assert np.array_equal(view.upscale(IMAGES[0]), on_device(view, IMAGES[0]))
    with shortcuts.only_without((2,)):
        assert view.freeze().counts()["ADD"] == counts[0]["ADD"] - 1
        assert np.array_equal(view.upscale(IMAGES[1]), on_device(view, IMAGES[1]))
    assert view.freeze().counts() == counts[1]


def test_a_state_that_lacks_blocks_makes_another_view_lack_them(graph: Graph) -> None:
    view, shortcuts = view_of(graph, identity=True)
    other, _ = view_of(graph, identity=True)
    shortcuts.leave_out((2,))
    other.load_state_dict(view.state_dict())
    assert other.freeze().counts() == view.freeze().counts()
    assert np.array_equal(other.upscale(IMAGES[0]), view.upscale(IMAGES[0]))
    twin = deepcopy(view)
    found = shortcuts_of(twin)
    assert found is not None
    found.leave_out((3,))  # its own, not the first view's
    assert twin.freeze().counts()["ADD"] == view.freeze().counts()["ADD"] - 1


def test_shortcuts_have_the_gradient_that_finite_differences_of_the_folded_function_have(graph: Graph) -> None:
    view, _ = view_of(graph, identity=True)
    twin = deepcopy(view).double()
    found = shortcuts_of(twin)
    assert found is not None
    weights = [twin.layer(name).folded() for name in twin.layer_names()]
    probes = [torch.randn_like(part) for pair in weights for part in pair]
    total = sum((part * probe).sum() for part, probe in zip((p for w in weights for p in w), probes, strict=True))
    (gradient,) = torch.autograd.grad(total, found.alpha)
    for index in range(4):
        ends = []
        for step in (1e-6, -1e-6):
            with torch.no_grad():
                found.alpha[index] += step
                parts = [part for name in twin.layer_names() for part in twin.layer(name).folded()]
                ends.append(float(sum((part * probe).sum() for part, probe in zip(parts, probes, strict=True))))
                found.alpha[index] -= step
        # central differences of a rational function: step², and rounding / step
        assert (ends[0] - ends[1]) / 2e-6 == pytest.approx(float(gradient[index]), rel=1e-5)


def test_a_sum_that_something_else_reads_takes_no_shortcut() -> None:
    graph = residual_graph(depth=2)
    name = "blocks.0"
    bent = graph.add_tensor(GraphTensor("bent", graph.tensors[name].shape)).name
    at = next(index for index, node in enumerate(graph.nodes) if node.output == name)
    graph.nodes.insert(at + 1, Node(ops.LeakyRelu(0.1), (name,), (bent,)))
    graph.nodes[at + 2] = replace(graph.nodes[at + 2], inputs=(bent, *graph.nodes[at + 2].inputs[1:]))
    view = QuantizedView.from_float(graph, IMAGES, QUICK)
    with pytest.raises(UnsupportedError, match=r"blocks\.0: .*read by LEAKY_RELU"):
        add_shortcuts(view, identity=True)


def test_a_network_without_residual_blocks_has_no_shortcuts() -> None:
    view = QuantizedView.from_float(float_sr_graph(), IMAGES, QUICK)  # its skip goes round convolutions with ReLU
    assert add_shortcuts(view, identity=True) is None
    with pytest.raises(UnsupportedError, match="sr: trunk: is in no residual block") as error:
        required(None, view, "slim: 0")
    assert error.value.hint is not None
    assert "slim: 0" in error.value.hint
