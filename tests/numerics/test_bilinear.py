import numpy as np
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from sr2tflite.numerics import bilinear
from sr2tflite.numerics.bilinear import Alignment, Corners

PLACES = {
    "xnnpack": (bilinear.axis_xnnpack, bilinear.blend_xnnpack, 2048, np.int32),
    "integer": (bilinear.axis_integer, bilinear.blend_integer, 1024, np.int64),
    "builtin": (bilinear.axis_float, bilinear.blend_builtin, 1, np.float32),
    "reference": (bilinear.axis_float, bilinear.blend_reference, 1, np.float32),
}
ALIGNMENTS = (Alignment(), Alignment(corners=True), Alignment(centers=True))


def real_place(index: int, size: int, wanted: int, alignment: Alignment) -> float:
    if alignment.corners and wanted > 1:
        return index * (size - 1) / (wanted - 1)
    ratio = size / wanted
    place = (index + 0.5) * ratio - 0.5 if alignment.centers else index * ratio
    return min(max(place, 0.0), size - 1.0)


@pytest.mark.parametrize("way", PLACES)
@given(size=st.integers(1, 40), wanted=st.integers(1, 60), alignment=st.sampled_from(ALIGNMENTS))
def test_outputs_lie_where_the_alignment_says(way: str, size: int, wanted: int, alignment: Alignment) -> None:
    places, _, one, _ = PLACES[way]
    axis = places(size, wanted, alignment)
    assert axis.low.min() >= 0
    assert axis.high.max() < size
    if way == "integer" and axis.low.max() >= size:
        reject()  # a ratio rounded up leaves the image, which the kernel refuses
    share = np.where(axis.high > axis.low, axis.fraction.astype(np.float64) / one, 0)
    found = axis.low + share
    wanted_places = [real_place(index, size, wanted, alignment) for index in range(wanted)]
    steps = wanted / 2048 if way == "integer" else 0  # its ratio is rounded to 10 bits
    assert np.abs(found - wanted_places).max() <= 1e-3 + steps


@pytest.mark.parametrize("way", PLACES)
@given(codes=st.tuples(*[st.integers(0, 127)] * 4), down=st.integers(0, 16), right=st.integers(0, 16))
def test_a_blend_is_the_nearest_code(way: str, codes: tuple[int, ...], down: int, right: int) -> None:
    """Shares of sixteenths are exact in all of them; ties go up for codes that are not negative."""
    _, blend, one, dtype = PLACES[way]
    corners = Corners(*(np.array([code], dtype) for code in codes))
    shares = (np.array([part * one / 16], dtype) for part in (down, right))
    top, bottom = ((16 - right) * left + right * other for left, other in (codes[:2], codes[2:]))
    total = (16 - down) * top + down * bottom
    assert blend(corners, *shares) == (total + 128) // 256
