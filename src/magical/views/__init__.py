"""Drawings of a workflow, all from one `picture`; documents, and their HTML.

`tree`, `mermaid`, `svg` and `page` each render a picture in one format. A `document` is sections of texts,
tables and `charts`; `document_page` renders it as HTML.
Door: `document`, `document_page`, `mermaid`, `page`, `picture`, `state_marks`, `svg`, `tree`.
"""
