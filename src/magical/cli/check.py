"""``magical check``: whether a design holds together."""

from __future__ import annotations

import contextlib
import sys

import click

from magical.cli.asking import Ask, verb, words_of
from magical.errors import UsageError

__all__ = ["check"]


@verb(
    click.argument("words", nargs=-1, metavar="[KEY=VALUE]..."),
    click.option("--hard", is_flag=True, help="Call each written step with 0, 1 and 200 made-up rows, too."),
)
def check(ask: Ask, words: tuple[str, ...], hard: bool) -> None:
    """Say what is weak, unused or unwritten in the design, without running it."""
    from magical.project.checking import check as checked

    step, line = words_of(words)
    if step:
        raise UsageError(f"check looks at the whole design, not at {step!r} by itself.", hint="take it off.")
    with contextlib.redirect_stdout(sys.stderr):  # what bodies print must not mix with the answer
        found = checked(ask.open(), line, hard)
    ask.say(found.to_json(), lambda: str(found))
    if found.failed:
        sys.exit(1)
