from pathlib import Path

import pytest

from sr2tflite.bench.phone.benchmark_model import read
from sr2tflite.bench.phone.delegates import Delegate, delegate_of
from sr2tflite.bench.phone.op_table import OpRow
from sr2tflite.bench.phone.placed import op_times, placement
from sr2tflite.bench.result import OpTime, Placement
from sr2tflite.errors import InputError

KNOWN = {"use_xnnpack", "use_gpu", "use_nnapi", "external_delegate_path", "external_delegate_options"}


def test_flags_of_every_unit():
    library = (Path("a/libq.so"), Path("b/skel.so"))
    assert Delegate().flags(KNOWN) == {"use_xnnpack": "true"}
    assert Delegate().flags({"use_cpu"}) == {"use_cpu": "true"}
    assert Delegate().flags(set()) == {}
    assert Delegate(options={"use_xnnpack": "false"}).flags(KNOWN) == {"use_xnnpack": "false"}
    assert Delegate("gpu", options={"gpu_backend": "cl"}).flags(KNOWN) == {"use_gpu": "true", "gpu_backend": "cl"}
    assert Delegate("nnapi").flags(KNOWN) == {"use_nnapi": "true"}
    assert Delegate("external", library).flags(KNOWN) == {"external_delegate_path": "./libq.so"}
    assert Delegate("external", library, {"backend": "htp", "x": "1"}).flags(KNOWN) == {
        "external_delegate_path": "./libq.so", "external_delegate_options": "backend:htp,x:1",
    }  # fmt: skip


def test_the_processor_s_kernels_are_xnnpack_s_where_the_tool_has_it_and_it_is_not_switched_off():
    assert Delegate().runs_xnnpack(KNOWN)
    assert not Delegate().runs_xnnpack({"graph"})
    assert not Delegate(options={"use_xnnpack": "false"}).runs_xnnpack(KNOWN)


SO = (Path("x.so"),)
WRONG = {
    "unit": (("npu", (), ()), "no delegate 'npu'; expected cpu, gpu, nnapi, external"),
    "no library": (("external", (), ()), "external without a library"),
    "a library too many": (("gpu", SO, ()), "gpu takes no library"),
    "two of one name": (("external", (Path("a/x.so"), Path("b/x.so")), ()), "two libraries of one name"),
    "an odd name": (("external", (Path("-rf x.so"),), ()), "is no name for a library"),
    "no value": (("gpu", (), ("a",)), "'a' is no option; expected KEY=VALUE"),
    "no key": (("gpu", (), ("=a",)), "'=a' is no option"),
    "dashes": (("gpu", (), ("--a=b",)), "'--a=b' is no option"),
    "a comma": (("external", SO, ("a=b,c",)), "without ',' and ':'"),
}


@pytest.mark.parametrize(("words", "message"), WRONG.values(), ids=WRONG)
def test_words_that_do_not_fit_together_are_refused(words, message):
    with pytest.raises(InputError, match=message.replace("(", r"\(")):
        delegate_of(*words)


def test_an_option_may_hold_an_equals_sign():
    assert delegate_of("gpu", (), ("a=b=c", "d=")).options == {"a": "b=c", "d": ""}


def replaced(nodes, of, name, partitions):
    return f"VERBOSE: Replacing {nodes} out of {of} node(s) with delegate ({name}) node, yielding {partitions} partitions for subgraph 0.\n"  # noqa: E501


XNNPACK, GPU = "TfLiteXNNPackDelegate", "TfLiteGpuDelegateV2"
CREATED = "INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n"
NOT = "INFO: Though GPU delegate is explicitly applied, the model graph will not be executed by the delegate.\n"
WHOLE = "INFO: Explicitly applied GPU delegate, and the model graph will be completely executed by the delegate.\n"
PART = (
    "INFO: Explicitly applied GPU delegate, and the model graph will be partially executed by the delegate "
    "w/ 3 delegate kernels.\n"
)

PLACED = {
    "all on xnnpack": (("cpu", replaced(6, 6, XNNPACK, 1)), Placement("xnnpack", "xnnpack", 6, 6, 1, ())),
    "applied again after the size": (
        ("cpu", replaced(4, 6, XNNPACK, 2) + replaced(5, 6, XNNPACK, 2)),
        Placement("xnnpack", "xnnpack", 6, 5, 2, ()),
    ),
    "xnnpack made, no more said": (("cpu", CREATED), Placement("xnnpack", "xnnpack", 6, None, None, ())),
    "nothing said": (("cpu", ""), Placement("xnnpack", None, 6, None, None, ())),
    "xnnpack took nothing": (
        ("cpu", replaced(0, 6, XNNPACK, 0)),
        Placement("xnnpack", "builtin", 6, 0, 0, (), fell_back=True),
    ),
    "gpu, all": (("gpu", replaced(6, 6, GPU, 1) + WHOLE), Placement("gpu", "gpu", 6, 6, 1, ())),
    "gpu, all, by its word": (("gpu", WHOLE), Placement("gpu", "gpu", 6, 6, None, ())),
    "gpu, a part, the rest on xnnpack": (
        ("gpu", replaced(4, 6, GPU, 3) + PART + replaced(2, 6, XNNPACK, 2)),
        Placement("gpu", "gpu", 6, 4, 3, ()),
    ),
    "gpu, a part, by its word": (("gpu", PART), Placement("gpu", "gpu", 6, None, 3, ())),
    "gpu declines, xnnpack runs it": (
        ("gpu", NOT + replaced(6, 6, XNNPACK, 1)),
        Placement("gpu", "xnnpack", 6, 0, 0, (), fell_back=True),
    ),
    "gpu declines": (("gpu", NOT), Placement("gpu", "cpu", 6, 0, 0, (), fell_back=True)),
    "gpu, nothing said": (("gpu", CREATED), Placement("gpu", None, 6, None, None, ())),
    "external": (("external", replaced(6, 6, "QnnDelegate", 1)), Placement("external", "external", 6, 6, 1, ())),
}


@pytest.mark.parametrize(("told", "expected"), PLACED.values(), ids=PLACED)
def test_what_was_asked_for_against_what_was_obtained(told, expected):
    unit, text = told
    libraries = SO if unit == "external" else ()
    assert placement(Delegate(unit, libraries), read(text), 6, is_xnnpack=True) == expected


def test_a_tool_without_xnnpack_runs_builtin_kernels_and_has_not_fallen_back():
    found = placement(Delegate(), read(""), 2, is_xnnpack=False, rows=(row("ADD"), row("RELU")))
    assert found == Placement("builtin", "builtin", 2, 0, 0, ("ADD", "RELU"))


def row(kind, section="runs", name="[t]", ms=1.0):
    return OpRow(section, 0, kind, name, 0, ms, ms, 10.0, 0.0, 1)


def test_the_ops_inside_a_delegate_stand_for_its_node():
    rows = (
        row("ADD", "initialization"), row(XNNPACK, ms=5.0), row("RELU"),
        row("Convolution (NHWC, QC8)", "delegate", ms=4.0),
    )  # fmt: skip
    assert op_times(rows) == (
        OpTime("RELU", None, 1.0, "[t]"), OpTime("Convolution (NHWC, QC8)", XNNPACK, 4.0, "[t]"),
    )  # fmt: skip
    assert op_times(rows[:3]) == (OpTime(XNNPACK, XNNPACK, 5.0, "[t]"), OpTime("RELU", None, 1.0, "[t]"))
    found = placement(Delegate(), read(replaced(1, 2, XNNPACK, 1)), 2, is_xnnpack=True, rows=rows)
    assert found.outside == ("RELU",)
