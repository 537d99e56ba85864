"""What sides an image must have where a graph makes it smaller on its way, and what is said of others."""

import pytest
from kit.graphs import float_sr_graph
from kit.students import deployed

from sr2tflite.errors import InputError, UnsupportedError
from sr2tflite.graph import Graph, tflite
from sr2tflite.graph.multiples import size_multiple
from sr2tflite.graph.receptive_field import receptive_field
from sr2tflite.graph.shapes import with_size
from sr2tflite.runtime import LiteRT


@pytest.fixture(scope="module")
def unet() -> Graph:
    return deployed("efm", 1)


def test_a_unet_that_halves_twice_takes_multiples_of_four(unet: Graph) -> None:
    assert size_multiple(unet) == 4
    assert with_size(unet, 24, 36).output.shape == (1, 24, 36, 3)


def test_a_network_that_only_enlarges_takes_every_size() -> None:
    assert size_multiple(float_sr_graph()) == 1


def test_another_size_is_refused_with_what_would_do(unet: Graph) -> None:
    with pytest.raises(InputError, match="size 24×30") as error:
        with_size(unet, 24, 30)
    assert error.value.hint == "take sides that are multiples of 4"


def test_tiles_of_a_unet_are_refused_by_its_strided_layer(unet: Graph) -> None:
    with pytest.raises(UnsupportedError, match=r"stride \(2, 2\)") as error:
        receptive_field(unet)
    assert "CONV_2D" in str(error.value.where)


def test_a_free_file_starts_at_the_smallest_image_it_takes(unet: Graph) -> None:
    engine = LiteRT(tflite.write(unet))
    assert list(engine.input["shape"]) == [1, 4, 4, 3]
    assert engine.fixed_size is None
