"""Drawing the example and computing its keys import no heavy library; bodies do when they run."""

import json
import shutil
from pathlib import Path

import pytest

import magical
from examples.conftest import ROOT
from projects import Small, python

HEAVY = {"lightgbm", "mlflow", "optuna", "pandas", "pyarrow", "scipy", "skops", "skrub", "sklearn"}

DRAWN = """
import sys
sys.path.insert(0, sys.argv[1])
import workflow
graph = workflow.campaign.draw(workflow.CampaignSettings())
"""
KEYS = f"""{DRAWN}
import json
from magical.keys.key import identify_nodes
print(json.dumps({{name: dict(found.parts) for name, found in identify_nodes(graph).items()}}))
"""
LOADED = """
import sys
print(*{name.partition(".")[0] for name in sys.modules})
"""


def loaded(text: str, folder: Path) -> set[str]:
    """Return the modules that a new Python has imported after these lines."""
    done = python("-c", text + LOADED, str(folder))
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split())


def parts(folder: Path, source: Path = ROOT / "src") -> dict[str, dict[str, str]]:
    """Compute the key parts of each node in a new Python with this copy of our own source."""
    first = f"import sys\nsys.path.insert(0, {str(source)!r})"
    done = python("-c", f"{first}\n{KEYS}", str(folder))
    assert done.returncode == 0, done.stderr
    found: dict[str, dict[str, str]] = json.loads(done.stdout)
    return found


def test_drawing_imports_nothing_heavy(campaign: Small) -> None:
    found = loaded(DRAWN, campaign.root)
    assert {"polars", "workflow"} <= found
    assert not found & HEAVY


def test_keys_import_nothing_heavy(campaign: Small) -> None:
    graph = "import sys, magical\nassert len(magical.load(sys.argv[1]).graph().nodes) == 17\n"
    found = loaded(graph, campaign.root)
    assert {"polars", "workflow"} <= found
    assert not found & HEAVY


@pytest.mark.slow
def test_what_a_body_reaches_for_is_in_its_key(campaign: Small) -> None:
    keys = parts(campaign.root)
    linear, boosting, transform = keys["tune[linear]"], keys["tune[boosting]"], keys["transform"]
    assert {"package:scikit-learn", "package:optuna"} <= set(linear) & set(boosting)
    assert {"package:scikit-learn", "package:pandas"} <= set(transform)
    assert "package:lightgbm" in boosting
    assert "package:lightgbm" not in linear
    assert "package:skops" in keys["register"]


@pytest.mark.slow
def test_an_edit_behind_an_import_inside_a_function_moves_the_keys_of_its_users_alone(
    campaign: Small, tmp_path: Path
) -> None:
    source = tmp_path / "src"
    shutil.copytree(
        Path(magical.__file__).parent, source / "magical", ignore=shutil.ignore_patterns("__pycache__")
    )
    before = parts(campaign.root, source)
    for file, old, new in (
        ("library/boosters.py", "subsample_freq=1", "subsample_freq=2"),
        (
            "library/column_plan.py",
            "sklearn.pipeline.Pipeline(list(steps))",
            "sklearn.pipeline.Pipeline([*steps])",
        ),
    ):
        path = source / "magical" / file
        text = path.read_text()
        assert text.count(old) == 1
        path.write_text(text.replace(old, new))
    after = parts(campaign.root, source)
    moved = {(n, k) for n in before for k in {**before[n], **after[n]} if before[n].get(k) != after[n].get(k)}
    chained = "code:magical.library.column_plan.build_pipeline"
    assert moved == {
        ("transform", chained),
        ("tune[linear]", chained),
        ("tune[boosting]", chained),
        ("refit", chained),
        ("evaluate", chained),
        ("tune[boosting]", "code:magical.library.boosters.make_booster"),
    }
