import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from sr2tflite.errors import InputError
from sr2tflite.evaluate.metrics import step_histogram
from sr2tflite.evaluate.runners import open_runner
from sr2tflite.graph import Graph, Tensor, ops
from sr2tflite.graph.onnx import write as write_onnx
from sr2tflite.graph.tflite import write as write_tflite


def nearest_onnx(path, input_shape, output_shape, channels_first=True, dtype=TensorProto.FLOAT):
    """A foreign file that repeats every pixel twice each way."""
    scales = [1, 1, 2, 2] if channels_first else [1, 2, 2, 1]
    factor = helper.make_tensor("factor", TensorProto.FLOAT, [4], [float(one) for one in scales])
    node = helper.make_node("Resize", ["x", "", "factor"], ["y"], mode="nearest", nearest_mode="floor",
                            coordinate_transformation_mode="asymmetric")  # fmt: skip
    ends = (
        helper.make_tensor_value_info(name, dtype, shape) for name, shape in (("x", input_shape), ("y", output_shape))
    )
    x, y = ends
    graph = helper.make_graph([node], "nearest", [x], [y], [factor])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10), path)


@pytest.mark.parametrize("channels_first", [True, False], ids=["NCHW", "NHWC"])
def test_a_foreign_onnx_is_run_in_its_layout(tmp_path, noise, channels_first):
    path, lr = tmp_path / "model.onnx", noise(9, 12)
    shapes = [[1, 3, "h", "w"], [1, 3, "h2", "w2"]] if channels_first else [[1, "h", "w", 3], [1, "h2", "w2", 3]]
    nearest_onnx(path, *shapes, channels_first)
    runner = open_runner(path)
    assert np.array_equal(runner(lr), lr.repeat(2, 0).repeat(2, 1))
    assert (runner.kind, runner.scale) == ("onnx", 2)


@pytest.mark.parametrize("size", [(8, 10), (21, 30), (7, 30), (1, 1)])
def test_a_fixed_onnx_runs_images_of_any_size(tmp_path, noise, size):
    nearest_onnx(tmp_path / "model.onnx", [1, 3, 8, 10], [1, 3, 16, 20])
    lr = noise(*size)
    assert np.array_equal(open_runner(tmp_path / "model.onnx")(lr), lr.repeat(2, 0).repeat(2, 1))


def test_an_onnx_that_takes_no_float_rgb_image_is_refused(tmp_path):
    nearest_onnx(tmp_path / "grey.onnx", [1, 1, "h", "w"], [1, 1, "h2", "w2"])
    with pytest.raises(InputError, match="expected one float RGB image"):
        open_runner(tmp_path / "grey.onnx")


def test_a_checkpoint_runs_as_its_module_does(tmp_path, noise):
    import torch

    from sr2tflite.networks.checkpoint import store
    from sr2tflite.networks.students import STUDENTS

    torch.manual_seed(0)
    name, student = STUDENTS.parse("abpn")
    module, path, lr = student.build().eval(), tmp_path / "student.safetensors", noise(11, 14)
    store(path, name, student, module.state_dict(), {"trained_on": "abc"})
    high = student.value_range[1]
    with torch.inference_mode():
        y = module(torch.from_numpy(lr).permute(2, 0, 1)[None] * (high / 255)) * (255 / high)
    runner = open_runner(path)
    expected = y[0].permute(1, 2, 0).numpy()
    assert np.abs(runner(lr) - expected.clip(0, 255)).max() <= 0.5 + 1e-3
    assert (runner.kind, runner.scale, runner.seen) == ("checkpoint", student.scale, {"abc"})


def test_our_quantized_onnx_is_run_in_pixels_and_agrees_with_the_tflite_file(tmp_path, quantized_network, noise):
    graph, lr = quantized_network(), noise(19, 23)
    (tmp_path / "model.onnx").write_bytes(write_onnx(graph))
    (tmp_path / "model.tflite").write_bytes(write_tflite(graph))
    simulated, integer = (open_runner(tmp_path / f"model.{kind}") for kind in ("onnx", "tflite"))
    steps = step_histogram(simulated(lr), integer(lr))
    assert steps.more + steps.two == 0
    assert steps.equal > 0.999 * steps.total
    assert simulated.seen == {"abc"}


@pytest.mark.parametrize("white", [1.0, 255.0])
def test_our_float_onnx_is_run_in_its_own_value_range(tmp_path, noise, white):
    graph, lr = Graph(value_range=(0.0, white), inputs=("x",), outputs=("y",)), noise(9, 11)
    graph.add_tensor(Tensor("x", (1, None, None, 3)))
    nearest = np.tile(np.eye(3, dtype=np.float32), (4, 1)).reshape(12, 1, 1, 3)
    inputs = ("x", graph.constant("w", nearest / 2), graph.constant("b", np.full(12, white / 2, np.float32)))
    graph.append(ops.Conv2D(), inputs, Tensor("wide", (1, None, None, 12)))
    graph.append(ops.DepthToSpace(2), ("wide",), Tensor("y", (1, None, None, 3)))
    (tmp_path / "model.onnx").write_bytes(write_onnx(graph))
    found = open_runner(tmp_path / "model.onnx")(lr)
    assert np.abs(found - (lr.repeat(2, 0).repeat(2, 1) / 2 + 127.5)).max() <= 0.5
