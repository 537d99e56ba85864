"""The verb that lets a shell complete words."""

import click

from sr2tflite.cli.group import group
from sr2tflite.cli.options import json_out

LINES = {
    "bash": """echo 'eval "$(sr2tflite completion bash)"' >> ~/.bashrc""",
    "zsh": """echo 'eval "$(sr2tflite completion zsh)"' >> ~/.zshrc""",
    "fish": "sr2tflite completion fish > ~/.config/fish/completions/sr2tflite.fish",
}
"""What to type once so that every new shell completes."""


@group.command(short_help="Let the shell complete verbs, options and files.")
@click.argument("shell", type=click.Choice(list(LINES)))
@json_out
def completion(shell: str, as_json: bool) -> None:
    """Print the script by which bash, zsh or fish completes verbs, options and files."""
    from click.shell_completion import get_completion_class

    from sr2tflite.cli import show

    kind = get_completion_class(shell)
    assert kind is not None
    completer = kind(group, {}, "sr2tflite", "_SR2TFLITE_COMPLETE")
    # click's bash asks for a bash's version to warn of old ones, which is another process and a second message
    script = completer.source_template % completer.source_vars()
    if as_json:
        return show.as_json({"shell": shell, "script": script, "next": LINES[shell]}, "completion")
    click.echo(script.strip())
    return show.next_step(LINES[shell], mark="# ")
