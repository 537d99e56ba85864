"""``docs/commands.md``, made of what every verb says of itself: ``python -m sr2tflite.cli.reference`` prints it."""

from collections.abc import Iterator

import click

from sr2tflite import errors

WIDTH = 100

_HEAD = """# Commands

Made by `python -m sr2tflite.cli.reference > docs/commands.md`; a test sees to it that it is what the verbs say.

Every verb takes `--json`: one object on stdout, whose `schema` names its form and version. Results go to stdout,
progress and remarks to stderr. What ends well ends with `next:` and a command to type.

## Exit status

| status | what | error in JSON |
|---|---|---|
| 0 | done | |
| 1 | a bug of ours, with its traceback | |
"""


def page() -> str:
    """The whole page."""
    from sr2tflite.cli.verbs import group

    return "".join([_HEAD, *_statuses(), *_verbs(group, "sr2tflite")])


def _statuses() -> Iterator[str]:
    kinds = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, errors.Sr2TfliteError)]
    kinds.remove(errors.Sr2TfliteError)
    rows = [(one.exit_status, _sentence(one.__doc__), one.__name__) for one in kinds]
    rows.append((2, "the words of the command are wrong", "UsageError"))
    rows.append((4, "a gate failed, or what was compared differs: a result, not an error", ""))
    rows.append((130, "interrupted; the same command goes on", ""))
    rows.append((141, "whoever read the results is gone, as `head -1` is", ""))
    for status, what, name in sorted(rows, key=lambda row: row[0]):
        yield f"| {status} | {what} | {f'`{name}` ' if name else ''}|\n"


def _sentence(text: str | None) -> str:
    """The first sentence of a docstring, as the cell of a table."""
    first = " ".join((text or "").split("\n\n")[0].split()).removesuffix(".").replace("``", "`")
    return first[:1].lower() + first[1:]


def _verbs(group: click.Group, name: str) -> Iterator[str]:
    for verb in sorted(group.commands):
        command, full = group.commands[verb], f"{name} {verb}"
        if isinstance(command, click.Group):
            yield from _verbs(command, full)
            continue
        context = click.Context(command, info_name=full, terminal_width=WIDTH, max_content_width=WIDTH)
        yield f"\n## {full.removeprefix('sr2tflite ')}\n\n```text\n{command.get_help(context)}\n```\n"


if __name__ == "__main__":
    click.echo(page(), nl=False)
