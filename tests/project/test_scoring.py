"""Scoring by a registered model: the model is found, its own code runs, and files come out whole."""

import json
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import magical
from magical import ScoreOptions
from magical.errors import BrokenPromise, UsageError
from projects import Small, command, is_well_worded, python
from scored_shop import Shop, format_csv, make_rows


def read(shop: Shop, name: str) -> pl.DataFrame:
    return (
        pl.read_parquet(shop.folder / name) if name.endswith("parquet") else pl.read_csv(shop.folder / name)
    )


def manifest(shop: Shop, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((shop.folder / f"{name}.manifest.json").read_text())
    return found


def test_a_raw_export_without_its_target_is_scored(shop: Shop) -> None:
    done = shop.score("new.csv", "out.parquet", "--keep", "town", "--json")
    assert done.code == 0, done.err
    table, answer = read(shop, "out.parquet"), done.json
    assert table.columns == [
        *("id", "town", "prediction", "probability_False", "probability_True"),
        *("prediction_id", "model_version", "reason"),
    ]
    assert table["id"].to_list() == list(range(1000, 1050))
    assert table["prediction_id"].n_unique() == 50
    assert (answer["rows"], answer["scored"], answer["rejected"], answer["left_out"]) == (50, 50, 0, 0)
    assert (answer["model"], answer["version"], answer["rejects"]) == ("shop", "1", "")
    assert {k: v for k, v in answer.items() if k not in ("failures", "output")}.items() <= manifest(
        shop, "out.parquet"
    ).items()
    assert shop.names() == ["new.csv", "out.parquet", "out.parquet.manifest.json"]


def test_the_target_may_be_there_and_changes_nothing(shop: Shop) -> None:
    shop.write("known.csv", format_csv(make_rows(50, first=1000), target=True))
    assert shop.score("new.csv", "a.parquet").code == shop.score("known.csv", "b.parquet").code == 0
    assert read(shop, "a.parquet").equals(read(shop, "b.parquet"))


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_a_repeated_run_is_equal_to_the_byte_whatever_the_chunks(shop: Shop, suffix: str) -> None:
    shop.write("new.csv", format_csv(make_rows(50, first=1000)).replace(";Bonn;", ";;", 1))
    out = shop.folder / f"out.{suffix}"
    assert shop.score("new.csv", out.name).code == 0
    first, times = out.read_bytes(), manifest(shop, out.name)["started"]
    rejects = (shop.folder / f"out.rejects.{suffix}").read_bytes()
    again = shop.score("new.csv", out.name)
    assert (again.code, again.err) == (0, "")
    assert out.read_bytes() == first
    assert (shop.folder / f"out.rejects.{suffix}").read_bytes() == rejects
    assert times.encode() not in first
    assert shop.score("new.csv", f"chunks.{suffix}", "--chunk-rows", "7").code == 0
    assert_frame_equal(read(shop, f"chunks.{suffix}"), read(shop, out.name), rel_tol=1e-12)


def test_all_kinds_of_sources_give_the_same(shop: Shop) -> None:
    rows = make_rows(50, first=1000)
    texts = pl.read_csv(shop.folder / "new.csv", separator=";", infer_schema=False)
    texts.write_parquet(shop.folder / "new.parquet")
    texts.write_ndjson(shop.folder / "new.jsonl")
    parts = shop.folder / "parts"
    parts.mkdir()
    (parts / "a.csv").write_text(format_csv(rows[:20]))
    (parts / "b.csv").write_text(format_csv(rows[20:]))
    shop.write("odd.csv", "# an export\n" + format_csv(rows).replace(";", "|"))
    assert shop.score("new.csv", "right.parquet").code == 0
    right = read(shop, "right.parquet")
    for source in ("new.parquet", "new.jsonl", "parts", "parts/*.csv", "odd.csv"):
        done = shop.score(
            source, "other.parquet", "--replace", *(["header=2"] if source == "odd.csv" else [])
        )
        assert done.code == 0, (source, done.err)
        assert read(shop, "other.parquet").equals(right), source


@pytest.mark.parametrize(
    "model", ["shop", "shop@champion", "shop/1", "shop/v1", "models:/shop/1", "models:/shop@champion"]
)
def test_a_model_is_named_as_mlflow_names_it(shop: Shop, model: str) -> None:
    shop.write("few.csv", format_csv(make_rows(3)))
    done = shop.score("few.csv", "out.csv", model=model)
    assert (done.code, done.err) == (0, "")


def test_no_project_is_needed(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shop.folder)
    words = ("--input", "new.csv", "--output", "out.csv")
    done = command("score", "--model", "shop", *words, "--registry", shop.registry)
    assert done.code == 0, done.err
    (folder,) = (shop.project.root / ".magical").rglob("MLmodel")
    by_folder = command("score", "--model", str(folder.parent), "--input", "new.csv", "--output", "other.csv")
    assert by_folder.code == 0, by_folder.err
    first, second = read(shop, "out.csv"), read(shop, "other.csv")
    assert first.drop("model_version").equals(second.drop("model_version"))
    assert not (shop.folder / ".magical").exists()
    alone = command("score", "--model", "shop", *words)
    assert alone.code == 2
    assert "is no project" in alone.err
    assert "--registry" in alone.err


def test_a_bad_row_is_rejected_with_its_reason_and_costs_no_other(shop: Shop) -> None:
    rows = make_rows(50, first=1000)
    rows[3] = ("1003", "12000", "many", "Bonn", "2020-01-11", "")
    rows[7] = ("1007", "12000", "-2", "Bonn", "2020-01-11", "")
    rows[9] = ("1009", "12000", "11", "Bonn", "2020-01-11", "")  # `sane` leaves it out
    shop.write("new.csv", format_csv(rows))
    done = shop.score("new.csv", "out.parquet", "--json", "--chunk-rows", "6")
    assert done.code == 0, done.err
    answer, table = done.json, read(shop, "out.parquet")
    rejects = read(shop, "out.rejects.parquet")
    assert (answer["rows"], answer["scored"], answer["rejected"], answer["left_out"]) == (50, 48, 2, 1)
    assert answer["rejects"] == "out.rejects.parquet"
    assert rejects.columns == ["row", "id", "column", "rule", "value"]
    assert rejects["row"].to_list() == [3, 7]
    assert rejects["id"].to_list() == [1003, 1007]
    assert rejects["value"].to_list() == ["xxxx", "-9"]
    left_out = table.row(by_predicate=pl.col("id") == 1009, named=True)
    assert (left_out["prediction"], left_out["reason"]) == (None, "sane left it out")
    assert not {1003, 1007} & set(table["id"])
    text = shop.score("new.csv", "out.parquet")
    assert "2 rejected" in text.out
    assert str(shop.folder / "out.rejects.parquet") in text.out
    assert 3 <= len(text.out.splitlines()) <= 5


def test_too_many_rejects_fail_and_leave_the_rejects_to_be_looked_at(shop: Shop) -> None:
    rows = make_rows(50, first=1000)
    for at in (3, 4, 5):
        rows[at] = (*rows[at][:2], "many", *rows[at][3:])
    shop.write("new.csv", format_csv(rows))
    failed = shop.score("new.csv", "out.parquet")
    assert failed.code == 1
    assert "3 of 50 rows are rejected" in failed.err
    assert is_well_worded(failed.err.strip())
    assert shop.names() == ["new.csv", "out.rejects.parquet"]
    assert shop.score("new.csv", "out.parquet", "--max-rejects", "2").code == 1
    assert shop.score("new.csv", "out.parquet", "--max-rejects", "3").code == 0
    assert shop.score("new.csv", "all.parquet", "--max-rejects", "6%").code == 0
    # Once all rows are well, the rejects of the failed run are gone: they are of this output.
    shop.write("new.csv", format_csv(make_rows(50, first=1000)))
    assert shop.score("new.csv", "out.parquet", "--replace").code == 0
    assert "out.rejects.parquet" not in shop.names()


def test_if_each_row_is_rejected_the_batch_fails(shop: Shop) -> None:
    shop.write("new.csv", format_csv([("1", "5", "many", "Bonn", "2020-01-11", "")]))
    failed = shop.score("new.csv", "out.parquet", "--max-rejects", "100%")
    assert failed.code == 1
    assert "each of its 1 rows is rejected" in failed.err
    assert "out.parquet" not in shop.names()


MISSING = "CustomerNo;Income;town;Customer Since\n1;5;Bonn;2020-01-11\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("CustomerNo;Income;kids;town;Customer Since\n", "no rows"),
        (MISSING, "kids"),
        ("a,b\n1,2\n", "lacks 4 columns"),
        (format_csv(make_rows(5)).replace("town", "kids", 1), "town"),
        (b"PK\x03\x04" + b"\0" * 100, "zip or Excel"),
    ],
)
def test_a_file_that_cannot_be_scored_is_refused_before_any_work(
    shop: Shop, text: str | bytes, said: str
) -> None:
    shop.write("bad.csv", text)
    failed = shop.score("bad.csv", "out.parquet")
    assert (failed.code, failed.out) == (2, "")
    assert said in failed.err
    assert is_well_worded(failed.err.strip())
    assert shop.names() == ["bad.csv", "new.csv"]


