"""Text and JSON of runs, plans, settings and models, for the command.

`text` formats whole answers; `progress` prints one line for each step during a run; `listings` are plans and
runs for Python; `fitted_table` fits a table into a terminal, and `document_text` a document;
`column_summary` summarizes the columns of a table. `report_files` are the reports of runs on disk: `run_report`
builds one from `run_evidence`, by the functions in `sections`.
Door: `column_summary`, `document_text`, `fitted_table`, `listings`, `progress`, `report_files`, `text`,
`value_blocks`.
"""
