"""What is measured: each job does one round in an empty folder and gives what each phase of it cost."""

import atexit
import functools
import importlib.util
import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from measuring import MAGICAL, PYTHON, CommandFailed, Cost, cost_of, heavy_imports, magical_run

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
SCRIPT = HERE / "nine_steps" / "script.py"
PROJECT = HERE / "nine_steps" / "magical_project"
SIDE_BY_SIDE = HERE / "side_by_side"
THOUSAND = HERE / "thousand"
TABLES = HERE / "pretend" / "tables.py"
IMPORTED = HERE / "flow_runs" / "imported.py"
CAMPAIGN = ROOT / "examples" / "campaign"
OFF = "tracking.enabled=false"
FEW_TRIALS = ("experiments.0.trials=1", "experiments.1.trials=1")
LEFT_BEHIND = shutil.ignore_patterns(".magical", "__pycache__", "mlruns", "mlflow.db")

Round = Callable[[Path], dict[str, Cost]]


def script(folder: Path) -> dict[str, Cost]:
    """The plain script with joblib."""
    copy = Path(shutil.copy(SCRIPT, folder))
    command = [PYTHON, copy, folder]
    costs = {"script: cold": cost_of(command, folder), "script: unchanged": cost_of(command, folder)}
    _edit_train(copy)
    return costs | {"script: after an edit of train": cost_of(command, folder)}


def nine_steps(folder: Path) -> dict[str, Cost]:
    """The same with magical, tracking off."""
    return _nine_steps(folder, "magical", OFF)


def tracked(folder: Path) -> dict[str, Cost]:
    """The same with MLflow tracking on."""
    return _nine_steps(folder, "magical, tracked", "tracking.enabled=true")


def starts(folder: Path) -> dict[str, Cost]:
    """What it takes to say anything at all."""
    return {
        "magical --help": cost_of([MAGICAL, "--help"], folder),
        'python -c "import sklearn"': cost_of([PYTHON, "-c", "import sklearn"], folder),
    }


def campaign(folder: Path) -> dict[str, Cost]:
    """The example that `make demo` runs, with its registry, and after a smaller budget for one experiment."""
    project = folder / "campaign"
    shutil.copytree(CAMPAIGN, project, ignore=LEFT_BEHIND)
    cold, ran = magical_run(project)
    again, still = magical_run(project)
    _expect(not still, f"an unchanged campaign ran {still}")
    costs = {"campaign: cold": cold, "campaign: unchanged": again}
    settings = json.loads(cost_of([MAGICAL, "show", "--settings", "--json"], project).out)["settings"]
    for number, experiment in enumerate(settings["experiments"]):
        fewer = int(experiment["trials"]) - 1
        edited, steps = magical_run(project, f"experiments.{number}.trials={fewer}")
        _expect(0 < len(steps) < len(ran), f"after an edit of one experiment these ran: {steps}")
        costs[f"campaign: after an edit of {experiment['name']}"] = edited
    return costs


def cluster(folder: Path) -> dict[str, Cost]:
    """The nine steps in threads and on a Dask cluster of two; and experiments on one worker and on two."""
    costs: dict[str, Cost] = {}
    for title, words in (("local", ()), ("Dask of two", ("policy.cluster=dask",))):
        place = Path(shutil.copytree(PROJECT, folder / title.replace(" ", "-"), ignore=LEFT_BEHIND))
        cost, ran = magical_run(place, OFF, "policy.workers=2", *words)
        _expect(len(ran) == 9, f"on {title} ran {ran}")
        costs[f"nine steps, {title}"] = cost
        costs[f"nine steps, {title}: beyond the steps' own"] = _beyond(place, cost)
    results = set()
    for workers in (1, 2):
        place = Path(shutil.copytree(SIDE_BY_SIDE, folder / str(workers), ignore=LEFT_BEHIND))
        cost, _ = magical_run(place, OFF, "policy.cluster=dask", f"policy.workers={workers}")
        results.add(json.loads(cost.out)["results"]["best"])
        costs[f"experiments on Dask, {workers} at a time"] = cost
        costs[f"experiments on Dask, {workers} at a time: longest"] = Cost(0.0, max(_seconds(place)))
    _expect(len(results) == 1, f"one worker and two gave {results}")
    return costs


