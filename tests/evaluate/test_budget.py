"""What the budget concludes where the answer is known."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from kit.graphs import float_sr_graph

from sr2tflite.commands import fixes
from sr2tflite.commands.budget import On, budget
from sr2tflite.commands.fixes import Trial
from sr2tflite.data.images import decode_image, write_image
from sr2tflite.errors import InputError, RecipeError, VerificationError
from sr2tflite.evaluate.budget.chart import MOST_ROWS, chart
from sr2tflite.evaluate.budget.facts import ActivationFacts, weight_facts
from sr2tflite.evaluate.budget.mixed import Mixed
from sr2tflite.evaluate.protocols import protocol_named
from sr2tflite.graph import Graph, Tensor, onnx, ops, tflite
from sr2tflite.graph.passes.file_io import with_io
from sr2tflite.numerics.qparams import QuantParams, bias_params, dequantize, quantize
from sr2tflite.provenance import CALIBRATED_ON, image_id
from sr2tflite.quant.counterpart import Counterpart, counterpart, rounds
from sr2tflite.quant.plan import plan_quantization
from sr2tflite.quant.ranges import find_ranges
from sr2tflite.quant.settings import PtqSettings
from sr2tflite.quant.view import QuantizedView
from sr2tflite.runtime import LiteRT
from sr2tflite.torch_view import FloatView

RGB = protocol_named("rgb")
SKIPS = ("none", "add", "features", "concat", "nearest")


def photo(seed: int, height: int = 8, width: int = 10, block: int = 3) -> np.ndarray:
    low = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return low.repeat(block, 0).repeat(block, 1)


def view_of(source: Graph, **wider: float) -> QuantizedView:
    """Min–max ranges, some of them made as many times as wide."""
    plan = plan_quantization(source)
    ranges = find_ranges(plan, [photo(0)], PtqSettings(method="minmax"))
    for name, factor in wider.items():
        index = plan.group_of[name]
        ranges[index] = ranges[index].widened(factor)
    return QuantizedView(plan, ranges)


@pytest.fixture
def files(tmp_path: Path):
    """A model with one range forty times too wide, its float graph, photographs, and low-resolution ones."""
    source = float_sr_graph(depth=3)
    (tmp_path / "deploy.onnx").write_bytes(onnx.write(source))
    (tmp_path / "ptq.onnx").write_bytes(onnx.write(view_of(source, **{"body.1": 40.0}).freeze()))
    for index in range(2):
        write_image(tmp_path / "hr" / f"{index}.png", photo(index, block=9))
        write_image(tmp_path / "lr" / f"{index}.png", photo(index))
        write_image(tmp_path / "others" / f"{index}.png", photo(index + 10, block=9))
    return tmp_path


def measured(folder: Path, **told):
    return budget(folder / "ptq.onnx", folder / "deploy.onnx", On((folder / "hr",), **told))


# the engine


@pytest.mark.parametrize("skip", SKIPS)
def test_with_nothing_left_out_every_byte_is_the_files(skip):
    source = float_sr_graph(skip=skip, depth=3)
    graph = view_of(source).freeze()
    mixed, runtime = Mixed(graph, counterpart(graph, source)), LiteRT(tflite.write(graph))
    for seed in range(3):
        lr = photo(seed, 7 + seed, 5)
        base = mixed.codes(lr)
        wanted = runtime.run(base["input"])
        assert np.array_equal(base["output"], wanted)
        assert np.array_equal(mixed.run(base, set()), wanted[0].astype(np.float32) + 128)


@pytest.mark.parametrize("skip", SKIPS)
def test_an_op_that_reads_codes_is_the_integer_kernel(skip):
    source = float_sr_graph(skip=skip, depth=3)
    graph = view_of(source).freeze()
    mixed = Mixed(graph, counterpart(graph, source))
    base = mixed.codes(photo(1))
    for node in graph.nodes:
        assert np.array_equal(mixed._computed(node, base, {}, set()), base[node.output])


@pytest.mark.parametrize("white", [1, 255])
@pytest.mark.parametrize("skip", SKIPS)
def test_with_everything_left_out_it_is_the_float_graph(skip, white):
    source = float_sr_graph(skip=skip, depth=3, value_range=(0, white))
    graph = view_of(source).freeze()
    mixed = Mixed(graph, counterpart(graph, source))
    everything = {name for node in graph.nodes if rounds(node) for name in (node.output, *node.inputs)}
    lr = photo(4)
    found = mixed.run(mixed.codes(lr), everything - {"input"})
    x = torch.from_numpy(lr).permute(2, 0, 1)[None].double() / 255 * white
    wanted = FloatView(source, torch.float64)(x)[0].permute(1, 2, 0).numpy() * 255 / white
    assert np.abs(found - np.clip(wanted, 0, 255)).max() < 1e-3  # float32 sums of values up to 1000


def pointwise() -> tuple[Graph, Counterpart]:
    """Two 1 × 1 convolutions and a pixel shuffle by one, small enough to be written out by hand."""
    random = np.random.default_rng(3)
    source = Graph(inputs=("x",), outputs=("y",))
    source.add_tensor(Tensor("x", (1, None, None, 3)))
    sizes = {"a": (4, 1, 1, 3), "b": (3, 1, 1, 4)}
    for before, (name, shape) in zip(("x", "a"), sizes.items(), strict=True):
        constants = [
            source.constant(f"{name}/w", random.normal(0, 0.5, shape).astype(np.float32)),
            source.constant(f"{name}/b", random.normal(0, 9, shape[0]).astype(np.float32)),
        ]
        source.append(ops.Conv2D(), (before, *constants), Tensor(name, (1, None, None, shape[0])))
    source.append(ops.DepthToSpace(1), ("b",), Tensor("y", (1, None, None, 3)))
    graph = view_of(source).freeze()
    return graph, counterpart(graph, source)


def test_a_tensor_left_out_flows_on_unrounded_and_its_reader_rounds_again():
    graph, side = pointwise()
    mixed, lr = Mixed(graph, side), photo(0)
    (wa, ba), (wb, bb) = (
        [dequantize(graph.tensors[f"{name}/{key}"].data, graph.tensors[f"{name}/{key}"].quant) for key in "wb"]
        for name in "ab"
    )
    a = lr.astype(np.float64) @ wa[:, 0, 0].T + ba
    rounded = dequantize(quantize(a, graph.tensors["a"].quant, "int8"), graph.tensors["a"].quant).astype(np.float64)
    wanted = {
        "a": np.clip(np.rint(a @ wb[:, 0, 0].T + bb), 0, 255),
        "b": np.clip(rounded @ wb[:, 0, 0].T + bb, 0, 255),
    }
    base = mixed.codes(lr)
    for name, image in wanted.items():
        assert np.allclose(mixed.run(base, {name}), image, atol=1e-3)


def test_weights_left_out_are_the_float_graphs():
    graph, side = pointwise()
    mixed, lr = Mixed(graph, side), photo(0)
    w, b = side.constants["a/w"], side.constants["a/b"]
    a = graph.tensors["a"].quant
    wanted = quantize(lr.astype(np.float64) @ w[:, 0, 0].T.astype(np.float64) + b, a, "int8")
    values = mixed._computed(graph.nodes[0], mixed.codes(lr), {}, {"a/w", "a/b"})
    assert np.array_equal(values[0], wanted)


# what is counted


def test_saturated_values_unused_codes_and_dead_channels_are_counted_exactly():
    grid = QuantParams((0.5,), (-28,))  # −50 … 77.5
    real = np.array([-60.0, -50.3, -50.0, 0.0, 77.5, 77.7, 77.8, 200.0], np.float32).reshape(1, 2, 2, 2)
    seen = ActivationFacts(Tensor("t", (1, 2, 2, 2), "int8", grid))
    seen.add(quantize(real, grid, "int8"), real, None)
    found = seen.facts()
    assert found.saturated == 4 / 8  # −60, −50.3, 77.8 and 200 round to codes beyond the ends; 77.7 to the last
    assert found.unused_codes == 256 - 3
    assert (found.dead_channels, found.channels) == (0, 2)
    assert found.grid_range == (-50, 77.5)
    assert found.real_range == (-60, 200)


def test_a_channel_is_dead_only_if_it_is_in_every_image():
    seen = ActivationFacts(Tensor("t", (1, None, None, 3), "int8", QuantParams((1.0,), (0,))))
    for first in (5, 6):
        codes = np.array([first, 9, 0], np.int8) * np.ones((1, 2, 2, 1), np.int8)
        codes[..., 2] = np.arange(4).reshape(2, 2)
        seen.add(codes, codes.astype(np.float32), None)
    assert seen.facts().dead_channels == 1


def test_weights_are_counted_on_their_own_grid():
    codes = np.array([[-127, 0, 5], [0, 0, 0], [127, 127, 1]], np.int8).reshape(3, 1, 1, 3)
    grid = QuantParams((1.0, 1.0, 2.0), (0, 0, 0), 0)
    real = dequantize(codes, grid)
    real[0, 0, 0, 0] = -127.6
    found = weight_facts(Tensor("w", (3, 1, 1, 3), "int8", grid, codes), real, real / 2, 0)
    assert found.saturated == 1 / 9
    assert (found.unused_codes, found.codes) == (255 - 5, 255)
    assert (found.dead_channels, found.channels) == (1, 3)
    assert found.grid_range == (-254, 254)


# the conclusions


def test_a_ruined_range_comes_out_on_top(files):
    found = measured(files)
    first, second = found.rows[:2]
    assert (first.name, first.kind) == ("body.1", "activation")
    assert first.cost.against_float > 3 * max(second.cost.against_float, 0)
    assert first.cost.against_hr is not None
    assert any(fix.basis == "estimated" and fix.gain == first.cost for fix in first.fixes)


def test_a_range_that_clips_comes_out_on_top_with_what_it_clips(files):
    source = float_sr_graph(depth=3)
    (files / "ptq.onnx").write_bytes(onnx.write(view_of(source, **{"body.1": 0.2}).freeze()))
    first = measured(files).rows[0]
    assert first.name == "body.1"
    assert first.facts.saturated > 0.02
    assert first.facts.real_range[1] > 3 * first.facts.grid_range[1]
    assert any("wider range" in fix.what for fix in first.fixes)


def test_leaving_out_everything_from_the_top_down_ends_at_float(files):
    found = measured(files)
    together = [row.cumulative.against_float for row in found.rows]
    assert together[0] == found.rows[0].alone.against_float
    assert together[-1] > 80  # a few pixels where float32 rounds to the other side of a half
    assert found.rows[-1].cumulative.against_hr == pytest.approx(found.float_hr, abs=1e-3)
    assert found.drop == pytest.approx(found.float_hr - found.int8.against_hr)


def test_every_tensor_and_every_weight_has_a_row(files):
    found = measured(files)
    convolutions = ["stem", "body.0", "body.1", "body.2", "tail"]
    assert sorted(row.tensor for row in found.rows) == sorted(
        [*convolutions, *(f"{name}.weight" for name in convolutions), "trunk"]
    )
    assert "trunk (body.2 + stem)" in [row.label for row in found.rows]
    costs = [row.cost.against_float for row in found.rows]
    assert costs == sorted(costs, reverse=True)


def test_dead_channels_are_found(files):
    source = float_sr_graph(depth=3)
    weight, bias = (source.tensors[f"body.0.{key}"].data.copy() for key in ("weight", "bias"))
    weight[[2, 5]], bias[[2, 5]] = 0, [-1, 40]
    source.update("body.0.weight", data=weight)
    source.update("body.0.bias", data=bias)
    (files / "deploy.onnx").write_bytes(onnx.write(source))
    (files / "ptq.onnx").write_bytes(onnx.write(view_of(source).freeze()))
    dead = {row.tensor: row.facts.dead_channels for row in measured(files).rows}
    assert (dead["body.0"], dead["body.0.weight"], dead["body.1"]) == (2, 2, 0)


def test_trained_weights_have_no_rows_and_the_budget_says_why(files):
    source = float_sr_graph(depth=3)
    view = view_of(source)
    with torch.no_grad():
        for weight in view.weights():
            weight += 0.02 * weight.abs().max() * torch.randn(weight.shape)
    (files / "ptq.onnx").write_bytes(onnx.write(view.freeze()))
    found = measured(files)
    assert {row.kind for row in found.rows} == {"activation"}
    assert "were trained after it" in found.notes[0]


def test_low_resolution_images_give_costs_against_float_alone(files):
    found = budget(files / "ptq.onnx", files / "deploy.onnx", On(low_resolution=(files / "lr",)))
    assert (found.protocol, found.float_hr, found.int8.against_hr, found.drop) == (None, None, None, None)
    assert found.rows[0].name == "body.1"
    assert "no HR images" in found.notes[0]


@pytest.mark.parametrize("io", ["int8", "uint8", "float32"])
def test_a_tflite_file_has_the_same_budget(files, io):
    graph = onnx.read((files / "ptq.onnx").read_bytes(), "ptq")
    (files / "model.tflite").write_bytes(tflite.write(with_io(graph, io)))
    on = On((files / "hr",), limit=1)
    from_onnx, from_tflite = (budget(files / name, files / "deploy.onnx", on) for name in ("ptq.onnx", "model.tflite"))
    assert from_tflite.rows == tuple(
        replace(row, fixes=other.fixes) for row, other in zip(from_onnx.rows, from_tflite.rows, strict=True)
    )


def test_one_rounding_of_white_is_one(files):
    """A network that works in 0…1 has its costs in the same decibels."""
    source = float_sr_graph(depth=3, value_range=(0, 1))
    (files / "deploy.onnx").write_bytes(onnx.write(source))
    (files / "ptq.onnx").write_bytes(onnx.write(view_of(source, **{"body.1": 40.0}).freeze()))
    found = measured(files)
    assert found.rows[0].name == "body.1"
    assert found.rows[-1].cumulative.against_float > 80


def test_the_result_is_plain_json(files):
    found = measured(files, protocol="y-shave3").to_json()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["protocol"] == "y-shave3 (Y unrounded, shave 3, range 255)"
    assert found["rows"][0]["cost"]["against_float"] > 0
    assert found["images"] == ["hr/0", "hr/1"]


def test_a_file_equal_to_its_float_graph_costs_nothing(files):
    """Copies of the pixels: each image is equal, every PSNR infinite, and no cost is not a number."""
    source = Graph(inputs=("x",), outputs=("y",))
    source.add_tensor(Tensor("x", (1, None, None, 3)))
    weight = np.tile(np.eye(3, dtype=np.float32), (9, 1)).reshape(27, 1, 1, 3)
    constants = (source.constant("w", weight), source.constant("b", np.zeros(27, np.float32)))
    source.append(ops.Conv2D(), ("x", *constants), Tensor("copies", (1, None, None, 27)))
    source.append(ops.DepthToSpace(3), ("copies",), Tensor("y", (1, None, None, 3)))
    (files / "deploy.onnx").write_bytes(onnx.write(source))
    (files / "ptq.onnx").write_bytes(onnx.write(view_of(source).freeze()))
    found = measured(files)
    assert [row.cost.against_float for row in found.rows] == [0, 0]
    assert json.dumps(found.to_json(), allow_nan=False)
    assert chart(found)[:4] == b"\x89PNG"


# the picture


def test_the_chart_is_a_picture_of_the_most_expensive_rows(files):
    found = measured(files)
    small = cv2.imdecode(np.frombuffer(chart(found), np.uint8), cv2.IMREAD_COLOR)
    many = replace(found, rows=found.rows * 10)
    tall = cv2.imdecode(np.frombuffer(chart(many), np.uint8), cv2.IMREAD_COLOR)
    assert small.shape[1] == tall.shape[1] > 1000
    more = (tall.shape[0] - small.shape[0]) / (MOST_ROWS - len(found.rows))
    assert more == pytest.approx(0.26 * 120, abs=1)
    assert np.ptp(small) == 255


@pytest.mark.parametrize("name", ["$m^$.onnx", "m\udcff.onnx"])
def test_a_name_is_no_formula_and_need_not_be_text(name, files):
    found = measured(files)
    rows = tuple(replace(row, tensor=name) for row in found.rows) if "$" in name else found.rows
    assert chart(replace(found, model=name, rows=rows))[:4] == b"\x89PNG"


@pytest.mark.parametrize("skip", ["features", "add"])
def test_a_skip_that_can_be_copies_of_pixels_is_told(files, skip):
    source = float_sr_graph(skip=skip, depth=3)
    (files / "deploy.onnx").write_bytes(onnx.write(source))
    (files / "ptq.onnx").write_bytes(onnx.write(view_of(source, trunk=40.0).freeze()))
    row = next(row for row in measured(files).rows if row.tensor == "trunk")
    told = [fix for fix in row.fixes if "--set lift_skips=true" in fix.command]
    assert len(told) == (skip == "features")


# fixes that are tried


def test_trying_finds_the_range_that_was_ruined(files, monkeypatch):
    told = ("no equalization", "weights rounded to the nearest")
    monkeypatch.setattr(fixes, "REMADE", {what: fixes.REMADE[what] for what in told})
    on, trial = On((files / "hr",)), Trial((files / "others",), files / "better.onnx")
    found = budget(files / "ptq.onnx", files / "deploy.onnx", on, trial=trial)
    fix = found.rows[0].fixes[-1]
    assert (fix.basis, fix.what[:6]) == ("measured", "range:")
    assert fix.gain.against_float > 0.5 * found.rows[0].cost.against_float
    better = budget(files / "better.onnx", files / "deploy.onnx", on)
    assert better.int8.against_float == pytest.approx(found.int8.against_float + found.fixes[0].gain.against_float)
    made = {fix.what: fix for fix in found.fixes}
    assert made["no equalization"].command.endswith("--set equalize=false")
    assert "--set rounding=nearest" in made["weights rounded to the nearest"].command
    with pytest.raises(InputError, match=r"2 of these images: others/0, others/1"):
        budget(files / "better.onnx", files / "deploy.onnx", On((files / "others",)))


def test_what_was_trained_is_not_quantized_anew(files):
    source = float_sr_graph(depth=3)
    view = view_of(source, **{"body.1": 40.0})
    with torch.no_grad():
        for weight in view.weights():
            weight += 0.02 * weight.abs().max() * torch.randn(weight.shape)
    (files / "ptq.onnx").write_bytes(onnx.write(view.freeze()))
    on, trial = On((files / "hr",)), Trial((files / "others",))
    found = budget(files / "ptq.onnx", files / "deploy.onnx", on, trial=trial)
    assert found.rows[0].fixes[-1].basis == "measured"
    assert not any("sr2tflite ptq" in (fix.command or "") for fix in found.fixes)


# refusals


def test_images_are_not_both_judge_and_adviser(files):
    trial = Trial((files / "hr",))
    with pytest.raises(InputError, match="2 images would choose fixes and judge them: hr/0, hr/1"):
        budget(files / "ptq.onnx", files / "deploy.onnx", On((files / "hr",)), trial=trial)
    with pytest.raises(InputError, match="no images to choose fixes by"):
        budget(files / "ptq.onnx", files / "deploy.onnx", On((files / "hr",)), trial=Trial(()))


def test_images_the_model_has_seen_are_refused(files):
    graph = onnx.read((files / "ptq.onnx").read_bytes(), "ptq")
    graph.metadata[CALIBRATED_ON] = image_id((files / "hr" / "1.png").read_bytes())
    (files / "ptq.onnx").write_bytes(onnx.write(graph))
    with pytest.raises(InputError, match="1 of these images: hr/1"):
        measured(files)
    assert measured(files, limit=1).rows
    assert measured(files, allow_leak=True).rows


def test_files_of_two_networks_are_refused(files):
    (files / "deploy.onnx").write_bytes(onnx.write(float_sr_graph(depth=2)))
    with pytest.raises(InputError, match="expected one network"):
        measured(files)
    (files / "deploy.onnx").write_bytes(onnx.write(float_sr_graph(depth=3, scale=2)))
    with pytest.raises(InputError, match=r"enlarges ×3, .*deploy\.onnx ×2"):
        measured(files)


def test_a_float_model_or_a_quantized_reference_is_refused(files):
    with pytest.raises(InputError, match="is a float model; expected a quantized one"):
        budget(files / "deploy.onnx", files / "deploy.onnx", On((files / "hr",)))
    with pytest.raises(InputError, match="expected a float graph"):
        budget(files / "ptq.onnx", files / "ptq.onnx", On((files / "hr",)))


def test_low_resolution_images_of_another_scale_are_refused(files):
    hr = decode_image((files / "hr" / "0.png").read_bytes(), "0")
    write_image(files / "pairs" / "HR" / "0.png", hr)
    write_image(files / "pairs" / "LR" / "0.png", hr[::2, ::2])
    with pytest.raises(InputError, match="at scale 3"):
        budget(files / "ptq.onnx", files / "deploy.onnx", On((files / "pairs",)))


def test_there_are_images_of_one_kind(files):
    for on in (On(), On((files / "hr",), (files / "lr",))):
        with pytest.raises(InputError, match="expected high-resolution images, or low-resolution ones"):
            budget(files / "ptq.onnx", files / "deploy.onnx", on)
    with pytest.raises(InputError, match="no images to measure on"):
        budget(files / "ptq.onnx", files / "deploy.onnx", On(low_resolution=(files / "lr",), limit=0))


def test_an_unknown_protocol_is_refused(files):
    with pytest.raises(RecipeError, match="unknown protocol"):
        measured(files, protocol="psnr")


def test_ends_that_are_no_raw_pixels_are_refused(files):
    graph = onnx.read((files / "ptq.onnx").read_bytes(), "ptq")
    graph.update("input", quant=QuantParams((0.5,), (-128,)))
    weight = graph.tensors["stem.weight"].quant
    graph.update("stem.bias", quant=bias_params(0.5, weight))
    (files / "model.tflite").write_bytes(tflite.write(graph))
    with pytest.raises(InputError, match="expected raw pixels, scale 1"):
        budget(files / "model.tflite", files / "deploy.onnx", On((files / "hr",)))


def test_the_budgets_file_is_the_one_that_litert_runs(files, monkeypatch):
    def one_off(self, x, *, strict=True):
        self.feed(x, strict=strict)
        self.invoke()
        codes = self.fetch()
        codes[0, 0, 0, 0] ^= 1
        return codes

    monkeypatch.setattr(LiteRT, "run", one_off)
    with pytest.raises(VerificationError, match="1 bytes"):
        measured(files)


# the shipped network


@pytest.mark.slow
def test_the_three_tensors_of_the_global_skip_cost_most_on_aio_mai(eval_sets, tmp_path):
    from sr2tflite.commands.fuse import fuse
    from sr2tflite.commands.ptq import ptq

    photographs = Path(__file__).parents[2] / "calib_data"
    fuse("aio_mai", tmp_path / "deploy.onnx")
    ptq(tmp_path / "deploy.onnx", [photographs], tmp_path / "ptq.onnx")
    found = budget(tmp_path / "ptq.onnx", tmp_path / "deploy.onnx", On((eval_sets / "Set5",)))
    assert {row.name for row in found.rows[:3]} == {"stem", "blocks.7", "add_16"}
    assert found.rows[2].cumulative.against_float > found.int8.against_float + 3
