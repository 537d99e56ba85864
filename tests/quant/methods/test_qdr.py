"""QDR: where the bottleneck is, whom its distillation reaches, and how the two gradients are balanced."""

import json
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from kit.device import on_device
from kit.graphs import float_sr_graph
from kit.students import deployed
from torch import Tensor

from sr2tflite.commands.qat import qat
from sr2tflite.data.images import write_image
from sr2tflite.errors import RecipeError, UnsupportedError
from sr2tflite.evaluate.runners import open_runner
from sr2tflite.files import read_bytes, write_bytes
from sr2tflite.graph import Graph, onnx, ops
from sr2tflite.graph.multiples import size_multiple
from sr2tflite.networks.students import STUDENTS
from sr2tflite.quant.bottleneck import decoder_entry
from sr2tflite.quant.methods.qdr import Balance, Bottleneck, Qdr, shared_norms
from sr2tflite.quant.settings import PtqSettings
from sr2tflite.quant.view import QuantizedView
from sr2tflite.torch_view import FloatView
from sr2tflite.train.settings import QatTrainSettings

IMAGES = [np.random.default_rng(seed).integers(0, 256, (24, 32, 3), np.uint8) for seed in range(2)]
PIXELS = torch.from_numpy(np.stack(IMAGES)).permute(0, 3, 1, 2).float()
START = PtqSettings(method="minmax", equalize=False, rounding="nearest", bias_correction=False)


@pytest.fixture(scope="module")
def unet() -> Graph:
    return deployed("efm", 1, seed=1)  # with seed 0 no pixel passes the ReLU of one gate, and no gradient either


def _installed(graph: Graph, method: Qdr) -> QuantizedView:
    view = QuantizedView.from_float(graph, IMAGES, START)
    method.install(view)
    return view


def _distance(view: QuantizedView) -> Tensor:
    bottleneck = cast(Bottleneck, view.brought["bottleneck"])
    bottleneck.see(PIXELS)
    view(PIXELS)
    return bottleneck.distance()


def test_the_bottleneck_of_a_unet_is_what_its_deepest_gate_writes(unet: Graph) -> None:
    entry = decoder_entry(unet)
    node = unet.producer(entry.inputs[0])
    assert node is not None
    assert isinstance(node.op, ops.Mul)
    assert [n for n in unet.nodes if isinstance(n.op, ops.Mul)][-1] == node
    without = deployed("efm", 1, gating=False)
    node = without.producer(decoder_entry(without).inputs[0])
    assert node is not None
    assert node.op == ops.Conv2D(activation="RELU")
    assert without.tensors[node.output].channels == 4 * 8


@pytest.mark.parametrize("name", [name for name in STUDENTS.names() if name != "efm"])
def test_the_bottleneck_of_a_student_is_what_its_last_convolution_before_the_enlargement_reads(name: str) -> None:
    graph = deployed(name, 3)
    entry = decoder_entry(graph)
    behind, pending = set[str](), [entry.output]
    while pending:
        behind.add(found := pending.pop())
        pending.extend(
            node.output
            for node in graph.consumers(found)
            if not isinstance(node.op, ops.DepthToSpace) and node.output not in behind
        )
    # nothing but sums and clips between it and the enlargement
    assert not any(isinstance(n.op, ops.Conv2D) for n in graph.nodes if n.output in behind - {entry.output})
    assert any(isinstance(n.op, ops.DepthToSpace) and n.inputs[0] in behind for n in graph.nodes)


def test_a_network_that_enlarges_nothing_is_refused_with_its_layer() -> None:
    graph = float_sr_graph()
    graph.nodes = [node for node in graph.nodes if not isinstance(node.op, ops.DepthToSpace)]
    last = next(node for node in reversed(graph.nodes) if isinstance(node.op, ops.Conv2D))
    with pytest.raises(UnsupportedError, match="bottleneck") as error:
        decoder_entry(graph)
    assert last.output in str(error.value.where)
    assert "efm" in str(error.value.hint)


def test_the_distance_is_between_what_the_decoder_reads_and_the_float_features(unet: Graph) -> None:
    view = _installed(unet, Qdr())
    name = decoder_entry(view.plan.graph).inputs[0]
    codes = {node.output: value for node, value in view.codes(PIXELS, view.grids())}[name]
    scale = view.grids()[view.plan.group_of[name]].scale[0]
    wanted = FloatView(view.plan.graph).activations(PIXELS)[name]
    torch.testing.assert_close(_distance(view), (codes * scale - wanted).abs().mean())


