"""`run` and `pretend`: what they pretend, how they report it, and what changes it."""

from pathlib import Path

import polars as pl
import pytest

from projects import ALL, NO_TRACKING, Small, is_well_worded, one

BODY = (
    '    good = customers.filter(pl.col("id") < max_id)\n    return good.with_columns(x=twice(pl.col("x")))\n'
)


@pytest.fixture
def unwritten(small: Small) -> Small:
    small.edit("workflow.py", BODY, "    ...\n")
    return small


def test_a_run_ends_well_and_says_what_is_pretended(unwritten: Small) -> None:
    answer = unwritten.command("run")
    assert answer.code == 0
    lines = answer.out.splitlines()
    assert lines[0].startswith("flow: done. 4 steps ran, 1 was pretended, 0 were fresh")
    assert lines[1].startswith("  size: not real: 3\u0336")
    where = next(line for line in lines if line.startswith("Pretended: clean (workflow.py:"))
    place = where.removeprefix("Pretended: clean (").removesuffix(").")
    assert f"Next: write clean ({place}): model → Frame[Customer]." in lines
    assert "  Standing on that: split, size." in lines


def test_pretend_needs_no_file_and_runs_the_bodies_that_it_can(small: Small) -> None:
    small.edit("workflow.py", 'x=twice(pl.col("x"))', 'x=pl.col("x") // 2')
    (small.root / "x.csv").unlink()
    run = small.load().pretend(rows=50)
    assert run.executed == ["model", "clean", "split", "size"]
    assert run["model"].height == 50
    assert run.origin("size") == ("model",)
    assert run["clean"].height < 90
    again = small.load().pretend(rows=50)
    assert again.executed == []
    assert small.load().pretend(rows=51).executed[0] == "model"
    assert small.load().pretend(rows=50, all=True).executed == ["clean", "split", "size"]


def test_what_could_be_written_next_is_among_what_was_asked_for(unwritten: Small) -> None:
    assert "Next: write clean" not in unwritten.command("pretend", "model").out


def test_a_design_that_fails_is_not_said_to_hold_together(tmp_path: Path) -> None:
    small = one(
        tmp_path,
        "class Row(Contract):\n    id: Id[int]\n\n"
        "@step\ndef rows() -> Frame[Row]: ...\n\n"
        "@step\ndef count(rows: Frame[Row]) -> int:\n    return len(rows)\n\n"
        "@workflow\ndef f() -> int:\n    return count(rows())\n",
    )
    assert small.command("pretend").out.splitlines()[-1] == "The design holds together."
    small.edit("workflow.py", "return len(rows)", "return str(rows)")
    answer = small.command("pretend")
    assert answer.code == 1
    assert "count (workflow.py:" in answer.out
    assert "holds together" not in answer.out


def test_pretend_on_the_command_line(small: Small) -> None:
    (small.root / "x.csv").unlink()
    answer = small.command("pretend", "--rows", "30", "--all")
    assert answer.code == 0
    assert "0 steps ran, 4 were pretended" in answer.out
    assert "Next: magical run, with what is real." in answer.out
    look = next(line for line in answer.out.splitlines() if "magical inspect" in line)
    assert "--pretend all --rows 30" in look
    shown = small.command("inspect", "model", "--pretend", "all", "--rows", "30").out
    assert "It is not real: it stands on model." in shown
    assert "30 rows × 2 columns" in shown
    assert small.command("plan", "--pretend", "all", "--rows", "30").out.endswith("flow: 4 fresh.\n")
    origin = small.command("pretend", "--all", "--rows", "30", "--json").json["origin"]
    assert origin == {"model": ["model"], "clean": ["clean", "model"]} | {
        "split": ["clean", "model", "split"],
        "size": ["clean", "model", "size", "split"],
    }


def test_inspect_shows_a_made_up_value_struck_through(unwritten: Small) -> None:
    unwritten.run()
    out = unwritten.command("inspect", "size").out
    assert "It is not real: it stands on clean." in out
    assert "3\u0336" in out
    assert "\u0336" not in unwritten.command("inspect", "model").out


def test_a_source_that_promises_no_columns_cannot_be_asked_for(small: Small) -> None:
    answer = small.command("pretend", "raw")
    assert answer.code == 2
    assert answer.err == (
        "raw promises a table without columns, so nothing can be pretended for it.\n"
        "Hint: ask for a step behind it, or give it a contract: Frame[Contract].\n"
    )


