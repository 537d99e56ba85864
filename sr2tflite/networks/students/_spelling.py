"""State dicts whose keys are spelled as their authors spell them."""

import re
from collections.abc import Iterable, Mapping


def respelled(keys: Iterable[str], spelling: Mapping[str, str]) -> dict[str, str] | None:
    r"""Which of the authors' keys each of ours is.

    Args:
        keys: Those of the state dict.
        spelling: Pattern of theirs → ours, with the pattern's groups as ``\1``.

    Returns:
        Ours → theirs; None where a key has no pattern, or two of them would be one.
    """
    found: dict[str, str] = {}
    theirs = list(keys)
    for key in theirs:
        matches = (re.fullmatch(pattern, key) for pattern in spelling)
        ours = next((match.expand(spelling[match.re.pattern]) for match in matches if match), None)
        if ours is not None:
            found[ours] = key
    return found if len(found) == len(theirs) else None
