"""Where every element of an image went is recognized as one movement, or as none."""

from collections.abc import Callable

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from numpy.typing import NDArray

from sr2tflite.graph.movement import Movement, recognize

Index = NDArray[np.intp]


def indices(*shape: int) -> Index:
    return np.arange(np.prod(shape)).reshape(shape)


def plain(kind: str, block: int, x: Index, order: Index) -> Index:
    """A movement by its definition, one element at a time."""
    _, channels, height, width = x.shape
    if kind == "shuffle":
        count = len(order) // block**2
        y = np.empty((1, count, height * block, width * block), np.intp)
        for c, row, column in np.ndindex(*y.shape[1:]):
            k = row % block * block + column % block
            y[0, c, row, column] = x[0, order[k * count + c], row // block, column // block]
        return y
    y = np.empty((1, len(order), height // block, width // block), np.intp)
    for o, row, column in np.ndindex(*y.shape[1:]):
        k, c = divmod(order[o], channels)
        y[0, o, row, column] = x[0, c, row * block + k // block, column * block + k % block]
    return y


@given(
    block=st.integers(1, 4),
    channels=st.integers(1, 4),
    size=st.tuples(st.integers(1, 3), st.integers(2, 4)),
    with_copies=st.booleans(),
    seed=st.integers(0, 99),
)
def test_any_channel_order_of_a_shuffle_is_found(
    block: int, channels: int, size: tuple[int, int], with_copies: bool, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    shape = (1, channels * block**2, *size)
    order = generator.permutation(shape[1]) if not with_copies else generator.integers(0, shape[1], shape[1])
    found = recognize(plain("shuffle", block, indices(*shape), order), shape)
    assert found is not None
    assert (found.kind, found.block) == ("channels" if block == 1 else "shuffle", block)
    assert (found.order == order).all()
    assert found.is_permutation(shape[1]) == (sorted(order) == list(range(shape[1])))


@given(
    block=st.integers(2, 4),
    channels=st.integers(1, 4),
    size=st.tuples(st.integers(1, 3), st.integers(2, 4)),
    kept=st.integers(1, 12),
    seed=st.integers(0, 99),
)
def test_any_channel_order_of_an_unshuffle_is_found(
    block: int, channels: int, size: tuple[int, int], kept: int, seed: int
) -> None:
    shape = (1, channels, size[0] * block, size[1] * block)
    order = np.random.default_rng(seed).permutation(channels * block**2)[:kept]
    found = recognize(plain("unshuffle", block, indices(*shape), order), shape)
    assert found is not None
    assert (found.kind, found.block) == ("unshuffle", block)
    assert (found.order == order).all()


@pytest.mark.parametrize("block", [2, 3, 4])
def test_the_orders_of_the_libraries(block: int) -> None:
    x = indices(1, 2 * block**2, 3, 5)
    torch_order = recognize(F.pixel_shuffle(torch.from_numpy(x), block).numpy(), x.shape)
    assert torch_order is not None
    assert (torch_order.order == np.arange(2 * block**2).reshape(2, -1).T.reshape(-1)).all()
    y = indices(1, 2, 3 * block, 5 * block)
    back = recognize(F.pixel_unshuffle(torch.from_numpy(y), block).numpy(), y.shape)
    assert back is not None
    assert back.kind == "unshuffle"
    assert (back.apply(y) == F.pixel_unshuffle(torch.from_numpy(y), block).numpy()).all()


def test_an_unmoved_image_is_its_channels_in_order() -> None:
    x = indices(2, 3, 4, 5)
    found = recognize(x, x.shape)
    assert found is not None
    assert (found.kind, found.block, found.order.tolist()) == ("channels", 1, [0, 1, 2])


def shuffled(block: int = 2) -> Index:
    return plain("shuffle", block, indices(1, 12, 3, 5), np.arange(12))


def one_wrong() -> Index:
    y = shuffled()
    y[0, 2, 5, 9] = y[0, 1, 5, 9]
    return y


NOTHING: dict[str, Callable[[], Index]] = {
    "flipped": lambda: indices(1, 12, 3, 5)[:, :, ::-1],
    "rolled": lambda: np.roll(indices(1, 12, 3, 5), 1, 3),
    "cropped": lambda: indices(1, 12, 3, 5)[:, :, :-1],
    "transposed": lambda: indices(1, 12, 3, 5).transpose(0, 1, 3, 2),
    "one element in the last corner": one_wrong,
    "wider only": lambda: indices(1, 12, 3, 5).repeat(2, 3),
    "tiled": lambda: np.tile(indices(1, 12, 3, 5), (1, 1, 2, 2)),
    "outside the image": lambda: shuffled() + 12 * 3 * 5,
    "before the image": lambda: np.full((1, 3, 6, 10), -1),
    "another rank": lambda: indices(12, 3, 5),
    "nothing at all": lambda: np.empty((1, 0, 3, 5), np.intp),
}


@pytest.mark.parametrize("name", NOTHING)
def test_what_is_no_movement_is_not_recognized(name: str) -> None:
    assert recognize(NOTHING[name](), (1, 12, 3, 5)) is None


def test_images_of_a_batch_that_change_places_are_not_recognized() -> None:
    x = indices(2, 3, 4, 5)
    assert recognize(x[::-1], x.shape) is None


def test_a_movement_does_to_any_image_what_it_was_found_on() -> None:
    order = np.random.default_rng(0).permutation(12)
    found = Movement("shuffle", 2, order)
    x = np.random.default_rng(1).integers(-9, 9, (1, 12, 2, 7))
    assert (found.apply(x) == plain("shuffle", 2, x, order)).all()
