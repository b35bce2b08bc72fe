"""Creation of a project, from a data file or from the template of a design."""

from __future__ import annotations

import keyword
import os
import re
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from magical.contracts.schema import to_snake_case
from magical.errors import UsageError, did_you_mean, join_names, shorten
from magical.input_files.local_files import is_url
from magical.masking import mask_uris
from magical.project.scaffold.project_options import NO_OPTIONS, ProjectOptions
from magical.system.atomic_files import wrap_disk_errors

if TYPE_CHECKING:
    from magical.inference.infer import InferredSchema
    from magical.library import Reading

__all__ = [
    "CreatedProject",
    "create_project",
    "is_project_name",
    "refer_to",
    "render_project",
    "write_files",
]

TEMPLATES = Path(__file__).resolve().parents[2] / "template"
_NAME_PATTERN = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_RESERVED_NAMES = {  # names that a template uses itself
    "evaluate", "explain", "featurize", "ingest", "linear", "model_data", "predict", "register", "select",
    "split", "transform", "tune", "auto", "refit", "step", "workflow", "clean", "load_customers",
    "load_orders", "find_habits",
    "divide", "fit", "assess", "relate", "date", "s", "contracts", "magical", "test", "train", "score",
    "project",
}  # fmt: skip


@dataclass(frozen=True)
class CreatedProject:
    """A project that was written.

    Attributes:
        files: paths in the project's folder.
        inferred: the contract of the data; None for a project without data.
        source: the name of the data file; empty without one.
        target: the column to be predicted, as the file spells it.
        split: how the rows are split, in words.
        further: the contracts of the further data files, by the files' names.
        remarks: what another reader of the files could read in another way.
        warnings: what speaks against a good model, such as a class with hardly any rows.
    """

    root: Path
    files: tuple[str, ...]
    inferred: InferredSchema | None = None
    source: str = ""
    target: str = ""
    split: str = ""
    further: Mapping[str, InferredSchema] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def project_option(self) -> str:
        """The option by which a command finds the project from the working directory."""
        import shlex

        return f"--project {shlex.quote(os.path.relpath(self.root))}"

    @property
    def next_command(self) -> str:
        """The command to run next."""
        return f"magical {'run' if self.inferred else 'pretend'} {self.project_option}"

    def to_json(self) -> dict[str, Any]:
        """Convert to JSON."""
        schema = self.inferred
        return {
            "project": str(self.root),
            "files": list(self.files),
            "rows": schema.rows if schema else 0,
            "inferred": schema and _schema_json(schema),
            "further": {file: _schema_json(other) for file, other in self.further.items()},
            "remarks": list(self.remarks),
            "warnings": list(self.warnings),
            "next": self.next_command,
        }

    def __str__(self) -> str:
        return "\n".join(self._lines())

    @property
    def review(self) -> str:
        """The text of what was inferred from the data, for its author to review; empty for a design."""
        place = os.path.relpath(self.root / "contracts.py")
        return "\n".join(self._review_lines(f"{self._data_text}, as {place} reads them:"))

    def _lines(self) -> Iterator[str]:
        yield f"{self.root.name}: {len(self.files)} files written: {', '.join(self.files)}."
        if self.inferred is None:
            yield "Every step is unwritten: its result is pretended from the contract in its signature."
        text = f"contracts.py was inferred from {self._data_text}; look at it, above all at"
        yield from self._review_lines(text)
        yield f"Next: {self.next_command}"

    @property
    def _data_text(self) -> str:
        return f"{self.inferred.rows if self.inferred else 0:,} rows of {self.source}"

    def _review_lines(self, title: str) -> Iterator[str]:
        if self.inferred is None:
            return
        yield from self.remarks
        yield title
        yield from (f"  {line}" for line in _review_lines(self.inferred, self.split))
        for file, schema in self.further.items():
            yield f"{schema.name}, from {schema.rows:,} rows of {file}:"
            yield from (f"  {line}" for line in _review_lines(schema))
        yield from (f"Warning: {text}" for text in self.warnings)


