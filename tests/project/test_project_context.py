"""A project's files are read once for a command, whatever it does with them."""

from pathlib import Path

import pytest

from magical.project.project_context import ProjectContext
from projects import NO_TRACKING, Small, one, python

COUNTING = """
import sys
seen = []
sys.addaudithook(lambda event, args: event == "open" and str(args[0]).endswith(".toml") and seen.append(args[0]))
sys.argv = ["magical", *sys.argv[1:]]
from magical.cli import main
try:
    main()
except SystemExit:
    pass
for path in seen:
    print("READ", path)
"""

STEPS = """
class FlowSettings(Settings):
    n: int = 1

@step
def one(n: int) -> int:
    return n

@workflow
def flow(s: FlowSettings) -> int:
    return one(s.n)
"""


def reads(small: Small, *words: str) -> list[str]:
    """Run a command, and list the names of the TOML files in the project that it opened."""
    done = python("-c", COUNTING, *words, "--project", str(small.root))
    lines = [line.removeprefix("READ ") for line in done.stdout.splitlines() if line.startswith("READ ")]
    return [Path(line).name for line in lines if Path(line).is_relative_to(small.root)]


@pytest.fixture
def small(tmp_path: Path) -> Small:
    small = one(tmp_path / "p", STEPS)
    small.write("settings.toml", f"n = 2\n{NO_TRACKING}[policy]\nworkers = 2\n")
    small.write("profiles/quick.toml", "n = 3\n")
    return small


def test_settings_are_read_once_in_a_run(small: Small) -> None:
    for words in (["run"], ["run"], ["run", "n=5", "policy.workers=1"]):  # drawn; remembered; drawn again
        assert reads(small, *words).count("settings.toml") == 1
    assert reads(small, "run", "--profile", "quick").count("quick.toml") == 1


@pytest.mark.parametrize("words", [["plan"], ["show"], ["check"], ["why", "one"], ["inspect", "one"]])
def test_settings_are_read_once_by_what_only_looks(small: Small, words: list[str]) -> None:
    small.run()
    assert reads(small, *words).count("settings.toml") == 1


def test_a_context_holds_what_was_said_and_by_whom(small: Small) -> None:
    context = small.load("quick").context({"policy": {"workers": 7}})
    assert context.configuration.policy.workers == 7
    assert not context.configuration.tracking.enabled
    assert context.draw().drawn.settings == {"n": 3}
    assert context.draw().drawn.setting_layers == {"n": "profiles/quick.toml"}


def test_contexts_of_a_project_share_its_store(small: Small) -> None:
    project = small.load()
    first, second = project.context(), project.context({"n": 8})
    assert first.store is second.store is project.store
    assert isinstance(second.reopen(), ProjectContext)
    assert second.reopen().configuration.overrides == {}


def test_commands_find_the_project_by_its_path_and_its_profile(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    small.write("profiles/quick.toml", "")
    monkeypatch.chdir(small.root.parent)
    options = small.load(profile="quick").context().command_options
    assert options == f" --project {small.root.name} --profile quick"
    monkeypatch.chdir(small.root)
    assert small.load().context().command_options == ""
