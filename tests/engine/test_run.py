"""A run: what it executes, keeps and emits, and how it goes on after failures and damage."""

import shutil
import threading
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from magical.engine.run import RunResult
from magical.errors import BrokenPromise, DamagedArtifact, StepError, UsageError
from magical.events import Event
from projects import ALL, DEEP, IMPORTS, NO_TRACKING, Small, flow, one, project


def blobs(small: Small) -> list[Path]:
    return sorted(p for p in (small.root / ".magical/store/objects").rglob("*") if p.is_file())


# --- results ------------------------------------------------------------------------------------------------------


def test_a_run_gives_what_the_steps_gave(small: Small) -> None:
    run = small.run()
    assert run.executed == ALL
    assert run.state == "done"
    assert run.result == 38
    assert run["size"] == 38
    assert run["clean"].height == 40
    assert run["customers"].equals(run["clean"])
    assert run["split"].test.height == 1
    assert "ran" in repr(run)
    assert "<td>clean</td><td>ran</td>" in run._repr_html_()


def test_a_fresh_run_gives_the_same(small: Small) -> None:
    before, again = small.run(), small.run()
    assert again.executed == []
    assert again.name == ""
    assert again.result == before.result
    assert again["clean"].equals(before["clean"])
    assert "nothing to do" in repr(again)


def test_tables_of_a_run_know_their_contract(small: Small) -> None:
    from magical import contract_of

    run = small.run()
    assert contract_of(run["clean"]).name == "Customer"
    assert contract_of(run["split"].train).ids == ["id"]


def test_a_step_gets_tables_that_know_their_contract(tmp_path: Path) -> None:
    small = one(
        tmp_path,
        """
        from magical import contract_of

        class Row(Contract):
            id: Id[int]

        @step
        def rows() -> Frame[Row]:
            return pl.DataFrame({"id": [1, 2, 3]})

        @step
        def same(table: Frame[C]) -> Frame[C]:
            return table

        @step
        def split(table: Frame[C]) -> Parts[C]:
            return partition(table, ["train", "validation", "test"])

        @step
        def told(a: Frame, b: list[Frame], c: Parts) -> list[str]:
            return [contract_of(t).name for t in (a, *b, *c)] + list(c.assignment.columns)

        @workflow
        def flow() -> Any:
            parts = split(same(rows()))
            return told(parts.train, [parts.test, rows()], parts)
        """,
    )
    assert small.run().result == ["Row"] * 6 + ["id", "part"]
    small.edit("workflow.py", "list(c.assignment.columns)", "list(c.assignment.columns)[:1]")
    again = small.run()
    assert again.executed == ["told"]
    assert again.result == ["Row"] * 6 + ["id"], "read from the store it is the same"


def test_a_run_up_to_a_step(small: Small) -> None:
    run = small.run("clean")
    assert run.executed == ["raw", "model", "clean"]
    assert run.result.height == 40
    with pytest.raises(UsageError, match="split is no part of this run, which ended with clean"):
        run["split"]
    assert small.run().executed == ["split", "size"]
    assert small.run("split").executed == []


def test_settings_for_one_run(small: Small) -> None:
    assert small.run(max_id=11).result == 8
    assert small.run().result == 38


# --- failures -----------------------------------------------------------------------------------------------------


def broken(small: Small) -> Small:
    small.edit(
        "workflow.py",
        "    n = customers.height\n",
        "    n = customers.height\n    raise ValueError('later')\n",
    )
    return small


def test_a_failed_step_leaves_what_was_finished_and_leaves_out_what_follows(small: Small) -> None:
    result = broken(small).load().execute()
    assert (result.state, result.executed) == ("failed", ["raw", "model", "clean"])
    assert list(result.errors) == ["split"]
    assert result.left_out == {"size": "split failed"}
    with pytest.raises(StepError, match="raised ValueError"):
        small.run()


def test_after_a_failure_a_run_goes_on_where_it_was(small: Small) -> None:
    broken(small).load().execute()
    small.edit("workflow.py", "    raise ValueError('later')\n", "")
    assert small.ran() == ["split", "size"]


def test_a_failed_step_is_tried_again(small: Small) -> None:
    for _ in range(2):
        assert broken_once(small).executed == []


