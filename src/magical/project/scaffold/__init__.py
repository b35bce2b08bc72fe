"""`magical new` and `magical fit`: write a project that runs at once, from a file with rows or from nothing.

`given_columns` checks what options say of the file, `infer_project` decides what the workflow does with it,
`create` writes it; `fit_folder` writes one again.
Door: `create`, `fit_folder`, `project_options`.
"""
