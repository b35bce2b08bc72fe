"""The doors by which rows are scored: each takes rows of a raw export, and gives the predictions by id."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import polars as pl

from magical import ScoreOptions
from magical.library.scorer.scorer import Scorer
from mlflow_databases import free_port
from scoring.exported import Exported

if TYPE_CHECKING:
    from mlflow.pyfunc import PyFuncModel

CHUNK = 7


@dataclass
class Doors:
    """A finished project's model, behind each door.

    Attributes:
        served: the address of ``mlflow models serve``; empty if nothing serves.
        folder: files are written here.
    """

    exported: Exported
    folder: Path
    served: str = ""

    @cached_property
    def model_folder(self) -> Path:
        """The registered version, as MLflow keeps it."""
        registry = self.exported.small.load().registry()
        champion = registry.champion(self.exported.name)
        assert champion is not None
        return registry.folder(champion).parents[1]

    @cached_property
    def scorer(self) -> Scorer:
        """The registered version's scorer."""
        return Scorer.load(self.model_folder / "data" / "model")

    @cached_property
    def pyfunc(self) -> PyFuncModel:
        """The registered version, loaded by MLflow."""
        import mlflow.pyfunc

        return mlflow.pyfunc.load_model(str(self.model_folder))

    def pandas(self, rows: pl.DataFrame, **options: Any) -> pd.DataFrame:
        """The rows as somebody reads the export with pandas."""
        csv = self.exported.csv
        if csv is None:
            return pd.read_parquet(io.BytesIO(_to_bytes(rows.write_parquet)), **options)
        separator = csv.get("separator", ",")
        # The word "None" is a holiday of the traffic, and pandas takes it for a missing value.
        return pd.read_csv(io.StringIO(rows.write_csv(**csv)), sep=separator, **options)

    def records(self, rows: pl.DataFrame) -> list[dict[str, Any]]:
        """The rows as the objects of a JSON request."""
        return list(json.loads(self.pandas(rows).to_json(orient="records", date_format="iso")))

    def by_id(self, rows: pl.DataFrame, predictions: pl.DataFrame) -> pl.DataFrame:
        """The predictions beside the ids of the rows, in the types of the run."""
        wanted = self.exported.predicted.schema
        assert predictions.height == rows.height
        ids = rows.select(pl.col(self.exported.id).cast(wanted[self.exported.id]))
        return ids.hstack(predictions.select(pl.col(n).cast(t) for n, t in wanted.items() if n not in ids))


def _to_bytes(write: Callable[[io.BytesIO], object]) -> bytes:
    buffer = io.BytesIO()
    write(buffer)
    return buffer.getvalue()


def batch(doors: Doors, rows: pl.DataFrame) -> pl.DataFrame:
    """All rows at once."""
    return doors.scorer.score(rows)


def one_by_one(doors: Doors, rows: pl.DataFrame) -> pl.DataFrame:
    """Each row alone."""
    return pl.concat(doors.scorer.score(row) for row in rows.iter_slices(1))


def chunks(doors: Doors, rows: pl.DataFrame) -> pl.DataFrame:
    """A few rows at once."""
    return pl.concat(doors.scorer.score(chunk) for chunk in rows.iter_slices(CHUNK))


def pyfunc_pandas(doors: Doors, rows: pl.DataFrame) -> pl.DataFrame:
    """A frame of pandas."""
    return pl.from_pandas(doors.pyfunc.predict(doors.pandas(rows)))


def pyfunc_arrow(doors: Doors, rows: pl.DataFrame) -> pl.DataFrame:
    """A frame of pandas whose columns are those of arrow."""
    return pl.from_pandas(doors.pyfunc.predict(doors.pandas(rows, dtype_backend="pyarrow")))


def pyfunc_dicts(doors: Doors, rows: pl.DataFrame) -> pl.DataFrame:
    """A list of dicts."""
    return pl.from_pandas(doors.pyfunc.predict(doors.records(rows)))


def serve_records(doors: Doors, rows: pl.DataFrame) -> pl.DataFrame:
    """A request of objects."""
    return _post(doors, {"dataframe_records": doors.records(rows)})


def serve_split(doors: Doors, rows: pl.DataFrame) -> pl.DataFrame:
    """A request of column names, and rows of values."""
    body = json.loads(doors.pandas(rows).to_json(orient="split", index=False, date_format="iso"))
    return _post(doors, {"dataframe_split": body})


def serve_csv(doors: Doors, rows: pl.DataFrame) -> pl.DataFrame:
    """A request that is a csv file, which MLflow reads with commas only."""
    return _post(doors, rows.write_csv())


def command_csv(doors: Doors, rows: pl.DataFrame) -> pl.DataFrame:
    """The command, from a csv file to a csv file."""
    return _by_command(doors, rows, doors.exported.write_csv(rows, doors.folder / "rows.csv"), "out.csv")


def command_parquet(doors: Doors, rows: pl.DataFrame) -> pl.DataFrame:
    """The command, from parquet to parquet in small chunks."""
    rows.write_parquet(doors.folder / "rows.parquet")
    size = ("--chunk-rows", str(CHUNK))
    return _by_command(doors, rows, doors.folder / "rows.parquet", "out.parquet", *size)


