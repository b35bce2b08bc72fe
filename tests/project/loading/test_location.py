"""Where a project is: a folder, a package that pyproject.toml names, or one file."""

from pathlib import Path

import pytest

import magical
from magical.errors import ProjectError, UsageError
from magical.project.loading.location import Location, find_project
from projects import CSV, DEEP, FLOW, HELPERS, IMPORTS, NO_TRACKING, Small, command, project

ONE = (
    IMPORTS
    + "\n\n@step\ndef one() -> int:\n    return {n}\n\n\n@workflow\ndef flow() -> int:\n    return one()\n"
)


def test_a_folder_with_a_workflow(small: Small) -> None:
    assert find_project(small.root) == Location(small.root, "workflow")
    assert find_project(small.root).home == small.root / ".magical"


def test_a_package_that_pyproject_names(tmp_path: Path) -> None:
    small = project(
        tmp_path,
        {
            "pyproject.toml": '[project]\nname = "x"\n[tool.magical]\nworkflow = "campaign.flow:second"\n',
            "campaign/__init__.py": "",
            "campaign/flow.py": FLOW.replace("from helpers", "from .helpers").replace(
                "def flow", "def second"
            )
            + "\n\n@workflow\ndef other() -> int: ...\n",
            "campaign/helpers.py": HELPERS.replace("from deep", "from campaign.deep"),
            "campaign/deep.py": DEEP,
            "x.csv": CSV,
        },
    )
    assert find_project(tmp_path) == Location(tmp_path, "campaign.flow", "second")
    assert small.run().result == 38
    assert small.load().graph().workflow == "second"
    small.edit("campaign/deep.py", "FACTOR = 2", "FACTOR = 3")
    assert small.ran() == ["clean", "split", "size"]
    assert small.load().graph().node("clean").step == "campaign.flow:clean"


def test_a_relative_path_of_a_class_in_a_package_starts_from_the_project(tmp_path: Path) -> None:
    small = project(
        tmp_path / "p",
        {
            "pyproject.toml": '[tool.magical]\nworkflow = "pkg.flow:flow"\n',
            "pkg/__init__.py": "",
            "pkg/flow.py": FLOW.replace("from helpers", "from pkg.helpers"),
            "pkg/helpers.py": HELPERS.replace("from deep", "from pkg.deep"),
            "pkg/deep.py": DEEP,
            "x.csv": CSV,
        },
    )
    assert small.run().result == 38


def test_one_file_is_a_project(tmp_path: Path) -> None:
    small = project(tmp_path, {"alone.py": ONE.replace("{n}", "3"), "other.py": ONE.replace("{n}", "4")})
    assert find_project(tmp_path / "alone.py") == Location(tmp_path, "alone")
    assert magical.load(tmp_path / "alone.py").run().result == 3
    assert magical.load(tmp_path / "other.py").run().result == 4
    assert magical.load(tmp_path / "alone.py").run().executed == []
    small.edit("alone.py", "return 3", "return 5")
    assert magical.load(tmp_path / "alone.py").run().result == 5
    assert command("run", "--project", str(tmp_path / "other.py")).code == 0


def test_the_working_directory_is_the_default(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(small.root)
    assert magical.load().run().result == 38
    assert command("plan").out.endswith("5 fresh.\n")


def test_a_path_may_be_written_in_any_way(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    small.run()
    monkeypatch.chdir(small.root.parent)
    monkeypatch.setenv("HOME", str(small.root.parent))
    link = small.root.parent / "link"
    link.symlink_to(small.root)
    for path in ("small", "./small/", "small/../small", "~/small", link, str(small.root)):
        opened = magical.load(path)
        assert opened.root == small.root
        assert opened.run().executed == []


@pytest.mark.parametrize("path", ["nope", "nope.py", "x.csv"])
def test_what_is_not_there_is_said(small: Small, path: str) -> None:
    with pytest.raises(UsageError, match="There is no project"):
        find_project(small.root / path)


def test_a_folder_without_a_workflow_is_none(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.other]\nx = 1\n")
    with pytest.raises(UsageError, match="is no project"):
        find_project(tmp_path)


@pytest.mark.parametrize("text", ["[tool", "[tool.magical]\nworkflov = 'x'\n", b"\xff"])
def test_a_pyproject_that_is_wrong_is_said(tmp_path: Path, text: str | bytes) -> None:
    (tmp_path / "pyproject.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ProjectError, match=r"pyproject\.toml"):
        find_project(tmp_path)


def test_settings_lie_beside_it(small: Small) -> None:
    small.write("settings.toml", NO_TRACKING + "")
    assert not small.load().context().configuration.tracking.enabled
