"""Project code outside the project's folder: never run as it was before an edit, and imported once otherwise."""

import itertools
import os
import sys
import types
from pathlib import Path

import pytest

from magical.project.loading import source_loader
from magical.project.loading.source_loader import has_changed_outside
from project.conftest import USES_LIB, returns
from projects import Small, one


def test_an_edit_outside_the_folder_is_run_in_the_same_process(tmp_path: Path, lib: Small) -> None:
    small = one(tmp_path / "p", USES_LIB)
    path = lib.root / "mylib.py"
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    for number in (1, 2, 3):  # as large as before, and with the same time: bytecode would be trusted
        lib.write("mylib.py", returns(number))
        os.utime(path, ns=times)
        assert (small.run().result, small.run().executed) == (number, [])
    lib.write("mylib.py", returns(1))
    assert small.ran() == []
    assert small.run().result == 1


def test_what_was_imported_by_hand_before_is_not_trusted(tmp_path: Path, lib: Small) -> None:
    """As in a notebook that imports a module, edits it, and then opens the project."""
    import mylib  # type: ignore[import-not-found]

    assert mylib.number() == 1
    lib.write("mylib.py", returns(2222))
    assert one(tmp_path / "p", USES_LIB).run().result == 2222


def test_what_imports_what_was_edited_is_imported_anew(tmp_path: Path, lib: Small) -> None:
    lib.write("between.py", "from mylib import number\n")
    small = one(tmp_path / "p", USES_LIB.replace("from mylib", "from between"))
    assert small.run().result == 1
    lib.write("mylib.py", returns(2))
    assert small.run().result == 2


def test_a_module_of_a_package_that_was_edited(tmp_path: Path, lib: Small) -> None:
    lib.write("pack/__init__.py", "")
    lib.write("pack/deep/__init__.py", "from . import mine\n")
    lib.write("pack/deep/mine.py", returns(1))
    lib.write("bare/mine.py", "from pack.deep import mine\n\nnumber = mine.number\n")  # no __init__.py
    flow = USES_LIB.replace("from mylib import number", "from bare import mine").replace(
        "number()", "mine.number()"
    )
    small = one(tmp_path / "p", flow)
    assert small.run().result == 1
    lib.write("pack/deep/mine.py", returns(2))
    assert small.run().result == 2


def test_what_imports_the_project_itself_follows_its_edits(tmp_path: Path, lib: Small) -> None:
    lib.write("mylib.py", "from helpers import FACTOR\n\n\ndef number():\n    return FACTOR\n")
    small = one(tmp_path / "p", USES_LIB)
    small.write("helpers.py", "FACTOR = 1\n")
    assert small.run().result == 1
    small.write("helpers.py", "FACTOR = 2\n")
    assert small.run().result == 2


def test_an_edit_while_it_is_imported_is_noticed(tmp_path: Path, lib: Small) -> None:
    """The key would be of the new code, and the result of the old."""
    flow = USES_LIB.replace("@step", "from late_edit import edit\n\nedit()\n\n@step", 1)
    lib.write(
        "late_edit.py",
        f"from pathlib import Path\n\n\ndef edit():\n    Path({str(lib.root / 'mylib.py')!r})"
        f".write_text({returns(2)!r})\n",
    )
    assert one(tmp_path / "p", flow).run().result == 2


def test_what_was_not_edited_is_imported_once(tmp_path: Path, lib: Small) -> None:
    lib.write("other.py", "VALUE = 1\n")
    small = one(tmp_path / "p", USES_LIB.replace("@step", "import other\n\n@step", 1))
    small.run()
    first = sys.modules["mylib"], sys.modules["other"]
    small.write("helpers.py", "")
    small.run()
    assert (sys.modules["mylib"], sys.modules["other"]) == first
    lib.write("mylib.py", returns(2))
    small.run()
    assert sys.modules["mylib"] is not first[0]
    assert sys.modules["other"] is first[1]
    assert not list(lib.root.rglob("*.pyc"))


def test_what_pytest_loaded_stays_though_it_imports_what_was_edited(tmp_path: Path, lib: Small) -> None:
    """Else the rest of a user's tests would find no module of their own: for pickle, typing, inspect."""
    import mylib

    here = sys.modules[__name__]
    lib.write("mylib.py", returns(2))
    small = one(tmp_path / "p", USES_LIB)
    assert small.run().result == 2
    assert mylib.number() == 1
    small.write("tests/test_flow.py", "")  # another package of the name that this one has
    small.write("helpers.py", "")
    assert small.run().result == 2
    assert sys.modules.get(__name__) is here


def test_modules_that_another_thread_imports_meanwhile_do_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    count, real = itertools.count(), source_loader.is_project

    def import_one(module: types.ModuleType) -> bool:
        """Import a module, as another thread may in the middle of a loop over all modules."""
        name = f"odd_module_{next(count)}"
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
        return real(module)

    monkeypatch.setattr(source_loader, "is_project", import_one)
    outside = types.ModuleType("outside_module")
    outside.__file__ = "/outside/outside_module.py"
    monkeypatch.setitem(sys.modules, "outside_module", outside)
    assert not has_changed_outside()
    assert next(count)
