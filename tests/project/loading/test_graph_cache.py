"""The drawn graph, remembered: drawn again exactly when something it depends on has changed."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from magical.errors import ProjectError
from magical.project.loading import drawing as module
from magical.project.loading.graph_cache import DrawnWorkflow, GraphCache
from projects import Small, command, flow, one, python


@pytest.fixture
def drawn(small: Small) -> Small:
    small.run()
    return small


def redraws(small: Small, **settings: Any) -> bool:
    """Whether the workflow is drawn anew."""
    return small.load().context(settings).draw().drawn.graph.has_calls


CHANGES = {
    "a module": ("deep.py", "return 1\n", "return 2\n"),
    "a comment": ("deep.py", "return 1\n", "return 1  # one\n"),
    "settings.toml": ("settings.toml", "[tracking]", "max_id = 3\n[tracking]"),
    "the policy": ("settings.toml", "[tracking]", "[policy]\nworkers = 1\n[tracking]"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_an_edit_draws_anew(drawn: Small, name: str) -> None:
    assert not redraws(drawn)
    drawn.edit(*CHANGES[name])
    assert redraws(drawn)
    assert not redraws(drawn)


def test_new_files_and_lost_files_draw_anew(drawn: Small) -> None:
    for name in ("new.py", "sub/new.py", "profiles/new.toml"):
        path = drawn.write(name, "")
        assert redraws(drawn), name
        path.unlink()
    assert not redraws(drawn)


@pytest.mark.parametrize(
    "name",
    [
        ".hidden/x.py",
        "node_modules/x.py",
        "__pycache__/x.py",
        "venv/site-packages/x.py",
        "x.txt",
        "x.csv",
        "y.toml",
    ],
)
def test_what_drawing_cannot_see_does_not(drawn: Small, name: str) -> None:
    drawn.write(name, "x = 1\n")
    assert not redraws(drawn)


def test_an_environment_inside_the_folder_is_not_the_project_s(drawn: Small) -> None:
    drawn.write("env/pyvenv.cfg", "")
    drawn.write("env/lib/x.py", "")
    assert not redraws(drawn)


def test_each_line_of_settings_is_remembered(drawn: Small) -> None:
    for settings in ({"max_id": 3}, {"max_id": 3.0}, {"max_id": "3"}, {"unread": 3}):
        assert redraws(drawn, **settings), settings
        assert not redraws(drawn, **settings)
    assert not redraws(drawn)


def test_each_profile_is_remembered(small: Small) -> None:
    small.write("profiles/quick.toml", "max_id = 20\n")
    small.run()
    assert small.load("quick").context().draw().drawn.graph.has_calls
    assert not small.load("quick").context().draw().drawn.graph.has_calls
    assert not redraws(small)


def test_touching_does_not_matter(drawn: Small) -> None:
    os.utime(drawn.root / "deep.py", (1, 1))
    assert not redraws(drawn)


@pytest.mark.slow
def test_only_the_last_ones_are_kept(drawn: Small) -> None:
    for number in range(GraphCache.KEPT + 5):
        drawn.load().context({"max_id": number % 99 + 1}).draw()
    assert len(list((drawn.root / ".magical/drawn").glob("*.json"))) == GraphCache.KEPT


def test_a_path_on_the_line_and_one_from_python_are_two(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from magical import InputPath

    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    Path("y.csv").write_text("id,x\n" + "".join(f"{i},1\n" for i in range(1, 11)))
    small.write("y.csv", "id,x\n" + "".join(f"{i},1\n" for i in range(1, 21)))
    assert small.run(source="y.csv").result == 18
    assert "size: 8" in small.command("run", "source=y.csv").out
    assert small.run(source="y.csv").result == 18
    assert small.run(source=Path("y.csv")).result == 18
    assert small.run(source=InputPath("y.csv", tmp_path / "elsewhere")).result == 8


def test_a_link_to_a_module_elsewhere_is_followed(small: Small, tmp_path: Path) -> None:
    real = tmp_path / "elsewhere" / "deep.py"
    real.parent.mkdir()
    shutil.move(small.root / "deep.py", real)
    (small.root / "deep.py").symlink_to(real)
    small.run()
    real.write_text(real.read_text().replace("FACTOR = 2", "FACTOR = 3"))
    assert small.ran() == ["clean", "split", "size"]


def test_a_link_to_a_package_elsewhere_is_followed(small: Small, tmp_path: Path) -> None:
    real = tmp_path / "elsewhere"
    real.mkdir()
    (real / "__init__.py").write_text("FACTOR = 2\n")
    (small.root / "linked").symlink_to(real)
    small.edit(
        "helpers.py", "from deep import FACTOR, inner", "from deep import inner\nfrom linked import FACTOR"
    )
    small.run()
    (real / "__init__.py").write_text("FACTOR = 3\n")
    assert small.ran() == ["clean", "split", "size"]


def test_a_file_read_at_import_is_followed(tmp_path: Path) -> None:
    small = one(
        tmp_path / "p",
        """
        import json
        from pathlib import Path

        CONFIG = json.loads((Path(__file__).parent / "config.json").read_text())

        @step
        def told(k: int) -> int:
            return k

        @workflow
        def flow() -> int:
            return told(CONFIG["k"])
        """,
    )
    small.write("config.json", '{"k": 1}')
    assert small.run().result == 1
    small.write("config.json", '{"k": 2}')
    assert small.run().result == 2


# --- edits while the project is read ------------------------------------------------------------------------------


@pytest.mark.slow
def test_an_edit_while_the_project_is_imported_is_not_taken_for_what_was_imported(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key would be of the new code, and the result of the old."""
    real = module.identify_nodes
    edits = iter([("FACTOR = 2", "FACTOR = 7")])

    def slow(graph: Any, reader: Any) -> Any:
        for old, new in edits:
            small.edit("deep.py", old, new)
        return real(graph, reader)

    monkeypatch.setattr(module, "identify_nodes", slow)
    assert small.run()["clean"]["x"].max() == 42
    small.edit("deep.py", "FACTOR = 7", "FACTOR = 2")
    assert small.run()["clean"]["x"].max() == 12