def broken_once(small: Small) -> RunResult:
    if "later" not in (small.root / "workflow.py").read_text():
        broken(small).load().execute()
    result = small.load().execute()
    assert list(result.errors) == ["split"]
    return result


BRANCHES = (
    IMPORTS
    + """

@step
def start() -> int:
    return 1


@step
def left(n: int) -> int:
    raise ValueError("left")


@step
def right(n: int) -> int:
    return n + 1


@step
def below_left(n: int) -> int:
    return n


@step
def below_right(n: int) -> int:
    return n + 1


@step
def joined(a: int, b: int) -> int:
    return a + b


@workflow
def flow() -> Any:
    n = start()
    return joined(below_left(left(n)), below_right(right(n)))
"""
)


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_other_branches_go_on_after_a_failure(tmp_path: Path, workers: int) -> None:
    small = project(tmp_path, {"workflow.py": BRANCHES})
    result = small.load().execute("", {"policy": {"workers": workers}})
    assert sorted(result.executed) == ["below_right", "right", "start"]
    assert result.left_out == {"below_left": "left failed", "joined": "below_left was left out"}
    small.edit("workflow.py", '    raise ValueError("left")\n', "    return n\n")
    assert sorted(small.ran()) == ["below_left", "joined", "left"]


def test_several_failures_are_all_told(tmp_path: Path) -> None:
    small = project(
        tmp_path,
        {
            "workflow.py": BRANCHES.replace(
                "    return n + 1\n\n\n@step\ndef below_left",
                '    raise KeyError("right")\n\n\n@step\ndef below_left',
            )
        },
    )
    errors = small.fails()
    assert sorted(errors) == ["left", "right"]
    assert "right" in str(errors["right"])
    answer = small.command("run")
    assert answer.code == 1
    assert "left" in answer.out
    assert "KeyError" in answer.out


def test_a_broken_promise_keeps_nothing(small: Small) -> None:
    small.edit("workflow.py", "    return table.height\n", "    return str(table.height) + ' rows'\n")
    assert isinstance(small.fails()["size"], BrokenPromise)
    assert small.states()["size"] == "to run"


def test_an_unwritten_step_is_made_up_and_what_follows_is_branded(small: Small) -> None:
    small.edit("workflow.py", '    good = customers.filter(pl.col("id") < max_id)\n', "    ...\n")
    small.edit("workflow.py", '    return good.with_columns(x=twice(pl.col("x")))\n', "")
    run = small.run()
    assert run.executed == ["raw", "model", "clean", "split", "size"]
    assert [run.origin(n) for n in ALL] == [(), (), ("clean",), ("clean",), ("clean",)]
    assert run["clean"].equals(run["model"])
    begun = next(e for e in small.events() if e["event"] == "RunStarted")
    assert begun["origin"] == ["clean"]
    assert small.ran() == []


# --- events of a body ---------------------------------------------------------------------------------------------

TELLING = """
@step
def telling(n: int) -> int:
    emit("half way")
    keep("table", pl.DataFrame({"a": [1, None]}))
    keep("words", {"rejected": 3, "why": ["a"]})
    folder = scratch()
    tries = folder / "tries"
    tries.write_text((tries.read_text() if tries.exists() else "") + "x")
    if n > 1 and len(tries.read_text()) < n:
        raise ValueError("once more")
    return len(tries.read_text())


class S(Settings):
    n: int = 1


@workflow
def flow(s: S) -> int:
    return telling(s.n)
"""