def test_an_impossible_type_is_refused_before_the_first_row(shop: Shop) -> None:
    table = pl.read_csv(shop.folder / "new.csv", separator=";").with_columns(kids=pl.Series([[1]] * 50))
    table.write_parquet(shop.folder / "lists.parquet")
    failed = shop.score("lists.parquet", "out.parquet")
    assert failed.code == 2
    assert "kids must be int, and is List" in failed.err
    (shop.folder / "cut.parquet").write_bytes((shop.folder / "lists.parquet").read_bytes()[:-40])
    cut = shop.score("cut.parquet", "out.parquet")
    assert (cut.code, "cannot be read as parquet" in cut.err) == (2, True)
    assert shop.names() == ["cut.parquet", "lists.parquet", "new.csv"]


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("shp", "did you mean 'shop'"),
        ("shop/7", "its versions: 1"),
        ("shop@rival", "its aliases: champion; its versions: 1"),
        ("a/b/c", "names no model"),
        ("./nowhere", "names no model"),
    ],
)
def test_a_model_that_is_not_there_is_named_with_those_that_are(shop: Shop, model: str, said: str) -> None:
    failed = shop.score("new.csv", "out.parquet", model=model)
    assert failed.code == 2
    assert said in failed.err
    assert is_well_worded(failed.err.strip())


