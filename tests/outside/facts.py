"""What a loop phone tells of itself: properties, services, clocks. Text of our own in Android's formats."""

import os

SYSTEM_CPUS = "devices/system/cpu"


def properties(**other: str) -> str:
    """``build.prop``; keyword ``ro_product_model`` is ``ro.product.model``."""
    told = {
        "ro.product.manufacturer": "Loop",
        "ro.product.model": "Loop Phone",
        "ro.product.device": "loop",
        "ro.product.cpu.abi": "x86_64",
        "ro.product.cpu.abilist": "x86_64",
        "ro.soc.manufacturer": "Nobody",
        "ro.soc.model": "LOOP1",
        "ro.board.platform": "loop",
        "ro.hardware": "loop",
        "ro.build.version.release": "14",
        "ro.build.version.sdk": "34",
        "ro.build.fingerprint": "loop/loop/loop:14/LOOP/1:user/release-keys",
        "ro.build.type": "user",
        "ro.serialno": "LOOP0001",
        **{name.replace("_", "."): value for name, value in other.items()},
    }
    return "".join(f"{name}={value}\n" for name, value in told.items())


def battery(*, level: int = 87, celsius: float = 29.1, plugged: bool = True) -> str:
    """``dumpsys battery``."""
    return f"""Current Battery Service state:
  AC powered: false
  USB powered: {str(plugged).lower()}
  Wireless powered: false
  status: {2 if plugged else 3}
  health: 2
  present: true
  level: {level}
  scale: 100
  voltage: 4123
  temperature: {round(celsius * 10)}
  technology: Li-ion
"""


def thermal(*, status: int = 0, cpu: float = 35.5, skin: float = 30.25) -> str:
    """``dumpsys thermalservice``; what is cached there is stale, as on real phones."""
    return f"""IsStatusOverride: false
ThermalEventListeners:
\tcallbacks: 1
\tkilled: false
\tbroadcasts count: -1
Thermal Status: {status}
Cached temperatures:
\tTemperature{{mValue=88.0, mType=3, mName=skin, mStatus=4}}
HAL Ready: true
HAL connection:
\tThermalHAL 2.0 connected: yes
Current temperatures from HAL:
\tTemperature{{mValue={cpu}, mType=0, mName=CPU0, mStatus={status}}}
\tTemperature{{mValue=0.0, mType=1, mName=GPU, mStatus=0}}
\tTemperature{{mValue={skin}, mType=3, mName=skin, mStatus={status}}}
Current cooling devices from HAL:
\tCoolingDevice{{mValue=0, mType=2, mName=cpufreq-0}}
"""


def clocks(*, limit_khz: int | None = None) -> dict[str, str]:
    """Files of cpufreq below ``/sys``: the last processor that there is, is the big one."""
    files, cpus = {}, sorted(os.sched_getaffinity(0))
    for cpu in cpus:
        most = 2_800_000 if cpu == cpus[-1] else 1_800_000
        folder = f"{SYSTEM_CPUS}/cpu{cpu}"
        told = {
            "cpuinfo_max_freq": most,
            "scaling_max_freq": min(most, limit_khz or most),
            "scaling_cur_freq": min(most, limit_khz or most),
            "scaling_governor": "schedutil",
        }
        files |= {f"{folder}/cpufreq/{name}": f"{value}\n" for name, value in told.items()}
        files[f"{folder}/cpu_capacity"] = f"{1024 if cpu == cpus[-1] else 512}\n"
    return files


def all_facts(**other: str) -> dict[str, str]:
    """A cool phone with Android 14."""
    return {
        "build.prop": properties(**other),
        "dumpsys/battery": battery(),
        "dumpsys/thermalservice": thermal(),
        "dumpsys/SurfaceFlinger": "GLES: Loop, Loop-G1, OpenGL ES 3.2 v1.r1\n",
        "dumpsys/power": "Power Manager State:\n  mWakefulness=Awake\n  mBatterySaverEnabled=false\n",
    }
