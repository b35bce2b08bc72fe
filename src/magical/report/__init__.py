"""Text and JSON of runs, plans, settings and models, for the command.

`text` formats whole answers; `progress` prints one line for each step during a run.
Door: `progress`, `text`.
"""
