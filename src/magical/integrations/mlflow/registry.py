"""The MLflow model registry, in a database of the project's own or on a server."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from magical.contracts.schema import Column, Schema
from magical.engine.protocols import Submission, Version
from magical.errors import RegistryError
from magical.integrations.mlflow.client import (
    ensure_experiment,
    hide_password,
    prepare_mlflow,
    relocate_artifacts,
    wrap_mlflow_errors,
)
from magical.system.atomic_files import disposable_folder
from magical.system.file_locks import exclusive_lock

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.models import ModelSignature

__all__ = [
    "MlflowRegistry",
    "build_signature",
    "save_submission",
]

_RESULT_TYPES = {"int": "long", "float": "double", "bool": "boolean", "str": "string"}


def save_submission(submission: Submission, folder: Path) -> None:
    """Write a submission as an MLflow model; requirements and signature are given, so nothing is guessed."""
    with prepare_mlflow(""):
        import mlflow.pyfunc

    mlflow.pyfunc.save_model(
        str(folder),
        loader_module=submission.loader,
        data_path=str(submission.folder),
        code_paths=[str(path) for path in submission.code],
        signature=build_signature(submission.inputs, submission.outputs),
        input_example=submission.example.to_pandas(),
        pip_requirements=list(submission.requirements),
        metadata={"magical": {"key": submission.key, "inputs": _column_promises(submission.inputs)}},
    )


def build_signature(inputs: Schema, outputs: Schema) -> ModelSignature:
    """Give MLflow's words for what a row holds and what is made of it."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec
    from mlflow.types import Schema as Columns
    from mlflow.types.schema import AnyType

    def given(column: Column) -> Any:
        kind: Any = _input_type(column) or AnyType()  # type: ignore[no-untyped-call]
        return ColSpec(kind, column.name, required=not column.nullable)

    def made(column: Column) -> Any:
        return ColSpec(_RESULT_TYPES.get(column.type, "string"), column.name, required=not column.nullable)

    return ModelSignature(
        Columns(list(map(given, inputs.columns))), Columns(list(map(made, outputs.columns)))
    )


def _input_type(column: Column) -> str:
    """The type of an input, where MLflow takes every form that pandas and polars give such a column.

    MLflow refuses an ``int64`` column for a ``double`` (pandas makes one of whole floats), NaN for anything
    but a ``double``, and categories for a ``string``. What it checks less well than the scorer has no type.
    """
    if column.nullable:
        return ""
    return {"int": "long", "bool": "boolean", "date": "datetime", "datetime": "datetime"}.get(column.type, "")


def _column_promises(schema: Schema) -> dict[str, str]:
    return {c.name: c.type_text for c in schema.columns}


KEY_TAG, CHAMPIONS_TAG = "magical.key", "magical.champions"

_MAX_CHAMPIONS = 100

MAX_DESCRIPTION = 5000