def test_a_registry_that_is_not_there_or_down_is_said(shop: Shop, tmp_path: Path) -> None:
    nowhere = shop.score("new.csv", "out.parquet", "--registry", f"sqlite:///{tmp_path}/none/mlflow.db")
    assert (nowhere.code, "there is no registry" in nowhere.err) == (2, True)
    assert not (tmp_path / "none").exists()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    down = shop.score("new.csv", "out.parquet", "--registry", address)
    assert (down.code, "does not answer" in down.err) == (1, True)
    odd = shop.score("new.csv", "out.parquet", "--registry", "mlflow.db")
    assert (odd.code, "no address of a registry" in odd.err) == (2, True)
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "workflow.py").write_text("")
    files = ("--input", str(shop.folder / "new.csv"), "--output", str(shop.folder / "out.csv"))
    none = command("score", "--model", "shop", *files, "--project", str(tmp_path / "empty"))
    assert (none.code, "has no registry yet" in none.err) == (2, True)
    assert not (tmp_path / "empty" / ".magical").exists()


def test_a_model_of_a_newer_release_is_refused(shop: Shop) -> None:
    (found,) = (shop.project.root / ".magical").rglob("MLmodel")
    copy = Path(shutil.copytree(found.parent, shop.folder / "model"))
    (file,) = copy.rglob("scorer.json")
    data = json.loads(file.read_text())
    file.write_text(json.dumps({**data, "format": 99}))
    failed = shop.score("new.csv", "out.parquet", model=str(copy))
    assert failed.code == 1
    assert "99" in failed.err
    assert shop.names() == ["model", "new.csv"]


