"""Scoring of new rows by a registered model: find the model, load its code, and carry the batch out."""

from __future__ import annotations

import contextlib
import hashlib
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from magical.engine.protocols import Registry, Version
from magical.errors import BrokenPromise, InputError, SettingsError, UsageError, join_names
from magical.integrations.mlflow.registry import MlflowRegistry, find_model_data
from magical.keys.packages import read_versions
from magical.library import Reading
from magical.library.scorer.scorer import Scorer
from magical.library.scoring.batch import CHUNK_ROWS, Batch, BatchCounts, RejectLimit
from magical.library.scoring.manifest import Manifest, OutputPlaces, ScoredModel
from magical.library.scoring.output_files import check_output, read_table
from magical.library.sources.chunked_source import open_source
from magical.masking import mask
from magical.project.backends import find_database, find_registry_uri
from magical.views.page import render_text

if TYPE_CHECKING:
    from magical.project.project_context import ProjectContext

__all__ = ["LoadedModel", "ModelName", "ScoreOptions", "Scoring", "find_model", "open_registry", "score_rows"]

_MODEL_FILE, _URI_PREFIX = "MLmodel", "models:/"
_NOTHING_SAID = Reading()


@dataclass(frozen=True)
class ScoreOptions:
    """How a batch is scored, with the same predictions whatever is chosen here.

    Attributes:
        max_rejects: the largest share or number of rejected rows, such as ``"1%"`` or ``20``; two rows
            always may be rejected if it is a share.
        chunk_rows: the rows that are in memory at a time.
        replace: write over the predictions of another model or input.
        reading: how this source is written, where it differs from the training source.
        on_progress: called with the number of rows that are done and the number of all, 0 if unknown.

    Example:
        >>> ScoreOptions(max_rejects="20").chunk_rows
        100000
    """

    max_rejects: str | int = "1%"
    chunk_rows: int = CHUNK_ROWS
    replace: bool = False
    reading: Reading = _NOTHING_SAID
    on_progress: Callable[[int, int], None] = lambda rows, total: None


@dataclass(frozen=True)
class ModelName:
    """The name of a model as a caller writes it: a version, an alias, or the champion.

    Example:
        >>> ModelName.parse("campaign@rival"), ModelName.parse("models:/campaign/3").version
        (ModelName(name='campaign', alias='rival', version=''), '3')
    """

    name: str
    alias: str = "champion"
    version: str = ""

    @classmethod
    def parse(cls, text: str) -> ModelName:
        """Parse ``NAME``, ``NAME@ALIAS`` or ``NAME/VERSION``, as MLflow writes them behind ``models:/``.

        Raises:
            UsageError: the text is no such name.
        """
        plain = text.removeprefix(_URI_PREFIX)
        if found := re.fullmatch(r"([^/@]+)/v?(\d+)", plain):
            return cls(found[1], "", found[2])
        if found := re.fullmatch(r"([^/@]+)(?:@([^/@]+))?", plain):
            return cls(found[1], found[2] or "champion")
        raise UsageError(
            f"{text!r} names no model, and is no folder with a file {_MODEL_FILE}.",
            hint="write NAME, NAME@ALIAS, NAME/VERSION, or the path of a model's folder.",
        )


@dataclass(frozen=True)
class LoadedModel:
    """A model whose code and Pipeline are loaded, with its identity."""

    identity: ScoredModel
    scorer: Scorer

    @classmethod
    def load(cls, folder: Path, name: str, version: str = "") -> LoadedModel:
        """Load a model from the folder that was submitted to the registry.

        Raises:
            StoreError: the folder holds no scorer, or one of another release.
        """
        digest = _digest_folder(folder)
        return cls(ScoredModel(name, version or digest[:12], digest), Scorer.load(folder))


