"""The page about features: its tables name every kind with its fields, and its lines are settings that work."""

import re
import tomllib
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from examples.conftest import copy_campaign
from magical import Contract, Feature
from magical.contracts.contract import schema_of
from magical.features import with_features
from magical.settings import to_json
from projects import leaving_no_trace

PAGE = Path(__file__).parents[2] / "docs" / "features.md"
TEXT = PAGE.read_text(encoding="utf-8")
OURS = {n: kind for n, kind in Feature.kinds.items() if kind.__module__.startswith("magical.")}


def blocks(language: str) -> list[str]:
    """Return the fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def tables() -> dict[str, list[str]]:
    """Return the rows of all tables as their cells, by the first cell."""
    rows = [line.strip("|").split(" | ") for line in TEXT.splitlines() if line.startswith("| ")]
    return {row[0].strip(" `"): row[1:] for row in rows}


def features_of(block: str) -> tuple[Feature, ...]:
    """Read a block of the page as settings are read."""
    return TypeAdapter(tuple[Feature, ...]).validate_python(tomllib.loads(block)["features"])


@pytest.fixture
def household(tmp_path: Path) -> type[Contract]:
    """The contract of the campaign's table."""
    with leaving_no_trace():
        module = copy_campaign(tmp_path / "campaign").load().module
        return module.Household  # type: ignore[no-any-return]


def test_every_kind_has_a_row_and_every_row_is_a_kind() -> None:
    assert {name for name in tables() if name in OURS} == OURS.keys()
    shown = re.findall(r"^\| `([A-Z]\w+)` \|", TEXT, re.MULTILINE)
    assert sorted(set(shown)) == sorted(OURS)


@pytest.mark.parametrize("kind", OURS)
def test_the_fields_of_a_row_are_those_of_its_kind(kind: str) -> None:
    written = re.findall(r"`(\w+)(?: = ([^`]+))?`", tables()[kind][0])
    fields = OURS[kind].model_fields
    assert [name for name, _ in written] == list(fields)
    for name, default in written:
        if default:
            assert tomllib.loads(f"x = {default}")["x"] == to_json(
                fields[name].get_default(call_default_factory=True)
            )
        else:
            assert fields[name].is_required() or fields[name].default is None


def test_every_kind_has_an_example() -> None:
    shown = [f for block in blocks("toml")[:3] for f in features_of(block)]
    assert {type(f).__name__ for f in shown} == OURS.keys()


@pytest.mark.parametrize("number", [0, 1, 2])
def test_the_examples_draw_on_the_contract_of_the_campaign(household: type[Contract], number: int) -> None:
    schema = schema_of(household)
    features = features_of(blocks("toml")[number])
    assert len(with_features(schema, features).names) >= len(schema.names)
    for feature in features:
        if feature.is_learned:
            feature.find_columns(with_features(schema, features))  # type: ignore[attr-defined]
