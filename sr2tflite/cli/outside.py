"""The verb that looks at what is outside."""

from pathlib import Path

import click

from sr2tflite.cli.group import group
from sr2tflite.cli.options import FILE, json_out


@group.command(short_help="What is here, what is missing, and where to get it.")
@click.option("--adb", type=FILE, help="The adb program; else it is looked for.")
@json_out
def doctor(adb: Path | None, as_json: bool) -> None:
    """What is on this computer and by its phones, and where to get what is not there; downloads nothing."""
    from sr2tflite.cli import show
    from sr2tflite.commands.doctor import doctor as command
    from sr2tflite.commands.doctor import following

    items = command(adb)
    if as_json:
        return show.as_json({"items": [show.plain(item) for item in items], "next": following(items)}, "doctor")
    for item in items:
        click.echo(f"{'found  ' if item.is_there else 'missing'}  {item.name}: {item.told}")
        if item.hint:
            click.echo(f"         {item.hint}")
    return show.next_step(following(items))
