"""Sync: sends what MLflow missed while it was down, once, and through the whole gate."""

import json
import subprocess
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from magical.errors import RegistryDown, RegistryError
from magical.events import RunStarted, StepFinished, StepStarted
from magical.integrations.mlflow.client import prepare_mlflow
from magical.integrations.mlflow.progress_marks import ProgressMark, ProgressMarkStore
from magical.project.project_context import ProjectContext
from magical.steps import Receipt
from magical.system.processes import describe_process
from mlflow_databases import database, free_port
from projects import IMPORTS, NO_TRACKING, Small, project

W = "workflow.py"
WORKFLOW = (
    IMPORTS
    + """
import datetime as dt
from pathlib import Path as Plain

from magical import Receipt
from magical.engine.protocols import current_step


class S(Settings):
    source: InputPath = InputPath("x.csv")
    add: int = 1


@step
def rows(source: InputPath) -> int:
    return len(source.read_text().splitlines())


@step
def scored(n: int, add: int) -> dict[str, Any]:
    return {"part": "test", "metrics": {"size": {"value": n + add}}}


@step(writes="world")
def publish(scores: dict[str, Any]) -> Receipt:
    context = current_step()
    return context.registry().publish(context.key, scores)


@step
def after(receipt: Receipt) -> str:
    return receipt.text


@workflow
def flow(s: S) -> Any:
    return after(publish(scored(rows(s.source), s.add)))
"""
)
ALL = ["rows", "scored", "publish", "after"]


@dataclass
class World:
    """A registry that the projects of a test publish to."""

    down: bool = False
    refuses: str = ""
    asked: int = 0
    done: list[tuple[str, Any]] = field(default_factory=list)

    def champion(self, name: str) -> None:
        self._answer()

    def publish(self, key: str, scores: Any) -> Receipt:
        self._answer()
        if self.refuses and self.refuses in json.dumps(scores):
            raise RegistryError("The registry takes no such number.", hint="give another.")
        if key not in [k for k, _ in self.done]:
            self.done.append((key, scores["metrics"]["size"]["value"]))
        return Receipt(True, f"version {len(self.done)}")

    @property
    def numbers(self) -> list[int]:
        return [number for _, number in self.done]

    def _answer(self) -> None:
        self.asked += 1
        if self.down:
            raise RegistryDown("MLflow at http://nowhere does not answer: refused.", hint="start it.")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    found = World()

    def registry(context: ProjectContext, find_run_id: Any = None) -> World:
        (
            context.home / "mlflow.db"
        ).touch()  # the database of the project's own registry exists once it was opened
        return found

    monkeypatch.setattr(ProjectContext, "registry", registry)
    return found


@pytest.fixture
def missed(tmp_path: Path, world: World) -> Small:
    """A project, run once while the registry was down."""
    small = project(tmp_path / "p", {W: WORKFLOW, "x.csv": "a\nb\n"})
    world.down = True
    small.run()
    world.down = False
    return small


def runs(small: Small) -> int:
    return len(list((small.root / ".magical" / "runs").iterdir()))


def last(small: Small) -> str:
    return small.load().journal.names()[0]


# --- pending ------------------------------------------------------------------------------------------------------


def test_a_registry_that_does_not_answer_leaves_a_step_pending(tmp_path: Path, world: World) -> None:
    small = project(tmp_path / "p", {W: WORKFLOW, "x.csv": "a\nb\n"})
    world.down = True
    answer = small.command("run")
    assert answer.code == 0
    lines = answer.out.splitlines()
    assert lines[0] == "publish is pending: MLflow at http://nowhere does not answer: refused."
    assert lines[1].startswith("Hint: magical sync")
    assert lines[2].startswith("flow: done, 1 pending. 2 steps ran")
    assert "publish pending" in " ".join(answer.err.split())
    events = list(small.events())
    (pending,) = [e for e in events if e["event"] == "StepPending"]
    (left,) = [e for e in events if e["event"] == "StepLeftOut"]
    assert (left["step"], left["reason"]) == ("after", "publish is pending")
    assert events[-1]["state"] == "done"
    (run,) = small.load().runs()
    assert (run.pending, run.failed, run.state) == ({"publish": pending["key"]}, {}, "done")
    assert small.states() == {"rows": "fresh", "scored": "fresh", "publish": "to run", "after": "waits"}
    assert "publish" in small.command("runs", "last").out


