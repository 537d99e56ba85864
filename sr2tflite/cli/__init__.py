"""The command line: parse, call one command, show what it returned, end with a status; nothing else knows Click."""

import errno
import json
import sys
from collections.abc import Callable
from typing import Any

import click

from sr2tflite.errors import Sr2TfliteError

INTERRUPTED = 130
USAGE = 2
STORAGE = 3
_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM}


def status_of(call: Callable[[], Any], *, as_json: bool = False) -> int:
    """The exit status a call ends the program with; the only place where errors become messages.

    What is not ours is a bug and keeps its traceback.
    """
    try:
        result = call()
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        error.show()
        return USAGE
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted; the same command goes on from here", err=True)
        return INTERRUPTED
    except Sr2TfliteError as error:
        return _fail(error, as_json)
    except OSError as error:
        if error.errno not in _DISK:
            raise
        click.echo(f"error: {error.filename or 'disk'}: {error.strerror}\n  hint: free some space", err=True)
        return STORAGE
    return result if isinstance(result, int) else 0


def _fail(error: Sr2TfliteError, as_json: bool) -> int:
    if as_json:
        form = {"error": type(error).__name__, "message": error.message, "where": error.where, "hint": error.hint}
        click.echo(json.dumps(form))
    click.echo(f"error: {error}", err=True)
    return error.exit_status


def main() -> None:
    """The entry point."""
    from sr2tflite.cli.verbs import group

    sys.exit(status_of(lambda: group.main(standalone_mode=False), as_json="--json" in sys.argv))
