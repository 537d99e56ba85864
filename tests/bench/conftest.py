import pytest

from sr2tflite.graph import Graph, Tensor, ops
from sr2tflite.graph.tflite import write
from sr2tflite.numerics.qparams import QuantParams

PIXELS, DOUBLED = QuantParams((1.0,), (-128,)), QuantParams((2.0,), (-128,))


@pytest.fixture
def model(tmp_path):
    """Save a file of one addition and a shuffle: 12 channels in, 3 out, ×2.

    With ``relu``, an int8 RELU in between, which XNNPACK does not take; with ``dtype="float32"``, a float file.
    """

    def save(name, height=None, width=None, *, relu=False, dtype="int8"):
        quant = {"int8": lambda params: params, "float32": lambda _: None}[dtype]
        graph = Graph(inputs=("x",), outputs=("y",))
        graph.add_tensor(Tensor("x", (1, height, width, 12), dtype, quant(PIXELS)))
        wide = (1, height, width, 12)
        graph.append(ops.Add(), ("x", "x"), Tensor("sum", wide, dtype, quant(DOUBLED)))
        if relu:
            graph.append(ops.Relu(), ("sum",), Tensor("relu", wide, dtype, quant(PIXELS)))
        sizes = (height and 2 * height, width and 2 * width)
        end = Tensor("y", (1, *sizes, 3), dtype, quant(PIXELS if relu else DOUBLED))
        graph.append(ops.DepthToSpace(2), ("relu" if relu else "sum",), end)
        path = tmp_path / name
        path.write_bytes(write(graph))
        return path

    return save
