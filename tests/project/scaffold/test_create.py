"""`magical new`: the files that it writes, their first run, and the calls that it refuses."""

import json
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

import magical
from inferences import DATA
from magical.errors import StoreError, UsageError
from magical.project.scaffold.create import create_project
from mlflow_databases import database
from projects import Answer, Small, command, is_well_worded, python
from typechecking import mypy

ROOT = Path(__file__).parents[3]
COMMON = [".gitignore", "README.md", "contracts.py", "pyproject.toml"]


@pytest.fixture(autouse=True)
def no_module_is_lost() -> Iterator[None]:
    """Put modules of tests back: a written project has a folder `tests` too, and loading it drops those of others."""
    modules = dict(sys.modules)
    yield
    for name in set(modules) - set(sys.modules):
        sys.modules[name] = modules[name]


def new(folder: Path, *words: str, file: str = "", target: str = "") -> Answer:
    data = ["--data", str(DATA / file), "--target", target] if file else []
    return command("new", str(folder), *data, *words)


def files(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def rows(path: Path, **columns: object) -> Path:
    pl.DataFrame(columns).write_csv(path)
    return path


@pytest.fixture
def design(tmp_path: Path) -> Path:
    return create_project(str(tmp_path / "shop")).root


@pytest.fixture
def campaign(tmp_path: Path) -> Path:
    return create_project(str(tmp_path / "shop"), str(DATA / "marketing_campaign.csv"), "Response").root


# --- what is written ----------------------------------------------------------------------------------------------------


def test_a_design_has_these_files(design: Path) -> None:
    assert files(design) == sorted([*COMMON, "tests/test_shop.py", "workflow.py"])


def test_a_project_of_a_file_has_these_files(campaign: Path) -> None:
    written = [*COMMON, "data/marketing_campaign.csv", "tests/test_shop.py", "workflow.py"]
    assert files(campaign) == sorted(written)
    assert len(files(campaign)) <= 10


def test_the_file_is_copied_and_can_be_written(tmp_path: Path) -> None:
    file = rows(tmp_path / "a.csv", x=[1.5, 2.5] * 25, y=[1.5, 9.5] * 25)
    file.chmod(stat.S_IRUSR)
    before = file.read_bytes()
    create_project(str(tmp_path / "shop"), str(file), "y")
    copied = tmp_path / "shop" / "data" / "a.csv"
    assert copied.read_bytes() == file.read_bytes() == before
    assert copied.stat().st_mode & stat.S_IWUSR


def test_every_step_of_a_design_is_unwritten(design: Path) -> None:
    nodes = magical.load(design).graph().nodes
    assert len(nodes) >= 7
    assert all(n.facts.get("unwritten") for n in nodes)
    assert magical.load(design).graph().findings == ()


def test_the_steps_of_a_file_are_the_standard_ones_and_one_of_its_own(campaign: Path) -> None:
    graph = magical.load(campaign).graph()
    assert [n.name for n in graph.nodes] == [
        "ingest", "model_data", "clean", "featurize", "split", "transform", "tune[linear]", "tune[boosting]", "select",
        "predict", "evaluate", "register",
    ]  # fmt: skip
    assert graph.findings == ()


@pytest.mark.parametrize(
    ("file", "target", "wanted"),
    [
        ("metro_traffic.parquet", "traffic_volume", ['kind="time", validation', 'DateParts("date_time", ("month", "weekday", "hour"))']),
        ("marketing_campaign.csv", "Response", ["SplitSettings(validation", 'DateParts("dt_customer", ("year", "month", "weekday"))']),
        ("rel_cdnow.parquet", "spend", ["All rows of one customer_id go to the same part.", "SplitSettings(validation"]),
        ("telco_churn.parquet", "Churn", ["= ()", "SplitSettings(validation"]),
    ],
)  # fmt: skip
def test_the_workflow_fits_the_data(tmp_path: Path, file: str, target: str, wanted: list[str]) -> None:
    assert new(tmp_path / "shop", file=file, target=target).code == 0
    text = (tmp_path / "shop" / "workflow.py").read_text()
    assert [w for w in wanted if w not in text] == []


def test_many_classes_and_many_rows_get_small_budgets(tmp_path: Path) -> None:
    letters = rows(
        tmp_path / "a.csv", x=[i % 7 / 2 for i in range(400)], letter=[chr(97 + i % 20) for i in range(400)]
    )
    create_project(str(tmp_path / "shop"), str(letters), "letter")
    assert "Boosting(trials=4, rounds=40, patience=30)" in (tmp_path / "shop" / "workflow.py").read_text()
    many = rows(
        tmp_path / "b.csv", x=[i % 7 / 2 for i in range(100_001)], y=[i % 11 / 4 for i in range(100_001)]
    )
    create_project(str(tmp_path / "large"), str(many), "y")
    assert "Boosting(trials=2, rounds=300, patience=30)" in (tmp_path / "large" / "workflow.py").read_text()


def test_a_split_by_time_that_would_leave_one_class_is_not_chosen(tmp_path: Path) -> None:
    days = [f"2020-{1 + i // 28:02}-{1 + i % 28:02}" for i in range(112)]
    file = rows(tmp_path / "a.csv", date=days, x=[1.5, 2.5] * 56, sold=[0] * 60 + [1] * 52)
    create_project(str(tmp_path / "shop"), str(file), "sold")
    assert 'kind="time",' not in (tmp_path / "shop" / "workflow.py").read_text()


@pytest.mark.parametrize("kind", ["design", "campaign"])
def test_what_is_written_is_formatted_and_clean(kind: str, request: pytest.FixtureRequest) -> None:
    root: Path = request.getfixturevalue(kind)
    for words in (["format", "--check"], ["check"]):
        done = python("-m", "ruff", *words, "--no-cache", ".", cwd=str(root))
        assert done.returncode == 0, done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["design", "campaign"])
