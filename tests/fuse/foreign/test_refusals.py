"""What a foreign file may not hold is refused by name: the file, the op, the node."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from kit.foreign import Draft, conv_then
from kit.graphs import float_sr_graph, quantized_sr_graph
from onnx import TensorProto, helper

from sr2tflite.errors import InputError, Sr2TfliteError, UnsupportedError, VerificationError
from sr2tflite.fuse.foreign import fuse_onnx
from sr2tflite.graph import onnx as codec

Make = Callable[[Draft, str], str]


def refusal(data: bytes, path: Path = Path("net.onnx")) -> Sr2TfliteError:
    with pytest.raises((InputError, UnsupportedError, VerificationError)) as caught:
        fuse_onnx(path, data)
    return caught.value


def resized(draft: Draft, y: str, *scales: float, **attributes: object) -> str:
    return draft.node("Resize", y, "", draft.constant([1, 1, *scales]), **attributes)


def nan_weight(draft: Draft, y: str) -> str:
    return draft.node("Conv", y, draft.constant(np.full((3, 12, 1, 1), np.nan)))


def transposed(draft: Draft, y: str) -> str:
    return draft.node("Relu", draft.node("Transpose", y, perm=[0, 1, 3, 2]))


def between_reshapes(draft: Draft, y: str) -> str:
    return draft.node("Relu", draft.node("Reshape", y, draft.whole(1, 12, -1)))


def ramp(draft: Draft, y: str) -> str:
    return draft.node("Mul", y, draft.constant(np.arange(draft.size[1])))


def huge_constant(draft: Draft, y: str) -> str:
    return draft.node("Add", y, draft.node("ConstantOfShape", draft.whole(2**20, 2**20)))


def huge_product(draft: Draft, y: str) -> str:
    column, row = draft.constant(np.ones((2**15, 1))), draft.constant(np.ones((1, 2**15)))
    return draft.node("Add", y, draft.node("Mul", column, row))


def pixel_weight(draft: Draft, y: str) -> str:
    return draft.node("Conv", "x", y)


UNSUPPORTED: dict[str, tuple[Make, str, str]] = {
    "an op outside the set": (lambda d, y: d.node("Erf", y), "Erf erf_1", "op Erf is outside the set"),
    "an op the deploy graph lacks": (lambda d, y: d.node("Softplus", y), "Softplus softplus_1", "outside the set"),
    "a matrix product": (lambda d, y: d.node("MatMul", y, d.constant(np.eye(20))), "MatMul matmul_1", "outside"),
    "linear Resize": (lambda d, y: resized(d, y, 2, 2, mode="linear"), "Resize resize_1", "mode linear"),
    "nearest Resize by a fraction": (lambda d, y: resized(d, y, 1.5, 1.5), "Resize resize_1", "12 become 18"),
    "Resize by nothing": (lambda d, y: resized(d, y, 0, 0), "Resize resize_1", "12 pixels become 0"),
    "a turned image": (transposed, "Transpose transpose_1", "by no rule that holds at every size"),
    "work between two reshapes": (between_reshapes, "Relu relu_2", "works on shape (1, 12, 240)"),
    "a constant that varies over the image": (ramp, "Mul mul_1", "one per channel"),
    "a reflected border": (
        lambda d, y: d.node("Pad", y, d.whole(0, 0, 1, 1, 0, 0, 1, 1), mode="reflect"), "Pad pad_1", "mode reflect"),
    "a division by an image": (lambda d, y: d.node("Div", d.constant(1.0), y), "Div div_1", "depends on the pixels"),
    "a weight made of pixels": (pixel_weight, "Conv conv_1", "depends on the pixels"),
    "half precision": (lambda d, y: d.node("Cast", y, to=TensorProto.FLOAT16), "Cast cast_1", "becomes FLOAT16"),
    "a mask": (lambda d, y: d.node("Cast", d.split("Dropout", 2, y)[1], to=1), "Cast cast_2", "a side result"),
}  # fmt: skip


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_what_has_no_counterpart_is_refused_with_the_node(name: str) -> None:
    make, node, text = UNSUPPORTED[name]
    error = refusal((draft := Draft()).bytes(conv_then(make, draft)))
    assert isinstance(error, UnsupportedError)
    assert error.where == f"net.onnx: {node}"
    assert any(part in error.message for part in text.split("|")), error.message


INVALID: dict[str, tuple[Make, str, str]] = {
    "a weight that is not finite": (nan_weight, "Conv conv_1", "not finite"),
    "a huge claimed constant": (huge_constant, "ConstantOfShape constantofshape_1", "expected at most"),
    "a huge product of small ones": (huge_product, "Mul mul_1", "expected at most"),
    "a reshape that does not fit": (
        lambda d, y: d.node("Reshape", y, d.whole(1, 5, 7)), "Reshape reshape_1", "cannot work on shapes"),
    "a weight that does not fit": (
        lambda d, y: d.conv(y, 7, 3), "Conv conv_1", "cannot work on shapes"),
}  # fmt: skip


@pytest.mark.parametrize("name", INVALID)
def test_what_contradicts_itself_is_refused_with_the_node(name: str) -> None:
    make, node, text = INVALID[name]
    error = refusal((draft := Draft()).bytes(conv_then(make, draft)))
    assert isinstance(error, InputError)
    assert (error.where, text in error.message) == (f"net.onnx: {node}", True), error


def plain(**settings: object) -> tuple[Draft, str]:
    draft = Draft(**settings)
    return draft, draft.conv("x", draft.channels, 3)


def image(name: str, *shape: object, kind: int = TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


INPUTS = {
    "a free batch": ([image("x", "N", 3, 8, 8)], "--dim_param N --dim_value 1 net.onnx"),
    "a batch of two": ([image("x", 2, 3, 8, 8)], "has batch 2; expected 1"),
    "channels last": ([image("x", 1, 8, 8, 3)], "channels last"),
    "free channels": ([image("x", 1, "C", 8, 8)], "known number of channels"),
    "three axes": ([image("x", 3, 8, 8)], "3 axes"),
    "bytes": ([image("x", 1, 3, 8, 8, kind=TensorProto.UINT8)], "is UINT8"),
    "an image as large as a country": ([image("x", 1, 3, 100_000, 100_000)], "pixels"),
    "two inputs": ([image("x", 1, 3, 8, 8), image("z", 1, 3, 8, 8)], "has 2 inputs (x, z)"),
    "a sequence": ([helper.make_tensor_sequence_value_info("x", TensorProto.FLOAT, None)], "no tensor|rules"),
}


@pytest.mark.parametrize("name", INPUTS)
def test_an_input_that_is_no_single_image_is_refused(name: str) -> None:
    inputs, text = INPUTS[name]
    draft, output = plain()
    error = refusal(draft.bytes(output, inputs=inputs))
    assert error.exit_status == 2
    assert any(part in str(error) for part in text.split("|")), error


def test_several_outputs_are_refused() -> None:
    draft, output = plain()
    error = refusal(draft.bytes(output, outputs=[image(output, 1, 3, 12, 20), image("x", 1, 3, 12, 20)]))
    assert "has 2 outputs" in str(error)


@pytest.mark.parametrize("opset", [9, 10, 22, 99])
def test_an_opset_too_old_or_too_new_is_refused(opset: int) -> None:
    draft, output = plain()
    model = draft.model(output)
    model.opset_import[0].version = opset
    error = refusal(model.SerializeToString())
    assert (error.exit_status, error.where) == (6, "net.onnx")
    assert f"opset {opset}; expected 11 to 21" in str(error)
    assert "version_converter" in str(error)


def test_a_custom_domain_and_control_flow_are_refused_with_the_node() -> None:
    draft, output = plain()
    model = draft.model(output)
    model.graph.node[0].domain = "com.vendor"
    error = refusal(model.SerializeToString())
    assert (error.exit_status, error.where) == (6, "net.onnx: Conv conv_0")
    assert "com.vendor" in str(error)
    branch = helper.make_graph([helper.make_node("Identity", ["x"], ["z"])], "b", [], [image("z", 1, 3, 8, 8)])
    output = draft.node("If", draft.constant(True, bool), then_branch=branch, else_branch=branch)
    error = refusal(draft.bytes(output))
    assert (error.exit_status, error.where) == (6, "net.onnx: If if_1")
    assert "control flow" in str(error)


def test_our_own_file_has_nothing_to_fuse() -> None:
    error = refusal(codec.write(float_sr_graph()))
    assert error.exit_status == 2
    assert "nothing to fuse" in str(error)
    assert "sr2tflite ptq net.onnx" in str(error)
    assert "sr2tflite export net.onnx --int8" in str(refusal(codec.write(quantized_sr_graph())))


def test_another_tools_file_is_no_deploy_graph_and_the_hint_says_what_to_type() -> None:
    draft, output = plain()
    with pytest.raises(UnsupportedError, match=r"sr2tflite fuse net.onnx -o deploy.onnx"):
        codec.read(draft.bytes(output), "net.onnx")


def test_an_output_without_pixels_is_refused() -> None:
    draft, _ = plain()
    output = draft.node("Identity", draft.constant(np.zeros((1, 3, 4, 4))))
    assert "does not depend on the input's pixels" in str(refusal(draft.bytes(output)))
    draft = Draft()
    assert "returns its input unchanged" in str(refusal(draft.bytes(draft.node("Identity", "x"))))


def external(folder: Path, location: str, **said: int) -> bytes:
    """A file whose weight lies somewhere else; 4 bytes a value, 81 values."""
    draft, output = plain()
    model = draft.model(output)
    tensor = model.graph.initializer[0]
    onnx.external_data_helper.set_external_data(tensor, location, **said)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    (folder / "net.onnx").write_bytes(model.SerializeToString())
    return model.SerializeToString()


def test_weights_beside_the_file_are_read(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=81).astype(np.float32).tobytes()
    (tmp_path / "weights.bin").write_bytes(b"head" + values)
    data = external(tmp_path, "weights.bin", offset=4, length=324)
    graph = fuse_onnx(tmp_path / "net.onnx", data).graph
    weight = next(tensor.data for tensor in graph.tensors.values() if tensor.is_constant and tensor.data.ndim == 4)
    assert weight.transpose(0, 3, 1, 2).tobytes() == values


OUTSIDE = {
    "above": "../weights.bin",
    "absolute": "{folder}/weights.bin",
    "through a link": "link/weights.bin",
    "nowhere": "",
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_weights_outside_the_files_folder_are_not_read(name: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "weights.bin").write_bytes(bytes(324))
    os.symlink(tmp_path, home / "link")
    data = external(home, OUTSIDE[name].format(folder=home))
    error = refusal(data, home / "net.onnx")
    assert error.exit_status == 2
    assert "expected a file in the folder of the model" in str(error)
    assert "initializer c0" in str(error.where)


def test_weights_that_are_missing_or_cut_short_are_refused(tmp_path: Path) -> None:
    data = external(tmp_path, "weights.bin")
    assert "cannot read" in str(refusal(data, tmp_path / "net.onnx"))
    (tmp_path / "weights.bin").write_bytes(bytes(100))
    assert "ends after 100 of its 324 bytes" in str(refusal(data, tmp_path / "net.onnx"))
    assert "says 8 bytes" in str(refusal(external(tmp_path, "weights.bin", length=8), tmp_path / "net.onnx"))


def test_a_constant_that_claims_more_than_the_file_holds_is_refused() -> None:
    draft, output = plain()
    model = draft.model(output)
    model.graph.initializer[0].dims[:] = [2**20, 2**20, 3, 3]
    assert "holds 324 bytes" in str(refusal(model.SerializeToString()))


def test_a_damaged_file_ends_in_an_error_of_ours() -> None:
    draft = Draft()
    output = conv_then(lambda d, y: d.node("Relu", d.node("DepthToSpace", y, blocksize=2)), draft)
    data, rng = draft.bytes(output), np.random.default_rng(0)
    for cut in range(0, len(data), len(data) // 40):
        refusal(data[:cut])
    refused = 0
    for _ in range(120):
        damaged = bytearray(data)
        damaged[rng.integers(len(data))] = rng.integers(256)
        try:
            fuse_onnx(Path("net.onnx"), bytes(damaged))
        except Sr2TfliteError:
            refused += 1
    assert refused > 10  # the others hit a weight, which may be any
