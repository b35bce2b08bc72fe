"""The verb ``show``: the steps of a workflow, their data and their states."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from magical.cli.verb import REGISTER_OPTION, SAMPLE_OPTION, SharedOptions, parse_words, verb
from magical.errors import UsageError

if TYPE_CHECKING:
    from magical.graph import Graph
    from magical.views.picture import Picture

__all__ = ["show_command"]


@verb(
    click.argument("words", nargs=-1, metavar="[KEY=VALUE]..."),
    click.option("--mermaid", "form", flag_value="mermaid", help="Print the drawing as Mermaid text."),
    click.option("--settings", "form", flag_value="settings", help="Show the settings, and who set each."),
    click.option(
        "--html",
        "file",
        is_flag=False,
        flag_value="",
        metavar="[FILE]",
        help="Write the drawing as one HTML page, to .magical/show.html if no FILE is named.",
    ),
    SAMPLE_OPTION,
    REGISTER_OPTION,
)
def show_command(options: SharedOptions, words: tuple[str, ...], form: str | None, file: str | None) -> None:
    """Show the steps and their data, with the state of each step."""
    if file is not None and form:
        raise UsageError(f"--html and --{form} are two answers.", hint="ask for one of them.")
    if file and "=" in file:  # show --html max_age=80: click takes the setting for the optional FILE
        words, file = (file, *words), ""
    step, overrides = parse_words(words)
    if step:
        raise UsageError(f"show draws the whole workflow, not {step!r}.", hint=f"magical inspect {step}")
    context = options.open_context(overrides)
    drawn = context.draw().drawn
    if form == "settings":
        from magical.report.text import settings_text

        groups, layers = context.configuration.given_groups, dict(context.configuration.group_layers)
        spoken = dict(drawn.setting_layers)
        answer = {"settings": drawn.settings, "spoken": spoken, "groups": groups, "group_layers": layers}
        return options.print_answer(
            answer, lambda: settings_text(drawn.settings | groups, {**spoken, **layers})
        )
    picture = context.picture()
    if file is not None:
        return _write_page(options, picture, Path(file) if file else context.home / "show.html")
    answer = _build_answer(drawn.graph, picture) if options.as_json else {}
    return options.print_answer(answer, _make_renderer(picture, form))


def _build_answer(graph: Graph, picture: Picture) -> dict[str, Any]:
    steps = {node.name: step for node, step in zip(graph.nodes, picture.steps, strict=True)}
    return {
        **graph.to_json(),
        "states": {name: s.status.state for name, s in steps.items()},
        "origin": {name: list(s.status.origin) for name, s in steps.items() if s.status.origin},
        "groups": {name: s.group for name, s in steps.items()},
        "notes": list(picture.notes),
    }


def _make_renderer(picture: Picture, form: str | None) -> Callable[[], str]:
    """Return a function that renders the picture: as Mermaid text, or as a tree that fits the terminal."""
    if form == "mermaid":
        from magical.views.mermaid import render_mermaid

        return partial(render_mermaid, picture)
    from magical.views.tree import DEFAULT_WIDTH, render_tree

    if not sys.stdout.isatty():
        return partial(render_tree, picture, DEFAULT_WIDTH)
    import shutil

    colour = "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
    return partial(render_tree, picture, shutil.get_terminal_size((DEFAULT_WIDTH, 24)).columns, colour)


def _write_page(options: SharedOptions, picture: Picture, path: Path) -> None:
    import time

    from magical.system.atomic_files import wrap_disk_errors
    from magical.views.page import render_page

    with wrap_disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(render_page(picture, time.strftime("%Y-%m-%d %H:%M")), encoding="utf-8")
    options.print_answer(
        {"file": str(path.absolute())}, lambda: f"{picture.workflow} is drawn in {_shorten_path(path)}."
    )


def _shorten_path(path: Path) -> str:
    """Return the path relative to the working directory if it lies inside, else the absolute path."""
    relative = os.path.relpath(path)
    return str(path.absolute()) if relative.startswith("..") else relative