class Hearing:
    """A listener that remembers."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def on(self, event: Event) -> None:
        self.events.append(event)


def test_what_a_body_tells_is_heard_and_kept(tmp_path: Path) -> None:
    small, hearing = one(tmp_path, TELLING), Hearing()
    small.load().execute("", {}, (hearing,))
    said = [e.to_json() for e in hearing.events]
    assert [e["event"] for e in said] == [
        "RunStarted",
        "StepStarted",
        "LogLine",
        "StepFinished",
        "RunFinished",
    ]
    assert said[2]["text"] == "half way"
    assert said[2]["step"] == "telling"
    assert [e["event"] for e in small.events()] == [e["event"] for e in said]
    kept = small.run().kept("telling")
    assert kept["words"] == {"rejected": 3, "why": ["a"]}
    assert kept["table"].equals(pl.DataFrame({"a": [1, None]}))


def test_scratch_survives_a_failure_and_is_cleared_after_success(tmp_path: Path) -> None:
    small = one(tmp_path, TELLING)
    for _ in range(2):
        assert "once more" in str(small.fails(n=3)["telling"])
    assert small.run(n=3).result == 3
    assert not list((tmp_path / ".magical/store/scratch").iterdir())


def test_a_listener_that_fails_is_reported_once_and_never_fails_the_run(small: Small) -> None:
    class Deaf:
        heard = 0

        def on(self, event: Event) -> None:
            self.heard += 1
            raise RuntimeError("no ears")

    deaf, hearing = Deaf(), Hearing()
    result = small.load().execute("", {}, (deaf, hearing))
    assert result.state == "done"
    assert deaf.heard == 1
    warnings = [e for e in small.events() if e.get("level") == "warning"]
    assert [w["text"] for w in warnings] == ["Deaf gets no more events: no ears"]
    assert hearing.events[-1].to_json()["event"] == "RunFinished"


def test_events_come_one_at_a_time(tmp_path: Path) -> None:
    small = one(
        tmp_path,
        """
        @step
        def chatty(n: int) -> int:
            for i in range(50):
                emit(f"{n} {i}")
            return n

        @workflow
        def flow() -> Any:
            return [chatty(n) for n in range(4)]
        """,
    )

    class Slow:
        inside, most = 0, 0
        lock = threading.Lock()

        def on(self, event: Event) -> None:
            self.inside += 1
            self.most = max(self.most, self.inside)
            for _ in range(100):
                pass
            self.inside -= 1

    slow = Slow()
    small.load().execute("", {"policy": {"workers": 4}}, (slow,))
    assert slow.most == 1
    assert sum(e["event"] == "LogLine" for e in small.events()) == 200


# --- inputs are the step's own ------------------------------------------------------------------------------------

SHARED = """
import dataclasses


@dataclasses.dataclass
class Box:
    items: list[int]


class Row(Contract):
    x: int


@step
def box() -> Box:
    return Box([1])


@step
def numbers() -> list[int]:
    return [1]


@step
def words() -> dict[str, list[int]]:
    return {"a": [1]}


@step
def table() -> Frame[Row]:
    return pl.DataFrame({"x": [1]})


@step
def spoiled(b: Box, n: list[int], w: dict[str, list[int]], t: Frame[Row]) -> int:
    b.items.append(2)
    n.append(2)
    w["a"].append(2)
    t[0, "x"] = 7
    t.insert_column(0, pl.Series("y", [1]))
    return 0


@step
def seen(b: Box, n: list[int], w: dict[str, list[int]], t: Frame[Row], after: int) -> str:
    return f"{b} {n} {w} {t.to_dicts()}"


@workflow
def flow() -> str:
    b, n, w, t = box(), numbers(), words(), table()
    return seen(b, n, w, t, spoiled(b, n, w, t))
