import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from sr2tflite.data.images import decode_image, decode_layers, list_images, read_image, write_image
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


EXACT = (".png", ".bmp", ".dib", ".tif", ".tiff", ".ppm", ".pnm", ".pam", ".ras", ".sr")
LOSSY = (".jpg", ".jpeg", ".jpe", ".webp", ".jp2", ".avif")


@pytest.mark.parametrize("suffix", EXACT + LOSSY)
def test_what_opencv_reads_is_found_and_read(suffix: str, tmp_path: Path) -> None:
    ramp = np.add.outer(np.arange(0, 96, 2), np.arange(0, 128, 2))
    image = np.stack([ramp, ramp[::-1], ramp[:, ::-1]], axis=2).astype(np.uint8)
    if not cv2.haveImageWriter(f"a{suffix}"):
        pytest.skip(f"this OpenCV does not know {suffix}")
    path = _save(tmp_path / f"a{suffix.upper()}", image[:, :, ::-1])
    assert list_images(tmp_path) == [path]
    found = read_image(path)
    assert (found.dtype, found.shape) == (np.uint8, image.shape)
    apart = np.abs(found.astype(int) - image)
    assert apart.max() == 0 if suffix in EXACT else apart.mean() < 4  # a JPEG of a smooth ramp is some steps off


@pytest.mark.parametrize("suffix", [".pgm", ".pbm", ".tif", ".png", ".jpg"])
def test_a_grey_image_of_any_format_is_repeated(suffix: str, tmp_path: Path) -> None:
    grey = np.zeros((16, 24), np.uint8)
    grey[:, 12:] = 255
    assert (read_image(_save(tmp_path / f"a{suffix}", grey)) == grey[:, :, None]).all()


FLOATS = {".hdr": np.float32, ".pfm": np.float32, ".tiff": np.float32, ".tif": np.uint16}


@pytest.mark.parametrize("suffix", FLOATS)
def test_more_than_8_bits_are_refused_in_any_format(suffix: str, tmp_path: Path) -> None:
    path = _save(tmp_path / f"a{suffix}", np.ones((8, 9, 3), FLOATS[suffix]))
    assert list_images(tmp_path) == [path]
    with pytest.raises(InputError, match=r"has (16|32) bits a channel; expected 8"):
        read_image(path)


def test_16_bits_are_rounded_to_the_nearest_of_8_where_that_is_asked_for() -> None:
    every = np.arange(1 << 16, dtype=np.uint16).reshape(256, 256)
    found = decode_layers(cv2.imencode(".png", every)[1].tobytes(), "a.png", rounds=True)
    wanted = [(2 * value + 257) // 514 for value in range(1 << 16)]  # ⌊v / 257 + 1/2⌋
    assert (found.rgb == np.reshape(wanted, (256, 256, 1))).all()
    assert (found.bits, found.is_grey) == (16, True)
    assert (found.rgb[..., 0].ravel()[np.arange(256) * 257] == np.arange(256)).all()  # what 8 bits can say is exact


@pytest.mark.parametrize("suffix", [".pgm", ".jp2"])
def test_16_bits_whose_white_is_not_told_are_never_rounded(suffix: str) -> None:
    data = cv2.imencode(suffix, np.full((40, 40), 1023, np.uint16))[1].tobytes()
    with pytest.raises(InputError, match="has 16 bits a channel; expected 8"):
        decode_layers(data, f"a{suffix}", rounds=True)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png(header: tuple[int, ...], rows: bytes, *chunks: bytes) -> bytes:
    parts = (_chunk(b"IHDR", struct.pack(">IIBBBBB", *header)), *chunks, _chunk(b"IDAT", zlib.compress(rows)))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts) + _chunk(b"IEND", b"")


PALETTE = _chunk(b"PLTE", bytes(range(1, 10)))
PNGS = {
    "a palette": ((2, 1, 8, 3, 0, 0, 0), b"\0\1\2", (PALETTE,), [[[4, 5, 6], [7, 8, 9]]]),
    "1 bit": ((2, 1, 1, 0, 0, 0, 0), b"\0\x40", (), [[[0] * 3, [255] * 3]]),
    "grey with an opaque alpha": ((2, 1, 8, 4, 0, 0, 0), b"\0\7\xff\x09\xff", (), [[[7] * 3, [9] * 3]]),
}


@pytest.mark.parametrize("case", PNGS)
def test_a_png_of_another_kind_becomes_rgb(case: str) -> None:
    header, rows, chunks, expected = PNGS[case]
    assert decode_image(_png(header, rows, *chunks), "a.png").tolist() == expected


