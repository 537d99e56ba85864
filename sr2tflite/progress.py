"""How long work tells what it is doing; the command line shows it, a library caller may."""

from typing import Protocol


class Progress(Protocol):
    """Called now and then with what is being done, how much is done and of how much, and a word on how it goes."""

    def __call__(self, what: str, done: int, total: int, detail: str = "") -> None: ...


def silent(what: str, done: int, total: int, detail: str = "") -> None:
    """Tell nobody."""
