"""LiteRT's profiler tells which ops ran, where this release lets it be asked."""

import ctypes

import pytest

from sr2tflite.bench import litert_c, opprof
from sr2tflite.bench.litert_c import Event, NoProfiler, ProfiledModel


def job(path, **other):
    return {"model": str(path), "size": (8, 10), "resize": False, "threads": 1, **other}


@pytest.fixture(autouse=True)
def _profiler():
    try:
        litert_c.library()
    except NoProfiler as why:
        pytest.skip(str(why))


def ops_of(found):
    assert "unknown" not in found
    return [(one["op"].split(" (")[0], one["delegate"]) for one in found["ops"]]


def test_ops_come_in_the_order_of_the_file_with_the_kernel_that_ran_them(model):
    found = opprof.profile(job(model("m.tflite", 8, 10, relu=True)))
    assert ops_of(found) == [("Add", "xnnpack"), ("RELU", None), ("Depth To Space", "xnnpack")]


def test_free_and_forced_sizes_are_profiled_at_the_size_asked_for(model):
    for path, resize in ((model("free.tflite"), False), (model("fixed.tflite", 20, 30), True)):
        assert ops_of(opprof.profile(job(path, resize=resize))) == [("Add", "xnnpack"), ("Depth To Space", "xnnpack")]
        assert ProfiledModel(path, (8, 10), 1).shape == (1, 8, 10, 12)


def test_a_fixed_file_is_profiled_at_its_own_size(model):
    assert ProfiledModel(model("fixed.tflite", 20, 30), None, 2).shape == (1, 20, 30, 12)


def test_a_release_without_a_symbol_is_unknown_and_says_which(model, monkeypatch):
    monkeypatch.setattr(litert_c, "NEEDED", ("LiteRtSomethingElse",))
    found = opprof.profile(job(model("m.tflite")))
    assert found == {"unknown": "no op times: LiteRT's profiler cannot be used: it has no LiteRtSomethingElse"}


def test_a_call_that_fails_is_unknown_and_says_which(model, monkeypatch):
    monkeypatch.setattr(litert_c, "CPU", 1 << 20)
    found = opprof.profile(job(model("m.tflite")))
    assert "LiteRtSetOptionsHardwareAccelerators answers with status" in found["unknown"]


TOLD = {
    "longer than the clock": [Event(b"ADD", 2, 0, 10**9)],
    "nothing": [],
}


@pytest.mark.parametrize("events", TOLD.values(), ids=TOLD)
def test_nonsense_from_the_profiler_is_unknown(model, monkeypatch, events):
    monkeypatch.setattr(ProfiledModel, "events", lambda _: events)
    assert set(opprof.profile(job(model("m.tflite")))) == {"unknown"}


def test_events_of_the_whole_run_are_no_ops(model, monkeypatch):
    events = [Event(b"invoke", 16), Event(b"ADD", 2), Event(b"Invoke", 32, 0, 2**32), Event(b"Conv", 8)]
    monkeypatch.setattr(ProfiledModel, "events", lambda _: events)
    assert ops_of(opprof.profile(job(model("m.tflite")))) == [("ADD", None), ("Conv", "xnnpack")]


def test_an_event_is_laid_out_as_litert_has_it():
    """``ProfiledEventData``: pointer, enum, two times, twice three sizes, two numbers, enum; 8-byte words."""
    assert ctypes.sizeof(Event) == 13 * 8
    assert (Event.elapsed_us.offset, Event.node.offset, Event.source.offset) == (24, 80, 96)
