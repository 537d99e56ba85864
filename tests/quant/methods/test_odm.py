"""ODM: what a similarity is, how gradients are mixed, and that what is trained is still what the file computes."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from kit.device import on_device
from kit.graphs import float_sr_graph
from torch import Tensor

from sr2tflite.commands.qat import qat
from sr2tflite.data.images import write_image
from sr2tflite.errors import RecipeError
from sr2tflite.files import write_bytes
from sr2tflite.graph import onnx
from sr2tflite.quant.bits import inner_convolutions
from sr2tflite.quant.methods.odm import CorrectedPercentile, Granularity, Odm, similarity
from sr2tflite.quant.settings import Bits, PtqSettings
from sr2tflite.quant.told import Mismatches
from sr2tflite.quant.view import QuantizedView
from sr2tflite.train.settings import QatTrainSettings

IMAGES = [np.random.default_rng(seed).integers(0, 256, (40, 36, 3), np.uint8) for seed in range(3)]
PIXELS = torch.from_numpy(np.stack(IMAGES)).permute(0, 3, 1, 2).float()
START = PtqSettings(method="percentile", percentile=99, equalize=False, rounding="nearest", bits=Bits(weights=4))


def _view(odm: Odm, settings: PtqSettings = START) -> QuantizedView:
    view = QuantizedView.from_float(float_sr_graph(), IMAGES, settings)
    odm.install(view)
    return view


@pytest.mark.parametrize(
    ("b", "wanted"), [((2.0, -4.0), 1.0), ((2.0, 1.0), 0.5), ((-3.0, 6.0), 0.0), ((0.0, 0.0), 0.5)]
)
def test_similarity_is_one_half_and_zero_for_parallel_orthogonal_and_opposite(
    b: tuple[float, float], wanted: float
) -> None:
    # float32: the quotient of two roundings
    assert float(similarity(torch.tensor([1.0, -2.0]), torch.tensor(b))) == pytest.approx(wanted, abs=1e-6)


LOSSES: list[Tensor | None] = [torch.tensor([1.0, 0.0]), torch.tensor([2.0]), None, torch.tensor([5.0])]
MISMATCH: list[Tensor | None] = [torch.tensor([0.0, 2.0]), torch.tensor([-4.0]), torch.tensor([6.0]), None]


@pytest.mark.parametrize(
    ("odm", "wanted"),
    [
        (Odm(), [[1.0, 1.0], [2.0], [3.0], [5.0]]),  # orthogonal, opposite, compared with nothing
        (Odm(granularity="element"), [[1.0, 1.0], [2.0], [3.0], [5.0]]),
        (Odm(cooperative=False), [[1.0, 2.0], [-2.0], [6.0], [5.0]]),
    ],
)
def test_gradients_are_mixed_as_far_as_they_agree(odm: Odm, wanted: list[list[float]]) -> None:
    mixed, notes = odm.mixed(_view(odm), LOSSES, MISMATCH)
    for got, want in zip(mixed, wanted, strict=True):
        assert got is not None
        torch.testing.assert_close(got, torch.tensor(want))
    assert notes == {"conflicts": 1.0}  # the one weight for which neither is zero


def test_one_similarity_of_all_compares_all() -> None:
    odm = Odm(granularity="global")
    mixed, _ = odm.mixed(_view(odm), LOSSES, MISMATCH)
    whole = similarity(torch.tensor([1.0, 0.0, 2.0]), torch.tensor([0.0, 2.0, -4.0]))
    assert mixed[1] is not None
    torch.testing.assert_close(mixed[1], 2.0 + whole * torch.tensor([-4.0]))


def test_the_trunk_alone_is_clipped() -> None:
    view = _view(Odm())
    clipped = {name for name in view.layer_names() if isinstance(view.layer(name).quantizer, CorrectedPercentile)}
    trunk = {node.output for node in inner_convolutions(view.plan.graph)}  # without residual blocks, all between
    assert clipped == trunk
    assert trunk
    assert trunk < set(view.layer_names())


def test_noting_what_is_rounded_changes_no_code_and_no_gradient_of_the_losses() -> None:
    plain, noted = _view(Odm(mismatch=0)), _view(Odm())
    assert isinstance(noted.arithmetic, Mismatches)
    outputs = [view(PIXELS) for view in (plain, noted)]
    assert torch.equal(*outputs)
    gradients = [
        torch.autograd.grad(y.square().mean(), list(v.parameters()))
        for y, v in zip(outputs, (plain, noted), strict=True)
    ]
    for mine, other in zip(*gradients, strict=True):
        # a sum over pixels in another order
        torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-3 * float(other.abs().max()))


def test_the_mismatch_is_the_distance_between_what_is_rounded_and_what_it_becomes() -> None:
    view = _view(Odm())
    (node,) = [n for n in view.plan.graph.nodes if n.output == view.layer_names()[0]]
    view(PIXELS)
    assert isinstance(view.arithmetic, Mismatches)
    first = view.arithmetic.taken()[0]
    layer, grid = view.layer(node.output), view.grid(node.output)
    codes = layer.integers(1.0)
    real = torch.nn.functional.conv2d(PIXELS, codes.weight, codes.bias, padding=layer.padded(PIXELS)[1])
    real = real * torch.tensor(codes.weight_params.scale).reshape(-1, 1, 1)
    rounded = (real / grid.scale).round().clamp(grid.low, grid.high) * grid.scale
    torch.testing.assert_close(first, (real - rounded).norm(), rtol=1e-4, atol=0)


def test_the_mismatch_draws_what_is_clipped_back_and_widens_the_range() -> None:
    """By finite differences of a mismatch in which clipping rules: rounding is passed straight through otherwise."""
    view = _view(Odm(), START.model_copy(update={"percentile": 60}))

    def total() -> Tensor:
        view(PIXELS)
        assert isinstance(view.arithmetic, Mismatches)
        return torch.stack(view.arithmetic.taken()).sum()

    before = total()
    gradient = torch.autograd.grad(before, [view.relative_range, view.weights()[0]])
    with torch.no_grad():
        view.relative_range -= 1e-2 * gradient[0] / gradient[0].norm()
    wider = total()
    assert wider < before
    with torch.no_grad():
        view.weights()[0].sub_(1e-2 * gradient[1] / gradient[1].norm())
    assert total() < wider


def test_a_clip_of_weights_follows_its_percentile_and_gamma_learns() -> None:
    view = _view(Odm(percentile=90))
    name = view.layer_names()[1]
    layer = view.layer(name)
    rows = layer.weight.detach().abs().flatten(1)
    wanted = rows.quantile(0.9, 1) / 7
    # 16 significant bits
    np.testing.assert_allclose(layer.weight_params(1.0).scale, wanted.numpy(), rtol=2.0**-16)
    codes = layer.integers(1.0).weight
    assert int(codes.abs().max()) == 7
    view(PIXELS).square().mean().backward()
    (gamma,) = layer.quantizer.parameters()
    assert gamma.grad is not None
    assert float(gamma.grad.abs()) > 0


@pytest.mark.parametrize("bits", [8, 4, 2])
@pytest.mark.parametrize("granularity", ["tensor", "global", "element"])
def test_training_with_odm_stays_exact(tmp_path: Path, bits: int, granularity: Granularity) -> None:
    data = tmp_path / "images"
    data.mkdir()
    for seed in range(6):
        write_image(data / f"{seed}.png", np.random.default_rng(seed).integers(0, 256, (96, 96, 3), np.uint8))
    write_bytes(tmp_path / "deploy.onnx", onnx.write(float_sr_graph()))
    settings = QatTrainSettings(
        steps=6, batch=2, patch=16, held_out=2, validate_every=3, learning_rate=1e-3, range_rate=10,
        method={"name": "odm", "granularity": granularity, "mismatch": 1e-3},
        ptq=START.model_copy(update={"bits": Bits(weights=bits, activations=bits)}),
    )  # fmt: skip
    out = tmp_path / "qat.onnx"
    qat(tmp_path / "deploy.onnx", [data], out, settings)
    view = QuantizedView.from_quantized(onnx.read(out.read_bytes(), str(out)))
    assert np.array_equal(view.upscale(IMAGES[0]), on_device(view, IMAGES[0]))
    rows = [json.loads(line) for line in (tmp_path / "qat.train" / "log.jsonl").read_text().splitlines()]
    assert all(0 <= row["notes"]["conflicts"] <= 1 for row in rows)
    assert all(row["terms"]["mismatch"] > 0 for row in rows)


def test_an_unknown_method_or_setting_is_named(tmp_path: Path) -> None:
    write_bytes(tmp_path / "deploy.onnx", onnx.write(float_sr_graph()))
    data = tmp_path / "images"
    data.mkdir()
    for seed in range(3):
        write_image(data / f"{seed}.png", np.random.default_rng(seed).integers(0, 256, (96, 96, 3), np.uint8))
    for method, words in (("omd", "unknown method 'omd'"), ({"name": "odm", "gamma": 1}, "gamma: unknown key")):
        settings = QatTrainSettings(steps=1, batch=2, patch=16, held_out=1, method=method)
        with pytest.raises(RecipeError, match=words):
            qat(tmp_path / "deploy.onnx", [data], tmp_path / "qat.onnx", settings)
