"""Figures as people read them."""


def figure(value: float) -> str:
    """At least three significant digits: ``0.00417``, ``7.81``, ``1866.6``; no exponent where it is large."""
    return f"{value:.1f}" if value >= 100 else f"{value:.3g}"


def compared(model: str, reference: str, ratio: float) -> str:
    """How a file's latency compares with another's."""
    return f"{model} takes {_times(ratio)} times as long as {reference}"


def interval(low: float, high: float, confidence: float) -> str:
    """Of a ratio, with how surely it holds it: ``99.9 % interval 0.988 to 1.002``; one round alone has none."""
    if not confidence:
        return "one round, no interval"
    return f"{100 * confidence:.4g} % interval {_times(low)} to {_times(high)}"


def _times(ratio: float) -> str:
    """Three decimals, of small ones three significant digits."""
    return f"{ratio:.3f}" if ratio >= 0.1 else f"{ratio:#.3g}"
