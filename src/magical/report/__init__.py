"""Text and JSON of runs, plans, settings and models, for the command.

`text` formats whole answers; `progress` prints one line for each step during a run; `fitted_table` fits a
table into a terminal, and `document_text` a document; `column_summary` summarizes the columns of a table.
Door: `column_summary`, `document_text`, `fitted_table`, `progress`, `run_comparison`,
`run_evidence`, `text`, `value_blocks`.
"""
