"""Reconciliation of orphaned flow runs, which a killed process or an absent server left open in Prefect."""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from magical.engine.journal import Journal, RunSummary
from magical.integrations.prefect.flow_run import check_server, make_state, use_server
from magical.masking import mask_uris
from magical.system.atomic_files import write_text
from magical.system.file_locks import do_nothing
from magical.system.processes import is_process_alive, machine_name
from magical.system.state_files import read_state

__all__ = ["OpenFlowRuns", "describe_open_flow_run", "reconcile_flow_runs"]

StateName = tuple[str, str]
"""The type and the name of a state of Prefect."""

_RUN_STATES = {
    "done": ("COMPLETED", "Completed"),
    "failed": ("FAILED", "Failed"),
    "stopped": ("CANCELLED", "Cancelled"),
}
_CRASHED = ("CRASHED", "Crashed")
_STEP_STATES = {
    "StepFinished": ("COMPLETED", "Completed"),
    "StepCached": ("COMPLETED", "Cached"),
    "StepLeftOut": ("CANCELLED", "LeftOut"),
    "StepFailed": ("FAILED", "Failed"),
    "StepPending": ("FAILED", "Failed"),
}
_MESSAGES = {_CRASHED: "its process had gone"}
_FINAL_STATES = {"COMPLETED", "CANCELLED", "FAILED", "CRASHED"}
_PAGE_SIZE = 200


class HasJournal(Protocol):
    """The part of a project that reconciliation needs."""

    @property
    def journal(self) -> Journal:
        """The journal of the project's runs."""


class OpenFlowRuns:
    """Marks beside the journals of runs: each names the flow run of a run until Prefect knows its end.

    Args:
        folder: the folder of the journal's runs.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     marks = OpenFlowRuns(Path(folder))
        ...     (marks.folder / "run-1").mkdir()
        ...     marks.note("run-1", "http://127.0.0.1:4200/api", "7", ended=False)
        ...     list(marks.find_open())
        [('run-1', 'http://127.0.0.1:4200/api', '7')]
    """

    NAME = "prefect.json"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def note(self, run: str, server: str, flow_run: str, ended: bool) -> None:
        """Write the mark of a run, or delete it if the flow run has ended."""
        path = self.folder / run / self.NAME
        if ended:
            path.unlink(missing_ok=True)
        elif path.parent.is_dir():
            write_text(path, json.dumps({"server": mask_uris(server), "flow_run": flow_run}))

    def find_open(self, run: str = "*") -> Iterator[tuple[str, str, str]]:
        """Yield the name, the server and the flow run's id of each marked run, or of the named run only."""
        for path in sorted(self.folder.glob(f"{run}/{self.NAME}")):
            mark = read_state(path, lambda m: (str(m["server"]), str(m["flow_run"])), self.folder)
            if mark is not None:
                yield path.parent.name, *mark


def reconcile_flow_runs(project: HasJournal, server: str = "") -> list[str]:
    """End the flow runs that Prefect still shows as running, and their tasks; return the names of the runs.

    A run whose process has ended without an event is marked as crashed, with the steps under way. All other
    states are set as the journal has them.

    Args:
        project: the project of the runs.
        server: the address of one API of Prefect's, or empty for all. A flow run stays marked, for the next
            time, if its server does not answer, or needs a password, which no mark contains.
    """
    marks, done, is_reachable = OpenFlowRuns(project.journal.folder), [], cache(_is_reachable)
    for run, api, flow_run in marks.find_open():
        if mask_uris(server) not in ("", api) or not is_reachable(api := server or api):
            continue
        with contextlib.suppress(Exception):  # no run of the user may fail because of an old one
            summary = project.journal.read(run)
            ends = {
                e["step"]: _STEP_STATES[e["event"]]
                for e in project.journal.events(run)
                if e["event"] in _STEP_STATES
            }
            state = _RUN_STATES.get(summary.state, _CRASHED)
            if _is_finished(summary) and _reconcile_flow_run(api, flow_run, state, ends):
                marks.note(run, api, flow_run, True)  # at the end: after a kill, it is done again
                done.append(run)
    return done


def describe_open_flow_run(journal: Journal, run: str) -> str:
    """Return a warning if Prefect does not know how a run ended, else an empty text."""
    found = list(OpenFlowRuns(journal.folder).find_open(run)) if run else []
    return "".join(
        f"Prefect's server at {server.removesuffix('/api')} was lost during the run.\n"
        "Hint: magical sync sends it the missing states."
        for _, server, _ in found
    )


def _is_reachable(server: str) -> bool:
    """Return True if a server answers within seconds; other requests wait minutes for a dead server."""
    with contextlib.suppress(Exception):
        check_server(server)
        return True
    return False


def _is_finished(run: RunSummary) -> bool:
    """Return True if the journal has the end of a run, or its process on this machine has ended."""
    # "killed" means that the journal has no end, so the run may be alive: only its own machine knows.
    machine, process = run.facts.get("host", ""), run.facts.get("process", 0)
    is_gone = bool(process) and machine == machine_name() and not is_process_alive(process)
    return is_gone or run.state != "killed"


def _reconcile_flow_run(
    server: str, flow_run: str, run_state: StateName, step_states: Mapping[str, StateName]
) -> bool:
    """End one flow run and its tasks; return False for the flow run that this code runs in."""
    with use_server(server):
        from prefect.client.orchestration import get_client
        from prefect.context import FlowRunContext
        from prefect.exceptions import ObjectNotFound

        # Prefect begins the same flow run again after a crash: then it is ours, and open for good reason.
        inside = FlowRunContext.get()
        if inside is not None and inside.flow_run is not None and str(inside.flow_run.id) == flow_run:
            return False
        with get_client(sync_client=True, httpx_settings={"timeout": 10.0}) as client:
            try:
                found = client.read_flow_run(uuid.UUID(flow_run))
            except ObjectNotFound:  # deleted in Prefect: nothing is left to be done
                return True
            _reconcile_tasks(client, found.id, step_states)
            if found.state is None or found.state.type.value not in _FINAL_STATES:
                client.set_flow_run_state(found.id, _final_state(run_state), force=True)
    return True


def _reconcile_tasks(client: Any, flow_run: Any, step_states: Mapping[str, StateName]) -> None:
    """End the open tasks of a flow run, and add those that the server never received."""
    from prefect import Task

    tasks = {task.name: task for task in _list_tasks(client, flow_run)}
    for name, task in tasks.items():
        if task.state is None or task.state.type.value not in _FINAL_STATES:
            client.set_task_run_state(task.id, _final_state(step_states.get(name, _CRASHED)), force=True)
    for name, state in step_states.items():
        if name not in tasks:
            task = Task(do_nothing, name=name)  # it stands for the body, which has run
            client.create_task_run(task, flow_run, dynamic_key=name, name=name, state=_final_state(state))


def _list_tasks(client: Any, flow_run: Any) -> Iterator[Any]:
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
    from prefect.client.schemas.sorting import TaskRunSort

    query = FlowRunFilter(id=FlowRunFilterId(any_=[flow_run]))
    offset, page = 0, [None] * _PAGE_SIZE
    while len(page) == _PAGE_SIZE:  # the server's limit for one answer
        page = client.read_task_runs(
            flow_run_filter=query, sort=TaskRunSort.EXPECTED_START_TIME_ASC, limit=_PAGE_SIZE, offset=offset
        )
        yield from page
        offset += _PAGE_SIZE


def _final_state(state: StateName) -> Any:
    return make_state(*state, _MESSAGES.get(state, "set afterwards, from the journal"))
