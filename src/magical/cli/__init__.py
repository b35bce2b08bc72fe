"""The command ``magical``."""

from magical.cli.ending import main

__all__ = ["main"]
