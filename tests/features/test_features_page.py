"""The page about features: its tables name every kind with its fields, and its lines are settings that work."""

import re
import runpy
import tomllib
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from examples.conftest import copy_campaign
from magical import Feature, LearnedFeature, Schema
from magical.contracts.contract import schema_of
from magical.features import select_columns, with_features
from magical.library import Experiment
from magical.settings import to_json
from projects import python

PAGE = Path(__file__).parents[2] / "docs" / "features.md"
TEXT = PAGE.read_text(encoding="utf-8")
OURS = {n: kind for n, kind in Feature.kinds.items() if kind.__module__.startswith("magical.")}


def blocks(language: str) -> list[str]:
    """Return the fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def tables() -> dict[str, list[str]]:
    """Return the rows of the tables of kinds as their cells, by the name of the kind."""
    rows = [
        line.strip("| ").split(" | ") for line in TEXT.splitlines() if re.match(r"\| `[A-Z]\w+` \|", line)
    ]
    return {name.strip("`"): cells for name, *cells in reversed(rows)}  # the first one counts


def features_of(block: str) -> tuple[Feature, ...]:
    """Read a block of the page as settings are read."""
    return TypeAdapter(tuple[Feature, ...]).validate_python(tomllib.loads(block)["features"])


@pytest.fixture(scope="module")
def household() -> Schema:
    """The contract of the campaign's table."""
    names = runpy.run_path(str(PAGE.parents[1] / "examples" / "campaign" / "contracts.py"))
    return schema_of(names["Household"])


def test_every_kind_has_a_row_and_every_row_is_a_kind() -> None:
    assert tables().keys() == OURS.keys()


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
def test_the_examples_draw_on_the_contract_of_the_campaign(household: Schema, number: int) -> None:
    features = features_of(blocks("toml")[number])
    schema = with_features(household, features)
    assert any(f.find_columns(schema) for f in features if isinstance(f, LearnedFeature))


def test_the_lines_of_the_readme_draw_on_the_contract_of_the_campaign(household: Schema) -> None:
    text = (PAGE.parents[1] / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```toml\n(features = .*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert len(with_features(household, features_of(block)).names) > len(household.names)


def test_the_examples_of_experiments_are_settings() -> None:
    read = TypeAdapter(tuple[Experiment, ...]).validate_python(
        tomllib.loads(blocks("toml")[3])["experiments"]
    )
    assert [e.name for e in read] == ["linear", "boosting", "few"]


def test_each_selector_of_the_table_selects(household: Schema) -> None:
    rows = re.findall(r"^\| `([^`]+)` \| (?:selects|the|all|features|columns)", TEXT, re.MULTILINE)
    assert rows == ["income", "mnt_*", "type:number", "role:time"]
    for selector in rows:
        assert select_columns([selector], household, "the page")


OWN_SETTINGS = """
    {kind = "Ratio", top = "spent", bottom = "family_size"},
    {kind = "Clip", columns = "num_*"},
]
"""


@pytest.mark.slow
def test_the_first_block_and_features_of_the_project_are_settings_and_pass_their_tests(
    tmp_path: Path,
) -> None:
    """One run for the whole page; that they score new rows is shown in `examples` and `scoring`."""
    campaign = copy_campaign(tmp_path / "campaign")
    own, own_tests = blocks("python")
    campaign.write("own_features.py", own)
    campaign.edit(
        "workflow.py", "from contracts import", "import own_features  # noqa: F401\nfrom contracts import"
    )
    campaign.write("settings.toml", blocks("toml")[0].rstrip().removesuffix("]") + OWN_SETTINGS)
    run = campaign.run("transform", tracking={"enabled": False})
    assert "spent_per_family_size" in run["featurize"].columns
    assert "Clipper" in {type(value).__name__ for value in run["transform"].get_params().values()}
    campaign.write("test_own_features.py", own_tests)
    tested = python("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", cwd=str(campaign.root))
    assert re.search(r"\d\d passed", tested.stdout), tested.stdout
    assert "failed" not in tested.stdout
