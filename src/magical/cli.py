"""The command: one verb, one question."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

import click

from magical.engine.collecting import pause, resume
from magical.errors import MagicalError, UsageError, did_you_mean

if TYPE_CHECKING:
    from magical.engine.ports import Registry
    from magical.project import Project

__all__ = ["main"]


class _Verbs(click.Group):
    """The verbs, in the order in which a project needs them; an unknown one gets the nearest."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.commands:
            raise UsageError.unknown("verb", args[0], list(self.commands))
        return super().resolve_command(ctx, args)


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="magical-thinking", message="%(version)s")
def cli() -> None:
    """Design the data-science project you wish you had; make it real one step at a time."""


def _common(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that every verb takes."""
    for option in (
        click.option("--project", "path", default=".", metavar="PATH", help="The project's folder or file."),
        click.option("--profile", default="", metavar="NAME", help="Take settings from profiles/NAME.toml."),
        click.option("--json", "as_json", is_flag=True, help="Answer as JSON."),
    ):
        function = option(function)
    return function


def _open(path: str, profile: str) -> Project:
    from magical.project import load

    return load(path, profile=profile)


def _option(project: Project) -> str:
    """What to add to a command so that it finds the project from here."""
    here = os.path.relpath(project.root)
    return "" if here == "." else f" --project {here}"


def _words(words: tuple[str, ...]) -> tuple[str, dict[str, Any]]:
    """Part ``[STEP] [key=value ...]``."""
    from magical.settings.layers import parse_line

    steps = [w for w in words if "=" not in w]
    if len(steps) > 1:
        raise UsageError(
            f"{len(steps)} steps were named: {', '.join(steps)}.", hint="name one; settings are key=value."
        )
    return (steps[0] if steps else ""), parse_line(w for w in words if "=" in w)


def _say(answer: Any, as_json: bool, text: Callable[[], str]) -> None:
    click.echo(json.dumps(answer, indent=2, ensure_ascii=False, default=str) if as_json else text())


@cli.command()
@click.argument("words", nargs=-1, metavar="[STEP] [KEY=VALUE]...")
@_common
def run(words: tuple[str, ...], path: str, profile: str, as_json: bool) -> None:
    """Run what is not fresh, up to STEP or all of it."""
    project = _open(path, profile)
    step, line = _words(words)
    from magical.listeners.console import Console

    with contextlib.redirect_stdout(sys.stderr):  # what steps print must not mix with the answer
        result = project.execute(step, line, (Console(),))
    graph = project.drawn(line).graph
    from magical.listeners.summary import run_json, run_text

    _say(run_json(graph, result), as_json, lambda: run_text(graph, result, _option(project)))
    if result.errors or any(f.severity == "error" for f in graph.findings):
        sys.exit(1)


@cli.command()
@click.argument("words", nargs=-1, metavar="[STEP] [KEY=VALUE]...")
@_common
def plan(words: tuple[str, ...], path: str, profile: str, as_json: bool) -> None:
    """Say what a run would do, without doing it."""
    project = _open(path, profile)
    step, line = _words(words)
    plans = project.plan(step, **line)
    from magical.listeners.summary import plan_text

    answer = [
        {"step": p.name, "state": p.state, "key": p.key, "after": list(p.after)} for p in plans.values()
    ]
    _say(answer, as_json, lambda: plan_text(project.drawn(line).graph, plans))


@cli.command()
@click.argument("words", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--mermaid", "form", flag_value="mermaid", help="Give the graph as Mermaid text.")
@click.option("--settings", "form", flag_value="settings", help="Show the settings, and who set each.")
@_common
def show(words: tuple[str, ...], form: str | None, path: str, profile: str, as_json: bool) -> None:
    """Show the graph with the state of each step."""
    project = _open(path, profile)
    line = _words(words)[1]
    drawn = project.drawn(line)
    from magical.listeners.summary import settings_text, tree_text

    if form == "settings":
        answer = {"settings": drawn.settings, "spoken": dict(drawn.spoken)}
        return _say(answer, as_json, lambda: settings_text(drawn.settings, drawn.spoken))
    states = {name: p.state for name, p in project.plan(**line).items()}
    answer = {**drawn.graph.to_json(), "states": states}
    text = drawn.graph.mermaid if form == "mermaid" else partial(tree_text, drawn.graph)
    return _say(answer, as_json, lambda: text(states))


@cli.command()
@click.argument("step")
@click.argument("words", nargs=-1, metavar="[KEY=VALUE]...")
@_common
def why(step: str, words: tuple[str, ...], path: str, profile: str, as_json: bool) -> None:
    """Say why STEP runs again, or why it ran the last time."""
    answer = _open(path, profile).why(step, **_words(words)[1])
    _say(answer.to_json(), as_json, lambda: str(answer))


@cli.command()
@click.argument("step")
@click.argument("words", nargs=-1, metavar="[KEY=VALUE]...")
@_common
def inspect(step: str, words: tuple[str, ...], path: str, profile: str, as_json: bool) -> None:
    """Show what STEP gave: its table or value, and what it kept."""
    from magical.project.inspection import inspect_step

    seen = inspect_step(_open(path, profile), step, _words(words)[1])
    _say(seen.to_json(), as_json, lambda: str(seen))


@cli.command()
@click.argument("name", required=False, default="", metavar="[RUN]")
@_common
def runs(name: str, path: str, profile: str, as_json: bool) -> None:
    """List the runs, or show one."""
    project = _open(path, profile)
    from magical.listeners.summary import runs_json, runs_text

    if name:
        summary = project.journal.read(project.journal.find(name))
        return _say(runs_json([summary])[0], as_json, lambda: runs_text([summary], full=True))
    found = project.runs()
    return _say(runs_json(found), as_json, lambda: runs_text(found))


@cli.command()
@click.argument("name", required=False, default="", metavar="[MODEL]")
@click.option("--promote", metavar="VERSION", default="", help="Point the alias champion at this version.")
@click.option("--rollback", is_flag=True, help="Point the alias champion back at the champion before.")
@_common
def models(name: str, path: str, profile: str, as_json: bool, **move: Any) -> None:
    """List the registered models with their versions and aliases, or move the alias by hand."""
    project = _open(path, profile)
    from magical.listeners.summary import models_json, models_text

    registry = project.registry()
    if any(move.values()):
        _move_alias(registry, name, **move)
    found = registry.versions(name)
    _say(models_json(found), as_json, lambda: models_text(found))


def _move_alias(registry: Registry, name: str, promote: str, rollback: bool) -> None:
    if promote and rollback:
        raise UsageError("--promote and --rollback both move the alias.", hint="give one of them.")
    known = registry.versions()
    found = [v for v in known if name in ("", v.name)]
    names = list(dict.fromkeys(v.name for v in known))
    if not found:
        raise (
            UsageError.unknown("model", name, names)
            if name
            else UsageError("There is no model yet.", hint="magical run")
        )
    if not name and len(names) > 1:
        raise UsageError(f"There are {len(names)} models.", hint=f"name one of: {', '.join(names[:12])}.")
    if rollback:
        registry.rollback(found[0].name)
        return
    chosen = next((v for v in found if v.number == promote.removeprefix("v")), None)
    if chosen is None:
        raise UsageError.unknown("version", promote, [v.number for v in found])
    registry.alias(chosen, "champion")


@cli.command()
@_common
def sync(path: str, profile: str, as_json: bool) -> None:
    """Send what MLflow's tracking or registry missed while it was down."""
    project = _open(path, profile)
    from magical.listeners.console import Console

    with contextlib.redirect_stdout(sys.stderr):  # what steps print must not mix with the answer
        done = project.sync((Console(),))
    _say(done.to_json(), as_json, lambda: str(done))
    if done.failed:
        sys.exit(1)


def main() -> None:
    """Run the command: exit code 0 if all is fine, 1 if the project failed, 2 if the call is wrong."""
    os.environ.setdefault("DO_NOT_TRACK", "true")
    pause()
    try:
        cli.main(standalone_mode=False)
    except MagicalError as error:
        _fail(str(error), error.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        sys.exit(2)
    except click.ClickException as error:
        _fail(_wording(error), 2)
    except (click.Abort, KeyboardInterrupt):
        _fail("Stopped. What is finished is kept; magical run goes on from there.", 130)
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


def _fail(text: str, code: int) -> NoReturn:
    click.echo(text, err=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
