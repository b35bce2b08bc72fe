"""The command ``magical``, with one function for each verb.

`verb` defines shared options, `verbs` and `show_verb` the verbs; `entry` runs one and sets the exit code.
Door: this module.
"""

from magical.cli.entry import main

__all__ = ["main"]
