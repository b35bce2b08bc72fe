"""`magical new`: the files that it writes, their first run, and the calls that it refuses."""

import ast
import json
import os
import stat
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

import magical
from flow_runs import Shown
from inferences import DATA
from magical.errors import StoreError, UsageError
from magical.project.scaffold.create import create_project
from magical.project.scaffold.project_options import ProjectOptions
from mlflow_databases import database
from projects import Answer, Small, command, is_well_worded, python
from typechecking import mypy

ROOT = Path(__file__).parents[3]
COMMON = [
    ".gitignore", "README.md", "contracts.py", "env.yaml", "prefect_flow.py", "profiles/prefect.toml", "pyproject.toml"
]  # fmt: skip


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


def test_a_folder_of_files_is_copied_too(tmp_path: Path) -> None:
    (tmp_path / "sales").mkdir()
    for month in ("01", "02"):
        rows(tmp_path / "sales" / f"{month}.csv", x=[i % 7 / 2 for i in range(60)], y=[0, 1] * 30)
    made = create_project(str(tmp_path / "shop"), str(tmp_path / "sales"), "y")
    assert {"data/sales/01.csv", "data/sales/02.csv"} <= set(made.files)
    assert made.inferred is not None
    assert (made.inferred.name, made.inferred.rows) == ("Sale", 120)


def test_every_step_of_a_design_is_unwritten(design: Path) -> None:
    nodes = magical.load(design).graph().nodes
    assert len(nodes) >= 7
    assert all(n.facts.get("unwritten") for n in nodes)
    assert magical.load(design).graph().findings == ()


@pytest.mark.slow
def test_the_steps_of_a_file_are_the_standard_ones_and_one_of_its_own(campaign: Path) -> None:
    graph = magical.load(campaign).graph()
    assert [n.name for n in graph.nodes] == [
        "ingest", "model_data", "clean", "featurize", "split", "transform", "tune", "select", "refit", "predict",
        "evaluate", "explain", "register",
    ]  # fmt: skip
    assert graph.findings == ()


@pytest.mark.parametrize(
    ("file", "target", "wanted"),
    [
        ("metro_traffic.parquet", "traffic_volume", ['kind="time", validation', 'DateParts("date_time", ("month", "weekday", "hour"))']),
        ("marketing_campaign.csv", "Response", ["SplitSettings(validation", 'DateParts("dt_customer", ("year", "month", "weekday"))']),
        ("rel_cdnow.parquet", "spend", ["All rows of one customer_id go to the same part", "SplitSettings(validation"]),
        ("telco_churn.parquet", "Churn", ["= ()", "SplitSettings(validation"]),
    ],
)  # fmt: skip
def test_the_workflow_fits_the_data(tmp_path: Path, file: str, target: str, wanted: list[str]) -> None:
    assert new(tmp_path / "shop", file=file, target=target).code == 0
    text = (tmp_path / "shop" / "workflow.py").read_text()
    assert [w for w in wanted if w not in text] == []


def test_the_workflow_follows_the_options(tmp_path: Path) -> None:
    options = ["--task", "classes", "--time", "rated", "--metric", "roc_auc_ovr", "--budget", "5m"]
    days = [f"2020-{1 + i // 28:02}-{1 + i % 28:02}" for i in range(112)]
    file = rows(tmp_path / "a.csv", rated=days, x=[1.5, 2.5] * 56, stars=[1, 2, 3, 4] * 28)
    answer = new(tmp_path / "shop", "--data", str(file), "--target", "stars", *options)
    assert answer.code == 0, answer
    text = (tmp_path / "shop" / "workflow.py").read_text()
    wanted = [
        'auto(budget="5m")',
        '(Metric("roc_auc_ovr"),)',
        'SplitSettings(kind="time"',
        'InputPath("data/a.csv")',
    ]
    assert [w for w in wanted if w not in text] == []
    assert "stars: Target[Literal[1, 2, 3, 4]]" in (tmp_path / "shop" / "contracts.py").read_text()


def test_a_group_that_is_named_goes_before_an_order_in_time(tmp_path: Path) -> None:
    days = [f"2020-{1 + i // 28:02}-{1 + i % 28:02}" for i in range(112)]
    file = rows(
        tmp_path / "a.csv", date=days, shop=[i % 9 for i in range(112)], x=[1.5, 2.5] * 56, sold=[0, 1] * 56
    )
    create_project(str(tmp_path / "shop"), str(file), "sold", options=ProjectOptions(group="shop"))
    text = (tmp_path / "shop" / "workflow.py").read_text()
    assert 'kind="time",' not in text
    assert "All rows of one shop go to the same part" in text


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


