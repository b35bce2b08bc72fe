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
from magical.system.processes import is_process_alive, machine_name

__all__ = ["OpenFlowRuns", "describe_open_flow_run", "reconcile_flow_runs"]

StateName = tuple[str, str]
"""Of Prefect's: its type and its name."""

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
    """The part of a project that settling needs."""

    @property
    def journal(self) -> Journal:
        """Where its runs are told."""


class OpenFlowRuns:
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

    def find_open(self, run: str = "*") -> Iterator[tuple[str, str, str]]:
        """Give the runs, or the one, whose flow runs may be open: name, server, flow run."""
        for path in sorted(self.folder.glob(f"{run}/{self.NAME}")):
            try:
                said = json.loads(path.read_text(encoding="utf-8"))
                yield path.parent.name, said["server"], said["flow_run"]
            except (OSError, ValueError, KeyError, TypeError):
                continue


def reconcile_flow_runs(project: HasJournal, server: str = "") -> list[str]:
    """Tell Prefect how the runs ended that it still shows as running, and their steps; give their names.

    A run whose process is gone without a word is marked crashed, with the steps that were under way. What
    the server did not hear of is told as the journal has it.

    Args:
        project: whose runs.
        server: one API of Prefect's, or empty for all. Where none answers, or it wants a password that is in
            its address and so in no mark, it is left for the next time.
    """
    marks, done, answers = OpenFlowRuns(project.journal.folder), [], cache(_is_reachable)
    for run, where, flow_run in marks.find_open():
        if mask_uris(server) not in ("", where) or not answers(where := server or where):
            continue
        with contextlib.suppress(Exception):  # a server is away, or the disk is: nobody's run may fail for it
            summary = project.journal.read(run)
            ends = {
                e["step"]: _STEP_STATES[e["event"]]
                for e in project.journal.events(run)
                if e["event"] in _STEP_STATES
            }
            if _is_finished(summary) and _reconcile_flow_run(
                where, flow_run, _RUN_STATES.get(summary.state, _CRASHED), ends
            ):
                marks.note(run, where, flow_run, True)
                done.append(run)
    return done


def describe_open_flow_run(journal: Journal, run: str) -> str:
    """Say that Prefect has not heard how a run ended; empty if it has, or need not."""
    found = list(OpenFlowRuns(journal.folder).find_open(run)) if run else []
    return "".join(
        f"Prefect's server at {server.removesuffix('/api')} went away meanwhile.\n"
        "Hint: magical sync tells it the rest."
        for _, server, _ in found
    )


def _is_reachable(server: str) -> bool:
    """Whether a server is there; what settles would wait for minutes for one that takes calls in silence."""
    from magical.integrations.prefect.flow_run import check_server

    with contextlib.suppress(Exception):
        check_server(server)
        return True
    return False


def _is_finished(run: RunSummary) -> bool:
    machine, process = run.facts.get("host", ""), run.facts.get("process", 0)
    if not process or machine != machine_name():
        return run.state != "killed"
    return not is_process_alive(process) or run.state != "killed"


def _reconcile_flow_run(
    server: str, flow_run: str, run_state: StateName, step_states: Mapping[str, StateName]
) -> bool:
    """Tell of one flow run and its tasks; not of the one that this code runs in, which has begun again."""
    import uuid

    from magical.integrations.prefect.flow_run import use_server

    with use_server(server):
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
            _reconcile_tasks(client, found.id, step_states)
            if found.state is None or found.state.type.value not in _FINAL_STATES:
                client.set_flow_run_state(found.id, _make_state(run_state), force=True)
    return True


def _reconcile_tasks(client: Any, flow_run: Any, step_states: Mapping[str, StateName]) -> None:
    """Those that the server knows get their ends, and those that it never heard of are entered."""
    from prefect import Task

    known = {task.name: task for task in _list_tasks(client, flow_run)}
    for name, task in known.items():
        if task.state is None or task.state.type.value not in _FINAL_STATES:
            client.set_task_run_state(task.id, _make_state(step_states.get(name, _CRASHED)), force=True)
    for name, end in step_states.items():
        if name not in known:
            task = Task(_do_nothing, name=name)
            client.create_task_run(task, flow_run, dynamic_key=name, name=name, state=_make_state(end))


def _list_tasks(client: Any, flow_run: Any) -> Iterator[Any]:
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
    from prefect.client.schemas.sorting import TaskRunSort

    which = FlowRunFilter(id=FlowRunFilterId(any_=[flow_run]))
    offset, page = 0, [None] * _PAGE_SIZE
    while len(page) == _PAGE_SIZE:
        page = client.read_task_runs(
            flow_run_filter=which, sort=TaskRunSort.EXPECTED_START_TIME_ASC, limit=_PAGE_SIZE, offset=offset
        )
        yield from page
        offset += _PAGE_SIZE


def _make_state(end: StateName) -> Any:
    from prefect.client.schemas.objects import State, StateType

    kind, name = end
    return State(type=StateType(kind), name=name, message=_MESSAGES.get(end, "told afterwards"))


def _do_nothing() -> None:
    """Stand for a step's body, which has run."""