"""


def test_what_a_body_does_to_its_inputs_nobody_else_sees(tmp_path: Path) -> None:
    wanted = "Box(items=[1]) [1] {'a': [1]} [{'x': 1}]"
    small = one(tmp_path, SHARED)
    assert small.run().result == wanted
    small.edit("workflow.py", 'f"{b} {n}', 'f"{b}  {n}')
    assert small.run().result == wanted.replace("]) [", "])  [")


def test_what_comes_from_memory_is_what_comes_from_the_store(tmp_path: Path) -> None:
    """A value that JSON would change is the same in the run that made it and in the next."""
    small = one(
        tmp_path,
        """
        @step
        def odd() -> dict:
            return {1: (2, 3), "nan": float("nan")}

        @step
        def told(d: dict, more: str) -> str:
            return f"{d} {more}"

        class S(Settings):
            more: str = ""

        @workflow
        def flow(s: S) -> str:
            return told(odd(), s.more)
        """,
    )
    assert small.run().result == "{1: (2, 3), 'nan': nan} "
    again = small.run(more="!")
    assert again.executed == ["told"]
    assert again.result == "{1: (2, 3), 'nan': nan} !"


def test_rules_of_the_taker_are_kept_at_its_border(tmp_path: Path) -> None:
    small = one(
        tmp_path,
        """
        class Wide(Contract):
            x: int

        class Narrow(Wide):
            x: int = Field(le=3)

        @step
        def wide() -> Frame[Wide]:
            return pl.DataFrame({"x": [1, 5]})

        @step
        def narrow(t: Frame[Narrow]) -> int:
            return t.height

        @workflow
        def flow() -> int:
            return narrow(wide())
        """,
    )
    error = small.fails()["narrow"]
    assert "narrow (workflow.py:" in str(error)
    assert "x must be <= 3, got 5 (row 1)" in str(error)


def test_arguments_come_in_the_kind_the_body_wants(tmp_path: Path) -> None:
    small = one(
        tmp_path,
        """
        from collections.abc import Sequence

        @step
        def n(i: int) -> int:
            return i

        @step
        def kinds(a: list[int], b: tuple[int, ...], c: Sequence[int], *rest: int, **more: int) -> str:
            return f"{type(a).__name__} {type(b).__name__} {list(c)} {rest} {more}"

        @step
        def placed(a: int, /, b: int, *rest: int) -> str:
            return f"{a} {b} {rest}"

        @workflow
        def flow() -> Any:
            return [
                kinds([n(1), 2], (n(1), n(2)), [n(3)]),
                kinds([], (), [], 4, n(5), x=6),
                placed(n(1), n(2), n(3), 4),
            ]
        """,
    )
    assert small.run().result == ["list tuple [3] () {}", "list tuple [] (4, 5) {'x': 6}", "1 2 (3, 4)"]


# --- the world ----------------------------------------------------------------------------------------------------

WORLD = """
from magical import Receipt

LOG = __import__("pathlib").Path(__file__).parent / "world.txt"


@step(reads="world")
def asked() -> int:
    return len(LOG.read_text()) if LOG.exists() else 0


@step
def halved(n: int) -> int:
    return n // 2


@step(writes="world")
def told(n: int) -> Receipt:
    LOG.write_text((LOG.read_text() if LOG.exists() else "") + "x")
    return Receipt(True, "told", {"n": n})


@workflow
def flow() -> Any:
    receipt = told(halved(asked()))
"""


def test_a_source_in_the_world_is_asked_in_each_run_and_the_wave_stops_where_nothing_changed(
    tmp_path: Path,
) -> None:
    small = one(tmp_path, WORLD)
    assert small.ran() == ["asked", "halved", "told"]
    assert small.ran() == ["asked", "halved"], "1 // 2 is 0 again, so its receipt stands"
    (tmp_path / "world.txt").write_text("xxxx")
    assert small.ran() == ["asked", "halved", "told"]
    assert (tmp_path / "world.txt").read_text() == "xxxxx"
    assert small.states() == {"asked": "to run", "halved": "waits", "told": "waits"}


def test_a_step_that_writes_to_the_world_does_it_once_for_one_key(tmp_path: Path) -> None:
    small = one(tmp_path, WORLD.replace('(reads="world")', ""))
    for _ in range(3):
        small.run()
    assert (tmp_path / "world.txt").read_text() == "x"
    assert small.run()["told"].details == {"n": 0}


# --- damage -------------------------------------------------------------------------------------------------------

DAMAGES = {
    "flipped": lambda data: (
        data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 4]) + data[len(data) // 2 + 1 :]
    ),
    "cut": lambda data: data[: len(data) // 2],
    "emptied": lambda _: b"",
    "lost": None,
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Small:
    small = flow(tmp_path_factory.mktemp("damage") / "p")
    small.run()
    return small


@pytest.mark.slow_except("2-flipped")
@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("workers", [1, 2])
def test_a_damaged_object_is_reported_made_again_and_never_served(
    finished: Small, tmp_path: Path, how: str, workers: int
) -> None:
    wanted = finished.run()["split"].train
    for number in range(len(blobs(finished))):
        small = Small(shutil.copytree(finished.root, tmp_path / f"{number}"))
        path = blobs(small)[number]
        damage = DAMAGES[how]
        path.write_bytes(damage(path.read_bytes())) if damage else path.unlink()
        # everything runs that can: each step reads what the one before it has left
        small.edit("workflow.py", "return table.height\n", "return table.height + 0\n")
        small.edit("workflow.py", "    n = customers.height\n", "    n = customers.height + 0\n")
        small.edit("workflow.py", "    good = ", "    good = 0 or ")
        small.edit(
            "workflow.py", "    return raw\n", "    return raw or raw\n".replace("raw or raw", "raw.clone()")
        )
        run = small.run(policy={"workers": workers})
        assert run.result == 38
        assert run["split"].train.equals(wanted)
        assert small.ran() == []


def test_the_damage_is_told(finished: Small, tmp_path: Path) -> None:
    small = Small(shutil.copytree(finished.root, tmp_path / "p"))
    for path in blobs(small):
        if path.suffix == ".parquet":
            path.write_bytes(b"x" * path.stat().st_size)
    small.edit("workflow.py", "return table.height\n", "return table.height + 0\n")
    run = small.run()
    assert run.result == 38
    assert run.executed == ["split", "model", "raw", "clean"][:0] or set(run.executed) >= {"split", "size"}
    said = [e["text"] for e in small.events() if e.get("level") == "warning"]
    assert set(said) == {"its stored result is damaged; it is made again."}


def test_two_followers_of_one_damaged_object_both_get_it_made_again(tmp_path: Path) -> None:
    source = """
