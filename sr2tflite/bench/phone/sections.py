"""Many questions to a phone's shell in one round trip: each answer is a section under its name."""

import re
from collections.abc import Iterable, Mapping

QUESTIONS: Mapping[str, str] = {
    "properties": "getprop",
    "kernel": "uname -rm",
    "cpuinfo": "cat /proc/cpuinfo",
    "cpus": (
        "for c in /sys/devices/system/cpu/cpu[0-9]*; do "
        "for f in cpufreq/cpuinfo_max_freq cpufreq/scaling_max_freq cpufreq/scaling_cur_freq "
        "cpufreq/scaling_governor cpu_capacity online; do "
        "echo ${c##*/cpu} $f $(cat $c/$f); done; done"
    ),
    "ticks": (
        "for c in /sys/devices/system/cpu/cpu[0-9]*; do echo ${c##*/cpu} $(cat $c/cpufreq/stats/time_in_state); done"
    ),
    "memory": "cat /proc/meminfo",
    "load": "cat /proc/loadavg",
    "pressure": "cat /proc/pressure/cpu",
    "battery": "dumpsys battery",
    "thermal": "dumpsys thermalservice",
    "zones": ("for z in /sys/class/thermal/thermal_zone*; do echo $(cat $z/type) $(cat $z/temp); done"),
    "power": "dumpsys power | grep -E 'mWakefulness=|mSettingBatterySaverEnabled=|mIsPowered='",
    "low_power": "settings get global low_power",
    "gpu": "dumpsys SurfaceFlinger | grep GLES",
    "storage": "df -k /data/local/tmp",
    "tools": "for t in taskset timeout; do command -v $t; done",
}
"""What to type for each; where the phone denies it or knows no such thing, the section stays empty."""

STATE = ("cpus", "ticks", "memory", "load", "pressure", "battery", "thermal", "zones", "power", "low_power")
"""What changes from round to round."""


def script(names: Iterable[str] = QUESTIONS) -> str:
    """The shell script that asks all of them."""
    return "\n".join(f"echo; echo @@{name}; ({QUESTIONS[name]}) 2>/dev/null" for name in names)


def answers(text: str) -> Mapping[str, str]:
    """Name → what stood under it, of every section; a section that was not asked for is empty."""
    parts = re.split(r"^@@(\w+)\r?\n", text, flags=re.MULTILINE)
    return {**dict.fromkeys(QUESTIONS, ""), **dict(zip(parts[1::2], parts[2::2], strict=True))}
