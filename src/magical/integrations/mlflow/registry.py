"""The MLflow model registry, in a database of the project or on a server."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from magical.contracts.schema import Schema
from magical.engine.protocols import Submission, Version
from magical.errors import RegistryError, shorten
from magical.integrations.mlflow.artifact_address import find_artifact_folder
from magical.integrations.mlflow.client import (
    ensure_experiment,
    hide_password,
    prepare_mlflow,
    relocate_artifacts,
    wrap_mlflow_errors,
)
from magical.integrations.mlflow.version_lookup import look_up_version
from magical.system.atomic_files import disposable_folder
from magical.system.file_locks import exclusive_lock

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.models import ModelSignature

__all__ = ["MlflowRegistry", "build_signature", "find_model_data", "save_submission"]

_RESULT_TYPES = {"int": "long", "float": "double", "bool": "boolean", "str": "string"}


def save_submission(submission: Submission, folder: Path) -> None:
    """Write a submission as an MLflow model."""
    with prepare_mlflow(""):
        import mlflow.pyfunc
    import polars.selectors as cs

    # As a row may state durations, for which MLflow's JSON has no form.
    example = submission.example.with_columns(cs.duration().dt.total_microseconds() / 1_000_000)
    inputs = {c.name: c.type_text for c in submission.inputs.columns}
    # Without requirements and signature, MLflow would infer them: slowly, with a run of the model.
    mlflow.pyfunc.save_model(
        str(folder),
        loader_module=submission.loader,
        data_path=str(submission.folder),
        code_paths=[str(path) for path in submission.code],
        signature=build_signature(submission.inputs, submission.outputs),
        input_example=example.to_pandas(),
        pip_requirements=list(submission.requirements),
        metadata={"magical": {"key": submission.key, "inputs": inputs}},
    )


def find_model_data(model: Path, name: str) -> Path:
    """Return the submitted folder in an MLflow model's folder.

    Args:
        model: the folder with the file ``MLmodel``.
        name: the model's name, for messages.

    Raises:
        RegistryError: it holds no such folder.
    """
    import yaml  # which MLflow needs; to import MLflow itself takes seconds

    model = model.resolve()
    try:
        described = yaml.safe_load((model / "MLmodel").read_text(encoding="utf-8"))
        data = str(described["flavors"]["python_function"].get("data", ""))
    except (OSError, ValueError, LookupError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise RegistryError(
            f"{name} cannot be read: {shorten(error, 120)}.", hint="register the model again."
        ) from None
    folder = (model / data).resolve()
    # The path comes from a file of the registry, and must not lead out of the model's folder.
    if not data or not folder.is_relative_to(model) or not folder.is_dir():
        raise RegistryError(f"{name} holds no folder of data.", hint="it was not registered by magical.")
    return folder


def build_signature(inputs: Schema, outputs: Schema) -> ModelSignature:
    """Build the MLflow signature of a model from the schemas of its rows and of its results.

    Rows have columns without types: by types MLflow would convert or refuse values that the scorer reads or
    rejects by itself (see ``serving``). The card of the model, and its metadata, name the types.
    """
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec
    from mlflow.types import Schema as Columns
    from mlflow.types.schema import AnyType

    any_type: Any = AnyType()  # type: ignore[no-untyped-call]
    columns: list[Any] = [ColSpec(any_type, c.name, required=not c.nullable) for c in inputs.columns]
    results: list[Any] = [
        ColSpec(_RESULT_TYPES.get(c.type, "string"), c.name, required=not c.nullable) for c in outputs.columns
    ]
    return ModelSignature(Columns(columns), Columns(results))


KEY_TAG, CHAMPIONS_TAG = "magical.key", "magical.champions"

_MAX_CHAMPIONS = 100
_NOT_FOUND = "RESOURCE_DOES_NOT_EXIST"

MAX_DESCRIPTION = 5000


class MlflowRegistry:
    """A ``Registry`` in MLflow: ``sqlite:///…`` is a database of the project, ``http://…`` a server.

    MLflow is imported by the first request, so creating a registry costs nothing.

    Args:
        uri: the address of the database or server.
        artifacts: the folder of a database's files, and of models that were downloaded from a server.
        experiment: the name of the experiment for models that come from no tracked run.
        find_run_id: returns the MLflow run that tracks this workflow run, if it exists.

    Example:
        >>> MlflowRegistry("sqlite:///mlflow.db", artifacts=Path("artifacts"), experiment="campaign")
        <registry sqlite:///mlflow.db>
    """

    def __init__(
        self,
        uri: str,
        *,
        artifacts: Path,
        experiment: str,
        find_run_id: Callable[[], str | None] = lambda: None,
    ) -> None:
        self.uri, self._artifacts, self._experiment = uri, artifacts, experiment
        self._find_run_id = find_run_id
        self._cached_client: MlflowClient | None = None

    def __repr__(self) -> str:
        return f"<registry {hide_password(self.uri)}>"

    def put(self, submission: Submission) -> Version:
        """Register a submission as a version; if a version has its key already, update its texts."""
        action = f"register {submission.name}"
        # Two processes that register one submission would write into the same folder.
        with wrap_mlflow_errors(self.uri, action), exclusive_lock(self._artifacts.parent / "put.lock"):
            client = self._client()
            if self._find_by_key(client, submission) is None:
                self._create_version(client, submission)
            found = self._find_by_key(client, submission)
            assert found is not None, "it was created"
            found = self._update_texts(client, found, submission)
            return self._to_version(found, self._aliases(client, submission.name))

    def versions(self, name: str = "") -> list[Version]:
        """List the versions of a model, or of all models, newest first."""
        with wrap_mlflow_errors(self.uri, "list models"):
            client = self._client()
            query = f"name = {_quote(name)}" if name else None
            models = {m.name: m for m in _search_all(client.search_registered_models, query)}
            found = _search_all(client.search_model_versions, query)
            found.sort(key=lambda v: (v.creation_timestamp, int(v.version)), reverse=True)
            return [self._to_version(v, dict(models[v.name].aliases)) for v in found if v.name in models]

    def champion(self, name: str) -> Version | None:
        """Return the version with the alias ``champion``, or None."""
        with wrap_mlflow_errors(self.uri, f"look up the champion of {name}"):
            client = self._client()
            aliases = self._aliases(client, name)
            if "champion" not in aliases:
                return None
            return self._to_version(client.get_model_version(name, aliases["champion"]), aliases)

    def alias(self, version: Version, alias: str = "champion") -> None:
        """Point an alias at a version; a tag of the model lists all champions in order, for ``rollback``.

        Raises:
            RegistryError: the alias is ``champion``, and the version cannot predict.
        """
        if alias == "champion":
            version.require_predictions()
        with wrap_mlflow_errors(self.uri, f"give {version.name} version {version.number} the alias {alias}"):
            client = self._client()
            before = self._champions(client, version.name) if alias == "champion" else [version.number]
            client.set_registered_model_alias(version.name, alias, version.number)
            if before[-1:] != [version.number]:
                self._note_champions(client, version.name, [*before, version.number])

    def rollback(self, name: str) -> Version:
        """Point the alias ``champion`` back at the version that had it before.

        Raises:
            RegistryError: no version had it before, or that one cannot predict.
        """
        with wrap_mlflow_errors(self.uri, f"look up the champions of {name}"):
            client = self._client()
            listed = _search_all(client.search_model_versions, f"name = {_quote(name)}")
            versions = {str(v.version): v for v in listed}
            *champions, last = self._champions(client, name) or [""]
            while champions and (champions[-1] not in versions or champions[-1] == last):
                champions.pop()  # deleted, or between the two was one that is
            if champions:
                found = versions[champions[-1]]
                self._to_version(found, {}).require_predictions()
                client.set_registered_model_alias(name, "champion", champions[-1])
                self._note_champions(client, name, champions)
                return self._to_version(found, self._aliases(client, name))
        raise RegistryError(
            f"{name} has no previous champion.",
            hint="magical models lists its versions; --promote VERSION takes one of them.",
        )

    def _champions(self, client: MlflowClient, name: str) -> list[str]:
        """Return the version numbers of past champions and of the present one, which comes last."""
        found = client.get_registered_model(name)
        noted = str(found.tags.get(CHAMPIONS_TAG, "")).split()
        present = str(found.aliases.get("champion", ""))
        # The alias is set before the tag, and by hand without it: the alias counts where the two differ.
        if present in noted:
            return noted[: len(noted) - noted[::-1].index(present)]
        return [*noted, present] if present else noted

    def _note_champions(self, client: MlflowClient, name: str, numbers: list[str]) -> None:
        client.set_registered_model_tag(name, CHAMPIONS_TAG, " ".join(numbers[-_MAX_CHAMPIONS:]))

    def folder(self, version: Version) -> Path:
        """Return the path of the submitted folder on this machine; download it if it is on a server.

        Raises:
            RegistryError: its files are gone, or it was not registered by magical.
        """
        with wrap_mlflow_errors(self.uri, f"give the files of {version.name} version {version.number}"):
            client = self._client()
            source = client.get_model_version(version.name, version.number).source or ""
            model = self._find_local(client, source) or self._download(source)
            return find_model_data(model, f"{version.name} version {version.number}")

    def find_folder(self, name: str, alias: str, number: str = "") -> tuple[Version, Path] | None:
        """Find a version and its submitted folder in an embedded database, without importing MLflow.

        Returns:
            None if the database does not tell; then ``versions`` and ``folder`` answer, or say why not.
        """
        with wrap_mlflow_errors(self.uri, f"look up {name}"):
            relocate_artifacts(self.uri, self._artifacts)
            found = look_up_version(self.uri, name, alias, number)
        if found is None:
            return None
        version, model = found
        return version, find_model_data(model, f"{version.name} version {version.number}")

    def _client(self) -> MlflowClient:
        with prepare_mlflow(self.uri):
            if self._cached_client is None:
                relocate_artifacts(self.uri, self._artifacts)
                from mlflow import MlflowClient

                self._cached_client = MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)
            return self._cached_client

    def _find_by_key(self, client: MlflowClient, submission: Submission) -> ModelVersion | None:
        """Return the first version with the key of a submission, or None; delete any later ones."""
        query = f"name = {_quote(submission.name)} and tags.`{KEY_TAG}` = {_quote(submission.key)}"
        found: list[ModelVersion] = _search_all(client.search_model_versions, query)
        found.sort(key=lambda v: int(v.version))
        # Two machines may have registered it at the same moment. All of them keep the lowest version, so
        # that they agree whoever looks first, and one may find the others deleted already.
        for other in found[1:]:
            with _ignore_code(_NOT_FOUND):
                client.delete_model_version(other.name, other.version)
        return found[0] if found else None

    def _create_version(self, client: MlflowClient, submission: Submission) -> None:
        """Upload the files of a submission, and create a version that refers to them."""
        # Upload first, then create: a kill in between leaves files without a version, never half a version.
        run_id, is_own = self._find_or_create_run(client, submission)
        path = f"model-{submission.key[:12]}"
        # A fixed name, so that the next attempt removes what a kill has left.
        folder = self._artifacts.parent / f"upload-{submission.key[:12]}"
        with disposable_folder(folder):
            save_submission(submission, folder / "model")
            client.log_artifacts(run_id, str(folder / "model"), path)
        if is_own:
            client.set_terminated(run_id)
        with _ignore_code("RESOURCE_ALREADY_EXISTS"):
            client.create_registered_model(submission.name)
        client.create_model_version(
            submission.name,
            source=f"runs:/{run_id}/{path}",
            run_id=run_id,
            tags={**submission.tags, KEY_TAG: submission.key},
            description=_trim_description(submission.description),
        )

    def _find_or_create_run(self, client: MlflowClient, submission: Submission) -> tuple[str, bool]:
        """Return the id of the MLflow run for the model's files, and True if it was made for them only."""
        if tracked := self._find_run_id():
            with _ignore_code(_NOT_FOUND):  # the run is tracked in another MLflow
                return client.get_run(tracked).info.run_id, False
        experiment = ensure_experiment(client, self._experiment, self.uri, self._artifacts)
        query = f"tags.`{KEY_TAG}` = {_quote(submission.key)}"
        for run in client.search_runs([experiment], query, max_results=1):
            return run.info.run_id, True
        tags = {KEY_TAG: submission.key, "mlflow.runName": f"register {submission.name}"}
        return client.create_run(experiment, tags=tags).info.run_id, True

    def _update_texts(
        self, client: MlflowClient, found: ModelVersion, submission: Submission
    ) -> ModelVersion:
        for name, value in submission.tags.items():
            if found.tags.get(name) != value:
                client.set_model_version_tag(found.name, found.version, name, value)
        if found.description != _trim_description(submission.description):
            client.update_model_version(found.name, found.version, _trim_description(submission.description))
        return client.get_model_version(found.name, found.version)

    def _aliases(self, client: MlflowClient, name: str) -> dict[str, str]:
        """Return the version number of each alias of a model; empty if there is no such model."""
        aliases: dict[str, str] = {}
        with _ignore_code(_NOT_FOUND):
            aliases = {k: str(v) for k, v in client.get_registered_model(name).aliases.items()}
        return aliases

    def _to_version(self, found: ModelVersion, aliases: dict[str, str]) -> Version:
        """Convert a model version of MLflow; ``aliases`` are those of the whole model."""
        number = str(found.version)
        names = tuple(sorted(alias for alias, version in aliases.items() if str(version) == number))
        tags = {k: v for k, v in found.tags.items() if k != KEY_TAG}
        key = found.tags.get(KEY_TAG, "")
        return Version(found.name, number, key, names, tags, f"models:/{found.name}/{number}")

    def _find_local(self, client: MlflowClient, source: str) -> Path | None:
        """Return the folder of a model in an embedded registry, which needs no copy; None for a server."""
        if not source.startswith("runs:/"):
            return None
        run_id, _, path = source.removeprefix("runs:/").partition("/")
        artifacts = find_artifact_folder(client.get_run(run_id).info.artifact_uri, self.uri)
        folder = artifacts / path if artifacts else None
        return folder if folder is not None and folder.is_dir() else None

    def _download(self, source: str) -> Path:
        """Return a folder with a server's model files, downloaded once: they never change."""
        name = hashlib.sha256(f"{self.uri} {source}".encode()).hexdigest()[:24]
        folder = self._artifacts.resolve() / "downloaded" / name
        if not folder.is_dir():
            from mlflow.artifacts import download_artifacts

            folder.parent.mkdir(parents=True, exist_ok=True)
            part = Path(tempfile.mkdtemp(dir=folder.parent))
            try:
                downloaded = download_artifacts(source, dst_path=str(part), tracking_uri=self.uri)
                os.rename(downloaded, folder)  # at the end: the folder exists only if it is complete
            finally:
                shutil.rmtree(part, ignore_errors=True)
        return folder


@contextlib.contextmanager
def _ignore_code(code: str) -> Iterator[None]:
    """Suppress exceptions of MLflow in the block that have this error code."""
    try:
        yield
    except Exception as error:
        if getattr(error, "error_code", "") != code:
            raise


def _trim_description(text: str) -> str:
    """Drop the last sections of a description until it fits into MLflow's column."""
    while len(text) > MAX_DESCRIPTION and "\n## " in text:
        text = text[: text.rindex("\n## ")]
    return text[:MAX_DESCRIPTION]


def _search_all(search: Callable[..., Any], query: str | None) -> list[Any]:
    found, token = [], None
    while True:
        page = search(query, page_token=token)
        found.extend(page)
        token = page.token
        if not token:
            return found


def _quote(text: str) -> str:
    return '"' + text + '"' if "'" in text else f"'{text}'"
