"""QuantSR and QuantSR+: what is trained is what the file computes, blocks go for good, a stopped training goes on."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from kit.device import on_device
from kit.graphs import float_sr_graph
from kit.residual import residual_graph

from sr2tflite.commands.qat import QatResult, qat
from sr2tflite.data.images import write_image
from sr2tflite.errors import RecipeError, UnsupportedError
from sr2tflite.files import write_bytes
from sr2tflite.graph import Graph, onnx, tflite
from sr2tflite.quant.binarization import BinarizedWeights
from sr2tflite.quant.depths import Depths
from sr2tflite.quant.local import LocalDistillation
from sr2tflite.quant.methods import METHODS, Method
from sr2tflite.quant.methods.quantsr import Quantsr
from sr2tflite.quant.methods.quantsr_plus import QuantsrPlus
from sr2tflite.quant.settings import Bits, PtqSettings, Width
from sr2tflite.quant.shortcuts import Shortcuts, shortcuts_of
from sr2tflite.quant.slimming import Slimming, slimming_of
from sr2tflite.quant.view import QuantizedView
from sr2tflite.torch_view import FloatView
from sr2tflite.train.settings import QatTrainSettings

IMAGES = [np.random.default_rng(seed).integers(0, 256, (28, 24, 3), np.uint8) for seed in range(2)]
PIXELS = torch.from_numpy(np.stack(IMAGES)).permute(0, 3, 1, 2).float()
START = PtqSettings(method="minmax", bias_correction=False, rounding="nearest", equalize=False)
CASES: dict[str, tuple[dict[str, Any], int]] = {
    "quantsr": ({"name": "quantsr"}, 4),
    "quantsr at half its depth": ({"name": "quantsr", "depth": "half", "together_from": 0.3}, 2),
    "quantsr_plus": ({"name": "quantsr_plus", "distillation": 0.1}, 2),
    "quantsr_plus of all blocks": ({"name": "quantsr_plus", "slim": 0}, 4),
}
"""Method, and how many of four blocks its file has."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data")
    for seed in range(5):
        write_image(
            path / "images" / f"{seed}.png", np.random.default_rng(seed).integers(0, 256, (72, 72, 3), np.uint8)
        )
    write_bytes(path / "deploy.onnx", onnx.write(residual_graph()))
    write_bytes(path / "plain.onnx", onnx.write(float_sr_graph()))
    return path


def settings(method: Any, bits: Width = 8, **told: Any) -> QatTrainSettings:
    start = START.model_copy(update={"bits": Bits(weights=bits, activations=bits)})
    short = {"steps": 8, "batch": 2, "patch": 8, "held_out": 1, "validate_every": 2, "losses": ("l1",)}
    fast = {"warmup": 0, "ema": 0, "learning_rate": 1e-3, "range_rate": 10}
    return QatTrainSettings(**{**short, **fast, "method": method, "ptq": start, **told})


def trained(folder: Path, out: Path, told: QatTrainSettings, deploy: str = "deploy.onnx", **more: Any) -> QatResult:
    return qat(folder / deploy, [folder / "images"], out, told, **more)


def read(path: Path) -> Graph:
    return onnx.read(path.read_bytes(), str(path))


def view_with(method: Method, bits: Width = 8) -> QuantizedView:
    view = QuantizedView.from_float(residual_graph(), IMAGES, START.model_copy(update={"bits": Bits(weights=bits)}))
    method.install(view)
    return view


def shortcuts_in(view: QuantizedView) -> Shortcuts:
    found = shortcuts_of(view)
    assert found is not None
    return found


WIDTHS: list[tuple[str, Width]] = [
    *((case, bits) for case in ("quantsr", "quantsr_plus") for bits in (8, 4, 3, 2)),
    *((case, bits) for case in ("quantsr at half its depth", "quantsr_plus of all blocks") for bits in (8, 4)),
]


