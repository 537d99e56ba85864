"""State dicts as EDSR-PyTorch, BasicSR and RDN-pytorch publish them, with random weights, and what they compute."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

Weights = dict[str, Tensor]

DIV2K = (0.4488, 0.4371, 0.4040)

Shapes = Iterator[tuple[str, tuple[int, int, int]]]
"""Keys without ``.weight`` and ``.bias``; outputs, inputs, kernel."""


def _steps(scale: int) -> list[int]:
    return {2: [2], 3: [3], 4: [2, 2]}[scale]


def _random(shapes: Shapes) -> Weights:
    draw = torch.Generator().manual_seed(7)
    weights: Weights = {}
    for key, (outputs, inputs, kernel) in shapes:
        spread = (inputs * kernel**2) ** -0.5
        weights[f"{key}.weight"] = torch.randn(outputs, inputs, kernel, kernel, generator=draw) * spread
        weights[f"{key}.bias"] = torch.randn(outputs, generator=draw) * 0.1
    return weights


def _conv(weights: Mapping[str, Tensor], key: str, x: Tensor) -> Tensor:
    weight, bias = (weights[f"{key}.{part}"].to(x.dtype) for part in ("weight", "bias"))
    return F.conv2d(x, weight, bias, padding=weight.shape[2] // 2)


def _edsr_pytorch(channels: int, depth: int, scale: int) -> Weights:
    def shapes() -> Shapes:
        yield "head.0", (channels, 3, 3)
        for block in range(depth):
            yield f"body.{block}.body.0", (channels, channels, 3)
            yield f"body.{block}.body.2", (channels, channels, 3)
        yield f"body.{depth}", (channels, channels, 3)
        for number, step in enumerate(_steps(scale)):
            yield f"tail.0.{2 * number}", (channels * step**2, channels, 3)
        yield "tail.1", (3, channels, 3)

    mean = {}
    for way, sign in (("sub", -1), ("add", 1)):
        mean[f"{way}_mean.weight"] = torch.eye(3).view(3, 3, 1, 1)
        mean[f"{way}_mean.bias"] = sign * 255 * torch.tensor(DIV2K)
    return mean | _random(shapes())


def _run_edsr_pytorch(weights: Weights, scale: int, res_scale: float, x: Tensor) -> Tensor:
    """Pixels 0…255."""
    depth = max(int(key.split(".")[1]) for key in weights if key.startswith("body."))
    first = y = _conv(weights, "head.0", _conv(weights, "sub_mean", x))
    for block in range(depth):
        inside = _conv(weights, f"body.{block}.body.0", y).relu()
        y = y + _conv(weights, f"body.{block}.body.2", inside) * res_scale
    y = _conv(weights, f"body.{depth}", y) + first
    for number, step in enumerate(_steps(scale)):
        y = F.pixel_shuffle(_conv(weights, f"tail.0.{2 * number}", y), step)
    return _conv(weights, "add_mean", _conv(weights, "tail.1", y))


def _edsr_basicsr(channels: int, depth: int, scale: int) -> Weights:
    def shapes() -> Shapes:
        yield "conv_first", (channels, 3, 3)
        for block in range(depth):
            yield f"body.{block}.conv1", (channels, channels, 3)
            yield f"body.{block}.conv2", (channels, channels, 3)
        yield "conv_after_body", (channels, channels, 3)
        for number, step in enumerate(_steps(scale)):
            yield f"upsample.{2 * number}", (channels * step**2, channels, 3)
        yield "conv_last", (3, channels, 3)

    return _random(shapes())


def _body(weights: Weights, name: str, y: Tensor, res_scale: float = 1.0) -> Tensor:
    for block in range(len({key.split(".")[1] for key in weights if key.startswith(f"{name}.")})):
        inside = _conv(weights, f"{name}.{block}.conv1", y).relu()
        y = y + _conv(weights, f"{name}.{block}.conv2", inside) * res_scale
    return y


def _run_edsr_basicsr(weights: Weights, scale: int, res_scale: float, x: Tensor) -> Tensor:
    """Pixels 0…1; the mean is in the code, and the network works in 0…255."""
    mean = torch.tensor(DIV2K).to(x.dtype).view(1, 3, 1, 1)
    first = _conv(weights, "conv_first", (x - mean) * 255)
    y = _conv(weights, "conv_after_body", _body(weights, "body", first, res_scale)) + first
    for number, step in enumerate(_steps(scale)):
        y = F.pixel_shuffle(_conv(weights, f"upsample.{2 * number}", y), step)
    return _conv(weights, "conv_last", y) / 255 + mean


def _msrresnet(trunk: str, high: str) -> Callable[[int, int, int], Weights]:
    def weights(channels: int, depth: int, scale: int) -> Weights:
        def shapes() -> Shapes:
            yield "conv_first", (channels, 3, 3)
            for block in range(depth):
                yield f"{trunk}.{block}.conv1", (channels, channels, 3)
                yield f"{trunk}.{block}.conv2", (channels, channels, 3)
            for number, step in enumerate(_steps(scale), start=1):
                yield f"upconv{number}", (channels * step**2, channels, 3)
            yield high, (channels, channels, 3)
            yield "conv_last", (3, channels, 3)

        return _random(shapes())

    return weights


def _run_msrresnet(weights: Weights, scale: int, _res_scale: float, x: Tensor) -> Tensor:
    """Pixels 0…1."""
    trunk, high = ("body", "conv_hr") if "conv_hr.weight" in weights else ("recon_trunk", "HRconv")
    y = _body(weights, trunk, F.leaky_relu(_conv(weights, "conv_first", x), 0.1))
    for number, step in enumerate(_steps(scale), start=1):
        y = F.leaky_relu(F.pixel_shuffle(_conv(weights, f"upconv{number}", y), step), 0.1)
    y = _conv(weights, "conv_last", F.leaky_relu(_conv(weights, high, y), 0.1))
    return y + F.interpolate(x, scale_factor=scale, mode="bilinear", align_corners=False)


DENSE_LAYERS = 2


def _rdn(names: Mapping[str, str], last: Callable[[int], str]) -> Callable[[int, int, int], Weights]:
    def weights(channels: int, depth: int, scale: int) -> Weights:
        def shapes() -> Shapes:
            yield names["head"], (channels, 3, 3)
            yield names["second"], (channels, channels, 3)
            for block in range(depth):
                for layer in range(DENSE_LAYERS):
                    yield names["dense"].format(block, layer), (channels, channels * (layer + 1), 3)
                yield names["join"].format(block), (channels, channels * (DENSE_LAYERS + 1), 1)
            yield names["global"].format(0), (channels, channels * depth, 1)
            yield names["global"].format(1), (channels, channels, 3)
            for number, step in enumerate(_steps(scale)):
                yield names["enlarge"].format(2 * number), (channels * step**2, channels, 3)
            yield last(scale), (3, channels, 3)

        return _random(shapes())

    return weights


def _run_rdn(names: Mapping[str, str], last: Callable[[int], str]) -> Callable[[Weights, int, float, Tensor], Tensor]:
    def run(weights: Weights, scale: int, _res_scale: float, x: Tensor) -> Tensor:
        first = _conv(weights, names["head"], x)
        y, found = _conv(weights, names["second"], first), []
        while f"{names['join'].format(len(found))}.weight" in weights:
            dense = y
            for layer in range(DENSE_LAYERS):
                grown = _conv(weights, names["dense"].format(len(found), layer), dense).relu()
                dense = torch.cat((dense, grown), 1)
            y = y + _conv(weights, names["join"].format(len(found)), dense)
            found.append(y)
        y = _conv(weights, names["global"].format(0), torch.cat(found, 1))
        y = _conv(weights, names["global"].format(1), y) + first
        for number, step in enumerate(_steps(scale)):
            y = F.pixel_shuffle(_conv(weights, names["enlarge"].format(2 * number), y), step)
        return _conv(weights, last(scale), y)

    return run


RDN_UPPER = {
    "head": "SFENet1",
    "second": "SFENet2",
    "dense": "RDBs.{}.convs.{}.conv.0",
    "join": "RDBs.{}.LFF",
    "global": "GFF.{}",
    "enlarge": "UPNet.{}",
}

RDN_LOWER = {
    "head": "sfe1",
    "second": "sfe2",
    "dense": "rdbs.{}.layers.{}.conv",
    "join": "rdbs.{}.lff",
    "global": "gff.{}",
    "enlarge": "upscale.{}",
}


def _upper_tail(scale: int) -> str:
    return f"UPNet.{2 * len(_steps(scale))}"


def _lower_tail(_scale: int) -> str:
    return "output"


@dataclass(frozen=True)
class Publication:
    """Somebody's layout of a network."""

    student: str
    weights: Callable[[int, int, int], Weights]
    """Of channels, depth and scale, in the order of their modules."""

    run: Callable[[Weights, int, float, Tensor], Tensor]
    """Of weights, scale, residual scale and images N·3·H·W, to images."""

    white: int
    """Of ``run``."""

    student_white: int

    tolerance: float = 1e-12
    """Of the same in float64, as a part of white: sums in another order."""


ROUNDED_MEAN = 1e-6
"""BasicSR rounds the mean to float32 before it is multiplied by 255, EDSR-PyTorch behind: 2⁻²⁵ of white, and what a
network of random weights makes of that."""

PUBLICATIONS = {
    "EDSR-PyTorch": Publication("edsr_baseline", _edsr_pytorch, _run_edsr_pytorch, 255, 255),
    "BasicSR's EDSR": Publication("edsr_baseline", _edsr_basicsr, _run_edsr_basicsr, 1, 255, ROUNDED_MEAN),
    "BasicSR's MSRResNet": Publication("srresnet", _msrresnet("body", "conv_hr"), _run_msrresnet, 1, 1),
    "MSRResNet of MMSR": Publication("srresnet", _msrresnet("recon_trunk", "HRconv"), _run_msrresnet, 1, 1),
    "EDSR-PyTorch's RDN": Publication("rdn", _rdn(RDN_UPPER, _upper_tail), _run_rdn(RDN_UPPER, _upper_tail), 255, 255),
    "RDN-pytorch": Publication("rdn", _rdn(RDN_LOWER, _lower_tail), _run_rdn(RDN_LOWER, _lower_tail), 1, 1),
}
