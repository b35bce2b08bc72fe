"""The origin of modules (project, third party, Python), and the versions of installed packages."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import re
import site
import sys
from pathlib import Path
from types import ModuleType

__all__ = [
    "digest_installed",
    "digest_keyed_code",
    "digest_lock_files",
    "find_package",
    "find_source_file",
    "is_project",
    "read_versions",
]

# The parts of magical whose code is part of keys; KEY_FORMAT stands for the rest.
KEYED_MODULES = ("magical.library", "magical.features")
# It counts as a package, by the content of its files: to read its code would import scikit-learn.
DIGESTED_PACKAGE = "magical.estimators"
_HOME = Path(__file__).parents[2]
_DISTRIBUTION = "magical-thinking"
_METADATA_SUFFIXES = (".dist-info", ".egg-info", ".egg-link")  # of wheels, of eggs, of develop installs


def find_source_file(module: ModuleType | None) -> Path | None:
    """Return the source file of a module; None if it has none."""
    name = getattr(module, "__file__", None)
    return Path(name).resolve() if name and name.endswith(".py") else None


def is_project(module: ModuleType | None) -> bool:
    """Return True if a module's source is part of keys: a module of the project, or our standard steps.

    Example:
        >>> import json
        >>> is_project(json)
        False
    """
    if not isinstance(module, ModuleType):  # also an object that was put in the place of a module
        return False
    name = module.__name__
    if name == "magical" or name.startswith("magical."):
        return name.startswith(KEYED_MODULES)
    # A namespace package has no file, but a path. A notebook's __main__ has neither.
    file = getattr(module, "__file__", None) or next(iter(getattr(module, "__path__", ())), None)
    if file is None:
        return name == "__main__"
    # An editable install lies outside of site-packages, and so is treated as project code.
    folders = _list_site_folders()
    if name.split(".")[0] in sys.stdlib_module_names and name != "__main__":
        folders = (*folders, Path(os.__file__).resolve().parent)
    return not _is_inside(str(file), folders)


@functools.lru_cache(maxsize=4096)
def _is_inside(file: str, folders: tuple[Path, ...]) -> bool:
    paths = {Path(file), Path(file).resolve()}  # a link may lead into the folder, or out of it
    return any(path.is_relative_to(folder) for folder in folders for path in paths)


def find_package(module_name: str) -> tuple[str, str] | None:
    """Find the distribution and version of a third-party module; None for any other module.

    Our estimators are found as well, with a digest of their code in the place of a version.

    Example:
        >>> find_package("pydantic.fields")[0], find_package("json")
        ('pydantic', None)
    """
    top = module_name.split(".", maxsplit=1)[0]
    if module_name.startswith(DIGESTED_PACKAGE):
        return DIGESTED_PACKAGE, _digest_sources(DIGESTED_PACKAGE)[:12]
    if top in sys.stdlib_module_names or top == "magical":
        return None
    module = sys.modules.get(top)
    file = getattr(module, "__file__", None)
    folder = Path(file).resolve().parent.parent if file else None
    return _find_distribution(top, folder)


def digest_installed() -> str:
    """Compute a digest of all installed distributions and of Python's minor version."""
    # Most names contain the version, so that few files have to be read.
    names = sorted(f"{e.name} {_read_distribution(e)[1]}" for e in _list_installed())
    text = "\n".join([f"{sys.version_info[0]}.{sys.version_info[1]}", *names])
    return hashlib.sha256(text.encode()).hexdigest()


def digest_keyed_code() -> str:
    """Compute a digest of our own code that is part of keys; empty if an installed version stands for it.

    Example:
        >>> len(digest_keyed_code()) in (0, 64)
        True
    """
    if _is_inside(str(_HOME), _list_site_folders()):
        return ""
    return _digest_sources(*KEYED_MODULES, DIGESTED_PACKAGE)


