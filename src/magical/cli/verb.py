"""The decorator ``verb``, the options that verbs share, and the parser of their words."""

from __future__ import annotations

import functools
import json
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from magical.errors import SettingsError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from magical.project import Project
    from magical.project.project_context import ProjectContext

__all__ = [
    "PAGE_OPTIONS",
    "PDB_OPTION",
    "PRETEND_OPTION",
    "REGISTER_OPTION",
    "ROWS_OPTION",
    "SAMPLE_OPTION",
    "TRUST_OPTION",
    "SharedOptions",
    "cli",
    "open_page",
    "parse_overrides",
    "parse_words",
    "verb",
]


_ROWS_HINT = "--pretend sources, or --pretend all."
# The order in the help is the order in which a project needs them; the rest follow as they are defined.
_FIRST_VERBS = ("run", "pretend", "plan", "show", "check", "new", "fit", "look", "why", "inspect", "report")


class _VerbGroup(click.Group):
    """The group of all verbs; for an unknown verb it suggests the nearest."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(dict.fromkeys((*_FIRST_VERBS, *self.commands)))

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
    """The options that verbs share.

    Attributes:
        path: the project's folder or file.
        profile: the name of a file in ``profiles``, or of a built-in profile.
        sample: the rows taken of each source; 0 for all.
        pretend: the steps that are pretended beside unwritten ones: ``sources``, ``all``, or empty for none.
        rows: the rows of a pretended table.
        trust: True to load results of another store that contain code.
        register: True to register also with other settings than those of the files.

    Example:
        >>> SharedOptions(as_json=True).print_answer({"fresh": 3}, str)
        {
          "fresh": 3
        }
    """

    path: str = "."
    profile: str = ""
    as_json: bool = False
    sample: int = 0
    pretend: str = ""
    rows: int = 1000
    trust: bool = False
    register: bool = False
    traceback: bool = False

    def open_context(self, overrides: Mapping[str, Any] | None = None) -> ProjectContext:
        """Open the project for this command, with overrides from the command line."""
        from magical.project.project_context import open_context

        return open_context(self.open_project().options, overrides)

    def open_project(self) -> Project:
        """Load the project with its profile, sample and pretence."""
        from magical.project import load

        project = load(
            self.path,
            profile=self.profile,
            sample=self.sample,
            trust=self.trust,
            register=self.register,
        )
        if not self.pretend:
            if self.rows != SharedOptions.rows:
                raise UsageError(
                    "--rows goes with --pretend: nothing is pretended without it.", hint=_ROWS_HINT
                )
            return project
        from magical.engine.pretend_plan import Pretence

        return project.with_pretence(Pretence(self.pretend, self.rows))

    def format_trace(self, error: BaseException) -> list[str]:
        """Format the lines below a message: the author's own frames, with ``--traceback`` all of them."""
        from magical.system.tracebacks import format_frames, format_trace

        texts = [format_frames(error), format_trace(error) if self.traceback else ""]
        return [text for text in texts if text]

    def print_answer(self, answer: Any, format_text: Callable[[], str]) -> None:
        """Print an answer as JSON or as text."""
        as_json = partial(json.dumps, answer, indent=2, ensure_ascii=False, default=str)
        click.echo(as_json() if self.as_json else format_text())


_PROJECT_OPTIONS = (
    click.option("--project", "path", default=".", metavar="PATH", help="The project's folder or file."),
    click.option(
        "--profile",
        default="",
        metavar="NAME",
        help="Take settings from profiles/NAME.toml; prefect and dask need no file.",
    ),
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
    "--pretend", type=click.Choice(["sources", "all"]), help="Look at what magical pretend (--all) pretended."
)
ROWS_OPTION = click.option(
    "--rows", type=click.IntRange(min=1), metavar="N", help="Rows of a generated table; 1000 unless given."
)
TRUST_OPTION = click.option("--trust", is_flag=True, help="Take results of another store that hold code.")
REGISTER_OPTION = click.option(
    "--register", is_flag=True, help="Register, also with other settings than those of the files."
)
PAGE_OPTIONS = (
    click.option("--output", "file", metavar="FILE", help="Write the answer as one HTML page."),
    click.option("--open", "opens", is_flag=True, help="Open the page in the browser."),
)
PDB_OPTION = click.option("--pdb", "debug", is_flag=True, help="Open the debugger where a step raises.")


