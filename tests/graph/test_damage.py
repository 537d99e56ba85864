"""Damaged files: every cut and every flipped bit is refused in our own words, or gives a graph that can be written."""

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kit.absorbed import graph_of_case
from kit.graphs import float_sr_graph, quantized_sr_graph
from kit.one_op import one_op_graph

from sr2tflite.errors import InputError, Sr2TfliteError
from sr2tflite.graph import onnx, tflite

CODECS = {"tflite": tflite, "onnx": onnx}
FILES = (
    {
        f"{name}-{kind}": codec.write(make(channels=4, depth=1))
        for name, codec in CODECS.items()
        for kind, make in (("float", float_sr_graph), ("int8", quantized_sr_graph))
    }
    | {f"{name}-resize": codec.write(one_op_graph("resize_nearest")) for name, codec in CODECS.items()}
    | {
        f"tflite-{case}": tflite.write(graph_of_case(case, "int8"))
        for case in (
            "pad",
            "slice",
            "split",
            "mean",
            "transpose",
            "transpose_conv",
            "fully_connected",
            "resize_bilinear",
        )
    }
)


def read_and_write_again(name: str, data: bytes) -> None:
    codec = CODECS[name.split("-")[0]]
    with suppress(Sr2TfliteError):
        codec.write(codec.read(data, "damaged"))


@pytest.mark.parametrize("name", FILES)
def test_every_cut_is_survived(name: str):
    data = FILES[name]
    for length in (*range(200), *range(200, len(data), 37)):
        read_and_write_again(name, data[:length])


@pytest.mark.parametrize("name", FILES)
@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(choice=st.data())
def test_flipped_bits_are_survived(name: str, choice: st.DataObject):
    data = bytearray(FILES[name])
    for position in choice.draw(st.lists(st.integers(0, 8 * len(data) - 1), min_size=1, max_size=4)):
        data[position // 8] ^= 1 << position % 8
    read_and_write_again(name, bytes(data))


@pytest.mark.parametrize("name", FILES)
def test_random_words_are_survived(name: str):
    rng = np.random.default_rng(0)
    for _ in range(200):
        data = bytearray(FILES[name])
        position = int(rng.integers(0, len(data) // 4)) * 4
        word = int(rng.choice([0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, int(rng.integers(0, 2**32))]))
        data[position : position + 4] = word.to_bytes(4, "little")
        read_and_write_again(name, bytes(data))


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize("data", [b"", b"x", b"\x89PNG\r\n\x1a\n" + bytes(64), bytes(4096), b"not a model " * 50])
def test_a_foreign_file_is_refused_with_a_hint(name: str, data: bytes):
    with pytest.raises(InputError) as caught:
        CODECS[name].read(data, "photo.png")
    assert caught.value.where == "photo.png"
    assert caught.value.hint
    assert caught.value.exit_status == 2
