"""Text, JSON and pages of runs, plans, settings and models.

`text` formats whole answers; `progress` prints one line for each step during a run; `fitted_table` fits a
table into a terminal, and `document_text` a document;
`column_summary` summarizes the columns of a table. `report_files` are the reports of runs on disk, which
`run_report` builds from `run_evidence`; `run_comparison` compares two runs.
Door: `column_summary`, `document_text`, `fitted_table`, `progress`, `report_files`,
`run_comparison`, `run_evidence`, `text`, `value_blocks`.
"""
