"""Signals and states come from the system's files; what is not there is unknown."""

from sr2tflite.bench.machine import state, this_machine
from sr2tflite.bench.rounds import Signals
from sr2tflite.bench.signals import Counters, between, counters, peak_memory_kib, pressure_now


def lay(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


PROC = {
    "pressure/cpu": "some avg10=12.50 avg60=7.06 avg300=3.76 total=4000000\nfull avg10=0.00 avg60=0.00 total=0\n",
    "self/schedstat": "5000000000 250000000 77\n",
    "stat": "cpu  100 0 20 300 0 0 0 40 0 0\ncpu0 1 2 3\n",
}


def test_counters_are_read_from_proc(tmp_path):
    found = counters(lay(tmp_path, PROC))
    assert (found.stalled_us, found.waited_ns) == (4_000_000, 250_000_000)
    assert found.ticks == (100, 0, 20, 300, 0, 0, 0, 40, 0, 0)
    assert pressure_now(tmp_path) == 12.5


def test_signals_are_percentages_of_the_time_between():
    before = Counters(10.0, 1_000_000, 0, 5, (0,) * 8)
    after = Counters(12.0, 1_500_000, 200_000_000, 8, (60, 0, 0, 20, 0, 0, 0, 20))
    found = Signals(**between(before, after))
    assert found == Signals(pressure=25.0, waited=10.0, involuntary_switches=3, stolen=20.0)


def test_what_the_system_does_not_count_is_unknown(tmp_path):
    before, after = counters(tmp_path), counters(tmp_path)
    found = Signals(**between(before, after))
    assert (found.pressure, found.waited, found.stolen) == (None, None, None)
    assert found.involuntary_switches is not None
    assert pressure_now(tmp_path) is None


def test_the_peak_memory_is_the_systems_word_and_else_that_of_the_usage(tmp_path):
    lay(tmp_path, {"self/status": "Name:\tpython\nVmPeak:\t  900000 kB\nVmHWM:\t   51234 kB\n"})
    assert peak_memory_kib(tmp_path) == 51234
    assert peak_memory_kib(tmp_path / "none") > 1000


SYS = {
    "proc/cpuinfo": "processor\t: 0\nmodel name\t: Processor 7\nflags\t: fpu avx2 avx512_vnni\n\nprocessor\t: 1\n",
    "proc/pressure/cpu": PROC["pressure/cpu"],
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "powersave\n",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "2400000\n",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_max_freq": "3200000\n",
    "sys/devices/system/cpu/cpu1/cpufreq/scaling_governor": "performance\n",
    "sys/class/thermal/thermal_zone0/type": "acpitz\n",
    "sys/class/thermal/thermal_zone0/temp": "45500\n",
    "sys/class/thermal/thermal_zone1/type": "acpitz\n",
    "sys/class/thermal/thermal_zone1/temp": "-3000\n",
    "sys/class/thermal/thermal_zone2/type": "silent\n",
    "sys/class/power_supply/BAT0/capacity": "81\n",
    "sys/class/power_supply/BAT0/status": "Discharging\n",
}


def test_the_state_is_read_from_sys(tmp_path):
    found = state(lay(tmp_path, SYS))
    assert found.temperatures_c == {"acpitz": 45.5, "acpitz (1)": -3.0}
    assert (found.clocks_mhz, found.clock_limits_mhz) == ({"cpu0": 2400.0}, {"cpu0": 3200.0})
    assert (found.governor, found.battery_percent, found.charging) == ("performance, powersave", 81.0, False)
    assert found.pressure == 12.5


def test_a_machine_that_tells_nothing_has_an_unknown_state(tmp_path):
    found = state(tmp_path)
    assert (found.temperatures_c, found.clocks_mhz, found.governor, found.battery_percent) == ({}, {}, None, None)
    assert found.thermal_status is None
    assert this_machine(tmp_path).name


def test_the_machine_names_its_processor_and_what_decides_its_kernels(tmp_path):
    found = this_machine(lay(tmp_path, SYS))
    assert (found.kind, found.name, found.facts["features"]) == ("host", "Processor 7", "avx2 avx512_vnni")


def test_processors_of_one_name_are_told_apart_by_family_and_model(tmp_path):
    told = "cpu family\t: 25\nmodel\t\t: 17\nmodel name\t: Rented\n"
    found = this_machine(lay(tmp_path, {**SYS, "proc/cpuinfo": told}))
    assert found.name == "Rented (family 25, model 17)"
