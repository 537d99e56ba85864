import numpy as np
import pytest
from kit.changed import with_custom_op
from kit.graphs import float_sr_graph, quantized_sr_graph

from sr2tflite.bench.flex import refuse_flex
from sr2tflite.bench.phone import passes
from sr2tflite.bench.phone.delegates import Delegate
from sr2tflite.bench.phone.models import prepared
from sr2tflite.bench.phone.output import compared, judge, output_of
from sr2tflite.bench.phone.plan import PhonePlan
from sr2tflite.bench.result import OutputCheck
from sr2tflite.errors import DeviceError, InputError, UnsupportedError, VerificationError
from sr2tflite.export import direct
from sr2tflite.graph.tflite import write
from sr2tflite.runtime import LiteRT

KNOWN = {
    "graph", "num_threads", "num_runs", "min_secs", "max_secs", "warmup_runs", "warmup_min_secs", "input_layer",
    "input_layer_shape", "input_layer_value_files", "output_filepath", "use_xnnpack", "report_peak_memory_footprint",
    "enable_op_profiling",
}  # fmt: skip


@pytest.fixture
def files(tmp_path):
    """An int8 file of free shape, one of a fixed, one with float ends, and a float one."""
    made = {
        "free": direct.prepare(quantized_sr_graph(), height=None, width=None, io="int8"),
        "fixed": direct.prepare(quantized_sr_graph(), height=12, width=16, io="int8"),
        "ends": direct.prepare(quantized_sr_graph(), height=None, width=None, io="float32"),
        "float": float_sr_graph(),
    }
    for name, graph in made.items():
        (tmp_path / f"{name}.tflite").write_bytes(write(graph))
    return {name: tmp_path / f"{name}.tflite" for name in made}


def test_a_file_comes_with_its_input_and_what_litert_makes_of_it_here(files):
    free, fixed, ends, floats = prepared(list(files.values()), (10, 14))
    assert [one.x.shape for one in (free, fixed)] == [(1, 10, 14, 3), (1, 12, 16, 3)]
    assert [one.is_free for one in (free, fixed)] == [True, False]
    assert [one.is_integer for one in (free, fixed, ends, floats)] == [True, True, True, False]
    np.testing.assert_array_equal(free.y, LiteRT(files["free"]).run(free.x))
    assert len(np.unique(free.x)) > 100
    assert (free.input.dtype, free.output.shape[:1]) == ("int8", (1,))


def test_equal_names_are_told_apart(files):
    assert [one.name for one in prepared([files["free"], files["free"]], (8, 8))] == ["free.tflite", "free.tflite (2)"]


def test_a_file_with_flex_ops_is_refused_by_its_node(tmp_path):
    path = tmp_path / "flex.tflite"
    path.write_bytes(with_custom_op(quantized_sr_graph(), "FlexErf"))
    with pytest.raises(UnsupportedError, match="FlexErf is TensorFlow's own op") as caught:
        prepared([path], (8, 8))
    assert (caught.value.exit_status, caught.value.where) == (6, f"{path}: op 0")
    with pytest.raises(UnsupportedError):
        refuse_flex(path.read_bytes(), "x")
    refuse_flex(with_custom_op(quantized_sr_graph(), "MyFlexible"), "x")  # another's op is not Flex's


def test_what_is_no_model_is_refused(tmp_path):
    path = tmp_path / "text.tflite"
    path.write_text("no model")
    with pytest.raises(InputError):
        prepared([path], (8, 8))


def test_equal_bytes_are_an_identical_output():
    y = np.arange(24, dtype=np.int8).reshape(1, 2, 4, 3)
    assert compared(y.copy(), y, "xnnpack") == OutputCheck(24, 0, 0.0, None, "xnnpack")


def test_steps_and_psnr_of_an_output_that_differs():
    y = np.zeros((1, 2, 2, 3), np.int8)
    other = y.copy()
    other[0, 0, 0] = (1, -3, 0)
    found = compared(other, y, "builtin")
    assert (found.values, found.differing, found.max_lsb, found.against) == (12, 2, 3.0, "builtin")
    assert found.psnr == pytest.approx(10 * np.log10(255**2 / (10 / 12)))
    ends = compared(np.full(4, 127, np.int8), np.full(4, -128, np.int8), "xnnpack")
    assert (ends.max_lsb, ends.psnr) == (255.0, 0.0)


