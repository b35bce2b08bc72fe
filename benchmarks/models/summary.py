"""The summary: a table for each data set, the ratios to other tools over all of them, and the aims."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import mean, stdev
from typing import Any

OURS, ALONE, SHORT = "magical", "magical, LightGBM alone", "magical, 10 s"
PLAIN, SKRUB, FLAML, AUTOGLUON = "LightGBM", "skrub", "FLAML", "AutoGluon"
NOISE = 2.0
"""Two models differ beyond noise if their losses do by so many standard errors."""


@dataclass(frozen=True)
class Result:
    """One model of one peer on one split of one table.

    Attributes:
        error: on test: log loss, or the root mean squared error.
        cpu: seconds of the process that fits, imports and saving included; ``wall`` the same by the clock.
        rows: rows scored a second, all at once; ``single`` one at a time.
        size: MB of the model on disk; ``deployed`` of the part of it that serving needs.
        beside_plain: by how many standard errors its losses are greater than those of plain LightGBM.
        failure: the reason why there is no model.
    """

    table: str
    seed: int
    peer: str
    error: float = 0.0
    cpu: float = 0.0
    wall: float = 0.0
    rows: float = 0.0
    single: float = 0.0
    size: float = 0.0
    deployed: float = 0.0
    beside_plain: float | None = None
    failure: str = ""


@dataclass(frozen=True)
class Ratio:
    """The mean over tables and seeds of a ratio of two peers.

    Attributes:
        by_seed: the mean over the tables, for each seed.
        count: the number of pairs of results.
    """

    mean: float
    by_seed: Mapping[int, float]
    count: int

    def __str__(self) -> str:
        if len(self.by_seed) < 2:
            return f"{self.mean:.3f}"
        low, high = min(self.by_seed.values()), max(self.by_seed.values())
        return f"{self.mean:.3f} ± {stdev(self.by_seed.values()):.3f} ({low:.3f} to {high:.3f})"


@dataclass(frozen=True)
class Aim:
    """What is aimed at and what was measured; ``met`` is None where it was not."""

    text: str
    figure: str
    met: bool | None


def compute_ratio(results: Sequence[Result], mine: str, other: str, field: str) -> Ratio | None:
    """Compute the mean ratio of a figure of two peers; None if no table and seed has both.

    A peer's figure counts only where both have a model. Each table of a seed weighs alike.
    """
    figures = {(r.peer, r.table, r.seed): float(getattr(r, field)) for r in results if not r.failure}
    ratios: dict[int, list[float]] = {}
    for (peer, table, seed), figure in figures.items():
        beside = figures.get((other, table, seed))
        if peer == mine and beside:
            ratios.setdefault(seed, []).append(figure / beside)
    if not ratios:
        return None
    values = [ratio for seed in ratios.values() for ratio in seed]
    return Ratio(mean(values), {seed: mean(ratios[seed]) for seed in sorted(ratios)}, len(values))


def check_aims(results: Sequence[Result]) -> Iterator[Aim]:
    """Compare what was measured with the aims."""
    for other in (AUTOGLUON, FLAML):
        yield _check_ratio(results, (OURS, other, "error"), 0.95)
        yield _check_ratio(results, (OURS, other, "cpu"), 0.5)
    yield _check_ratio(results, (OURS, AUTOGLUON, "size"), 0.1)
    yield _check_ratio(results, (OURS, AUTOGLUON, "deployed"), 0.1)
    for other in (AUTOGLUON, FLAML):
        yield _check_ratio(results, (SHORT, other, "error"), 0.97)
    seconds = [r.cpu for r in results if r.peer == SHORT and not r.failure]
    figure = f"{mean(seconds):.1f}, {max(seconds):.1f} at most" if seconds else "not measured"
    yield Aim(f"CPU s of {SHORT}: 10 on average", figure, mean(seconds) <= 10 if seconds else None)
    yield _check_ratio(results, (ALONE, OURS, "error"), 1.01)
    yield _check_noise(results)


def _check_ratio(results: Sequence[Result], what: tuple[str, str, str], most: float) -> Aim:
    mine, other, field = what
    ratio = compute_ratio(results, mine, other, field)
    name = {"cpu": "CPU s", "size": "MB", "deployed": "MB that serving needs"}.get(field, field)
    text = f"{name} of {mine} ≤ {most:g} × {other}"
    return Aim(text, str(ratio), ratio.mean <= most) if ratio else Aim(text, "not measured", None)


def _check_noise(results: Sequence[Result]) -> Aim:
    """Check on each table that ours is not worse than plain LightGBM, on average over the seeds."""
    text = f"{OURS} is on no table worse than {PLAIN} by {NOISE:g} standard errors"
    differences: dict[str, list[float]] = {}
    for result in results:
        if result.peer == OURS and result.beside_plain is not None:
            differences.setdefault(result.table, []).append(result.beside_plain)
    if not differences:
        return Aim(text, "not measured", None)
    worst = max(differences, key=lambda table: mean(differences[table]))
    figure = mean(differences[worst])
    return Aim(text, f"{figure:+.1f} at most, on {worst}", figure <= NOISE)


def describe(results: Sequence[Result], aims: Sequence[Aim]) -> Iterator[str]:
    """Describe all results as lines of text."""
    peers = list(dict.fromkeys(r.peer for r in results))
    for table in dict.fromkeys(r.table for r in results):
        yield from _describe_table(table, [r for r in results if r.table == table], peers)
    for other in (AUTOGLUON, FLAML):
        head = f"{f'Mean ratio to {other}':<26} {'error, and by seed':<34}"
        yield f"{head} {'CPU s':>7} {'MB':>7} {'served':>7}"
        for peer in (p for p in peers if p != other):
            error = compute_ratio(results, peer, other, "error")
            rest = [compute_ratio(results, peer, other, field) for field in ("cpu", "size", "deployed")]
            if error:
                figures = " ".join(f"{r.mean:>7.3f}" if r else f"{'':>7}" for r in rest)
                yield f"{peer:<26} {error!s:<34} {figures}   {error.count} pairs"
        yield ""
    yield "Aims"
    for aim in aims:
        mark = {True: "met   ", False: "MISSED", None: "?     "}[aim.met]
        yield f"  {mark}  {aim.text}: {aim.figure}"


def _describe_table(table: str, results: Sequence[Result], peers: Sequence[str]) -> Iterator[str]:
    """Describe the peers on one table by their means over the seeds."""
    numbers = f"{'CPU s':>7} {'wall':>6} {'rows/s':>9} {'single/s':>8} {'MB':>8} {'served':>7}"
    yield f"{table:<26} {'error':>10} {'±':>8} {'× AG':>6} {numbers}"
    for peer in peers:
        mine = [r for r in results if r.peer == peer]
        done = [r for r in mine if not r.failure]
        if done:
            error = [r.error for r in done]
            spread = f"{stdev(error):.4g}" if len(error) > 1 else ""
            ratio = compute_ratio(results, peer, AUTOGLUON, "error")
            beside = f"{ratio.mean:.3f}" if ratio else ""
            cpu, wall, rows, single, size, deployed = (
                mean(getattr(r, f) for r in done)
                for f in ("cpu", "wall", "rows", "single", "size", "deployed")
            )
            yield (
                f"{peer:<26} {mean(error):>10.5g} {spread:>8} {beside:>6} {cpu:>7.1f} {wall:>6.1f} "
                f"{rows:>9,.0f} {single:>8.1f} {size:>8.2f} {deployed:>7.2f}"
            )
        for result in mine:
            if result.failure:
                yield f"{peer:<26} seed {result.seed} failed: {result.failure}"
    yield ""


def to_json(results: Sequence[Result], aims: Sequence[Aim]) -> dict[str, Any]:
    """Return results, ratios and aims as JSON."""
    peers = list(dict.fromkeys(r.peer for r in results))
    ratios = {
        other: {
            peer: {
                field: asdict(ratio)
                for field in ("error", "cpu", "size", "deployed")
                if (ratio := compute_ratio(results, peer, other, field))
            }
            for peer in peers
            if peer != other
        }
        for other in (AUTOGLUON, FLAML)
    }
    return {"results": [asdict(r) for r in results], "ratios": ratios, "aims": [asdict(a) for a in aims]}
