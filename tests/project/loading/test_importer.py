"""A project's modules: from their source, each time, and never mixed with another project's."""

import sys
import threading
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import magical
from projects import ALL, CSV, DEEP, FLOW, HELPERS, IMPORTS, Small, flow, project


def test_two_projects_with_modules_of_the_same_names_do_not_mix(tmp_path: Path) -> None:
    one, other = flow(tmp_path / "one"), flow(tmp_path / "other")
    other.edit("deep.py", "FACTOR = 2", "FACTOR = 5")
    opened = one.load(), other.load()
    for _ in range(2):
        assert [p.run()["clean"]["x"].max() for p in opened] == [12, 30]
    one.edit("deep.py", "FACTOR = 2", "FACTOR = 3")
    assert [p.run()["clean"]["x"].max() for p in opened] == [18, 30]
    assert other.ran() == []


def test_imports_inside_functions_find_their_own_project(tmp_path: Path) -> None:
    made = []
    for number in (1, 2):
        small = flow(tmp_path / str(number))
        small.write("late.py", f"NUMBER = {number}\n")
        small.edit(
            "workflow.py", "    return table.height\n", "    from late import NUMBER\n    return NUMBER\n"
        )
        made.append(small)
    opened = [s.load() for s in made]
    drawn = [p.drawn() for p in opened]
    assert all(d.graph.has_calls for d in drawn)
    assert [p.run().result for p in opened] == [1, 2]


def test_a_module_of_the_same_name_that_is_there_already_does_not_hide_the_project_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "helpers.py").write_text("def twice(e):\n    raise AssertionError\n")
    monkeypatch.syspath_prepend(str(tmp_path / "lib"))
    import helpers  # type: ignore[import-not-found]  # noqa: F401

    assert flow(tmp_path / "p").run().result == 38


def test_no_bytecode_is_written_or_read(small: Small) -> None:
    small.run()
    assert not list(small.root.rglob("*.pyc"))
    import py_compile

    py_compile.compile(
        str(small.root / "deep.py"), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH
    )
    assert list(small.root.rglob("*.pyc"))
    small.edit("deep.py", "FACTOR = 2", "FACTOR = 9")
    assert small.run()["clean"]["x"].max() == 54


