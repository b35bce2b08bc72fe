"""Bundles of a project's modules, so that models with different versions of them load side by side."""

from __future__ import annotations

import ast
import contextlib
import importlib
import importlib.util
import io
import os
import pickle
import re
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from magical.keys.packages import find_source_file, is_project
from magical.python_parser import parse_python
from magical.settings import TaggedSettings

__all__ = ["CodeBundle", "find_imports", "list_modules", "rewrite_imports"]

# Loading changes `sys.modules` and the kinds of settings, which belong to the process. Reentrant, since a
# bundled module may load another model while it is imported.
_lock = threading.RLock()
_BUNDLE_NAME = re.compile(r"magical_[0-9a-z]{1,12}$")


@dataclass(frozen=True)
class CodeBundle:
    """A package, such as ``magical_0a1b2c3d4e5f``, that holds copies of a project's modules.

    Attributes:
        modules: the modules in it, by their names in the project.

    Example:
        >>> CodeBundle("magical_0a", ("flow", "pkg.sub")).has_module("pkg")
        True
    """

    name: str
    modules: tuple[str, ...]

    @classmethod
    def write(cls, folder: Path, root: Path, key: str, needed: Iterable[str] = ()) -> CodeBundle:
        """Copy the project's loaded modules, and the project modules that they import, into a package.

        Args:
            folder: the parent of the package's folder.
            root: the project's folder.
            key: a key, whose first letters name the package.
            needed: names of further modules to copy, from any folder, unless they are installed.
        """
        name = "magical_" + re.sub(r"[^0-9a-z]", "", key.lower())[:12]
        files = _add_imported_modules(_find_loaded_modules(root) | _find_needed_modules(needed), root)
        package = cls(name, tuple(sorted(files)))
        home = folder / name
        home.mkdir(parents=True, exist_ok=True)
        (home / "__init__.py").write_text(
            '"""A project\'s modules, as they were when its model was registered."""\n'
        )
        for module, file in files.items():
            place = home.joinpath(*module.split("."))
            target = place / "__init__.py" if file.name == "__init__.py" else place.with_suffix(".py")
            target.parent.mkdir(parents=True, exist_ok=True)
            source = importlib.util.decode_source(file.read_bytes())  # heeds a coding line
            target.write_text(rewrite_imports(source, name, package.has_module), encoding="utf-8")
        return package

    def has_module(self, module: str) -> bool:
        """Return True if the bundle has a module or a package of this name."""
        return any(m == module or m.startswith(f"{module}.") for m in self.modules)

    @contextlib.contextmanager
    def make_importable(self, folder: Path) -> Iterator[None]:
        """Make the package importable, and isolate the settings that it defines from the project's own.

        Args:
            folder: the folder that was given to ``write``, or a copy of it.
        """
        home = folder / self.name
        with _lock, self._isolate_kinds():
            module = sys.modules.get(self.name)
            if module is None:
                places = [str(home)]
                spec = importlib.util.spec_from_file_location(
                    self.name, home / "__init__.py", submodule_search_locations=places
                )
                assert spec is not None
                assert spec.loader is not None
                module = importlib.util.module_from_spec(spec)
                # Before it is executed, as the import system does: its modules import it by this name.
                sys.modules[self.name] = module
                spec.loader.exec_module(module)
            elif str(home) not in module.__path__:  # loaded before, from another copy of the same bundle
                module.__path__.append(str(home))
            yield

    def unload(self) -> None:
        """Remove the package from ``sys.modules``; objects made with it keep working."""
        with _lock:
            for name in [n for n in [*sys.modules] if n.partition(".")[0] == self.name]:
                del sys.modules[name]

    def module(self, name: str) -> ModuleType:
        """Import the bundle's copy of a module, else the module of that name."""
        return importlib.import_module(f"{self.name}.{name}" if self.has_module(name) else name)

    def resolve(self, text: str) -> Any:
        """Resolve an import string such as ``workflow:clean``, in the bundle's copies."""
        module, _, path = text.partition(":")
        value: Any = self.module(module)
        for name in path.split("."):
            value = getattr(value, name)
        return value

    def unpickle(self, data: bytes) -> Any:
        """Unpickle; classes and functions of the project's modules come from the bundle."""
        return _Unpickler(io.BytesIO(data), self).load()

    @contextlib.contextmanager
    def _isolate_kinds(self) -> Iterator[None]:
        """Register the bundle's settings classes in the block; restore the registered classes afterwards."""
        # A class registers itself under its name: a bundled copy would replace the project's own, and the
        # project's settings would then be read as classes of an old version.
        families = [
            f for f in TaggedSettings.__subclasses__() if not f.__module__.startswith(f"{self.name}.")
        ]
        before = [(family, dict(family.kinds)) for family in families]
        try:
            for family in families:
                # Copies from an earlier load do not register again: add them.
                copies = (k for k in _iter_subclasses(family) if k.__module__.startswith(f"{self.name}."))
                family.kinds.update({k.__name__: k for k in copies})
            yield
        finally:
            for family, kinds in before:
                family.kinds.clear()
                family.kinds.update(kinds)


