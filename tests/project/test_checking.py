"""``magical check`` and ``Project.check``: their output and exit codes."""

import shutil
from pathlib import Path

import pytest

import magical
from magical.errors import Finding
from projects import Small, command, flow, one, python

CAMPAIGN = Path(__file__).parents[2] / "examples" / "campaign"

WEAK = """
class Row(Contract):
    id: Id[int]
    amount: float


@step
def rows() -> Frame[Row]: ...


@step
def total(table: Frame[Row]) -> float:
    return table["amount"].to_list()[0]


@step
def twice(table: Frame[Row]) -> Frame[Row]:
    return table.with_columns(pl.col("amount") * 2)


@workflow
def flow() -> float:
    total(rows())
    return total(twice(rows()))
"""

SOUND = """
class Row(Contract):
    id: Id[int]
    amount: float = Field(ge=0)


@step
def rows() -> Frame[Row]:
    return pl.DataFrame({"id": [1], "amount": [1.0]})


@workflow
def flow() -> Frame[Row]:
    return rows()
"""


def test_nothing_found_reads_well(tmp_path: Path) -> None:
    answer = one(tmp_path, SOUND).command("check")
    assert (answer.code, answer.out, answer.err) == (0, "flow: nothing found.\n", "")


def test_findings_are_grouped_by_severity_and_step(tmp_path: Path) -> None:
    answer = one(tmp_path, WEAK).command("check")
    assert answer.code == 0
    assert [line for line in answer.out.splitlines() if not line.startswith("Hint: ")] == [
        "warning WEAK001 Row: says little of its column amount (workflow.py:12): any value will do.",
        "warning WIRE001 rows[1]: is drawn, but nothing uses what it gives; it is not run.",
        "warning WIRE001 total[1]: is drawn, but nothing uses what it gives; it is not run.",
        "note WISH001 rows: is not written yet: a run pretends Frame[Row] in its place.",
        "flow: 3 warnings, 1 note.",
    ]


def test_an_error_ends_with_exit_code_1_and_hard_says_its_counts(tmp_path: Path) -> None:
    answer = one(tmp_path, WEAK).command("check", "--hard")
    assert answer.code == 1
    assert answer.out.splitlines()[0].startswith(
        "error HARD001 total[2]: on 0 generated rows it raised IndexError"
    )
    assert answer.out.splitlines()[-1] == "flow: 1 error, 3 warnings, 1 note; 1 step passed the hard check."


def test_what_was_not_assessed_is_told_with_the_reason(tmp_path: Path) -> None:
    answer = one(tmp_path, SOUND).command("check", "--hard")
    assert answer.code == 0
    assert answer.out.splitlines() == [
        "not assessed (a source takes no rows): rows",
        "flow: nothing found; 0 steps passed the hard check, 1 not assessed.",
    ]


def test_json_gives_all(tmp_path: Path) -> None:
    small = one(tmp_path, WEAK)
    answer = small.command("check", "--json").json
    assert (answer["workflow"], answer["hard"]) == ("flow", None)
    assert answer["findings"][0]["code"] == "WEAK001"
    assert set(answer["findings"][0]) == {"code", "severity", "step", "what", "hint"}
    hard = small.command("check", "--hard", "--json").json["hard"]
    assert [(o["step"], o["state"], o["rows"]) for o in hard] == [
        ("twice", "passed", [0, 1, 200]),
        ("total[2]", "finding", [0, 1, 200]),
    ]


def test_settings_are_taken_from_the_line(tmp_path: Path) -> None:
    small = flow(tmp_path)
    assert "warning WIRE003 unread: " in small.command("check", "max_id=5").out
    assert small.command("check", "max_id=1000").code == 2
    assert "not at 'clean' by itself" in small.command("check", "clean").err


