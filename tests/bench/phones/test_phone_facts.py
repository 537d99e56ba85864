import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sr2tflite.bench.phone.cpu_groups import (
    Core,
    big_mask,
    checked_mask,
    cores_of,
    groups_of,
    mask_of,
    numbers_of,
    parts_of,
)
from sr2tflite.bench.phone.dumpsys import Battery, Temperature, Thermal, battery, thermal
from sr2tflite.bench.phone.facts import hashed, phone_facts
from sr2tflite.bench.phone.sections import QUESTIONS, STATE, answers, script
from sr2tflite.bench.phone.state import effective_mhz, phone_state
from sr2tflite.errors import InputError

PROPERTIES = """[ro.product.manufacturer]: [Maker]
[ro.product.model]: [Model 5]
[ro.product.device]: [five]
[ro.board.platform]: [board5]
[ro.hardware]: [hw5]
[ro.product.cpu.abilist]: [arm64-v8a,armeabi-v7a,armeabi]
[ro.build.version.release]: [13]
[ro.build.version.sdk]: [33]
[ro.serialno]: [SECRET123]
[ro.odd]: [two
lines]
[ro.build.type]: [user]
"""


def cpus(*cores):
    lines = []
    for number, (most, limit, capacity) in enumerate(cores):
        lines += [f"{number} cpufreq/cpuinfo_max_freq {most}", f"{number} cpufreq/scaling_max_freq {limit}"]
        lines += [f"{number} cpufreq/scaling_cur_freq {most}", f"{number} cpufreq/scaling_governor walt"]
        lines += [f"{number} cpu_capacity {capacity}", f"{number} online"]
    return "\n".join(lines) + "\n"


CPUINFO = """processor\t: 0
Features\t: fp asimd fphp asimdhp asimddp
CPU implementer\t: 0x41
CPU part\t: 0xd05

processor\t: 1
Features\t: fp asimd fphp asimdhp asimddp i8mm
CPU implementer\t: 0x41
CPU part\t: 0xd41

processor\t: 2
Features\t: fp asimd fphp asimdhp asimddp
CPU implementer\t: 0x51
CPU part\t: 0x804
"""
BATTERY = """Current Battery Service state:
  AC powered: false
  USB powered: true
  Wireless powered: false
  level: 43
  scale: 50
  temperature: 291
"""
THERMAL = """IsStatusOverride: false
Thermal Status: 1
Cached temperatures:
	Temperature{mValue=99.0, mType=3, mName=SKIN, mStatus=4}
HAL Ready: true
Current temperatures from HAL:
	Temperature{mValue=36.25, mType=3, mName=SKIN, mStatus=1}
	Temperature{mValue=61.0, mType=0, mName=CPU0, mStatus=0}
	Temperature{mValue=0.0, mType=1, mName=GPU, mStatus=0}
	Temperature{mValue=-99.9, mType=6, mName=PA, mStatus=0}
	Temperature{mValue=nan, mType=9, mName=NPU, mStatus=0}
Current cooling devices from HAL:
	CoolingDevice{mValue=3, mType=2, mName=cpu}
"""


def sections(**told):
    return answers("".join(f"\n@@{name}\n{text}\n" for name, text in told.items()))


def test_one_script_asks_everything_and_its_answers_part_again():
    text = script()
    assert text.count("@@") == len(QUESTIONS)
    assert all(f"@@{name};" in text for name in QUESTIONS)
    assert [name for name in QUESTIONS if f"@@{name};" in script(STATE)] == [n for n in QUESTIONS if n in STATE]
    found = answers("noise\n\n@@kernel\n5.10 aarch64\n\n@@memory\n\n")
    assert found["kernel"].strip() == "5.10 aarch64"
    assert (found["memory"].strip(), found["battery"]) == ("", "")


