"""The import of a project's modules: always from source, and never mixed with those of another project."""

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

from magical.errors import MagicalError, ProjectError, did_you_mean, safe_text, shorten
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
        namespace_only: find folders without ``__init__.py`` only; like Python, after everything else.
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
    """Return True if a file or folder is the project's own, not part of an environment or ``.magical``."""
    if not file.startswith(str(root)):
        return False
    path = Path(file)
    # Below the root only: the project itself may lie in a `.magical`, where `magical fit` writes it.
    inside = path.relative_to(root).parts if path.is_relative_to(root) else (".magical",)
    return not {"site-packages", "dist-packages", ".magical"} & set(inside)


def import_workflow(location: Location) -> Workflow[Any, Any]:
    """Import the project again, and return its workflow; only one thread may do so at a time.

    Raises:
        ProjectError: a module cannot be imported, or the workflow is missing or ambiguous.
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
    """Make a keyword that ``Field`` does not know an error; for pydantic it is a warning."""
    # Not `catch_warnings`, which would also undo the filters that the project's modules add.
    warnings.filterwarnings("error", message=_UNKNOWN_KEYWORD)
    strict = warnings.filters[0]
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            warnings.filters.remove(strict)  # type: ignore[attr-defined]


def _drop_project_modules(root: Path) -> None:
    """Drop the modules that project finders loaded, and those that are stale or would hide this project's."""
    finders = [f for f in sys.meta_path if isinstance(f, _ProjectFinder)]
    for finder in finders:
        sys.meta_path.remove(finder)
    roots = {f.root for f in finders}
    own_files = (p for p in root.iterdir() if p.suffix == ".py" or p.is_dir())
    names = {p.stem if p.suffix == ".py" else p.name for p in own_files}
    dropped = []
    for name, module in sys.modules.copy().items():
        is_loaded = type(getattr(module, "__loader__", None)) is FreshLoader
        # Its dictionary: to ask a module for a name that it lacks is slow, and may import it.
        is_package = "__path__" in getattr(module, "__dict__", ())
        in_root = is_package and any(_is_own_file(str(_path_of(module)), r) for r in roots)
        hides = name.partition(".")[0] in names and not _is_shared(name, module) and not is_test(module)
        if (is_loaded or in_root or hides) and not _is_importing(module):
            dropped.append(name)
    for name in dropped:  # only now: the path of a folder without __init__.py is read from its parent
        del sys.modules[name]
    drop_stale_modules(root, {name.partition(".")[0] for name in dropped})


def _is_importing(module: ModuleType) -> bool:
    """Return True if Python is still importing a module, such as one that opens its own project."""
    return bool(getattr(getattr(module, "__spec__", None), "_initializing", False))


def _is_shared(name: str, module: ModuleType) -> bool:
    """Return True if a module belongs to magical, Python or an installed package."""
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
    """Find the module's workflow: the one that the project names, else the only one."""
    found = {n: v for n, v in vars(module).items() if type(v) is Workflow}
    if location.name:
        if location.name in found:
            return found[location.name]
        raise ProjectError(
            f"{location.module} has no workflow {location.name!r}.",
            hint=f"there are: {', '.join(found) or 'none'}.",
        )
    # A workflow that the module imports is taken only if the module defines none.
    found = {n: v for n, v in found.items() if v.function.__module__ == module.__name__} or found
    if len(set(map(id, found.values()))) == 1:
        return next(iter(found.values()))
    if not found:
        raise ProjectError(f"{location.module}.py has no workflow.", hint="mark a function with @workflow.")
    raise ProjectError(
        f"{location.module}.py has {len(found)} workflows: {', '.join(found)}.",
        hint=f'name one in pyproject.toml: [tool.magical] workflow = "{location.module}:{next(iter(found))}"',
    )


def _syntax_error(error: SyntaxError) -> ProjectError:
    place = f"{Path(error.filename or '').name}{f':{error.lineno}' if error.lineno else ''}"
    line = [f"  {error.text.strip()}"] if error.text else []
    return ProjectError(
        f"{place} is not Python: {error.msg}.", *line, hint=f"mend that {'line' if line else 'file'}."
    )


def _add_location(error: MagicalError) -> None:
    """Add the author's line that raised an error to its message, unless it names one."""
    frames = author_frames(error)
    if frames and error.lines and not re.search(r"\.py:\d", str(error)):
        first = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}: {error.lines[0]}"
        error.lines = (first, *error.lines[1:])


def _import_error(location: Location, error: BaseException) -> ProjectError:
    """Create the error for an exception that importing the project raised, with the author's line."""
    frames = author_frames(error)
    text = safe_text(error).strip()
    if type(error).__name__ == "SchemaError":  # pydantic's: only the last line says what is wrong
        field = re.search(r'Field "(\w+)"', text)
        text = f"{f'field {field[1]}: ' if field else ''}{text.splitlines()[-1].strip()}"
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}: {frames[-1].line}" if frames else ""
    if text.startswith(_UNKNOWN_KEYWORD):
        keyword = (re.findall(r"'(\w+)'", text) or ["?"])[0]
        hint = did_you_mean(keyword, list(inspect.signature(Field).parameters))
        return ProjectError(f"Field has no parameter {keyword!r}:", f"  {shorten(place, 140)}", hint=hint)
    return ProjectError(
        f"The project cannot be imported: {type(error).__name__}: {shorten(text, 160)}",
        *([f"  {shorten(place, 140)}"] if place else []),
        hint=_import_hint(location, error),
    )


def _import_hint(location: Location, error: BaseException) -> str:
    """Advise how to mend an exception that importing the project raised."""
    if not isinstance(error, ImportError):
        return "mend that line."
    root, name = location.root, (error.name or "").partition(".")[0]
    if name and name == location.module.partition(".")[0]:
        return f"write {name}.py, or mend the name of the workflow in pyproject.toml."
    file = root / f"{name}.py"
    if name in sys.stdlib_module_names and (file.is_file() or file.with_suffix("").is_dir()):
        shown = file.name if file.is_file() else f"{name}/"
        return f"rename {shown} of the project: Python's own module {name} is imported in its place."
    if _is_own_file(error.path or "", root):
        return f"define it in {Path(error.path or '').name}, or mend the name."
    return f"is it installed? pip install {name}" if name else "is the package installed?"
