"""The command line: parse, call one command, show what it returned, end with a status; nothing else knows Click."""

import errno
import io
import json
import os
import sys
from collections.abc import Callable
from typing import Any

import click

from sr2tflite.errors import Sr2TfliteError, StorageError

INTERRUPTED = 130
UNREAD = 141
"""Whoever read stdout is gone; as a shell counts a program that SIGPIPE ended."""

USAGE = 2
SCHEMA = "sr2tflite.error/1"
"""Of an error in JSON."""

_FULL = {errno.ENOSPC, errno.EDQUOT}
_DISK = _FULL | {errno.EROFS, errno.EACCES, errno.EPERM}


def status_of(call: Callable[[], Any], *, as_json: bool = False) -> int:
    """The exit status a call ends the program with; the only place where errors become messages.

    What is not ours is a bug and keeps its traceback.
    """
    try:
        result = call()
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        if as_json:
            _print_form("UsageError", error.format_message(), None, None)
        error.show()
        return USAGE
    except (click.Abort, KeyboardInterrupt):
        if not _number():
            click.echo("interrupted; to go on, type the same command again", err=True)
        return INTERRUPTED
    except SystemExit as stop:  # how Click ends a completion, with 0, and where stdout's reader is gone
        return UNREAD if stop.code else 0
    except Sr2TfliteError as error:
        return _fail(error, as_json)
    except OSError as error:
        if error.errno not in _DISK:
            raise
        # without a file name it is stdout that cannot be written: nothing more goes there
        place, as_json = str(error.filename or "output"), as_json and error.filename is not None
        hint = "free some space" if error.errno in _FULL else "see who may read and write there: ls -ld"
        return _fail(StorageError(error.strerror or str(error), where=place, hint=hint), as_json)
    return result if isinstance(result, int) else 0


def _number() -> int | None:
    """Which process of a training this is, where it has trained with others; the first, 0, tells how it goes."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.distributed.is_available() or not torch.distributed.is_initialized():
        return None
    number: int = torch.distributed.get_rank()
    return number


def _fail(error: Sr2TfliteError, as_json: bool) -> int:
    if _number():
        return 0  # where one process fails, all do, and the first one says so
    if as_json:
        _print_form(type(error).__name__, error.message, error.where, error.hint)
    click.echo(f"error: {error}", err=True)
    return error.exit_status


def _print_form(error: str, message: str, where: str | None, hint: str | None) -> None:
    click.echo(
        json.dumps(
            {"schema": SCHEMA, "error": error, "message": message, "where": where, "hint": hint}, ensure_ascii=False
        )
    )


def _write_anything() -> None:
    """Let signs that the encoding of stdout or stderr does not have be spelled out, as U+2026, and not end the program.

    Those are the ones of our tables where it is ASCII, and names of files that are no text anywhere.
    """
    for stream in (sys.stdout, sys.stderr):
        if not isinstance(stream, io.TextIOWrapper):  # closed, or somebody's own
            continue
        if stream.errors == "strict" or stream.encoding.lower() != "utf-8":
            stream.reconfigure(errors="backslashreplace")


def main() -> None:
    """The entry point."""
    from sr2tflite.cli.verbs import group

    _write_anything()
    # idle OpenMP threads sleep instead of spinning: beside other work, spinning makes two threads slower than one
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # as torchrun and Fabric number the processes of a training
    if os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0")) != "0":
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 (until the process ends)
    status = status_of(lambda: group.main(standalone_mode=False), as_json="--json" in sys.argv)
    if _number() is not None:
        # gloo's threads need Python to let go of the last tensors, and abort a process that is already ending
        for stream in filter(None, (sys.stdout, sys.stderr)):
            stream.flush()
        os._exit(status)
    sys.exit(status)