def test_what_is_written_is_well_typed(kind: str, request: pytest.FixtureRequest) -> None:
    root: Path = request.getfixturevalue(kind)
    checked = mypy(*(root / name for name in ("workflow.py", "contracts.py", "tests/test_shop.py")))
    assert checked.returncode == 0, checked.stdout


# --- it runs ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["design", "campaign"])
def test_its_own_tests_pass(kind: str, request: pytest.FixtureRequest) -> None:
    root: Path = request.getfixturevalue(kind)
    done = python("-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=str(root))
    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout


def test_its_own_tests_can_fail(tmp_path: Path) -> None:
    shop = Small(create_project(str(tmp_path / "shop")).root)
    shop.edit("workflow.py", "habits = find_habits(customers, orders, s.days)", "habits = customers")
    done = python("-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=str(shop.root))
    assert done.returncode == 1


def test_a_design_runs_and_pretends(tmp_path: Path) -> None:
    shop = create_project(str(tmp_path / "shop"))
    for verb in ("pretend", "run"):
        answer = command(verb, "--project", str(shop.root))
        assert answer.code == 0, answer
        assert "7 were pretended" in answer.out or "all 7 steps are fresh" in answer.out


FAST = ("experiments.linear.trials=1", "experiments.boosting.trials=1", "experiments.boosting.rounds=60")
SCORED = {
    "telco_churn.parquet": ("Churn", "roc_auc", 0.75),
    "metro_traffic.parquet": ("traffic_volume", "r2", 0.3),
    "marketing_campaign.csv": ("Response", "roc_auc", 0.75),
    "california.parquet": ("median_house_value", "r2", 0.4),
    "kc_house.parquet": ("price", "r2", 0.4),
    "adult.parquet": ("income", "roc_auc", 0.75),
}
QUICK = ("telco_churn.parquet", "metro_traffic.parquet")


@pytest.mark.parametrize(
    "file", [*QUICK, *(pytest.param(f, marks=pytest.mark.slow) for f in SCORED if f not in QUICK)]
)
def test_a_run_ends_with_a_scored_and_registered_model(tmp_path: Path, file: str) -> None:
    target, metric, least = SCORED[file]
    made = create_project(str(tmp_path / "shop"), str(DATA / file), target)
    database(made.root / ".magical")
    answer = command("run", *FAST, "tracking.enabled=false", "--project", str(made.root))
    assert answer.code == 0, answer
    assert "register: shop version 1, alias champion" in answer.out
    scores = magical.load(made.root).run(**_settings(FAST)).result
    assert scores[metric] > least, scores


def _settings(words: tuple[str, ...]) -> dict[str, object]:
    from magical.cli.verb import parse_overrides

    return {**parse_overrides(words), "tracking": {"enabled": False}}


# --- what it says -------------------------------------------------------------------------------------------------------


def test_it_says_what_deserves_a_look(tmp_path: Path) -> None:
    said = new(tmp_path / "shop", file="marketing_campaign.csv", target="Response").out.splitlines()
    assert said[0].startswith(
        "shop: 7 files written: .gitignore, README.md, contracts.py, data/marketing_campaign.csv"
    )
    assert (
        said[1]
        == "contracts.py was inferred from 400 rows of marketing_campaign.csv; look at it, above all at"
    )
    assert said[2:] == [
        "  the target: response, bool",
        "  the id: id (different in each of 400 rows)",
        "  the time: dt_customer (when the row happened)",
        "  categories: education, marital_status",
        "  left out: Z_CostContact (it is 3 in every row), Z_Revenue (it is 11 in every row)",
        said[-1],
    ]
    assert said[-1].startswith("Next: magical run --project ")
    assert said[-1].endswith("/shop")


def test_it_answers_in_json(tmp_path: Path) -> None:
    answer = new(tmp_path / "shop", "--json", file="marketing_campaign.csv", target="response").json
    assert answer["files"] == files(tmp_path / "shop")
    assert answer["rows"] == 400
    assert answer["inferred"]["left_out"] == {
        "Z_CostContact": "it is 3 in every row", "Z_Revenue": "it is 11 in every row",
    }  # fmt: skip
    roles = {c["name"]: c["role"] for c in answer["inferred"]["columns"] if "role" in c}
    assert roles == {"id": "id", "dt_customer": "time", "response": "target"}
    assert answer["next"].startswith("magical run --project ")


def test_a_design_in_json(tmp_path: Path) -> None:
    answer = json.loads(new(tmp_path / "shop", "--json").out)
    assert answer["inferred"] is None
    assert answer["next"].startswith("magical pretend --project ")


def test_a_name_of_a_step_or_a_word_of_python_gets_a_workflow_of_another(tmp_path: Path) -> None:
    for name, workflow in {"split": "split_flow", "class": "class_flow", "My-Shop": "my_shop"}.items():
        made = create_project(str(tmp_path / name))
        assert magical.load(made.root).graph().workflow == workflow


# --- what it refuses ----------------------------------------------------------------------------------------------------


def refused(tmp_path: Path, *words: str, code: int = 2) -> str:
    """Return the error of a refused call, which must leave nothing."""
    before = sorted(p.name for p in tmp_path.iterdir())
    answer = command("new", *words)
    assert answer.code == code, answer
    assert is_well_worded(answer.err.strip()), answer.err
    assert sorted(p.name for p in tmp_path.iterdir()) == before
    return answer.err


@pytest.mark.parametrize("name", ["1st", "a b", "käse", "_x", "a.b", "-"])
def test_names_that_cannot_be(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="A project cannot be called"):
        create_project(str(tmp_path / name))


def test_a_folder_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    assert "There is a folder" in refused(tmp_path, str(tmp_path / "shop"))
    (tmp_path / "shop.txt").touch()
    assert files(tmp_path / "shop") == []


def test_a_place_that_is_not_there(tmp_path: Path) -> None:
    assert "There is no folder" in refused(tmp_path, str(tmp_path / "a" / "shop"))


def test_a_target_without_data(tmp_path: Path) -> None:
    assert "add --data FILE" in refused(tmp_path, str(tmp_path / "shop"), "--target", "y")


def test_data_without_a_target_are_told_the_likely_ones(tmp_path: Path) -> None:
    said = refused(tmp_path, str(tmp_path / "shop"), "--data", str(DATA / "telco_churn.parquet"))
    assert said.startswith(
        "What is to be predicted? --target is missing.\nHint: add --target COLUMN, the likeliest first: Churn,"
    )


def test_an_unknown_target(tmp_path: Path) -> None:
    data = str(DATA / "telco_churn.parquet")
    assert "did you mean 'Churn'?" in refused(
        tmp_path, str(tmp_path / "shop"), "--data", data, "--target", "Churned"
    )


def test_data_that_are_not_there(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").touch()
    said = refused(tmp_path, str(tmp_path / "shop"), "--data", str(tmp_path / "row.csv"), "--target", "y")
    assert "did you mean 'rows.csv'?" in said


def test_data_that_hold_nothing_to_learn_from(tmp_path: Path) -> None:
    def said(**columns: object) -> str:
        file = rows(tmp_path / "rows.csv", **columns)
        return refused(tmp_path, str(tmp_path / "shop"), "--data", str(file), "--target", "y", code=1)

    (tmp_path / "rows.csv").touch()
    assert "is empty" in refused(
        tmp_path, str(tmp_path / "shop"), "--data", str(tmp_path / "rows.csv"), code=1
    )
    assert "'a' in all 30 rows" in said(x=range(30), y=["a"] * 30)
    assert "has no value in any of 30 rows" in said(x=range(30), y=[None] * 30)
    assert "has 3 rows with a value of y" in said(x=range(30), y=[1, 2, 3, *[None] * 27])
    assert "no column to predict y from: x is the id." in said(x=range(30), y=[0, 1] * 15)
    assert "no column to predict y from: notes is left out, a text" in said(
        notes=[f"note {i} of it" for i in range(30)], y=[0, 1] * 15
    )


def test_what_the_disk_refuses_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copyfile", full)
    with pytest.raises(StoreError, match="shop cannot be written: No space left on device") as error:
        create_project(str(tmp_path / "shop"), str(DATA / "telco_churn.parquet"), "Churn")
    assert is_well_worded(str(error.value))
    assert list(tmp_path.iterdir()) == []


def test_the_option_project_is_none_of_its_own() -> None:
    assert "There is no option --project" in command("new", "shop", "--project", ".").err


def test_a_design_needs_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys; from magical.project.scaffold.create import create_project; create_project(sys.argv[1]); "
        "print([m for m in ('polars', 'pandas', 'sklearn', 'mlflow', 'optuna') if m in sys.modules])"
    )
    assert python("-c", code, str(tmp_path / "shop")).stdout.strip() == "[]"