def test_an_edit_after_planning_is_not_run_under_the_old_key(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    small.load().context().draw()
    assert not redraws(small)
    real = module.import_workflow

    def edited(location: Any) -> Any:
        small.edit("deep.py", "FACTOR = 2", "FACTOR = 7")
        return real(location)

    monkeypatch.setattr(module, "import_workflow", edited)
    with pytest.raises(ProjectError, match="changed while they were read") as caught:
        small.run()
    assert caught.value.hint == "run it again."
    monkeypatch.undo()
    assert small.run()["clean"]["x"].max() == 42
    small.edit("deep.py", "FACTOR = 7", "FACTOR = 2")
    assert small.run()["clean"]["x"].max() == 12


def test_files_that_never_rest_are_said(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    real = module.identify_nodes

    def slow(graph: Any, reader: Any) -> Any:
        small.write("deep.py", (small.root / "deep.py").read_text() + "#\n")
        return real(graph, reader)

    monkeypatch.setattr(module, "identify_nodes", slow)
    with pytest.raises(ProjectError, match="changed while they were read"):
        small.run()


# --- the memory itself --------------------------------------------------------------------------------------------


def test_what_is_remembered_is_what_was_drawn(small: Small) -> None:
    new: DrawnWorkflow = small.load().context().draw().drawn
    old = small.load().context().draw().drawn
    assert not old.graph.has_calls
    assert old.graph == new.graph
    assert dict(old.identities) == dict(new.identities)
    assert (old.settings, dict(old.setting_layers)) == (new.settings, dict(new.setting_layers))


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"graph": 3}', '{"other": []}', "\udcff"])
def test_a_damaged_memory_is_no_memory(drawn: Small, text: str) -> None:
    for path in (drawn.root / ".magical/drawn").glob("*.json"):
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert redraws(drawn)
    assert not redraws(drawn)


# --- versions of packages -----------------------------------------------------------------------------------------


def installed(folder: Path, version: str, name: str = "fakelib") -> Path:
    """A third-party package in a ``site-packages`` folder."""
    place = folder / "site-packages"
    (place / name).mkdir(parents=True, exist_ok=True)
    (place / name / "__init__.py").write_text(f"def tripled(n):\n    return 3 * n  # {version}\n")
    for old in place.glob("*.dist-info"):
        shutil.rmtree(old)
    info = place / f"Fake_Lib-{version}.dist-info"
    info.mkdir()
    (info / "RECORD").write_text(f"{name}/__init__.py,,\n{info.name}/RECORD,,\n")
    (info / "METADATA").write_text(f"Name: Fake-Lib\nVersion: {version}\n")
    return place


WITH_A_PACKAGE = """
from fakelib import tripled


@step
def with_it(n: int) -> int:
    return tripled(n)


@step
def without_it(n: int) -> int:
    return n


@workflow
def flow() -> Any:
    return [with_it(1), without_it(2)]
"""


@pytest.mark.slow
def test_another_version_of_a_package_runs_the_steps_that_use_it(tmp_path: Path) -> None:
    small = one(tmp_path / "p", WITH_A_PACKAGE)
    place = installed(tmp_path, "1.0")

    def ran() -> list[str]:
        done = small.process("run", "--json", PYTHONPATH=str(place))
        assert done.returncode == 0, done.stderr
        import json

        found: list[str] = json.loads(done.stdout)["executed"]
        return found

    assert sorted(ran()) == ["with_it", "without_it"]
    assert ran() == []
    (place / "fakelib" / "__init__.py").write_text("def tripled(n):\n    return 4 * n\n")
    assert ran() == [], "what is installed counts by its version, not line by line"
    installed(tmp_path, "1.1")
    why = small.process("why", "with_it", PYTHONPATH=str(place)).stdout
    assert "fake-lib went from 1.0 to 1.1" in why
    assert ran() == ["with_it"]
    installed(tmp_path, "1.0")
    assert ran() == [], "going back runs nothing"


def test_an_unrelated_package_draws_anew_and_runs_nothing(
    drawn: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(installed(tmp_path / "other", "2.0", "otherlib")))
    assert redraws(drawn)
    assert drawn.ran() == []


# --- what is imported ---------------------------------------------------------------------------------------------

HEAVY = [
    "polars",
    "pandas",
    "sklearn",
    "mlflow",
    "optuna",
    "lightgbm",
    "numpy",
    "scipy",
    "pyarrow",
    "skops",
    "rich",
]
PROBE = """
import json, sys
sys.argv[1:] = json.loads(sys.argv[1])
import magical.cli
try:
    magical.cli.main()
except SystemExit as stop:
    assert not stop.code, stop.code
print("loaded", json.dumps([n for n in {names} if n in sys.modules]), file=sys.stderr)
"""
QUIET = [
    ["run"], ["run", "clean"], ["plan"], ["show"], ["show", "--mermaid"], ["show", "--html"], ["show", "--settings"], ["why", "clean"],
    ["runs"], ["runs", "last"], ["plan", "--json"], ["run", "--json"],
]  # fmt: skip


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Small:
    small = flow(tmp_path_factory.mktemp("imports") / "p")
    assert small.process("run").returncode == 0
    return small


@pytest.mark.parametrize(
    "words", [*QUIET, ["sync"], ["--help"], ["run", "--help"], ["--version"]], ids=" ".join
)
def test_a_command_that_runs_nothing_imports_nothing_heavy(finished: Small, words: list[str]) -> None:
    import json

    names = [*HEAVY, "workflow", "helpers", "deep"]
    place = [] if "--help" in words or "--version" in words else ["--project", str(finished.root)]
    done = python("-c", PROBE.replace("{names}", repr(names)), json.dumps([*words, *place]))
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1] == "loaded []"


