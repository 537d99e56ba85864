import json

import numpy as np
import pytest

from sr2tflite.commands.eval import evaluate
from sr2tflite.data.bicubic import downscale
from sr2tflite.data.images import write_image
from sr2tflite.errors import InputError
from sr2tflite.evaluate.image_set import image_set
from sr2tflite.files import sha256
from sr2tflite.graph.tflite import write
from sr2tflite.provenance import image_id

BICUBIC = {
    "Set5": (28.627, 30.403),
    "Set14": (25.755, 27.631),
    "B100": (26.287, 27.626),
    "Urban100": (23.438, 24.873),
}


@pytest.mark.parametrize(("name", "expected"), BICUBIC.items(), ids=BICUBIC)
def test_the_bicubic_baseline_is_the_published_one(eval_sets, name, expected):
    result = evaluate([], [eval_sets / name], protocols=("rgb", "y-shave3"))
    found = [result.row("bicubic", protocol).mean.psnr for protocol in ("rgb", "y-shave3")]
    assert found == pytest.approx(expected, abs=1e-3)


@pytest.fixture
def folder(tmp_path, noise):
    for index in range(3):
        write_image(tmp_path / "set" / f"image{index}.png", noise(41, 60 + index, index))
    return tmp_path / "set"


@pytest.fixture
def artifacts(tmp_path, quantized_network):
    paths = [tmp_path / "free.tflite", tmp_path / "fixed.tflite"]
    for path, size in zip(paths, [(None, None), (12, 12)], strict=True):
        path.write_bytes(write(quantized_network(*size)))
    return paths


def test_two_shapes_of_one_network_are_equal_in_every_score_and_step(folder, artifacts):
    seen = []
    result = evaluate(artifacts, [folder], protocols=("rgb", "y-shave3"), progress=lambda *event: seen.append(event))
    assert seen == [("judging", done, 3, f"set/image{done - 1}") for done in (1, 2, 3)]
    assert [one.name for one in result.artifacts] == ["bicubic", "free.tflite", "fixed.tflite"]
    (difference,) = result.differences
    assert (difference.equal_images, difference.steps.equal) == (3, difference.steps.total)
    free, fixed = result.row("free.tflite", "rgb"), result.row("fixed.tflite", "rgb")
    assert fixed.mean.drop_from(free.mean) == (0, 0)
    assert fixed.images == free.images


def test_the_result_is_plain_json_with_hashes(folder, artifacts):
    found = evaluate(artifacts, [folder], limit=2).to_json()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["artifacts"][1]["sha256"] == sha256(artifacts[0].read_bytes())
    assert found["image_set"] == image_set([folder], 2, 2).sha256 != image_set([folder], 2).sha256
    assert found["differences"][0]["psnr"] is None
    assert found["differences"][0]["steps"]["0"] == 1.0


def test_an_artifact_is_not_judged_by_the_images_it_was_made_with(folder, tmp_path, quantized_network):
    graph = quantized_network()
    graph.metadata["calibrated_on"] = image_id((folder / "image1.png").read_bytes())
    path = tmp_path / "leaked.tflite"
    path.write_bytes(write(graph))
    with pytest.raises(InputError, match=r"1 of these images: set/image1"):
        evaluate([path], [folder])
    assert evaluate([path], [folder], allow_leak=True).rows
    assert evaluate([path], [folder], limit=1).rows


def test_given_low_resolution_images_are_matched_by_stem(tmp_path, noise):
    for index in range(2):
        hr = noise(42, 60, index)
        write_image(tmp_path / "pairs" / "HR" / f"{index:04}.png", hr)
        write_image(tmp_path / "pairs" / "LR" / f"{index:04}.png", downscale(hr, 3))
        write_image(tmp_path / "div2k" / "DIV2K_valid_HR" / f"{index:04}.png", hr)
        write_image(tmp_path / "div2k" / "DIV2K_valid_LR_bicubic" / "X3" / f"{index:04}x3.png", downscale(hr, 3))
        write_image(tmp_path / "plain" / f"{index:04}.png", hr)
    scores = [evaluate([], [tmp_path / name]).row("bicubic", "rgb").mean for name in ("pairs", "div2k", "plain")]
    assert scores[0].psnr == scores[1].psnr == scores[2].psnr
    assert len({score.images for score in scores}) == 3


def test_images_without_a_partner_are_named(tmp_path, noise):
    write_image(tmp_path / "HR" / "a.png", noise(42, 60))
    write_image(tmp_path / "LR" / "b.png", noise(14, 20))
    with pytest.raises(InputError, match=r"2 images have no partner: a\.png, b\.png"):
        evaluate([], [tmp_path])


def test_sizes_that_do_not_fit_name_both_files(tmp_path, noise):
    write_image(tmp_path / "HR" / "a.png", noise(42, 60))
    write_image(tmp_path / "LR" / "a.png", noise(14, 21))
    with pytest.raises(InputError, match=r"LR/a\.png: is 14×21, .*HR/a\.png is 42×60; expected 14×20 at scale 3"):
        evaluate([], [tmp_path])


def test_another_scale_than_the_artifacts_is_refused(folder, artifacts):
    with pytest.raises(InputError, match="has scale 2; expected 3"):
        evaluate(artifacts, [folder], scale=3)


def test_one_artifact_twice_is_refused(folder, artifacts):
    with pytest.raises(InputError, match="is given twice"):
        evaluate([artifacts[0], artifacts[0]], [folder])


def test_two_files_of_one_name_go_by_their_paths(folder, artifacts, tmp_path):
    twin = tmp_path / "other" / "free.tflite"
    twin.parent.mkdir()
    twin.write_bytes(artifacts[0].read_bytes())
    result = evaluate([artifacts[0], twin], [folder], limit=1)
    assert [one.name for one in result.artifacts[1:]] == [str(artifacts[0]), str(twin)]


def test_an_image_too_small_to_judge_is_named(tmp_path, noise):
    write_image(tmp_path / "set" / "small.png", noise(60, 15))
    with pytest.raises(InputError, match="set/small: is 60×15, too small for SSIM"):
        evaluate([], [tmp_path / "set"])


def test_an_image_of_another_size_than_whole_low_resolution_pixels_is_cropped(tmp_path, noise):
    hr = noise(44, 62)
    write_image(tmp_path / "odd" / "a.png", hr)
    write_image(tmp_path / "even" / "a.png", np.ascontiguousarray(hr[:42, :60]))
    odd, even = (evaluate([], [tmp_path / name]).row("bicubic", "rgb").mean.psnr for name in ("odd", "even"))
    assert odd == even