def test_what_is_pending_is_told_as_json(missed: Small, world: World) -> None:
    world.down = True
    answer = json.loads(missed.command("run", "--json").out)
    assert (answer["state"], answer["errors"]) == ("done", {})
    assert "does not answer" in answer["pending"]["publish"]
    assert answer["left_out"] == {"after": "publish is pending"}


def test_a_run_in_python_says_what_is_pending(missed: Small, world: World) -> None:
    world.down = True
    run = missed.run()
    assert "does not answer" in run.pending["publish"]
    assert "<td>publish</td><td>pending</td>" in run._repr_html_()


def test_the_next_run_does_just_what_was_pending(missed: Small, world: World) -> None:
    assert missed.ran() == ["publish", "after"]
    assert world.numbers == [3]
    assert missed.command("sync").out == "nothing to send\n"


def test_what_one_registry_missed_another_gets_and_what_was_done_nobody_gets_again(
    missed: Small, world: World
) -> None:
    missed.run()
    missed.write("settings.toml", 'tracking = {enabled = false, uri = "http://other"}\n')
    assert missed.command("sync").out == "nothing to send\n", "for the first one it was done later"
    world.down, world.done = True, []
    assert missed.load().execute().pending.keys() == {"publish"}
    world.down = False
    assert ": version 1" in missed.command("sync").out
    assert missed.command("sync").out == "nothing to send\n"
    assert missed.ran() == []
    missed.write("settings.toml", NO_TRACKING)
    assert missed.ran() == []
    assert missed.command("sync").out == "nothing to send\n"


def test_a_registry_that_refuses_fails_the_run(tmp_path: Path, world: World) -> None:
    small = project(tmp_path / "p", {W: WORKFLOW, "x.csv": "a\nb\n"})
    world.refuses = "3"
    answer = small.command("run")
    assert (answer.code, "takes no such number" in answer.out) == (1, True)
    assert small.command("sync").out == "nothing to send\n"


def test_a_step_that_does_not_write_to_the_world_is_never_pending(tmp_path: Path, world: World) -> None:
    text = WORKFLOW.replace('@step(writes="world")', "@step")
    small = project(tmp_path / "p", {W: text, "x.csv": "a\nb\n"})
    world.down = True
    assert small.command("run").code == 1


# --- what the registry missed -------------------------------------------------------------------------------------


def test_sync_does_what_was_pending_once(missed: Small, world: World) -> None:
    run = last(missed)
    answer = missed.command("sync")
    assert (answer.code, answer.out) == (0, f"publish of run {run}: version 1\n")
    assert world.numbers == [3]
    assert missed.load().runs()[0].executed == ["publish"]
    assert missed.command("sync").out == "nothing to send\n"
    assert (world.numbers, runs(missed)) == ([3], 2)
    assert missed.ran() == ["after"]


def test_sync_gives_data_in_python_and_as_json(missed: Small, world: World) -> None:
    run = last(missed)
    world.down = True
    (failed,) = json.loads(missed.command("sync", "--json").out)
    assert (failed["run"], failed["step"], failed["state"]) == (run, "publish", "failed")
    world.down = False
    (sent,) = missed.load().sync().items
    assert (sent.run, sent.step, sent.state, sent.text) == (run, "publish", "sent", "version 1")
    assert missed.load().sync().items == ()


def test_while_it_is_still_down_nothing_is_lost(missed: Small, world: World) -> None:
    world.down = True
    missed.load(register=True).run(add=2)
    asked = world.asked
    for n in (1, 2):
        answer = missed.command("sync")
        assert answer.code == 1
        assert answer.out.count("does not answer") == 1
        assert "2 things wait for it; nothing is lost." in answer.out
        assert answer.out.splitlines()[-1].startswith("Hint: ")
        assert world.asked == asked + n, "a registry that is down is asked once"
    assert runs(missed) == 2, "no run is begun for nothing"
    world.down = False
    assert missed.command("sync").code == 0
    assert world.numbers == [4, 3]


