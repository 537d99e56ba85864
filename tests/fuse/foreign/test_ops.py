"""Every ONNX op of the set, in the forms converters write, becomes ops of the deploy graph; onnxruntime agrees."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from kit.foreign import Draft, conv_then
from torch import nn

from sr2tflite.errors import Sr2TfliteError
from sr2tflite.fuse import fuse_module
from sr2tflite.fuse.foreign import fuse_onnx

Make = Callable[[Draft, str], str]


def fused(draft: Draft, output: str):
    return fuse_onnx(Path("net.onnx"), draft.bytes(output)).graph


def of_module(tail: nn.Module) -> str:
    """The ops that a torch module with the same tail fuses to."""
    return fuse_module(nn.Sequential(nn.Conv2d(3, 12, 3, padding=1), tail), source="net").graph.summary()


def per_channel(draft: Draft, *shape: int) -> str:
    return draft.constant(draft.rng.uniform(0.5, 1.5, shape))


def resize(draft: Draft, y: str, *, sizes: bool = False, factor: int = 2, **attributes: object) -> str:
    attributes = {
        "mode": "nearest",
        "coordinate_transformation_mode": "asymmetric",
        "nearest_mode": "floor",
    } | attributes
    if sizes:
        height, width = (factor * side for side in draft.size)
        nothing = "" if draft.opset > 12 else draft.constant([])
        return draft.node("Resize", y, nothing, nothing, draft.whole(1, 12, height, width), **attributes)
    nothing = "" if draft.opset > 12 else draft.constant([])
    return draft.node("Resize", y, nothing, draft.constant([1, 1, factor, factor]), **attributes)


def shuffle(draft: Draft, y: str, *, dcr: bool = False) -> str:
    """×2 by hand, with the sizes baked in."""
    height, width = draft.size
    blocks = (1, 2, 2, 3, height, width) if dcr else (1, 3, 2, 2, height, width)
    y = draft.node("Reshape", y, draft.whole(*blocks))
    y = draft.node("Transpose", y, perm=[0, 3, 4, 1, 5, 2] if dcr else [0, 1, 4, 2, 5, 3])
    return draft.node("Reshape", y, draft.whole(1, 3, 2 * height, 2 * width))


def slice_channels(draft: Draft, y: str) -> str:
    y = draft.node("Slice", y, draft.whole(3), draft.whole(9), draft.whole(1), draft.whole(1))
    return draft.node("Relu", y)


def split_and_swap(draft: Draft, y: str) -> str:
    if draft.opset < 13:
        first, second = draft.split("Split", 2, y, axis=1, split=[4, 8])
    else:
        first, second = draft.split("Split", 2, y, draft.whole(4, 8), axis=1)
    return draft.node("Concat", draft.node("Relu", second), draft.node("Relu", first), axis=1)


def nearest_by_expand(draft: Draft, y: str) -> str:
    """What repeat_interleave becomes: a new axis after each side, expanded, reshaped away."""
    height, width = draft.size
    y = draft.node("Reshape", y, draft.whole(1, 12, height, 1, width, 1))
    y = draft.node("Expand", y, draft.whole(1, 12, height, 3, width, 3))
    return draft.node("Reshape", y, draft.whole(1, 12, 3 * height, 3 * width))


def anchor_by_tile(draft: Draft, y: str) -> str:
    return draft.node("Add", y, draft.node("Tile", "x", draft.whole(1, 4, 1, 1)))


def anchor_by_gather(draft: Draft, y: str) -> str:
    order = draft.constant(np.repeat(np.arange(3), 4), np.int64)
    return draft.node("Add", y, draft.node("Gather", "x", order, axis=1))


def squeezed(draft: Draft, y: str) -> str:
    y = draft.squeeze(draft.squeeze(y, 0), 0, op_type="Unsqueeze")
    y = draft.node("Flatten", y, axis=2)
    return draft.node("Relu", draft.node("Reshape", y, draft.whole(1, 12, *draft.size)))


def folded_constants(draft: Draft, y: str) -> str:
    """A weight that is computed: a transpose, a product, a cast, ConstantOfShape."""
    weight = draft.constant(draft.rng.normal(0, 0.3, (12, 3, 1, 1)), np.float16)
    weight = draft.node("Transpose", draft.node("Cast", weight, to=1), perm=[1, 0, 2, 3])
    zero = draft.node("ConstantOfShape", draft.whole(3))
    return draft.node("Conv", y, draft.node("Mul", weight, draft.constant(2.0)), zero)


def batch_norm(draft: Draft, y: str) -> str:
    parts = [draft.constant(draft.rng.uniform(0.5, 1.5, 12)) for _ in range(4)]
    return draft.node("BatchNormalization", y, *parts, epsilon=1e-3)


def prelu_after_norm(draft: Draft, y: str) -> str:
    return draft.node("PRelu", batch_norm(draft, y), draft.constant(draft.rng.uniform(0, 0.3, (12, 1, 1))))


def padded_conv(draft: Draft, y: str) -> str:
    y = draft.node("Pad", y, draft.whole(0, 0, 1, 1, 0, 0, 1, 1), draft.constant(0.0))
    return draft.conv(y, 12, 3, pads=[0, 0, 0, 0])


def clip_in_two(draft: Draft, y: str) -> str:
    return draft.node("Min", draft.node("Max", y, draft.constant(0.0)), draft.constant(1.0))


def uniform_map(draft: Draft, y: str) -> str:
    """A constant as large as the image, all alike in each channel: what folding an Expand leaves."""
    values = np.broadcast_to(np.arange(12, dtype=np.float32).reshape(1, 12, 1, 1), (1, 12, *draft.size))
    return draft.node("Add", y, draft.constant(values))


CASES: dict[str, tuple[Make, str | nn.Module]] = {
    "Relu": (lambda d, y: d.node("Relu", y), "CONV_2D"),
    "LeakyRelu": (lambda d, y: d.node("LeakyRelu", y, alpha=0.1), "CONV_2D LEAKY_RELU"),
    "PRelu after BatchNormalization": (prelu_after_norm, "CONV_2D PRELU"),
    "PRelu with one slope": (lambda d, y: d.node("PRelu", y, d.constant([0.25])), "CONV_2D PRELU"),
    "Relu6 as Clip": (lambda d, y: d.node("Clip", y, d.constant(0.0), d.constant(6.0)), "CONV_2D"),
    "Clip to 1": (lambda d, y: d.node("Clip", y, d.constant(0.0), d.constant(1.0)), "CONV_2D RELU_0_TO_1"),
    "Clip without a high bound": (lambda d, y: d.node("Clip", y, d.constant(0.0)), "CONV_2D"),
    "Clip without a low bound": (lambda d, y: d.node("Clip", y, "", d.constant(0.5)), "CONV_2D MINIMUM"),
    "Clip with an infinite bound": (lambda d, y: d.node("Clip", y, d.constant(0.0), d.constant(np.inf)), "CONV_2D"),
    "Clip of nothing": (lambda d, y: d.node("Relu", d.node("Clip", y)), "CONV_2D"),
    "Max and Min": (clip_in_two, "CONV_2D RELU_0_TO_1"),
    "Min per channel": (lambda d, y: d.node("Min", y, per_channel(d, 12, 1, 1)), "CONV_2D MINIMUM"),
    "Max of images": (lambda d, y: d.node("Max", y, d.conv("x", 3, 12, 1)), "CONV_2D×2 MAXIMUM"),
    "Sigmoid": (lambda d, y: d.node("Sigmoid", y), "CONV_2D LOGISTIC"),
    "Tanh": (lambda d, y: d.node("Tanh", y), "CONV_2D LOGISTIC MUL ADD"),
    "HardSigmoid": (lambda d, y: d.node("HardSigmoid", y), "CONV_2D RELU_0_TO_1"),
    "HardSwish": (lambda d, y: d.node("HardSwish", y), "CONV_2D MUL×2 ADD RELU_0_TO_1"),
    "Neg": (lambda d, y: d.node("Neg", y), "CONV_2D"),
    "Add a constant": (lambda d, y: d.node("Add", per_channel(d, 12, 1, 1), y), "CONV_2D"),
    "a constant minus an image": (lambda d, y: d.node("Sub", d.constant(1.0), y), "CONV_2D"),
    "Mul by a constant": (lambda d, y: d.node("Mul", y, per_channel(d, 1, 12, 1, 1)), "CONV_2D"),
    "Div by a constant": (lambda d, y: d.node("Div", y, per_channel(d, 12, 1, 1)), "CONV_2D"),
    "a constant as large as the image": (uniform_map, "CONV_2D"),
    "Identity, Dropout and Cast": (
        lambda d, y: d.node("Relu", d.node("Cast", d.node("Dropout", d.node("Identity", y)), to=1)),
        "CONV_2D",
    ),
    "Concat of images": (lambda d, y: d.node("Concat", d.node("Relu", y), "x", axis=1), "CONV_2D CONCATENATION"),
    "Slice of channels": (slice_channels, "CONV_2D"),
    "Split and Concat": (split_and_swap, "CONV_2D"),
    "Gather of channels": (anchor_by_gather, "CONV_2D"),
    "Tile of channels": (anchor_by_tile, "CONV_2D"),
    "Squeeze, Unsqueeze and Flatten": (squeezed, "CONV_2D"),
    "DepthToSpace CRD": (lambda d, y: d.node("DepthToSpace", y, blocksize=2, mode="CRD"), "CONV_2D DEPTH_TO_SPACE"),
    "DepthToSpace DCR": (lambda d, y: d.node("DepthToSpace", y, blocksize=2), "CONV_2D DEPTH_TO_SPACE"),
    "a shuffle by hand": (shuffle, "CONV_2D DEPTH_TO_SPACE"),
    "a shuffle by hand in TFLite's order": (lambda d, y: shuffle(d, y, dcr=True), "CONV_2D DEPTH_TO_SPACE"),
    "a shuffle and its inverse": (
        lambda d, y: d.node("Relu", d.node("SpaceToDepth", d.node("DepthToSpace", y, blocksize=2), blocksize=2)),
        "CONV_2D",
    ),
    "Resize by scales": (resize, nn.Upsample(scale_factor=2)),
    "Resize by sizes": (lambda d, y: resize(d, y, sizes=True), nn.Upsample(scale_factor=2)),
    "Resize by half pixels": (
        lambda d, y: resize(
            d, y, factor=3, coordinate_transformation_mode="half_pixel", nearest_mode="round_prefer_floor"
        ),
        nn.Upsample(scale_factor=3),
    ),
    "repeat_interleave": (nearest_by_expand, nn.Upsample(scale_factor=3)),
    "Conv with SAME_UPPER": (lambda d, y: d.conv(y, 12, 4, auto_pad="SAME_UPPER", pads=None), "CONV_2D×2"),
    "a grouped and dilated Conv": (
        lambda d, y: d.conv(d.node("Relu", y), 3, 12, group=4, dilations=[2, 2], pads=[2, 2, 2, 2]),
        "CONV_2D×2",
    ),
    "Pad and Conv": (padded_conv, "CONV_2D×2"),
    "a weight that is computed": (folded_constants, "CONV_2D"),
}


@pytest.mark.parametrize("opset", [11, 13, 17, 21])
@pytest.mark.parametrize("name", CASES)
def test_an_op_fuses_at_every_opset(name: str, opset: int) -> None:
    make, ops = CASES[name]
    draft = Draft(opset=opset)
    if name == "HardSwish" and opset < 14:
        pytest.skip("this opset has none")
    graph = fused(draft, conv_then(make, draft))
    assert graph.summary() == (ops if isinstance(ops, str) else of_module(ops))
    assert graph.input.shape == (1, None, None, 3)


@pytest.mark.parametrize(
    ("mode", "rounding"),
    [
        (mode, rounding)
        for mode in ("half_pixel", "asymmetric", "pytorch_half_pixel", "align_corners")
        for rounding in ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")
    ],
)
@pytest.mark.parametrize("factor", [2, 3, 4])
def test_a_nearest_resize_repeats_pixels_or_is_refused(mode: str, rounding: str, factor: int) -> None:
    """Whatever passes has been compared with onnxruntime; what it does elsewhere is no repetition."""
    draft = Draft()
    output = conv_then(
        lambda d, y: resize(d, y, factor=factor, coordinate_transformation_mode=mode, nearest_mode=rounding), draft
    )
    repeats = {
        "asymmetric": rounding == "floor" or (factor == 2 and rounding == "round_prefer_floor"),
        "half_pixel": rounding.startswith("round"),
        "pytorch_half_pixel": rounding.startswith("round"),
        "align_corners": factor == 2 and rounding.startswith("round"),
    }
    if repeats.get(mode, False):
        assert fused(draft, output).summary() == of_module(nn.Upsample(scale_factor=factor))
    else:
        with pytest.raises(Sr2TfliteError, match="expected every pixel a whole number of times"):
            fused(draft, output)