def test_no_gradient_of_the_distillation_reaches_the_decoder(unet: Graph) -> None:
    view = _installed(unet, Qdr())
    names = view.layer_names()
    first = names.index(decoder_entry(view.plan.graph).output)
    found = torch.autograd.grad(_distance(view), view.weights(), allow_unused=True)
    assert all(gradient is None for gradient in found[first:])
    assert len(found[first:]) == 5
    assert all(gradient is not None and bool(gradient.any()) for gradient in found[:first])


def test_no_range_behind_the_bottleneck_is_moved_by_the_distillation(unet: Graph) -> None:
    view = _installed(unet, Qdr())
    (moved,) = torch.autograd.grad(_distance(view), [view.relative_range])
    order = [node.output for node in view.plan.graph.nodes]
    entry = order.index(decoder_entry(view.plan.graph).output)
    learned = sorted(view.ranges())
    behind = [row for row, group in enumerate(learned) if order.index(view.plan.groups[group].tensors[0]) >= entry]
    assert behind
    assert not bool(moved[behind].any())
    assert bool(moved.any())


def test_weights_balance_gradients_and_stay_balanced() -> None:
    balance = Balance()
    for _ in range(200):
        balance.see(torch.tensor([1.0, 20.0]), 0.025)
    weights = balance.weights()
    torch.testing.assert_close(weights.sum(), torch.tensor(2.0))
    torch.testing.assert_close(weights[0] * 1.0, weights[1] * 20.0)


def test_a_step_moves_them_no_farther_than_the_rate() -> None:
    balance = Balance()
    balance.see(torch.tensor([1.0, 20.0]), 0.025)
    torch.testing.assert_close(balance.logits, torch.tensor([0.025, -0.025]))


def test_norms_are_averaged_over_steps() -> None:
    balance = Balance()
    balance.see(torch.tensor([1.0, 2.0]), 0.025)
    balance.see(torch.tensor([2.0, 1.0]), 0.025)
    torch.testing.assert_close(balance.norms, torch.tensor([1.1, 1.9]))


def test_a_norm_of_nothing_does_not_end_in_a_number_that_is_none() -> None:
    balance = Balance()
    balance.see(torch.tensor([1.0, 0.0]), 0.025)
    assert bool(balance.weights().isfinite().all())


def test_norms_are_of_what_both_terms_reach() -> None:
    losses: list[Tensor | None] = [torch.tensor([3.0, 5.0]), torch.tensor([7.0]), None, torch.tensor([4.0])]
    term: list[Tensor | None] = [torch.tensor([1.0, 0.0]), None, torch.tensor([9.0]), torch.tensor([2.0])]
    torch.testing.assert_close(shared_norms(losses, term), torch.tensor([5.0, 5.0**0.5]))


LOSSES: list[Tensor | None] = [torch.tensor([3.0]), torch.tensor([7.0]), None, None]
TERM: list[Tensor | None] = [torch.tensor([1.0]), None, torch.tensor([9.0]), None]


@pytest.mark.parametrize("lmr", ["gradnorm", False])
def test_gradients_are_added_with_the_weights_or_as_they_are(unet: Graph, lmr: Any) -> None:
    method = Qdr(lmr=lmr)
    view = _installed(unet, method)
    mixed, notes = method.mixed(view, LOSSES, TERM)
    w_r, w_d = (notes["weight_losses"], notes["weight_distillation"]) if lmr else (1.0, 1.0)
    assert (w_r < 1 < w_d) if lmr else not notes  # the losses' gradient was larger
    for got, want in zip(mixed, [3 * w_r + w_d, 7 * w_r, 9 * w_d], strict=False):
        assert got is not None
        torch.testing.assert_close(got, torch.tensor([want]))
    assert mixed[3] is None


