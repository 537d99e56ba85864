"""The group that every verb joins."""

import click

from sr2tflite import __version__


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="sr2tflite")
def group() -> None:
    """From a PyTorch super-resolution student to a proved INT8 TFLite file.

    train → recalibrate → fuse → ptq | qat → export --int8 → verify, eval, bench

    run does all of it from one recipe.
    """
