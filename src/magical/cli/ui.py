"""``magical ui``: the pages of Prefect and MLflow, for as long as one looks at them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import click

from magical.cli.asking import Ask, verb

__all__ = ["ui"]


def _port(name: str, default: int) -> Callable[..., Any]:
    return click.option(
        f"--{name.lower()}-port",
        type=click.IntRange(0, 65535),
        default=default,
        metavar="N",
        help=f"Port of {name}, {default} unless given; 0 for any that is free.",
    )


@verb(_port("Prefect", 4200), _port("MLflow", 5000))
def ui(ask: Ask, prefect_port: int, mlflow_port: int) -> None:
    """Start the pages of Prefect and MLflow, and stop them with Ctrl-C."""
    from magical.project.servers.ui import UIs

    try:
        with UIs(ask.open(), prefect_port=prefect_port, mlflow_port=mlflow_port) as uis:
            click.echo(json.dumps(uis.addresses) if ask.as_json else str(uis))
            uis.watch()
    except KeyboardInterrupt:  # it is how one ends it
        click.echo("Stopped.", err=True)
