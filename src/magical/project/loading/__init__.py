"""From a folder to a graph: find the project, import its code, resolve its settings, draw its workflow.

`graph_cache` remembers the drawing, so that an unchanged project is planned without importing it.
Door: `configuration`, `drawing`, `graph_cache`, `location`.
"""