def test_each_run_is_sent_with_its_own_settings_newest_first(missed: Small, world: World) -> None:
    world.down = True
    missed.load(register=True).run(add=10)
    missed.load(register=True).run(add=20)
    missed.load(register=True).run(add=20)
    world.down = False
    missed.load(register=True).run(add=30)
    done = missed.load().sync().items
    assert [s.text for s in done] == ["version 2", "version 3", "version 4"]
    assert world.numbers == [32, 22, 12, 3]
    assert missed.load().sync().items == ()


EDITS = {
    "code": lambda small: small.edit(W, "n + add", "n - add"),
    "data": lambda small: small.write("x.csv", "a\nb\nc\n"),
    "a setting that is gone": lambda small: (
        small.edit(W, "    add: int = 1\n", ""),
        small.edit(W, "s.add", "1"),
    ),
    "the step": lambda small: small.write(W, WORKFLOW.replace("publish(", "announce(", 1).replace("after(publish(", "after(announce(")),
    "no file": lambda small: (small.root / "x.csv").unlink(),
}  # fmt: skip


@pytest.mark.parametrize("edit", EDITS)
def test_what_would_not_be_registered_now_is_said_and_not_sent(
    missed: Small, world: World, edit: str
) -> None:
    run = last(missed)
    EDITS[edit](missed)
    answer = missed.command("sync")
    assert answer.code == 0, answer
    first, hint = answer.out.splitlines()
    assert first.startswith(f"publish of run {run}: not sent: code, data or settings have changed since")
    assert hint == "Hint: magical run"
    assert (world.numbers, runs(missed)) == ([], 1)


def test_a_change_that_concerns_no_step_is_none(missed: Small, world: World) -> None:
    missed.edit(W, "    add: int = 1\n", "    more: int = 1\n    add: int = 1\n")
    assert missed.load().sync().items[0].state == "sent"
    assert world.numbers == [3]


def test_what_has_changed_is_not_offered_once_a_later_run_registered(missed: Small, world: World) -> None:
    EDITS["code"](missed)
    assert missed.load().sync().items[0].state == "changed"
    missed.run()
    assert world.numbers == [1]
    assert missed.command("sync").out == "nothing to send\n"


def test_a_project_that_cannot_be_read_keeps_what_waits(missed: Small, world: World) -> None:
    text = (missed.root / W).read_text()
    missed.write(W, "def broken(:\n")
    answer = missed.command("sync")
    assert answer.code == 1
    missed.write(W, text)
    assert missed.load().sync().items[0].state == "sent"


def test_one_that_is_refused_does_not_keep_back_the_others(missed: Small, world: World) -> None:
    world.down = True
    missed.load(register=True).run(add=5)
    world.down, world.refuses = False, "7"
    answer = missed.command("sync")
    assert answer.code == 1
    assert ": version 1" in answer.out
    assert "takes no such number" in answer.out
    assert world.numbers == [3]
    world.refuses = ""
    assert missed.load().sync().items[0].state == "sent"
    assert world.numbers == [3, 7]


def test_a_run_that_explored_leaves_nothing_pending(missed: Small, world: World) -> None:
    world.down = True
    missed.run(add=5)
    assert not missed.load().runs()[0].pending
    missed.load(register=True).run(add=6)
    assert list(missed.load().runs()[0].pending) == ["publish"]
    world.down = False
    assert [s.state for s in missed.load().sync().items] == ["sent", "sent"]
    assert world.numbers == [8, 3]


def test_a_pending_step_is_sent_also_if_its_files_say_something_else_now(missed: Small, world: World) -> None:
    missed.write("settings.toml", f"add = 5\n{NO_TRACKING}")
    assert [s.state for s in missed.load().sync().items] == ["sent"]
    assert world.numbers == [3]


