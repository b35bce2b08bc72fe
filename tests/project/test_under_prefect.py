"""Runs of a small project under a real Prefect server: its pages, and the output of the command."""

import time
from pathlib import Path

import pytest

from flow_runs import Shown, ran
from projects import NO_TRACKING, Small, is_well_worded, one, python

pytest.importorskip("prefect")

CHAIN = '''
class Known(Contract):
    """A table."""

    x: int


class FlowSettings(Settings):
    n: int = 3


@step
def first(n: int) -> Frame[Known]:
    """Make a <b>bold</b> | *start*."""
    print("hello", n)
    for done in range(OFTEN):
        progress(done, 10 * OFTEN)
    progress(2, 4)
    return pl.DataFrame({"x": range(n)})


@step
def second(table: Frame[Known]) -> dict[str, Any]:
    return {"metrics": {"auc": {"value": 0.75}}, "rows": table.height}


@workflow
def NAME(s: FlowSettings) -> dict[str, Any]:
    """A flow."""
    return second(first(s.n))
'''

SHAKY = """
from pathlib import Path

TRIES = Path(__file__).with_name("tries.txt")


@step
def shaky() -> int:
    tried = len(TRIES.read_text()) if TRIES.exists() else 0
    TRIES.write_text("x" * (tried + 1))
    if tried < TIMES:
        raise OSError("<i>not yet</i>")
    return tried


@step
def follower(x: int) -> int:
    return x + 1


@step
def other() -> int:
    return 7


@step
def both(x: int, y: int) -> int:
    return x + y


@workflow
def NAME() -> int:
    return both(follower(shaky()), other())
"""

LOADED = """
import sys
from magical.cli import main

try:
    main()
finally:
    print("loaded:", sorted({"prefect", "httpx", "dask", "mlflow"} & set(sys.modules)), file=sys.stderr)
"""

PROGRESS = "from magical.library.remarks import progress\n"
"""For the top of a project."""


def chain(root: Path, name: str, *, often: int = 1) -> Small:
    return one(root, CHAIN.replace("NAME", name).replace("OFTEN", str(often)), top=PROGRESS)


def shaky(root: Path, name: str, *, times: int) -> Small:
    return one(root, SHAKY.replace("NAME", name).replace("TIMES", str(times)))


def test_a_run_is_a_flow_run_and_a_node_is_a_task(tmp_path: Path, prefect_server: str) -> None:
    small, shown = chain(tmp_path, "named"), Shown(prefect_server)
    small.write("profiles/team.toml", "")
    tags = 'policy.tags=["nightly", "blue"]', 'policy.steps.first.tags=["database"]'
    answer = ran(small, prefect_server, *tags, "n=5", "--profile", "team")
    assert answer.stderr == "│ first  hello 5\n"
    run = shown.flow_run("named", "Completed")
    journal = small.load().runs()[0]
    assert run["name"] == journal.name
    assert {"magical", "nightly", "blue", "profile team"} <= set(run["tags"])
    assert run["parameters"]["n"] == 5
    tasks = shown.states(run, {"first": "Completed", "second": "Completed"})
    assert "database" in tasks["first"]["tags"]
    assert "database" not in tasks["second"]["tags"]
    assert "hello 5" in shown.logs(tasks["first"], "hello 5")
    assert len(shown.flow_runs("named")) == 1
    assert not list(small.root.glob(".magical/runs/*/prefect.json"))


@pytest.mark.slow
def test_a_step_has_cards(tmp_path: Path, prefect_server: str) -> None:
    small, shown = chain(tmp_path, "cards", often=1500), Shown(prefect_server)  # faster than a server
    ran(small, prefect_server)
    run = shown.flow_run("cards", "Completed")
    tasks = shown.states(run, {"first": "Completed", "second": "Completed"})
    cards = {card["key"]: card for card in shown.artifacts(run)}
    assert {key: card["type"] for key, card in cards.items()} == {
        "cards-first": "markdown",
        "cards-first-progress": "progress",
        "cards-second": "markdown",
        "cards-second-scores": "table",
    }
    assert cards["cards-first-progress"]["data"] == 50.0
    assert cards["cards-first"]["task_run_id"] == tasks["first"]["id"]
    assert cards["cards-second-scores"]["data"] == [{"score": "auc", "value": 0.75}]
    text = cards["cards-first"]["data"]
    assert r"\<b\>bold\</b\> \| \*start\*" in text
    assert "<b>" not in text


@pytest.mark.slow
def test_what_a_failing_step_says_is_shown_as_it_is(tmp_path: Path, prefect_server: str) -> None:
    small, shown = shaky(tmp_path, "said", times=9), Shown(prefect_server)
    ran(small, prefect_server, code=1)
    cards = {card["key"]: card["data"] for card in shown.artifacts(shown.flow_run("said", "Failed"))}
    said = [line for line in cards["said-shaky"].splitlines() if "<i>" in line]
    assert said
    assert all(line.startswith("    ") for line in said), "HTML outside of a block of code"


