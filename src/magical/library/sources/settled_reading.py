"""What an author could say of a source, so that it is read as it was, and without a remark."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from magical.errors import InputError
from magical.library.sources.raw_table import RawTable
from magical.library.sources.reader import read_source
from magical.library.sources.reading_settings import Reading
from magical.reading.csv_dialect import DELIMITERS

__all__ = ["settle_reading"]

_MARKS = {name: mark for mark, name in DELIMITERS.items()}
_MAX_FOOTERS = 5
_MAX_CELLS = 1_000_000


def settle_reading(source: Any, raw: RawTable) -> Reading | None:
    r"""Find what the author could say so that the same rows are read without a remark.

    The source is read again with each candidate, so one of more than a million cells is not tried.

    Args:
        source: what ``read_source`` takes.
        raw: what it gave, without a word of the author.

    Returns:
        None if there is no remark, or none of the candidates settles them all.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> path = Path(tempfile.mkdtemp(), "stock.csv")
        >>> _ = path.write_text("Stock\narticle,weight\nA1,5\nA2,7\n")
        >>> settle_reading(path, read_source(path)).model_dump(exclude_defaults=True)
        {'header': 2}
    """
    if not raw.remarks or raw.table.height * raw.table.width > _MAX_CELLS:
        return None
    for candidate in _list_candidates(raw):
        try:
            again = read_source(source, candidate)
        except InputError:  # such as more lines at the end than there are
            continue
        if not again.remarks and again.table.equals(raw.table):
            return candidate
    return None


def _list_candidates(raw: RawTable) -> Iterator[Reading]:
    """Iterate over readings by what was found out, those that say the least first."""
    facts, said = raw.facts, dict[str, Any]()
    if "lines_above" in facts:
        said["header"] = int(facts["header_line"])
    if "units" in facts:
        said["skip_after_header"] = 1
    if "comment" in facts:
        said["comment"] = facts["comment"]
    for more in ("", "encoding", "delimiter"):
        if more in facts:
            said[more] = _MARKS.get(facts[more], facts[more])
        for count in range(_MAX_FOOTERS + 1):
            yield Reading(**said | ({"skip_footer": count} if count else {}))
