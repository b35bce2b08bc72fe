"""The names that a project imports from magical: all there, documented, and imported on first use."""

import ast
import inspect
from pathlib import Path

import pytest

import magical
from projects import python
from typechecking import mypy


def test_the_lists_of_names_agree() -> None:
    tree = ast.parse(Path(magical.__file__).read_text())
    (block,) = (n for n in tree.body if isinstance(n, ast.If))
    typed = {alias.name for n in block.body if isinstance(n, ast.ImportFrom) for alias in n.names}
    assert typed == set(magical.__all__) == {n for names in magical._HOMES.values() for n in names}
    assert magical.__all__ == sorted(magical.__all__)


@pytest.mark.parametrize("name", magical.__all__)
def test_every_name_is_there(name: str) -> None:
    value = getattr(magical, name)
    if inspect.isclass(value) and value.__module__.startswith("magical."):
        assert inspect.getdoc(value)


@pytest.mark.parametrize(
    ("line", "absent"),
    [
        ("import magical", "polars pydantic sklearn pandas"),
        ("from magical import Feature, LearnedFeature, PlanContext, Columns", "sklearn skrub pandas"),
        ("from magical import Column, Schema", "polars sklearn pandas"),
    ],
)
def test_nothing_heavy_is_imported(line: str, absent: str) -> None:
    done = python("-c", f"{line}\nimport sys\nprint([m for m in {absent.split()} if m in sys.modules])")
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr


OWN_FEATURE = '''
"""A project's own features."""

from collections.abc import Sequence
from typing import Any

import polars as pl

from magical import Column, Columns, Feature, LearnedFeature, PlanContext, Schema


class Ratio(Feature):
    """One number divided by another."""

    top: str
    bottom: str

    def adds(self, schema: Schema) -> tuple[Column, ...]:
        self.read(schema, "int", "float", names=(self.top, self.bottom))
        return (Column(f"{self.top}_per_{self.bottom}", "float", nullable=True),)

    def expressions(self, schema: Schema) -> tuple[pl.Expr, ...]:
        ratio = pl.col(self.top) / pl.col(self.bottom)
        return (pl.when(pl.col(self.bottom) != 0).then(ratio).alias(f"{self.top}_per_{self.bottom}"),)


class Ranks(LearnedFeature):
    """Numbers as their ranks in training."""

    stage = "scale"
    types = ("int", "float")

    columns: Columns = ("type:number",)
    most: int = 100

    def transformer(self, columns: Sequence[Column], context: PlanContext) -> Any:
        from sklearn.preprocessing import QuantileTransformer

        return QuantileTransformer(n_quantiles=min(self.most, context.rows))


FEATURES: tuple[Feature, ...] = (Ratio(top="income", bottom="family"), Ranks(columns=("income",)))
'''


@pytest.mark.slow
def test_a_feature_of_a_project_is_well_typed(tmp_path: Path) -> None:
    right, wrong = tmp_path / "own_features.py", tmp_path / "misspelled.py"
    right.write_text(OWN_FEATURE)
    wrong.write_text(OWN_FEATURE.replace('top="income", bottom="family"', 'top="income", botom="family"'))
    checked = mypy(right, wrong)  # at once: the stubs of libraries cost the most
    assert 'Unexpected keyword argument "botom" for "Ratio"' in checked.stdout
    assert "own_features.py:" not in checked.stdout