@functools.cache  # a process runs the code that it has imported: an edit of ours counts from the next one on
def _digest_sources(*packages: str) -> str:
    """Compute a digest of the source files of packages of ours."""
    digest = hashlib.sha256()
    for package in packages:
        for path in sorted(_HOME.joinpath(*package.split(".")).rglob("*.py")):
            digest.update(f"{path.relative_to(_HOME)}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def read_versions() -> dict[str, str]:
    """Read the versions of Python and of magical itself; an empty text if magical is not installed.

    Example:
        >>> list(read_versions())
        ['python', 'magical-thinking']
    """
    # Not importlib.metadata: its import alone is slower than this.
    ours = (e for e in _list_installed() if e.name.startswith(_DISTRIBUTION.replace("-", "_")))
    found = next((version for name, version in map(_read_distribution, ours) if name == _DISTRIBUTION), "")
    return {"python": ".".join(map(str, sys.version_info[:3])), _DISTRIBUTION: found}


def _list_site_folders() -> tuple[Path, ...]:
    return _resolve_site_folders(tuple(sys.path))  # sys.path as an argument, since it may change in a process


@functools.lru_cache(maxsize=8)
def _resolve_site_folders(path: tuple[str, ...]) -> tuple[Path, ...]:
    named = [p for p in path if Path(p).name in ("site-packages", "dist-packages")]
    folders = [Path(p) for p in [*named, *site.getsitepackages()] if Path(p).is_dir()]
    return tuple(dict.fromkeys(path for folder in folders for path in (folder, folder.resolve())))


def _list_entries(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return list(entries)


def _list_installed() -> list[os.DirEntry[str]]:
    """List the metadata of all installed distributions."""
    return [e for folder in _list_site_folders() for e in _list_metadata(folder)]


def _list_metadata(folder: Path) -> list[os.DirEntry[str]]:
    return [e for e in _list_entries(folder) if e.name.endswith(_METADATA_SUFFIXES)]


def _read_distribution(entry: os.DirEntry[str]) -> tuple[str, str]:
    """Read the name and version of a distribution, from the name of its metadata if both are in it."""
    name, version = _split_name(entry.name)
    return name.replace("_", "-").lower(), version or _read_version(_find_metadata_folder(entry))


def _split_name(metadata: str) -> tuple[str, str]:
    """Split a name such as ``old_thing-1.0-py3.11.egg-info``; the version may be missing."""
    stem, suffix = os.path.splitext(metadata)
    if suffix == ".egg-link":  # a develop install: the name may have hyphens, and there is no version
        return stem, ""
    name, _, version = stem.partition("-")
    return name, version if suffix == ".dist-info" else re.sub(r"(^|-)py\d.*$", "", version)


def _find_metadata_folder(entry: os.DirEntry[str]) -> Path:
    """Return where the metadata is: the entry itself, or in the folder that a develop install links to."""
    path = Path(entry.path)
    if path.suffix == ".egg-link":
        with contextlib.suppress(OSError):
            source = path.read_text(encoding="utf-8").partition("\n")[0].strip()
            return Path(source) / f"{path.stem.replace('-', '_')}.egg-info"
    return path


def _read_version(metadata: Path) -> str:
    """Read the version in the headers of a PKG-INFO file, or of metadata that is one file."""
    for file in (metadata / "PKG-INFO", metadata / "METADATA", metadata):
        with contextlib.suppress(OSError):
            headers = file.read_text(encoding="utf-8", errors="replace").split("\n\n")[0].splitlines()
            return next((h.partition(":")[2].strip() for h in headers if h.startswith("Version:")), "")
    return ""


@functools.lru_cache(maxsize=256)
def _find_distribution(top: str, folder: Path | None) -> tuple[str, str] | None:
    """Find the distribution of a top-level module, by its name or its list of files."""
    for site_folder in [folder] if folder and folder in _list_site_folders() else _list_site_folders():
        entries = _list_metadata(site_folder)
        # Most distributions are named as their module. For the others, all lists of files are read: slow.
        same = [e for e in entries if re.sub("[-.]", "_", _split_name(e.name)[0]).lower() == top.lower()]
        for entry in [*same, *entries]:
            if entry in same or _has_module(Path(entry.path), top):
                return _read_distribution(entry)
    return None


def _has_module(metadata: Path, top: str) -> bool:
    """Return True if the metadata of a distribution lists a top-level module."""
    marks = (f"{top}/__init__.py,", f"{top}.py,", f"{top}/")
    for name, wanted in (("RECORD", marks), ("top_level.txt", (f"{top}\n",))):
        with contextlib.suppress(OSError):  # a wheel has the first, and an egg the second
            lines = b"\n" + (metadata / name).read_bytes().replace(b"\r", b"") + b"\n"
            if any(f"\n{mark}".encode() in lines for mark in wanted):
                return True
    return False


_LOCK_FILES = (
    "requirements.lock",
    "uv.lock",
    "poetry.lock",
    "pdm.lock",
    "pixi.lock",
    "Pipfile.lock",
    "conda-lock.yml",
)


def digest_lock_files(root: Path) -> dict[str, str]:
    """Compute the digests of the lock files in a project's folder, by name.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "uv.lock").write_text("version = 1")
        >>> list(digest_lock_files(folder))
        ['uv.lock']
    """
    found: dict[str, str] = {}
    for name in _LOCK_FILES:
        try:
            found[name] = hashlib.sha256((root / name).read_bytes()).hexdigest()
        except OSError:  # missing, or unreadable and so without effect
            continue
    return found
