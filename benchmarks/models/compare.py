"""Compare the models that magical makes with those of other tools: `make bench-models DATA=FOLDER`.

Each tool gets the same rows and columns, in an environment of its own; the judge knows its predictions only.
What is done already is not done again: results are files in build/models, one for each table, seed and tool.
"""

import argparse
import json
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from judging import BadPredictions, compare_losses, compute_error, read_losses
from measuring import CommandFailed, Cost, measure_command
from peers import PEERS, ROOT, Peer, make_environment
from summary import PLAIN, Result, check_aims, describe, to_json
from tables import TABLES, write_files

BUILD = ROOT / "build" / "models"


def main() -> int:
    """Run what is missing, and print the summary; return 1 if a tool failed."""
    options = _parse_options()
    chosen = [(t, s, p) for s in options.seeds for t in options.tables for p in options.peers]
    tasks = {(t, s): write_files(t, s, options.data, BUILD / "data" / f"{t}-{s}") for t, s, _ in chosen}
    for number, (table, seed, peer) in enumerate(chosen, start=1):
        print(f"{number} of {len(chosen)}: {table}, seed {seed}, {peer}", file=sys.stderr, flush=True)
        _run(tasks[table, seed], peer, options)
    results = list(_read_results(chosen, tasks))
    aims = list(check_aims(results))
    text = "\n".join(describe(results, aims))
    print(f"{text}\n\nLoad {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores at the end.")
    if options.json:
        options.json.write_text(json.dumps(to_json(results, aims), indent=2) + "\n", encoding="utf-8")
    return int(any(r.failure for r in results))


def _parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Compare our models with those of other tools.")
    data = os.environ.get("DATA", "")
    parser.add_argument(
        "--data", type=Path, metavar="FOLDER", help="the folder of the tables (or DATA=FOLDER)"
    )
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=list(TABLES), help="default: all")
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS), help="default: all")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], metavar="N", help="default: 0 1 2")
    parser.add_argument("--budget", type=float, default=60, metavar="SECONDS", help="of tools that take one")
    parser.add_argument("--again", action="store_true", help="run the chosen ones again")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    options = parser.parse_args()
    options.data = (options.data or Path(data)).resolve()
    if missing := [TABLES[t].file for t in options.tables if not (options.data / TABLES[t].file).is_file()]:
        parser.error(f"{options.data} has no {', '.join(missing)}: give the folder by --data or DATA.")
    return options


def _run(task: dict[str, Any], peer: str, options: argparse.Namespace) -> None:
    """Fit and score, and store the result, unless it is there."""
    given = {"digest": task["digest"], "budget": PEERS[peer].budget or options.budget}
    folder = _find_folder(task, peer)
    stored = _read_result(folder)
    if not options.again and stored.get("given") == given and not stored["result"]["failure"]:
        return
    shutil.rmtree(folder, ignore_errors=True)
    result = Result(task["table"], task["seed"], peer)
    try:
        result = _measure(result, task, PEERS[peer], given["budget"], folder)
    except (CommandFailed, BadPredictions) as error:
        result = replace(result, failure=" ".join(str(error).split())[-300:])
    shutil.rmtree(folder / "model", ignore_errors=True)
    shutil.rmtree(folder / "answer" / "deployed", ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    stored = {"given": given, "result": asdict(result)}
    (folder / "result.json").write_text(json.dumps(stored, indent=2) + "\n", encoding="utf-8")


def _measure(result: Result, task: dict[str, Any], peer: Peer, budget: float, folder: Path) -> Result:
    """Fit and score in processes of the peer's own, and judge what they wrote."""
    python = make_environment(peer.requirements, BUILD / "environments")
    data, model, answer = (
        BUILD / "data" / f"{task['table']}-{task['seed']}",
        folder / "model",
        folder / "answer",
    )
    folder.mkdir(parents=True)
    fitted: Cost = measure_command(peer.command(python, "fit", [data, model, str(budget)]), folder)
    measure_command(peer.command(python, "score", [data, model, answer]), folder)
    losses = read_losses(answer / "predictions.parquet", data / "truth.parquet", task["kind"])
    speeds = json.loads((answer / "speeds.json").read_text(encoding="utf-8"))
    size = _measure_size(model)
    return replace(
        result,
        error=compute_error(losses, task["kind"]),
        cpu=fitted.cpu,
        wall=fitted.wall,
        rows=speeds["rows a second"],
        single=speeds["single rows a second"],
        size=size,
        deployed=_measure_size(answer / "deployed") or size,
    )


def _read_results(chosen: list[tuple[str, int, str]], tasks: dict[Any, dict[str, Any]]) -> Iterator[Result]:
    """Read the stored results, and compare each with plain LightGBM where that has one."""
    for table, seed, peer in chosen:
        task = tasks[table, seed]
        result = Result(**_read_result(_find_folder(task, peer))["result"])
        paths = [_find_folder(task, name) / "answer" / "predictions.parquet" for name in (peer, PLAIN)]
        if not result.failure and all(path.is_file() for path in paths):
            truth = BUILD / "data" / f"{table}-{seed}" / "truth.parquet"
            mine, plain = (read_losses(path, truth, task["kind"]) for path in paths)
            result = replace(result, beside_plain=compare_losses(mine, plain))
        yield result


def _find_folder(task: dict[str, Any], peer: str) -> Path:
    name = peer.replace(", ", "-").replace(" ", "-")
    return BUILD / "results" / f"{task['table']}-{task['seed']}" / name


def _read_result(folder: Path) -> dict[str, Any]:
    path = folder / "result.json"
    stored: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return stored


def _measure_size(folder: Path) -> float:
    """Measure the files in a folder in MB."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


if __name__ == "__main__":
    sys.exit(main())
