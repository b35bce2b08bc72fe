"""Write a new project: from a file with rows, or from nothing, to be designed."""

from __future__ import annotations

import keyword
import os
import re
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from magical.contracts.schema import to_snake_case
from magical.errors import UsageError, did_you_mean, join_names
from magical.system.atomic_files import wrap_disk_errors

if TYPE_CHECKING:
    from magical.inference.infer import InferredSchema

__all__ = ["CreatedProject", "create_project"]

TEMPLATES = Path(__file__).resolve().parents[2] / "template"
_NAME_PATTERN = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_RESERVED_NAMES = {
    "evaluate", "featurize", "ingest", "linear", "model_data", "predict", "register", "select", "split",
    "transform", "tune", "step", "workflow", "clean", "load_customers", "load_orders", "find_habits",
    "divide", "fit", "assess", "date", "s", "contracts", "magical", "test", "train",
}  # fmt: skip


@dataclass(frozen=True)
class CreatedProject:
    """What was written.

    Attributes:
        root: the project's folder.
        files: in it, by their paths.
        inferred: the contract of the data, if there are any.
        source: the name of the data file.
        target: the raw name of the column to be predicted.
    """

    root: Path
    files: tuple[str, ...]
    inferred: InferredSchema | None = None
    source: str = ""
    target: str = ""

    @property
    def project_option(self) -> str:
        """What to add to a command so that it finds the project from here."""
        import shlex

        return f"--project {shlex.quote(os.path.relpath(self.root))}"

    @property
    def next_command(self) -> str:
        """The next command."""
        return f"magical {'run' if self.inferred else 'pretend'} {self.project_option}"

    def to_json(self) -> dict[str, Any]:
        """Give it as JSON."""
        found = self.inferred
        read = found and {**found.to_json(), "reasons": found.reasons, "left_out": found.left_out}
        return {
            "project": str(self.root),
            "files": list(self.files),
            "rows": found.rows if found else 0,
            "inferred": read,
            "next": self.next_command,
        }

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield f"{self.root.name}: {len(self.files)} files written: {', '.join(self.files)}."
        if self.inferred is None:
            yield "Every step is unwritten: its result is made up from the contract in its signature."
        else:
            yield (
                f"contracts.py was inferred from {self.inferred.rows:,} rows of {self.source}; "
                "look at it, above all at"
            )
            yield from (f"  {line}" for line in _review_lines(self.inferred))
        yield f"Next: {self.next_command}"


def create_project(name: str, data: str = "", target: str = "") -> CreatedProject:
    """Write a project of at most ten files that runs at once.

    Args:
        name: of the project; or a path whose last part is its name.
        data: a file with rows, which is copied; empty for a design whose steps are all unwritten.
        target: the column of the data to be predicted.

    Raises:
        UsageError: the name cannot be one or is taken, the data or the target are missing.
        InputError: the data cannot be read.
        BrokenPromise: the target cannot be predicted.
        StoreError: the disk refuses. Whatever is raised, nothing half-written is left.

    Example:
        >>> import tempfile
        >>> made = create_project(f"{tempfile.mkdtemp()}/shop")
        >>> [*made.files]
        ['.gitignore', 'README.md', 'contracts.py', 'pyproject.toml', 'tests/test_shop.py', 'workflow.py']
    """
    root = _find_free_root(name)
    if target and not data:
        raise UsageError(f"--target {target} names a column of no file.", hint="add --data FILE.")
    words = {
        "name": root.name,
        "function": _function_name(root.name),
        "settings": _camel_case(root.name, "Settings"),
    }
    if not data:
        words["title"] = f"{root.name}: which customers will order again? (An example: design your own.)"
        return CreatedProject(root, _write_files(root, _render_templates("design", words)))
    return _create_from_data(root, Path(data).expanduser(), target, words)