def test_floats_of_either_range_have_a_psnr_and_no_steps():
    small, large = np.full(4, 0.5, np.float32), np.full(4, 200, np.float32)
    assert compared(small + np.float32(0.1), small, "xnnpack").psnr == pytest.approx(20, abs=1e-3)
    found = compared(large + np.float32(25.5), large, "xnnpack")
    assert (found.psnr, found.max_lsb) == (pytest.approx(20, abs=1e-3), None)


def test_floats_are_compared_by_their_bytes_and_nonsense_has_no_psnr():
    zero, y = np.array([0.0, 1.0], np.float32), np.array([-0.0, 1.0], np.float32)
    assert compared(zero, y, "xnnpack").differing == 1
    nan = np.array([np.nan, 1.0], np.float32)
    assert compared(nan, nan, "xnnpack").differing == 0
    assert compared(nan, y, "xnnpack") == OutputCheck(2, 1, None, None, "xnnpack")


def test_a_processor_that_answers_otherwise_is_a_failed_verification(files):
    (model,) = prepared([files["free"]], (8, 8))
    check = OutputCheck(100, 7, 2.0, 40.0, "xnnpack")
    judge(check, model, "abc", must_equal=False)
    judge(OutputCheck(100, 0, 0.0, None), model, "abc", must_equal=True)
    with pytest.raises(VerificationError, match="7 of 100 values differ, by at most 2 LSB") as caught:
        judge(check, model, "abc", must_equal=True)
    assert caught.value.exit_status == 5
    assert "--no-check-output" in caught.value.hint


def test_an_output_of_another_length_is_a_failed_verification(files):
    (model,) = prepared([files["free"]], (8, 8))
    np.testing.assert_array_equal(output_of(model.y.tobytes(), model, "abc"), model.y)
    with pytest.raises(VerificationError, match="the phone wrote 5 bytes; expected"):
        output_of(b"12345", model, "abc")


def test_the_timed_pass_asks_for_what_was_planned(files):
    (model,) = prepared([files["free"]], (8, 10))
    plan = PhonePlan(runs=7, warmup=3, seconds=0.5, limit_s=90)
    flags = passes.timed("m0", model, plan, 2, KNOWN)
    assert flags == {
        "graph": "m0.tflite", "num_threads": "2", "use_xnnpack": "true", "input_layer": model.input_name,
        "input_layer_shape": "1,8,10,3", "input_layer_value_files": f"{model.input_name}:m0.bin", "num_runs": "7",
        "min_secs": "0.5", "warmup_runs": "4", "warmup_min_secs": "0.5", "max_secs": "90",
    }  # fmt: skip


def test_other_passes_are_short_and_each_has_its_switch(files):
    (model,) = prepared([files["free"]], (8, 10))
    given = ("m0", model, PhonePlan(), 1, KNOWN)
    assert passes.output(*given)["output_filepath"] == passes.OUT
    assert passes.memory(*given)["report_peak_memory_footprint"] == "true"
    assert passes.profile(*given)["enable_op_profiling"] == "true"
    for one in (passes.output, passes.memory, passes.profile):
        assert (one(*given)["min_secs"], int(one(*given)["num_runs"]) <= passes.FEW) == ("0", True)
        assert one(*given[:4], {"graph"} | {"input_layer", "input_layer_shape"}) is None


def test_a_name_that_the_tool_s_lists_cannot_hold_is_replaced(files):
    (model,) = prepared([files["free"]], (8, 10))
    object.__setattr__(model, "input_name", "serving_default_x:0")
    flags = passes.timed("m0", model, PhonePlan(), 1, KNOWN)
    assert (flags["input_layer"], flags["input_layer_value_files"]) == ("input", "input:m0.bin")


def test_a_tool_that_cannot_set_a_size_is_refused_for_free_shapes_only(files):
    free, fixed = prepared([files["free"], files["fixed"]], (8, 10))
    known = {"graph", "num_threads", "num_runs"}
    assert "input_layer" not in passes.timed("m0", fixed, PhonePlan(), 1, known)
    with pytest.raises(DeviceError, match="cannot set the size of a free-shape file"):
        passes.timed("m0", free, PhonePlan(), 1, known)


def test_a_delegate_s_flags_are_in_every_pass(files):
    (model,) = prepared([files["free"]], (8, 10))
    plan = PhonePlan(delegate=Delegate("gpu", options={"gpu_backend": "gl"}))
    for one in (passes.timed, passes.output, passes.memory, passes.profile):
        flags = one("m0", model, plan, 1, KNOWN)
        assert (flags["use_gpu"], flags["gpu_backend"]) == ("true", "gl")
