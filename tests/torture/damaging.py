"""Files of a store that are changed from outside: found when read, computed again, never used."""

import random
from pathlib import Path
from typing import Any

from pydantic import BaseModel

import magical
from magical.errors import DamagedArtifact
from projects import Small, one
from torture.living import same

MIXED = """
from sklearn.linear_model import LinearRegression


class Row(Contract):
    id: Id[int]
    x: float
    y: Target[float]


class Note(Contract):
    text: str
    numbers: list[int]


@step
def rows() -> Frame[Row]:
    return pl.DataFrame({"id": range(60), "x": [i * 0.5 for i in range(60)], "y": [i * 1.5 + 1 for i in range(60)]})


@step
def parts(rows: Frame[Row]) -> Parts[Row]:
    keep("height", rows.height)
    keep("head", rows.head(3))
    return partition(rows, ["train"] * 40 + ["validation"] * 10 + ["test"] * 10)


@step
def fitted(train: Frame[Row]) -> LinearRegression:
    return LinearRegression().fit(train.select("x").to_numpy(), train["y"].to_numpy())


@step
def predicted(model: LinearRegression, test: Frame[Row]) -> Frame:
    return test.select("id", p=pl.Series(model.predict(test.select("x").to_numpy())).round(6))


@step
def note(table: Frame) -> Note:
    return Note(text="é ✓", numbers=table["id"].to_list())


@step
def pair(table: Frame, note: Note) -> tuple[Frame, int]:
    return table.with_columns(n=pl.lit(len(note.numbers))), len(note.text)


@step
def last(table: Frame, number: int) -> float:
    return float(table["p"].sum()) + number


@workflow
def mixed() -> float:
    train, _, test = parts(rows())
    table = predicted(fitted(train), test)
    first, number = pair(table, note(table))
    return last(first, number)
"""
NAMES = ["rows", "parts", "predicted", "note", "pair", "last"]


def mixed(root: Path) -> Small:
    """A workflow with artifacts of every kind."""
    return one(root, MIXED)


def results(small: Small) -> dict[str, Any]:
    """Run, and read all results; one more run repairs the damage that is found."""
    for _ in range(12):
        run = magical.load(small.root).run()
        try:
            return {name: _plain(run[name]) for name in NAMES} | {"kept": run.kept("parts")}
        except DamagedArtifact:
            continue
    raise AssertionError("a result stays damaged")


def _plain(value: Any) -> Any:
    value = (
        value.model_dump() if isinstance(value, BaseModel) else value
    )  # each load makes a class of its own
    return list(value) if isinstance(value, tuple) else value


def equal(one: Any, other: Any) -> bool:
    """Return True if the results are equal in every detail."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[k], other[k]) for k in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(equal, one, other))
    if hasattr(one, "assignment"):
        return all(
            same(getattr(one, n), getattr(other, n)) for n in ("train", "validation", "test", "assignment")
        )
    return same(one, other)


def files_of(small: Small, *kinds: str) -> list[Path]:
    """The files of a project's ``.magical`` in some of its folders."""
    home = small.root / ".magical"
    return sorted(p for kind in kinds for p in (home / kind).rglob("*") if p.is_file())


def damage(path: Path, how: str, dice: random.Random) -> None:
    """Delete a file, cut it short, or change one bit of it."""
    data = bytearray(path.read_bytes())
    if how == "delete" or not data:
        path.unlink()
        return
    at = dice.randrange(len(data))
    if how == "flip":
        data[at] ^= 1 << dice.randrange(8)
    path.chmod(0o644)
    path.write_bytes(data if how == "flip" else data[:at])


def damage_often(small: Small, times: int, seed: int, *kinds: str) -> None:
    """Damage files one after the other; after each, the results are those of the intact store."""
    dice = random.Random(seed)
    whole = results(small)
    for _ in range(times):
        if not (files := files_of(small, *kinds)):
            break  # all journals are deleted, and nothing has to run
        path, how = dice.choice(files), dice.choice(["cut", "flip", "flip", "flip", "delete"])
        damage(path, how, dice)
        assert equal(results(small), whole), f"{how} of {path.name} was served"
        assert small.ran() == []
        for verb in (["runs"], ["why", "last"], ["plan"], ["show"], ["inspect", "parts"]):
            said = small.command(*verb)
            assert said.code == 0, f"{how} of {path}: {verb}: {said.err}"
