"""The jobs: each does one round in an empty folder and returns the cost of each of its phases."""

import atexit
import functools
import importlib.util
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from measuring import MAGICAL, PYTHON, CommandFailed, Cost, find_heavy_imports, measure_command, measure_run

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
SCRIPT = HERE / "nine_steps" / "script.py"
PROJECT = HERE / "nine_steps" / "magical_project"
ASKING = HERE / "nine_steps" / "asking"
SIDE_BY_SIDE = HERE / "side_by_side"
THOUSAND = HERE / "thousand"
CSV_SCRIPT = HERE / "csv_reading" / "read.py"
SCORING = HERE / "scoring"
FEATURES = HERE / "features"
TABLES_SCRIPT = HERE / "pretend" / "tables.py"
IN_PROCESS_SCRIPT = HERE / "flow_runs" / "imported.py"
CAMPAIGN = ROOT / "examples" / "campaign"
TRACKING_OFF = "tracking.enabled=false"
FEW_TRIALS = ("experiments.0.trials=1", "experiments.1.trials=1")
IGNORE_FILES = shutil.ignore_patterns(".magical", "__pycache__", "mlruns", "mlflow.db")

Job = Callable[[Path], dict[str, Cost]]


def measure_script(folder: Path) -> dict[str, Cost]:
    """Measure the plain script with joblib."""
    copy = Path(shutil.copy(SCRIPT, folder))
    command = [PYTHON, copy, folder]
    costs = {f"script: {phase}": measure_command(command, folder) for phase in ("cold", "unchanged")}
    _edit_train(copy)
    return costs | {"script: after an edit of train": measure_command(command, folder)}


def measure_nine_steps(folder: Path) -> dict[str, Cost]:
    """Measure the same with magical, tracking off."""
    return _measure_nine_steps(folder, "magical", TRACKING_OFF)


def measure_tracked(folder: Path) -> dict[str, Cost]:
    """Measure the same with MLflow tracking on."""
    return _measure_nine_steps(folder, "magical, tracked", "tracking.enabled=true")


def measure_asks(folder: Path) -> dict[str, Cost]:
    """Measure the nine steps, unchanged, alone and with a module that asks the world at import.

    What asks for a file or a variable may get another answer: each command imports the project.
    """
    costs: dict[str, Cost] = {}
    for title, is_asking in (("asks for nothing", False), ("asks at import", True)):
        project = Path(shutil.copytree(PROJECT, folder / title.replace(" ", "-"), ignore=IGNORE_FILES))
        if is_asking:
            shutil.copytree(ASKING, project, ignore=IGNORE_FILES, dirs_exist_ok=True)
            workflow = project / "workflow.py"
            _replace(workflow, "import polars as pl\n", "import polars as pl\nimport units\n")
            _replace(workflow, "pl.col.mean_area.log()", "(pl.col.mean_area * units.AREA).log()")
        _, ran = measure_run(project, TRACKING_OFF)
        again, still = measure_run(project, TRACKING_OFF)
        _expect(len(ran) == 9 and not still, f"what {title} ran {ran}, and then {still}")
        is_imported = "polars" in find_heavy_imports(project, "run", TRACKING_OFF)
        _expect(is_imported == is_asking, f"what {title} is imported: {is_imported}")
        costs[f"{title}: unchanged"] = again
    return costs


def measure_startup(folder: Path) -> dict[str, Cost]:
    """Measure the start of the command, and of Python with scikit-learn."""
    return {
        "magical --help": measure_command([MAGICAL, "--help"], folder),
        'python -c "import sklearn"': measure_command([PYTHON, "-c", "import sklearn"], folder),
    }


def measure_campaign(folder: Path) -> dict[str, Cost]:
    """Measure the example of `make demo`: cold, unchanged, and with a smaller budget for one experiment."""
    project = folder / "campaign"
    shutil.copytree(CAMPAIGN, project, ignore=IGNORE_FILES)
    cold, ran = measure_run(project)
    again, still = measure_run(project)
    _expect(not still, f"an unchanged campaign ran {still}")
    costs = {"campaign: cold": cold, "campaign: unchanged": again}
    settings = json.loads(measure_command([MAGICAL, "show", "--settings", "--json"], project).out)["settings"]
    for number, experiment in enumerate(settings["experiments"]):
        fewer = int(experiment["trials"]) - 1
        edited, steps = measure_run(project, "--register", f"experiments.{number}.trials={fewer}")
        _expect(0 < len(steps) < len(ran), f"after an edit of one experiment these ran: {steps}")
        costs[f"campaign: after an edit of {experiment['name']}"] = edited
    return costs


