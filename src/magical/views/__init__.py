"""Drawings of a workflow: as text, Mermaid, SVG and an HTML page, all from one picture.

`picture` has the nodes and edges; each other module renders them in one format.
Door: `document`, `mermaid`, `page`, `picture`, `state_marks`, `tree`.
"""
