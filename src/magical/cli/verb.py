"""How a verb of the command is made: its options, its words, and how it answers."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from magical.errors import UsageError

if TYPE_CHECKING:
    from magical.project import Project

__all__ = [
    "PDB_OPTION",
    "PRETEND_OPTION",
    "ROWS_OPTION",
    "SAMPLE_OPTION",
    "TRUST_OPTION",
    "SharedOptions",
    "cli",
    "parse_words",
    "verb",
]


_ROWS_HINT = "--pretend sources, or --pretend all."
_VERB_ORDER = (
    "run",
    "pretend",
    "plan",
    "show",
    "check",
    "new",
    "why",
    "inspect",
    "runs",
    "replay",
    "reproduce",
    "ui",
)


class _VerbGroup(click.Group):
    """The verbs, in the order in which a project needs them; an unknown one gets the nearest."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(dict.fromkeys((*_VERB_ORDER, *self.commands)))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.commands:
            raise UsageError.unknown("verb", args[0], self.list_commands(ctx))
        return super().resolve_command(ctx, args)


@click.group(cls=_VerbGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="magical-thinking", message="%(version)s")
def cli() -> None:
    """Design the data-science project you wish you had; make it real one step at a time."""


@dataclass(frozen=True)
class SharedOptions:
    """What every verb is told beside its own words.

    Attributes:
        path: the project's folder or file.
        profile: the name of a file in ``profiles``.
        as_json: whether to answer as JSON.
        sample: how many rows each source gives.
        pretend: what is made up beside steps without a body: ``sources``, ``all``, or nothing.
        rows: of a table that is made up.
        trust: whether results of another store that hold code are taken.
        traceback: whether whole tracebacks are shown, not only the author's own lines.
    """

    path: str = "."
    profile: str = ""
    as_json: bool = False
    sample: int = 0
    pretend: str = ""
    rows: int = 1000
    trust: bool = False
    traceback: bool = False

    def open_project(self) -> Project:
        """Open the project."""
        from magical.project import load

        project = load(self.path, profile=self.profile, sample=self.sample, trust=self.trust)
        if not self.pretend:
            if self.rows != SharedOptions.rows:
                raise UsageError(
                    "--rows goes with --pretend: nothing is made up without it.", hint=_ROWS_HINT
                )
            return project
        from magical.engine.pretend_plan import Pretence

        return project.with_pretence(Pretence(self.pretend, self.rows))

    def format_trace(self, error: BaseException) -> list[str]:
        """Give the lines below a message: the author's own frames, or the whole traceback."""
        from magical.system.tracebacks import format_frames, format_trace

        texts = [format_frames(error), format_trace(error) if self.traceback else ""]
        return [text for text in texts if text]

    def print_answer(self, answer: Any, format_text: Callable[[], str]) -> None:
        """Print an answer in the form that was asked for."""
        as_json = partial(json.dumps, answer, indent=2, ensure_ascii=False, default=str)
        click.echo(as_json() if self.as_json else format_text())


_PROJECT_OPTIONS = (
    click.option("--project", "path", default=".", metavar="PATH", help="The project's folder or file."),
    click.option("--profile", default="", metavar="NAME", help="Take settings from profiles/NAME.toml."),
)
_COMMON_OPTIONS = (
    click.option("--json", "as_json", is_flag=True, help="Answer as JSON."),
    click.option("--traceback", is_flag=True, help="Show whole tracebacks, not only your own lines."),
)
SAMPLE_OPTION = click.option(
    "--sample",
    type=click.IntRange(min=1),
    metavar="N",
    help="Take N rows of each source; nothing is registered then.",
)
PRETEND_OPTION = click.option(
    "--pretend", type=click.Choice(["sources", "all"]), help="Look at what magical pretend (--all) made up."
)
ROWS_OPTION = click.option(
    "--rows", type=click.IntRange(min=1), metavar="N", help="Rows of a made-up table; 1000 unless given."
)
TRUST_OPTION = click.option("--trust", is_flag=True, help="Take results of another store that hold code.")
PDB_OPTION = click.option("--pdb", "debug", is_flag=True, help="Open the debugger where a step raises.")


def verb(
    *options: Callable[..., Any], project: bool = True
) -> Callable[[Callable[..., None]], click.Command]:
    """Make a verb of a function; the options that many verbs share reach it as one ``SharedOptions``.

    Args:
        options: the verb's own.
        project: whether it is asked of a project that is there.
    """

    def wrap(function: Callable[..., None]) -> click.Command:
        @functools.wraps(function)
        def called(**given: Any) -> None:
            asked = {f.name: given.pop(f.name) for f in fields(SharedOptions) if f.name in given}
            ask = SharedOptions(**{name: value for name, value in asked.items() if value is not None})
            click.get_current_context().obj["ask"] = ask
            function(ask, **given)

        for option in reversed((*options, *(_PROJECT_OPTIONS if project else ()), *_COMMON_OPTIONS)):
            option(called)
        command: click.Command = cli.command(called)
        return command

    return wrap


def parse_words(words: tuple[str, ...]) -> tuple[str, dict[str, Any]]:
    """Part ``[STEP] [key=value ...]``."""
    from magical.settings.layers import parse_overrides

    steps = [w for w in words if "=" not in w]
    if len(steps) > 1:
        raise UsageError(
            f"{len(steps)} steps were named: {', '.join(steps)}.", hint="name one; settings are key=value."
        )
    return (steps[0] if steps else ""), parse_overrides(w for w in words if "=" in w)
