"""Drawings of a workflow: as text, Mermaid, SVG and an HTML page, all from one picture.

`picture` decides what is drawn; the other modules decide how.
Door: `mermaid`, `page`, `picture`, `state_marks`, `tree`.
"""