def test_written_for_real_it_renews_all_that_stands_on_it(unwritten: Small) -> None:
    unwritten.run()
    unwritten.edit("workflow.py", "    ...\n", BODY)
    assert unwritten.states() == dict(zip(ALL, ["fresh", "fresh", "to run", "waits", "waits"], strict=True))
    assert "it was pretended then, and its body runs now" in unwritten.why("clean")
    run = unwritten.run()
    assert run.executed == ["clean", "split", "size"]
    assert [run.origin(n) for n in ALL] == [()] * 5
    unwritten.edit("workflow.py", BODY, "    ...\n")
    assert unwritten.ran() == []
    assert unwritten.run().origin("size") == ("clean",)


def test_what_moves_what_is_made_up(unwritten: Small) -> None:
    unwritten.run()
    unwritten.edit("workflow.py", 'description="how much")', 'description="another word")')
    assert unwritten.ran() == []
    unwritten.edit("workflow.py", "max_id: int) -> Frame[Customer]", "max_id: int) -> Frame[Client]")
    unwritten.edit(
        "workflow.py",
        "class FlowSettings",
        "class Client(Contract):\n    id: Id[int]\n    y: int = Field(ge=3, le=4, examples=[3])\n\n\nclass FlowSettings",
    )
    said = unwritten.why("clean")
    assert "the contract of what it gives changed" in said
    assert "drawn from" not in said
    assert unwritten.ran() == ["clean", "split", "size"]
    assert set(unwritten.run()["clean"]["y"]) == {3}
    unwritten.edit("workflow.py", "examples=[3]", "examples=[4]")
    assert "the bounds, the examples or the sample that it is drawn from changed" in unwritten.why("clean")
    assert set(unwritten.run()["clean"]["y"]) == {4}
    assert unwritten.ran(max_id=30) == []


def test_what_cannot_be_made_up_fails_that_step_and_says_why(small: Small) -> None:
    small.edit("workflow.py", "-> int:\n    return table.height\n", "-> Any:\n    ...\n")
    answer = small.command("run")
    assert answer.code == 1
    assert "size (workflow.py:" in answer.out + answer.err
    assert "cannot be pretended" in answer.out + answer.err
    assert small.load().plan()["split"].state == "fresh"


def test_a_step_that_would_write_files_of_made_up_rows_is_made_up_itself(tmp_path: Path) -> None:
    small = Small(tmp_path)
    small.write("settings.toml", NO_TRACKING)
    small.write(
        "workflow.py",
        """\
from magical import Contract, Frame, Id, OutputPath, step, workflow

class Row(Contract):
    id: Id[int]

@step
def rows() -> Frame[Row]: ...

@step
def export(rows: Frame[Row], file: OutputPath) -> int:
    rows.write_csv(file)
    return rows.height

@workflow
def flow() -> int:
    return export(rows(), OutputPath("out.csv"))
""",
    )
    assert small.run().origin("export") == ("export", "rows")
    assert not list(tmp_path.glob("**/out.csv"))


def test_a_step_with_a_timeout_stands_on_what_is_made_up(unwritten: Small) -> None:
    unwritten.write("settings.toml", NO_TRACKING + "[policy.steps.size]\ntimeout = 60\n")
    run = unwritten.run()
    assert run.origin("size") == ("clean",)
    assert run.executed[-1] == "size"


def test_a_replay_of_a_step_without_a_body(unwritten: Small) -> None:
    unwritten.run()
    answer = unwritten.command("replay", "last", "clean")
    assert answer.code == 1
    assert "has no body yet: there is nothing to call" in answer.err
    assert "not real" not in unwritten.command("replay", "last", "raw").out


def test_made_up_lists_and_tables_in_other_kinds(tmp_path: Path) -> None:
    small = Small(tmp_path)
    small.write("settings.toml", NO_TRACKING)
    small.write(
        "workflow.py",
        """\
import magical.pandas
from magical import Contract, Frame, Id, Lazy, step, workflow

class Row(Contract):
    id: Id[int]
    x: float

@step
def pandas() -> magical.pandas.Frame[Row]: ...

@step
def lazy(rows: magical.pandas.Frame[Row]) -> Lazy[Row]: ...

@step
def several(rows: Lazy[Row]) -> list[Frame[Row]]: ...

@step
def total(tables: list[Frame[Row]]) -> int:
    return sum(t.height for t in tables)

@workflow
def flow() -> int:
    return total(several(lazy(pandas())))
""",
    )
    run = small.run()
    assert isinstance(run["lazy"], pl.LazyFrame)
    assert run.result == sum(t.height for t in run["several"]) > 0
    assert run.origin("total") == ("lazy", "pandas", "several")