@pytest.mark.parametrize(("case", "bits"), WIDTHS)
def test_training_stays_exact_and_removed_blocks_are_gone(case: str, bits: Width, folder: Path, tmp_path: Path) -> None:
    method, blocks = CASES[case]
    out = tmp_path / "qat.onnx"
    result = trained(folder, out, settings(method, bits))
    assert result.fitted.best_step > 0
    graph = read(out)
    assert (graph.counts()["CONV_2D"], graph.counts()["ADD"]) == (4 + 2 * blocks, 1 + blocks)
    view = QuantizedView.from_quantized(graph)
    assert np.array_equal(view.upscale(IMAGES[0]), on_device(view, IMAGES[0]))
    written = tflite.read(tflite.write(graph), "qat.tflite").counts()
    assert (written["CONV_2D"], written["ADD"]) == (4 + 2 * blocks, 1 + blocks)


@pytest.mark.parametrize("bits", [8, 4, 2])
@pytest.mark.parametrize("method", [Quantsr(), QuantsrPlus()])
def test_training_starts_from_post_training_quantization(method: Method, bits: Width) -> None:
    view = QuantizedView.from_float(residual_graph(), IMAGES, PtqSettings(bits=Bits(weights=bits, activations=bits)))
    before = view(PIXELS)
    method.install(view)
    assert torch.equal(view(PIXELS), before)


def test_every_thing_that_is_learned_has_a_gradient() -> None:
    for method in (Quantsr(), QuantsrPlus()):
        view = view_with(method, 4)
        view.train()
        method.before_step(view, PIXELS, 0.0)
        (view(PIXELS).square().mean() + sum(method.terms(view).values())).backward()
        groups = [*view.parameter_groups(), *method.groups(view)]
        in_groups = [parameter for group in groups for parameter in group["params"]]
        assert {id(parameter) for parameter in in_groups} == {id(parameter) for parameter in view.parameters()}
        assert len(in_groups) == len({id(parameter) for parameter in in_groups})
        assert all(parameter.grad is not None for parameter in in_groups)
        assert all(float(shift.grad.abs().sum()) > 0 for name, shift in view.named_parameters() if "tau" in name)
        assert float(shortcuts_in(view).alpha.grad.abs().min()) > 0


@pytest.mark.parametrize(("bits", "ends"), [(8, (-127, 127)), (4, (-7, 7)), (3, (-3, 4)), (2, (-1, 2))])
def test_codes_end_where_those_of_their_container_do(bits: Width, ends: tuple[int, int]) -> None:
    view = view_with(QuantsrPlus(slim=0), bits)
    for name in view.layer_names():
        quantizer = view.layer(name).quantizer
        assert isinstance(quantizer, BinarizedWeights)
        with torch.no_grad():
            quantizer.relative.fill_(0.3)
    assert np.array_equal(view.upscale(IMAGES[0]), on_device(view, IMAGES[0]))
    frozen = view.freeze()
    inner = [node for node in frozen.nodes if node.output.startswith("blocks") and node.op.kind == "CONV_2D"]
    codes = np.concatenate([frozen.tensors[node.inputs[1]].data.ravel() for node in inner])
    assert (int(codes.min()), int(codes.max())) == ends


def test_the_block_of_the_largest_shortcut_goes_first_and_its_shortcut_is_one() -> None:
    view = view_with(QuantsrPlus())
    shortcuts = shortcuts_in(view)
    slimming = Slimming(shortcuts, 3, 0.2, 0.6)
    with torch.no_grad():
        shortcuts.alpha.copy_(torch.tensor([0.5, 1.5, 1.2, 0.9]))
    slimming.step(0.19)
    assert shortcuts.kept() == [0, 1, 2, 3]
    slimming.step(0.2)
    assert shortcuts.kept() == [0, 2, 3]
    products = shortcuts.products().tolist()
    assert products == pytest.approx([0.5, 0.5, 0.6, 0.54])
    slimming.step(0.39)
    assert shortcuts.kept() == [0, 2, 3]
    slimming.step(0.6)  # both deadlines have gone by
    assert shortcuts.kept() == [0]
    assert slimming.is_done


