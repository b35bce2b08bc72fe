"""Which packages are installed, and which lock files a project has."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from magical.keys import packages
from magical.keys.packages import digest_installed, digest_lock_files
from projects import one, python

LAYOUTS = {
    "wheel": "old_thing-{}.dist-info/METADATA",
    "egg-folder": "old_thing-{}-py3.11.egg-info/PKG-INFO",
    "egg-file": "old_thing-{}-py3.11.egg-info",
    "egg-without-version": "old_thing.egg-info/PKG-INFO",
    "egg-of-another-name": "Old.Distribution-{}-py3.11.egg-info/PKG-INFO",
    "nameless-version-of-another-name": "Old.Distribution.egg-info/PKG-INFO",
}


def install(root: Path, layout: str, version: str) -> Path:
    """Install version 1.0 or 2.0 of a package of one module, and return the folder."""
    site = root / "site-packages"
    site.mkdir(parents=True, exist_ok=True)
    (site / "old_thing.py").write_text("def scale(x):\n    return x\n")
    for old in site.glob("*-info"):
        shutil.rmtree(old) if old.is_dir() else old.unlink()
    metadata = site / LAYOUTS[layout].format(version)
    metadata.parent.mkdir(exist_ok=True)
    metadata.write_text(f"Metadata-Version: 1.0\nName: old\nVersion: {version}\n\nVersion: 9 is a text.\n")
    if metadata.name == "PKG-INFO":
        (metadata.parent / "top_level.txt").write_text("old_thing\n")
    return site


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_version_of_a_module_is_found_in_any_layout(tmp_path: Path, layout: str) -> None:
    code = (
        "import old_thing; from magical.keys.packages import find_package; print(find_package('old_thing'))"
    )
    for version in ("1.0", "2.0"):
        site = install(tmp_path / version, layout, version)
        name = "old.distribution" if "another" in layout else "old-thing"
        assert python("-c", code, PYTHONPATH=str(site)).stdout == f"{(name, version)}\n"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_upgrade_changes_the_digest_of_what_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: str
) -> None:
    monkeypatch.syspath_prepend(install(tmp_path, layout, "1.0"))
    before = digest_installed()
    assert digest_installed() == before
    install(tmp_path, layout, "2.0")
    assert digest_installed() != before


def test_an_upgrade_of_a_develop_install_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site, info = tmp_path / "site-packages", tmp_path / "source" / "old_thing.egg-info"
    site.mkdir()
    info.mkdir(parents=True)
    (site / "old-thing.egg-link").write_text(f"{info.parent}\n.\n")
    monkeypatch.syspath_prepend(site)
    digests = set()
    for version in ("1.0", "2.0"):
        (info / "PKG-INFO").write_text(f"Name: old-thing\nVersion: {version}\n")
        digests.add(digest_installed())
    assert len(digests) == 2


def test_a_step_runs_again_after_the_upgrade_of_an_egg(tmp_path: Path) -> None:
    small = one(
        tmp_path / "project",
        """
        @step
        def a() -> int:
            return old_thing.scale(1)

        @step
        def b() -> int:
            return 2

        @workflow
        def flow() -> int:
            return total(a(), b())

        @step
        def total(a: int, b: int) -> int:
            return a + b
        """,
        top="import old_thing\n",
    )
    for version, rerun in (("1.0", ["a", "b", "total"]), ("2.0", ["a"])):
        site = install(tmp_path, "egg-without-version", version)
        assert small.process("run", PYTHONPATH=str(site)).returncode == 0
        finished = [e["step"] for e in small.events() if e["event"] == "StepFinished"]
        assert sorted(finished[-len(rerun) :]) == rerun
    assert len(finished) == 4


def test_those_in_the_projects_folder_by_content(tmp_path: Path) -> None:
    assert digest_lock_files(tmp_path) == {}
    (tmp_path / "uv.lock").write_text("1")
    (tmp_path / "poetry.lock").write_text("1")
    (tmp_path / "other.lock").write_text("1")
    found = digest_lock_files(tmp_path)
    assert list(found) == ["uv.lock", "poetry.lock"]
    (tmp_path / "uv.lock").write_text("2")
    again = digest_lock_files(tmp_path)
    assert (again["uv.lock"] != found["uv.lock"], again["poetry.lock"] == found["poetry.lock"]) == (
        True,
        True,
    )


def test_an_edit_of_our_own_keyed_code_moves_its_digest(tmp_path: Path) -> None:
    source = Path(packages.__file__).parents[1]
    shutil.copytree(source, tmp_path / "magical", ignore=shutil.ignore_patterns("__pycache__"))
    code = "from magical.keys.packages import digest_keyed_code; print(digest_keyed_code())"

    def digest() -> str:
        return subprocess.check_output([sys.executable, "-c", code], cwd=tmp_path, text=True)

    first = digest()
    (tmp_path / "magical" / "report" / "__init__.py").write_text("")  # KEY_FORMAT stands for this one
    assert digest() == first != "\n"
    for module in ("library/splitting.py", "estimators/hash_encoder.py"):
        before = digest()
        with (tmp_path / "magical" / module).open("a") as file:
            file.write("MORE = 1\n")
        assert digest() != before