def test_an_output_of_another_model_or_input_is_kept(shop: Shop) -> None:
    assert shop.score("new.csv", "out.csv").code == 0
    before = (shop.folder / "out.csv").read_bytes()
    shop.write("other.csv", format_csv(make_rows(9, first=5000)))
    refused = shop.score("other.csv", "out.csv")
    assert (refused.code, "made from other rows" in refused.err) == (2, True)
    assert "--replace" in refused.err
    assert (shop.folder / "out.csv").read_bytes() == before
    (shop.folder / "out.csv.manifest.json").unlink()
    unknown = shop.score("new.csv", "out.csv")
    assert (unknown.code, "has no manifest" in unknown.err) == (2, True)
    assert shop.score("other.csv", "out.csv", "--replace").code == 0
    assert read(shop, "out.csv").height == 9


def test_a_foreign_file_in_the_place_of_the_rejects_is_never_deleted(shop: Shop) -> None:
    shop.write("out.rejects.csv", "mine,too\n1,2\n")
    refused = shop.score("new.csv", "out.csv")
    assert (refused.code, "is no file of rejects" in refused.err) == (2, True)
    assert shop.score("new.csv", "out.csv", "--replace").code == 0
    assert (shop.folder / "out.rejects.csv").read_text() == "mine,too\n1,2\n"


def test_an_output_that_cannot_be_is_refused_before_any_work(shop: Shop) -> None:
    (shop.folder / "parts").mkdir()
    shutil.copy(shop.folder / "new.csv", shop.folder / "parts")
    for source, output, said in (
        ("new.csv", "none/out.csv", "there is no folder"),
        ("new.csv", "parts", "is a folder"),
        ("new.csv", "out.xlsx", "parquet or csv"),
        ("new.csv", "new.csv", "is the input"),
        ("parts", "parts/out.csv", "inside of the input"),
    ):
        failed = shop.score(source, output, "--replace")
        assert (failed.code, failed.out) == (2, "")
        assert said in failed.err, output
        assert is_well_worded(failed.err.strip())
    assert shop.names() == ["new.csv", "parts"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--keep", "twon"), "did you mean 'town'"),
        (("--max-rejects", "some"), "neither a share nor a number"),
        (("delimeter=;",), "delimiter"),
        (("decimal=;",), "decimal"),
    ],
)
def test_a_wrong_option_is_named(shop: Shop, words: tuple[str, ...], said: str) -> None:
    failed = shop.score("new.csv", "out.csv", *words)
    assert failed.code == 2
    assert said in failed.err
    assert "out.csv" not in shop.names()


def test_what_is_kept_must_not_have_the_name_of_another_column(shop: Shop) -> None:
    table = pl.read_csv(shop.folder / "new.csv", separator=";").with_columns(
        prediction=1, more=pl.Series([[1]] * 50)
    )
    table.write_parquet(shop.folder / "new.parquet")
    taken = shop.score("new.parquet", "out.parquet", "--keep", "prediction")
    assert (taken.code, "has a column of that name" in taken.err) == (2, True)
    nested = shop.score("new.parquet", "out.csv", "--keep", "more")
    assert (nested.code, "a csv file cannot hold" in nested.err) == (2, True)
    assert shop.score("new.parquet", "out.parquet", "--keep", "more", "--keep", "CustomerNo").code == 0
    assert read(shop, "out.parquet")["more"].to_list() == [[1]] * 50