def _create_from_data(root: Path, file: Path, target: str, variables: dict[str, str]) -> CreatedProject:
    if not file.exists():
        folder = file.parent
        near = sorted(p.name for p in folder.iterdir() if p.is_file()) if folder.is_dir() else []
        hint = did_you_mean(file.name, near) if near else "give --data a file that exists."
        raise UsageError(f"There is no file {file}.", hint=hint)
    from magical.project.scaffold.infer_project import infer_from_file

    found = infer_from_file(file, target)
    files = _render_templates("data", {**variables, **found.template_variables(root.name)}) | {
        "contracts.py": found.contracts
    }

    def copy(folder: Path) -> None:
        (folder / "data").mkdir()
        shutil.copyfile(file, folder / "data" / file.name)

    written = _write_files(root, files, copy)
    return CreatedProject(root, written, found.schema, file.name, found.target)


def _find_free_root(name: str) -> Path:
    """The folder of a new project.

    Raises:
        UsageError: the name cannot be one, or something is there.
    """
    root = Path(name).expanduser()
    if not _NAME_PATTERN.fullmatch(root.name):
        likely = to_snake_case(root.name)
        hint = f"such as {likely}." if _NAME_PATTERN.fullmatch(likely) else "such as churn."
        raise UsageError(
            f"A project cannot be called {root.name!r}: a letter, then letters, digits, - and _.", hint=hint
        )
    root = Path(os.path.abspath(root))
    if os.path.lexists(root):
        kind = "folder" if root.is_dir() else "file"
        raise UsageError(f"There is a {kind} {name} already.", hint="give the project another name.")
    if not root.parent.is_dir():
        raise UsageError(f"There is no folder {root.parent} to write into.", hint="make it first.")
    return root


def _function_name(name: str) -> str:
    """The name of the workflow: that of the project, where Python and the imports leave it free."""
    plain = to_snake_case(name)
    taken = keyword.iskeyword(plain) or plain in _RESERVED_NAMES
    return f"{plain}_flow" if taken else plain


def _camel_case(name: str, end: str) -> str:
    return "".join(w.capitalize() for w in to_snake_case(name).split("_")) + end


def _render_templates(kind: str, variables: Mapping[str, str]) -> dict[str, str]:
    """The texts of a project by their paths in it."""
    texts = {p.stem: p for folder in ("common", kind) for p in sorted((TEMPLATES / folder).glob("*.tmpl"))}
    paths = {"gitignore": ".gitignore", "test.py": f"tests/test_{to_snake_case(variables['name'])}.py"}
    return {
        paths.get(stem, stem): Template(path.read_text(encoding="utf-8")).substitute(variables)
        for stem, path in texts.items()
    }


def _write_files(
    root: Path, files: Mapping[str, str], write_more: Callable[[Path], None] | None = None
) -> tuple[str, ...]:
    """Write all files into a folder beside, and give that its name when all is there."""
    with wrap_disk_errors(root), _staging_folder(root) as part:
        for name, text in files.items():
            path = part / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        if write_more is not None:
            write_more(part)
        part.rename(root)
    return tuple(sorted(p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file()))


@contextmanager
def _staging_folder(root: Path) -> Iterator[Path]:
    part = root.parent / f".{root.name}-{uuid.uuid4().hex[:8]}"
    part.mkdir()
    try:
        yield part
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _review_lines(schema: InferredSchema) -> Iterator[str]:
    """What of an inferred contract is to be looked at first, a line each."""
    target = schema.column(str(schema.target))
    yield f"the target: {target.name}, {target.type_text}"
    yield f"the id: {_with_reasons(schema, schema.ids) or 'none was found'}"
    yield f"the time: {_with_reasons(schema, schema.names_with_role('time')) or 'none was found'}"
    if schema.names_with_role("group"):
        yield f"the group: {_with_reasons(schema, schema.names_with_role('group'))}"
    kinds = [c.name for c in schema.features if c.choices or c.type == "str"]
    if kinds:
        yield f"categories: {join_names(kinds)}"
    if schema.left_out:
        gone = [f"{raw} ({why})" for raw, why in schema.left_out.items()]
        yield f"left out: {join_names(gone, 4)}"


def _with_reasons(schema: InferredSchema, names: list[str]) -> str:
    return join_names(f"{n} ({schema.reasons[n]})" if n in schema.reasons else n for n in names)
