"""A project: found on disk, drawn, planned, run, and asked about.

`project` has the verbs of the command as methods; each verb's work is in a module or folder of its own.
Door: `checking`, `fit`, `gc`, `inspection`, `loading`, `looking`, `project_context`, `replay`, `reporting`,
`reproduce`, `run_setup`, `scaffold`, `scoring`, `servers`.
"""

from magical.project.project import Project, load
from magical.project.result import Run

__all__ = ["Project", "Run", "load"]
