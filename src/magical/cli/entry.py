"""The entry point of the command: exit codes, error messages and signals."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import NoReturn, TextIO

import click

import magical.cli.report_verb
import magical.cli.show_verb  # noqa: F401
from magical.cli.verb import SharedOptions
from magical.cli.verbs import cli
from magical.errors import MagicalError, did_you_mean, shorten
from magical.masking import MaskedStream
from magical.system.gc_pause import pause_gc, resume_gc
from magical.system.processes import raise_on_os_exit
from magical.system.tracebacks import author_frames

__all__ = ["main"]


def main() -> None:
    """Run the command: exit code 0 if all is fine, 1 if the project failed, 2 if the call is wrong."""
    os.environ.setdefault("DO_NOT_TRACK", "true")
    out, err = _wrap(sys.stdout), _wrap(sys.stderr)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        pause_gc()  # most commands are short, and a collection walks all that the imports made
        _stop_on_sigterm()
        code = 0
        try:
            _run_cli()
        except SystemExit as exit_:
            code = exit_.code if isinstance(exit_.code, int) else int(exit_.code is not None)
        finally:
            resume_gc()
    if (fault := _flush(out)) is not None:
        code = code or 1
        if fault.errno != errno.EPIPE:  # a reader that has seen enough, such as head, is no fault
            _print(_describe_lost_answer(fault), err=True)
    _flush(err)
    _exit_without_prefect(code)
    if code:
        sys.exit(code)


def _wrap(stream: TextIO | None) -> TextIO:
    # Without a null device, the first file to be opened would become an output that the shell had closed.
    return MaskedStream.wrap(stream or open(os.devnull, "w", encoding="utf-8"))


def _run_cli() -> None:
    state: dict[str, SharedOptions] = {}  # filled by the verb; empty if its own options are wrong
    try:
        with raise_on_os_exit():
            cli.main(standalone_mode=False, obj=state)
    except SystemExit as exit_:
        if frames := author_frames(exit_):  # for example in a validator of settings; its code says nothing
            _exit_with_error(_format_exit(frames[-1]), 1)
        raise
    except MagicalError as error:
        options = state.get("options", SharedOptions())
        if options.as_json:
            answer = {"kind": type(error).__name__, "message": list(error.lines), "hint": error.hint}
            _print(json.dumps({"error": answer}, indent=2, ensure_ascii=False))
        trace = options.format_trace(error) if state else []
        _exit_with_error("\n".join([str(error), *trace]), error.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        _print(error.format_message())
        sys.exit(2)
    except click.ClickException as error:
        _exit_with_error(_format_click_error(error), 2)
    except (click.Abort, KeyboardInterrupt) as stop:
        text = str(stop) or str(stop.__cause__ or "")  # click raises Abort from the KeyboardInterrupt
        _exit_interrupted(text or "Stopped. What is finished is kept; magical run goes on from there.")
    except Exception as error:
        if any(error is getattr(stream, "fault", None) for stream in (sys.stdout, sys.stderr)):
            sys.exit(1)
        # A fault of magical itself; Python would print the traceback unmasked.
        _exit_with_error(traceback.format_exc().rstrip(), 1)


def _format_exit(frame: traceback.FrameSummary) -> str:
    place = f"{Path(frame.filename).name}:{frame.lineno}: {shorten(frame.line or '', 140)}"
    return f"{place} ended the command before it had finished.\nHint: raise an exception that says why."


def _flush(stream: TextIO) -> OSError | None:
    """Flush a stream, and return the error if something could not be written to it."""
    with contextlib.suppress(OSError):
        stream.flush()
    fault: OSError | None = getattr(stream, "fault", None)
    if fault is not None:
        # Python flushes once more at its exit, and would print a traceback and change the exit code.
        with contextlib.suppress(OSError, ValueError):  # a stream of a test has no file
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return fault


def _describe_lost_answer(error: OSError) -> str:
    return (
        f"The answer cannot be written to the standard output: {error.strerror}.\n"
        "Hint: what has run is kept; write the answer where there is space."
    )


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
    _print(text, err=True)
    # A thread cannot be stopped, and sys.exit would wait for it; os._exit does not flush.
    if any(t.name.startswith("magical") for t in threading.enumerate()):
        _flush(sys.stdout)
        _flush(sys.stderr)
        os._exit(130)
    sys.exit(130)


def _exit_without_prefect(code: int) -> None:
    """Exit at once if Prefect is in use: its exit handlers try for minutes to reach a server that is down."""
    if any(t.name == "magical-prefect" for t in threading.enumerate()):
        os._exit(code)


def _exit_with_error(text: str, code: int) -> NoReturn:
    _print(text, err=True)
    sys.exit(code)


def _print(text: str, *, err: bool = False) -> None:
    with contextlib.suppress(OSError):  # the stream notes its fault, and `main` deals with it
        click.echo(text, err=err)