@step
def start() -> Frame:
    return pl.DataFrame({"x": [1, 2]})


@step
def first(t: Frame) -> int:
    return t.height + 0


@step
def second(t: Frame) -> int:
    return t.width + 0


@step
def third(t: Frame) -> int:
    return t.width + 1


@workflow
def flow() -> Any:
    t = start()
    return [first(t), second(t), third(t)]
"""
    small = one(tmp_path, source)
    small.run()
    (blob,) = [b for b in blobs(small) if b.suffix == ".parquet"]
    for path in blobs(small):
        path.write_bytes(b"x" * path.stat().st_size)
    text = (tmp_path / "workflow.py").read_text().replace(" + 0", " + 10").replace(" + 1\n", " + 11\n")
    small.write("workflow.py", text)
    result = small.load().execute("", {"policy": {"workers": 3}})
    assert not result.errors, {n: str(e) for n, e in result.errors.items()}
    assert small.run().result == [12, 11, 12]
    assert blob.is_file()


def test_damage_that_comes_back_each_time_ends_in_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from magical.stores.local.store import LocalStore

    small = flow(tmp_path)
    small.run()
    small.edit("workflow.py", "return table.height\n", "return table.height + 0\n")
    whole = LocalStore.load

    def damaged(self: Any, artifact: Any, promise: Any) -> Any:
        if artifact.kind == "table":
            raise DamagedArtifact(
                "A stored object is damaged: x.", hint="magical run makes it again.", blob=artifact.blob
            )
        return whole(self, artifact, promise)

    monkeypatch.setattr(LocalStore, "load", damaged)
    result = small.load().execute()
    assert result.state in ("done", "failed")
    assert all(isinstance(e, DamagedArtifact) for e in result.errors.values())


def test_lost_records_are_made_again(finished: Small, tmp_path: Path) -> None:
    small = Small(shutil.copytree(finished.root, tmp_path / "p"))
    shutil.rmtree(small.root / ".magical/store/records")
    assert small.ran() == ALL
    assert small.ran() == []


@pytest.mark.parametrize("folder", ["drawn", "runs", "store", "files.json"])
def test_any_part_of_the_home_may_be_lost(finished: Small, tmp_path: Path, folder: str) -> None:
    small = Small(shutil.copytree(finished.root, tmp_path / "p"))
    path = small.root / ".magical" / folder
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    assert small.ran() == (ALL if folder == "store" else [])
    assert small.run().result == 38


@pytest.mark.slow
def test_every_byte_of_the_home_may_be_damaged(finished: Small, tmp_path: Path) -> None:
    """Whatever happens to a file in .magical: a run completes, and with the right result."""
    small = Small(shutil.copytree(finished.root, tmp_path / "p"))
    small.run()
    files = [p for p in (small.root / ".magical").rglob("*") if p.is_file() and p.stat().st_size]
    for number, path in enumerate(files):
        whole = path.read_bytes()
        at = (number * 7919) % max(len(whole), 1)
        for damaged in (
            whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :],
            whole[:at],
            b"{}",
            b"[]",
            b"\xff",
        ):
            path.write_bytes(damaged)
            try:
                assert small.run().result == 38, path
            except DamagedArtifact:  # nothing had to run, so nothing was read until now
                assert small.run().result == 38, path
            path.write_bytes(whole)


# --- workers ------------------------------------------------------------------------------------------------------

WIDE = (
    IMPORTS
    + """
