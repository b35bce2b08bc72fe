"""A project: found on disk, drawn, planned, run, and asked about."""

from magical.project.project import Project, load
from magical.project.result import Run

__all__ = ["Project", "Run", "load"]
