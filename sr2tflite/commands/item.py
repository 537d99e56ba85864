"""One thing that ``sr2tflite doctor`` looks for."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["machine", "package", "extra", "phone"]


@dataclass(frozen=True)
class Item:
    """One thing that was looked for."""

    name: str
    is_there: bool
    told: str
    """Where and which it is, or what is wrong."""

    hint: str | None = None
    """What to type where it is not there."""

    kind: Kind = "phone"
