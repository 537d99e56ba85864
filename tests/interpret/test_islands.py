"""Networks of several types, end to end, against LiteRT."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kit.islands import island_graph

from sr2tflite.graph import tflite
from sr2tflite.interpret import Interpreter
from sr2tflite.runtime import Kernels, LiteRT

FAMILIES = ("xnnpack", "builtin", "reference")


def random_codes(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height * width).integers(-128, 128, (1, height, width, 3)).astype(np.int8)


@pytest.mark.parametrize("family", FAMILIES)
@given(seed=st.integers(0, 999), channels=st.integers(1, 12), height=st.integers(1, 20), width=st.integers(1, 20))
@settings(max_examples=15)
def test_an_island_of_int16_in_an_int8_network_is_the_runtimes_byte_for_byte(
    family: str, seed: int, channels: int, height: int, width: int
) -> None:
    graph, x = island_graph(seed, channels), random_codes(height, width)
    wanted = LiteRT(tflite.write(graph), Kernels(family)).run(x)
    assert np.count_nonzero(Interpreter(graph, family).run(x) != wanted) == 0  # type: ignore[arg-type]


def test_an_island_fills_its_ranges() -> None:
    """Or the comparison above would compare little."""
    found = {
        name: len(np.unique(codes)) for name, codes in Interpreter(island_graph()).activations(random_codes(40, 40))
    }
    assert min(found.values()) > 50, found
    assert max(found.values()) > 5000, found


@pytest.mark.parametrize("family", FAMILIES)
def test_every_activation_of_an_island_is_the_runtimes(family: str) -> None:
    graph, x = island_graph(3), random_codes(17, 23)
    for name, codes in Interpreter(graph, family).activations(x):  # type: ignore[arg-type]
        part = graph.copy()
        part.outputs = (name,)
        part.nodes = graph.nodes[: 1 + [node.output for node in graph.nodes].index(name)]
        assert (LiteRT(tflite.write(part), Kernels(family)).run(x) == codes).all(), name


def test_threads_change_nothing_in_an_island() -> None:
    graph, x = island_graph(channels=9), random_codes(150, 111)
    assert (Interpreter(graph, threads=3).run(x) == Interpreter(graph).run(x)).all()


def test_the_file_of_an_island_is_read_back() -> None:
    graph = island_graph()
    again = tflite.read(tflite.write(graph), "file")
    assert again.tensors == graph.tensors
    assert [node.op for node in again.nodes] == [node.op for node in graph.nodes]
