"""Text, JSON and pages of runs, plans, settings and models.

`text` formats whole answers; `terminal` fits documents, tables and progress into a terminal;
`column_summary` summarizes the columns of a table; `value_blocks` shows values. `report_files` are the
reports of runs on disk, which `run_report` builds from `run_evidence` by the functions in `sections`;
`run_comparison` compares two runs.
Door: `column_summary`, `report_files`, `run_comparison`, `run_evidence`, `terminal`, `text`, `value_blocks`.
"""