import time


@step
def start() -> Frame:
    return pl.DataFrame({"x": range(100)})


@step
def shuffled(t: Frame, seed: int) -> Frame:
    time.sleep(0.01 * (7 * seed % 5))
    return t.sample(fraction=1, shuffle=True, seed=seed)


@step
def joined(ts: list[Frame]) -> Frame:
    return pl.concat(ts, how="vertical")


@workflow
def flow() -> Frame:
    t = start()
    return joined([shuffled(t, seed) for seed in range(8)])
"""
)


def artifacts(small: Small) -> dict[str, Any]:
    run = small.load().execute()
    return {name: (record.key, record.result.to_json()) for name, record in run.records.items()}


def test_one_worker_and_several_give_the_same_artifacts(tmp_path: Path) -> None:
    made = []
    for workers in (1, 2, 8):
        small = project(
            tmp_path / str(workers),
            {"workflow.py": WIDE, "settings.toml": f"[policy]\nworkers = {workers}\n{NO_TRACKING}"},
        )
        small.run()
        made.append(artifacts(small))
    assert made[0] == made[1] == made[2]


def test_a_run_in_another_process_is_seen(small: Small) -> None:
    done = small.process("run")
    assert done.returncode == 0, done.stderr
    assert small.ran() == []


def test_two_runs_at_once_lose_nothing(tmp_path: Path) -> None:
    small = project(tmp_path, {"workflow.py": WIDE})
    results: list[Any] = []
    threads = [threading.Thread(target=lambda: results.append(small.process("run"))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [r.returncode for r in results] == [0, 0, 0], [r.stderr for r in results]
    assert small.ran() == []
    assert small.run().result.height == 800


def test_eager_equals_engine(small: Small) -> None:
    from magical.project.loading.importer import import_workflow
    from magical.project.loading.location import find_project

    result = small.run().result
    workflow = import_workflow(find_project(small.root))
    assert workflow.settings is not None
    assert workflow(workflow.settings()) == result


def test_the_deepest_constant_is_what_ran(small: Small) -> None:
    """The numbers themselves, not only the names of what ran."""
    assert small.run()["clean"]["x"].max() == 12
    small.write("deep.py", DEEP.replace("FACTOR = 2", "FACTOR = 5"))
    assert small.run()["clean"]["x"].max() == 30


def test_the_same_work_under_two_names_is_done_once(tmp_path: Path) -> None:
    small = one(
        tmp_path,
        """
        import time
        from pathlib import Path

        LOG = Path(__file__).parent / "log.txt"

        @step
        def start() -> int:
            return 1

        @step(writes="world")
        def told(n: int) -> Any:
            from magical import Receipt
            time.sleep(0.05)
            LOG.write_text((LOG.read_text() if LOG.exists() else "") + "x")
            return Receipt(True, "told")

        @workflow
        def flow() -> Any:
            n = start()
            return [told(n), told(n), told(n)]
        """,
    )
    run = small.run(policy={"workers": 3})
    assert (tmp_path / "log.txt").read_text() == "x"
    assert run.executed == ["start", "told[1]"]
    assert run["told[3]"].done


def test_what_takes_a_table_counts_the_version_of_polars(small: Small) -> None:
    parts = {n: i.parts for n, i in small.load().context().draw().drawn.identities.items()}
    assert "package:polars" in parts["size"], "it names polars nowhere"


def test_what_takes_a_pipeline_counts_the_version_of_scikit_learn(tmp_path: Path) -> None:
    body = """
        from magical.contracts.promises import Pipeline

        @step
        def made() -> Pipeline:
            from sklearn.pipeline import make_pipeline
            return make_pipeline("passthrough")

        @step
        def taken(pipeline: Any) -> int:
            return len(pipeline.steps)

        @step
        def counted(n: int) -> int:
            return n

        @workflow
        def flow() -> int:
            return counted(taken(made()))
        """
    parts = {n: i.parts for n, i in one(tmp_path, body).load().context().draw().drawn.identities.items()}
    assert "package:scikit-learn" in parts["taken"], "it names scikit-learn nowhere"
    assert "package:scikit-learn" not in parts["counted"]


BORDERS = """
from magical import Lazy


class Wide(Contract):
    x: int