def test_a_path_on_the_line_is_found_from_everywhere(
    tmp_path: Path, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = project(tmp_path / "p", {W: WORKFLOW, "x.csv": "a\n"})
    for name, rows in (("here", "a\nb\nc\n"), ("there", "a\nb\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "y.csv").write_text(rows)
    monkeypatch.chdir(tmp_path / "here")
    world.down = True
    small.command("run", "source=y.csv", "--register")
    world.down = False
    monkeypatch.chdir(tmp_path / "there")
    assert small.command("sync").code == 0
    assert world.numbers == [4]


def test_a_run_is_sent_under_its_own_profile(tmp_path: Path, world: World) -> None:
    small = project(tmp_path / "p", {W: WORKFLOW, "x.csv": "a\n", "profiles/big.toml": "add = 100\n"})
    world.down = True
    small.command("run", "--profile", "big")
    world.down = False
    assert small.command("sync").code == 0
    assert world.numbers == [101]
    assert small.load().runs()[0].facts["profile"] == "big"


def test_a_source_in_the_world_is_not_asked_again(tmp_path: Path, world: World) -> None:
    text = WORKFLOW.replace("@step\ndef rows", '@step(reads="world")\ndef rows')
    text = text.replace("source.read_text()", 'Plain(__file__).with_name("asked.txt").read_text()')
    small = project(tmp_path / "p", {W: text, "x.csv": "", "asked.txt": "a\nb\n"})
    world.down = True
    small.run()
    world.down = False
    small.write("asked.txt", "a\nb\nc\nd\n")
    assert small.load().sync().items[0].state == "sent"
    assert world.numbers == [3]


def test_two_syncs_at_once_send_once(missed: Small, world: World) -> None:
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.extend(missed.load().sync().items)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [s.state for s in found] == ["sent"]
    assert (world.numbers, runs(missed)) == ([3], 2)


SETTINGS = '''
from magical.settings import TaggedSettings
import enum


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Shape(TaggedSettings): ...


class Circle(Shape):
    radius: float = 1.0


class Square(Shape):
    side: int = 2
    where: InputPath | None = None


class Inner(Settings):
    day: dt.date | None = None
    span: dt.timedelta = dt.timedelta(hours=3)
    bounds: dict[str, float] = Field(default_factory=lambda: {"a": 1.0})
    names: frozenset[str] = frozenset({"x", "y"})


class S(Settings):
    source: InputPath = InputPath("x.csv")
    target: OutputPath = OutputPath("out/y.csv")
    add: int = 1
    most: float = float("inf")
    colour: Colour = Colour.RED
    shapes: tuple[Shape, ...] = (Circle(), Square())
    inner: Inner = Inner()
    kind: Literal["a", "b"] = "a"
    either: int | str | None = None
'''  # fmt: skip
LINES = [
    [],
    ["add=7", "colour=blue", "kind=b", "most=2"],
    ["inner.day=2024-05-06", "inner.span=90", "inner.bounds.b=2.5", 'inner.names=["q"]'],
    ["shapes.1.side=9", "shapes.0.radius=0.5", "shapes.1.where=x.csv"],
    ['shapes=[{kind="Square", side=1}]', "either=3"],
    ["either=word", "source=x.csv", "target=z.csv"],
]


@pytest.mark.parametrize("words", LINES, ids=" ".join)
def test_the_settings_of_the_journal_give_the_same_keys(
    tmp_path: Path, world: World, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    head, _, rest = WORKFLOW.partition("\n\nclass S(Settings):")
    text = head + SETTINGS + rest.partition("add: int = 1\n")[2]
    text = text.replace("add: int) -> dict", "s: S) -> dict").replace("n + add", "n + s.add")
    text = text.replace("s.add))))", "s)))").replace("s.add)))", "s)))")
    small = project(tmp_path / "p", {W: text, "x.csv": "a\n", "settings.toml": NO_TRACKING})
    monkeypatch.chdir(small.root)
    world.down = True
    assert small.command("run", *words, "--register").code == 0
    monkeypatch.chdir(tmp_path)
    (run,) = small.load().runs()
    plans = small.load().plan(**run.settings)
    keys = {**run.keys, **run.pending}
    assert {n: p.key for n, p in plans.items() if p.key} == keys
    world.down = False
    assert [s.state for s in small.load().sync().items] == ["sent"]


# --- what tracking missed -----------------------------------------------------------------------------------------


@dataclass
class Tracked:
    """A project with tracking, whose server is down at first, and a database in its place."""

    small: Small
    uri: str

    def up(self) -> None:
        self.small.write("settings.toml", f'[tracking]\nuri = "{self.uri}"\n')

    def mark(self, run: str = "") -> ProgressMark | None:
        journal = self.small.load().journal
        return ProgressMarkStore(journal.folder).read(run or journal.names()[0])

    @property
    def client(self) -> Any:
        with prepare_mlflow(self.uri):
            from mlflow import MlflowClient

            return MlflowClient(self.uri)

    def told(self) -> list[Any]:
        found = self.client.get_experiment_by_name("flow")
        return list(self.client.search_runs([found.experiment_id])) if found else []


@pytest.fixture
def tracked(tmp_path: Path, world: World) -> Tracked:
    dead = f"http://127.0.0.1:{free_port()}"
    settings = f'[tracking]\nuri = "{dead}"\n'
    small = project(tmp_path / "p", {W: WORKFLOW, "x.csv": "a\nb\n", "settings.toml": settings})
    return Tracked(small, database(tmp_path / "there"))


def journal(small: Small, run: str = "last") -> list[dict[str, Any]]:
    found = small.load().journal
    return [dict(e) for e in found.events(found.find(run))]


def test_a_run_that_tracking_missed_is_sent_later(tracked: Tracked) -> None:
    answer = tracked.small.command("run", "add=4", "--register")
    assert answer.code == 0
    assert "Tracking gets no more events: MLflow at http://127" in answer.err
    assert "magical sync" in answer.err
    run = last(tracked.small)
    mark = tracked.mark()
    assert mark is not None
    assert mark.state == "missed"
    still = tracked.small.command("sync")
    assert (still.code, still.out.count("does not answer")) == (1, 1)
    tracked.up()
    assert tracked.small.command("sync").out == f"run {run}: sent to MLflow\n"
    (told,) = tracked.told()
    events = journal(tracked.small)
    assert told.info.run_name == told.data.tags["magical.run"] == run
    assert told.info.status == "FINISHED"
    assert told.info.start_time == round(events[0]["at"] * 1000)
    assert told.info.end_time == round(events[-1]["at"] * 1000)
    assert told.data.params["add"] == "4"
    (metric,) = tracked.client.get_metric_history(told.info.run_id, "size")
    finished = next(e for e in events if e["event"] == "StepFinished" and e["step"] == "scored")
    assert (metric.value, metric.timestamp) == (6.0, round(finished["at"] * 1000))
    assert told.data.tags["magical.process"] == str(events[0]["process"])
    lineage = json.loads(
        Path(tracked.client.download_artifacts(told.info.run_id, "lineage.json")).read_text()
    )
    assert list(lineage["keys"]) == ALL
    assert [i.dataset.name for i in told.inputs.dataset_inputs] == ["rows"]
    assert tracked.small.command("sync").out == "nothing to send\n"
    assert len(tracked.told()) == 1


def test_a_run_that_was_told_well_is_not_sent_again(
    tracked: Tracked, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracked.up()
    tracked.small.run()
    mark = tracked.mark()
    assert mark is not None
    assert (mark.state, mark.run_id) == ("sent", tracked.told()[0].info.run_id)
    monkeypatch.setattr(
        "magical.integrations.mlflow.tracking.MlflowTracking.on", lambda *_: pytest.fail("not asked")
    )
    assert tracked.small.load().sync().items == ()


def test_a_run_without_tracking_is_never_sent(tracked: Tracked) -> None:
    tracked.small.command("run", "tracking.enabled=false")
    assert tracked.mark() is None
    tracked.up()
    assert tracked.small.command("sync").out == "nothing to send\n"
    assert tracked.told() == []


def test_nothing_is_sent_while_tracking_is_switched_off(tracked: Tracked) -> None:
    tracked.small.run()
    tracked.small.write("settings.toml", NO_TRACKING)
    assert tracked.small.command("sync").out == "nothing to send\n"
    tracked.up()
    assert len(tracked.small.load().sync().items) == 1


def test_where_a_run_was_to_be_told_by_the_line_it_is_sent(tracked: Tracked, tmp_path: Path) -> None:
    dead = f"http://127.0.0.1:{free_port()}"
    tracked.small.command("run", f"tracking.uri={dead}", "tracking.experiment=other")
    tracked.up()
    answer = tracked.small.command("sync")
    assert (answer.code, dead in answer.out, tracked.told()) == (1, True, [])


def test_a_password_on_the_line_is_not_kept(tracked: Tracked) -> None:
    tracked.small.command("run", f"tracking.uri=http://me:sesame@127.0.0.1:{free_port()}")
    files = [p for p in (tracked.small.root / ".magical" / "runs").rglob("*") if p.is_file()]
    assert {p.name for p in files} == {"journal.jsonl", "tracking.json", "report.html", "report.json"}
    assert not [p for p in files if "sesame" in p.read_text()]
    tracked.up()
    assert tracked.small.command("sync").code == 0


def test_a_failed_run_is_sent_with_its_errors(tracked: Tracked) -> None:
    tracked.small.edit(W, "n + add", "n + add + unknown")
    tracked.small.command("run")
    tracked.up()
    assert tracked.small.command("sync").code == 0
    (told,) = tracked.told()
    assert told.info.status == "FAILED"
    text = Path(tracked.client.download_artifacts(told.info.run_id, "errors.txt")).read_text()
    assert text.startswith("scored\nscored (workflow.py:")


def test_the_code_may_be_another_when_a_run_is_sent(tracked: Tracked) -> None:
    tracked.small.run()
    tracked.small.write(W, "def broken(:\n")
    tracked.up()
    assert tracked.small.command("sync").code == 0
    assert tracked.told()[0].data.metrics == {"size": 3.0}


def test_scores_that_are_lost_do_not_keep_back_the_run(tracked: Tracked) -> None:
    tracked.small.run()
    for path in (tracked.small.root / ".magical" / "store" / "objects").rglob("*.json"):
        path.write_bytes(b"x" * path.stat().st_size)
    tracked.up()
    assert tracked.small.command("sync").code == 0
    assert [(r.info.status, r.data.metrics) for r in tracked.told()] == [("FINISHED", {})]


@pytest.mark.parametrize("gone", [True, False])
def test_a_killed_run_is_sent_as_such_and_one_under_way_is_left(tracked: Tracked, gone: bool) -> None:
    facts = describe_process()
    if gone:
        process = subprocess.Popen(["true"])
        process.wait()
        facts["process"] = process.pid
    found = tracked.small.load().journal
    run = found.create_run()
    begun = RunStarted(run=run, workflow="flow", settings={"add": 1}, nodes=["rows"], **facts)
    done = StepFinished(step="rows", key="k", seconds=0.1, content="c")
    for event in (begun, StepStarted(step="rows", key="k"), done):
        found.write(run, event)
    ProgressMarkStore(found.folder).write(run, ProgressMark())
    tracked.up()
    assert [s.run for s in tracked.small.load().sync().items] == ([run] if gone else [])
    assert [r.info.status for r in tracked.told()] == (["KILLED"] if gone else [])


def test_an_older_journal_does_no_harm(tracked: Tracked) -> None:
    found = tracked.small.load().journal
    run = found.create_run()
    lines = [
        {
            "at": 1.0,
            "event": "RunStarted",
            "run": run,
            "workflow": "flow",
            "settings": {},
            "nodes": [],
            "new": 1,
        },
        {"at": 1.5, "event": "Invented", "step": "x"},
        {"at": 1.6, "event": "StepStarted"},
        {"at": 1.7, "event": "StepStarted", "step": "x", "key": "k"},
        {"at": 2.0, "event": "RunFinished", "run": run, "state": "done", "seconds": 1.0, "executed": 0},
    ]
    (found.folder / run / "journal.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (found.folder / run / "tracking.json").write_text("{damaged")
    tracked.up()
    assert [s.state for s in tracked.small.load().sync().items] == ["sent"]
    assert (tracked.told()[0].info.start_time, tracked.told()[0].info.end_time) == (1000, 2000)