class MlflowRegistry:
    """Keeps models in MLflow: ``sqlite:///…`` for one embedded in the project, ``http://…`` for a server.

    Args:
        uri: of database or server.
        artifacts: the folder where an embedded one keeps files, and where models of a server are kept ready.
        experiment: the experiment that runs of its own belong to.
        run_id: gives the MLflow run that tracks this workflow run, if there is one.

    Making one costs nothing: MLflow is imported when it is first asked something.

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
        self.uri, self._artifacts, self._experiment, self._find_run_id = (
            uri,
            artifacts,
            experiment,
            find_run_id,
        )
        self._cached_client: MlflowClient | None = None

    def __repr__(self) -> str:
        return f"<registry {hide_password(self.uri)}>"

    def put(self, submission: Submission) -> Version:
        """Register a version, or give the one that already carries the key, with its words renewed.

        Raises:
            RegistryError: the registry does not answer or refuses.
        """
        with wrap_mlflow_errors(self.uri, f"register {submission.name}"), self._lock_uploads():
            client = self._client()
            if self._find_by_key(client, submission) is None:
                self._create_version(client, submission)
            found = self._find_by_key(client, submission)
            assert found is not None, "it was created"
            found = self._update_texts(client, found, submission)
            return self._to_version(found, self._aliases(client, submission.name))

    def versions(self, name: str = "") -> list[Version]:
        """Give the versions of a model, or of all, newest first."""
        with wrap_mlflow_errors(self.uri, "list models"):
            client = self._client()
            query = f"name = {_quote(name)}" if name else None
            names = {v.name: v for v in _search_all(client.search_registered_models, query)}
            found = _search_all(client.search_model_versions, query)
            found.sort(key=lambda v: (v.creation_timestamp, int(v.version)), reverse=True)
            return [self._to_version(v, dict(names[v.name].aliases)) for v in found if v.name in names]

    def champion(self, name: str) -> Version | None:
        """Give the version with the alias ``champion``, if there is one."""
        with wrap_mlflow_errors(self.uri, f"look up the champion of {name}"):
            client = self._client()
            aliases = self._aliases(client, name)
            if "champion" not in aliases:
                return None
            return self._to_version(client.get_model_version(name, aliases["champion"]), aliases)

    def alias(self, version: Version, alias: str = "champion") -> None:
        """Point an alias at a version; which ones were champions before is kept as a tag of the model."""
        with wrap_mlflow_errors(self.uri, f"give {version.name} version {version.number} the alias {alias}"):
            client = self._client()
            before = self._champions(client, version.name) if alias == "champion" else [version.number]
            client.set_registered_model_alias(version.name, alias, version.number)
            if before[-1:] != [version.number]:
                self._note_champions(client, version.name, [*before, version.number])

    def rollback(self, name: str) -> Version:
        """Point the alias ``champion`` back at the version that had it before.

        Raises:
            RegistryError: there is none.
        """
        with wrap_mlflow_errors(self.uri, f"look up the champions of {name}"):
            client = self._client()
            there = {
                str(v.version): v for v in _search_all(client.search_model_versions, f"name = {_quote(name)}")
            }
            champions = [n for n in self._champions(client, name) if n in there]
            if len(champions) > 1:
                client.set_registered_model_alias(name, "champion", champions[-2])
                self._note_champions(client, name, champions[:-1])
                return self._to_version(there[champions[-2]], self._aliases(client, name))
        raise RegistryError(
            f"{name} has had no champion before the present one.",
            hint="magical models lists its versions; --promote VERSION takes one of them.",
        )

    def _champions(self, client: MlflowClient, name: str) -> list[str]:
        """The numbers of the champions so far, the present one last."""
        found = client.get_registered_model(name)
        told = str(found.tags.get(CHAMPIONS_TAG, "")).split()
        present = str(found.aliases.get("champion", ""))
        if present in told:  # a kill may have come between the alias and the tag
            return told[: len(told) - told[::-1].index(present)]
        return [*told, present] if present else told

    def _note_champions(self, client: MlflowClient, name: str, numbers: list[str]) -> None:
        client.set_registered_model_tag(name, CHAMPIONS_TAG, " ".join(numbers[-_MAX_CHAMPIONS:]))

    def folder(self, version: Version) -> Path:
        """Give the folder that was submitted, on this machine.

        Raises:
            RegistryError: its files are gone, or it was not registered by magical.
        """
        with wrap_mlflow_errors(self.uri, f"give the files of {version.name} version {version.number}"):
            client = self._client()
            source = client.get_model_version(version.name, version.number).source or ""
            place = (self._find_local(client, source) or self._download(source)).resolve()
            from mlflow.models import Model

            data = str(Model.load(place).flavors.get("python_function", {}).get("data", ""))
        folder = (place / data).resolve()
        if not data or not folder.is_relative_to(place) or not folder.is_dir():
            raise RegistryError(
                f"{version.name} version {version.number} holds no folder of data.",
                hint="it was not registered by magical.",
            )
        return folder

    def _client(self) -> MlflowClient:
        with prepare_mlflow(self.uri):
            if self._cached_client is None:
                relocate_artifacts(self.uri, self._artifacts)
                from mlflow import MlflowClient

                self._cached_client = MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)
            return self._cached_client

    def _lock_uploads(self) -> contextlib.AbstractContextManager[None]:
        """Two that write one model would meet in the same folder."""
        return exclusive_lock(self._artifacts.parent / "put.lock")

    def _find_by_key(self, client: MlflowClient, submission: Submission) -> ModelVersion | None:
        query = f"name = {_quote(submission.name)} and tags.`{KEY_TAG}` = {_quote(submission.key)}"
        found: list[ModelVersion] = _search_all(client.search_model_versions, query)
        found.sort(key=lambda v: int(v.version))
        for other in found[1:]:  # somebody put it at the same moment: the first one stays, whoever looks
            try:
                client.delete_model_version(other.name, other.version)
            except Exception as error:
                if getattr(error, "error_code", "") != "RESOURCE_DOES_NOT_EXIST":
                    raise
        return found[0] if found else None

    def _create_version(self, client: MlflowClient, submission: Submission) -> None:
        """Upload, then create: a kill in between leaves files that nobody points at, never half a version."""
        run_id, own = self._find_or_create_run(client, submission)
        path = f"model-{submission.key[:12]}"
        # By its name whoever registers this next finds, and removes, what a kill has left of it.
        folder = self._artifacts.parent / f"upload-{submission.key[:12]}"
        with disposable_folder(folder):
            save_submission(submission, folder / "model")
            client.log_artifacts(run_id, str(folder / "model"), path)
        if own:
            client.set_terminated(run_id)
        try:
            client.create_registered_model(submission.name)
        except Exception as error:
            if getattr(error, "error_code", "") != "RESOURCE_ALREADY_EXISTS":
                raise
        client.create_model_version(
            submission.name,
            source=f"runs:/{run_id}/{path}",
            run_id=run_id,
            tags={**submission.tags, KEY_TAG: submission.key},
            description=_trim_description(submission.description),
        )

    def _find_or_create_run(self, client: MlflowClient, submission: Submission) -> tuple[str, bool]:
        """The run that the model belongs to, and whether it is one of our own, made for this."""
        given = self._find_run_id()
        if given:
            try:
                return client.get_run(given).info.run_id, False
            except Exception as error:  # tracked elsewhere
                if getattr(error, "error_code", "") != "RESOURCE_DOES_NOT_EXIST":
                    raise
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
        try:
            return {k: str(v) for k, v in client.get_registered_model(name).aliases.items()}
        except Exception as error:
            if getattr(error, "error_code", "") == "RESOURCE_DOES_NOT_EXIST":
                return {}
            raise

    def _to_version(self, found: ModelVersion, aliases: dict[str, str]) -> Version:
        number = str(found.version)
        own = tuple(sorted(alias for alias, version in aliases.items() if str(version) == number))
        tags = {k: v for k, v in found.tags.items() if k != KEY_TAG}
        key = found.tags.get(KEY_TAG, "")
        return Version(found.name, number, key, own, tags, f"models:/{found.name}/{number}")

    def _find_local(self, client: MlflowClient, source: str) -> Path | None:
        """Where the files of an embedded registry lie; nothing is copied."""
        if not source.startswith("runs:/"):
            return None
        run_id, _, path = source.removeprefix("runs:/").partition("/")
        uri = client.get_run(run_id).info.artifact_uri
        if not uri.startswith("file:"):
            return None
        place = Path(url2pathname(urlsplit(uri).path)) / path
        return place if place.is_dir() else None

    def _download(self, source: str) -> Path:
        """Where the files of a server's model have been brought to; a version's files never change."""
        name = hashlib.sha256(f"{self.uri} {source}".encode()).hexdigest()[:24]
        place = self._artifacts.resolve() / "downloaded" / name
        if not place.is_dir():
            from mlflow.artifacts import download_artifacts

            place.parent.mkdir(parents=True, exist_ok=True)
            part = Path(tempfile.mkdtemp(dir=place.parent))
            try:
                got = download_artifacts(source, dst_path=str(part), tracking_uri=self.uri)
                os.rename(got, place)
            finally:
                shutil.rmtree(part, ignore_errors=True)
        return place


def _trim_description(text: str) -> str:
    """Leave out the last sections of a page that MLflow's column cannot hold."""
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
