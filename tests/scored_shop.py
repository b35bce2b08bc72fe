"""A small project whose model is registered once for all tests of scoring, and new rows for it."""

import random
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from projects import Answer, Small, command, leaving_no_trace, project

WORKFLOW = '''
"""Which customers come back?"""

from datetime import date

import polars as pl

from magical import Contract, Field, Frame, Id, InputPath, Receipt, Settings, Target, Time, step, workflow
from magical.library import RegisterSettings, SplitSettings, evaluate, ingest, linear, model_data, predict
from magical.library import register, split, train, transform


class Customer(Contract):
    id: Id[int] = Field(alias="CustomerNo")
    income: int | None = Field(ge=0)
    kids: int = Field(ge=0, le=12)
    town: str
    since: Time[date] = Field(alias="Customer Since")
    returns: Target[bool]


class ShopSettings(Settings):
    source: InputPath = InputPath("customers.csv")
    most_kids: int = 9


@step
def sane(customers: Frame[Customer], most_kids: int) -> Frame[Customer]:
    """Leave out families that nobody believes."""
    return customers.filter(pl.col("kids") <= most_kids)


@workflow
def shop(s: ShopSettings) -> Receipt:
    customers = sane(model_data(ingest(s.source), Customer), s.most_kids)
    fitting, validation, test = split(customers, SplitSettings(kind="random", seed=3, folds=1))
    model = train(fitting, validation, transform(fitting), linear())
    return register(model, evaluate(predict(model, test), test), RegisterSettings())
'''

HEADER = ("CustomerNo", "Income", "kids", "town", "Customer Since", "returns")
TOWNS = ("Bonn", "Köln", "Trier")


def make_rows(count: int, first: int = 1) -> list[tuple[str, ...]]:
    """Make rows of an export, with a missing income here and there."""
    dice = random.Random(first)
    rows = []
    for number in range(first, first + count):
        income, kids = dice.randrange(10_000, 90_000), dice.randrange(4)
        since = f"20{dice.randrange(10, 24)}-0{dice.randrange(1, 10)}-1{dice.randrange(10)}"
        answer = "yes" if dice.random() < (income / 90_000 if kids < 2 else 0.2) else "no"
        text = "" if number % 17 == 0 else str(income)
        rows.append((str(number), text, str(kids), dice.choice(TOWNS), since, answer))
    return rows


def format_csv(rows: list[tuple[str, ...]], *, target: bool = False) -> str:
    """Write rows as the shop exports them, by default without the target."""
    width = len(HEADER) - (not target)
    return "".join(";".join(row[:width]) + "\n" for row in (HEADER, *rows))


@dataclass
class Shop:
    """A project with a registered model, and a folder of files to score.

    Attributes:
        project: the project; its modules raise when they are imported.
        folder: the working folder of the test.
    """

    project: Small
    folder: Path

    @property
    def registry(self) -> str:
        """The address of the registry."""
        return f"sqlite:///{self.project.root / '.magical' / 'mlflow.db'}"

    def write(self, name: str, text: str | bytes) -> Path:
        """Write a file into the working folder."""
        path = self.folder / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def score(self, source: str, output: str, *words: str, model: str = "shop") -> Answer:
        """Run ``magical score`` in this process, on files of the working folder."""
        files = ("--input", str(self.folder / source), "--output", str(self.folder / output))
        return command("score", "--model", model, *files, "--project", str(self.project.root), *words)

    def names(self) -> list[str]:
        """List the files of the working folder, hidden ones too."""
        return sorted(p.name for p in self.folder.iterdir())


@pytest.fixture(scope="session")
def registered_shop(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """The project after its run; tests must not change it."""
    root = tmp_path_factory.mktemp("registered") / "shop"
    data = format_csv(make_rows(400), target=True)
    small = project(root, {"workflow.py": WORKFLOW, "customers.csv": data})
    paths = list(sys.path)
    with leaving_no_trace():  # other tests must not find its modules
        done = small.command("run", "policy.workers=1")
    sys.path[:] = paths
    assert done.code == 0, done.err
    assert "shop version 1, alias champion" in done.out
    # The version has its own copy of the modules: those of the project must not be needed.
    small.write("workflow.py", "raise RuntimeError('the project was imported')\n")
    shutil.rmtree(root / "__pycache__", ignore_errors=True)
    return small


@pytest.fixture
def shop(registered_shop: Small, tmp_path: Path) -> Shop:
    """The registered project, with 50 new rows in ``new.csv``."""
    folder = tmp_path / "work"
    folder.mkdir()
    found = Shop(registered_shop, folder)
    found.write("new.csv", format_csv(make_rows(50, first=1000)))
    return found