def test_the_contract_of_what_it_takes_moves_what_is_made_up(tmp_path: Path) -> None:
    small = one(
        tmp_path,
        """
        from magical import Model

        class Row(Contract):
            id: Id[int]
            x: float
            y: Target[bool]

        class Derived(Contract):
            id: Id[int]
            z: float

        @step
        def rows() -> Frame[Row]:
            n = range(40)
            return pl.DataFrame({"id": n, "x": map(float, n), "z": map(float, n), "y": [i % 2 > 0 for i in n]})

        @step
        def fitted(rows: Frame[Row]) -> Model: ...

        @step
        def derived(rows: Frame[Row]) -> Frame[Derived]: ...

        @workflow
        def flow() -> Any:
            table = rows()
            return [fitted(table), derived(table)]
        """,
    )
    assert small.run()["fitted"].features == ["x"]
    small.edit("workflow.py", "x: float\n", "x: float\n    z: float\n")
    run = small.run()  # the rows are the same
    assert run["fitted"].features == ["x", "z"]
    assert run["derived"]["z"].to_list() == list(range(40))
    assert "the contract of its input rows changed" in small.why("fitted")


ROW = """
from pathlib import Path

from magical import Model, Receipt, wish

class Row(Contract):
    id: Id[int]
    x: float = 1.0
    y: Target[bool] = True

@step
def rows() -> Frame[Row]: ...
"""


@pytest.mark.parametrize("gives", ["", " -> Path", " -> OutputPath", " -> Any", " -> list[Path]"])
def test_what_writes_files_and_gives_what_nobody_can_guess_is_left_out(tmp_path: Path, gives: str) -> None:
    small = one(
        tmp_path,
        f"""
        @step
        def export(rows: Frame[Row], file: OutputPath){gives}:
            raise AssertionError("nothing is written")

        @step
        def after(file: Any) -> int:
            return 1

        @workflow
        def flow() -> Any:
            return after(export(rows(), OutputPath("out.csv")))
        """,
        top=ROW,
    )
    for verb in (["run"], ["pretend"], ["pretend", "--all"]):
        answer = small.command(*verb)
        assert answer.code == 0
        assert "  export was left out: it stands on rows." in answer.out
        assert "Next: write rows (" in answer.out
    assert "WISH002" not in small.command("check").out


def test_why_a_step_is_left_out_is_said_alike_by_run_plan_and_why(tmp_path: Path) -> None:
    small = one(
        tmp_path,
        """
        @step
        def load() -> Frame: ...

        @step
        def real() -> int:
            return 1

        @step(writes="world")
        def publish(table: Frame) -> Receipt:
            raise AssertionError("nothing is published")

        @step(writes="world")
        def tell(number: int) -> Receipt:
            return Receipt(True, str(wish(float)))

        @step(writes="world")
        def announce(number: int) -> Receipt: ...

        @step
        def after(receipt: Receipt) -> int:
            return 1

        @workflow
        def flow() -> Any:
            return [publish(load()), after(tell(real())), announce(real())]
        """,
        top=ROW,
    )
    said = {
        "publish": "what it would write is pretended",
        "tell": "a piece of it is pretended by wish()",
        "announce": "it has no body yet",
    }
    first, again = small.command("run").out, small.command("run").out
    plan = small.command("plan").out
    for name, reason in said.items():
        assert f"  {name} was left out: {reason}.\n" in first
        assert f"  {name} was left out: {reason}.\n" in again
        assert f"left out  {reason}\n" in plan
        assert small.why(name) == f"{name}: it is left out: {reason}."
    assert small.why("after") == "after: it is left out: tell is left out."
    assert "Next: write load (workflow.py:" in first


def test_with_nothing_to_run_it_says_why(tmp_path: Path) -> None:
    small = one(
        tmp_path,
        """
        @step
        def load() -> Frame: ...

        @workflow
        def flow() -> Any:
            return load()
        """,
    )
    for verb in ("run", "pretend"):
        answer = small.command(verb)
        assert answer.code == 1
        assert is_well_worded(answer.err.strip())
        assert "nothing can be pretended: load (workflow.py:" in answer.err
    assert small.command("plan").out == "flow: there is nothing to run.\n"
    small.edit("workflow.py", "Frame: ...", "int:\n    return 1")
    small.edit("workflow.py", "return load()", "load()")
    assert "flow returns nothing, and no step of it writes to the world" in small.command("run").err