def test_uncertainty_weighs_each_term_by_a_variance_that_it_learns(unet: Graph) -> None:
    method = Qdr(lmr="uncertainty")
    view = _installed(unet, method)
    ((group),) = method.groups(view)
    (s,) = group["params"]
    with torch.no_grad():
        s.copy_(torch.tensor([0.5, -1.0]))
    bottleneck = cast(Bottleneck, view.brought["bottleneck"])
    plain = float(_distance(view).detach()) / 255
    bottleneck.see(PIXELS)
    view(PIXELS)
    terms = method.objective(view, {"l1": torch.tensor(0.2)})
    torch.testing.assert_close(terms["l1"], torch.tensor(0.1 * np.exp(-0.5), dtype=torch.float32))
    torch.testing.assert_close(terms["distillation"], torch.tensor(0.5 * np.e * plain, dtype=torch.float32))
    torch.testing.assert_close(terms["variances"], torch.tensor(-0.25))
    (gradient,) = torch.autograd.grad(sum(terms.values(), torch.zeros(())), [s])
    wanted = [0.5 - 0.1 * np.exp(-0.5), 0.5 - 0.5 * np.e * plain]
    torch.testing.assert_close(gradient, torch.tensor(wanted, dtype=torch.float32))


def _images(folder: Path) -> Path:
    for seed in range(4):
        write_image(folder / f"{seed}.png", np.random.default_rng(seed).integers(0, 256, (50, 46, 3), np.uint8))
    return Path(f"{folder}@noise25")


def _settings(lmr: Any) -> QatTrainSettings:
    return QatTrainSettings(
        steps=4, batch=2, patch=16, held_out=2, validate_every=2, learning_rate=1e-3, range_rate=10, ema=0,
        save_every_s=1e-9, method={"name": "qdr", "lmr": lmr}, ptq=START, losses=("charbonnier",),
    )  # fmt: skip


class _StoppedError(Exception):
    """Somebody pulled the plug."""


@pytest.mark.parametrize("lmr", ["gradnorm", "uncertainty", False])
def test_training_stays_exact_and_goes_on_where_it_was_stopped(unet: Graph, lmr: Any, tmp_path: Path) -> None:
    data = _images(tmp_path / "images")
    write_bytes(tmp_path / "deploy.onnx", onnx.write(unet))
    whole, parts = tmp_path / "whole.onnx", tmp_path / "parts.onnx"
    qat(tmp_path / "deploy.onnx", [data], whole, _settings(lmr))

    def stop(what: str, done: int, _total: int, _detail: str = "") -> None:
        if what == "training" and done == 2:
            raise _StoppedError

    with pytest.raises(_StoppedError):
        qat(tmp_path / "deploy.onnx", [data], parts, _settings(lmr), progress=stop)
    qat(tmp_path / "deploy.onnx", [data], parts, _settings(lmr))
    assert read_bytes(whole) == read_bytes(parts)
    states = [torch.load(tmp_path / f"{name}.train" / "last.pt", weights_only=True) for name in ("whole", "parts")]
    for name, value in states[0]["module"].items():
        assert torch.equal(value, states[1]["module"][name]), name
    lines = (tmp_path / "whole.train" / "log.jsonl").read_text().splitlines()
    rows = [row for row in map(json.loads, lines) if row["step"]]
    assert all("distillation" in row["terms"] for row in rows)
    graph = onnx.read(read_bytes(whole), "whole")
    view = QuantizedView.from_quantized(graph)
    assert np.array_equal(view.upscale(IMAGES[0]), on_device(view, IMAGES[0]))


def test_a_patch_that_the_network_cannot_halve_is_refused(unet: Graph, tmp_path: Path) -> None:
    write_bytes(tmp_path / "deploy.onnx", onnx.write(unet))
    settings = _settings(False).model_copy(update={"patch": 18})
    assert size_multiple(unet) == 4
    with pytest.raises(RecipeError, match="patch: is 18; expected a multiple of 4") as error:
        qat(tmp_path / "deploy.onnx", [_images(tmp_path / "images")], tmp_path / "out.onnx", settings)
    assert error.value.hint == "for example --set patch=20"


def test_an_image_of_other_sides_is_extended_and_its_output_cropped(unet: Graph, tmp_path: Path) -> None:
    write_bytes(tmp_path / "deploy.onnx", onnx.write(unet))
    runner, image = open_runner(tmp_path / "deploy.onnx"), IMAGES[0]
    assert any("multiples of 4" in note for note in runner.notes)
    cut = image[:21, :30]
    grown = np.pad(cut, ((0, 3), (0, 2), (0, 0)), mode="edge")
    found = runner(cut)
    assert found.shape == cut.shape
    assert (found == runner(grown)[:21, :30]).all()