@pytest.mark.slow_except("design")
@pytest.mark.parametrize("kind", ["design", "campaign"])
def test_its_own_tests_pass(kind: str, request: pytest.FixtureRequest) -> None:
    root: Path = request.getfixturevalue(kind)
    done = python("-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=str(root))
    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout


@pytest.mark.slow
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


FAST = (
    'experiments=[{kind = "linear", trials = 1}, {kind = "boosting", trials = 1, rounds = 60}]',
    "split.folds=1",
)
SCORED = {
    "telco_churn.parquet": ("Churn", "roc_auc", 0.75),
    "metro_traffic.parquet": ("traffic_volume", "r2", 0.3),
    "marketing_campaign.csv": ("Response", "roc_auc", 0.75),
    "kc_house.parquet": ("price", "r2", 0.25),
    "adult.parquet": ("income", "roc_auc", 0.75),
}


@pytest.mark.slow
@pytest.mark.parametrize("file", ["telco_churn.parquet", "metro_traffic.parquet", "kc_house.parquet"])
def test_a_run_ends_with_a_scored_and_registered_model(tmp_path: Path, file: str) -> None:
    target, metric, least = SCORED[file]
    made = create_project(str(tmp_path / "shop"), str(DATA / file), target)
    database(made.root / ".magical")
    answer = command("run", "--register", *FAST, "tracking.enabled=false", "--project", str(made.root))
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
        "shop: 10 files written: .gitignore, README.md, contracts.py, data/marketing_campaign.csv"
    )
    assert (
        said[1]
        == "contracts.py was inferred from 400 rows of marketing_campaign.csv; look at it, above all at"
    )
    assert said[2:] == [
        "  the target: response, bool (0 and 1 are read as False and True)",
        "  the id: id (different in each of 400 rows)",
        "  the time: dt_customer (when the row happened)",
        "  the split: by chance, each class in the same share",
        "  categories: education, marital_status",
        "  left out:",
        "    Z_CostContact: it is 3 in every row",
        "    Z_Revenue: it is 11 in every row",
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


def test_every_column_that_is_left_out_is_said_with_its_reason(tmp_path: Path) -> None:
    columns = {f"c{i}": [i] * 60 for i in range(9)}
    file = rows(tmp_path / "a.csv", x=[i % 7 / 2 for i in range(60)], **columns, y=[0, 1] * 30)
    wanted = {f"c{i}": f"it is {i} in every row" for i in range(9)}
    created = create_project(str(tmp_path / "shop"), str(file), "y")
    said = str(created).splitlines()
    start = said.index("  left out:") + 1
    assert said[start : start + 9] == [f"    {name}: {why}" for name, why in wanted.items()]
    assert created.to_json()["inferred"]["left_out"] == wanted
    text = (created.root / "contracts.py").read_text()
    assert [w for w in wanted.items() if f'# "{w[0]}" is left out: {w[1]}.' not in text] == []


def test_what_another_reader_could_dispute_is_said(tmp_path: Path) -> None:
    visits = [f"{1 + i % 3},{663 + i}" for i in range(60)]
    file = rows(tmp_path / "a.csv", x=[i % 7 / 2 for i in range(60)], visits=visits, y=[0, 1] * 30)
    created = create_project(str(tmp_path / "shop"), str(file), "y")
    remarks = created.to_json()["inferred"]["remarks"]
    assert remarks["visits"].startswith("'1,663' is read as 1663 (comma between thousands)")
    said = str(created).splitlines()
    assert said[said.index("  read so, with a doubt:") + 1] == f"    visits: {remarks['visits']}"


def test_lines_around_a_table_are_said(tmp_path: Path) -> None:
    lines = [f"A{i},{i % 9}.5,{i % 2}" for i in range(60)]
    file = tmp_path / "stock.csv"
    file.write_text("\n".join(["Stock list,,", "printed 2024-03-01,,", "article,weight,sold", *lines]) + "\n")
    created = create_project(str(tmp_path / "shop"), str(file), "sold")
    assert created.remarks
    assert list(created.remarks) == created.to_json()["remarks"]
    assert set(created.remarks) <= set(str(created).splitlines())


def test_a_class_of_hardly_any_rows_is_a_warning_before_any_work(tmp_path: Path) -> None:
    file = rows(tmp_path / "a.csv", x=[i % 7 / 2 for i in range(300)], fraud=[0] * 297 + [1] * 3)
    answer = new(tmp_path / "shop", "--data", str(file), "--target", "fraud")
    warning = "fraud is 1 in 3 of 300 rows: too few to learn from, and any score will have a wide interval."
    assert f"Warning: {warning}" in answer.out.splitlines()
    answer = new(tmp_path / "bank", "--data", str(file), "--target", "fraud", "--json")
    assert answer.json["warnings"] == [warning]


@pytest.mark.slow
def test_a_model_of_three_positives_is_no_champion(tmp_path: Path) -> None:
    file = rows(
        tmp_path / "a.csv",
        id=range(300),
        x=[i * 7919 % 101 / 9 for i in range(300)],
        fraud=[int(i in (7, 100, 222)) for i in range(300)],
    )
    shop = Small(create_project(str(tmp_path / "shop"), str(file), "fraud").root)
    database(shop.root / ".magical")
    answer = shop.command("run", "--register", *FAST)
    assert "split" in answer.err
    assert "fraud is True in 3 of 300 rows: too few to learn from" in answer.err
    assert "the intervals are wide: 1 of 60 test rows" in answer.err
    assert "60 test rows, wide: 1 of the rarest class" in answer.out
    assert (
        "register: shop version 1, no alias: 1 of 60 test rows is of fraud's rarest class, 5 are wanted"
        in answer.out
    )
    scores = shop.load().run(**_settings(FAST)).result
    assert scores.metrics["roc_auc"].high - scores.metrics["roc_auc"].low > 0.5, scores
    again = shop.command("run", "--register", *FAST, "registry.min_class_rows=1")
    assert "alias champion" in again.out, "what the author says wins"


# --- several files ------------------------------------------------------------------------------------------------------


@pytest.fixture
def acme(tmp_path: Path) -> list[Path]:
    """Orders with their customers and shops, and a table that they do not refer to."""
    order = range(200)
    days = [f"2020-{1 + i // 28:02}-{1 + i % 28:02}" for i in range(200)]
    return [
        rows(
            tmp_path / "acme_orders.csv",
            order_id=[9000 + i for i in order],
            customer_id=[700 + i * 7 % 40 for i in order],
            shop=[f"S{i % 5}" for i in order],
            ordered=days,
            amount=[i * 37 % 101 / 4 for i in order],
            returned=[int(i * 37 % 101 > 60) for i in order],
        ),
        rows(
            tmp_path / "acme_customers.csv",
            id=[700 + i for i in range(40)],
            age=[20 + i % 50 for i in range(40)],
        ),
        rows(tmp_path / "acme_shops.csv", id=[f"S{i}" for i in range(5)], size=[i / 2 for i in range(5)]),
        rows(tmp_path / "acme_split.csv", day=days[:50], rain=[i % 9 / 2 for i in range(50)]),
    ]


def test_all_files_are_read_and_the_target_is_in_the_first(tmp_path: Path, acme: list[Path]) -> None:
    words = [word for file in acme for word in ("--data", str(file))]
    answer = new(tmp_path / "shop", *words, "--target", "returned", "--json")
    assert answer.code == 0, answer
    assert [f for f in answer.json["files"] if f.startswith("data/")] == sorted(
        f"data/{f.name}" for f in acme
    )
    keys = {c["name"]: c["parent"] for c in answer.json["inferred"]["columns"] if c.get("role") == "key"}
    assert keys == {"customer_id": "Customer", "shop": "Shop"}
    assert list(answer.json["further"]) == ["acme_customers.csv", "acme_shops.csv", "acme_split.csv"]
    assert answer.json["further"]["acme_shops.csv"]["contract"] == "Shop"
    graph = magical.load(tmp_path / "shop").graph()
    assert len([n for n in graph.nodes if n.step_name == "model_data"]) == 4
    assert graph.findings == ()
    settings = Small(tmp_path / "shop").command("show", "--settings", "--json").json["settings"]
    files = {"source": "orders", "customers": "customers", "shops": "shops", "split_table": "split"}
    assert {n: settings[n] for n in files} == {n: f"data/acme_{f}.csv" for n, f in files.items()}


def test_the_text_says_what_was_found_in_each_file(tmp_path: Path, acme: list[Path]) -> None:
    said = str(create_project(str(tmp_path / "shop"), [str(f) for f in acme], "returned")).splitlines()
    assert "  keys: customer_id (each value is an id of Customer), shop (each value is an id of Shop)" in said
    start = said.index("Customer, from 40 rows of acme_customers.csv:")
    assert said[start + 1] == "  the id: id (different in each of 40 rows)"


@pytest.mark.slow
def test_a_project_of_several_files_is_formatted_and_clean_and_passes_its_tests(
    tmp_path: Path, acme: list[Path]
) -> None:
    root = create_project(str(tmp_path / "shop"), [str(f) for f in acme], "returned").root
    for words in (["format", "--check"], ["check"]):
        done = python("-m", "ruff", *words, "--no-cache", ".", cwd=str(root))
        assert done.returncode == 0, done.stdout
    done = python("-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=str(root))
    assert "3 passed" in done.stdout, done.stdout


@pytest.mark.slow
def test_several_files_give_a_champion_that_scores_a_row_of_the_first(
    tmp_path: Path, acme: list[Path]
) -> None:
    shop = Small(create_project(str(tmp_path / "shop"), [str(f) for f in acme], "returned").root)
    database(shop.root / ".magical")
    answer = shop.command("run", "--register", *FAST)
    assert "register: shop version 1, alias champion" in answer.out, answer


@pytest.mark.slow
def test_flights_with_all_that_they_refer_to_give_a_champion(tmp_path: Path) -> None:
    files = [
        str(DATA / f"rel_nyc_{n}.parquet") for n in ("flights", "airlines", "planes", "airports", "weather")
    ]
    made = create_project(str(tmp_path / "nyc"), files, "arr_delay")
    assert [schema.name for schema in made.further.values()] == ["Airline", "Plane", "Airport", "Weather"]
    nyc = Small(made.root)
    database(nyc.root / ".magical")
    for words in (["format", "--check"], ["check"]):
        assert python("-m", "ruff", *words, "--no-cache", ".", cwd=str(made.root)).returncode == 0
    answer = nyc.command("run", "--register", *FAST)
    assert "register: nyc version 1, alias champion" in answer.out, answer


def test_no_file_takes_a_name_that_the_workflow_uses(tmp_path: Path) -> None:
    first = rows(tmp_path / "orders.csv", x=[i % 7 / 2 for i in range(40)], y=[i % 2 for i in range(40)])
    plain = create_project(str(tmp_path / "plain"), [str(first)], "y").root
    names = bound_names(plain / "workflow.py")
    words = sorted({w.lower() for bound in names for w in bound} - {"orders", "order"})
    assert {"metric", "metrics", "cleaning", "tune"} <= {*words}
    further = [rows(tmp_path / f"{word}.csv", rain=[0.5, 1.5]) for word in words]
    made = create_project(str(tmp_path / "shop"), [str(first), *map(str, further)], "y").root
    fields, imported, local = bound_names(made / "workflow.py")
    assert len(fields) > len(words)
    assert repeated(fields) + repeated(imported + local) == []


def bound_names(module: Path) -> tuple[list[str], list[str], list[str]]:
    """List the names of a workflow's settings, of what it imports, and of its variables."""
    nodes = list(ast.walk(ast.parse(module.read_text())))
    fields = [n.target.id for n in nodes if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)]
    imported = [a.name for n in nodes if isinstance(n, ast.ImportFrom) for a in n.names]
    stored = [n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
    return fields, imported, list((Counter(stored) - Counter(fields)).elements())


def repeated(names: list[str]) -> list[str]:
    """Return the names that occur more than once."""
    return [name for name, count in Counter(names).items() if count > 1]


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    files = [rows(folder / "x.csv", x=[1.5, 2.5], y=[0, 1]) for folder in (tmp_path, tmp_path / "a")]
    said = refused(
        tmp_path, str(tmp_path / "shop"), *(w for f in files for w in ("--data", str(f))), "--target", "y"
    )
    assert said.startswith("Two data files are called x.csv.")


@pytest.mark.parametrize(
    ("names", "short"),
    [
        (["orders.csv"], ["orders"]),
        (["orders.csv.gz"], ["orders"]),
        (["orders.csv", "customers.csv"], ["orders", "customers"]),
        (["olist_orders_dataset.csv", "olist_order_items_dataset.csv"], ["orders", "order_items"]),
        (["sales.csv", "sales_2024.csv"], ["sales", "sales_2024"]),
        (["a_b.csv", "a_b.parquet"], ["b", "b"]),
    ],
)
def test_files_are_named_without_the_words_that_all_share(names: list[str], short: list[str]) -> None:
    from magical.project.scaffold.infer_project import short_stems

    assert short_stems(list(map(Path, names))) == short


# --- under Prefect ------------------------------------------------------------------------------------------------------


def test_the_environment_has_the_package_and_the_pythons_that_it_takes(design: Path) -> None:
    import tomllib

    import yaml

    environment = yaml.safe_load((design / "env.yaml").read_text())
    about = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert environment["name"] == "shop"
    assert f"python {about['requires-python']}" in environment["dependencies"]
    (needed,) = environment["dependencies"][-1]["pip"]
    name, _, extra = needed.rstrip("]").partition("[")
    assert name == about["name"]
    assert extra in about["optional-dependencies"]


@pytest.mark.slow
@pytest.mark.parametrize("way", ["flow", "profile", "no file"])
def test_a_new_project_runs_under_prefect(way: str, tmp_path: Path, prefect_server: str) -> None:
    pytest.importorskip("prefect")
    shop = Small(create_project(str(tmp_path / f"shop_{way[:2]}")).root)
    if way == "no file":
        (shop.root / "profiles" / "prefect.toml").unlink()
        (shop.root / "profiles").rmdir()
    words = ["-m", "magical.cli", "run", "--profile", "prefect"] if way != "flow" else ["prefect_flow.py"]
    done = subprocess.run(
        [sys.executable, *words],
        cwd=shop.root,
        env={**os.environ, "PREFECT_API_URL": prefect_server, "DO_NOT_TRACK": "true"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    run = Shown(prefect_server).flow_run(shop.root.name, "Completed")
    assert "magical" in run["tags"] or way == "flow"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("profile", "module", "said"),
    [
        ("prefect", "prefect", '[policy] runner = "prefect" needs Prefect.'),
        ("dask", "distributed", "[policy] cluster = 'dask' needs Dask, and it is not installed."),
    ],
)
def test_a_profile_whose_extra_is_missing_says_so_before_any_work(
    profile: str, module: str, said: str, campaign: Path
) -> None:
    code = (
        "import sys, importlib.util as u; find = u.find_spec\n"
        "name, profile = sys.argv[1:]\n"
        "u.find_spec = lambda n, *a: None if n == name else find(n, *a)\n"
        "class Without:\n"
        "    def find_spec(self, n, *a):\n"
        "        if n.split('.')[0] == name: raise ModuleNotFoundError(n, name=name)\n"
        "sys.meta_path.insert(0, Without())\n"
        "sys.argv = ['magical', 'run', '--profile', profile]\n"
        "from magical.cli import main; main()"
    )
    done = python("-c", code, module, profile, cwd=str(campaign))
    assert done.returncode == 2, done.stdout + done.stderr
    first, hint = done.stderr.strip().splitlines()
    assert first == said
    assert hint.startswith(f"Hint: pip install 'magical-thinking[{profile}]'")
    assert not list(campaign.glob(".magical/runs/*"))


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


def test_a_doubt_about_the_time_is_said_once(tmp_path: Path) -> None:
    file = tmp_path / "calls.csv"
    lines = [f"{i},2023-07-{i % 27 + 1:02d} 14:16:00+0100,{i % 7},{i % 2}\n" for i in range(60)]
    file.write_text("id,opened,size,late\n" + "".join(lines))
    said = str(create_project(str(tmp_path / "shop"), str(file), "late"))
    assert "the time: opened (when the row happened)\n" in said
    assert said.count("in UTC") == 1


def test_a_file_elsewhere_is_refused_without_its_password(tmp_path: Path) -> None:
    for url in ("http://me:hunter6666@h/x.csv", "https://h/x.csv?sig=hunter6666"):
        with pytest.raises(UsageError, match="is elsewhere") as error:
            create_project(str(tmp_path / "shop"), url)
        assert "hunter6666" not in str(error.value)
    assert not (tmp_path / "shop").exists()
