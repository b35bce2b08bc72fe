"""Files of tables that are written chunk by chunk, and get their names once all is well."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import polars as pl
import pyarrow.parquet as pq

from magical.errors import StoreError, UsageError, shorten
from magical.system.atomic_files import temporary_file, wrap_disk_errors

__all__ = ["NewFile", "check_output", "new_file", "read_columns", "read_table"]

_PARQUET = (".parquet", ".pq", "")


class NewFile:
    """A table that is written under a temporary name, beside its final one.

    Args:
        path: the final name; ``.csv`` is written as csv, anything else as parquet.
        part: the temporary name.
    """

    def __init__(self, path: Path, part: Path) -> None:
        self.path, self._part = path, part
        self._file: IO[bytes] = part.open("wb")
        self._parquet: Any = None
        self.rows = 0

    def write(self, table: pl.DataFrame) -> None:
        """Append rows.

        Raises:
            StoreError: the disk is full or gone.
        """
        with wrap_disk_errors(self.path):
            if self.path.suffix.lower() == ".csv":
                table.write_csv(self._file, include_header=not self.rows)
            else:
                self._write_parquet(table)
        self.rows += table.height

    def publish(self) -> None:
        """Wait until the content is on the disk, and give the file its final name.

        Raises:
            StoreError: the disk is full or gone.
        """
        with wrap_disk_errors(self.path):
            if self._parquet is not None:
                self._parquet.close()
                self._parquet = None
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._part.replace(self.path)

    def close(self) -> None:
        """Close the file; what is not published is deleted by ``new_file``."""
        # The end of a parquet file is written on closing, which may fail for the reason that all failed.
        with contextlib.suppress(Exception):
            if self._parquet is not None:
                self._parquet.close()
        with contextlib.suppress(OSError):
            self._file.close()

    def _write_parquet(self, table: pl.DataFrame) -> None:
        arrow = table.to_arrow(compat_level=pl.CompatLevel.oldest())
        if self._parquet is None:
            # A dictionary of ids would cost time, and be thrown away.
            repeated = [n for n in table.columns if n != "prediction_id" and not n.startswith("probability_")]
            self._parquet = pq.ParquetWriter(
                self._file, arrow.schema, compression="zstd", use_dictionary=repeated
            )
        self._parquet.write_table(arrow, row_group_size=max(table.height, 1))


@contextlib.contextmanager
def new_file(path: Path) -> Iterator[NewFile]:
    r"""Open a new file for a block; it is there afterwards only if the block has published it.

    Raises:
        StoreError: its folder cannot be written to.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp(), "a.csv")
        >>> with new_file(path) as file:
        ...     file.write(pl.DataFrame({"x": [1]}))
        ...     file.publish()
        >>> path.read_text()
        'x\n1\n'
    """
    with contextlib.ExitStack() as stack:
        with wrap_disk_errors(path):
            part = stack.enter_context(temporary_file(path.parent))
            file = NewFile(path, part)
        stack.callback(file.close)
        yield file


def check_output(path: Path) -> None:
    """Refuse an output that cannot be written, before any work.

    Raises:
        UsageError: its suffix is of another kind of file, or its folder is missing or cannot be written to.
    """
    if path.suffix.lower() not in (".csv", *_PARQUET):
        raise UsageError(
            f"{path} ends in {path.suffix}: predictions are written as parquet or csv.",
            hint=f"--output {path.with_suffix('.parquet')}, or {path.with_suffix('.csv').name}.",
        )
    if path.is_dir():
        raise UsageError(f"{path} is a folder.", hint=f"name a file in it: {path / 'predictions.parquet'}.")
    if path.exists() and not path.is_file():  # such as /dev/stdout, which a new file would take the place of
        raise UsageError(f"{path} is no ordinary file.", hint="name a file: predictions.parquet.")
    if not path.parent.is_dir():
        raise UsageError(
            f"{path} cannot be written: there is no folder {path.parent}.", hint=f"mkdir -p {path.parent}"
        )
    try:
        with new_file(path):
            pass
    except StoreError as error:
        raise UsageError(*error.lines, hint=error.hint) from None


def read_columns(path: Path) -> list[str]:
    """Return the names of the columns of a parquet or csv file; empty if it cannot be read as such."""
    try:
        if path.suffix.lower() == ".csv":
            return pl.read_csv(path, n_rows=0, infer_schema=False).columns
        return pl.scan_parquet(path, glob=False).collect_schema().names()
    except (OSError, pl.exceptions.PolarsError):
        return []


def read_table(path: Path, schema: pl.Schema) -> pl.DataFrame:
    """Read a file that was published; texts of the schema stay texts in a csv, too, such as the id ``007``.

    Raises:
        StoreError: it is gone or damaged.
    """
    try:
        if path.suffix.lower() == ".csv":
            texts = {name: pl.String for name, dtype in schema.items() if dtype == pl.String}
            return pl.read_csv(path, infer_schema_length=None, schema_overrides=texts)
        return pl.read_parquet(path, glob=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise StoreError(f"{path} cannot be read: {shorten(error, 120)}.", hint="score again.") from None
