"""What Prefect's pages show of a run, in a real browser where one is installed."""

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path

import pytest

from projects import Small, project, python

pytest.importorskip("prefect")

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [pytest.mark.slow, pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")]

WORKFLOW = '''
from magical import Settings, step, workflow


class SumSettings(Settings):
    number: int = 1


@step
def first_number(number: int) -> int:
    """Give the *number* | as ``it`` is, <b>bare</b>.

    Args:
        number: any.
    """
    print("it counts")
    return number


@step
def breaks(number: int) -> int:
    """Never go well."""
    raise ValueError("no such luck")


@workflow
def sums(settings: SumSettings) -> int:
    return breaks(first_number(settings.number))
'''

FACTS = """
import json
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, FlowFilter, FlowFilterName, FlowRunFilter, TaskRunFilter
from prefect.client.schemas.sorting import ArtifactSort, FlowRunSort
with get_client(sync_client=True) as client:
    (run,) = client.read_flow_runs(flow_filter=FlowFilter(name=FlowFilterName(any_=["sums"])), limit=9, offset=0, sort=FlowRunSort.ID_DESC)
    found = client.read_artifacts(
        limit=99, offset=0, sort=ArtifactSort.CREATED_DESC, artifact_filter=ArtifactFilter(),
        flow_run_filter=FlowRunFilter(id={"any_": [run.id]}), task_run_filter=TaskRunFilter(),
    )
print(json.dumps([str(run.id), run.name, {a.key: str(a.id) for a in found}]))
"""


def words_on(address: str, folder: Path, wanted: tuple[str, ...]) -> str:
    """The words of a page as the browser builds it, once those that are wanted are there."""
    quiet = "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking"
    quiet += " --disable-component-update --disable-sync --disable-extensions --window-size=1400,1000"
    nowhere = "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"
    words = ""
    for _ in range(5):  # on a busy machine the browser's own clock is over before the page is whole
        done = subprocess.run(
            [
                *(str(BROWSER), *quiet.split(), nowhere, f"--user-data-dir={folder / 'profile'}"),
                *("--virtual-time-budget=10000", "--dump-dom", address),
            ],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        page = re.sub(r"<(script|style).*?</\1>", " ", done.stdout, flags=re.DOTALL)
        words = " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())
        if all(word in words for word in wanted):
            break
    return words


def test_the_pages_show_each_task_by_its_step_and_a_card_for_it(prefect_server: str, tmp_path: Path) -> None:
    small: Small = project(tmp_path / "sums", {"workflow.py": WORKFLOW})
    done = small.process("run", "policy.runner=prefect", f"policy.server={prefect_server}")
    assert done.returncode == 1
    home = {"PREFECT_HOME": str(tmp_path / "home"), "PREFECT_API_URL": prefect_server}
    said = python("-c", FACTS, **home)
    assert said.returncode == 0, said.stderr
    run, name, cards = json.loads(said.stdout.splitlines()[-1])
    pages = prefect_server.removesuffix("/api")
    shown = {
        f"runs/flow-run/{run}?tab=TaskRuns": (
            name,
            "first_number",
            "breaks",
            "Completed",
            "Failed",
            "2 Task runs",
        ),
        f"artifacts/artifact/{cards['sums-first-number']}": (
            "first_number: result",
            "Give the *number* | as it is, <b>bare</b>.",
            "result",
            "took",
        ),
        f"artifacts/artifact/{cards['sums-breaks']}": ("breaks: why it failed", "no such luck"),
    }
    for page, wanted in shown.items():
        words = words_on(f"{pages}/{page}", tmp_path, wanted)
        assert [word for word in wanted if word not in words] == [], words[:2000]
        assert "Args:" not in words
