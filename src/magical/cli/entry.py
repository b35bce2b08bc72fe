"""The entry point of the command: exit codes, error messages and signals."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import NoReturn

import click

import magical.cli.show_verb  # noqa: F401  importing it adds the verb
from magical.cli.verb import SharedOptions
from magical.cli.verbs import cli
from magical.errors import MagicalError, did_you_mean
from magical.masking import MaskedStream
from magical.system.gc_pause import pause_gc, resume_gc

__all__ = ["main"]


def main() -> None:
    """Run the command: exit code 0 if all is fine, 1 if the project failed, 2 if the call is wrong."""
    os.environ.setdefault("DO_NOT_TRACK", "true")
    out, err = MaskedStream.wrap(sys.stdout), MaskedStream.wrap(sys.stderr)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        pause_gc()  # most commands are short, and a collection walks all that the imports made
        _stop_on_sigterm()
        code: object = 0
        try:
            _run_cli()
        except SystemExit as exit_:
            code = exit_.code
            raise
        finally:
            resume_gc()
            _exit_without_prefect(code)


def _run_cli() -> None:
    state: dict[str, SharedOptions] = {}  # filled by the verb; empty if its own options are wrong
    try:
        cli.main(standalone_mode=False, obj=state)
    except MagicalError as error:
        options = state.get("options", SharedOptions())
        if options.as_json:
            answer = {"kind": type(error).__name__, "message": list(error.lines), "hint": error.hint}
            click.echo(json.dumps({"error": answer}, indent=2, ensure_ascii=False))
        trace = options.format_trace(error) if state else []
        _exit_with_error("\n".join([str(error), *trace]), error.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        sys.exit(2)
    except click.ClickException as error:
        _exit_with_error(_format_click_error(error), 2)
    except (click.Abort, KeyboardInterrupt) as stop:
        text = str(stop) or str(stop.__cause__ or "")  # click raises Abort from the KeyboardInterrupt
        _exit_interrupted(text or "Stopped. What is finished is kept; magical run goes on from there.")
    except Exception:  # a fault of magical itself; Python would print the traceback unmasked
        click.echo(traceback.format_exc().rstrip(), err=True)
        sys.exit(1)


def _format_click_error(error: click.ClickException) -> str:
    if isinstance(error, click.NoSuchOption) and error.ctx is not None:
        names = [o for p in error.ctx.command.params for o in p.opts if o.startswith("--")]
        hint = did_you_mean(error.option_name, [*names, "--help"])
        return f"There is no option {error.option_name}.\nHint: {hint}"
    if isinstance(error, click.BadOptionUsage) and error.option_name == "--profile":
        from magical.project.loading.configuration import list_profiles

        # click stops before it has read --project: the profiles of this folder are listed.
        known = ", ".join(list_profiles(Path()))
        hint = f"there are: {known}." if known else "write profiles/NAME.toml."
        return f"--profile takes a name.\nHint: {hint}"
    ctx: click.Context | None = getattr(error, "ctx", None)
    verb = f" {ctx.command.name}" if ctx and ctx.parent else ""
    text = error.format_message()
    return f"{text}{'' if text.endswith('.') else '.'}\nHint: magical{verb} --help says how it is called."


def _stop_on_sigterm() -> None:
    """Treat SIGTERM, which schedulers send, like Ctrl-C: the run keeps what is finished."""

    def stop(number: int, frame: object) -> NoReturn:
        raise KeyboardInterrupt

    if threading.current_thread() is threading.main_thread():  # elsewhere Python allows no handler
        signal.signal(signal.SIGTERM, stop)


def _exit_interrupted(text: str) -> NoReturn:
    """Print the text and exit with 130, without waiting for bodies that still run."""
    click.echo(text, err=True)
    # A thread cannot be stopped, and sys.exit would wait for it; os._exit does not flush.
    if any(t.name.startswith("magical") for t in threading.enumerate()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(130)
    sys.exit(130)


def _exit_without_prefect(code: object) -> None:
    """Exit at once if Prefect is in use: its exit handlers try for minutes to reach a server that is down."""
    if any(t.name == "magical-prefect" for t in threading.enumerate()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else int(code is not None))


def _exit_with_error(text: str, code: int) -> NoReturn:
    click.echo(text, err=True)
    sys.exit(code)
