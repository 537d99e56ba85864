import numpy as np
import pytest

from sr2tflite.run.crops import ZOOM, busiest_window, distance, error_map, palette, side_by_side, windows


def test_the_busiest_window_is_where_the_detail_is() -> None:
    image = np.full((90, 120, 3), 90, np.uint8)
    image[40:60, 70:90] = np.random.default_rng(0).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    top, left = busiest_window(image, 24)
    assert 35 <= top <= 42
    assert 65 <= left <= 72


def test_every_rendering_gets_a_panel_of_the_same_window() -> None:
    image = np.random.default_rng(0).integers(0, 256, (50, 60, 3), dtype=np.uint8)
    picture = side_by_side({"a": image, "b": image}, side=16)
    width = 16 * ZOOM
    assert picture.shape[1] == 2 * width + 6
    assert (picture[-16 * ZOOM :, :width] == picture[-16 * ZOOM :, -width:]).all()


@pytest.mark.parametrize(("height", "width", "side"), [(50, 60, 16), (20, 70, 32), (9, 8, 128)])
@pytest.mark.parametrize("count", [1, 5])
def test_windows_are_what_was_put_side_by_side(height: int, width: int, side: int, count: int) -> None:
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (height, width, 3), dtype=np.uint8) for _ in range(count)]
    found = windows(side_by_side({str(index): image for index, image in enumerate(images)}, side))
    side = min(side, height, width)
    top, left = busiest_window(images[-1], side)
    assert found is not None
    assert len(found) == count
    for image, window in zip(images, found, strict=True):
        assert (window == image[top : top + side, left : left + side]).all()


@pytest.mark.parametrize("shape", [(1, 1, 3), (26, 300, 3), (100, 101, 3), (56, 40, 3)])
def test_other_pictures_have_no_windows(shape: tuple[int, ...]) -> None:
    assert windows(np.zeros(shape, np.uint8)) is None


def test_an_error_map_is_dark_where_nothing_differs_and_brightest_where_most_does() -> None:
    one, other = (np.full((4, 5, 3), 100, np.uint8) for _ in range(2))
    other[1, 2] = (90, 103, 100)
    other[3, 3, 1] = 105
    apart = distance(one, other)
    assert apart[1, 2] == 10
    assert apart[3, 3] == 5
    colors = palette()
    picture = error_map(apart)
    hexadecimal = ["#{:02x}{:02x}{:02x}".format(*picture[place]) for place in ((0, 0), (1, 2), (3, 3))]
    assert hexadecimal == [colors[0], colors[255], colors[128]]
    assert (error_map(distance(one, one)) == error_map(distance(one, one))[0, 0]).all()