@dataclass(frozen=True)
class Scoring:
    """A batch that was scored.

    Attributes:
        summary: what a manifest says: the model, the counts, the seconds, and the names of the files.
        output: the file of predictions; None if they are in memory.
        tables: the predictions and the rejects, without their rows if they are in files.

    Example:
        >>> Scoring({"rows": 2, "scored": 2}, None, {}).summary["scored"]
        2
    """

    summary: Mapping[str, Any]
    output: Path | None = None
    tables: Mapping[str, pl.DataFrame] = field(default_factory=dict, repr=False)

    @cached_property
    def predictions(self) -> pl.DataFrame:
        """The rows of the output: ids, kept columns, predictions, and a reason where there is none."""
        table = self.tables["predictions"]
        return table if self.output is None else read_table(self.output, table.schema)

    @cached_property
    def rejects(self) -> pl.DataFrame:
        """The failures of the rejected rows, one a line: row, ids, column, rule and masked value."""
        if self.output is None or not self.summary["rejected"]:
            return self.tables["rejects"]
        return read_table(OutputPlaces(self.output).rejects, self.tables["rejects"].schema)

    def __repr__(self) -> str:
        return f"<scoring by {str(self).partition(chr(10))[0]}>"

    def _repr_html_(self) -> str:
        return render_text(str(self))

    def to_json(self) -> dict[str, Any]:
        """Convert to JSON."""
        return {**self.summary, "output": str(self.output or "")}

    def __str__(self) -> str:
        s = self.summary
        rate = f", {s['rows'] / s['seconds']:,.0f} rows/s" if s["rows"] >= 100_000 else ""
        lines = [
            f"{s['model']} version {s['version']}: {s['scored']:,} of {s['rows']:,} rows scored, "
            f"{s['rejected']:,} rejected, {s['seconds']:.1f} s{rate}."
        ]
        if s["left_out"]:
            plural = "row has" if s["left_out"] == 1 else "rows have"
            lines.append(
                f"  {s['left_out']:,} {plural} no prediction; the column reason says which step left it out."
            )
        if s["rejected"]:
            where = f"  {OutputPlaces(self.output).rejects}" if self.output else ""
            lines.append(f"  rejected: {s['failures']}{where}")
        if self.output:
            lines += [f"  predictions: {self.output}", f"  manifest: {OutputPlaces(self.output).manifest}"]
        return "\n".join(lines)


@contextlib.contextmanager
def open_registry(uri: str, context: Callable[[], ProjectContext]) -> Iterator[MlflowRegistry]:
    """Open a registry to read from: the one at an address, else that of a project.

    Nothing is made there, and the project's modules are not imported.

    Args:
        uri: the address; empty for the project's registry.
        context: opens the project; called only if it is needed.

    Raises:
        UsageError: there is no such registry, or no project.
    """
    folder = None
    if not uri:
        try:
            opened = context()
        except SettingsError:
            raise
        except UsageError as error:
            raise UsageError(*error.lines, hint="give --project PATH, or --registry URI.") from None
        folder = opened.home / "artifacts"
        uri = find_registry_uri(opened.home, opened.configuration.tracking)
    if database := find_database(uri):
        if not database.exists():
            what = f"there is no registry {uri}" if folder is None else "the project has no registry yet"
            raise UsageError(
                f"There is no model: {what}.",
                hint="magical run registers one, if the workflow ends in register; or give --registry URI.",
            )
        yield MlflowRegistry(uri, artifacts=folder or database.parent / "artifacts", experiment="")
        return
    if not uri.startswith(("http://", "https://")):
        raise UsageError(
            f"--registry {uri!r} is no address of a registry.",
            hint="sqlite:///PATH/mlflow.db, or http://HOST:PORT.",
        )
    with tempfile.TemporaryDirectory(prefix="magical-score-") as downloads:
        yield MlflowRegistry(uri, artifacts=folder or Path(downloads, "artifacts"), experiment="")


def find_model(
    model: str, registry: Callable[[], contextlib.AbstractContextManager[MlflowRegistry]]
) -> LoadedModel:
    """Find a model by its name in a registry, or in a folder, and load it.

    Args:
        model: ``NAME``, ``NAME@ALIAS``, ``NAME/VERSION``, or the path of a folder with a file ``MLmodel``.
        registry: opens the registry; called only for a name.

    Raises:
        UsageError: there is no such model, version or alias.
        RegistryError: the registry does not answer, or its files are gone.
        StoreError: the files hold no scorer, or one of another release.
    """
    if (Path(model) / _MODEL_FILE).is_file():
        return LoadedModel.load(find_model_data(Path(model), model), model)
    name = ModelName.parse(model)
    with registry() as opened:
        if found := opened.find_folder(name.name, name.alias, name.version):
            return LoadedModel.load(found[1], found[0].name, found[0].number)
        version = _find_version(opened, name)
        return LoadedModel.load(opened.folder(version), version.name, version.number)


def score_rows(
    source: Any, model: LoadedModel, output: Path | None, keep: Sequence[str], options: ScoreOptions
) -> Scoring:
    """Score a source by a loaded model, into files or into memory.

    Args:
        source: a file, a folder, a pattern or a URL that ``ingest`` reads, or a table of polars or pandas.
        output: the file of predictions; None to return them only.
        keep: columns of the source that the output repeats.

    Raises:
        UsageError: the source or the output cannot be used; nothing was done.
        BrokenPromise: too many rows are rejected.
        StepError: a step of the model failed.
        StoreError: the output cannot be written.
    """
    begun, started = time.perf_counter(), datetime.now(UTC)
    batch = _plan_batch(source, model, keep, options)
    places = None if output is None else OutputPlaces(output)
    input_digest = _check_places(batch, places, replaces=options.replace) if places else ""
    tables: dict[str, pl.DataFrame] = {"rejects": batch.make_no_rejects()}
    if places:
        counts = batch.score_to_files(places)
        tables["predictions"] = pl.DataFrame(schema=counts.columns)
    else:
        counts, tables = _score_in_memory(batch)
    manifest = Manifest(
        model=model.identity.name,
        version=model.identity.version,
        digest=model.identity.digest,
        input=mask(batch.source.name),
        input_digest=input_digest,
        output=str(output or ""),
        columns=tuple(counts.columns),
        rows=counts.rows,
        scored=counts.scored,
        rejected=counts.rejected,
        left_out=counts.left_out,
        rejects=places.rejects.name if places and counts.rejected else "",
        reading=options.reading.model_dump(exclude_defaults=True),
        remarks=tuple(map(mask, batch.source.remarks)),
        started=started.isoformat(timespec="seconds"),
        seconds=round(time.perf_counter() - begun, 3),
        magical=read_versions()["magical-thinking"],
    )
    if places:
        places.write_manifest(manifest)
    return Scoring({**asdict(manifest), "failures": counts.list_failures()}, output, tables)