def measure_fit(folder: Path) -> dict[str, Cost]:
    """Measure `magical fit` on the customers of a telephone company, with its default budget."""
    return {
        "magical fit: telco_churn": measure_command(
            [MAGICAL, "fit", _find_telco(), "--target", "Churn"], folder
        )
    }


def measure_cluster(folder: Path) -> dict[str, Cost]:
    """Measure the nine steps in threads and on two Dask workers, and experiments on one worker and two."""
    costs: dict[str, Cost] = {}
    for title, words in (("local", ()), ("Dask of two", ("policy.cluster=dask",))):
        place = Path(shutil.copytree(PROJECT, folder / title.replace(" ", "-"), ignore=IGNORE_FILES))
        cost, ran = measure_run(place, TRACKING_OFF, "policy.workers=2", *words)
        _expect(len(ran) == 9, f"on {title} ran {ran}")
        costs[f"nine steps, {title}"] = cost
        costs[f"nine steps, {title}: beyond the steps' own"] = _subtract_step_seconds(place, cost)
    results = set()
    for workers in (1, 2):
        place = Path(shutil.copytree(SIDE_BY_SIDE, folder / str(workers), ignore=IGNORE_FILES))
        cost, _ = measure_run(place, TRACKING_OFF, "policy.cluster=dask", f"policy.workers={workers}")
        results.add(json.loads(cost.out)["results"]["best"])
        costs[f"experiments on Dask, {workers} at a time"] = cost
        longest = max(_read_step_seconds(place))
        costs[f"experiments on Dask, {workers} at a time: longest"] = Cost(0.0, longest)
    _expect(len(results) == 1, f"one worker and two gave {results}")
    return costs


def measure_prefect(folder: Path) -> dict[str, Cost]:
    """Measure the nine steps alone, under Prefect, and under Prefect on Dask; and runs in one process."""
    api = f"policy.server={_start_prefect()}"
    ways = (
        ("local", ()),
        ("Prefect", ("policy.runner=prefect", api)),
        ("Prefect on Dask of two", ("policy.runner=prefect", api, "policy.cluster=dask")),
    )
    costs: dict[str, Cost] = {}
    for title, words in ways:
        place = Path(shutil.copytree(PROJECT, folder / title.replace(" ", "-"), ignore=IGNORE_FILES))
        cost, ran = measure_run(place, TRACKING_OFF, "policy.workers=2", *words)
        _expect(len(ran) == 9, f"under {title} ran {ran}")
        costs[f"nine steps, beside Prefect: {title}"] = cost
        costs[f"beyond the steps' own: {title}"] = _subtract_step_seconds(place, cost)
    place = Path(shutil.copytree(PROJECT, folder / "imported", ignore=IGNORE_FILES))
    answer = measure_command([PYTHON, IN_PROCESS_SCRIPT, _start_prefect()], place).out
    for title, cost in json.loads(answer).items():
        costs[f"in one process, imported: {title}"] = Cost(cost["cpu"], cost["wall"])
    return costs


def measure_thousand(folder: Path) -> dict[str, Cost]:
    """Measure a thousand steps that do almost nothing, as a project and as a loop with joblib."""
    costs: dict[str, Cost] = {}
    for kind in ("values", "tables"):
        project, loop = folder / kind, folder / f"{kind}-loop"
        shutil.copytree(THOUSAND, project, ignore=IGNORE_FILES)
        loop.mkdir()
        words, title = [TRACKING_OFF, f"tables={str(kind == 'tables').lower()}"], f"1,000 {kind}"
        one, _ = measure_run(project, *words, "steps=3")
        plan = [measure_command([MAGICAL, "plan", *words], project) for _ in range(2)]
        cold, ran = measure_run(project, *words)
        again, still = measure_run(project, *words)
        _expect(len(ran) > 900 and not still, f"of {title} {len(ran)} ran, and then {len(still)}")
        script = [PYTHON, THOUSAND / "script.py", loop, kind]
        beside, once_more = measure_command(script, loop), measure_command(script, loop)
        result = json.loads(again.out)["results"]["total" if kind == "values" else "total_of_rows"]
        _expect(beside.out.strip() == result, f"{title}: {result}, and {beside.out} by the loop")
        costs |= {
            f"{title}: plan, drawn": plan[0],
            f"{title}: plan, remembered": plan[1],
            f"{title}: cold": cold,
            f"{title}: cold, less three steps": Cost(cold.cpu - one.cpu, cold.wall - one.wall),
            f"{title}: unchanged": again,
            f"{title}, joblib loop: cold": beside,
            f"{title}, joblib loop: unchanged": once_more,
        }
    return costs


def measure_pretend(folder: Path) -> dict[str, Cost]:
    """Measure the generation of a table of 20 columns, without the start of Python and the imports."""
    return _measure_tables(folder, "magical")


