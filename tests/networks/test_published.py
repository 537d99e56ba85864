"""State dicts that authors publish: known by their keys, and exactly the function they were trained as."""

from pathlib import Path

import pytest
import torch
from kit.published import DIV2K, PUBLICATIONS, Publication, Weights
from safetensors.torch import save_file

from sr2tflite.commands.eval import evaluate
from sr2tflite.commands.fuse import fuse
from sr2tflite.data.images import write_image
from sr2tflite.errors import InputError, UnsupportedError
from sr2tflite.fuse.capture import prepared
from sr2tflite.networks import checkpoint

CHANNELS, DEPTH = 6, 3

every_publication = pytest.mark.parametrize("published", PUBLICATIONS.values(), ids=PUBLICATIONS)


def _saved(weights: Weights, path: Path) -> Path:
    torch.save(weights, path)
    return path


def _largest_difference(found: checkpoint.LoadedStudent, published: Publication, weights: Weights) -> float:
    """In float64, as a part of white, on an image of odd sizes."""
    x = torch.rand(2, 3, 7, 10, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    scale, res_scale = found.student.scale, getattr(found.student, "res_scale", 1.0)
    with torch.no_grad():
        want = published.run(weights, scale, res_scale, x * published.white) / published.white
        module = prepared(found.module, torch.float64)
        got = module(x * found.student.peak) / found.student.peak
    assert want.std() > 0.1
    return float((want - got).abs().max())


@every_publication
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_a_published_state_dict_is_the_published_function(published: Publication, scale: int, tmp_path: Path) -> None:
    weights = published.weights(CHANNELS, DEPTH, scale)
    found = checkpoint.load(_saved(weights, tmp_path / "a.pt"))
    told = found.student.model_dump()
    assert (found.name, told["channels"], told["depth"], told["scale"]) == (published.student, CHANNELS, DEPTH, scale)
    assert found.student.peak == published.student_white
    assert found.remarks[0].startswith(f"published keys: weights taken as {published.student} (scale={scale}")
    assert _largest_difference(found, published, weights) < published.tolerance


@every_publication
def test_the_order_of_the_keys_does_not_matter(published: Publication, tmp_path: Path) -> None:
    weights = published.weights(CHANNELS, 11, 4)
    save_file(weights, tmp_path / "a.safetensors")  # sorts them: body.10 before body.2
    found = checkpoint.load(tmp_path / "a.safetensors")
    assert _largest_difference(found, published, weights) < published.tolerance


def test_the_mean_is_the_one_in_the_file_to_the_last_bit(tmp_path: Path) -> None:
    published = PUBLICATIONS["EDSR-PyTorch"]
    weights = published.weights(CHANNELS, DEPTH, 3)
    color = torch.tensor([101.3, 7.77, 254.9])
    weights |= {"sub_mean.bias": -color, "add_mean.bias": color}
    found = checkpoint.load(_saved(weights, tmp_path / "a.pt"))
    assert torch.equal(found.module.mean.flatten(), color)
    x = torch.rand(1, 3, 8, 9) * 255
    with torch.no_grad():
        assert torch.equal(found.module(x), published.run(weights, 3, 1.0, x))
    # and again from a checkpoint of ours, whose settings went through JSON
    checkpoint.store(tmp_path / "b.safetensors", found.name, found.student, found.module.state_dict(), {})
    again = checkpoint.load(tmp_path / "b.safetensors")
    assert again.student == found.student
    assert torch.equal(again.module.mean, found.module.mean)


def test_a_mean_of_a_network_in_0_to_1_says_what_white_is(tmp_path: Path) -> None:
    published = PUBLICATIONS["EDSR-PyTorch"]
    weights = published.weights(CHANNELS, DEPTH, 2)
    weights |= {"sub_mean.bias": -torch.tensor(DIV2K), "add_mean.bias": torch.tensor(DIV2K)}
    assert checkpoint.load(_saved(weights, tmp_path / "a.pt")).student.peak == 1


STRANGE_MEANS = {
    "scaled by a deviation": {"sub_mean.weight": torch.eye(3).view(3, 3, 1, 1) * 2},
    "not put back": {"add_mean.bias": torch.tensor([1.0, 2.0, 3.0])},
}


@pytest.mark.parametrize("name", STRANGE_MEANS)
def test_a_mean_that_does_more_than_shift_is_refused(name: str, tmp_path: Path) -> None:
    weights = PUBLICATIONS["EDSR-PyTorch"].weights(CHANNELS, DEPTH, 2) | STRANGE_MEANS[name]
    with pytest.raises(InputError):
        checkpoint.load(_saved(weights, tmp_path / "a.pt"))


def test_half_a_mean_and_a_missing_layer_are_refused(tmp_path: Path) -> None:
    for publication, key in (("EDSR-PyTorch", "add_mean.bias"), ("BasicSR's EDSR", "body.1.conv2.weight")):
        weights = PUBLICATIONS[publication].weights(CHANNELS, DEPTH, 2)
        del weights[key]
        with pytest.raises(InputError):
            checkpoint.load(_saved(weights, tmp_path / "a.pt"))


def test_the_paper_s_wide_network_multiplies_its_branches_by_a_tenth(tmp_path: Path) -> None:
    for publication in ("EDSR-PyTorch", "BasicSR's EDSR"):
        published = PUBLICATIONS[publication]
        weights = published.weights(256, 1, 2)
        found = checkpoint.load(_saved(weights, tmp_path / "a.pt"))
        assert found.student.model_dump()["res_scale"] == 0.1
        assert _largest_difference(found, published, weights) < published.tolerance
        told = checkpoint.load(tmp_path / "a.pt", {"name": "edsr_baseline", "res_scale": 1})
        assert told.student.model_dump()["res_scale"] == 1


def test_without_mean_and_with_the_authors_keys_white_has_to_show(tmp_path: Path) -> None:
    weights = PUBLICATIONS["EDSR-PyTorch"].weights(CHANNELS, DEPTH, 2)
    bare = {key: value for key, value in weights.items() if "mean" not in key}
    with pytest.raises(InputError, match="does not enlarge a picture"):
        checkpoint.load(_saved(bare, tmp_path / "a.pt"))
    found = checkpoint.load(tmp_path / "a.pt", peak=255)
    assert found.student.model_dump()["mean"] is None
    assert found.remarks[0].startswith("published keys")


def test_a_bilinear_skip_is_run_and_refused_for_fuse_with_the_reason(tmp_path: Path) -> None:
    weights = PUBLICATIONS["BasicSR's MSRResNet"].weights(CHANNELS, DEPTH, 3)
    path = _saved(weights, tmp_path / "a.pth")
    picture = torch.randint(0, 256, (24, 30, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    write_image(tmp_path / "images" / "0.png", picture.numpy())
    assert evaluate([path], [tmp_path / "images"]).rows
    with pytest.raises(UnsupportedError, match=r"upsample_bilinear2d .* its border repeats pixels") as caught:
        fuse(str(path), tmp_path / "deploy.onnx")
    assert "nearest" in (caught.value.hint or "")
    assert not (tmp_path / "deploy.onnx").exists()
    fused = fuse(str(path), tmp_path / "deploy.onnx", student={"name": "srresnet", "skip": "nearest"})
    assert fused.remarks[0].startswith("published keys")
