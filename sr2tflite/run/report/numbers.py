"""Figures as a page writes them."""

from math import isfinite, log10

MINUS = "−"
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def decimals(value: float | None, digits: int = 3) -> str:
    """A figure with so many decimals; None is infinite, as in JSON of a PSNR."""
    if value is None or not isfinite(value):
        return "∞"
    return f"{value:.{digits}f}".replace("-", MINUS)


def signed(value: float | None, digits: int = 3) -> str:
    """The same with its sign; what rounds to zero has none."""
    if value is None:
        return "–"
    if not isfinite(value):
        return "∞"
    rounded = round(value, digits)
    return f"{rounded:+.{digits}f}".replace("-", MINUS) if rounded else f"{0:.{digits}f}"


def size(count: int | None) -> str:
    """Bytes in units of 1024: ``101.8 KiB``."""
    if count is None:
        return "–"
    value, unit = float(count), "bytes"
    for larger in ("KiB", "MiB", "GiB"):
        if value < 1024:
            break
        value, unit = value / 1024, larger
    return f"{count} bytes" if unit == "bytes" else f"{value:.1f} {unit}"


def many(count: int) -> str:
    """A large count: ``75.91 G``, ``82.45 M``, ``1,200``."""
    for unit, power in (("G", 1e9), ("M", 1e6)):
        if count >= power:
            return f"{count / power:,.2f} {unit}"
    return f"{count:,}"


def milliseconds(value: float) -> str:
    """Three digits that count: ``1,607 ms``, ``41.8 ms``, ``0.418 ms``."""
    digits = max(0, 2 - int(log10(value))) if value >= 1 else 3
    return f"{value:,.{digits}f} ms"


def scientific(value: float) -> str:
    """``1.5·10⁻¹¹``; small whole numbers as they are."""
    if value == 0:
        return "0"
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa}·10{str(int(exponent)).translate(_SUPERSCRIPT)}".replace("-", MINUS)


def percent(share: float, digits: int = 2) -> str:
    """A share of one."""
    return f"{100 * share:.{digits}f} %"


def short_hash(digest: str) -> str:
    """The first twelve digits of a hash."""
    return digest[:12]


def counted(number: int, name: str) -> str:
    """``1 image``, ``1,200 images``."""
    return f"{number:,} {name}" if number == 1 else f"{number:,} {name}s"


def sentence(words: str) -> str:
    """With a capital letter at its start."""
    return words[:1].upper() + words[1:]