def test_a_validation_as_good_as_the_best_lets_the_next_block_go() -> None:
    slimming = Slimming(shortcuts_in(view_with(QuantsrPlus())), 3, 0.2, 0.9)
    slimming.see(30.0)
    slimming.step(0.1)
    assert slimming.gone == 0  # none goes before the time of the first
    slimming.step(0.2)
    slimming.see(29.9)
    slimming.step(0.21)
    assert slimming.gone == 1
    slimming.see(30.0)
    slimming.step(0.22)
    assert slimming.gone == 2
    slimming.step(0.23)
    assert slimming.gone == 2


def test_only_blocks_that_are_there_after_one_that_is_are_compared() -> None:
    method = QuantsrPlus()
    view = view_with(method)
    shortcuts = shortcuts_in(view)
    method.before_step(view, PIXELS, 0.0)
    view(PIXELS)
    names = [block.convolutions[0] for block in shortcuts.blocks]
    whole = float(method.terms(view)["blocks"].detach())
    shortcuts.leave_out((1,))
    view(PIXELS)
    left = float(method.terms(view)["blocks"].detach())
    # by hand: before the ReLU, of blocks 0 and 3
    twin = QuantizedView.from_float(residual_graph(), IMAGES, START)
    distances = []
    wanted = before_relu(twin, names)
    for number in (0, 3):
        layer = view.layer(names[number])
        layer.arithmetic = Kept()
        view(PIXELS)
        assert isinstance(layer.arithmetic, Kept)
        distances.append((layer.arithmetic.real - wanted[names[number]]).flatten(1).norm(dim=1).mean())
    assert left == pytest.approx(float(torch.stack(distances).mean()) * 1e-4 / 255, rel=1e-4)
    assert whole != left


class Kept:
    """Keeps the real value of what a convolution rounds, computed again."""

    real: torch.Tensor

    def conv(self, x: Any, weight: Any, bias: Any, bounds: Any, spec: Any) -> torch.Tensor:
        from sr2tflite.quant.functions import PLAIN, conv_codes

        self.real = conv_codes(x, spec)[0].detach() * spec.grid.scale
        return PLAIN.conv(x, weight, bias, bounds, spec)

    add = None


def before_relu(view: QuantizedView, names: list[str]) -> dict[str, torch.Tensor]:
    plain = FloatView(view.plan.graph)
    values, found = plain.activations(PIXELS), {}
    for node in view.plan.graph.nodes:
        if node.output in names:
            weight, bias = (plain.constant(name) for name in node.inputs[1:])
            found[node.output] = torch.nn.functional.conv2d(
                values[node.inputs[0]], weight.permute(0, 3, 1, 2), bias, padding=1
            )
    return found


def test_the_float_blocks_are_asked_for_no_more_than_is_compared() -> None:
    local = LocalDistillation(view_with(Quantsr()), shortcuts_in(view_with(Quantsr())).blocks, None)
    (asked,) = local._float
    assert asked.graph.nodes[-1].op.kind == "RELU"
    assert not list(local.state_dict())


def test_depths_are_decided_once_and_trained_together() -> None:
    method = Quantsr(depth="quarter", together_from=0.5)
    view = view_with(method)
    shortcuts = shortcuts_in(view)
    with torch.no_grad():
        shortcuts.alpha.copy_(torch.tensor([1.1, 0.9, 1.3, 1.0]))
    method.before_step(view, PIXELS, 0.4)
    assert not method.has_final_form(view)
    assert len(method.forms(view)) == 1
    method.before_step(view, PIXELS, 0.5)
    assert method.has_final_form(view)
    with torch.no_grad():
        shortcuts.alpha.copy_(torch.tensor([2.0, 1.9, 0.3, 3.0]))
    method.before_step(view, PIXELS, 0.6)
    found = []
    for form in method.forms(view):
        with form:
            found.append([n.output for n in view.plan.graph.nodes if n.output in {f"blocks.{i}" for i in range(4)}])
    assert found == [["blocks.0", "blocks.1", "blocks.2", "blocks.3"], ["blocks.1", "blocks.3"], ["blocks.1"]]
    assert view.freeze().counts()["ADD"] == 2
    depths = view.brought["depths"]
    assert isinstance(depths, Depths)
    assert depths.order.tolist() == [2, 0, 3, 1]
    # y = α·x of what is left out: the products stay
    assert float(shortcuts.products()[3]) == pytest.approx(2.0 * 1.9 * 0.3 * 3.0)