def _plan_batch(source: Any, model: LoadedModel, keep: Sequence[str], options: ScoreOptions) -> Batch:
    limit = RejectLimit.parse(options.max_rejects)
    with _refuse_input():
        opened = open_source(source, model.scorer.reading, options.reading)
        batch = Batch.plan(model.scorer, model.identity, opened, keep)
    total, tell = batch.source.rows or 0, options.on_progress
    return replace(
        batch, limit=limit, chunk_rows=options.chunk_rows, on_progress=lambda rows: tell(rows, total)
    )


def _score_in_memory(batch: Batch) -> tuple[BatchCounts, dict[str, pl.DataFrame]]:
    counts = BatchCounts()
    pairs = list(batch.score_chunks(counts))
    batch.check_limit(counts, "give output=PATH, which leaves a file of rejects", "max_rejects")
    return counts, {
        "predictions": pl.concat([rows for rows, _ in pairs]),
        "rejects": pl.concat([rejected for _, rejected in pairs]),
    }


def _check_places(batch: Batch, places: OutputPlaces, *, replaces: bool) -> str:
    """Refuse an output that cannot be written, or must not; return the digest of the input."""
    check_output(places.output)
    source = batch.source
    written = {path.resolve() for path in (places.output, places.rejects, places.manifest)}
    folder = source.path if source.path is not None and Path(source.path).is_dir() else None
    is_inside = folder is not None and places.output.resolve().is_relative_to(Path(folder).resolve())
    if is_inside or written & {path.resolve() for path in source.paths}:
        place = "inside of the input" if is_inside else "the input"
        raise UsageError(
            f"{places.output} is {place} {source.name}.", hint="write the predictions to another place."
        )
    nested = [n for n in batch.keep if source.schema[n].is_nested()]
    if nested and places.output.suffix.lower() == ".csv":
        raise UsageError(
            f"--keep {nested[0]}: a csv file cannot hold its lists or records.", hint="write parquet."
        )
    with tempfile.TemporaryDirectory(prefix="magical-score-") as folder_of_digests:
        digest = source.digest(Path(folder_of_digests, "files.json"))
    if not replaces:
        places.check_replaceable(batch.model, digest)
    return digest


def _find_version(registry: Registry, name: ModelName) -> Version:
    versions = registry.versions(name.name)
    if not versions:
        names = list(dict.fromkeys(v.name for v in registry.versions()))
        if not names:
            raise UsageError(
                "There is no model yet.", hint="magical run registers one, if the workflow ends in register."
            )
        raise UsageError.unknown("model", name.name, names)
    numbers = [v.number for v in versions]
    if name.version:
        found = next((v for v in versions if v.number == name.version), None)
        if found is None:
            raise UsageError(
                f"{name.name} has no version {name.version}.",
                hint=f"its versions: {join_names(numbers, 10)}.",
            )
        return found
    found = next((v for v in versions if name.alias in v.aliases), None)
    if found is None:
        aliases = sorted({a for v in versions for a in v.aliases})
        there = f"its aliases: {join_names(aliases)}; " if aliases else ""
        raise UsageError(
            f"{name.name} has no version with the alias {name.alias}.",
            hint=f"{there}its versions: {join_names(numbers, 10)}, such as --model {name.name}/{numbers[0]}.",
        )
    return found


def _digest_folder(folder: Path) -> str:
    """Digest the names and contents of a model's files, without the bytecode that loading it leaves."""
    files = (p for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
    digest = hashlib.sha256()
    for name, file in sorted((p.relative_to(folder).as_posix(), p) for p in files):
        digest.update(f"{name}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\0".encode())
    return digest.hexdigest()[:40]


@contextlib.contextmanager
def _refuse_input() -> Iterator[None]:
    """Turn what is wrong with a source that the call names into a wrong call: nothing was done."""
    try:
        yield
    except (InputError, BrokenPromise) as error:
        raise UsageError(*error.lines, hint=error.hint) from error
