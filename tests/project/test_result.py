"""What a run gives a Python caller: its names, its warnings, and how it ends."""

from pathlib import Path

import pytest

from magical.contracts.schema import Column, Schema
from magical.engine.execution import scheduler
from magical.engine.pretend_plan import Pretence
from magical.engine.run import RunStopped
from magical.errors import Finding, MagicalError, UsageError
from magical.library.metrics.scores import Score, Scores
from projects import ALL, Small, one

WARNS = """
    @step
    def careful(n: int) -> int:
        print("counting")
        emit(LogLine(step="careful", text="3 odd rows", level="warning"))
        return n

    @step
    def fails(n: int) -> int:
        emit(LogLine(step="fails", text="a bad sign", level="warning"))
        return n // (n - 1)

    @step
    def unused(n: int) -> int:
        return n

    @workflow
    def flow(s: S) -> int:
        counted = careful(s.n)
        unused(counted)
        return fails(counted)
"""


@pytest.fixture
def warns(tmp_path: Path) -> Small:
    """A project whose steps print and warn; the last one fails for ``n=1``."""
    small = one(tmp_path, WARNS)
    small.edit(
        "workflow.py",
        "\n@step\ndef careful",
        "\nfrom magical.events import LogLine\n\nclass S(Settings):\n    n: int = 2\n\n\n@step\ndef careful",
    )
    return small


# --- names ----------------------------------------------------------------------------------------------------


def test_names_of_steps_of_data_and_of_parts(small: Small) -> None:
    run = small.run()
    assert run["customers"].equals(run["clean"])
    assert run["test"].equals(run["split"].test)
    assert list(run) == ALL
    assert {"clean", "customers", "train"} <= {*run._ipython_key_completions_()}
    assert run.kept("customers") == run.kept("train") == {}
    assert run.origin("customers") == run.origin("train") == ()
    for name, hint in {"custmers": "did you mean 'customers'", "clena": "did you mean 'clean'"}.items():
        with pytest.raises(UsageError, match="There is no step") as caught:
            run[name]
        assert hint in caught.value.hint


def test_names_that_are_ambiguous(tmp_path: Path) -> None:
    small = one(
        tmp_path,
        """
        @step
        def cut(rows: list[int]) -> Parts:
            return partition(pl.DataFrame({"x": rows}), ["train", "validation", "test"])

        @step
        def clean(parts: Parts) -> int:
            return 1

        tidy = clean

        @workflow
        def flow() -> int:
            clean = cut([1, 2, 3])
            return tidy(clean)
        """,
    )
    run = small.run()
    assert run["clean"] == 1  # the step's, not that of the data
    assert run["train"].height == 1
    small.edit("workflow.py", "    return tidy(clean)", "    return tidy(cut([4, 5, 6]))\n")
    small.edit("workflow.py", "-> int:\n    clean =", "-> tuple[Parts, int]:\n    clean =")
    small.edit("workflow.py", "    return tidy(cut", "    return clean, tidy(cut")
    with pytest.raises(UsageError, match=r"train is a part of 2 splits: cut\[1\], cut\[2\]") as caught:
        small.run()["train"]
    assert caught.value.hint == 'such as run["cut[1]"].train'


# --- settings -------------------------------------------------------------------------------------------------


def test_settings_are_given_as_the_command_takes_them(small: Small) -> None:
    small.edit("workflow.py", "    unread: int = 1", "    unread: int = 1\n    step: str = ''")
    project = small.load()
    by_name, dotted = project.run(policy={"workers": 1}), project.run("", {"policy.workers": 1, "step": "x"})
    assert (len(by_name.executed), dotted.executed) == (5, [])
    assert project.run("size", {"max_id": 11}).result == 8
    assert project.run(**{"max_id": 11, "policy.retries": 1}).executed == []
    assert project.plan("clean", {"max_id": 12})["clean"].state == "to run"
    assert "max_id went from" in str(project.why("clean", {"max_id": 12}))
    assert project.graph({"max_id": 12}).workflow == project.picture({"max_id": 12}).workflow == "flow"
    assert project.check({"max_id": 12}) == project.check(max_id=12)
    assert project.pretend("model", {"max_id": 5}, rows=20).result.height == 20


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"maxid": 3}, "did you mean 'max_id'"),
        ({"policy.wrkers": 3}, "did you mean 'workers'"),
        (
            {"policy.workers": 1, "policy.workers.x": 1},
            "policy.workers.x is given twice, as a value and as a group",
        ),
        ({"max_id": "many"}, "max_id"),
        ([("max_id", 3)], "Settings are a mapping of names to values"),
    ],
)
def test_wrong_settings_are_said_by_each_verb(small: Small, settings: object, message: str) -> None:
    project = small.load()
    for verb in (project.run, project.plan, project.pretend):
        with pytest.raises(UsageError, match=r"max_id|workers|Settings") as caught:
            verb("", settings)
        assert message in str(caught.value)
    with pytest.raises(UsageError, match="The name of a step is a text") as caught:
        project.run(settings)  # type: ignore[arg-type]
    assert "settings come second" in caught.value.hint