def create_project(
    name: str,
    data: str | Sequence[str] = (),
    target: str = "",
    reading: Reading | None = None,
    options: ProjectOptions = NO_OPTIONS,
) -> CreatedProject:
    """Write a project of a few files that runs at once; on an error, no file is left behind.

    Args:
        name: the name, or a path that ends with it.
        data: data files, which are copied: the rows to predict, then tables that these refer to; none for a
            design whose steps are all unwritten.
        target: the column of the first file to be predicted.
        reading: what the author says of the first file; it becomes a setting.
        options: what else the author says of the first file and the model.

    Raises:
        UsageError: the name is invalid or taken, or the data, the target or an option do not fit.
        InputError: the data cannot be read.
        BrokenPromise: the target cannot be predicted.
        StoreError: the files cannot be written.

    Example:
        >>> import tempfile
        >>> list(create_project(f"{tempfile.mkdtemp()}/shop").files)
        ['.gitignore', 'README.md', 'contracts.py', 'env.yaml', 'prefect_flow.py', 'profiles/prefect.toml',
         'pyproject.toml', 'tests/test_shop.py', 'workflow.py']
    """
    root = _find_free_root(name)
    files = [d for d in ([data] if isinstance(data, str) else data) if d]
    if files:
        created, texts = render_project(root, files, target, reading, options)
        return replace(created, files=write_files(root, texts, partial(_copy_data, files)))
    if given := [*(["--target"] if target else []), *options.to_words(), *(["KEY=VALUE"] if reading else [])]:
        raise UsageError(f"{given[0]} needs a data file.", hint="add --data FILE.")
    title = f"{root.name}: which customers will order again? (An example: design your own.)"
    texts = _render_templates("design", {**_name_variables(root.name), "title": title})
    return CreatedProject(root, write_files(root, texts))


def render_project(
    root: Path, data: Sequence[str], target: str, reading: Reading | None, options: ProjectOptions
) -> tuple[CreatedProject, dict[str, str]]:
    """Infer a project from data files, and render its files, by their paths in it; nothing is written.

    Args:
        root: the folder of the project.
        data: as the other arguments, as for ``create_project``.

    Raises:
        UsageError: the data, the target or an option do not fit.
        InputError: the data cannot be read.
        BrokenPromise: the target cannot be predicted.
    """
    files = _find_files(data)
    from magical.project.scaffold.infer_project import infer_from_files  # late: it imports polars

    inferred = infer_from_files(files, target, reading, options)
    paths = {f.name: f"data/{f.name}" if options.copies_data else refer_to(f, root) for f in files}
    variables = inferred.template_variables(root.name, paths)
    texts = _render_templates("data", {**_name_variables(root.name), **variables})
    texts["contracts.py"] = inferred.contracts
    first, *others = inferred.tables
    return (
        CreatedProject(
            root,
            tuple(sorted(texts)),
            first.schema,
            first.file,
            inferred.target,
            inferred.split,
            {table.file: table.schema for table in others},
            tuple(remark for table in inferred.tables for remark in table.remarks),
            inferred.warnings,
        ),
        texts,
    )


def _name_variables(name: str) -> dict[str, str]:
    """Compute the variables of the templates that depend on the project's name only."""
    plain = to_snake_case(name)
    is_taken = keyword.iskeyword(plain) or plain in _RESERVED_NAMES
    return {
        "name": name,
        "function": f"{plain}_flow" if is_taken else plain,
        "extras": "prefect",
        "settings": f"{''.join(word.capitalize() for word in plain.split('_'))}Settings",
    }


def _copy_data(data: Sequence[str], folder: Path) -> None:
    (folder / "data").mkdir()
    for file in _find_files(data):
        copy = shutil.copytree if file.is_dir() else shutil.copyfile  # a folder of files of one schema
        copy(file, folder / "data" / file.name)


def refer_to(file: Path, root: Path) -> str:
    """Return the path of a file for the settings of a project that has no copy of it.

    It is relative if both lie below the working folder, so that this folder can be moved; else absolute.

    Example:
        >>> refer_to(Path("churn.csv"), Path(".magical/fit/churn"))
        '../../../churn.csv'
    """
    here, home = Path.cwd().resolve(), root.resolve()  # of a project that is found, links are resolved
    place = file.parent.resolve() / file.name
    if place.is_relative_to(here) and home.is_relative_to(here):
        return Path(os.path.relpath(place, home)).as_posix()
    return str(place)


def _find_files(data: Sequence[str]) -> list[Path]:
    """Return the paths of data files.

    Raises:
        UsageError: one is a URL, does not exist, or has the name of another.
    """
    if urls := [d for d in data if is_url(d)]:
        raise UsageError(
            f"{mask_uris(str(urls[0]))} is elsewhere, and a project begins with files of this machine.",
            hint="download it, and name the file.",
        )
    files = [Path(d).expanduser() for d in data]
    _check_data(files)
    return files


def _check_data(data: Sequence[Path]) -> None:
    """Raise a UsageError if a data file does not exist, or two have one name."""
    for place, file in enumerate(data):
        if not file.exists():
            folder = file.parent
            near = sorted(p.name for p in folder.iterdir() if p.is_file()) if folder.is_dir() else []
            hint = did_you_mean(file.name, near) if near else "name a file that exists."
            raise UsageError(f"There is no file {file}.", hint=hint)
        if file.name in [other.name for other in data[:place]]:
            raise UsageError(
                f"Two data files are called {file.name}.",
                hint="the project keeps them in one folder: rename one.",
            )