def verb(
    *options: Callable[..., Any], project: bool = True
) -> Callable[[Callable[..., None]], click.Command]:
    """Turn a function into a verb; it gets the shared options as one ``SharedOptions``.

    Args:
        options: the verb's own arguments and options.
        project: whether the verb works on an existing project.
    """

    def wrap(function: Callable[..., None]) -> click.Command:
        @functools.wraps(function)
        def callback(**given: Any) -> None:
            shared = {f.name: given.pop(f.name) for f in fields(SharedOptions) if f.name in given}
            # click passes None for an option that was not given; the default is the class's.
            parsed = SharedOptions(**{name: value for name, value in shared.items() if value is not None})
            click.get_current_context().obj["options"] = parsed  # the handler of errors in `entry` reads them
            function(parsed, **given)

        # Decorators apply from the last to the first; the help lists options in the order given here.
        for option in reversed((*options, *(_PROJECT_OPTIONS if project else ()), *_COMMON_OPTIONS)):
            option(callback)
        command: click.Command = cli.command(callback)
        return command

    return wrap


def open_page(path: Path) -> None:
    """Open a page in the browser."""
    import webbrowser

    webbrowser.open(path.absolute().as_uri())


def parse_words(words: tuple[str, ...]) -> tuple[str, dict[str, Any]]:
    """Split ``[STEP] [key=value ...]`` into the step and the overrides of settings.

    Example:
        >>> parse_words(("clean", "max_age=80"))
        ('clean', {'max_age': 80})
    """
    steps = [w for w in words if "=" not in w]
    if len(steps) > 1:
        raise UsageError(
            f"{len(steps)} steps were named: {', '.join(steps)}.", hint="name one; settings are key=value."
        )
    return (steps[0] if steps else ""), parse_overrides(w for w in words if "=" in w)


def parse_overrides(words: Iterable[str]) -> dict[str, Any]:
    """Parse ``key=value`` words; keys may be dotted, values are TOML or else plain text.

    Raises:
        SettingsError: a word has no ``=``, or a key is given as a value and as a group.

    Example:
        >>> parse_overrides(["max_age=80", "split.seed=3", "name=PhD"])
        {'max_age': 80, 'split': {'seed': 3}, 'name': 'PhD'}
    """
    from magical.settings.layers import nest_keys

    pairs = []
    for word in words:
        key, equals, text = word.partition("=")
        if not equals or not key:
            raise SettingsError(
                f"{word!r} is neither an option nor key=value.", hint="write it as key=value."
            )
        pairs.append((key, _parse_value(text)))
    return nest_keys(pairs)


def _parse_value(text: str) -> Any:
    """Parse a value as TOML, or as null; any other text stays as it is, marked as the command line's."""
    from magical.settings.paths import CommandLineText

    if text in ("null", "None"):
        return None
    try:
        # In brackets, since what follows a bare value (a comment, a second line) would be dropped in silence.
        (value,) = tomllib.loads(f"value = [{text},]")["value"]
        return _mark_texts(value, text)
    except ValueError:
        return CommandLineText(text)


def _mark_texts(value: Any, text: str = "") -> Any:
    """Mark the texts in a value as the command line's; a date is replaced by its ``text``, marked too."""
    from magical.settings.paths import CommandLineText

    if isinstance(value, str):
        return CommandLineText(value)
    if isinstance(value, list):
        return [_mark_texts(v) for v in value]
    if isinstance(value, dict):
        return {k: _mark_texts(v) for k, v in value.items()}
    return value if isinstance(value, (bool, int, float)) else CommandLineText(text or value)
