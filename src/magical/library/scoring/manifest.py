"""The manifest of a file of predictions: which model and input it came from, and when."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from magical.errors import UsageError
from magical.library.scoring.output_files import read_columns
from magical.system.atomic_files import write_text

__all__ = ["REJECT_COLUMNS", "Manifest", "OutputPlaces", "ScoredModel"]

REJECT_COLUMNS = ("row", "column", "rule", "value")
"""Columns that each file of rejects has; between the first and the second stand the ids."""


@dataclass(frozen=True)
class ScoredModel:
    """The identity of the model that scores.

    Attributes:
        name: its name in the registry, or its folder.
        version: its version there, or the beginning of the digest.
        digest: a digest of its files.

    Example:
        >>> str(ScoredModel("campaign", "3", "0f3a"))
        'campaign version 3'
    """

    name: str
    version: str
    digest: str

    def __str__(self) -> str:
        return f"{self.name} version {self.version}"


@dataclass(frozen=True)
class Manifest:
    """What a file of predictions is. All that differs between equal runs is here, and not in the file.

    Attributes:
        input: the source as it was named.
        input_digest: a digest of its content.
        rows: the rows that were read: the scored and the rejected ones.
        scored: the rows in the output, those without a prediction included.
        left_out: the rows in the output that a step dropped, so that they have no prediction.
        rejects: the name of the file of rejects; empty if there are none.
        reading: what was said of how the source is written.
        remarks: what another reader could have read in another way.
        started: the moment in UTC.
        magical: the version of magical.
    """

    model: str
    version: str
    digest: str
    input: str
    input_digest: str
    output: str
    columns: tuple[str, ...] = ()
    rows: int = 0
    scored: int = 0
    rejected: int = 0
    left_out: int = 0
    rejects: str = ""
    reading: dict[str, Any] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    started: str = ""
    seconds: float = 0.0
    magical: str = ""


@dataclass(frozen=True)
class OutputPlaces:
    """The paths of the predictions, of their rejects, and of their manifest.

    Example:
        >>> OutputPlaces(Path("new.csv")).rejects.name, OutputPlaces(Path("new.csv")).manifest.name
        ('new.rejects.csv', 'new.csv.manifest.json')
    """

    output: Path

    @property
    def rejects(self) -> Path:
        """The file of rejects, of the same kind as the output."""
        return self.output.with_name(f"{self.output.stem}.rejects{self.output.suffix or '.parquet'}")

    @property
    def manifest(self) -> Path:
        """The manifest."""
        return self.output.with_name(f"{self.output.name}.manifest.json")

    def check_replaceable(self, model: ScoredModel, input_digest: str) -> None:
        """Refuse to write over what another model, another input or somebody else wrote.

        Raises:
            UsageError: the output, or a file in the place of the rejects, is not the same run's.
        """
        hint = "give another --output, or --replace writes over it."
        if self.output.exists():
            found = self._read_manifest()
            if not found:
                raise UsageError(
                    f"{self.output} exists and has no manifest: nothing says that magical score wrote it.",
                    hint=hint,
                )
            if (found.get("digest"), found.get("input_digest")) != (model.digest, input_digest):
                before = f"{found.get('model')} version {found.get('version')}"
                is_other_model = found.get("digest") != model.digest
                what = f"by {before}" if is_other_model else f"from other rows ({found.get('input')})"
                raise UsageError(f"{self.output} exists, and was made {what}.", hint=hint)
        if self.rejects.exists() and not self.owns_rejects():
            raise UsageError(
                f"{self.rejects} is in the place of the rejects, and is no file of rejects.", hint=hint
            )

    def owns_rejects(self) -> bool:
        """Return True if the file in the place of the rejects has their columns."""
        # A run that failed leaves its rejects and no manifest: the columns are all that tells.
        columns = read_columns(self.rejects)
        return columns[:1] == ["row"] and tuple(columns[-3:]) == REJECT_COLUMNS[1:]

    def write_manifest(self, manifest: Manifest) -> None:
        """Write the manifest.

        Raises:
            StoreError: the disk is full or gone.
        """
        text = json.dumps(asdict(manifest), indent=2, ensure_ascii=False)
        write_text(self.manifest, f"{text}\n", durable=True)

    def _read_manifest(self) -> dict[str, Any]:
        try:
            found = json.loads(self.manifest.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}
