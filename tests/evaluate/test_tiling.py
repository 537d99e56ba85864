import numpy as np
import pytest

from sr2tflite.errors import InputError, UnsupportedError
from sr2tflite.evaluate.runners import open_runner
from sr2tflite.evaluate.tiling import FixedSize, spans
from sr2tflite.graph import Tensor, ops
from sr2tflite.graph.receptive_field import receptive_field
from sr2tflite.graph.tflite import write

SIZES = {
    "the file's own": (24, 20),
    "larger both ways": (61, 53),
    "one pixel larger": (25, 21),
    "as high, wider": (24, 90),
    "tiles that just fit": (24 + 14, 20 + 10),
    "smaller both ways": (7, 9),
    "higher and narrower": (40, 11),
    "one pixel": (1, 1),
}


@pytest.fixture(scope="module")
def files(quantized_network, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiling")
    for name, size in {"fixed": (24, 20), "free": (None, None)}.items():
        (folder / f"{name}.tflite").write_bytes(write(quantized_network(*size)))
    return folder


@pytest.fixture(scope="module")
def runners(files):
    return open_runner(files / "fixed.tflite"), open_runner(files / "free.tflite")


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_a_fixed_shape_file_equals_the_whole_image_byte_for_byte(runners, noise, size):
    fixed, free = runners
    lr = noise(*size)
    whole = free(lr)
    assert whole.std() > 20
    assert fixed(lr).tobytes() == whole.tobytes()


def test_a_halo_one_pixel_too_small_is_not_enough(runners, noise, monkeypatch):
    monkeypatch.setattr("sr2tflite.evaluate.tiling.receptive_field", lambda graph: receptive_field(graph) - 1)
    lr = noise(61, 53)
    assert (runners[0](lr) != runners[1](lr)).any()


def test_the_receptive_field_adds_up_over_the_longest_path(quantized_network):
    assert receptive_field(quantized_network(24, 20)) == 5


def test_a_convolution_after_the_shuffle_counts_in_finer_pixels(quantized_network):
    graph = quantized_network(24, 20)
    graph.constant("k", np.zeros((3, 3, 3, 3), np.int8))
    graph.constant("c", np.zeros(3, np.int32))
    graph.append(ops.Conv2D(), ("y", "k", "c"), Tensor("z", (1, 48, 40, 3), "int8"))
    graph.outputs = ("z",)
    assert receptive_field(graph) == 6


@pytest.mark.parametrize("op", [ops.Opaque("MEAN"), ops.Conv2D(stride=(2, 2)), ops.Conv2D(padding="VALID")])
def test_what_depends_on_the_place_is_refused(quantized_network, op):
    graph = quantized_network(24, 20)
    node = graph.nodes[0]
    graph.nodes[0] = type(node)(op, node.inputs, node.outputs)
    with pytest.raises(UnsupportedError, match="tiles would not equal the whole image"):
        receptive_field(graph)


@pytest.mark.parametrize(("size", "tile", "halo"), [(10, 10, 5), (100, 11, 5), (64, 24, 0), (23, 22, 9), (99, 40, 3)])
def test_spans_keep_every_pixel_once_and_none_near_a_cut_edge(size, tile, halo):
    found = spans(size, tile, halo)
    kept = np.concatenate([np.arange(one.low, one.high) for one in found])
    assert kept.tolist() == list(range(size))
    for one in found:
        assert 0 <= one.start <= size - tile
        assert one.low - one.start >= halo or one.start == 0
        assert one.start + tile - one.high >= halo or one.start + tile == size


def test_a_tile_that_is_all_halo_is_refused():
    with pytest.raises(InputError, match="expected at least 11 pixels"):
        spans(20, 10, 5)


def test_a_smaller_image_is_refused_where_the_runtime_cannot_resize(quantized_network, noise):
    fixed = FixedSize(lambda lr: lr, (24, 20), 2, "model.onnx", quantized_network(24, 20))
    with pytest.raises(InputError, match=r"image of 30×19 is smaller than the file, fixed at 24×20") as caught:
        fixed(noise(30, 19))
    assert "free-shape" in caught.value.hint
