import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from kit.students import randomized, scales, small

from sr2tflite.commands.export import export
from sr2tflite.commands.ptq import ptq
from sr2tflite.data.images import write_image
from sr2tflite.evaluate.runners import open_runner
from sr2tflite.files import read_bytes, write_bytes
from sr2tflite.fuse import Fused, fuse_module
from sr2tflite.graph import onnx, ops
from sr2tflite.graph.multiples import size_multiple
from sr2tflite.networks.students import STUDENTS, Student
from sr2tflite.quant.view import QuantizedView

DEPLOYED = {"CONV_2D", "ADD", "CONCATENATION", "DEPTH_TO_SPACE", "PRELU", "LEAKY_RELU", "RELU_0_TO_1"}
"""What students fuse to: nothing that moves data but DEPTH_TO_SPACE, nothing left of their branches."""

GATED = {"efm": {"LOGISTIC", "MUL"}}
"""And the gates of some."""

INSIDE = {"efm": {1: 2}, "edsr_baseline": {2: 1, 3: 1, 4: 2}, "rdn": {2: 1, 3: 1, 4: 2}, "srresnet": {2: 2, 3: 2, 4: 3}}
"""DEPTH_TO_SPACE by scale, of those that enlarge features: one a step, and one for the image where it is added."""

A_BLOCK = {"efm": 3, "edsr_baseline": 2, "rdn": 8, "srresnet": 2}
"""Convolutions larger than 1×1 that a block fuses to, where an activation lies between them."""

FEWER = {"rdn": {"depth": 1}}
"""Of a network whose 128 dense layers calibrate for many minutes: as wide as published, one block of sixteen."""

every_student = pytest.mark.parametrize("name", STUDENTS.names())
at_every_scale = pytest.mark.parametrize(
    ("name", "scale"), [(name, scale) for name in STUDENTS.names() for scale in scales(name)]
)


@at_every_scale
def test_a_student_enlarges_by_its_scale(name: str, scale: int) -> None:
    module = small(name, scale).build().eval()
    with torch.no_grad():
        height, width = (size * STUDENTS[name].multiple for size in (5, 8))
        assert module(torch.rand(2, 3, height, width)).shape == (2, 3, height * scale, width * scale)


@every_student
def test_the_name_the_file_and_the_registered_name_are_one_word(name: str) -> None:
    assert STUDENTS[name].__module__.endswith(f".{name}")


@every_student
def test_every_setting_of_a_student_is_documented(name: str) -> None:
    fields = STUDENTS[name].model_fields
    assert [key for key, field in fields.items() if not field.description] == []


@at_every_scale
def test_the_shapes_of_a_state_dict_give_its_settings_back(name: str, scale: int) -> None:
    student = small(name, scale)
    shapes = [tuple(value.shape) for value in student.build().state_dict().values()]
    told = STUDENTS[name].settings_from(shapes)
    assert told is not None
    assert STUDENTS.parse({"name": name, "scale": scale, **told})[1] == student


def _fused(student: Student, name: str) -> Fused:
    return fuse_module(randomized(student), value_range=student.value_range, source=name)


@pytest.fixture(scope="module")
def fused() -> Callable[[str, int], Fused]:
    """Small students with random weights, each fused once."""
    done: dict[Any, Fused] = {}

    def of(name: str, scale: int) -> Fused:
        if (name, scale) not in done:
            done[name, scale] = _fused(small(name, scale), name)
        return done[name, scale]

    return of


@at_every_scale
def test_a_fused_student_is_the_student(name: str, scale: int, fused: Callable[[str, int], Fused]) -> None:
    result = fused(name, scale)
    assert result.graph.scale_factor == scale
    exact = [check for check in result.certificate.checks if check.dtype == "float64"]
    rough = [check for check in result.certificate.checks if check.dtype == "float32"]
    assert exact
    assert max(check.largest_delta / check.value_range for check in exact) <= 1e-9
    assert rough
    assert all(check.passed for check in rough)


@at_every_scale
def test_a_fused_student_holds_nothing_but_what_phones_run(
    name: str, scale: int, fused: Callable[[str, int], Fused]
) -> None:
    counts = fused(name, scale).graph.counts()
    assert set(counts) <= DEPLOYED | GATED.get(name, set())
    assert counts["DEPTH_TO_SPACE"] == INSIDE.get(name, {}).get(scale, 1)


@every_student
def test_a_block_more_is_as_many_convolutions_more_as_it_fuses_to(
    name: str, fused: Callable[[str, int], Fused]
) -> None:
    # a 1×1 that cannot join the 3×3 behind it, as in XLSR, or that joins a block, as in RDN, may stand beside it
    scale = scales(name)[len(scales(name)) // 2]
    deeper = small(name, scale).model_copy(update={"depth": 2})
    before, after = (_kernels(result) for result in (fused(name, scale), _fused(deeper, name)))
    more = [size for size in after if size > (1, 1)]
    assert len(more) - len([size for size in before if size > (1, 1)]) == A_BLOCK.get(name, 1)
    assert len(after) - len(before) <= A_BLOCK.get(name, 1) + 1


def _kernels(result: Fused) -> list[tuple[int, ...]]:
    """Height and width of every convolution."""
    graph = result.graph
    return [tuple(graph.tensors[node.inputs[1]].shape[1:3]) for node in graph.nodes if isinstance(node.op, ops.Conv2D)]


def _road(result: Fused, folder: Path) -> int:
    """Bytes that differ between the training forward and the file, on an image of odd sizes where it takes such."""
    scale = result.graph.scale_factor
    write_bytes(folder / "deploy.onnx", onnx.write(result.graph))
    generator = np.random.default_rng(scale)
    for number in range(2):
        picture = generator.integers(0, 256, (6, 7, 3)).repeat(4 * scale, 0).repeat(4 * scale, 1)
        write_image(folder / f"{number}.png", picture.astype(np.uint8))
    ptq(folder / "deploy.onnx", [folder / "0.png", folder / "1.png"], folder / "ptq.onnx")
    export(folder / "ptq.onnx", folder / "free.tflite", free_shape=True)
    view = QuantizedView.from_quantized(onnx.read(read_bytes(folder / "ptq.onnx"), "ptq.onnx"))
    sizes = [size + -size % size_multiple(result.graph) for size in (19, 23)]
    image = generator.integers(0, 256, (*sizes, 3)).astype(np.uint8)
    trained, written = view.upscale(image), open_runner(folder / "free.tflite")(image)
    assert written.std() > 0
    assert trained.size == sizes[0] * sizes[1] * 3 * scale**2
    return int(np.count_nonzero(trained != written))


@at_every_scale
def test_what_is_trained_is_what_the_file_computes(
    name: str, scale: int, fused: Callable[[str, int], Fused], tmp_path: Path
) -> None:
    assert _road(fused(name, scale), tmp_path) == 0


@pytest.mark.slow
@at_every_scale
def test_a_student_of_its_published_size_goes_the_whole_road(name: str, scale: int, tmp_path: Path) -> None:
    student = STUDENTS.parse({"name": name, "scale": scale, **FEWER.get(name, {})})[1]
    start = time.process_time()
    result = _fused(student, name)
    assert time.process_time() - start < 12  # a tenth of that on an idle machine
    assert _road(result, tmp_path) == 0
