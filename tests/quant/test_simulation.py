"""Placement as in the papers: a trunk of few codes in a network that stays real otherwise; no file holds it."""

from pathlib import Path

import numpy as np
import pytest
import torch
from kit.fusing import fused
from kit.graphs import float_sr_graph
from kit.students import randomized
from torch import nn

from sr2tflite.commands.export import export
from sr2tflite.commands.qat import qat
from sr2tflite.data.images import write_image
from sr2tflite.errors import RecipeError, UnsupportedError
from sr2tflite.evaluate.runners import open_runner
from sr2tflite.files import write_bytes
from sr2tflite.graph import Graph, onnx
from sr2tflite.graph.passes.pixel_units import to_pixel_units
from sr2tflite.networks.students import STUDENTS
from sr2tflite.quant.methods import METHODS
from sr2tflite.quant.settings import Bits, PtqSettings, Width
from sr2tflite.quant.simulation import plan_simulation, trunk_convolutions
from sr2tflite.quant.view import QuantizedView
from sr2tflite.registry import parse_settings
from sr2tflite.torch_view import FloatView
from sr2tflite.train.settings import QatTrainSettings

IMAGES = [np.random.default_rng(seed).integers(0, 256, (24, 20, 3), np.uint8) for seed in range(2)]
PIXELS = torch.from_numpy(np.stack(IMAGES)).permute(0, 3, 1, 2).float()


def _graph(name: str = "edsr_baseline") -> Graph:
    torch.manual_seed(0)
    student = STUDENTS.parse({"name": name, "scale": 2, "channels": 8, "depth": 2})[1]
    return fused(randomized(student)).graph


def _settings(bits: Width = 8, **more: object) -> PtqSettings:
    told = {"method": "minmax", "equalize": False, "rounding": "nearest", "bias_correction": False, **more}
    return PtqSettings.model_validate(
        {"placement": "paper", "bits": Bits(weights=bits, activations=bits).model_dump(), **told}
    )


def _view(bits: Width = 8, name: str = "edsr_baseline") -> QuantizedView:
    return QuantizedView.from_float(_graph(name), IMAGES, _settings(bits))


def test_the_trunk_is_what_lies_in_residual_blocks_or_between_the_ends() -> None:
    graph = _graph()
    convolutions = [node for node in graph.nodes if node.op.kind == "CONV_2D"]
    assert trunk_convolutions(graph) == convolutions[1:5]  # two blocks of two
    plain = float_sr_graph()
    convolutions = [node for node in plain.nodes if node.op.kind == "CONV_2D"]
    assert trunk_convolutions(plain) == convolutions[1:-1]


@pytest.mark.parametrize("name", ["edsr_baseline", "srresnet", "aio_mai"])
def test_only_what_the_trunk_reads_has_codes(name: str) -> None:
    frozen = _view(4, name).freeze()
    trunk = {node.output for node in trunk_convolutions(to_pixel_units(_graph(name)))}
    for node in frozen.nodes:
        if node.op.kind != "CONV_2D":
            continue
        x, weight, bias = (frozen.tensors[tensor] for tensor in node.inputs)
        assert (x.quant is not None) == (weight.quant is not None) == (node.output in trunk)
        assert bias.dtype == "float32"
    rounded = {name for node in frozen.nodes if node.output in trunk for name in node.inputs[:1]}
    for tensor in frozen.tensors.values():
        assert tensor.is_constant or (tensor.quant is not None) == (tensor.name in rounded)


def test_without_a_trunk_it_is_refused() -> None:
    module = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 12, 3, padding=1), nn.PixelShuffle(2))
    graph = fused(module).graph
    with pytest.raises(UnsupportedError, match="no convolution but the first and the last"):
        plan_simulation(graph, Bits())


def test_the_error_is_as_large_as_the_steps_are() -> None:
    wanted = FloatView(to_pixel_units(_graph()))(PIXELS).detach()
    of_eight, of_four = (float((_view(bits)(PIXELS).detach() - wanted).square().mean()) for bits in (8, 4))
    # steps 17 times as wide make 289 times the noise; half of that in decibels on either side is left to chance
    assert 17 < of_four / of_eight < 289 * 17


@pytest.mark.parametrize("bits", [8, 4, 3, 2])
def test_codes_are_as_few_as_told(bits: Width) -> None:
    view = _view(bits)
    index = {view.plan.group_of[node.inputs[0]] for node in view.plan.graph.nodes if node.output in view.plan.limits}
    for node, codes in view.codes(PIXELS, view.grids()):
        if view.plan.group_of[node.output] in index:
            assert len(codes.unique()) <= 2**bits


@pytest.mark.parametrize("bits", [8, 4, 2])
@pytest.mark.parametrize("name", ["edsr_baseline", "srresnet"])
def test_the_written_file_means_the_same_to_onnxruntime(tmp_path: Path, name: str, bits: Width) -> None:
    view = _view(bits, name)
    path = tmp_path / "simulation.onnx"
    write_bytes(path, onnx.write(view.freeze()))
    assert onnx.write(onnx.read(path.read_bytes(), "simulation.onnx")) == path.read_bytes()
    got, want = open_runner(path)(IMAGES[0]).astype(int), view.upscale(IMAGES[0]).astype(int)
    # another order of float32 sums puts what lies between two codes on the other one
    assert (np.abs(got - want) > 1).mean() < 0.01


def test_gradients_reach_real_and_rounded_layers_and_the_ranges() -> None:
    view = _view(4)
    (view(PIXELS) / 255).square().mean().backward()
    for name, parameter in view.named_parameters():
        assert parameter.grad is not None, name
        assert float(parameter.grad.abs().sum()) > 0, name


@pytest.mark.parametrize("method", [None, *METHODS.names()])
def test_it_is_trained_by_every_method_and_refused_by_export(tmp_path: Path, method: str | None) -> None:
    for seed in range(4):
        pixels = np.random.default_rng(seed).integers(0, 256, (48, 48, 3), np.uint8)
        write_image(tmp_path / "hr" / f"{seed}.png", pixels)
    deploy, out = tmp_path / "deploy.onnx", tmp_path / "simulation.onnx"
    write_bytes(deploy, onnx.write(_graph()))
    told = {"steps": 3, "batch": 2, "patch": 8, "held_out": 1, "method": method, "ptq": _settings(4).model_dump()}
    result = qat(deploy, [tmp_path / "hr"], out, parse_settings(QatTrainSettings, told, "qat"))
    assert np.isfinite(result.fitted.best_psnr)
    with pytest.raises(UnsupportedError, match="no device computes"):
        export(out, tmp_path / "model.tflite", free_shape=True)


def test_what_reckons_with_codes_everywhere_is_refused_with_it() -> None:
    with pytest.raises(RecipeError, match="placement: paper needs method"):
        parse_settings(PtqSettings, {"placement": "paper"}, "ptq")
