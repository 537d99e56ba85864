"""Names that are not taken twice."""


class Names:
    """Hands out names; a second ``blocks.3`` becomes ``blocks.3_1``."""

    def __init__(self, *reserved: str) -> None:
        self._taken = set(reserved)

    def unique(self, wanted: str) -> str:
        """``wanted``, or ``wanted_1``, ``wanted_2`` … when it is taken."""
        name, count = wanted, 0
        while name in self._taken:
            count += 1
            name = f"{wanted}_{count}"
        self._taken.add(name)
        return name
