"""Text and JSON of runs, plans, settings and models, for the command.

`text` formats whole answers; `progress` prints one line for each step during a run; `listings` are plans and
runs for Python; `fitted_table` fits a table into a terminal.
Door: `fitted_table`, `listings`, `progress`, `text`.
"""
