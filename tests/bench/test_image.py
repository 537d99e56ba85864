"""What a file is measured on, and files that do not take one image."""

import numpy as np
import pytest

from sr2tflite.bench import image
from sr2tflite.bench.image import image_for, noise, size_for
from sr2tflite.bench.phone.models import prepared
from sr2tflite.bench.phone.output import output_of
from sr2tflite.bench.plan import Plan
from sr2tflite.commands.bench import bench
from sr2tflite.errors import InputError
from sr2tflite.graph import Graph, Tensor, ops
from sr2tflite.graph.tflite import write
from sr2tflite.numerics.qparams import QuantParams
from sr2tflite.runtime import LiteRT

PIXELS, DOUBLED = QuantParams((1.0,), (-128,)), QuantParams((2.0,), (-128,))
QUICK = Plan(runs=1, rounds=1, seconds=0, warmup=0, size=(8, 10))


@pytest.fixture
def sums(tmp_path):
    """Save a file of additions: ``inputs`` of one shape and as many ``outputs``."""

    def save(shape, inputs=1, outputs=1):
        graph = Graph(inputs=tuple(f"x{index}" for index in range(inputs)))
        for name in graph.inputs:
            graph.add_tensor(Tensor(name, shape, "int8", PIXELS))
        graph.outputs = tuple(f"y{index}" for index in range(outputs))
        for name in graph.outputs:
            graph.append(ops.Add(), (graph.inputs[0], graph.inputs[-1]), Tensor(name, shape, "int8", DOUBLED))
        path = tmp_path / "sums.tflite"
        path.write_bytes(write(graph))
        return path

    return save


def test_each_side_is_the_files_own_where_it_fixes_it(sums):
    sizes = {(None, None): (8, 10), (None, 16): (8, 16), (6, None): (6, 10), (6, 16): (6, 16)}
    for own, expected in sizes.items():
        engine = LiteRT(sums((1, *own, 3)))
        assert size_for(engine, (8, 10)) == expected
        assert image_for(engine, expected).shape == (1, *expected, 3)


def test_a_file_that_fixes_one_side_is_measured(sums):
    path = sums((1, None, 16, 3))
    (result,) = bench([path], QUICK).results
    assert result.models[0].input.shape == (1, 8, 16, 3)
    (model,) = prepared([path], QUICK.size)
    assert (model.x.shape, model.is_free) == ((1, 8, 16, 3), True)


REFUSED = {
    "two inputs": ({"shape": (1, 8, 10, 3), "inputs": 2}, "has 2 inputs; expected one image"),
    "no image": ({"shape": (1, 8)}, r"input is \[1, 8\]; expected an image, NHWC"),
}


@pytest.mark.parametrize(("file", "message"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_take_one_image_is_refused_here_and_for_phones(sums, file, message):
    path = sums(**file)
    for measure in (lambda: bench([path], QUICK), lambda: prepared([path], QUICK.size)):
        with pytest.raises(InputError, match=message) as caught:
            measure()
        assert caught.value.where == str(path)


def test_an_image_for_which_there_is_no_memory_is_an_error_for_the_user(sums, monkeypatch):
    def full(*_):
        raise MemoryError

    monkeypatch.setattr(image, "noise", full)
    with pytest.raises(InputError, match="an image of 99999×10 pixels needs more memory") as caught:
        image_for(LiteRT(sums((1, None, None, 3))), (99999, 10))
    assert "--height" in caught.value.hint


def test_of_several_outputs_the_first_is_compared(sums):
    (model,) = prepared([sums((1, 8, 10, 3), outputs=2)], QUICK.size)
    assert model.output_bytes == 2 * model.y.nbytes
    found = output_of(model.y.tobytes() + bytes(model.y.nbytes), model, "abc")
    np.testing.assert_array_equal(found, model.y)


def test_pixels_are_seeded_and_of_the_files_type():
    codes, floats = noise("int8", (1, 9, 9, 3)), noise("float32", (1, 9, 9, 3))
    np.testing.assert_array_equal(codes.astype(np.float32) + 128, floats)
    assert (codes.dtype, floats.min() >= 0, floats.max() <= 255) == (np.int8, True, True)
