from dataclasses import replace

import numpy as np
import pytest
import torch
from kit.graphs import float_sr_graph

from sr2tflite.errors import InputError
from sr2tflite.graph import Graph, ops
from sr2tflite.quant.counterpart import counterpart
from sr2tflite.quant.settings import PtqSettings
from sr2tflite.quant.view import QuantizedView
from sr2tflite.torch_view import FloatView

RNG = np.random.default_rng(0)
IMAGES = [RNG.integers(0, 256, (6, 6, 3), dtype=np.uint8).repeat(3, 0).repeat(3, 1)]
QUICK = {"equalize": False, "method": "minmax", "rounding": "nearest", "bias_correction": False}


def uneven(**settings) -> Graph:
    """A network whose channels lie far apart, so that equalization has something to do."""
    graph = float_sr_graph(**settings)
    for name, tensor in graph.tensors.items():
        if name.startswith(("stem", "body")) and tensor.data is not None:
            spread = np.exp(RNG.normal(0, 1, (len(tensor.data), *[1] * (tensor.data.ndim - 1))))
            graph.update(name, data=(tensor.data * spread).astype(np.float32))
    return graph


def with_steep_slopes() -> Graph:
    """Conv, PRELU with slopes beyond ±1, conv, pixel shuffle."""
    graph = float_sr_graph(depth=1, skip="none")
    node = next(node for node in graph.nodes if node.output == "stem")
    place = graph.nodes.index(node)
    graph.nodes[place] = replace(node, op=ops.Conv2D(), outputs=("before",))
    graph.add_tensor(replace(graph.tensors["stem"], name="before"))
    slopes = graph.constant("slopes", np.array([3, -2, 0.1, 0.2, -0.3, 0.5, 1.5, 0.9], np.float32).reshape(1, 1, 8))
    graph.nodes.insert(place + 1, replace(node, op=ops.PRelu(), inputs=("before", slopes)))
    return graph


GRAPHS = {
    "add": lambda: uneven(skip="add"),
    "features": lambda: uneven(skip="features"),
    "concat": lambda: uneven(skip="concat"),
    "nearest": lambda: uneven(skip="nearest", depth=3),
    "white is 1": lambda: uneven(skip="add", value_range=(0.0, 1.0)),
    "steep slopes": with_steep_slopes,
}


def made(source: Graph, **told) -> QuantizedView:
    return QuantizedView.from_float(source, IMAGES, PtqSettings(**told))


@pytest.mark.parametrize("weights", ["per-channel", "per-tensor"])
@pytest.mark.parametrize("name", GRAPHS)
def test_the_gains_of_equalization_are_found_again(name, weights):
    source = GRAPHS[name]()
    view = made(source, weights=weights, rounding="nearest")
    found = counterpart(view.freeze(), source)
    assert found.holds_weights
    for node in view.plan.graph.nodes:
        if isinstance(node.op, ops.Conv2D):
            wanted, given = view.plan.graph.tensors[node.inputs[1]].data, found.constants[node.inputs[1]]
            # a gain is known from some dozen codes, each half a step off at most
            assert np.abs(given - wanted).max() <= 0.03 * np.abs(wanted).max()


@pytest.mark.parametrize("name", GRAPHS)
def test_the_function_is_the_float_graphs_whatever_the_gains(name):
    source = GRAPHS[name]()
    found = counterpart(made(source).freeze(), source)
    white, x = source.value_range[1], torch.rand(1, 3, 9, 11, dtype=torch.float64) * 255
    views = [FloatView(graph, torch.float64) for graph in (source, found.graph)]
    ours, theirs = views[1](x), views[0](x / 255 * white) * (255 / white)
    assert torch.allclose(ours, theirs, atol=1e-3, rtol=1e-5)  # constants are float32


def test_without_equalization_the_weights_are_untouched():
    source = uneven()
    found = counterpart(made(source, equalize=False).freeze(), source)
    for name, real in found.constants.items():
        assert np.array_equal(real, source.tensors[name].data)
        assert np.array_equal(found.fused[name], real)


def test_weights_that_training_moved_are_told_from_rounded_ones():
    source = uneven()
    view = made(source, **QUICK)
    with torch.no_grad():
        for weight in view.weights():
            weight += 0.02 * weight.abs().max() * torch.randn(weight.shape)
    found = counterpart(view.freeze(), source)
    assert not found.holds_weights
    assert 1 < found.apart < 20


def test_a_converters_names_do_not_matter():
    source = uneven()
    quantized = made(source, **QUICK).freeze()
    renamed = quantized.copy()
    new = {name: f"t{index}" for index, name in enumerate(quantized.tensors)}
    renamed.tensors = {new[name]: replace(tensor, name=new[name]) for name, tensor in quantized.tensors.items()}
    renamed.nodes = [
        replace(node, inputs=tuple(map(new.get, node.inputs)), outputs=tuple(map(new.get, node.outputs)))
        for node in quantized.nodes
    ]
    renamed.inputs, renamed.outputs = (tuple(map(new.get, ends)) for ends in (quantized.inputs, quantized.outputs))
    by_name, in_order = counterpart(quantized, source), counterpart(renamed, source)
    assert in_order.names[new["body.1"]] == "body.1"
    assert in_order.apart == by_name.apart
    assert {new[name]: ends for name, ends in by_name.bounds.items()} == in_order.bounds


OTHERS = {
    "deeper": ({"depth": 3}, r"CONV_2D \(27, 3, 3, 8\) \(27,\)|ADD"),
    "wider": ({"channels": 12}, r"CONV_2D \(8, 3, 3, 3\) \(8,\) where sr has CONV_2D \(12, 3, 3, 3\) \(12,\)"),
    "without its skip": ({"skip": "none"}, "has ADD where sr has CONV_2D"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_another_network_is_refused_at_the_first_op_that_differs(name):
    settings, message = OTHERS[name]
    with pytest.raises(InputError, match=message):
        counterpart(made(float_sr_graph(), **QUICK).freeze(), float_sr_graph(**settings))


def test_saturation_stands_for_the_clips_of_the_float_graph():
    source = float_sr_graph(depth=1, skip="none")
    node = next(node for node in source.nodes if node.output == "body.0")
    place = source.nodes.index(node)
    source.nodes[place] = replace(node, op=ops.Conv2D(), outputs=("wide",))
    source.add_tensor(replace(source.tensors["body.0"], name="wide"))
    level = source.constant("six", np.array([60], np.float32))
    source.nodes.insert(place + 1, replace(node, op=ops.Minimum(), inputs=("wide", level)))
    found = counterpart(made(source, **QUICK).freeze(), source)
    assert found.bounds["wide"] == (-np.inf, 60)
    assert found.bounds["tail"] == (0, 255)


def test_only_what_becomes_the_image_ends_at_black_and_white():
    nearest = float_sr_graph(skip="nearest")
    bounds = counterpart(made(nearest, **QUICK).freeze(), nearest).bounds
    assert bounds["image"] == (0, 255)
    assert "tail" not in bounds