def test_importing_magical_imports_nothing_heavy() -> None:
    done = python("-c", f"import magical, sys; print([n for n in {HEAVY} if n in sys.modules])")
    assert done.stdout == "[]\n", done.stderr


def test_importing_all_modules_of_the_library_imports_nothing_for_fitting() -> None:
    """The keys of a step import what its body imports of ours: a plan must not wait for scikit-learn."""
    code = (
        "import importlib, pkgutil, sys, magical.library as library\n"
        "for m in pkgutil.walk_packages(library.__path__, 'magical.library.'): importlib.import_module(m.name)\n"
        "print([n for n in ('sklearn', 'lightgbm', 'pandas', 'optuna', 'skops', 'mlflow') if n in sys.modules])"
    )
    done = python("-c", code)
    assert done.stdout == "[]\n", done.stderr


def test_importing_the_authors_names_does_not_import_the_engine() -> None:
    names = "Contract, Field, Frame, Id, InputPath, Settings, step, workflow, keep, emit"
    done = python(
        "-c", f"from magical import {names}; import sys; print([n for n in {HEAVY} if n in sys.modules])"
    )
    assert done.stdout == "[]\n", done.stderr


def test_a_run_with_nothing_to_do_says_so(finished: Small) -> None:
    answer = command("run", "--project", str(finished.root))
    assert answer.code == 0
    assert answer.out.startswith("flow: nothing had to run; all 5 steps are fresh.")