def test_a_step_behind_a_made_up_model_can_be_opened_again(tmp_path: Path) -> None:
    small = one(
        tmp_path,
        """
        @step
        def fitted(rows: Frame[Row]) -> Model: ...

        @step
        def mean(model: Model, rows: Frame[Row]) -> float:
            return float(model.predict(rows)["prediction"].mean())

        @workflow
        def flow() -> float:
            table = rows()
            return mean(fitted(table), table)
        """,
        top=ROW,
    )
    result = small.run().result
    answer = small.command("replay", "last", "mean")
    assert answer.out.endswith(f"\n{result}\n")
    assert "What it gives is not real: it stands on fitted, rows." in answer.err
    assert small.command("replay", "last", "mean", "--json").json["origin"] == ["fitted", "rows"]


def test_a_parent_whose_ids_are_named_is_no_input_of_the_step(tmp_path: Path) -> None:
    small = one(
        tmp_path,
        """
        from magical import Key

        class Owned(Contract):
            id: Id[int]
            row: Key[Row]

        @step
        def real() -> Frame[Row]:
            return pl.DataFrame({"id": [1, 2], "x": 1.0, "y": True})

        @step
        def owned() -> Frame[Owned]: ...

        @workflow
        def flow() -> Any:
            return [real(), owned()]
        """,
        top=ROW,
    )
    answer = small.command("run").out
    assert "Next: write owned (workflow.py:" in answer
    assert "→" not in answer


def test_a_run_remembers_what_it_made_up(small: Small) -> None:
    small.edit("deep.py", "FACTOR = 2", "FACTOR = 1")
    first = small.load().pretend(rows=30, all=True)
    assert "pretend --all" in small.command("runs").out
    shown = small.command("runs", first.name).out
    assert "not real   pretend --all\n" in shown
    assert "stands on  " in shown
    small.run()
    assert small.why("clean").startswith("clean: it is fresh; it ran first in ")
    small.load().pretend(rows=30)
    answer = small.command("replay", "last", "clean")
    assert "customers: DataFrame of 30 × " in answer.err
    assert "What it gives is not real: it stands on model." in answer.err


def test_why_tells_a_body_on_made_up_inputs_from_a_real_step(unwritten: Small) -> None:
    unwritten.edit("workflow.py", "    return raw\n", "    ...\n")
    unwritten.edit("deep.py", "FACTOR = 2", "FACTOR = 1")
    unwritten.run()
    unwritten.edit("workflow.py", 'ones."""\n    ...\n', f'ones."""\n{BODY}')
    assert unwritten.why("clean").endswith("it was pretended then, and its body runs now")


def test_rows_without_a_pretence_are_a_mistake(small: Small) -> None:
    for verb in (["plan"], ["why", "clean"], ["inspect", "clean"]):
        answer = small.command(*verb, "--rows", "5")
        assert answer.code == 2
        assert answer.err.startswith("--rows goes with --pretend")


@pytest.mark.slow
def test_inspect_tells_a_pretence_from_a_run(small: Small) -> None:
    small.edit("deep.py", "FACTOR = 2", "FACTOR = 1")
    for mode, verb in (("sources", "pretend"), ("all", "pretend --all")):
        small.run()
        answer = small.command("inspect", "clean", "--pretend", mode)
        assert answer.err == f"clean has not run yet.\nHint: magical {verb} clean\n"
        assert small.command(*verb.split(), "clean").code == 0
        assert "It is not real" in small.command("inspect", "clean", "--pretend", mode).out
        assert "It is not real" not in small.command("inspect", "clean").out


def test_a_real_step_before_one_without_columns_is_left_out_and_not_unused(tmp_path: Path) -> None:
    small = one(
        tmp_path,
        """
        @step
        def read() -> Frame:
            return pl.DataFrame({"id": [1]})

        @step
        def tidied(table: Frame) -> Frame: ...

        @step
        def typed(table: Frame) -> Frame[Row]:
            return table

        @workflow
        def flow() -> Any:
            return typed(tidied(read()))
        """,
        top=ROW,
    )
    assert small.command("show", "--json").json["states"] == {
        "read": "left out",
        "tidied": "unwritten",
        "typed": "to run",
    }
    assert "Next: write tidied (workflow.py:" in small.command("run").out
    for name in ("read", "tidied"):
        said = small.command("why", name).err
        assert said.startswith(f"{name} is not run: what follows it is pretended without it.\nHint: ")
