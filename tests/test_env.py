"""The lists of dependencies agree: pyproject.toml, requirements.lock and env.yaml."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
LOCK_ENTRIES = LOCK.replace("\\\n", " ").splitlines()
PYTHONS = ("3.11", "3.12", "3.13")

CORE = [Requirement(text) for text in PROJECT["project"]["dependencies"]]
DEV = [Requirement(text) for text in PROJECT["dependency-groups"]["dev"]]
LOCKED_EXTRAS = ("prefect", "dask", "remote", "excel", "xgboost", "catboost")
LISTED = [
    Requirement(text) for name in LOCKED_EXTRAS for text in PROJECT["project"]["optional-dependencies"][name]
]
EXTRAS = [r for r in LISTED if r.marker is None or r.marker.evaluate({"sys_platform": "linux"})]
CONDA_NAMES = {"py-xgboost-cpu": "xgboost-cpu"}


def conda_requirements() -> dict[str, SpecifierSet]:
    """List the conda packages of env.yaml, without Python and pip."""
    listed = yaml.safe_load((ROOT / "env.yaml").read_text(encoding="utf-8"))["dependencies"]
    split = [entry.split(" ", 1) for entry in listed if isinstance(entry, str) and entry != "pip"]
    return {canonicalize_name(CONDA_NAMES.get(name, name)): SpecifierSet(bounds) for name, bounds in split}


def locked_version(name: str, python: str) -> Version | None:
    """Find the version of a package in the lock, for one Python."""
    for entry in LOCK_ENTRIES:
        requirement = Requirement(entry.split(" --hash", 1)[0].strip())
        marker = requirement.marker or Marker("python_version > '0'")
        if canonicalize_name(requirement.name) == canonicalize_name(name) and marker.evaluate(
            {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": "linux"}
        ):
            return Version(str(requirement.specifier).removeprefix("=="))
    return None


def test_env_yaml_lists_what_pyproject_lists() -> None:
    wanted = {canonicalize_name(r.name): r.specifier for r in CORE + EXTRAS + DEV}
    wanted["python"] = SpecifierSet(PROJECT["project"]["requires-python"])
    assert conda_requirements() == wanted


@pytest.mark.parametrize("requirement", CORE + DEV, ids=lambda r: r.name)
def test_lower_and_upper_bounds_are_stated(requirement: Requirement) -> None:
    assert {s.operator for s in requirement.specifier} == {">=", "<"}


def test_the_locked_extras_are_the_makefiles() -> None:
    said = re.findall(r"--extra (\w+)", (ROOT / "Makefile").read_text(encoding="utf-8"))
    assert tuple(said) == LOCKED_EXTRAS


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("requirement", CORE + EXTRAS + DEV, ids=lambda r: r.name)
def test_lock_pins_within_the_bounds(requirement: Requirement, python: str) -> None:
    version = locked_version(requirement.name, python)
    assert version is not None, f"{requirement.name} is not in requirements.lock. Hint: make lock"
    assert version in requirement.specifier


def test_supported_pythons_are_the_stated_ones() -> None:
    stated = SpecifierSet(PROJECT["project"]["requires-python"])
    assert [minor for minor in range(20) if f"3.{minor}.0" in stated] == [11, 12, 13]


def test_every_locked_package_is_hashed_and_no_address_is_named() -> None:
    entry = re.compile(r"[a-z0-9.-]+==\S+( ; [^-]+)?( +--hash=sha256:[0-9a-f]{64})+")
    assert [line for line in LOCK_ENTRIES if not entry.fullmatch(line.replace("    ", " "))] == []


def test_extras_are_quoted_where_they_are_to_be_typed() -> None:
    """Unquoted, zsh takes the brackets for a pattern, and finds no such file."""
    texts = [
        p for folder in ("docs", "src") for p in (ROOT / folder).rglob("*.*") if p.suffix in (".md", ".py")
    ]
    for path in (ROOT / "README.md", *texts):
        assert re.findall(r"pip install [\w-]+\[.*", path.read_text(encoding="utf-8")) == [], path.name
