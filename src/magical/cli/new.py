"""``magical new``: write a project that runs at once."""

from __future__ import annotations

import click

from magical.cli.asking import Ask, verb

__all__ = ["new"]


@verb(
    click.argument("name"),
    click.option("--data", default="", metavar="FILE", help="Infer the contracts from these rows."),
    click.option("--target", default="", metavar="COLUMN", help="The column to be predicted."),
    project=False,
)
def new(ask: Ask, name: str, data: str, target: str) -> None:
    """Write a project: from a file to a scored model, or a design whose steps are all unwritten."""
    from magical.project.scaffold.create import create

    made = create(name, data, target)
    ask.say(made.to_json(), lambda: str(made))
