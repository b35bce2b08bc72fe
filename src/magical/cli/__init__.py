"""The command ``magical``: one verb, one question.

`verbs` says what each verb asks and prints; `entry` runs one and ends it with the right exit code.
Door: this module.
"""

from magical.cli.entry import main

__all__ = ["main"]
