"""Which images an artifact has seen, as short content hashes in its metadata: who is judged on them is refused."""

from collections.abc import Iterable, Mapping
from typing import Any

from sr2tflite.files import sha256

CALIBRATED_ON = "calibrated_on"
"""Metadata key: images that ranges were taken from."""

TRAINED_ON = "trained_on"
"""Metadata key: images that weights were trained on, or chosen by."""


def short_id(digest: str) -> str:
    """The first eight hex digits of a file's SHA-256: short enough to carry hundreds in a phone's file."""
    return digest[:8]


def image_id(data: bytes) -> str:
    """The id of an image file's bytes."""
    return short_id(sha256(data))


def listed(ids: Iterable[str]) -> str:
    """Ids as metadata text: sorted, each once, separated by spaces."""
    return " ".join(sorted({short_id(one) for one in ids}))


def seen(metadata: Mapping[str, Any]) -> frozenset[str]:
    """The ids of every image that some metadata says was calibrated or trained on."""
    return frozenset(one for key in (CALIBRATED_ON, TRAINED_ON) for one in str(metadata.get(key, "")).split())