def prefect(folder: Path) -> dict[str, Cost]:
    """The nine steps alone, under Prefect, and under Prefect on Dask of two; and flow runs in one process."""
    api = f"policy.server={_prefect_api()}"
    ways = (
        ("local", ()),
        ("Prefect", ("policy.runner=prefect", api)),
        ("Prefect on Dask of two", ("policy.runner=prefect", api, "policy.cluster=dask")),
    )
    costs: dict[str, Cost] = {}
    for title, words in ways:
        place = Path(shutil.copytree(PROJECT, folder / title.replace(" ", "-"), ignore=LEFT_BEHIND))
        cost, ran = magical_run(place, OFF, "policy.workers=2", *words)
        _expect(len(ran) == 9, f"under {title} ran {ran}")
        costs[f"nine steps, beside Prefect: {title}"] = cost
        costs[f"beyond the steps' own: {title}"] = _beyond(place, cost)
    place = Path(shutil.copytree(PROJECT, folder / "imported", ignore=LEFT_BEHIND))
    for title, cost in json.loads(cost_of([PYTHON, IMPORTED, _prefect_api()], place).out).items():
        costs[f"in one process, imported: {title}"] = Cost(cost["cpu"], cost["wall"])
    return costs


def thousand(folder: Path) -> dict[str, Cost]:
    """A thousand steps that do next to nothing, as a project and as a loop with joblib."""
    costs: dict[str, Cost] = {}
    for kind in ("values", "tables"):
        project, loop = folder / kind, folder / f"{kind}-loop"
        shutil.copytree(THOUSAND, project, ignore=LEFT_BEHIND)
        loop.mkdir()
        words, title = [OFF, f"tables={str(kind == 'tables').lower()}"], f"1,000 {kind}"
        one, _ = magical_run(project, *words, "steps=3")
        plan = [cost_of([MAGICAL, "plan", *words], project) for _ in range(2)]
        cold, ran = magical_run(project, *words)
        again, still = magical_run(project, *words)
        _expect(len(ran) > 900 and not still, f"of {title} {len(ran)} ran, and then {len(still)}")
        script = [PYTHON, THOUSAND / "script.py", loop, kind]
        beside, once_more = cost_of(script, loop), cost_of(script, loop)
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


def pretend(folder: Path) -> dict[str, Cost]:
    """A table of 20 columns, made up from its contract; starting Python and importing do not count."""
    return _tables(folder, "magical")


def dataframely(folder: Path) -> dict[str, Cost]:
    """The same columns by dataframely's own sampler."""
    return _tables(folder, "dataframely")


def same_results(folder: Path) -> tuple[float, float]:
    """Give the ROC AUC that the script and the project wrote out, after a round of each in this folder."""
    paths = [folder / "script" / "model.joblib", folder / "magical" / "model.joblib"]
    code = "import sys, joblib; print([float(joblib.load(p)['roc_auc']) for p in sys.argv[1:]])"
    mine, other = json.loads(cost_of([PYTHON, "-c", code, *paths], folder).out)
    return mine, other


def imports(folder: Path) -> dict[str, list[str]]:
    """Give the heavy modules that light commands import; there must be none."""
    project = Path(shutil.copytree(PROJECT, folder / "imports", ignore=LEFT_BEHIND))
    magical_run(project, OFF)
    return {
        "magical --help": heavy_imports(project, "--help"),
        "magical run, unchanged": heavy_imports(project, "run", OFF),
    }


