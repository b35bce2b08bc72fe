"""Flow runs that a killed process, or a server that was away, left open in Prefect: tell how they ended."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from magical.engine.journal import Journal, RunSummary
from magical.masking import mask_uris
from magical.system.atomic_files import write_text
from magical.system.processes import machine_name, is_process_alive

__all__ = ["FlowMarks", "settle", "unheard"]

State = tuple[str, str]
"""Of Prefect's: its type and its name."""

_STATES = {
    "done": ("COMPLETED", "Completed"),
    "failed": ("FAILED", "Failed"),
    "stopped": ("CANCELLED", "Cancelled"),
}
_CRASHED = ("CRASHED", "Crashed")
_ENDS = {
    "StepFinished": ("COMPLETED", "Completed"),
    "StepCached": ("COMPLETED", "Cached"),
    "StepLeftOut": ("CANCELLED", "LeftOut"),
    "StepFailed": ("FAILED", "Failed"),
    "StepPending": ("FAILED", "Failed"),
}
_WHY = {_CRASHED: "its process had gone"}
_FINAL = {"COMPLETED", "CANCELLED", "FAILED", "CRASHED"}
_PAGE = 200


class Settled(Protocol):
    """The part of a project that settling needs."""

    @property
    def journal(self) -> Journal:
        """Where its runs are told."""


class FlowMarks:
    """Keeps, beside a run's journal, which flow run shows it, until that has ended in Prefect, too.

    Args:
        folder: of the journal's runs.
    """

    NAME = "prefect.json"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def note(self, run: str, server: str, flow_run: str, ended: bool) -> None:
        """Note the flow run of a run, or that nothing is left to be said about it."""
        path = self.folder / run / self.NAME
        if ended:
            path.unlink(missing_ok=True)
        elif path.parent.is_dir():
            write_text(path, json.dumps({"server": mask_uris(server), "flow_run": flow_run}))

    def open(self, run: str = "*") -> Iterator[tuple[str, str, str]]:
        """Give the runs, or the one, whose flow runs may be open: name, server, flow run."""
        for path in sorted(self.folder.glob(f"{run}/{self.NAME}")):
            try:
                said = json.loads(path.read_text(encoding="utf-8"))
                yield path.parent.name, said["server"], said["flow_run"]
            except (OSError, ValueError, KeyError, TypeError):
                continue


def settle(project: Settled, server: str = "") -> list[str]:
    """Tell Prefect how the runs ended that it still shows as running, and their steps; give their names.

    A run whose process is gone without a word is marked crashed, with the steps that were under way. What
    the server did not hear of is told as the journal has it.

    Args:
        project: whose runs.
        server: one API of Prefect's, or empty for all. Where none answers, or it wants a password that is in
            its address and so in no mark, it is left for the next time.
    """
    marks, done, answers = FlowMarks(project.journal.folder), [], cache(_answers)
    for run, where, flow_run in marks.open():
        if mask_uris(server) not in ("", where) or not answers(where := server or where):
            continue
        with contextlib.suppress(Exception):  # a server is away, or the disk is: nobody's run may fail for it
            summary = project.journal.read(run)
            ends = {e["step"]: _ENDS[e["event"]] for e in project.journal.events(run) if e["event"] in _ENDS}
            if _is_over(summary) and _settle(where, flow_run, _STATES.get(summary.state, _CRASHED), ends):
                marks.note(run, where, flow_run, True)
                done.append(run)
    return done


def unheard(journal: Journal, run: str) -> str:
    """Say that Prefect has not heard how a run ended; empty if it has, or need not."""
    found = list(FlowMarks(journal.folder).open(run)) if run else []
    return "".join(
        f"Prefect's server at {server.removesuffix('/api')} went away meanwhile.\n"
        "Hint: magical sync tells it the rest."
        for _, server, _ in found
    )


def _answers(server: str) -> bool:
    """Whether a server is there; what settles would wait for minutes for one that takes calls in silence."""
    from magical.integrations.prefect.flow_run import reach

    with contextlib.suppress(Exception):
        reach(server)
        return True
    return False


def _is_over(run: RunSummary) -> bool:
    machine, process = run.facts.get("host", ""), run.facts.get("process", 0)
    if not process or machine != machine_name():
        return run.state != "killed"
    return not is_process_alive(process) or run.state != "killed"


def _settle(server: str, flow_run: str, how: State, ends: Mapping[str, State]) -> bool:
    """Tell of one flow run and its tasks; not of the one that this code runs in, which has begun again."""
    import uuid

    from magical.integrations.prefect.flow_run import talking_to

    with talking_to(server):
        from prefect.client.orchestration import get_client
        from prefect.context import FlowRunContext
        from prefect.exceptions import ObjectNotFound

        inside = FlowRunContext.get()
        if inside is not None and inside.flow_run is not None and str(inside.flow_run.id) == flow_run:
            return False
        with get_client(sync_client=True, httpx_settings={"timeout": 10.0}) as client:
            try:
                found = client.read_flow_run(uuid.UUID(flow_run))
            except ObjectNotFound:
                return True
            _settle_tasks(client, found.id, ends)
            if found.state is None or found.state.type.value not in _FINAL:
                client.set_flow_run_state(found.id, _state(how), force=True)
    return True


def _settle_tasks(client: Any, flow_run: Any, ends: Mapping[str, State]) -> None:
    """Those that the server knows get their ends, and those that it never heard of are entered."""
    from prefect import Task

    known = {task.name: task for task in _tasks(client, flow_run)}
    for name, task in known.items():
        if task.state is None or task.state.type.value not in _FINAL:
            client.set_task_run_state(task.id, _state(ends.get(name, _CRASHED)), force=True)
    for name, end in ends.items():
        if name not in known:
            task = Task(_nothing, name=name)
            client.create_task_run(task, flow_run, dynamic_key=name, name=name, state=_state(end))


def _tasks(client: Any, flow_run: Any) -> Iterator[Any]:
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
    from prefect.client.schemas.sorting import TaskRunSort

    which = FlowRunFilter(id=FlowRunFilterId(any_=[flow_run]))
    offset, page = 0, [None] * _PAGE
    while len(page) == _PAGE:
        page = client.read_task_runs(
            flow_run_filter=which, sort=TaskRunSort.EXPECTED_START_TIME_ASC, limit=_PAGE, offset=offset
        )
        yield from page
        offset += _PAGE


def _state(end: State) -> Any:
    from prefect.client.schemas.objects import State, StateType

    kind, name = end
    return State(type=StateType(kind), name=name, message=_WHY.get(end, "told afterwards"))


def _nothing() -> None:
    """Stand for a step's body, which has run."""
