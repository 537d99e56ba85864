from pathlib import Path

import cv2
import numpy as np
import pytest

from sr2tflite.data.images import list_images, read_image, write_image
from sr2tflite.errors import InputError

RNG = np.random.default_rng(0)


def _save(path: Path, array: np.ndarray) -> Path:
    assert cv2.imwrite(str(path), array)
    return path


BAD = {
    "16-bit": (lambda: RNG.integers(0, 65535, (4, 5, 3), dtype=np.uint16), "has 16 bits a channel"),
    "transparent": (lambda: RNG.integers(0, 200, (4, 5, 4), dtype=np.uint8), "has transparent pixels"),
}


@pytest.mark.parametrize("case", BAD)
def test_an_image_we_would_have_to_guess_about_is_refused(case: str, tmp_path: Path) -> None:
    make, message = BAD[case]
    path = _save(tmp_path / "bad.png", make())
    with pytest.raises(InputError, match=message) as caught:
        read_image(path)
    assert caught.value.where == str(path)
    assert caught.value.hint


@pytest.mark.parametrize("data", [b"", b"not an image", b"\x89PNG\r\n\x1a\n"])
def test_bytes_that_do_not_decode_are_refused(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "broken.png"
    path.write_bytes(data)
    with pytest.raises(InputError, match="does not decode"):
        read_image(path)


def test_a_grey_image_is_repeated_to_three_channels(tmp_path: Path) -> None:
    grey = RNG.integers(0, 256, (4, 5), dtype=np.uint8)
    image = read_image(_save(tmp_path / "grey.png", grey))
    assert (image == grey[:, :, None]).all()
    assert image.shape == (4, 5, 3)


def test_an_opaque_alpha_channel_is_dropped(tmp_path: Path) -> None:
    bgra = RNG.integers(0, 256, (4, 5, 4), dtype=np.uint8)
    bgra[:, :, 3] = 255
    assert (read_image(_save(tmp_path / "alpha.png", bgra)) == bgra[:, :, 2::-1]).all()


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    image = RNG.integers(0, 256, (7, 3, 3), dtype=np.uint8)
    write_image(tmp_path / "new" / "image.png", image)
    assert (read_image(tmp_path / "new" / "image.png") == image).all()


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no image"):
        list_images(tmp_path)


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        list_images(tmp_path / "nowhere")
