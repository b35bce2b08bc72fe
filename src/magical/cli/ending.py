"""Run the command, and end it well: exit codes, wording, and what a signal does."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import NoReturn

import click

from magical.cli.verbs import cli
from magical.engine.collecting import pause, resume
from magical.errors import MagicalError, did_you_mean

__all__ = ["main"]


def main() -> None:
    """Run the command: exit code 0 if all is fine, 1 if the project failed, 2 if the call is wrong."""
    os.environ.setdefault("DO_NOT_TRACK", "true")
    pause()
    _stop_when_told()
    try:
        cli.main(standalone_mode=False)
    except MagicalError as error:
        _fail(str(error), error.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        sys.exit(2)
    except click.ClickException as error:
        _fail(_wording(error), 2)
    except (click.Abort, KeyboardInterrupt) as stop:
        said = str(stop) or str(stop.__cause__ or "")  # click gives its own word for it
        _leave(said or "Stopped. What is finished is kept; magical run goes on from there.")
    finally:
        resume()


def _wording(error: click.ClickException) -> str:
    if isinstance(error, click.NoSuchOption) and error.ctx is not None:
        known = [o for p in error.ctx.command.params for o in p.opts if o.startswith("--")]
        hint = did_you_mean(error.option_name, [*known, "--help"])
        return f"There is no option {error.option_name}.\nHint: {hint}"
    return (
        f"{error.format_message()}\nHint: magical --help shows the verbs, magical VERB --help their options."
    )


def _stop_when_told() -> None:
    """What a scheduler sends to stop a process ends a run as Ctrl-C does."""

    def stop(number: int, frame: object) -> NoReturn:
        raise KeyboardInterrupt

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, stop)


def _leave(text: str) -> NoReturn:
    """End although bodies may be under way: a thread cannot be stopped, and Python would wait for it."""
    click.echo(text, err=True)
    if any(t.name.startswith("magical") for t in threading.enumerate()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(130)
    sys.exit(130)


def _fail(text: str, code: int) -> NoReturn:
    click.echo(text, err=True)
    sys.exit(code)