class Narrow(Wide):
    x: int = Field(le=3)


@step
def wide(top: int = 5) -> Frame[Wide]:
    return pl.DataFrame({"x": [1, 2, top]})


@step
def split(t: Frame[C]) -> Parts[C]:
    return partition(t, ["train", "validation", "test"])


@step
def pair(t: Frame[C]) -> tuple[int, Frame[C]]:
    return 1, t


@step
def takes({parameter}) -> int:
    return 1


@workflow
def flow() -> int:
    return takes({given})
"""
TAKERS = {
    "t: Frame[Narrow]": "wide()",
    "t: Lazy[Narrow]": "wide()",
    "t: list[Frame[Narrow]]": "[wide(1), wide()]",
    "t: tuple[Frame[Narrow], ...]": "(wide(1), wide())",
    "t: tuple[int, Frame[Narrow]]": "pair(wide())",
    "t: Parts[Narrow]": "split(wide())",
    "*t: Frame[Narrow]": "wide(1), wide()",
}


@pytest.mark.parametrize("parameter", TAKERS)
def test_every_table_in_an_input_is_held_to_the_rules_of_its_taker(tmp_path: Path, parameter: str) -> None:
    small = one(tmp_path, BORDERS.replace("{parameter}", parameter).replace("{given}", TAKERS[parameter]))
    assert "x must be <= 3, got 5" in str(small.fails()["takes"])
    small.edit("workflow.py", "top: int = 5", "top: int = 3")
    assert small.run().result == 1


def test_lazy_tables_are_tables_that_wait(tmp_path: Path) -> None:
    small = one(
        tmp_path,
        """
        from magical import Lazy, contract_of

        class Row(Contract):
            x: int = Field(ge=0)

        class S(Settings):
            low: int = 0
            more: str = ""

        @step
        def rows(low: int) -> Lazy[Row]:
            return pl.LazyFrame({"x": [low, 1]})

        @step
        def lazily(t: Lazy[Row], more: str) -> str:
            return f"{type(t).__name__} {contract_of(t).name} {more}"

        @step
        def eagerly(t: Frame[Row]) -> str:
            return type(t).__name__

        @workflow
        def flow(s: S) -> Any:
            t = rows(s.low)
            return [lazily(t, s.more), eagerly(t)]
        """,
    )
    assert small.run().result == ["LazyFrame Row ", "DataFrame"]
    assert small.run(more="!").result == ["LazyFrame Row !", "DataFrame"]
    assert "x must be >= 0, got -1" in str(small.fails(low=-1)["rows"])


def test_what_fails_when_a_lazy_table_is_collected_is_the_step_s_failure(tmp_path: Path) -> None:
    small = one(
        tmp_path,
        """
        @step
        def rows(n: int) -> Frame:
            return pl.LazyFrame({"x": [n]}).select("nope")

        @workflow
        def flow() -> Any:
            return [rows(1), rows(2)]
        """,
    )
    errors = small.fails()
    assert sorted(errors) == ["rows[1]", "rows[2]"]
    assert str(errors["rows[2]"]).startswith("rows[2] (workflow.py:")
    assert "raised ColumnNotFoundError" in str(errors["rows[2]"])


def test_a_broken_promise_names_the_node_once(tmp_path: Path) -> None:
    small = one(
        tmp_path,
        """
        @step
        def odd(n: int) -> int:
            return "many"

        @workflow
        def flow() -> Any:
            return [odd(1), odd(2)]
        """,
    )
    assert str(small.fails()["odd[1]"]).count("odd[1]") == 1


def test_names_from_data_never_become_paths(tmp_path: Path) -> None:
    small = one(
        tmp_path / "deep" / "er" / "p",
        f"""
        @step
        def a() -> Frame:
            keep("../../../evil", {{"x": 1}})
            keep({str(tmp_path / "evil")!r}, 3)
            return pl.DataFrame({{"../../evil": ["../../evil", "/etc/passwd"]}})

        @workflow
        def flow() -> Frame:
            return a()
        """,
    )
    small.root.mkdir(parents=True, exist_ok=True)
    run = small.run()
    assert run.kept("a") == {"../../../evil": {"x": 1}, str(tmp_path / "evil"): 3}
    assert [p for p in tmp_path.rglob("*") if "evil" in p.name] == []
