"""The README is true: its code is that of the example, and its graph is the drawn one."""

import re
import shutil
from pathlib import Path

from projects import NO_TRACKING, Small, command

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "campaign"


def blocks(language: str, page: str = "README.md") -> list[str]:
    """Return the fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)


def test_the_code_on_one_screen_is_the_examples_own() -> None:
    lines = {
        line for name in ("workflow.py", "contracts.py") for line in (EXAMPLE / name).read_text().splitlines()
    }
    shown = [line for line in blocks("python")[0].splitlines() if "# ..." not in line]
    assert [line for line in shown if line not in lines] == []


def test_the_flow_that_the_page_on_prefect_shows_is_the_examples_own() -> None:
    def code(text: str) -> list[str]:
        return [line.partition("  #")[0] for line in text.splitlines() if line]

    own = (EXAMPLE / "prefect_flow.py").read_text().partition("\n")[2]
    assert code(blocks("python", "docs/prefect.md")[0]) == code(own)


def test_the_drawing_is_what_the_command_gives_before_anything_has_run(tmp_path: Path) -> None:
    copy = shutil.copytree(EXAMPLE, tmp_path / "campaign", ignore=shutil.ignore_patterns(".magical"))
    assert blocks("mermaid")[0] == command("show", "--mermaid", "--project", str(copy)).out


BEFORE = """\
from datetime import date

import polars as pl

from magical import Contract, Field, Frame, Id, InputPath, Key, Settings, Time, step, wish, workflow


class Customer(Contract):
    id: Id[int]


class Spender(Customer):
    spent: float


class Weather(Contract):
    id: Id[int]
    rain: float = Field(ge=0, le=100)


"""
BEHIND = """

@step
def customers() -> Frame[Customer]:
    return pl.DataFrame({"id": [70, 71, 72]})


@workflow
def shop() -> list[object]:
    ordered = weathered(orders())
    return [ordered, spending(customers(), ordered)]
"""


def test_the_design_runs_and_says_what_is_pretended(tmp_path: Path) -> None:
    code = next(b for b in blocks("python") if "def weathered" in b)
    small = Small(tmp_path)
    small.write("workflow.py", BEFORE + code + BEHIND)
    small.write("settings.toml", NO_TRACKING)
    run = small.run()
    assert run["orders"].height == 1000
    assert set(run["orders"]["customer"]) == {70, 71, 72}
    assert run["orders"]["placed"].is_sorted()
    assert run["spending"]["id"].to_list() == [70, 71, 72]
    assert run.origin("weathered") == ("orders", "weathered")
    assert small.command("check").code == 0