def test_facts_of_a_phone():
    told = sections(
        properties=PROPERTIES, kernel="5.10.1-android aarch64", cpuinfo=CPUINFO, memory="MemTotal:  7800000 kB",
        cpus=cpus((1800000, 1800000, 250), (2400000, 2400000, 800), (2800000, 2800000, 1024)),
        storage="Filesystem 1K-blocks Used Available Use% Mounted on\n/dev/block/dm-5 100 40 60 40% /data",
        tools="/system/bin/taskset\n/system/bin/timeout", gpu="GLES: ARM, Mali-G57 MC2, OpenGL ES 3.2 v1",
    )  # fmt: skip
    found = phone_facts(told, "36.0.0")
    assert found.abis == ("arm64-v8a", "armeabi-v7a", "armeabi")
    assert (found.free_kib, found.tools) == (60, {"taskset", "timeout"})
    facts = found.facts
    assert (facts["manufacturer"], facts["model"], facts["soc"]) == ("Maker", "Model 5", "board5")
    assert (facts["android"], facts["sdk"], facts["memory_mib"], facts["adb"]) == ("13", 33, 7617, "36.0.0")
    assert (facts["kernel"], facts["gpu"]) == ("5.10.1-android aarch64", "ARM, Mali-G57 MC2, OpenGL ES 3.2 v1")
    assert facts["core_groups"] == "1× Cortex-A55 1800 MHz + 1× Cortex-A78 2400 MHz + 1× 0x51/0x804 2800 MHz"
    assert facts["features"] == "asimddp asimdhp fphp"
    assert facts["fingerprint"] is None
    device = found.device("usb-serial")
    assert (device.kind, device.name) == ("android", "Maker Model 5 (board5)")
    assert device.serial_hash == hashed("SECRET123")
    assert "SECRET123" not in json.dumps({**device.facts, "name": device.name, "hash": device.serial_hash})


def test_a_phone_that_tells_nothing_has_unknown_facts():
    found = phone_facts(sections(), "36")
    assert {key for key, value in found.facts.items() if value is not None} == {"adb"}
    assert (found.abis, found.free_kib, found.cores, found.tools) == ((), None, (), frozenset())
    state = phone_state(sections()).public()
    assert all(value in (None, {}) for value in vars(state).values())
    assert phone_state(sections()).felt_c is None


def test_the_best_known_name_of_the_soc_is_taken():
    def soc(**told):
        return phone_facts(sections(properties="".join(f"[{k}]: [{v}]\n" for k, v in told.items())), "").facts["soc"]

    assert soc(**{"ro.hardware": "hw", "ro.mediatek.platform": "MT6983"}) == "MT6983"
    assert soc(**{"ro.mediatek.platform": "MT6983", "ro.soc.model": "MT6983Z"}) == "MT6983Z"
    assert soc(**{"ro.soc.model": " ", "ro.hardware": "hw"}) == "hw"


def test_df_of_a_long_device_name_goes_over_two_lines():
    text = "Filesystem 1K-blocks Used Available Use% Mounted on\n/dev/block/a/very/long/name\n  900 300 600 34% /data"
    assert phone_facts(sections(storage=text), "").free_kib == 600
    assert phone_facts(sections(storage="df: no"), "").free_kib is None


def test_only_the_block_that_the_hal_filled_counts_and_only_fitted_sensors():
    found = thermal(THERMAL)
    assert found == Thermal(1, (Temperature("SKIN", 3, 36.25), Temperature("CPU0", 0, 61.0)))
    assert thermal("Can't find service: thermalservice") == Thermal()
    cached = THERMAL.partition("HAL Ready")[0]
    assert thermal(cached) == Thermal(1, ())


@pytest.mark.parametrize(
    ("name", "kind", "is_felt"),
    [
        ("SKIN", 3, True),
        ("TYPE_SKIN", 4, True),
        ("battery", 2, True),
        ("TYPE_BATTERY", 3, True),
        ("quiet_therm", 3, True),
        ("CPU3", 0, False),
        ("TYPE_CPU", 3, False),
        ("AP", 0, False),
        ("TYPE_USB_PORT", 3, False),
    ],
)
def test_skin_and_battery_are_known_by_name_also_in_the_older_numbering(name, kind, is_felt):
    assert Temperature(name, kind, 30.0).can_be_felt is is_felt


def test_the_battery_tells_tenths_and_its_own_scale():
    assert battery(BATTERY) == Battery(86.0, 29.1, True)
    assert battery(BATTERY.replace("USB powered: true", "USB powered: false")).charging is False
    assert battery("") == Battery()
    assert battery("  level: 87\n  temperature: odd").percent == 87


def test_the_state_between_rounds():
    found = phone_state(
        sections(
            cpus=cpus((1800000, 1700000, 250)), thermal=THERMAL, battery=BATTERY, load="1.25 0.9 0.8 2/900 1",
            memory="MemFree: 1 kB\nMemAvailable:  2048000 kB", pressure="some avg10=3.50 avg60=1 avg300=0 total=5",
            zones="cpu-0 45000\ncpu-0 47000\nodd\nskin 0\nsoc x", power="mWakefulness=Asleep", low_power="1",
        )
    )  # fmt: skip
    state = found.public()
    assert state.temperatures_c == {"cpu-0": 45.0, "cpu-0#2": 47.0, "SKIN": 36.25, "CPU0": 61.0}
    assert (state.thermal_status, state.battery_percent, state.battery_c, state.charging) == (1, 86.0, 29.1, True)
    assert (state.clocks_mhz, state.clock_limits_mhz) == ({"cpu0": 1800.0}, {"cpu0": 1700.0})
    assert (state.governor, state.load, state.pressure, state.free_memory_mib) == ("walt", 1.25, 3.5, 2000.0)
    assert (state.screen_on, state.power_save, found.felt_c) == (False, True, 36.25)