def python_polars(doors: Doors, rows: pl.DataFrame) -> pl.DataFrame:
    """A table in memory, from Python."""
    scoring = doors.exported.small.load().score(rows, options=ScoreOptions(max_rejects="100%"))
    return _beside_rows(doors, rows, scoring.predictions, scoring.rejects)


def python_pandas(doors: Doors, rows: pl.DataFrame) -> pl.DataFrame:
    """A frame of pandas, from Python."""
    scoring = doors.exported.small.load().score(doors.pandas(rows), options=ScoreOptions(max_rejects="100%"))
    return _beside_rows(doors, rows, scoring.predictions, scoring.rejects)


def prefect_flow(doors: Doors, rows: pl.DataFrame) -> pl.DataFrame:
    """A flow of Prefect, from parquet to parquet; relative paths start from the project."""
    root = doors.exported.small.root
    rows.write_parquet(root / "rows.parquet")
    flow = doors.exported.small.load().scoring_flow()
    summary = flow(input="rows.parquet", output="out.parquet", max_rejects="100%", replace=True)
    return _from_files(doors, rows, root / "out.parquet", summary)


DOORS: dict[str, Callable[[Doors, pl.DataFrame], pl.DataFrame]] = {
    door.__name__: door
    for door in (
        batch,
        one_by_one,
        chunks,
        pyfunc_pandas,
        pyfunc_arrow,
        pyfunc_dicts,
        serve_records,
        serve_split,
        serve_csv,
        command_csv,
        command_parquet,
        python_polars,
        python_pandas,
        prefect_flow,
    )
}


def _by_command(doors: Doors, rows: pl.DataFrame, file: Path, name: str, *words: str) -> pl.DataFrame:
    """Score a file by the command."""
    output = doors.folder / name
    files = ("--model", f"{doors.exported.name}@champion", "--input", str(file), "--output", str(output))
    done = doors.exported.small.command(
        "score", *files, "--max-rejects", "100%", "--replace", "--json", *words
    )
    assert done.code == 0, done.err
    return _from_files(doors, rows, output, done.json)


def _from_files(doors: Doors, rows: pl.DataFrame, output: Path, summary: Mapping[str, Any]) -> pl.DataFrame:
    """Read the predictions and the rejects."""
    read = pl.read_csv if output.suffix == ".csv" else pl.read_parquet
    rejects = read(output.with_name(summary["rejects"])) if summary["rejects"] else None
    return _beside_rows(doors, rows, read(output), rejects)


def _beside_rows(
    doors: Doors, rows: pl.DataFrame, predictions: pl.DataFrame, rejects: pl.DataFrame | None
) -> pl.DataFrame:
    """Put predictions, which rejected rows lack, beside the rows."""
    number = pl.int_range(pl.len(), dtype=pl.Int64).alias("row")
    rejected = [] if rejects is None else rejects["row"].unique().to_list()
    assert predictions.height + len(rejected) == rows.height
    numbers = rows.select(number)
    scored = numbers.filter(~pl.col("row").is_in(rejected)).hstack(predictions)
    ids = rows.select(pl.col(doors.exported.id).cast(predictions.dtypes[0])).hstack(numbers)
    assert (
        scored.select(predictions.columns[0], "row").rows()
        == ids.filter(~pl.col("row").is_in(rejected)).rows()
    ), "the order of the rows"
    found = numbers.join(scored, on="row", how="left", maintain_order="left")
    return found.with_columns(
        reason=pl.when(pl.col("row").is_in(rejected)).then(pl.lit("rejected")).otherwise("reason")
    )


def _post(doors: Doors, body: Any) -> pl.DataFrame:
    """Post a request to the served model."""
    kind = "text/csv" if isinstance(body, str) else "application/json"
    data = (body if isinstance(body, str) else json.dumps(body)).encode()
    request = urllib.request.Request(f"{doors.served}/invocations", data, {"Content-Type": kind})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            found = json.load(answer, parse_constant=_refuse_constant)["predictions"]
            return pl.DataFrame(found, infer_schema_length=None)
    except urllib.error.HTTPError as error:
        raise AssertionError(f"{error.code}: {error.read().decode()[:2000]}") from None


def _refuse_constant(constant: str) -> None:
    raise AssertionError(f"the answer has {constant}, which is no JSON")


@contextmanager
def serving(exported: Exported, folder: Path) -> Iterator[str]:
    """Serve a project's champion by `mlflow models serve`, and give the address."""
    port = free_port()
    words = ["models", "serve", "-m", f"models:/{exported.name}@champion", "--env-manager", "local"]
    # MLflow starts `uvicorn`, which it looks for in the PATH.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {"PATH": path, "MLFLOW_TRACKING_URI": exported.uri, "MLFLOW_DISABLE_TELEMETRY": "true"}
    log = folder / "serve.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", *words, "--port", str(port), "--workers", "1"],
            cwd=folder,
            env={**os.environ, **environment},
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        address = f"http://127.0.0.1:{port}"
        until = time.monotonic() + 60
        while not _answers(f"{address}/ping"):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.1)
        yield address
    finally:
        if process.poll() is None:
            os.killpg(process.pid, 15)
            process.wait(20)


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=2):
            return True
    except OSError:
        return False
