"""Reports of a project's runs: written at the end, found again, rebuilt, sent to MLflow, and never in the way."""

import json
import re
from pathlib import Path

import pytest

import magical
import magical.masking
import magical.report.run_report
from magical.errors import StoreError, UsageError
from projects import NO_TRACKING, Small, one

DOCS = Path(__file__).parents[2] / "docs"
WITH_REPORT = NO_TRACKING.replace("report = false\n", "")


@pytest.fixture
def reporting(small: Small) -> Small:
    """The standard small project, of plain polars steps, with reports."""
    small.write("settings.toml", WITH_REPORT)
    return small


def test_a_run_of_plain_steps_ends_with_its_report_and_the_next_one_finds_it(reporting: Small) -> None:
    first = reporting.command("run")
    page = Path(first.out.splitlines()[-1].removeprefix("report: "))
    assert page.name == "report.html"
    told = json.loads((page.parent / "report.json").read_text(encoding="utf-8"))
    assert [s["name"] for s in told["sections"]] == ["verdict", "rows", "data", "run", "unknown"]
    assert "38" in json.dumps(told["sections"][1])  # rows of the part train
    second = reporting.command("run", "--json").json
    assert second["executed"] == []
    assert second["report"] == str(page)
    assert reporting.command("report", "--json").json == told
    copy = reporting.root / "out" / "copy.html"
    assert "copy.html" in reporting.command("report", "last", "--output", str(copy)).out
    assert copy.read_bytes() == page.read_bytes()
    assert reporting.command("report", "last", "--output", str(page)).code == 0  # in its own place
    assert reporting.command("report", "2001").code == 2


def test_a_failed_run_and_a_pretended_one_have_reports(reporting: Small) -> None:
    reporting.edit("workflow.py", "return table.height", "return table.heigth")
    failed = reporting.command("run")
    assert failed.code == 1
    assert failed.out.splitlines()[-1].startswith("report: ")
    report = reporting.load().report()
    assert "No: the run failed at size" in repr(report.document)
    assert "heigth" in report.path.read_text(encoding="utf-8")
    reporting.edit("workflow.py", "return table.heigth", "return table.height")
    assert reporting.command("pretend", "--all").code == 0
    assert reporting.load().report().document.origin


def test_the_page_about_reports_names_the_sections_in_their_order_and_its_code_runs(
    reporting: Small, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (DOCS / "report.md").read_text(encoding="utf-8")
    named = re.findall(r"^\| ([a-z-]+) \| .*\|.*\|$", text, re.MULTILINE)
    assert named[1:] == list(magical.report.run_report._SECTIONS)
    reporting.run()
    monkeypatch.chdir(reporting.root.parent)
    (code,) = re.findall(r"```python\n(.*?)```", text.replace('"shop"', '"small"'), re.DOTALL)
    exec(compile(code, "report.md", "exec"), {})
    assert capsys.readouterr().out.split() == [
        "report.html",
        "flow",
        "verdict",
        "rows",
        "data",
        "run",
        "unknown",
    ]


def test_a_second_run_tells_what_changed(reporting: Small) -> None:
    reporting.run()
    reporting.run(max_id=30)
    told = {s.name: repr(s) for s in reporting.load().report().document.sections}
    assert "max_id went from 90 to 30" in told["changes"]


def test_a_report_in_python_shows_itself(reporting: Small) -> None:
    run = reporting.run()
    project = reporting.load()
    report = project.report(run.name)
    assert report.path.is_file()
    assert run.name in repr(report)
    assert "38" in report._repr_html_()
    with pytest.raises(UsageError, match="run"):
        project.report("nothing")


def test_reports_can_be_switched_off(small: Small) -> None:
    small.run()
    assert small.command("run", "--json").json["report"] == ""
    assert not list(small.root.rglob("report.*"))
    assert small.load().report().path.is_file()  # but asked for, it is built


def test_a_report_that_fails_is_one_warning(reporting: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise StoreError("no space is left.")

    monkeypatch.setattr(magical.report.run_report, "build_report", fail)
    answer = reporting.command("run")
    assert answer.code == 0
    assert answer.err.count("no space is left") == 1


def test_a_broken_workflow_still_has_the_report_of_its_last_run(reporting: Small) -> None:
    reporting.run()
    reporting.write("workflow.py", "import nowhere_to_be_found\n")
    report = magical.load(reporting.root).report()
    assert "The workflow has changed since" in repr(report.document)


SECRETIVE = """
class FlowSettings(Settings):
    token: Secret = Secret("env:USUAL_TOKEN")


@step
def told(token: Secret) -> Frame:
    return pl.DataFrame({"told": [token.reveal(), "else"]})


@workflow
def flow(s: FlowSettings) -> Frame:
    return told(s.token)
"""


def test_a_report_built_again_masks_the_secrets_of_its_run(
    tmp_path: Path, nothing_hidden: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = one(tmp_path / "small", SECRETIVE, top="from magical import Secret\n")
    monkeypatch.setenv("USUAL_TOKEN", "any other")
    monkeypatch.setenv("OTHER_TOKEN", "open sesame")
    small.run(token="env:OTHER_TOKEN")
    small.write("workflow.py", "import nowhere_to_be_found\n")  # nor is the workflow drawn

    def report() -> str:
        monkeypatch.setattr(magical.masking, "_hidden", {})  # as a new process would
        monkeypatch.setattr(magical.masking, "_pattern", None)
        return small.load().report().path.read_text(encoding="utf-8")

    page = report()
    assert "***" in page
    assert "sesame" not in page
    monkeypatch.delenv("OTHER_TOKEN")
    assert report() == page  # it could not be masked now


def test_results_in_the_store_of_a_profile_are_found(reporting: Small, tmp_path: Path) -> None:
    reporting.write("profiles/far.toml", f"[policy]\nstore = 'file://{tmp_path / 'far'}'\n")
    reporting.load(profile="far").run()
    document = reporting.load().report().document
    assert "rows" in [s.name for s in document.sections]
    assert "are gone" not in repr(document)
