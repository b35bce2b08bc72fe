"""``magical reproduce``: whether an earlier run gives the same again, here or elsewhere."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from typing import Any

import click

from magical.cli.asking import TRUST, Ask, verb, words_of
from magical.errors import UsageError

__all__ = ["reproduce"]


@verb(click.argument("run"), click.argument("words", nargs=-1, metavar="[KEY=VALUE]..."), TRUST)
def reproduce(ask: Ask, run: str, words: tuple[str, ...]) -> None:
    """Run RUN (or "last", or an exported record) again in a fresh store, and compare."""
    from magical.project.reproduce.outcome import changes_text
    from magical.project.reproduce.reproduce import reproduce as again
    from magical.report.progress import Console

    step, line = words_of(words)
    if step:
        raise UsageError(f"reproduce repeats a whole run, not {step!r} by itself.", hint="take it off.")

    def tell(name: str, changes: Sequence[Any]) -> None:
        if not ask.as_json:
            click.echo(changes_text(name, changes), err=True)

    with contextlib.redirect_stdout(sys.stderr):  # what steps print must not mix with the answer
        found = again(ask.open(), run, line, (Console(),), tell)
    ask.say(found.to_json(), lambda: found.told)
    if not found.agrees:
        sys.exit(1)
