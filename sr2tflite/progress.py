"""How long work tells what it is doing; the command line shows it, a library caller may."""

from typing import Protocol


class Progress(Protocol):
    """Called now and then with what is being done, how much is done and of how much, and a word on how it goes.

    A total of 0 makes it a remark: shown at once, and once only, however often it is made.
    """

    def __call__(self, what: str, done: int, total: int, detail: str = "") -> None: ...


def silent(what: str, done: int, total: int, detail: str = "") -> None:
    """Tell nobody."""


def remark(progress: Progress, what: str, detail: str) -> None:
    """Say something that must be seen."""
    progress(what, 0, 0, detail)