class StoppedError(Exception):
    """As a Ctrl-C, at a step that the test chooses."""


@pytest.mark.parametrize("case", ["quantsr at half its depth", "quantsr_plus"])
def test_a_stopped_training_goes_on_to_the_same_bytes(case: str, folder: Path, tmp_path: Path) -> None:
    told = settings(CASES[case][0], 4, steps=10, validate_every=1, save_every_s=1e-9, ema=0.9)
    whole, torn = tmp_path / "whole.onnx", tmp_path / "torn.onnx"
    trained(folder, whole, told)
    for last in (2, 4, 7):

        def stop(what: str, done: int, _total: int, _text: str = "", *, last: int = last) -> None:
            if what == "training" and done >= last:
                raise StoppedError

        with pytest.raises(StoppedError):
            trained(folder, torn, told, progress=stop)
    trained(folder, torn, told)
    assert torn.read_bytes() == whole.read_bytes()
    logs = [[json.loads(line) for line in (path.with_suffix(".train") / "log.jsonl").read_text().splitlines()]
            for path in (whole, torn)]  # fmt: skip
    steps = [[{key: row[key] for key in row if key != "time"} for row in log] for log in logs]
    assert steps[0] == steps[1]


DEEP = {"name": "quantsr", "depth": "half"}
REFUSED: dict[str, tuple[str, Any, type[Exception], str]] = {
    "slimming without blocks": ("plain", "quantsr_plus", UnsupportedError, "sr: trunk: is in no residual block"),
    "depths without blocks": ("plain", DEEP, UnsupportedError, "sr: trunk: is in no residual block"),
    "slimming by nothing": ("deploy", {"name": "quantsr_plus", "shortcuts": False}, RecipeError, "shortcuts is false"),
    "depths by nothing": ("deploy", {**DEEP, "shortcuts": False}, RecipeError, "shortcuts is false"),
    "backwards": ("deploy", {"name": "quantsr_plus", "slim_from": 0.8}, RecipeError, "slim_until is 0.5"),
    "none to slim": ("deploy", {"name": "quantsr_plus", "slim": 0.2}, UnsupportedError, "4 residual blocks"),
    "features of blocks that go": ("deploy", "quantsr_plus", RecipeError, r"convolution 1 \(blocks\.0\.body\.0\)"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_is_refused_by_name(case: str, folder: Path, tmp_path: Path) -> None:
    deploy, method, error, words = REFUSED[case]
    told = settings(method, losses=("l1", {"name": "feature", "layers": [1]}) if "features" in case else ("l1",))
    with pytest.raises(error, match=words):
        trained(folder, tmp_path / "qat.onnx", told, f"{deploy}.onnx")


def test_bits_outside_what_codes_have_are_refused() -> None:
    for bits in (1, 5, 9):
        with pytest.raises(ValueError, match="2, 3, 4 or 8"):
            Bits(weights=bits)


def test_a_training_too_short_for_the_last_block_to_go_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="steps: 2 are over before"):
        trained(folder, tmp_path / "qat.onnx", settings({"name": "quantsr_plus", "slim_until": 0.9}, steps=2))


def test_without_blocks_both_methods_train_what_there_is(folder: Path, tmp_path: Path) -> None:
    for method in ({"name": "quantsr"}, {"name": "quantsr_plus", "slim": 0}):
        out = tmp_path / f"{method['name']}.onnx"
        trained(folder, out, settings(method, 4), "plain.onnx")
        view = QuantizedView.from_quantized(read(out))
        assert np.array_equal(view.upscale(IMAGES[0]), on_device(view, IMAGES[0]))


def test_names_are_registered() -> None:
    assert {"quantsr", "quantsr_plus"} <= set(METHODS.names())
    assert slimming_of(view_with(Quantsr())) is None
