"""The address of the artifacts beside an embedded database, which stays right when the project is moved.

MLflow writes the place of each run's files into its database, as a full path. The embedded database names
them by a scheme of our own instead, relative to the folder of the database. An entry point of this package
(``mlflow.artifact_repository``) tells MLflow how to read it, so that any program of the same environment
finds the files: MLflow's client, ``mlflow ui``, ``mlflow models serve``.
"""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit
from urllib.request import url2pathname

if TYPE_CHECKING:
    from mlflow.store.artifact.artifact_repo import ArtifactRepository

__all__ = ["ARTIFACT_FOLDER", "RELATIVE_ROOT", "find_artifact_folder", "open_artifacts"]

ARTIFACT_FOLDER = "artifacts"
"""The folder beside the database."""

_SCHEME = "magical-artifacts"
RELATIVE_ROOT = f"{_SCHEME}:/"
"""The address of that folder, whatever database it is read from."""

_SQLITE = "sqlite:///"
_SERVED_DATABASE = "_MLFLOW_SERVER_FILE_STORE"
"""The variable that tells a worker of MLflow's server its database."""


def find_artifact_folder(address: str, tracking_uri: str) -> Path | None:
    """Return the folder on this machine that an artifact address means; None if it lies elsewhere.

    Args:
        address: of a run or an experiment.
        tracking_uri: of the database or server that the address comes from.

    Example:
        >>> find_artifact_folder("magical-artifacts:/5f/artifacts", "sqlite:////shop/mlflow.db").as_posix()
        '/shop/artifacts/5f/artifacts'
        >>> find_artifact_folder("file:///shop/5f", "sqlite:////elsewhere/mlflow.db").as_posix()
        '/shop/5f'
    """
    parts = urlsplit(address)
    if parts.scheme == "file":
        return Path(url2pathname(parts.path))
    path = PurePosixPath(unquote(parts.path).lstrip("/"))
    if parts.scheme != _SCHEME or not tracking_uri.startswith(_SQLITE) or ".." in path.parts:
        return None
    return Path(tracking_uri.removeprefix(_SQLITE)).absolute().parent / ARTIFACT_FOLDER / path


def open_artifacts(
    artifact_uri: str, tracking_uri: str | None = None, registry_uri: str | None = None
) -> ArtifactRepository:
    """Open the files at an address that is relative to the database; MLflow calls this by the entry point.

    Args:
        artifact_uri: the address, with our scheme.
        tracking_uri: of the database that has the address, or of its server; MLflow's own by default.
        registry_uri: passed on.

    Raises:
        MlflowException: the address leads out of the folder, or the database is not embedded.
    """
    from mlflow.exceptions import MlflowException
    from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository
    from mlflow.store.artifact.mlflow_artifacts_repo import MlflowArtifactsRepository
    from mlflow.tracking import get_tracking_uri

    # A worker of a server is given no address, and the default one would be that of a client.
    uri = tracking_uri or os.environ.get(_SERVED_DATABASE) or get_tracking_uri()
    if uri.startswith(("http://", "https://")):  # the server has the files, and gives them under this name
        proxied = f"mlflow-artifacts:{urlsplit(artifact_uri).path}"
        return MlflowArtifactsRepository(proxied, tracking_uri=uri, registry_uri=registry_uri)
    folder = find_artifact_folder(artifact_uri, uri)
    if folder is None:
        raise MlflowException(f"{artifact_uri} is no folder beside an embedded database.")
    return LocalArtifactRepository(
        f"file://{quote(folder.as_posix())}", tracking_uri=uri, registry_uri=registry_uri
    )
