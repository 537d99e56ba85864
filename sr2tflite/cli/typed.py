"""The words that a verb was called with, for the next line to type: the same again, with some changed."""

import shlex
from collections.abc import Collection, Sequence

import click

from sr2tflite.cli.group import Verb

_KEY = "sr2tflite.typed"


class Remembering(Verb):
    """A command that keeps its words as they were typed."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[_KEY] = tuple(args)
        return super().parse_args(ctx, args)


def typed_again(context: click.Context, *more: str, without: Collection[str] = ()) -> str:
    """A line that calls the verb again.

    Args:
        context: Of a :class:`Remembering` command.
        more: Words to add.
        without: Options to leave out, by their long names; all of them take a value.
    """
    words: Sequence[str] = context.meta[_KEY]
    kept = [
        word
        for place, word in enumerate(words)
        if word.partition("=")[0] not in without and (place == 0 or words[place - 1] not in without)
    ]
    end = kept.index("--") if "--" in kept else len(kept)  # what follows it is no option
    kept[end:end] = more
    return shlex.join(["sr2tflite", str(context.info_name), *kept])