@pytest.mark.slow
def test_a_step_that_succeeds_in_the_end_is_one_task(tmp_path: Path, prefect_server: str) -> None:
    small, shown = shaky(tmp_path, "retried", times=2), Shown(prefect_server)
    ran(small, prefect_server, "policy.retries=60", "policy.backoff=0.1")  # more waits than Prefect takes
    run = shown.flow_run("retried", "Completed")
    tasks = shown.states(run, dict.fromkeys(["shaky", "follower", "other", "both"], "Completed"))
    assert {name: task["run_count"] for name, task in tasks.items()} == {
        "shaky": 3,
        "follower": 1,
        "other": 1,
        "both": 1,
    }
    assert len((small.root / "tries.txt").read_text()) == 3


def test_a_step_that_fails_leaves_out_what_follows_it(tmp_path: Path, prefect_server: str) -> None:
    small, shown = shaky(tmp_path, "failing", times=9), Shown(prefect_server)
    answer = ran(small, prefect_server, "policy.retries=1", "policy.backoff=0.1", code=1)
    assert len((small.root / "tries.txt").read_text()) == 2
    run = shown.flow_run("failing", "Failed")
    assert "shaky" in run["state"]["message"]
    tasks = shown.states(
        run, {"shaky": "Failed", "follower": "LeftOut", "other": "Completed", "both": "LeftOut"}
    )
    assert tasks["shaky"]["run_count"] == 2
    assert tasks["follower"]["state"]["type"] == "CANCELLED"
    message, summary, _ = answer.stdout.partition("failing: failed;")
    assert message.startswith("shaky (workflow.py:"), "the error comes first"
    assert summary
    assert 2 <= len(message.splitlines()) <= 5, message
    told = [line for line in answer.stderr.splitlines() if line.strip()[0] not in "↻✗-a"]
    assert told == [], "only the lines of the run"
    assert "Traceback" not in answer.stderr + answer.stdout


@pytest.mark.slow
def test_what_is_fresh_is_cached_and_nothing_to_do_is_no_flow_run(
    tmp_path: Path, prefect_server: str
) -> None:
    small, shown = chain(tmp_path, "fresh"), Shown(prefect_server)
    ran(small, prefect_server)
    small.edit("workflow.py", '"value": 0.75', '"value": 0.76')
    ran(small, prefect_server)
    shown.states(shown.flow_run("fresh", "Completed", 1), {"first": "Cached", "second": "Completed"})
    nowhere = "policy.runner=prefect", "policy.server=http://127.0.0.1:1/api"
    again = python("-c", LOADED, "run", *nowhere, "--project", str(small.root))
    assert again.returncode == 0, again.stderr
    assert again.stderr == "loaded: []\n"
    ran(small, prefect_server)
    time.sleep(1)
    assert len(shown.flow_runs("fresh")) == 2


@pytest.mark.slow
def test_a_server_that_does_not_answer_is_said_before_anything_begins(tmp_path: Path) -> None:
    small = chain(tmp_path, "away")
    took = []
    for _ in range(3):
        began = time.monotonic()
        answer = ran(small, "http://127.0.0.1:1/api", code=2)
        took.append(time.monotonic() - began)
    assert min(took) < 5
    assert len(answer.stderr.splitlines()) == 2
    assert is_well_worded(answer.stderr.strip())
    assert not list(small.root.glob(".magical/runs/*"))


@pytest.mark.slow
def test_what_answers_and_is_no_prefect_is_said_to_be_none(tmp_path: Path, prefect_server: str) -> None:
    answer = ran(chain(tmp_path, "wrong"), f"{prefect_server}/wrong", code=2)
    assert answer.stderr.splitlines() == [
        f"What answers at {prefect_server}/wrong is not Prefect's API (404 Not Found).",
        "Hint: name one, such as policy.server=http://127.0.0.1:4200/api; or run without: policy.runner=local",
    ]


def test_the_shell_alone_does_not_choose_the_runner(tmp_path: Path, prefect_server: str) -> None:
    small, shown = chain(tmp_path, "shell"), Shown(prefect_server)
    answer = small.process("run", PREFECT_API_URL=prefect_server)
    assert answer.returncode == 0, answer.stderr
    time.sleep(1)
    assert shown.flow_runs("shell") == []


@pytest.mark.slow
def test_the_shell_says_where_prefect_is_once_the_project_asks_for_it(
    tmp_path: Path, prefect_server: str
) -> None:
    small, shown = chain(tmp_path, "asked"), Shown(prefect_server)
    small.write("settings.toml", NO_TRACKING + '[policy]\nrunner = "prefect"\n')
    answer = small.process("run", PREFECT_API_URL=prefect_server)
    assert answer.returncode == 0, answer.stderr
    shown.flow_run("asked", "Completed")