def is_project_name(name: str) -> bool:
    """Return True for a letter, then letters, digits, hyphens and underscores.

    Example:
        >>> is_project_name("churn_2024"), is_project_name("2024")
        (True, False)
    """
    return _NAME_PATTERN.fullmatch(name) is not None


def _find_free_root(name: str) -> Path:
    """Return the absolute path of a new project's folder.

    Raises:
        UsageError: the name is invalid, or the path exists.
    """
    root = Path(name).expanduser()
    if not is_project_name(root.name):
        likely = to_snake_case(root.name)
        hint = f"such as {likely}." if is_project_name(likely) else "such as churn."
        raise UsageError(
            f"A project cannot be called {root.name!r}: a letter, then letters, digits, - and _.", hint=hint
        )
    root = Path(os.path.abspath(root))  # not resolve(): the project stays where the author sees it
    if os.path.lexists(root):  # a broken link exists, too
        kind = "folder" if root.is_dir() else "file"
        raise UsageError(f"There is a {kind} {name} already.", hint="give the project another name.")
    if not root.parent.is_dir():
        raise UsageError(f"There is no folder {root.parent} to write into.", hint="make it first.")
    return root


def _render_templates(kind: str, variables: Mapping[str, str]) -> dict[str, str]:
    """Render the files of a project, by their paths in it."""
    texts = {p.stem: p for folder in ("common", kind) for p in sorted((TEMPLATES / folder).glob("*.tmpl"))}
    paths = {
        "gitignore": ".gitignore",
        "test.py": f"tests/test_{to_snake_case(variables['name'])}.py",
        "prefect.toml": "profiles/prefect.toml",
    }
    return {
        paths.get(stem, stem): Template(path.read_text(encoding="utf-8")).substitute(variables)
        for stem, path in texts.items()
    }


def write_files(
    root: Path, files: Mapping[str, str], write_more: Callable[[Path], None] | None = None
) -> tuple[str, ...]:
    """Write all files of a new project; return their paths in it.

    Args:
        root: its folder, which must not exist.
        files: the texts by their paths in the project.
        write_more: called with the folder to which it is to write further files.

    Raises:
        StoreError: a file cannot be written; none is left behind.
    """
    # Into a staging folder, which is renamed at the end, so that a kill leaves no half-written project.
    with wrap_disk_errors(root), _staging_folder(root) as staging:
        for name, text in files.items():
            path = staging / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        if write_more is not None:
            write_more(staging)
        staging.rename(root)
    return tuple(sorted(p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file()))


@contextmanager
def _staging_folder(root: Path) -> Iterator[Path]:
    # Beside the project, since a rename works within one disk only.
    folder = root.parent / f".{root.name}-{uuid.uuid4().hex[:8]}"
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _schema_json(schema: InferredSchema) -> dict[str, Any]:
    more = {"rows": schema.rows, "reasons": schema.reasons, "remarks": schema.remarks}
    return {**schema.to_json(), **more, "left_out": schema.left_out}


def _review_lines(schema: InferredSchema, split: str = "") -> Iterator[str]:
    """Yield a line for each part of an inferred contract that its author should review, and for the split."""
    if schema.target:
        target = schema.column(schema.target)
        reason = schema.reasons.get(target.name, "")
        rest = "; these are left out" if target.nullable else ""
        yield f"the target: {target.name}, {target.type_text}{f' ({reason}{rest})' if reason else ''}"
    yield f"the id: {_with_reasons(schema, schema.ids) or 'none was found'}"
    yield f"the time: {_with_reasons(schema, schema.names_with_role('time')) or 'none was found'}"
    if groups := schema.names_with_role("group"):
        yield f"the group: {_with_reasons(schema, groups)}"
    if split:
        yield f"the split: {split}"
    if keys := schema.names_with_role("key"):
        yield f"keys: {_with_reasons(schema, keys)}"
    if categories := [c.name for c in schema.features if c.choices or c.type == "str"]:
        yield f"categories: {join_names(categories)}"
    yield from _list_lines("read so, with a doubt:", schema.remarks)
    yield from _list_lines("left out:", schema.left_out)


def _list_lines(title: str, reasons: Mapping[str, str]) -> Iterator[str]:
    if reasons:
        yield title
        yield from (f"  {shorten(name, 40)}: {shorten(reason, 300)}" for name, reason in reasons.items())


def _with_reasons(schema: InferredSchema, names: list[str]) -> str:
    """Join names of columns, each with the reason for its role; empty without names."""

    def reason(name: str) -> str:
        text = schema.reasons[name]
        for remark in schema.remarks.values():  # listed by themselves
            text = text.removesuffix(f"; {remark}")
        return text

    return join_names(f"{n} ({reason(n)})" if n in schema.reasons else n for n in names)
