"""The command ``magical``."""

from magical.cli.entry import main

__all__ = ["main"]
