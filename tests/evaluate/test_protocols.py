import numpy as np
import pytest

from sr2tflite.errors import InputError, RecipeError
from sr2tflite.evaluate.protocols import Score, luma, protocol_named


def test_an_unknown_protocol_names_the_nearest():
    with pytest.raises(RecipeError) as caught:
        protocol_named("y-shave")
    assert caught.value.hint == "did you mean 'y-shave3'?"


def test_luma_is_matlabs_rgb2ycbcr_without_rounding():
    colors = np.array([[[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8)
    assert luma(colors).ravel() == pytest.approx([16, 235, 81.481, 144.553, 40.966], abs=1e-9)


def test_the_border_is_as_wide_as_the_scale(noise):
    image = noise(20, 30)
    protocol = protocol_named("rgb-shave3")
    assert np.array_equal(protocol.samples(image, 4), image[4:-4, 4:-4])
    assert protocol.id(4) == "rgb-shave3 (RGB, shave 4, range 255)"


def test_an_image_that_is_all_border_is_refused(noise):
    with pytest.raises(InputError, match="is all border"):
        protocol_named("y-shave3").samples(noise(6, 30), 3)


@pytest.mark.parametrize(("protocol", "images"), [("y-shave3", "set"), ("rgb", "other")])
def test_scores_of_different_protocols_or_images_are_never_compared(protocol, images):
    with pytest.raises(InputError, match="cannot be compared"):
        Score(30.0, 0.9, protocol, images).drop_from(Score(31.0, 0.9, "rgb", "set"))


def test_a_drop_is_what_the_reference_has_more():
    assert Score(30.0, 0.5, "rgb", "set").drop_from(Score(31.5, 0.75, "rgb", "set")) == (1.5, 0.25)
