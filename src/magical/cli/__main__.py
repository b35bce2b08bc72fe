"""The command as a module: ``python -m magical.cli``."""

from magical.cli import main

main()
