"""Output that fits a terminal.

`progress` prints one line for each step during a run; `fitted_table` fits a table into the width of a
terminal, and `document_text` a document.
Door: `document_text`, `fitted_table`, `progress`.
"""