# --- warnings, failures, Ctrl-C -------------------------------------------------------------------------------


def test_warnings_are_shown_as_they_come_and_kept(warns: Small, capsys: pytest.CaptureFixture[str]) -> None:
    run = warns.run()
    shown = capsys.readouterr()
    assert shown.out == "counting\n"
    assert shown.err.splitlines() == ["! careful 3 odd rows", "! fails   a bad sign"]
    expected = [("WIRE001", "unused"), ("", "careful"), ("", "fails")]
    assert [(w.code, w.step) for w in run.warnings] == expected
    assert run.warnings[1] == Finding("", "warning", "careful", "3 odd rows")
    assert (str(run.warnings[1]), repr(run.warnings[1])) == (
        "warning careful: 3 odd rows",
        "<warning careful: 3 odd rows>",
    )
    again = warns.run()
    assert (again.executed, again.warnings) == ([], run.warnings)  # a fresh step warned when it ran
    assert "3 odd rows" in again._repr_html_()
    for journal in (warns.root / ".magical/runs").glob("*/journal.jsonl"):
        journal.unlink()
    assert [w.code for w in warns.run().warnings] == ["WIRE001"]


def test_a_quiet_project_shows_what_steps_print_only(
    warns: Small, capsys: pytest.CaptureFixture[str]
) -> None:
    project = warns.load()
    project.quiet = True
    project.run()
    assert capsys.readouterr() == ("counting\n", "")


def test_a_run_that_failed_is_at_hand(warns: Small) -> None:
    project = warns.load()
    assert project.last is None
    with pytest.raises(MagicalError, match="ZeroDivisionError") as caught:
        project.run(n=1)
    run = project.last
    assert run is not None
    assert (run.state, run["counted"], list(run.errors)) == ("failed", 1, ["fails"])
    assert [w.step for w in run.warnings] == ["unused", "careful", "fails"]
    assert run.errors["fails"] is caught.value
    assert "ZeroDivisionError" in run._repr_html_()
    with pytest.raises(UsageError, match="fails gave nothing in this run"):
        run["fails"]
    traced = caught.value._render_traceback_()  # what IPython shows
    assert traced[0] == str(caught.value).splitlines()[0]
    assert not [line for line in traced if "site-packages" in line or "scheduler" in line]
    assert any("test_result.py" in line for line in traced)
    assert project.run(n=3) is project.last


def test_ctrl_c_stops_the_run_and_keeps_what_is_finished(
    warns: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler, "STOP_SECONDS", 0.3)  # the body may end in the moment of the signal
    warns.edit(
        "workflow.py",
        "    return n // (n - 1)",
        "    import os, signal\n    os.kill(os.getpid(), signal.SIGINT)\n    return n",
    )
    project = warns.load()
    with pytest.raises(KeyboardInterrupt, match=r"finished and [a-z]+ kept") as caught:
        project.run()
    assert isinstance(caught.value, RunStopped)
    assert caught.value._render_traceback_()[-1] == "Hint: magical run goes on from there."
    assert project.last is not None
    assert (project.last.state, project.last["counted"]) == ("stopped", 2)
    assert ": stopped, " in repr(project.last)


# --- how results show themselves ------------------------------------------------------------------------------


def test_what_is_pretended_is_marked_wherever_it_shows(small: Small) -> None:
    project = small.load()
    run = project.pretend("model", rows=20)
    pretended = small.load().with_pretence(Pretence("sources", 20))
    shown = [run, run._result.records["model"], project.runs(), project.runs()[0], pretended.plan()["model"]]
    assert [repr(one) for one in shown if "not real: " not in repr(one)] == []
    assert repr(pretended) == "<project small, pretended>"
    assert "not real: <s>20 × 2</s> (pretended)" in run._repr_html_()
    scores = Scores(
        task="binary",
        target="y",
        part="test",
        rows=9,
        metrics={"f1": Score(value=1, low=0, high=1)},
        origin=("model",),
    )
    assert "not real: " in repr(scores)
    assert "not real: <s>1.0" in scores._repr_html_()


def test_what_comes_from_data_is_escaped_in_every_page(tmp_path: Path) -> None:
    """Names of columns, texts of warnings and of results, and messages of errors."""
    hostile = "<script>alert(1)</script>"
    small = one(
        tmp_path,
        f"""
        from magical.events import LogLine

        @step
        def told() -> str:
            emit(LogLine(step="told", text="{hostile}", level="warning"))
            return "{hostile}"

        @step
        def fails(text: str) -> int:
            raise ValueError(text)

        @workflow
        def flow() -> int:
            return fails(told())
        """,
    )
    project = small.load()
    with pytest.raises(MagicalError):
        project.run()
    assert project.last is not None
    schema = Schema("Row", (Column(hostile, "str", description=hostile),))
    pages = [project.last, project.runs(), project.plan(), project.why("fails"), schema]
    shown = [page._repr_html_() for page in pages]
    assert [html for html in shown if "<script" in html] == []
    assert shown[0].count("&lt;script&gt;") >= 3
    assert shown[-1].count("&lt;script&gt;") == 2