def test_the_effective_clock_weighs_every_clock_by_its_time():
    before, after = (phone_state(sections(ticks=text)) for text in (
        "0 1000000 100 2000000 50\n1 500000 9", "0 1000000 110 2000000 80\n1 500000 9",
    ))  # fmt: skip
    assert effective_mhz(before, after) == {"cpu0": (10 * 1000 + 30 * 2000) / 40}
    assert effective_mhz(phone_state(sections()), after) == {}
    assert effective_mhz(after, before) == {}


def cores(*speeds, capacities=None):
    capacities = capacities or [None] * len(speeds)
    return [
        Core(number, *pair[:1], capacity=pair[1]) for number, pair in enumerate(zip(speeds, capacities, strict=True))
    ]


@pytest.mark.parametrize(
    ("told", "threads", "mask"),
    [
        (cores(*[1800000] * 4, *[2400000] * 4), 1, "f0"),
        (cores(*[1800000] * 4, *[2400000] * 3, 2800000), 1, "80"),
        (cores(*[1800000] * 4, *[2400000] * 3, 2800000), 2, "f0"),
        (cores(*[1800000] * 4, *[2400000] * 3, 2800000), 5, "ff"),
        (cores(2400000, 2400000, 1800000, 1800000), 2, "3"),
        (cores(*[1800000] * 8), 1, None),
        (cores(None, None), 1, None),
        ([], 1, None),
        (cores(2000000, 2000000, capacities=[400, 1024]), 1, "2"),
    ],
)
def test_the_mask_holds_the_fastest_group_and_slower_ones_as_needed(told, threads, mask):
    assert big_mask(told, {}, threads) == mask


def test_processors_that_are_off_are_not_in_the_mask():
    told = [*cores(1800000, 1800000), Core(2, 2800000, is_online=False), Core(3, 2800000)]
    assert big_mask(told, {}, 1) == "8"


def test_equal_clocks_of_different_parts_are_different_groups():
    found = groups_of(cores(2000000, 2000000), {0: "Cortex-A55", 1: "Cortex-A76"})
    assert [str(one) for one in found] == ["1× Cortex-A55 2000 MHz", "1× Cortex-A76 2000 MHz"]


@given(st.lists(st.integers(0, 3), min_size=1, max_size=12), st.integers(1, 12))
def test_a_mask_has_room_for_every_thread_and_never_a_slower_core_before_a_faster_one(levels, threads):
    told = cores(*((level + 1) * 500000 for level in levels))
    mask = big_mask(told, {}, threads)
    if mask is None:
        assert len(set(levels)) == 1
        return
    chosen = {core.number for core in told if int(mask, 16) >> core.number & 1}
    assert int(mask, 16) >> len(levels) == 0
    assert len(chosen) >= min(threads, len(levels))
    slowest = min(levels[number] for number in chosen)
    assert chosen == {number for number, level in enumerate(levels) if level >= slowest}
    assert sum(1 for number in chosen if levels[number] > slowest) < threads


def test_masks_that_someone_types_are_checked():
    told = cores(1, 1, 1, 1)
    assert checked_mask("0C", told, "") == "c"
    assert checked_mask("ff", [], "") == "ff"
    assert mask_of([4, 5, 6, 7]) == "f0"
    for wrong in ("", "xyz", "0", "-1"):
        with pytest.raises(InputError, match="no mask"):
            checked_mask(wrong, told, "")


def test_processors_that_a_phone_does_not_have_are_told_as_they_are_typed():
    with pytest.raises(InputError, match="the phone has no processor 4,6-7; expected some of 0-3") as caught:
        checked_mask(mask_of([1, 4, 6, 7]), cores(1, 1, 1, 1), "")
    assert caught.value.hint == "--cpus 0-3"


@given(st.sets(st.integers(0, 70), min_size=1))
def test_a_mask_names_the_processors_that_it_was_made_of(numbers):
    assert numbers_of(mask_of(sorted(numbers))) == numbers


def test_sysfs_that_is_denied_leaves_cores_without_figures():
    text = "0 cpufreq/cpuinfo_max_freq\n0 cpu_capacity\n0 online\n1 cpufreq/cpuinfo_max_freq 5\n1 online 0\njunk\n"
    assert cores_of(text) == (Core(0), Core(1, 5, is_online=False))
    assert parts_of("processor : 0\nmodel name : x86") == {}
