"""Import a project's modules: always from their source, and never mixed with another project's."""

from __future__ import annotations

import contextlib
import importlib
import importlib.machinery
import inspect
import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import Field

from magical.errors import MagicalError, ProjectError, did_you_mean, shorten
from magical.project.loading.location import Location
from magical.project.loading.source_loader import (
    FreshLoader,
    drop_stale_modules,
    install_outside_finder,
    is_test,
)
from magical.system.tracebacks import author_frames
from magical.workflows import Workflow

__all__ = ["import_workflow"]

_UNKNOWN_KEYWORD = "Using extra keyword arguments on `Field`"


class _ProjectFinder:
    """Finds the modules of one project folder.

    Args:
        root: the folder.
        bare: find folders without ``__init__.py`` instead; like Python, after everything else.
    """

    def __init__(self, root: Path, namespace_only: bool = False) -> None:
        self.root, self.namespace_only = root, namespace_only

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        for folder in [str(self.root)] if path is None else path:
            if _is_own_file(folder, self.root):
                finder = importlib.machinery.FileFinder(str(folder), (FreshLoader, [".py"]))
                spec = finder.find_spec(name)
                if spec is not None and (spec.loader is None) == self.namespace_only:
                    return spec
        return None


def _is_own_file(file: str, root: Path) -> bool:
    """Whether a file or folder is the project's own, and not of an environment inside its folder."""
    if not file.startswith(str(root)):
        return False
    path = Path(file)
    return path.is_relative_to(root) and not {"site-packages", "dist-packages", ".magical"} & set(path.parts)


def import_workflow(location: Location) -> Workflow[Any, Any]:
    """Import the project anew and give its workflow; the caller sees to it that one thread does at a time.

    Raises:
        ProjectError: a module cannot be imported, or there is not exactly one workflow.
    """
    _drop_project_modules(location.root)
    install_outside_finder()
    sys.meta_path.insert(0, _ProjectFinder(location.root))
    sys.meta_path.append(_ProjectFinder(location.root, namespace_only=True))
    importlib.invalidate_caches()
    try:
        with _strict_fields():
            module = importlib.import_module(location.module)
    except MagicalError as error:
        _add_location(error)
        raise
    except SyntaxError as error:
        raise _syntax_error(error) from error
    except (Exception, SystemExit) as error:
        raise _import_error(location, error) from error
    return _find_workflow(location, module)


@contextlib.contextmanager
def _strict_fields() -> Iterator[None]:
    """A keyword that ``Field`` does not know is a mistake, and no mere warning, as pydantic has it."""
    warnings.filterwarnings("error", message=_UNKNOWN_KEYWORD)
    strict = warnings.filters[0]
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            warnings.filters.remove(strict)  # type: ignore[attr-defined]


def _drop_project_modules(root: Path) -> None:
    """Drop every module that a project finder loaded, and any other that would hide one here, or is old."""
    finders = [f for f in sys.meta_path if isinstance(f, _ProjectFinder)]
    for finder in finders:
        sys.meta_path.remove(finder)
    roots = {f.root for f in finders}
    own = {p.stem if p.suffix == ".py" else p.name for p in root.iterdir() if p.suffix == ".py" or p.is_dir()}
    gone = []
    for name, module in list(sys.modules.items()):
        fresh = type(getattr(module, "__loader__", None)) is FreshLoader
        bare = hasattr(module, "__path__") and any(_is_own_file(str(_path_of(module)), r) for r in roots)
        hides = name.split(".")[0] in own and not _is_shared(name, module) and not is_test(module)
        if (fresh or bare or hides) and not _is_importing(module):
            gone.append(name)
    for name in gone:  # only now: a folder without __init__.py asks its parent where it is
        del sys.modules[name]
    drop_stale_modules(root, {name.partition(".")[0] for name in gone})


def _is_importing(module: ModuleType) -> bool:
    """Whether Python is still importing a module, such as one that opens the project it lies in."""
    return bool(getattr(getattr(module, "__spec__", None), "_initializing", False))


