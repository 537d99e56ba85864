import numpy as np

from sr2tflite.run.crops import ZOOM, busiest_window, side_by_side


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
