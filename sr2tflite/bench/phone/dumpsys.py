"""What Android's ``dumpsys battery`` and ``dumpsys thermalservice`` say."""

import re
from dataclasses import dataclass

_STATUS = re.compile(r"^\s*Thermal Status: (\d+)", re.MULTILINE)
_BLOCK = re.compile(r"Current temperatures from HAL:(.*?)(?:Current cooling devices|Temperature static|\Z)", re.DOTALL)
_FIELDS = re.compile(r"Temperature\{([^}]*)\}")
_FIELD = re.compile(r"^\s*([^:]+?):\s*(.*?)\s*$", re.MULTILINE)

NOT_FITTED_C = (-99.9, 0.0)
"""What some phones report for a sensor that is not there: at most the first, or exactly the second."""

SKIN, BATTERY = 3, 2
"""``mType`` of a temperature, as android.hardware.thermal's TemperatureType numbers it from Android 10 on."""


@dataclass(frozen=True)
class Temperature:
    """A sensor's value just now."""

    name: str
    kind: int
    """Android's number of its type; some makers keep the older numbering."""

    celsius: float

    @property
    def can_be_felt(self) -> bool:
        """Whether it is the skin's or the battery's: those change slowly and are what a phone throttles by."""
        name = self.name.lower()
        if "skin" in name or "batt" in name:
            return True
        return self.kind in {SKIN, BATTERY} and not re.search(r"cpu|gpu|npu|soc|\bap\b|modem|usb|pa\b|ampl", name)


@dataclass(frozen=True)
class Thermal:
    """Of ``dumpsys thermalservice``: how hot Android finds the phone, and the sensors."""

    status: int | None = None
    """0 none, 1 light, 2 moderate, 3 severe, 4 critical, 5 emergency, 6 shutdown."""

    temperatures: tuple[Temperature, ...] = ()


@dataclass(frozen=True)
class Battery:
    """Of ``dumpsys battery``."""

    percent: float | None = None
    celsius: float | None = None
    charging: bool | None = None


def thermal(text: str) -> Thermal:
    """The thermal service's report.

    Only the block that the HAL filled just now counts; the cached one before it may be of any age. Sensors that are
    not fitted are left out.
    """
    status, block = _STATUS.search(text), _BLOCK.search(text)
    sensors = []
    for fields in _FIELDS.findall(block[1] if block else ""):
        values = dict(part.strip().split("=", 1) for part in fields.split(", ") if "=" in part)
        celsius, kind = _number(values.get("mValue")), _number(values.get("mType"))
        if celsius is None or celsius <= NOT_FITTED_C[0] or celsius == NOT_FITTED_C[1]:
            continue
        sensors.append(Temperature(values.get("mName", "?"), -1 if kind is None else int(kind), celsius))
    return Thermal(int(status[1]) if status else None, tuple(sensors))


def battery(text: str) -> Battery:
    """The battery's report; its temperature comes in tenths of a degree."""
    values = dict(_FIELD.findall(text))
    level, scale, tenths = (_number(values.get(name)) for name in ("level", "scale", "temperature"))
    powered = [value == "true" for name, value in values.items() if name.endswith("powered")]
    return Battery(
        None if level is None or scale == 0 else 100 * level / (scale or 100),
        None if tenths is None else tenths / 10,
        any(powered) if powered else None,
    )


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if abs(value) < 1e6 else None
