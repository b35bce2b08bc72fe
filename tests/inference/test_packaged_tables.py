"""Tables that installed packages ship: each column is found to be what the description of the data says."""

from pathlib import Path

import polars as pl
import pytest

from inference.packaged_tables import PACKAGED
from inferences import check_kept, infer, kind
from magical import InputPath
from magical.errors import MagicalError
from magical.inference.infer import GivenRoles
from magical.library import ingest

CLASSES = {"sklearn wine": "classes", "sklearn digits": "classes"}
"""Tables whose target, few whole numbers, an author must call classes."""

NOT_YET = {"skrub air quality"}
"""Tables that are not yet inferred right. One that is inferred right must leave the list."""


def raw_table(name: str, folder: Path) -> pl.DataFrame:
    path = folder / "table.csv"
    path.write_bytes(PACKAGED[name].write())
    return ingest(InputPath(path))


def find_differences(name: str, folder: Path) -> list[str]:
    """Return a line for each column that is not found to be what it is."""
    table = PACKAGED[name]
    try:
        schema = infer(raw_table(name, folder), GivenRoles(table.target, CLASSES.get(name, "")))
    except MagicalError as error:
        return [str(error)]
    wanted = dict(line.strip().split(": ") for line in table.columns.strip().splitlines())
    found = {c.name: kind(c) for c in schema.columns}
    wrong = [f"{n}: {found.get(n)}, not {k}" for n, k in wanted.items() if found.get(n) not in k.split("|")]
    more = [f"{n}: {found[n]}, not left out" for n in found if n not in wanted]
    left_out = [f"{n}: not left out" for n in table.left_out if n not in schema.left_out]
    return [*wrong, *more, *left_out]


@pytest.mark.parametrize("name", PACKAGED)
def test_each_column_is_found_to_be_what_it_is(tmp_path: Path, name: str) -> None:
    differences = find_differences(name, tmp_path)
    assert bool(differences) == (name in NOT_YET), differences


@pytest.mark.parametrize("name", [n for n in PACKAGED if n not in NOT_YET])
def test_each_table_keeps_the_contract_inferred_from_it(tmp_path: Path, name: str) -> None:
    raw = raw_table(name, tmp_path)
    check_kept(raw, infer(raw, PACKAGED[name].target))
