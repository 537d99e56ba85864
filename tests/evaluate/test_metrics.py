import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from sr2tflite.errors import InputError
from sr2tflite.evaluate.metrics import StepHistogram, psnr, ssim, ssim_map, step_histogram


@pytest.fixture
def pair():
    random = np.random.default_rng(3)
    a = np.kron(random.integers(0, 256, (9, 12, 3)), np.ones((5, 5, 1))).astype(np.uint8)
    b = np.clip(a + random.normal(0, 9, a.shape), 0, 255).astype(np.uint8)
    return a, b


def test_psnr_equals_scikit_images(pair):
    assert psnr(*pair) == pytest.approx(peak_signal_noise_ratio(*pair, data_range=255), abs=1e-12)


def test_psnr_of_one_step_everywhere_is_20_log10_255():
    black = np.zeros((4, 4, 3), np.uint8)
    assert psnr(black, black + 1) == pytest.approx(20 * np.log10(255), abs=1e-12)


def test_psnr_of_equal_images_is_infinite(pair):
    assert psnr(pair[0], pair[0]) == float("inf")


def test_ssim_equals_scikit_images_inside_the_border(pair):
    _, full = structural_similarity(
        *pair,
        data_range=255,
        channel_axis=2,
        win_size=11,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )
    assert np.abs(ssim_map(*pair) - full[5:-5, 5:-5]).max() < 1e-9
    assert ssim(*pair) == pytest.approx(full[5:-5, 5:-5].mean(), abs=1e-12)


def test_ssim_of_one_channel_equals_that_channels_map(pair):
    a, b = pair
    assert np.array_equal(ssim_map(a[:, :, 1:2], b[:, :, 1:2])[:, :, 0], ssim_map(a, b)[:, :, 1])


def test_ssim_of_an_image_smaller_than_its_window_is_refused():
    with pytest.raises(InputError, match="expected 11 a side"):
        ssim(np.zeros((10, 40, 3)), np.zeros((10, 40, 3)))


def test_steps_are_counted_without_wrapping():
    a = np.array([[[0, 1, 2]], [[3, 255, 7]]], np.uint8)
    b = np.array([[[0, 2, 0]], [[0, 0, 7]]], np.uint8)
    assert step_histogram(a, b) == StepHistogram(2, 1, 1, 2)
    assert (StepHistogram(1, 1) + StepHistogram(1, 0, 0, 1)).shares() == {"0": 0.5, "±1": 0.25, "±2": 0.0, "more": 0.25}