TRANSPARENT = {
    "a palette": _png((2, 1, 8, 3, 0, 0, 0), b"\0\0\2", PALETTE, _chunk(b"tRNS", b"\0")),
    "grey": _png((2, 1, 8, 4, 0, 0, 0), b"\0\7\xff\x09\x10"),
}


@pytest.mark.parametrize("case", TRANSPARENT)
def test_any_transparent_pixel_is_refused(case: str) -> None:
    with pytest.raises(InputError, match="has transparent pixels"):
        decode_image(TRANSPARENT[case], "a.png")


def test_a_header_that_promises_too_many_pixels_is_refused() -> None:
    with pytest.raises(InputError, match="does not decode"):
        decode_image(_png((60000, 60000, 8, 2, 0, 0, 0), b"\0"), "a.png")


def _oriented(encoded: bytes, orientation: int) -> bytes:
    """A JPEG or PNG with an EXIF block that says how the camera was held."""
    tiff = b"II*\0\x08\0\0\0" + struct.pack("<HHHIHHI", 1, 0x112, 3, 1, orientation, 0, 0)
    if encoded.startswith(b"\x89PNG"):
        return encoded[:33] + _chunk(b"eXIf", tiff) + encoded[33:]
    return encoded[:2] + b"\xff\xe1" + struct.pack(">H", len(tiff) + 8) + b"Exif\0\0" + tiff + encoded[2:]


UPRIGHT = {
    1: lambda image: image,
    2: lambda image: image[:, ::-1],
    3: lambda image: image[::-1, ::-1],
    4: lambda image: image[::-1],
    5: lambda image: image.swapaxes(0, 1),
    6: lambda image: np.rot90(image, -1),
    7: lambda image: image[::-1, ::-1].swapaxes(0, 1),
    8: lambda image: np.rot90(image, 1),
}


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("kind", ["color.png", "grey.png", "opaque.png", "color.jpg", "grey.jpg"])
def test_a_photograph_is_read_the_way_up_it_is_shown(kind: str, orientation: int) -> None:
    color, suffix = kind.split(".")
    shape = {"color": (8, 16, 3), "grey": (8, 16), "opaque": (8, 16, 4)}[color]
    lying = RNG.integers(0, 256, shape, dtype=np.uint8)
    if color == "opaque":
        lying[:, :, 3] = 255
    encoded = cv2.imencode(f".{suffix}", lying)[1].tobytes()
    plain = decode_image(encoded, "plain")
    turned = decode_image(_oriented(encoded, orientation), "turned")
    assert (turned == UPRIGHT[orientation](plain)).all()


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("shape", [(8, 16), (8, 16, 3), (8, 16, 4)])
def test_a_deep_image_is_rounded_the_way_up_it_is_shown(shape: tuple[int, ...], orientation: int) -> None:
    encoded = cv2.imencode(".png", RNG.integers(0, 1 << 16, shape, dtype=np.uint16))[1].tobytes()
    plain, turned = (decode_layers(data, "a.png", rounds=True) for data in (encoded, _oriented(encoded, orientation)))
    assert (turned.rgb == UPRIGHT[orientation](plain.rgb)).all()
    if plain.alpha is not None:
        assert turned.alpha is not None
        assert (turned.alpha == UPRIGHT[orientation](plain.alpha)).all()


def test_a_gif_is_read() -> None:
    header = b"GIF89a" + bytes([2, 0, 1, 0, 0x80, 0, 0]) + bytes([0, 0, 0, 255, 255, 255])  # 2×1, black and white
    codes = (4 | 0 << 3 | 1 << 6 | 5 << 9).to_bytes(2, "little")  # clear, black, white, end
    image = b"," + bytes([0, 0, 0, 0, 2, 0, 1, 0, 0]) + bytes([2, 2]) + codes + b"\0;"
    assert decode_image(header + image, "a.gif").tolist() == [[[0, 0, 0], [255, 255, 255]]]


@pytest.mark.parametrize("share", [0.3, 0.9, 0.999])
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tiff", ".bmp", ".jp2", ".avif", ".ppm"])
def test_a_file_that_is_cut_off_is_refused_not_filled_up(suffix: str, share: float) -> None:
    encoded = cv2.imencode(suffix, RNG.integers(0, 256, (90, 120, 3), dtype=np.uint8))[1].tobytes()
    decode_image(encoded, "whole")
    with pytest.raises(InputError, match="does not decode"):
        decode_image(encoded[: int(len(encoded) * share)], "cut")
