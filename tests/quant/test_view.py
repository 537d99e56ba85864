"""The quantized view computes what LiteRT computes on its file, byte for byte, and stays so while it trains."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from kit.device import on_device
from kit.graphs import float_sr_graph
from numpy.typing import NDArray

from sr2tflite.errors import InputError
from sr2tflite.graph import Graph, Tensor, onnx, ops, tflite
from sr2tflite.graph.shapes import infer_shapes
from sr2tflite.numerics.qparams import bias_params
from sr2tflite.quant.limits import Range
from sr2tflite.quant.plan import plan_quantization
from sr2tflite.quant.settings import PtqSettings, WeightGrid
from sr2tflite.quant.view import QuantizedView
from sr2tflite.torch_view import FloatView

MakeView = Callable[..., QuantizedView]
WEIGHTS: tuple[WeightGrid, ...] = ("per-channel", "per-tensor")
QUICK = PtqSettings(bias_correction=False, rounding="nearest", equalize=False)


def random_image(seed: int, largest: int = 70) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    height, width = (int(size) for size in rng.integers(1, largest, 2))
    return rng.integers(0, 256, (height, width, 3), np.uint8)


def count_differences(view: QuantizedView, seed: int, largest: int = 70) -> tuple[int, int]:
    """(bytes that differ, bytes)."""
    image = random_image(seed, largest)
    got, want = view.upscale(image), on_device(view, image)
    assert got.shape == want.shape
    return int(np.count_nonzero(got != want)), got.size


def single_conv(op: ops.Op, weight: NDArray[np.float32], bias: NDArray[np.float32], shuffle: int) -> Graph:
    graph = Graph(inputs=("x",))
    graph.add_tensor(Tensor("x", (1, None, None, 3)))
    names = ("x", graph.constant("w", weight.astype(np.float32)), graph.constant("b", bias.astype(np.float32)))
    graph.append(op, names, Tensor("y", (1, None, None, len(bias))))
    graph.append(ops.DepthToSpace(shuffle), ("y",), Tensor("z", (1, None, None, len(bias) // shuffle**2)))
    graph.outputs = ("z",)
    infer_shapes(graph)
    return graph


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("seed", range(12))
def test_random_graphs_with_hard_scales_equal_the_device(hard_view: MakeView, seed: int, weights: WeightGrid) -> None:
    assert count_differences(hard_view(seed, weights), seed)[0] == 0


@pytest.mark.slow
@pytest.mark.parametrize("weights", WEIGHTS)
def test_ten_million_outputs_equal_the_device(hard_view: MakeView, weights: WeightGrid) -> None:
    differ = total = seed = 0
    while total < 10_000_000:
        bad, size = count_differences(hard_view(1000 + seed, weights), seed, largest=120)
        differ, total, seed = differ + bad, total + size, seed + 1
    assert differ == 0


def test_accumulators_beyond_float32_equal_the_device() -> None:
    rng = np.random.default_rng(0)
    graph = Graph(inputs=("x",))
    graph.add_tensor(Tensor("x", (1, None, None, 3)))
    for index, (source, width, size) in enumerate([("x", 64, 1), ("t0", 64, 5), ("t1", 27, 5)]):
        inputs = graph.tensors[source].channels
        weight = graph.constant(f"w{index}", rng.uniform(0.5, 1, (width, size, size, inputs)).astype(np.float32))
        bias = graph.constant(f"b{index}", np.zeros(width, np.float32))
        graph.append(ops.Conv2D(), (source, weight, bias), Tensor(f"t{index}", (1, None, None, width)))
    graph.append(ops.DepthToSpace(3), ("t2",), Tensor("y", (1, None, None, 3)))
    graph.outputs = ("y",)
    infer_shapes(graph)
    plan = plan_quantization(graph)
    wide = {i: Range(0.0, 255.0 * 3) if "t0" in g.tensors else Range(0.0, 7e5) for i, g in enumerate(plan.groups)}
    view = QuantizedView(plan, {index: wide[index] for index, group in enumerate(plan.groups) if not group.fixed})
    assert count_differences(view, 1) == (0, view.upscale(random_image(1)).size)


SINGLE = {
    "stride 2, even size": lambda rng: (ops.Conv2D(stride=(2, 2)), rng.normal(0, 0.3, (12, 3, 3, 3))),
    "dilated": lambda rng: (ops.Conv2D(dilation=(2, 2)), rng.normal(0, 0.3, (12, 3, 3, 3))),
    "not padded": lambda rng: (ops.Conv2D(padding="VALID"), rng.normal(0, 0.3, (12, 3, 3, 3))),
    "even kernel": lambda rng: (ops.Conv2D(), rng.normal(0, 0.3, (12, 2, 2, 3))),
    "depthwise": lambda rng: (ops.DepthwiseConv2D(multiplier=4), rng.normal(0, 0.3, (1, 3, 3, 12))),
    "dead channels": lambda rng: (
        ops.Conv2D(),
        rng.normal(0, 0.3, (12, 3, 3, 3)) * (np.arange(12) % 3 > 0)[:, None, None, None],
    ),
}


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("name", SINGLE)
def test_any_convolution_equals_the_device(name: str, weights: WeightGrid) -> None:
    op, weight = SINGLE[name](np.random.default_rng(0))
    view = QuantizedView(plan_quantization(single_conv(op, weight, np.linspace(-50, 200, 12), 2)), {}, weights)
    image = np.random.default_rng(1).integers(0, 256, (14, 18, 3), np.uint8)
    np.testing.assert_array_equal(view.upscale(image), on_device(view, image, fixed=True))


@pytest.mark.parametrize("weights", WEIGHTS)
def test_one_hot_anchors_are_exact(weights: WeightGrid) -> None:
    weight = np.tile(np.eye(3), (9, 1)).reshape(27, 1, 1, 3)
    view = QuantizedView(plan_quantization(single_conv(ops.Conv2D(), weight, np.zeros(27), 3)), {}, weights)
    image = random_image(3)
    np.testing.assert_array_equal(view.upscale(image), image.repeat(3, 0).repeat(3, 1))


@pytest.mark.parametrize("weights", WEIGHTS)
def test_freezing_and_reading_back_gives_the_same_integers(hard_view: MakeView, weights: WeightGrid) -> None:
    for seed in range(8):
        quantized = hard_view(seed, weights).freeze()
        assert QuantizedView.from_quantized(quantized).freeze().tensors == quantized.tensors


@pytest.mark.parametrize("weights", WEIGHTS)
def test_both_codecs_hold_the_whole_view(hard_view: MakeView, weights: WeightGrid) -> None:
    view = hard_view(1, weights)
    frozen = view.freeze()
    assert onnx.read(onnx.write(frozen), "qat.onnx") == tflite.read(tflite.write(frozen), "qat.tflite") == frozen
    again = QuantizedView.from_quantized(onnx.read(onnx.write(view.freeze()), "qat.onnx"))
    image = random_image(1)
    np.testing.assert_array_equal(again.upscale(image), view.upscale(image))


def test_a_float_graph_is_not_read_as_a_quantized_one() -> None:
    with pytest.raises(InputError, match="no quantization parameters"):
        QuantizedView.from_quantized(float_sr_graph())


def test_a_frozen_graph_is_int8_in_pixel_units() -> None:
    graph = float_sr_graph(value_range=(0.0, 1.0))
    frozen = QuantizedView.from_float(graph, [random_image(0)], QUICK).freeze()
    assert frozen.value_range == (0.0, 255.0)
    for end in (frozen.input, frozen.output):
        assert (end.dtype, end.quant.scale, end.quant.zero_point) == ("int8", (1.0,), (-128,))
    weights = [frozen.tensors[node.inputs[1]] for node in frozen.nodes if node.op.kind == "CONV_2D"]
    assert all(w.dtype == "int8" and w.quant.axis == 0 and w.data.min() >= -127 for w in weights)


def test_a_view_moves_between_types_as_any_module() -> None:
    view = QuantizedView.from_float(float_sr_graph(), [random_image(0)], QUICK)
    assert view.to(torch.device("cpu")) is view


def test_per_tensor_weights_have_one_scale_each() -> None:
    settings = QUICK.model_copy(update={"weights": "per-tensor"})
    frozen = QuantizedView.from_float(float_sr_graph(), [random_image(0)], settings).freeze()
    for node in frozen.nodes:
        if node.op.kind == "CONV_2D":
            x, weight, bias = (frozen.tensors[name] for name in node.inputs)
            assert (weight.quant.axis, len(weight.quant.scale), weight.quant.zero_point) == (None, 1, (0,))
            assert np.abs(weight.data.astype(int)).max() == 127
            assert bias.quant == bias_params(x.quant.scale[0], weight.quant)
            assert bias.quant.axis is None


def test_a_large_bias_raises_the_scale_of_its_channel_or_of_the_whole_tensor() -> None:
    weight, bias = np.full((12, 1, 1, 3), 1e-4), np.zeros(12)
    bias[5] = 1e6
    plan = plan_quantization(single_conv(ops.Conv2D(), weight, bias, 2))
    channels, tensor = (QuantizedView(plan, {}, weights).freeze().tensors for weights in WEIGHTS)
    assert set(np.abs(channels["w"].data[:5]).flat) == {127}
    assert len(set(channels["w"].quant.scale)) == 2
    assert tensor["w"].quant.scale == (max(channels["w"].quant.scale),)
    assert set(tensor["w"].data.flat) == set(channels["w"].data[5].flat) == {0}
    assert tensor["b"].data[5] == channels["b"].data[5]


@pytest.mark.parametrize("weights", WEIGHTS)
def test_training_lowers_the_loss_and_stays_exact(weights: WeightGrid) -> None:
    settings = QUICK.model_copy(update={"weights": weights})
    view = QuantizedView.from_float(float_sr_graph(channels=8, depth=2), [random_image(0)], settings)
    groups = [{**group, "lr": 2e-3 * group["lr"]} for group in view.parameter_groups()]
    optimizer = torch.optim.Adam(groups)
    lr = torch.randint(0, 256, (2, 3, 16, 16)).float()
    target = lr.repeat_interleave(3, 2).repeat_interleave(3, 3)
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = (view(lr) - target).abs().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]
    assert all(p.grad is not None and p.grad.isfinite().all() for p in view.parameters())
    assert count_differences(view, 5)[0] == 0


def test_normalized_pixels_are_exact_at_scale_one() -> None:
    mean = np.float32([123, 117, 104])
    graph = Graph(inputs=("x",))
    graph.add_tensor(Tensor("x", (1, None, None, 3)))
    graph.append(ops.Sub(), ("x", graph.constant("mean", mean)), Tensor("centered", (1, None, None, 3)))
    graph.append(ops.Add(), ("centered", graph.constant("back", mean)), Tensor("y", (1, None, None, 3)))
    graph.outputs = ("y",)
    plan = plan_quantization(graph)
    view = QuantizedView(plan, {plan.group_of["centered"]: Range(-123.0, 132.0)})
    assert view.grids()[plan.group_of["centered"]].scale == (1.0,)
    image = np.random.default_rng(0).integers(0, 246, (20, 20, 3), np.uint8)
    wanted = np.clip(image.astype(int) - mean, -123, 132) + mean
    np.testing.assert_array_equal(view.upscale(image), wanted)
    np.testing.assert_array_equal(on_device(view, image), wanted)


def test_an_image_enlarged_by_nearest_neighbor_equals_the_device() -> None:
    rng = np.random.default_rng(0)
    graph = single_conv(ops.Conv2D(), rng.normal(0, 0.3, (12, 3, 3, 3)), np.linspace(-50, 90, 12), 2)
    graph.append(ops.ResizeNearestNeighbor(2), ("x",), Tensor("large", (1, None, None, 3)))
    graph.append(ops.Add(), ("z", "large"), Tensor("sum", (1, None, None, 3)))
    graph.outputs = ("sum",)
    plan = plan_quantization(graph)
    view = QuantizedView(plan, {plan.group_of["y"]: Range(-90.0, 140.0)})
    image = random_image(2)
    np.testing.assert_array_equal(view.upscale(image), on_device(view, image, fixed=True))


def test_a_network_in_unit_range_keeps_its_clips_and_gates() -> None:
    graph, rng = Graph(inputs=("x",), value_range=(0.0, 1.0)), np.random.default_rng(0)
    graph.add_tensor(Tensor("x", (1, None, None, 3)))

    def conv(source: str, name: str, activation: ops.Activation = "NONE") -> str:
        width = graph.tensors[source].channels
        weight = graph.constant(f"{name}_w", rng.normal(0, 0.3, (12, 3, 3, width)).astype(np.float32))
        bias = graph.constant(f"{name}_b", rng.normal(0, 0.3, 12).astype(np.float32))
        op = ops.Conv2D(activation=activation)
        return graph.append(op, (source, weight, bias), Tensor(name, (1, None, None, 12))).name

    def put(op: ops.Op, name: str, *inputs: str) -> str:
        return graph.append(op, inputs, Tensor(name, (1, None, None, 12))).name

    first = put(ops.Relu0To1(), "clipped", conv("x", "first"))
    second = conv(first, "second", "RELU6")
    gated = put(ops.Mul(), "gated", second, put(ops.Logistic(), "gate", conv(second, "third")))
    shuffled = Tensor("y", (1, None, None, 3))
    graph.append(ops.DepthToSpace(2), (conv(gated, "last"),), shuffled)
    graph.outputs = (put(ops.Relu0To1(), "z", "y"),)
    graph.update("z", shape=shuffled.shape)
    images = [random_image(seed, 40) for seed in range(3)]
    view = QuantizedView.from_float(graph, images)
    assert view.freeze().summary() == "CONV_2D×4 LOGISTIC MUL DEPTH_TO_SPACE"
    assert count_differences(view, 7)[0] == 0
    pixels = torch.from_numpy(images[0]).permute(2, 0, 1)[None].float()
    with torch.no_grad():
        error = view(pixels) - 255 * FloatView(graph)(pixels / 255)
    assert float(error.square().mean().sqrt()) < 3  # half a code of what is clipped to 6, which is 1530 pixels


def test_a_range_that_is_set_is_the_files() -> None:
    view = QuantizedView.from_float(float_sr_graph(), [random_image(0)], QUICK)
    before = view.freeze()
    view.set_range("body.0", Range(0.0, 51.0))
    after = view.freeze()
    assert after.tensors["body.0"].quant is not None
    assert after.tensors["body.0"].quant.scale[0] == pytest.approx(0.2, rel=2.0**-15)
    changed = {name for name in before.tensors if before.tensors[name] != after.tensors[name]}
    assert changed == {"body.0", "body.1.bias"}, "a bias lies on its input's scale"