# --- what is another each time ------------------------------------------------------------------------------------

CLOCK = """
import sys

NUMBER = sys.magical_test_number = getattr(sys, "magical_test_number", 0) + 1


class S(Settings):
    n: int = 1


@step
def first(n: int) -> int:
    return n


@step
def second(n: int) -> int:
    return n + NUMBER


@workflow
def flow(s: S) -> int:
    return second(first(s.n))
"""


def logged(small: Small) -> str:
    """The lines of the last run's journal."""
    events = list(small.events())
    begin = max(i for i, e in enumerate(events) if e["event"] == "RunStarted")
    return "\n".join(e["text"] for e in events[begin:] if e["event"] == "LogLine")


def test_a_constant_that_is_another_at_each_import_is_said_with_its_price(tmp_path: Path) -> None:
    """The steps that use it run in each run; the others are found in the store."""
    small = one(tmp_path, CLOCK)
    assert small.ran() == ["first", "second"]
    assert small.ran() == ["second"]
    assert "workflow.NUMBER is another each time the project is imported, so second can" in logged(small)
    assert "make it a setting" in logged(small)


def test_a_value_that_changed_once_is_not_said_to_change_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter = 'sys.magical_test_number = getattr(sys, "magical_test_number", 0) + 1'
    small = one(tmp_path, CLOCK.replace("import sys", "import os").replace(counter, 'int(os.environ["N"])'))
    for number, executed in (("1", ["first", "second"]), ("1", []), ("2", ["second"]), ("1", [])):
        monkeypatch.setenv("N", number)
        assert small.ran() == executed
        assert not logged(small)


def test_a_workflow_that_draws_another_graph_each_time_is_said(tmp_path: Path) -> None:
    other = "second(first(s.n)) if NUMBER % 2 else second(second(first(s.n)))"
    small = one(tmp_path, CLOCK.replace("second(first(s.n))", other))
    small.run()
    small.run()
    assert "What flow draws is another each time" in logged(small)


def test_another_path_of_imports_draws_anew(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (2, 3):
        place = tmp_path / str(number)
        place.mkdir()
        (place / "shared.py").write_text(f"FACTOR = {number}\n")
    small.edit(
        "helpers.py", "from deep import FACTOR, inner", "from deep import inner\nfrom shared import FACTOR"
    )
    for number, wanted in ((2, 12), (3, 18), (2, 12)):
        with monkeypatch.context() as patch:
            patch.syspath_prepend(str(tmp_path / str(number)))
            patch.delitem(__import__("sys").modules, "shared", raising=False)
            assert small.run()["clean"]["x"].max() == wanted


@pytest.mark.slow
def test_a_drawing_made_when_the_clock_was_set_back_is_not_the_first_forgotten(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GraphCache, "KEPT", 2)
    folder = small.root / ".magical" / "drawn"
    for number in (2, 3, 4):
        small.load().plan(max_id=number)
        for path in folder.iterdir():
            os.utime(path, (4e9, 4e9))
    assert len(list(folder.iterdir())) == 2
    before = set(folder.iterdir())
    small.load().plan(max_id=5)
    (new,) = set(folder.iterdir()) - before
    small.load().plan(max_id=5)
    assert new.exists()
    assert len(list(folder.iterdir())) == 2
