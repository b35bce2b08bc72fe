"""A lazy table on its way to a file: computed, checked and digested block by block, never held as a whole."""

from __future__ import annotations

import errno
import os
import re
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from magical.contracts.keeping import keep
from magical.contracts.schema import Schema

__all__ = ["Stream", "StreamFailed"]

_CELLS = 4_194_304
"""In a row group: 65,536 rows of 64 columns. A few of these are in memory at a time."""


class StreamFailed(Exception):
    """What a step gave could not be computed; the cause says why."""


@dataclass(frozen=True)
class Stream:
    """A lazy table, and what it must keep.

    Attributes:
        frame: has not been computed.
        schema: what its rows promise, if anything.
        who: the step, for messages.
    """

    frame: pl.LazyFrame
    schema: Schema | None = None
    who: str = ""

    def sink(self, path: Path) -> None:
        """Compute the rows into a parquet file, and hold them to their contract.

        Raises:
            StreamFailed: they cannot be computed.
            BrokenPromise: they break their contract.
            OSError: the disk is full.
        """
        try:
            width = len(self.frame.collect_schema())
            rows = max(1024, min(65_536, _CELLS // max(width, 1)))
            self.frame.sink_parquet(
                path, compression="zstd", compression_level=1, row_group_size=rows, engine="streaming"
            )
        except (Exception, pl.exceptions.PanicException) as error:
            said = re.search(r"\(os error (\d+)\)", str(error))  # polars tells it in words only
            if said and int(said[1]) in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
                raise OSError(int(said[1]), os.strerror(int(said[1]))) from error
            raise StreamFailed(str(error)) from error
        if self.schema is not None:
            keep(pl.scan_parquet(path, glob=False), self.schema, who=self.who)
