"""Bad input to the campaign: a message of at most five lines names the cause and the fix, and nothing is lost."""

from collections.abc import Callable
from pathlib import Path

import pytest

from examples.conftest import copy_campaign
from projects import Small, is_well_worded

CSV = "data/marketing_campaign.csv"
QUIET = ("tracking.enabled=false",)
Spoil = Callable[[Small], tuple[str, ...] | None]


def lines(project: Small) -> list[str]:
    """Read the lines of the source file."""
    return (project.root / CSV).read_text(encoding="utf-8-sig").splitlines()


def csv(change: Callable[[list[str]], list[str]]) -> Spoil:
    """Change the source file's lines."""

    def spoil(project: Small) -> None:
        project.write(CSV, "\n".join(change(lines(project))) + "\n")

    return spoil


def code(old: str, new: str) -> Spoil:
    """Change the workflow."""

    def spoil(project: Small) -> None:
        project.edit("workflow.py", old, new)

    return spoil


def words(*given: str) -> Spoil:
    """Pass words on the command line."""
    return lambda project: given


def cell(row: int, column: str, value: str) -> Callable[[list[str]], list[str]]:
    """Change one value of the source file."""

    def change(text: list[str]) -> list[str]:
        at = text[0].split(";").index(column)
        cells = text[row + 1].split(";")
        cells[at] = value
        return [*text[: row + 1], ";".join(cells), *text[row + 2 :]]

    return change


def every(column: str, value: str) -> Callable[[list[str]], list[str]]:
    """Change one column of the source file."""

    def change(text: list[str]) -> list[str]:
        at = text[0].split(";").index(column)
        rows = [line.split(";") for line in text[1:]]
        return [text[0], *(";".join([*r[:at], value, *r[at + 1 :]]) for r in rows)]

    return change


def gone(project: Small) -> None:
    """Delete the source file."""
    (project.root / CSV).unlink()


def empty(project: Small) -> None:
    """Empty the source file."""
    project.write(CSV, "")


def tabs_for_semicolons(text: list[str]) -> list[str]:
    """Write the header with another delimiter than the rows."""
    return [text[0].replace(";", "\t"), *text[1:]]


CLEAN = "    return customers.filter(sane).with_columns(marital_status=status)"
CASES: dict[str, tuple[Spoil, int, tuple[str, ...]]] = {
    "missing file": (gone, 1, ("marketing_campaign.csv",)),
    "empty file": (empty, 1, ("marketing_campaign.csv", "empty")),
    "header only": (csv(lambda t: t[:1]), 1, ("marketing_campaign.csv", "no row")),
    "wrong delimiter": (csv(tabs_for_semicolons), 1, ("marketing_campaign.csv",)),
    "missing column": (csv(lambda t: [t[0].replace("Income", "Salary"), *t[1:]]), 1, ("income", "Salary")),
    "two columns of one name": (csv(lambda t: [t[0].replace("Kidhome", "Income"), *t[1:]]), 1, ("Income",)),
    "wrong type": (csv(cell(3, "Year_Birth", "long ago")), 1, ("year_birth", "long ago", "row 3")),
    "null where none may be": (csv(cell(5, "Education", "")), 1, ("education", "null", "row 5")),
    "value out of bounds": (
        csv(cell(2, "Year_Birth", "1066")),
        1,
        ("year_birth", ">= 1890", "1066", "row 2"),
    ),
    "duplicate ids": (csv(lambda t: [*t, t[1]]), 1, ("id must be unique", "5524")),
    "unknown category": (csv(cell(7, "Education", "Wizard")), 1, ("education", "Wizard", "row 7")),
    "a target with one class": (csv(every("Response", "0")), 1, ("response", "one class")),
    "unknown setting": (words("max_agee=80"), 2, ("max_agee", "did you mean 'max_age'")),
    "unknown setting inside": (words("split.sed=1"), 2, ("split.sed", "did you mean 'seed'")),
    "unknown setting in a list": (words("experiments.boosting.trails=3"), 2, ("trails", "'trials'")),
    "setting out of bounds": (words("max_age=-3"), 2, ("max_age", "greater than 0", "-3")),
    "setting of a wrong type": (words("max_age=old"), 2, ("max_age", "'old'")),
    "shares above one": (words("split.test=0.9"), 2, ("split", "test")),
    "unknown metric": (words("registry.require.roc_acu=0.7"), 1, ("roc_acu", "roc_auc")),
    "unknown column": (words('left_out=["yaer_birth"]'), 1, ("yaer_birth", "year_birth")),
    "a feature of an unknown column": (
        words('features=[{kind="Log", columns="incom"}]'),
        1,
        ("incom", "'income'"),
    ),
    "unknown step": (words("claen"), 2, ("claen", "did you mean 'clean'")),
    "unknown profile": (words("--profile", "big"), 2, ("big",)),
    "a step that raises": (
        code(CLEAN, "    return 1 / 0"),
        1,
        ("clean", "ZeroDivisionError", "workflow.py:"),
    ),
    "a step that returns None": (code(CLEAN, "    sane"), 1, ("clean", "Frame[Customer]", "None")),
    "a step that returns the wrong thing": (
        code(CLEAN, "    return 3"),
        1,
        ("clean", "Frame[Customer]", "int"),
    ),
    "a step that loses a column": (
        code(CLEAN, '    return customers.filter(sane).drop("income")'),
        1,
        ("clean", "income is missing"),
    ),
    "a part left empty": (words("split.kind=random", "split.test=0.0001"), 1, ("test part", "empty")),
    "a part with one class": (csv(lambda t: t[:5]), 1, ("part", "one class")),
    "a syntax error": (code("@workflow", "@workflow("), 1, ("workflow.py:", "not Python")),
    "a name that does not exist": (code("SINGLE, ", "SINGEL, "), 1, ("SINGEL", "workflow.py:")),
    "no workflow": (code("@workflow\n", "\n"), 1, ("workflow.py", "@workflow")),
    "a contract that does not fit": (
        code("household(cleaned, s.today)", "household(ingest(s.source), s.today)"),
        1,
        ("household", "Frame[Customer]"),
    ),
    "a result touched in the workflow": (
        code("    featured =", "    print(len(households))\n    featured ="),
        1,
        ("leave_out", "move this line into a step"),
    ),
}


@pytest.mark.slow_except("empty file")
@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_told_in_five_lines(case: str, tmp_path: Path) -> None:
    spoil, exit_code, said = CASES[case]
    campaign = copy_campaign(tmp_path / "campaign")
    given = spoil(campaign) or ()
    answer = campaign.command("run", *given, *QUIET)
    message = _message(answer.out + answer.err)
    print(message)
    assert answer.code == exit_code, answer
    assert is_well_worded(message), message
    for text in said:
        assert text in message, f"{text!r} is not in:\n{message}"


def _message(text: str) -> str:
    """The message: the lines up to the hint, without the progress of steps."""
    found = [x for x in text.splitlines() if x[:2] not in ("✗ ", "- ", "! ")]
    hint = next(i for i, line in enumerate(found) if line.startswith("Hint:"))
    return "\n".join(found[: hint + 1])