def test_the_method_gives_findings(tmp_path: Path) -> None:
    found = flow(tmp_path).load().check()
    assert all(isinstance(f, Finding) for f in found)
    assert [(f.code, f.step) for f in found] == [("WIRE003", "unread"), ("WIRE004", "split")]
    first, *others = flow(tmp_path).load().check(hard=True)
    assert (first.code, first.step, others) == ("HARD002", "clean", found)
    assert "x must be <= 900" in first.what


def test_a_check_leaves_no_trace_of_a_run(tmp_path: Path) -> None:
    small = flow(tmp_path)
    small.load().check(hard=True)
    assert small.states() == {"raw": "to run"} | dict.fromkeys(["model", "clean", "split", "size"], "waits")
    assert not list((tmp_path / ".magical").rglob("journal.jsonl"))


def test_it_sees_an_edit_and_another_project(tmp_path: Path) -> None:
    small, other = one(tmp_path / "a", WEAK), flow(tmp_path / "b")
    project = small.load()
    assert project.check()[0].code == "WEAK001"
    assert other.load().check()[0].code == "WIRE003"
    assert project.check()[0].code == "WEAK001"
    small.edit("workflow.py", "amount: float\n", "amount: float = Field(ge=0)\n")
    assert project.check()[0].code == "WIRE001"


def test_a_project_that_cannot_be_drawn_says_why(tmp_path: Path) -> None:
    answer = one(
        tmp_path, SOUND.replace("-> Frame[Row]:\n    return rows()", "-> Frame[Row]:\n    return row()")
    ).command("check")
    assert answer.code == 1
    assert "NameError" in answer.err


def test_the_campaign_is_clean() -> None:
    assert magical.load(CAMPAIGN).check() == []


@pytest.mark.slow
@pytest.mark.parametrize("text", [WEAK, None], ids=["unwritten", "campaign"])
def test_without_hard_no_library_for_fitting_is_imported(tmp_path: Path, text: str | None) -> None:
    root = one(tmp_path, text).root if text else CAMPAIGN
    code = (
        "import sys, magical; magical.load('.').check(); "
        "print([m for m in ('sklearn', 'mlflow', 'pandas', 'optuna') if m in sys.modules])"
    )
    answer = python("-c", code, cwd=str(root))
    assert answer.stdout == "[]\n", answer.stderr


@pytest.mark.slow
def test_the_campaign_passes_the_hard_check() -> None:
    answer = command("check", "--hard", "--project", str(CAMPAIGN))
    assert answer.out.splitlines() == [
        "not assessed (it reads files): ingest",
        "not assessed (it takes a table without columns): model_data",
        "not assessed (it writes to the world): register",
        "campaign: nothing found; 14 steps passed the hard check, 3 not assessed.",
    ]


@pytest.mark.slow
def test_a_customer_who_enrolled_after_the_day_of_the_campaign_breaks_a_promise(tmp_path: Path) -> None:
    """No contract forbids such customers: only clean drops them, and the examples of the contract have none."""
    shutil.copytree(CAMPAIGN, tmp_path / "campaign", ignore=shutil.ignore_patterns(".magical", "data"))
    small = Small(tmp_path / "campaign")
    small.edit("contracts.py", "date(2014, 3, 1)]", "date(2024, 3, 1)]")
    (found,) = small.load().check(hard=True)
    assert (found.code, found.step) == ("HARD002", "household")
    assert "years_enrolled must be >= 0" in found.what


def test_of_many_unwritten_steps_only_the_names_are_told(tmp_path: Path) -> None:
    steps = "".join(f"\n\n@step\ndef s{i}(x: int) -> int: ...\n" for i in range(5))
    calls = "    x = 1\n" + "".join(f"    x = s{i}(x)\n" for i in range(5))
    small = one(tmp_path, f"{steps}\n\n@workflow\ndef flow() -> int:\n{calls}    return x\n")
    assert small.command("check").out == (
        "note WISH001 5 steps are not written yet, or wish for a piece: s0, s1, s2, s3, s4.\nflow: 5 notes.\n"
    )
    assert len(small.command("check", "--json").json["findings"]) == 5