def why_not_tracked(folder: Path) -> str:
    """Say why tracking cannot be measured; empty if it can."""
    project = Path(shutil.copytree(PROJECT, folder / "tracking", ignore=LEFT_BEHIND))
    try:
        cost, _ = magical_run(project, "tracking.enabled=true")
    except CommandFailed as error:
        return str(error)
    heard = "hears no more" not in cost.err and any(project.rglob("mlflow.db"))
    return "" if heard else f"the listener failed: {cost.err.strip() or 'it recorded nothing'}"


def why_no_dataframely(folder: Path) -> str:
    """Say why dataframely cannot be measured; empty if it can."""
    return "" if importlib.util.find_spec("dataframely") else "dataframely is not installed"


def why_no_prefect(folder: Path) -> str:
    """Say why Prefect cannot be measured; empty if it can."""
    return "" if importlib.util.find_spec("prefect") else "prefect is not installed"


def why_no_campaign(folder: Path) -> str:
    """Say why the campaign cannot be measured, empty if it can; this warms its bytecode too."""
    if not (CAMPAIGN / "workflow.py").is_file():
        return "there is no examples/campaign"
    project = Path(shutil.copytree(CAMPAIGN, folder / "warming", ignore=LEFT_BEHIND))
    try:
        magical_run(project, *FEW_TRIALS)
    except CommandFailed as error:
        return str(error)
    return ""


def _nine_steps(folder: Path, title: str, *words: str) -> dict[str, Cost]:
    shutil.copytree(PROJECT, folder, ignore=LEFT_BEHIND, dirs_exist_ok=True)
    cold, ran = magical_run(folder, *words)
    again, still = magical_run(folder, *words)
    _edit_train(folder / "workflow.py")
    edited, followers = magical_run(folder, *words)
    _expect(len(ran) == 9, f"a cold run ran {ran}")
    _expect(not still, f"an unchanged project ran {still}")
    _expect(followers == ["train", "predict", "score", "write"], f"after an edit of train ran {followers}")
    return {
        f"{title}: cold": cold,
        f"{title}: unchanged": again,
        f"{title}: after an edit of train": edited,
    }


@functools.cache
def _prefect_api() -> str:
    """Start a Prefect server that ends with these measurements, and give its API."""
    from magical.project.servers.hosting import await_servers, free_port, prefect_server

    home = Path(tempfile.mkdtemp(prefix="magical-bench-prefect-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    server = prefect_server(home, free_port())
    process = server.start()
    atexit.register(process.__exit__, None, None, None)
    process.__enter__()
    await_servers([(server, process)])
    return f"{server.address}/api"


def _seconds(project: Path) -> list[float]:
    """Give the seconds of each step's body in the one run of a project."""
    (journal,) = (project / ".magical" / "runs").glob("*/journal.jsonl")
    events = map(json.loads, journal.read_text(encoding="utf-8").splitlines())
    return [float(e["seconds"]) for e in events if e["event"] == "StepFinished"]


def _beyond(project: Path, cost: Cost) -> Cost:
    own = sum(_seconds(project))  # nine steps in a row: one at a time, and next to no waiting in them
    return Cost(cost.cpu - own, cost.wall - own)


def _tables(folder: Path, kind: str) -> dict[str, Cost]:
    costs = {}
    for title, rows in (("1e5", 100_000), ("1e6", 1_000_000)):
        cost = json.loads(cost_of([PYTHON, TABLES, kind, str(rows)], folder).out)
        _expect(cost["shape"] == [rows, 20], f"{kind} made {cost['shape']}")
        costs[f"{title} rows by {kind}"] = Cost(cost["cpu"], cost["wall"])
    return costs


def _edit_train(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    _expect(text.count("C=1.0") == 1, f"{path} has one C=1.0")
    path.write_text(text.replace("C=1.0", "C=0.5"), encoding="utf-8")


def _expect(holds: bool, text: str) -> None:
    if not holds:
        raise CommandFailed(text)
