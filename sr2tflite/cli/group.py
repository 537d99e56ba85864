"""The group that every verb joins."""

import click

from sr2tflite import __version__


class Verb(click.Command):
    """A verb that knows ``-h`` wherever its words are parsed, below the group or on their own."""

    def get_help_option_names(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # as Click has it
        """Those of every verb."""
        return ["-h", "--help"]


class Verbs(click.Group):
    """A group of such verbs, and of such groups."""

    command_class = Verb
    group_class = type


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="sr2tflite")
def group() -> None:
    """From a PyTorch super-resolution student to a proved INT8 TFLite file.

    train → recalibrate → fuse → ptq | qat → export --int8 → verify, eval, bench

    run does all of it from one recipe.
    """
