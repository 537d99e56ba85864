"""``upscale``: any image through any network, whole or in tiles with the same bytes, and nothing lost on the way."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kit.graphs import float_sr_graph, quantized_sr_graph
from kit.students import small

from sr2tflite.cli import status_of
from sr2tflite.cli.verbs import group
from sr2tflite.data.bicubic import upscale as bicubic
from sr2tflite.data.images import read_image, write_image
from sr2tflite.evaluate.runners import Runner, open_runner
from sr2tflite.evaluate.tiling import FreeSize
from sr2tflite.graph import onnx, tflite
from sr2tflite.graph.receptive_field import receptive_field
from sr2tflite.graph.shapes import with_size
from sr2tflite.networks import checkpoint

RNG = np.random.default_rng(0)
NETWORK = quantized_sr_graph(4, 2)
EXIF = b"II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00\x06\x00\x00\x00\x00\x00\x00\x00"
"""Orientation 6: the first row is shown as the right column."""


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng([height, width]).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.fixture
def end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    monkeypatch.chdir(tmp_path)
    Path("free.tflite").write_bytes(tflite.write(NETWORK))

    def run(*words: str) -> tuple[int, str, str]:
        told = ("upscale", *words, "--model", "free.tflite") if "--model" not in words else ("upscale", *words)
        status = status_of(lambda: group.main(list(told), standalone_mode=False))
        return status, *capfd.readouterr()

    return run


def decoded(path: str) -> np.ndarray:
    return cv2.imread(path, cv2.IMREAD_UNCHANGED)


@pytest.fixture(scope="module")
def runners(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Runner]:
    folder = tmp_path_factory.mktemp("models")
    for name, size in {"free": (None, None), "fixed": (20, 24)}.items():
        (folder / f"{name}.tflite").write_bytes(tflite.write(with_size(NETWORK, *size)))
        (folder / f"{name}.onnx").write_bytes(onnx.write(with_size(NETWORK, *size)))
    return {path.name: open_runner(path) for path in folder.iterdir()}


@settings(max_examples=60)
@given(height=st.integers(1, 90), width=st.integers(1, 90), tile=st.integers(1, 40))
def test_tiles_of_any_size_make_the_bytes_of_the_whole_image(
    runners: dict[str, Runner], height: int, width: int, tile: int
) -> None:
    lr, free = noise(height, width), runners["free.tflite"]
    whole = free(lr).tobytes()
    assert FreeSize(free, tile, receptive_field(NETWORK), 3)(lr).tobytes() == whole
    assert runners["fixed.tflite"](lr).tobytes() == whole


@settings(max_examples=20)
@given(height=st.integers(1, 50), width=st.integers(1, 50))
def test_onnx_of_a_fixed_size_makes_the_bytes_of_the_whole_image(
    runners: dict[str, Runner], height: int, width: int
) -> None:
    lr = noise(height, width)
    assert runners["fixed.onnx"](lr).tobytes() == runners["free.onnx"](lr).tobytes()


def test_a_halo_one_pixel_too_small_is_not_enough(runners: dict[str, Runner]) -> None:
    lr, free = noise(61, 53), runners["free.tflite"]
    assert (FreeSize(free, 20, receptive_field(NETWORK) - 1, 3)(lr) != free(lr)).any()


def test_an_image_becomes_a_file_and_a_folder_a_folder(end: Callable[..., Any]) -> None:
    for name in ("in/a.png", "in/deep/b.bmp", "one.png"):
        write_image(Path(name), noise(9, 11))
    status, out, err = end("one.png", "big.webp")
    assert (status, err) == (0, "")
    assert out == "big.webp: 1 image made, ×3\nnext: sr2tflite eval free.tflite --data HR_DIR\n".replace(
        "big.webp: 1", "free.tflite: larger images in tiles of 512×512, which changes no byte\nbig.webp: 1"
    )
    wanted = open_runner(Path("free.tflite"))(noise(9, 11))
    assert (read_image(Path("big.webp")) == wanted).all()
    assert end("in", "one.png", "out")[0] == 0
    assert sorted(str(path) for path in Path("out").rglob("*.png")) == ["out/a.png", "out/deep/b.png", "out/one.png"]
    assert (read_image(Path("out/deep/b.png")) == wanted).all()


def test_tiles_are_an_option_that_changes_nothing(end: Callable[..., Any]) -> None:
    write_image(Path("a.png"), noise(70, 90))
    for target, *words in (("whole.png",), ("tiled.png", "--tile", "16"), ("odd.png", "--tile", "33")):
        assert end("a.png", target, *words)[0] == 0
    assert Path("whole.png").read_bytes() == Path("tiled.png").read_bytes() == Path("odd.png").read_bytes()


MODELS = {
    "a fixed file": ("m.tflite", lambda: tflite.write(with_size(NETWORK, 16, 16))),
    "QDQ": ("m.onnx", lambda: onnx.write(NETWORK)),
    "a float file": ("m.onnx", lambda: onnx.write(float_sr_graph(4, 1))),
    "a checkpoint": (
        "m.safetensors",
        lambda: checkpoint.dump("abpn", small("abpn", 3), small("abpn", 3).build().state_dict(), {}),
    ),
}


@pytest.mark.parametrize("case", MODELS)
def test_any_network_will_do(case: str, end: Callable[..., Any]) -> None:
    name, make = MODELS[case]
    Path(name).write_bytes(make())
    write_image(Path("a.png"), noise(19, 21))
    status, _, err = end("a.png", "big.png", "--model", name)
    assert (status, err) == (0, ""), err
    assert (read_image(Path("big.png")) == open_runner(Path(name))(noise(19, 21))).all()


def test_alpha_is_kept_beside_the_network(end: Callable[..., Any]) -> None:
    image = np.dstack([noise(12, 10), RNG.integers(0, 256, (12, 10), dtype=np.uint8)])
    cv2.imwrite("a.png", image)
    assert end("a.png", "big.png")[0] == 0
    big = decoded("big.png")
    assert (big[:, :, 3] == bicubic(image[:, :, 3], 3)).all()
    assert (big[:, :, 2::-1] == open_runner(Path("free.tflite"))(image[:, :, 2::-1])).all()
    status, _, err = end("a.png", "big.jpg")
    assert (status, ".jpg files hold no alpha; expected one of: .png" in err) == (2, True), err
    assert not Path("big.jpg").exists()


def test_grey_stays_grey(end: Callable[..., Any]) -> None:
    grey = RNG.integers(0, 256, (12, 10), dtype=np.uint8)
    cv2.imwrite("a.png", grey)
    assert end("a.png", "big.png")[0] == 0
    rgb = open_runner(Path("free.tflite"))(np.repeat(grey[..., None], 3, axis=2))
    assert (decoded("big.png") == cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)).all()


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_images_stand_the_way_up_they_are_shown(channels: int, end: Callable[..., Any]) -> None:
    image = RNG.integers(0, 256, (6, 9, channels), dtype=np.uint8).squeeze()
    _, encoded = cv2.imencodeWithMetadata(".png", image, [cv2.IMAGE_METADATA_EXIF], [np.frombuffer(EXIF, np.uint8)])
    Path("a.png").write_bytes(encoded.tobytes())
    cv2.imwrite("turned.png", np.rot90(image, -1))
    assert end("a.png", "one.png")[0] == end("turned.png", "other.png")[0] == 0
    assert decoded("one.png").shape[:2] == (27, 18)
    assert Path("one.png").read_bytes() == Path("other.png").read_bytes()


def test_bad_images_are_named_and_left_out(end: Callable[..., Any]) -> None:
    write_image(Path("in/good.png"), noise(9, 9))
    Path("in/broken.png").write_bytes(b"no image")
    cv2.imwrite("in/deep.pgm", np.zeros((9, 9), np.uint16))  # does not say what white is
    status, out, err = end("in", "out")
    assert (status, "out: 1 image made, 2 failed, ×3" in out) == (2, True)
    assert "next:" not in out
    assert "left out: in/broken.png: does not decode as an image; remove it or save it again as PNG\n" in err
    assert "left out: in/deep.pgm: has 16 bits a channel; expected 8; convert it to 8-bit PNG\n" in err
    status, out, err = end("in", "out", "--json")
    told = json.loads(out)
    assert (status, err, told["schema"]) == (2, "", "sr2tflite.upscale/1")
    assert [one["status"] for one in told["images"]] == ["failed", "failed", "stood"]


@pytest.mark.parametrize("kind", ["grey", "color", "alpha"])
@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_16_bits_are_rounded_to_8_and_said_to_be(kind: str, suffix: str, end: Callable[..., Any]) -> None:
    shape = {"grey": (9, 8), "color": (9, 8, 3), "alpha": (9, 8, 4)}[kind]
    Path("in").mkdir()
    for name in "ab":
        shallow = RNG.integers(0, 256, shape, dtype=np.uint8)
        dither = RNG.integers(-128, 129, shape) * (shallow > 0) * (shallow < 255)
        assert cv2.imwrite(f"in/{name}{suffix}", (shallow.astype(np.int64) * 257 + dither).astype(np.uint16))
        cv2.imwrite(f"{name}.png", shallow)
    status, out, err = end("in", "out")
    assert (status, "2 images made" in out) == (0, True), err
    assert err == f"rounded to 8 bits: in/a{suffix} had 16 bits a channel, and so had 1 more\n"
    for name in "ab":
        assert end(f"{name}.png", f"{name}x3.png")[0] == 0
        assert Path(f"out/{name}.png").read_bytes() == Path(f"{name}x3.png").read_bytes()
    told = json.loads(end("in", "again", "--json")[1])
    assert [one["rounded_from"] for one in told["images"]] == [16, 16]
    assert json.loads(end("a.png", "c.png", "--json")[1])["images"][0]["rounded_from"] is None


def test_the_same_command_goes_on_and_makes_nothing_twice(end: Callable[..., Any]) -> None:
    for name in "abc":
        write_image(Path(f"in/{name}.png"), noise(9, ord(name)))
    assert "3 images made" in end("in", "out")[1]
    stamps = {path.name: path.stat().st_mtime_ns for path in Path("out").glob("*.png")}
    os.unlink("out/b.png")
    with Path("out/upscaled.jsonl").open("a") as log:
        log.write('{"file": "a.p')  # a kill
    assert "1 image made, 2 stood" in end("in", "out")[1]
    assert Path("out/a.png").stat().st_mtime_ns == stamps["a.png"]
    write_image(Path("in/a.png"), noise(9, 200))
    status, out, err = end("in", "out")
    assert (status, "2 stood, 1 failed" in out) == (2, True)
    assert "in/a.png: out/a.png: is there and is another image; give --overwrite" in err
    assert "1 image made, 2 stood" in end("in", "out", "--overwrite")[1]


def test_results_in_the_folder_itself_are_not_upscaled_again(end: Callable[..., Any]) -> None:
    write_image(Path("in/a.png"), noise(9, 9))
    for _ in range(2):
        assert end("in", "in/out")[0] == 0
    assert sorted(str(path) for path in Path("in").rglob("*.png")) == ["in/a.png", "in/out/a.png"]


def test_names_that_meet_keep_their_kind(end: Callable[..., Any]) -> None:
    for name in ("a.png", "a.bmp", "b.bmp"):
        write_image(Path("in", name), noise(9, 9))
    assert end("in", "out")[0] == 0
    assert sorted(path.name for path in Path("out").glob("*.png")) == ["a.bmp.png", "a.png.png", "b.png"]


REFUSED = {
    "into itself": (("in/a.png", "in/a.png"), "is input and output"),
    "a folder into itself": (("in", "link"), "is input and output"),
    "by another way": (("in/a.png", "link"), "is input and output"),
    "two into one file": (("in/a.png", "in/b.png", "x.png"), "is one file for 2 images"),
    "two of one name": (("in/a.png", "other/a.png", "out"), "two images become out/a.png"),
    "nothing": (("empty", "out"), "holds no image"),
    "nowhere": (("no", "out"), "no such folder"),
    "a format that is not written": (("in/a.png", "x.hdr"), "cannot write .hdr files"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_done_is_refused_before_anything_is(case: str, end: Callable[..., Any]) -> None:
    words, message = REFUSED[case]
    for name in ("in/a.png", "in/b.png", "other/a.png"):
        write_image(Path(name), noise(9, 9))
    Path("link").symlink_to("in")
    Path("empty").mkdir()
    before = {path: path.read_bytes() for path in Path().rglob("*.*") if path.is_file()}
    status, _, err = end(*words)
    assert (status, message in err) == (2, True), err
    assert {path: path.read_bytes() for path in Path().rglob("*.*") if path.is_file()} == before


def test_tiles_of_what_cannot_be_cut_are_refused(end: Callable[..., Any]) -> None:
    write_image(Path("a.png"), noise(9, 9))
    Path("fixed.tflite").write_bytes(tflite.write(with_size(NETWORK, 16, 16)))
    status, _, err = end("a.png", "x.png", "--model", "fixed.tflite", "--tile", "20")
    assert (status, "cannot be cut into tiles: its size is fixed" in err) == (2, True)