def test_an_environment_inside_the_project_stays_as_it_is(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Packages in a ``.venv`` below the project are installed, not the project's, and not imported twice."""
    place = small.root / ".venv" / "lib" / "site-packages"
    small.write(".venv/lib/site-packages/insidelib/__init__.py", "from insidelib.sub import Thing\n")
    small.write(".venv/lib/site-packages/insidelib/sub.py", "class Thing:\n    pass\n")
    small.write(".venv/lib/site-packages/insidelib-1.0.dist-info/RECORD", "insidelib/__init__.py,,\n")
    monkeypatch.syspath_prepend(str(place))
    small.edit("helpers.py", "from deep", "import insidelib\nfrom deep")
    small.edit("helpers.py", "return inner(e) * FACTOR", "insidelib.Thing()\n    return inner(e) * FACTOR")
    small.run()
    first = sys.modules["insidelib.sub"]
    assert type(first.__loader__).__name__ == "SourceFileLoader"
    small.edit("deep.py", "FACTOR = 2", "FACTOR = 3")
    assert small.ran() == ["clean", "split", "size"]
    assert sys.modules["insidelib.sub"] is first
    assert "package:insidelib" in small.load().context().draw().drawn.identities["clean"].parts
    monkeypatch.delitem(sys.modules, "insidelib")
    monkeypatch.delitem(sys.modules, "insidelib.sub")


def test_libraries_are_imported_once(small: Small) -> None:
    small.run()
    small.edit("deep.py", "FACTOR = 2", "FACTOR = 3")
    small.run()
    assert sys.modules["polars"] is pl
    assert isinstance(small.run()["clean"], pl.DataFrame)


def test_folders_without_init_are_packages_too(tmp_path: Path) -> None:
    small = flow(tmp_path)
    small.write("parts/sub/deeper.py", DEEP)
    small.edit("helpers.py", "from deep", "from parts.sub.deeper")
    assert small.ran() == ALL
    small.edit("parts/sub/deeper.py", "FACTOR = 2", "FACTOR = 3")
    assert small.ran() == ["clean", "split", "size"]


def test_a_folder_of_data_does_not_hide_a_package(tmp_path: Path) -> None:
    small = flow(tmp_path)
    small.write("polars/notes.txt", "not a package")
    assert small.ran() == ALL


def test_modules_that_import_each_other(tmp_path: Path) -> None:
    small = flow(tmp_path)
    small.write("helpers.py", "import deep\n\n\ndef twice(e):\n    return deep.inner(e) * deep.FACTOR\n")
    small.edit("deep.py", "FACTOR = 2", "import helpers\n\nFACTOR = 2")
    assert small.ran() == ALL
    small.edit("deep.py", "e + 0", "e + 1")
    assert small.ran() == ["clean", "split", "size"]


def test_recursive_functions_and_circles_of_classes(tmp_path: Path) -> None:
    small = flow(tmp_path)
    small.write(
        "helpers.py",
        "def twice(e, n=3):\n    return e if n == 0 else again(e, n - 1)\n\n\ndef again(e, n):\n    return twice(e, n)\n\n\n"
        "class A:\n    def b(self):\n        return B()\n\n\nclass B(A):\n    me: 'B'\n    def a(self):\n        return A()\n",
    )
    small.edit("workflow.py", "from helpers import twice", "from helpers import A, twice")
    small.edit(
        "workflow.py", "    return table.height\n", "    return table.height + (A().b().a() is None)\n"
    )
    assert small.ran() == ALL


def test_a_step_is_importable_under_its_module(small: Small) -> None:
    """So that what a body pickles can be read back."""
    small.edit(
        "workflow.py", "class Customer(Contract)", "class Box:\n    x = 1\n\n\nclass Customer(Contract)"
    )
    small.edit("workflow.py", ") -> int:\n    return table.height", ") -> Box:\n    return Box()")
    small.edit("workflow.py", "def flow(s: FlowSettings) -> int", "def flow(s: FlowSettings) -> Box")
    assert small.run().result.x == 1
    again = small.run()
    assert again.executed == []
    assert again.result.x == 1
    assert type(again.result).__module__ == "workflow"


@pytest.mark.parametrize("name", ["statistics", "queue", "platform", "calendar"])
def test_a_module_named_like_one_of_python_s_is_an_error_or_works(tmp_path: Path, name: str) -> None:
    """Python's own may be there already; then the message says which file was found."""
    small = flow(tmp_path)
    small.write(f"{name}.py", DEEP)
    small.edit("helpers.py", "from deep", f"from {name}")
    if hasattr(sys.modules.get(name), "__file__"):
        with pytest.raises(magical.errors.ProjectError, match="cannot import name 'FACTOR'"):
            small.run()
        return
    assert small.ran() == ALL
    small.edit(f"{name}.py", "FACTOR = 2", "FACTOR = 3")
    assert small.ran() == ["clean", "split", "size"]


def test_two_threads_with_two_projects(tmp_path: Path) -> None:
    smalls = [flow(tmp_path / str(n)) for n in range(4)]
    for number, small in enumerate(smalls):
        small.edit("deep.py", "FACTOR = 2", f"FACTOR = {number + 3}")
    found: dict[int, Any] = {}

    def work(number: int) -> None:
        try:
            found[number] = smalls[number].run()["clean"]["x"].max()
        except BaseException as error:
            found[number] = error

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {n: 6 * (n + 3) for n in range(4)}


def test_a_project_at_the_same_place_may_be_another(tmp_path: Path) -> None:
    small = flow(tmp_path)
    assert small.run().result == 38
    for path in ("helpers.py", "deep.py"):
        (tmp_path / path).unlink()
    small.write(
        "workflow.py",
        IMPORTS
        + "\n\n@step\ndef one() -> int:\n    return 1\n\n\n@workflow\ndef flow() -> int:\n    return one()\n",
    )
    assert small.run().result == 1
    assert "helpers" not in sys.modules


def test_a_workflow_may_come_from_another_module(tmp_path: Path) -> None:
    small = project(
        tmp_path,
        {
            "workflow.py": "from flows import flow\n",
            "flows.py": FLOW,
            "helpers.py": HELPERS,
            "deep.py": DEEP,
            "x.csv": CSV,
        },
    )
    assert small.run().result == 38


def test_modules_of_a_project_reached_twice_are_one(small: Small) -> None:
    small.edit(
        "workflow.py",
        "from helpers import twice",
        "import helpers\nfrom helpers import twice\nassert helpers.twice is twice",
    )
    assert small.run().result == 38


@pytest.mark.parametrize("name", ["random", "json"])
def test_a_module_named_like_one_of_pythons_is_said(tmp_path: Path, name: str) -> None:
    small = flow(tmp_path / "p")
    small.write(f"{name}.py", "def mine():\n    return 1\n")
    small.edit(
        "workflow.py", "from helpers import twice", f"from {name} import mine\nfrom helpers import twice"
    )
    with pytest.raises(magical.errors.ProjectError) as caught:
        small.load().plan()
    assert (
        caught.value.hint
        == f"rename {name}.py of the project: Python's own module {name} is imported in its place."
    )


def test_a_name_that_a_module_of_the_project_lacks_is_said(tmp_path: Path) -> None:
    small = flow(tmp_path / "p")
    small.edit("workflow.py", "from helpers import twice", "from helpers import thrice as twice")
    with pytest.raises(
        magical.errors.ProjectError, match="cannot import name 'thrice' from 'helpers'"
    ) as caught:
        small.load().plan()
    assert caught.value.hint == "define it in helpers.py, or mend the name."