def _is_shared(name: str, module: ModuleType) -> bool:
    top = name.split(".", maxsplit=1)[0]
    if top in ("magical", "__main__") or top in sys.stdlib_module_names:
        return True
    return bool({"site-packages", "dist-packages"} & set(_path_of(module).parts))


def _path_of(module: ModuleType) -> Path:
    try:
        folders: Sequence[str] = list(getattr(module, "__path__", ()))
    except KeyError:  # a folder without __init__.py whose parent was dropped
        folders = []
    return Path(getattr(module, "__file__", None) or next(iter(folders), ""))


def _find_workflow(location: Location, module: ModuleType) -> Workflow[Any, Any]:
    found = {n: v for n, v in vars(module).items() if isinstance(v, Workflow)}
    if location.name:
        if location.name in found:
            return found[location.name]
        raise ProjectError(
            f"{location.module} has no workflow {location.name!r}.",
            hint=f"there are: {', '.join(found) or 'none'}.",
        )
    own = {n: v for n, v in found.items() if v.function.__module__ == module.__name__} or found
    if len(set(map(id, own.values()))) == 1:
        return next(iter(own.values()))
    if not own:
        raise ProjectError(f"{location.module}.py has no workflow.", hint="mark a function with @workflow.")
    raise ProjectError(
        f"{location.module}.py has {len(own)} workflows: {', '.join(own)}.",
        hint=f'name one in pyproject.toml: [tool.magical] workflow = "{location.module}:{next(iter(own))}"',
    )


def _syntax_error(error: SyntaxError) -> ProjectError:
    place = f"{Path(error.filename or '').name}{f':{error.lineno}' if error.lineno else ''}"
    line = [f"  {error.text.strip()}"] if error.text else []
    return ProjectError(
        f"{place} is not Python: {error.msg}.", *line, hint=f"mend that {'line' if line else 'file'}."
    )


def _add_location(error: MagicalError) -> None:
    """Name the author's line that raised an error, unless its message names one already."""
    frames = author_frames(error)
    if frames and error.lines and not re.search(r"\.py:\d", str(error)):
        first = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}: {error.lines[0]}"
        error.lines = (first, *error.lines[1:])


def _import_error(location: Location, error: BaseException) -> ProjectError:
    frames = author_frames(error)
    words = str(error).strip()
    if type(error).__name__ == "SchemaError":  # pydantic's: what is wrong stands in the last line, alone
        field = re.search(r'Field "(\w+)"', words)
        words = f"{f'field {field[1]}: ' if field else ''}{words.splitlines()[-1].strip()}"
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}: {frames[-1].line}" if frames else ""
    if words.startswith(_UNKNOWN_KEYWORD):
        known, odd = list(inspect.signature(Field).parameters), re.findall(r"'(\w+)'", words) or ["?"]
        return ProjectError(
            f"Field knows no {odd[0]!r}:", f"  {shorten(place, 140)}", hint=did_you_mean(odd[0], known)
        )
    return ProjectError(
        f"The project cannot be imported: {type(error).__name__}: {shorten(words, 160)}",
        *([f"  {shorten(place, 140)}"] if place else []),
        hint=_import_hint(location, error),
    )


def _import_hint(location: Location, error: BaseException) -> str:
    if not isinstance(error, ImportError):
        return "mend that line."
    root, name = location.root, (error.name or "").partition(".")[0]
    if name and name == location.module.partition(".")[0]:
        return f"write {name}.py, or mend the name of the workflow in pyproject.toml."
    own = root / f"{name}.py"
    if name in sys.stdlib_module_names and (own.is_file() or own.with_suffix("").is_dir()):
        shown = own.name if own.is_file() else f"{name}/"
        return f"rename {shown} of the project: Python's own module {name} is imported in its place."
    if _is_own_file(error.path or "", root):
        return f"define it in {Path(error.path or '').name}, or mend the name."
    return f"is it installed? pip install {name}" if name else "is the package installed?"