class _Unpickler(pickle.Unpickler):
    """Unpickles with classes and functions of the project's modules from a bundle."""

    def __init__(self, file: io.BytesIO, bundle: CodeBundle) -> None:
        super().__init__(file)
        self._bundle = bundle

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        # cloudpickle stores a module as a call of `subimport(name)`: look the module up in the bundle, too.
        if (module_name, global_name) == ("cloudpickle.cloudpickle", "subimport"):
            return self._bundle.module
        if self._bundle.has_module(module_name):
            return self._bundle.resolve(f"{module_name}:{global_name}")
        return super().find_class(module_name, global_name)


def list_modules(estimator: Any) -> list[str]:
    """List the modules that define an estimator of scikit-learn, and those inside it at any depth.

    Example:
        >>> from sklearn.pipeline import make_pipeline
        >>> list_modules(make_pipeline(CodeBundle("magical_0a", ())))
        ['magical.library.scorer.code_bundle', 'sklearn.pipeline']
    """
    find_params = getattr(estimator, "get_params", dict)
    return sorted({type(v).__module__ for v in (estimator, *find_params().values())} - {"builtins"})


def rewrite_imports(source: str, package: str, is_bundled: Callable[[str], bool]) -> str:
    """Rewrite a module's imports of bundled modules, so that they import from the package.

    A source with a syntax error is returned unchanged.

    Example:
        >>> print(rewrite_imports("import helpers, os", "magical_0a", {"helpers"}.__contains__))
        from magical_0a import helpers; import os
    """
    try:
        tree = parse_python(source)
    except SyntaxError:
        return source
    # Positions in the syntax tree count bytes. Replace from the end, so that earlier ones stay right.
    lines = [line.encode() for line in source.splitlines(keepends=True)]
    changes = [c for node in ast.walk(tree) for c in _find_changes(node, package, is_bundled)]
    for node, text in sorted(changes, key=lambda c: (c[0].lineno, c[0].col_offset), reverse=True):
        first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
        tail = lines[last][node.end_col_offset :]
        lines[first : last + 1] = [lines[first][: node.col_offset] + text.encode() + tail]
    return b"".join(lines).decode()


def _find_changes(
    node: ast.AST, package: str, is_bundled: Callable[[str], bool]
) -> Iterator[tuple[ast.stmt | ast.expr, str]]:
    """Yield the new text of an import, or of the name in ``import_module(name)``, if it changes."""
    if isinstance(node, ast.ImportFrom) and not node.level and node.module and is_bundled(node.module):
        yield node, ast.unparse(ast.ImportFrom(f"{package}.{node.module}", node.names, 0))
    elif isinstance(node, ast.Import) and any(is_bundled(a.name) for a in node.names):
        texts = (text for alias in node.names for text in _rewrite_import(alias, package, is_bundled))
        yield node, "; ".join(texts)
    elif isinstance(node, ast.Call) and node.args and _function_name(node.func) == "import_module":
        name = node.args[0]
        if isinstance(name, ast.Constant) and isinstance(name.value, str) and is_bundled(name.value):
            yield name, repr(f"{package}.{name.value}")


