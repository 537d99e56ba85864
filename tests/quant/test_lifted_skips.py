"""A network whose skip is copies of pixels: nearer to float, equal to the device, and trained without moving them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from kit.device import on_device
from kit.graphs import float_sr_graph
from pydantic import ValidationError

from sr2tflite.commands.ptq import on_device as on_device_codes
from sr2tflite.commands.qat import qat
from sr2tflite.data.images import write_image
from sr2tflite.errors import InputError, UnsupportedError
from sr2tflite.graph import Graph, onnx, tflite
from sr2tflite.graph.passes.lift_skips import Lifted, lift_skips
from sr2tflite.interpret import Interpreter
from sr2tflite.quant.counterpart import counterpart
from sr2tflite.quant.gains import gain_sets
from sr2tflite.quant.islands import choose_islands
from sr2tflite.quant.plan import PIXELS as PIXEL_PARAMS
from sr2tflite.quant.plan import plan_quantization
from sr2tflite.quant.settings import Bits, BranchSettings, FinetuneSettings, IslandSettings, PtqSettings
from sr2tflite.quant.view import QuantizedView
from sr2tflite.runtime import LiteRT
from sr2tflite.torch_view import FloatView
from sr2tflite.train.settings import QatTrainSettings

IMAGES = [np.random.default_rng(seed).integers(0, 256, (40, 36, 3), np.uint8) for seed in range(3)]
PIXELS = torch.from_numpy(np.stack(IMAGES)).permute(0, 3, 1, 2).float()
LIFTED = PtqSettings(lift_skips=True)


def image_like(value_range: tuple[float, float] = (0.0, 255.0)) -> Graph:
    """A network whose skip carries the image and whose trunk adds little, as trained ones do."""
    graph = float_sr_graph(channels=16, depth=3, skip="features", value_range=value_range, seed=3)
    rng = np.random.default_rng(5)
    for name in ("body.0", "body.1", "body.2"):
        graph.update(f"{name}.weight", data=(graph.tensors[f"{name}.weight"].data * np.float32(0.6)))
    stem, mixing = np.zeros((16, 3, 3, 3)), np.linalg.qr(rng.normal(size=(16, 16)))[0][:, :3]
    stem[:, 1, 1, :] = mixing * 4
    taps = rng.dirichlet(np.full(9, 4.0), 9).repeat(3, 0).reshape(27, 3, 3, 1)  # interpolates, as trained skips do
    tail = taps * np.tile(mixing.T, (9, 1)).reshape(27, 1, 1, 16) / 4 + rng.normal(0, 0.01, (27, 3, 3, 16))
    graph.update("stem.weight", data=(stem + rng.normal(0, 0.1, stem.shape)).astype(np.float32))
    graph.update("tail.weight", data=tail.astype(np.float32))
    return graph


GRAPH = image_like()


def view_of(settings: PtqSettings, graph: Graph = GRAPH) -> QuantizedView:
    return QuantizedView.from_float(graph, IMAGES, settings)


def noise(view: QuantizedView) -> float:
    """Mean squared distance to the float network beyond 1/12, which rounding to pixels alone makes."""
    with torch.no_grad():
        return float((view(PIXELS) - FloatView(GRAPH)(PIXELS).clamp(0, 255)).square().mean()) - 1 / 12


def test_a_lifted_skip_comes_nearer_to_float() -> None:
    assert 0 < noise(view_of(LIFTED)) < 0.75 * noise(view_of(PtqSettings()))


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"weights": "per-tensor"},
        {"bits": Bits(weights=4, activations=4)},
        {"bits": Bits(weights=4, activations=4, ends=4, container="int4")},
        {"weight_range": "mse"},
        {"rounding": "adaround"},
        {"finetune": FinetuneSettings(epochs=2)},
    ],
)
@pytest.mark.parametrize("white", [1.0, 255.0])
def test_the_file_holds_pixels_and_equals_the_training_forward(white: float, told: dict[str, object]) -> None:
    view = view_of(LIFTED.model_copy(update=told), image_like((0.0, white)))
    quantized = view.freeze()
    for name in ("stem.pixels", "body.2", "trunk.joined"):
        assert quantized.tensors[name].quant == PIXEL_PARAMS
    pixels = torch.from_numpy(IMAGES[0]).permute(2, 0, 1)[None].float()
    copies = {node.output: codes for node, codes in view.codes(pixels, view.grids())}["stem.pixels"]
    window = torch.nn.functional.pad(pixels, [1] * 4).unfold(2, 3, 1).unfold(3, 3, 1)
    wanted = window.permute(0, 4, 5, 1, 2, 3).flatten(1, 3)
    assert torch.equal(copies[:, :27], wanted)
    assert bool((copies[:, 27] == 255).all())
    assert np.array_equal(view.upscale(IMAGES[0]), on_device(view, IMAGES[0]))
    assert onnx.read(onnx.write(quantized), "lifted").tensors == quantized.tensors
    assert QuantizedView.from_quantized(quantized).freeze().tensors == quantized.tensors


def test_training_leaves_the_copies_and_moves_the_rest() -> None:
    view = view_of(LIFTED)
    before = {name: view.layer(name).weight.detach().clone() for name in view.layer_names()}
    parameters = [parameter for group in view.parameter_groups() for parameter in group["params"]]
    assert all(parameter.requires_grad for parameter in parameters)  # gradients are taken of each, by name
    optimizer = torch.optim.Adam(parameters, lr=1e-3)
    for _ in range(3):
        optimizer.zero_grad()
        view(PIXELS).square().mean().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    moved = {name for name in before if not torch.equal(before[name], view.layer(name).weight)}
    assert moved == set(before) - {"stem.pixels"}
    assert np.array_equal(view.upscale(IMAGES[0]), on_device(view, IMAGES[0]))


def test_the_float_side_of_a_lifted_network_is_found_again() -> None:
    found = counterpart(view_of(LIFTED).freeze(), GRAPH)
    assert found.holds_weights
    values = (FloatView(graph, torch.float64)(PIXELS.double()) for graph in (found.graph, GRAPH))
    torch.testing.assert_close(*values, rtol=0, atol=1e-3)


def test_whether_skips_can_be_lifted_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    files = {settings.lift_skips: view_of(settings).freeze() for settings in (LIFTED, PtqSettings())}
    asked: list[Graph] = []

    def counting(graph: Graph) -> Lifted:
        asked.append(graph)
        return lift_skips(graph)

    for module in ("quant.counterpart", "quant.prepare"):
        monkeypatch.setattr(f"sr2tflite.{module}.lift_skips", counting)
    for is_lifted, file in files.items():
        asked.clear()
        assert counterpart(file, GRAPH).liftable == (frozenset() if is_lifted else {"trunk"})
        assert len(asked) == 1


def test_copies_of_pixels_get_no_gains() -> None:
    plan = plan_quantization(GRAPH, lift_skips=True)
    assert plan.copies == {"stem.pixels"}
    assert any("stem.pixels" in members for members in gain_sets(plan.graph))
    assert not any("stem.pixels" in members for members in gain_sets(plan.graph, plan.copies))


@pytest.mark.parametrize("factor", [0.02, 1.0, 50.0])
def test_gains_bring_the_trunk_to_the_grid_of_pixels(factor: float) -> None:
    graph = GRAPH.copy()  # the trunk's last channels so many times as large, and the stem's as well: one function
    for name in ("stem.weight", "stem.bias", "body.2.weight", "body.2.bias"):
        graph.update(name, data=graph.tensors[name].data * np.float32(factor))
    for name in ("body.0.weight", "tail.weight"):
        graph.update(name, data=graph.tensors[name].data / np.float32(factor))
    values = FloatView(view_of(LIFTED, graph).plan.graph).activations(PIXELS)["body.2"].amax((0, 2, 3))
    assert float(values.max()) < 300
    assert float(values.mean()) > 25


@pytest.mark.parametrize(("skip", "reason"), [("none", "no sum reads"), ("nearest", "tail is not what")])
def test_a_network_without_such_a_skip_is_refused_by_name(skip: str, reason: str) -> None:
    with pytest.raises(UnsupportedError, match=reason) as refusal:
        view_of(LIFTED, float_sr_graph(skip=skip))  # type: ignore[arg-type]
    assert "lift_skips" in str(refusal.value.hint)


@pytest.mark.parametrize(
    "told", [{"equalize": False}, {"branches": BranchSettings()}, {"placement": "paper", "method": "minmax"}]
)
def test_what_it_cannot_be_told_together_with_is_refused(told: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="lift_skips"):
        PtqSettings.model_validate({"lift_skips": True, **told})


def test_a_network_that_joins_for_other_reasons_is_told_as_another_network() -> None:
    with pytest.raises(InputError, match="expected one network"):
        counterpart(view_of(PtqSettings(), float_sr_graph(skip="concat")).freeze(), float_sr_graph(skip="none"))


@pytest.mark.parametrize("method", ["odm", "quantsr", "qdr"])
def test_methods_that_take_gradients_by_hand_train_a_lifted_network(method: str, tmp_path: Path) -> None:
    for index in range(3):
        write_image(tmp_path / "hr" / f"{index}.png", IMAGES[index].repeat(2, 0).repeat(2, 1))
    (tmp_path / "deploy.onnx").write_bytes(onnx.write(GRAPH))
    told = {"steps": 2, "batch": 2, "patch": 16, "validate_every": 2, "held_out": 1, "method": method}
    settings = QatTrainSettings.model_validate({**told, "ptq": {"lift_skips": True}})
    qat(tmp_path / "deploy.onnx", [tmp_path / "hr"], tmp_path / "qat.onnx", settings)
    trained = onnx.read((tmp_path / "qat.onnx").read_bytes(), "qat")
    assert trained.tensors["stem.pixels"].quant == PIXEL_PARAMS


def test_islands_are_chosen_in_a_lifted_network_too() -> None:
    view = view_of(LIFTED)
    found = choose_islands(view, view.freeze(), IMAGES, IslandSettings(gain_db=0.0), on_device_codes)
    assert found.layers
    codes = (IMAGES[0].astype(np.int16) - 128).astype(np.int8)[None]
    assert np.array_equal(LiteRT(tflite.write(found.graph)).run(codes), Interpreter(found.graph).run(codes))
