"""The origin of modules (project, third party, Python), and the versions of installed packages."""

from __future__ import annotations

import functools
import hashlib
import os
import site
import sys
from pathlib import Path
from types import ModuleType

__all__ = [
    "digest_installed",
    "digest_lock_files",
    "find_package",
    "find_source_file",
    "is_project",
    "read_versions",
]

# The parts of magical whose code is part of keys; KEY_FORMAT stands for the rest.
KEYED_MODULES = ("magical.library", "magical.features")
_DISTRIBUTION_PREFIX = "magical_thinking-"


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
    if module is None:
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

    Example:
        >>> find_package("pydantic.fields")[0], find_package("json")
        ('pydantic', None)
    """
    top = module_name.split(".", maxsplit=1)[0]
    if top in sys.stdlib_module_names or top == "magical":
        return None
    module = sys.modules.get(top)
    file = getattr(module, "__file__", None)
    folder = Path(file).resolve().parent.parent if file else None
    return _find_distribution(top, folder)


def digest_installed() -> str:
    """Compute a digest of all installed distributions and of Python's minor version."""
    # Folder names contain the versions, so no file has to be read.
    entries = (e.name for folder in _list_site_folders() for e in _list_entries(folder))
    names = sorted(name for name in entries if name.endswith(".dist-info"))
    text = "\n".join([f"{sys.version_info[0]}.{sys.version_info[1]}", *names])
    return hashlib.sha256(text.encode()).hexdigest()


def read_versions() -> dict[str, str]:
    """Read the versions of Python and of magical itself; an empty text if magical is not installed.

    Example:
        >>> list(read_versions())
        ['python', 'magical-thinking']
    """
    # Not importlib.metadata: its import alone is slower than this.
    entries = (e.name for folder in _list_site_folders() for e in _list_entries(folder))
    folder = next((name for name in entries if name.startswith(_DISTRIBUTION_PREFIX)), "")
    version = folder.removeprefix(_DISTRIBUTION_PREFIX).removesuffix(".dist-info")
    return {"python": ".".join(map(str, sys.version_info[:3])), "magical-thinking": version}


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


@functools.lru_cache(maxsize=256)
def _find_distribution(top: str, folder: Path | None) -> tuple[str, str] | None:
    """Find the distribution of a top-level module, by names or RECORD files; None if there is none."""
    for site_folder in [folder] if folder and folder in _list_site_folders() else _list_site_folders():
        entries = [e for e in _list_entries(site_folder) if e.name.endswith(".dist-info")]
        # Most distributions are named as their module. For the others, all RECORD files are read: slow.
        same = [e for e in entries if e.name.split("-")[0].lower().replace(".", "_") == top.lower()]
        for entry in [*same, *entries]:
            if entry in same or _has_module(Path(entry.path), top):
                name, _, version = entry.name.removesuffix(".dist-info").partition("-")
                return name.replace("_", "-").lower(), version
    return None


def _has_module(dist_info: Path, top: str) -> bool:
    """Return True if the RECORD of a distribution lists a top-level module."""
    try:
        record = (dist_info / "RECORD").read_bytes()
    except OSError:
        return False
    marks = (f"{top}/__init__.py,", f"{top}.py,", f"{top}/")
    return any(record.startswith(m.encode()) or b"\n" + m.encode() in record for m in marks)


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