def _rewrite_import(alias: ast.alias, package: str, is_bundled: Callable[[str], bool]) -> Iterator[str]:
    parent, _, last = alias.name.rpartition(".")
    if not is_bundled(alias.name):
        yield f"import {alias.name}" + (f" as {alias.asname}" if alias.asname else "")
    elif alias.asname:
        yield f"from {package}{'.' if parent else ''}{parent} import {last} as {alias.asname}"
    else:
        if parent:
            # `import a.b` loads a.b and binds a; a `from` import alone would not load the submodule.
            yield f"import {package}.{alias.name} as _magical_{last}"
        yield f"from {package} import {alias.name.split('.')[0]}"


def _function_name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _find_loaded_modules(root: Path) -> dict[str, Path]:
    """Find the imported modules in the project's folder, with their files."""
    files = {}
    folder = root.resolve()
    for name, module in sys.modules.copy().items():  # a copy: other threads may import meanwhile
        if not str(getattr(module, "__file__", None)).startswith((f"{root}{os.sep}", f"{folder}{os.sep}")):
            continue
        file = find_source_file(module)
        if file is None or not file.is_relative_to(folder) or not _is_project_module(name, module):
            continue
        # Hidden folders hold environments and the store, not the project.
        if not any(part.startswith(".") for part in file.relative_to(folder).parts):
            files[name] = file
    return files


def _find_needed_modules(needed: Iterable[str]) -> dict[str, Path]:
    """Find the files of the loaded modules of these names and of their parents, unless installed."""
    names = {".".join(parts[: i + 1]) for n in needed for parts in [n.split(".")] for i in range(len(parts))}
    modules = {n: sys.modules[n] for n in names if n in sys.modules}
    return {
        n: file
        for n, m in modules.items()
        if _is_project_module(n, m) and (file := find_source_file(m)) is not None
    }


def _is_project_module(name: str, module: ModuleType) -> bool:
    top = name.partition(".")[0]
    return (
        top != "magical" and not top.startswith("__") and not _BUNDLE_NAME.match(top) and is_project(module)
    )


def _add_imported_modules(files: dict[str, Path], root: Path) -> dict[str, Path]:
    """Add the project modules that these files import, even inside functions or if not loaded yet."""
    bases = {root.resolve()} | {_import_root(n, f) for n, f in files.items()}
    found: dict[str, Path] = {}
    pending = dict(files)
    while pending:
        name, file = pending.popitem()
        found[name] = file
        package = name if file.name == "__init__.py" else name.rpartition(".")[0]
        for other in find_imports(file.read_bytes(), package):
            path = None if other in found or other in pending else _find_module_file(other, bases)
            if path is not None:
                pending[other] = path
    return found


def _import_root(name: str, file: Path) -> Path:
    """Return the folder of the import path below which a module of this name has this file."""
    inside = file.parent if file.name == "__init__.py" else file
    return inside.parents[name.count(".")]


def _find_module_file(name: str, bases: set[Path]) -> Path | None:
    """Return the file of a module below one of the folders; None if it is not there."""
    if name.partition(".")[0] in (*sys.stdlib_module_names, "magical"):
        return None
    for base in bases:
        stem = base.joinpath(*name.split("."))
        for file in (stem / "__init__.py", stem.with_name(f"{stem.name}.py")):
            if file.is_file():
                return file
    return None


def find_imports(source: bytes, package: str = "") -> Iterator[str]:
    """Find the names that a module's imports may load: modules, and the packages above them.

    Relative imports start from ``package``; without it they are left out.

    Example:
        >>> list(find_imports(b"import os.path, json"))
        ['os', 'os.path', 'json']
    """
    try:
        tree = parse_python(source)
    except SyntaxError:  # a template, or a file of another Python
        return
    for node in ast.walk(tree):
        targets: list[str] = []
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and (package or not node.level):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *([base] if base else [])])
            # A name after `from base import` may be a submodule or anything else: offer both.
            targets = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        for target in targets:
            parts = target.split(".")
            yield from (".".join(parts[: i + 1]) for i in range(len(parts)) if parts[i])


def _iter_subclasses(cls: type[Any]) -> Iterator[type[Any]]:
    for sub in cls.__subclasses__():
        yield sub
        yield from _iter_subclasses(sub)