def measure_dataframely(folder: Path) -> dict[str, Cost]:
    """Measure the same columns with the sampler of dataframely."""
    return _measure_tables(folder, "dataframely")


def measure_csv(folder: Path) -> dict[str, Cost]:
    """Measure the reading of 1e6 rows and 20 columns of csv, without the start of Python and the imports."""
    costs, path = {}, folder / "table.csv"
    for kind in ("plain", "quoted"):
        measure_command([PYTHON, CSV_SCRIPT, "write", kind, path], folder)
        for reader in ("polars", "ingest"):
            cost = json.loads(measure_command([PYTHON, CSV_SCRIPT, reader, path], folder).out)
            _expect(cost["shape"] == [1_000_000, 20], f"{reader} read {cost['shape']}")
            costs[f"{kind} csv by {reader}"] = Cost(cost["cpu"], cost["wall"])
    return costs


def measure_score(folder: Path) -> dict[str, Cost]:
    """Measure the scoring of parquet files by the command, and by a plain script with the same Pipeline."""
    project, pipeline = _register_returns()
    costs: dict[str, Cost] = {}
    script: list[str | Path] = [PYTHON, SCORING / "script.py"]
    for title, rows in (("1e3", 1_000), ("1e6", 1_000_000)):
        source, plain, output = (folder / f"{title}{end}" for end in ("", "-plain.parquet", ".parquet"))
        measure_command([*script, "rows", str(rows), source], folder)
        by_hand = measure_command([*script, "score", pipeline, source / "*.parquet", plain], folder)
        words = ["--model", "returns", "--project", project, "--input", source, "--output", output, "--json"]
        cost = measure_command([MAGICAL, "score", *words], folder)
        answer = json.loads(cost.out)
        _expect(answer["scored"] == rows, f"magical score scored {answer['scored']} of {rows}")
        difference = float(measure_command([*script, "compare", plain, output], folder).out)
        _expect(difference < 1e-9, f"the probabilities differ by {difference}")
        costs[f"{title} rows scored by a script"] = by_hand
        costs[f"{title} rows scored by magical"] = cost
    return costs


def measure_features(folder: Path) -> dict[str, Cost]:
    """Measure the way from a parquet file to a fitted Pipeline, by magical and by a plain script."""
    costs: dict[str, Cost] = {}
    script: list[str | Path] = [PYTHON, FEATURES / "script.py"]
    for title, rows in (("1e4", 10_000), ("1e5", 100_000), ("1e6", 1_000_000)):
        project = Path(shutil.copytree(FEATURES / "project", folder / title, ignore=IGNORE_FILES))
        source = project / "visits.parquet"
        measure_command([*script, "rows", str(rows), source], folder)
        scores = []
        for way, words in (("a script", ["plain", source]), ("magical", ["magical", project])):
            cost = measure_command([*script, *words], folder)
            answer = json.loads(cost.out)
            scores.append(answer["score"])
            costs[f"{title} rows to a Pipeline by {way}"] = cost
            for step, seconds in answer["steps"].items():
                costs[f"{title} rows, {step} by {way}"] = Cost(seconds, 0.0)
        _expect(abs(scores[0] - scores[1]) < 0.03, f"the ROC AUC are {scores}")
        shutil.rmtree(project)
    return costs


def read_scores(folder: Path) -> tuple[float, float]:
    """Read the ROC AUC that the script and the project wrote, after a round of each in this folder."""
    paths = [folder / "script" / "model.joblib", folder / "magical" / "model.joblib"]
    code = "import sys, joblib; print([float(joblib.load(p)['roc_auc']) for p in sys.argv[1:]])"
    mine, other = json.loads(measure_command([PYTHON, "-c", code, *paths], folder).out)
    return mine, other


def check_imports(folder: Path) -> dict[str, list[str]]:
    """List the heavy modules that light commands import; there must be none."""
    project = Path(shutil.copytree(PROJECT, folder / "imports", ignore=IGNORE_FILES))
    measure_run(project, TRACKING_OFF)
    return {
        "magical --help": find_heavy_imports(project, "--help"),
        "magical run, unchanged": find_heavy_imports(project, "run", TRACKING_OFF),
    }


def find_tracking_problem(folder: Path) -> str:
    """Return the reason why tracking cannot be measured; empty if it can."""
    project = Path(shutil.copytree(PROJECT, folder / "tracking", ignore=IGNORE_FILES))
    try:
        cost, _ = measure_run(project, "tracking.enabled=true")
    except CommandFailed as error:
        return str(error)
    recorded = "hears no more" not in cost.err and any(project.rglob("mlflow.db"))
    return "" if recorded else f"the listener failed: {cost.err.strip() or 'it recorded nothing'}"


