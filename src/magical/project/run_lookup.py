"""Runs by name, by ``last``, or by the model that they registered."""

from __future__ import annotations

from magical.engine.protocols import Version
from magical.errors import UsageError, join_names
from magical.project.project_context import ProjectContext
from magical.project.reproduce.record import with_run_profile
from magical.report.run_evidence import RunEvidence
from magical.settings.secrets import mask_referenced_secrets

__all__ = ["find_evidence"]


def find_evidence(context: ProjectContext, name: str) -> RunEvidence:
    """Find what a run left behind, in the store that its profile names, and mask its secrets.

    Args:
        context: the project.
        name: the run's name, its beginning or end, or ``last``; ``champion`` or ``NAME/VERSION``
            for the run that registered that model.

    Raises:
        UsageError: there is no such run or model, or more than one.
    """
    if name == "champion" or "/" in name:
        version = _find_version(context, name)
        run, model = version.tags.get("magical.run", ""), f"{version.name} version {version.number}"
        if run not in context.journal.names():
            text = f"The run that registered {model} is not in this project: {run or 'it has no name'}."
            raise UsageError(text, hint="magical runs lists the runs that are.")
    else:
        run = context.journal.find(name)
    summary = context.journal.read(run)
    # Not left to drawing, which masks the secrets of the present settings: those of the run may be others.
    masked = mask_referenced_secrets(summary.settings, context.root)
    store = with_run_profile(context, summary.facts.get("profile", "")).store
    return RunEvidence(summary, context.journal, store, is_masked=masked)


def _find_version(context: ProjectContext, name: str) -> Version:
    """Find the champion, or the version that a name with a slash has."""
    versions = context.registry().versions()
    if name != "champion":
        found = [v for v in versions if f"{v.name}/{v.number}" == name]
        if not found:
            known = [f"{v.name}/{v.number}" for v in versions]
            raise UsageError.unknown("model version", name, known[:8])
        return found[0]
    champions = [v for v in versions if "champion" in v.aliases]
    if not champions:
        raise UsageError("No model is the champion.", hint="magical models lists the models.")
    if len(champions) > 1:
        names = join_names([f"{v.name}/{v.number}" for v in champions], 4)
        raise UsageError(f"{len(champions)} models are champions.", hint=f"say which: {names}.")
    return champions[0]
