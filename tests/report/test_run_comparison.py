"""Runs of a real project compared, by the command and in Python; docs/compare.md has the project."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from magical.library import Metric, Score
from magical.project import Project
from magical.views.document import document_json
from projects import NO_TRACKING, Small

PAGE = (Path(__file__).parents[2] / "docs" / "compare.md").read_text(encoding="utf-8")
WORKFLOW, NOTEBOOK = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


pytestmark = pytest.mark.slow  # five runs of a project


def rows(count: int, odd: int = -1) -> str:
    rng = np.random.default_rng(5)
    strength = rng.normal(size=600)
    won = strength + rng.normal(size=600) / 2 > 0
    lines = (f"{i},{strength[i] + (i == odd)},{won[i]}" for i in range(count))
    return "id,strength,won\n" + "\n".join(lines)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """The project of the page, without runs."""
    small = Small(tmp_path_factory.mktemp("compared") / "matches")
    small.write("workflow.py", WORKFLOW)
    small.write("matches.csv", rows(250))
    small.write("settings.toml", NO_TRACKING)
    return small


@pytest.fixture(scope="module")
def runs(small: Small) -> dict[str, str]:
    """Names of runs by what was special about them, and the code of the page executed before."""
    names: dict[str, str] = {}

    def note(name: str, **settings: object) -> None:
        small.run(**settings)
        names[name] = small.load().runs()[0].name

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(small.root)
        exec(NOTEBOOK, {"__name__": "__main__"})
    names["good"], names["bad"] = (run.name for run in small.load().runs()[:2])
    small.write("matches.csv", rows(300))
    small.edit("workflow.py", "1 / (1 + ", "1.0 / (1 + ")
    note("edited", weight=-1.0)
    small.load().pretend()
    names["pretended"] = small.load().runs()[0].name
    small.write("workflow.py", WORKFLOW.replace("won", "victory"))
    small.write("matches.csv", rows(250).replace("won", "victory"))
    note("other target")
    return names


@pytest.fixture
def project(small: Small, runs: dict[str, str]) -> Project:
    return small.load()


DIFFER = r"the test rows differ: .*\d+ only the second judged, and \d+ are the same"


@pytest.mark.parametrize(
    ("old", "new", "verdict", "reason"),
    [
        ("bad", "good", "better", ""),
        ("good", "bad", "worse", ""),
        ("good", "edited", "not comparable", DIFFER),
        ("good", "pretended", "not comparable", ".* is not real: it stands on "),
        (
            "good",
            "other target",
            "not comparable",
            r"the first run predicts won \(binary\), the second victory",
        ),
    ],
)
def test_the_verdict(
    project: Project, runs: dict[str, str], old: str, new: str, verdict: str, reason: str
) -> None:
    compared = project.compare(runs[old], runs[new])
    assert compared.verdict == verdict
    assert re.match(reason, compared.reason)
    assert bool(compared.reason) == bool(reason)
    assert bool(compared.origin) == (new == "pretended")


def test_common_rows_are_compared_when_asked_for(project: Project, runs: dict[str, str]) -> None:
    compared = project.compare(runs["edited"], runs["good"], common=True)
    assert compared.verdict == "better"
    assert compared.paired is not None
    judged = compared.scores[0].rows if compared.scores[0] else 0
    assert compared.paired.only_old == judged - compared.paired.rows > 0
    assert "only the first run judged" in str(compared.to_document())


def test_what_differed_is_listed_and_what_follows_from_it_is_not(
    project: Project, runs: dict[str, str]
) -> None:
    found = project.compare(runs["good"], runs["edited"]).differences
    assert [(d.kind, d.text) for d in found] == [
        ("settings", "weight went from 1.5 to -1.0"),
        ("code", "workflow.guess was edited (in guess)"),
        ("data", "ingest: the file given as source has other content, 250 × 3 became 300 × 3"),
    ]


def test_another_deciding_metric_is_said(project: Project, runs: dict[str, str]) -> None:
    found = project.compare(runs["good"], runs["bad"])
    assert found.caution == ""
    old, new = found.scores
    assert old is not None
    assert new is not None
    assert found.paired is not None
    own = Metric("profit", function="workflow:profit")
    lost = new.model_copy(
        update={"project_metrics": (own,), "metrics": {"profit": Score(value=1, low=0, high=2)}}
    )
    said = replace(found, scores=(old, lost))
    assert said.caution.startswith(f"profit decides in {found.new}, and cannot be computed of these rows: ")
    assert said.caution in str(document_json(said.to_document())).replace("Profit", "profit")


def test_the_command(small: Small, runs: dict[str, str]) -> None:
    said = small.command("compare", runs["edited"], runs["good"], "--common")
    assert said.code == 0
    for text in (
        "is better than",
        "weight went from -1.0 to 1.5",
        "McNemar",
        "Compared on the common rows",
        "four times in five",
    ):
        assert text in " ".join(said.out.split())
    answer = small.command("compare", runs["edited"], runs["good"], "--json", "--common").json
    assert (answer["verdict"], answer["paired"]["gains"][0]["metric"]) == ("better", "log_loss")
    assert (
        answer["paired"]["flips"][0]["rows"]
        == answer["paired"]["flips"][0]["right"] + (answer["paired"]["flips"][0]["wrong"])
    )
    page = small.root / "compared.html"
    assert small.command("compare", runs["bad"], runs["good"], "--output", str(page)).code == 0
    assert "is better than" in page.read_text(encoding="utf-8")
    assert small.command("compare", "nothing", "last").code == 2
    assert "log_loss" in small.command("runs").out


def test_a_run_whose_predictions_are_gone_says_so(small: Small, runs: dict[str, str], tmp_path: Path) -> None:
    copy = Small(shutil.copytree(small.root, tmp_path / "copy"))
    copy.load().gc(keep=1)
    compared = copy.load().compare(runs["bad"], runs["good"])
    assert compared.reason.startswith(f"{runs['bad']} has no scores: the results of ")
    assert compared.reason.endswith(" are gone")
    assert compared.differences[0].text == "weight went from 0.1 to 1.5"