def find_fit_problem(folder: Path) -> str:
    """Return the reason why `magical fit` cannot be measured; empty if it can."""
    return "" if _find_telco().is_file() else "DATA=FOLDER names no folder with telco_churn.parquet"


def find_dataframely_problem(folder: Path) -> str:
    """Return the reason why dataframely cannot be measured; empty if it can."""
    return "" if importlib.util.find_spec("dataframely") else "dataframely is not installed"


def find_prefect_problem(folder: Path) -> str:
    """Return the reason why Prefect cannot be measured; empty if it can."""
    return "" if importlib.util.find_spec("prefect") else "prefect is not installed"


def find_campaign_problem(folder: Path) -> str:
    """Return the reason why the campaign cannot be measured, empty if it can; warm its bytecode too."""
    if not (CAMPAIGN / "workflow.py").is_file():
        return "there is no examples/campaign"
    project = Path(shutil.copytree(CAMPAIGN, folder / "warming", ignore=IGNORE_FILES))
    try:
        measure_run(project, "--register", *FEW_TRIALS)
    except CommandFailed as error:
        return str(error)
    return ""


def _measure_nine_steps(folder: Path, title: str, *words: str) -> dict[str, Cost]:
    shutil.copytree(PROJECT, folder, ignore=IGNORE_FILES, dirs_exist_ok=True)
    cold, ran = measure_run(folder, *words)
    again, still = measure_run(folder, *words)
    _edit_train(folder / "workflow.py")
    edited, followers = measure_run(folder, *words)
    _expect(len(ran) == 9, f"a cold run ran {ran}")
    _expect(not still, f"an unchanged project ran {still}")
    _expect(followers == ["train", "predict", "score", "write"], f"after an edit of train ran {followers}")
    return {
        f"{title}: cold": cold,
        f"{title}: unchanged": again,
        f"{title}: after an edit of train": edited,
    }


def _find_telco() -> Path:
    return Path(os.environ.get("DATA", "")).resolve() / "telco_churn.parquet"


@functools.cache
def _start_prefect() -> str:
    """Start a Prefect server that ends with this process, and return the address of its API."""
    from magical.project.servers.hosting import await_servers, describe_prefect_server, find_free_port

    home = Path(tempfile.mkdtemp(prefix="magical-bench-prefect-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    server = describe_prefect_server(home, find_free_port())
    process = server.start()
    atexit.register(process.__exit__, None, None, None)
    process.__enter__()
    await_servers([(server, process)])
    return f"{server.address}/api"


@functools.cache
def _register_returns() -> tuple[Path, Path]:
    """Register the model of the scoring project once; return the project, and the Pipeline by itself."""
    home = Path(tempfile.mkdtemp(prefix="magical-bench-score-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    project = Path(shutil.copytree(SCORING / "project", home / "project", ignore=IGNORE_FILES))
    measure_command([PYTHON, SCORING / "script.py", "rows", "20000", project / "orders"], home)
    measure_run(project)
    pipeline = home / "pipeline.joblib"
    measure_command([PYTHON, SCORING / "script.py", "dump", project / ".magical", pipeline], home)
    return project, pipeline


def _read_step_seconds(project: Path) -> list[float]:
    """Read the seconds of each step's body from the only run of a project."""
    (journal,) = (project / ".magical" / "runs").glob("*/journal.jsonl")
    events = map(json.loads, journal.read_text(encoding="utf-8").splitlines())
    return [float(e["seconds"]) for e in events if e["event"] == "StepFinished"]


def _subtract_step_seconds(project: Path, cost: Cost) -> Cost:
    # Nine steps in a row: no two overlap, and their bodies hardly wait.
    own = sum(_read_step_seconds(project))
    return Cost(cost.cpu - own, cost.wall - own)


def _measure_tables(folder: Path, kind: str) -> dict[str, Cost]:
    costs = {}
    for title, rows in (("1e5", 100_000), ("1e6", 1_000_000)):
        cost = json.loads(measure_command([PYTHON, TABLES_SCRIPT, kind, str(rows)], folder).out)
        _expect(cost["shape"] == [rows, 20], f"{kind} made {cost['shape']}")
        costs[f"{title} rows by {kind}"] = Cost(cost["cpu"], cost["wall"])
    return costs


def _edit_train(path: Path) -> None:
    _replace(path, "C=1.0", "C=0.5")


def _replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    _expect(text.count(old) == 1, f"{path} has one {old}")
    path.write_text(text.replace(old, new), encoding="utf-8")


def _expect(holds: bool, text: str) -> None:
    if not holds:
        raise CommandFailed(text)