FULL = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from magical.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 14, 1 << 14))
sys.argv[:] = ["magical", *sys.argv[1:]]
main()
"""


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_a_full_disk_leaves_nothing_half_written(shop: Shop, suffix: str) -> None:
    shop.write("many.csv", format_csv(make_rows(3000)))
    before = shop.score("new.csv", f"out.{suffix}")
    assert before.code == 0
    kept, names = (shop.folder / f"out.{suffix}").read_bytes(), shop.names()
    files = ("--input", str(shop.folder / "many.csv"), "--output", str(shop.folder / f"out.{suffix}"))
    at = ("--project", str(shop.project.root), "--replace", "--chunk-rows", "500")
    # The limit on the size of a file stands for the end of the disk: both are an error of write().
    failed = python("-c", FULL, "score", "--model", "shop", *files, *at)
    assert failed.returncode == 1, failed.stderr
    assert "cannot be written" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert (shop.folder / f"out.{suffix}").read_bytes() == kept
    assert shop.names() == names


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_nothing(shop: Shop, number: signal.Signals) -> None:
    pipe = shop.folder / "progress"
    shop.write("many.csv", format_csv(make_rows(20_000)))
    code = (
        "import sys; from magical.report.terminal import progress\n"
        "progress.RowProgress.on_rows = lambda self, rows, total: print('rows', rows, flush=True, file=sys.stderr)\n"
        "from magical.cli import main; sys.argv[:] = ['magical', *sys.argv[1:]]; main()"
    )
    files = ("--input", str(shop.folder / "many.csv"), "--output", str(shop.folder / "out.csv"))
    words = ("score", "--model", "shop", *files, "--project", str(shop.project.root), "--chunk-rows", "20")
    with subprocess.Popen(
        [sys.executable, "-c", code, *words], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("rows")  # the first chunk is done: it is in the midst
        process.send_signal(number)
        err = process.stderr.read()
    assert process.returncode == 130
    assert "nothing was written to" in err
    assert not pipe.exists()
    assert shop.names() == ["many.csv", "new.csv"]


@pytest.mark.slow
def test_mlflow_is_not_imported_to_look_into_the_project_registry(shop: Shop) -> None:
    files = ("--input", str(shop.folder / "new.csv"), "--output", str(shop.folder / "out.csv"))
    at = ("--project", str(shop.project.root))
    done = python("-X", "importtime", "-m", "magical.cli", "score", "--model", "shop", *files, *at)
    assert done.returncode == 0, done.stderr
    imported = {line.split("|")[-1].strip().split(".")[0] for line in done.stderr.splitlines()}
    assert "polars" in imported
    assert not {"mlflow", "optuna", "prefect", "workflow"} & imported


def test_quiet_when_piped(shop: Shop) -> None:
    done = shop.score("new.csv", "out.parquet")
    assert done.err == ""


def test_from_python(shop: Shop) -> None:
    loaded = magical.load(shop.project.root)
    scored = loaded.score(shop.folder / "new.csv", "shop", keep=["town"])
    assert scored.predictions.height == 50
    assert scored.rejects.is_empty()
    assert scored.rejects.columns == ["row", "id", "column", "rule", "value"]
    assert scored.summary["version"] == "1"
    table = pl.read_csv(shop.folder / "new.csv", separator=";", infer_schema=False)
    assert loaded.score(table, "shop", keep=["town"]).predictions.equals(scored.predictions)
    assert loaded.score(table.to_pandas(), "shop", keep=["town"]).predictions.equals(scored.predictions)
    out = shop.folder / "out.parquet"
    for place in (out, out.with_suffix(".csv")):
        written = loaded.score(table, "shop", place, ["town"], ScoreOptions(chunk_rows=20))
        assert_frame_equal(written.predictions, scored.predictions)
        assert written.rejects.is_empty()
    with pytest.raises(UsageError, match="other rows"):
        loaded.score(table.head(3), "shop", out)
    bad = table.with_columns(kids=pl.lit("many"))
    with pytest.raises(BrokenPromise, match="each of its 50 rows"):
        loaded.score(bad, "shop")
    mixed = pl.concat([bad.head(1), table.tail(49)])
    assert loaded.score(mixed, "shop").rejects["value"].to_list() == ["xxxx"]


@pytest.mark.slow
def test_the_champion_of_the_workflow_is_the_default(registered_shop: Small, tmp_path: Path) -> None:
    copy = Small(Path(shutil.copytree(registered_shop.root, tmp_path / "shop")))
    from scored_shop import WORKFLOW

    copy.write("workflow.py", WORKFLOW)
    table = pl.read_csv(copy.root / "customers.csv", separator=";", infer_schema=False).head(4)
    assert copy.load().score(table).summary["model"] == "shop"


@pytest.mark.slow
def test_rows_that_are_scored_alone_get_what_they_get_in_a_batch(shop: Shop) -> None:
    loaded = magical.load(shop.project.root)
    table = pl.read_csv(shop.folder / "new.csv", separator=";", infer_schema=False).head(5)
    batch = loaded.score(table, "shop").predictions
    alone = pl.concat([loaded.score(row, "shop").predictions for row in table.iter_slices(1)])
    assert_frame_equal(alone, batch, rel_tol=1e-12)  # sums of another shape differ in their last bits
