"""Tables, as wide as their reader takes them."""

from collections.abc import Sequence
from functools import partial
from typing import Any

LEAST_NAME = 12
"""Characters of a name that stand side by side in the narrowest terminal, whose lines are then broken by itself."""


def table(
    head: Sequence[str], rows: Sequence[Sequence[str]], *, title: str | None = None, numbers: bool = True
) -> None:
    """Print a table; the first column holds words, the others numbers, or words too."""
    from rich.cells import cell_len
    from rich.table import Table

    grid = Table(*head, title=title, title_justify="left", box=None, pad_edge=False)
    for column in grid.columns:
        column.overflow = "fold"  # a narrow terminal loses no end of a name
    for column in grid.columns[1:] if numbers else ():
        column.justify, column.no_wrap = "right", True
    for row in rows:
        grid.add_row(*row)
    names, *others = [max(map(cell_len, cells)) for cells in zip(head, *rows, strict=True)]
    grid.columns[0].min_width = min(names, LEAST_NAME)
    gap = sum(grid.padding[1::2])
    print_wide(grid, sum((gap + one for one in others), min(names, LEAST_NAME)) if numbers else 0)


def print_wide(thing: Any, least: int = 0) -> None:
    """Print something of rich's: a file or a pipe takes lines of any length, a terminal folds.

    Args:
        thing: To print.
        least: Characters of a line that are needed, however narrow the terminal is.
    """
    from rich.console import Console

    plain_console = partial(Console, highlight=False, markup=False, emoji=False)  # brackets, colons are a name's own
    console = plain_console()
    if not console.is_terminal:
        console = plain_console(width=200)
    elif console.width < least:
        console = plain_console(width=least, height=console.height)  # of a dumb terminal rich takes both or neither
    console.print(thing)
