"""Random edits of a random project, in random order; after each run the results are those of plain Python."""

import copy
import random
import shutil
import tempfile
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import magical
from magical.contracts.promises import Frame, Promise
from magical.engine.run import RunResult
from magical.errors import DamagedArtifact
from magical.project import Project
from torture.damaging import damage
from torture.living import Call, Living, same
from torture.living_kinds import KINDS, MODULES

PROMISES = {"int": Promise("value", int), "Frame[Row]": Promise("table", Frame)}
NUMBER = st.integers(0, 3)
PICK = st.integers(0, 10_000)
KIND = PICK.map(lambda n: random.Random(n).choice(list(KINDS)))  # a sample of so many would prefer a few
MEMORY = Path("/dev/shm")  # a folder in memory, where there is one: a disk would make most of the time


class Edited(RuleBasedStateMachine):
    """The project, its store, and the expected state of both."""

    def __init__(self) -> None:
        super().__init__()
        place = MEMORY if MEMORY.is_dir() else None
        self.folder = Path(tempfile.mkdtemp(prefix="magical-edited-", dir=place)).resolve()
        self.living = Living(self.folder)
        self.project: Project | None = None
        self.ran: set[str] = set()
        """The fingerprints of the nodes that ran since the store was damaged."""
        self.damaged = False
        self.edits = 0
        """Since the last run."""
        self.settled = False
        """True if the last run was complete, nothing failed, and only comments changed since."""

    def teardown(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- edits --------------------------------------------------------------------------------------------------

    @initialize(picks=st.lists(st.tuples(KIND, PICK, NUMBER), min_size=3, max_size=7))
    def begin(self, picks: list[tuple[str, int, int]]) -> None:
        self._add("constant", 0, 1)
        for kind, wires, number in picks:
            self._add(kind, wires, number)
        self.living.write()

    @rule(kind=KIND, wires=PICK, number=NUMBER)
    def add_a_step(self, kind: str, wires: int, number: int) -> None:
        if len(self.living.state.calls) < 12:
            self._edit()
            self._add(kind, wires, number)

    @rule(pick=PICK, wires=PICK)
    def call_a_step_again(self, pick: int, wires: int) -> None:
        functions = list(self.living.state.functions)
        if len(self.living.state.calls) < 12:
            self._edit()
            self._call(functions[pick % len(functions)], wires)

    @precondition(lambda self: len(self.living.state.calls) > 2)
    @rule(pick=PICK)
    def remove_a_step(self, pick: int) -> None:
        self._edit()
        calls = self.living.state.calls
        self.living.drop(calls[pick % len(calls)])
        if not self.living.state.calls:
            self._add("constant", 0, 1)

    @rule(pick=PICK)
    def rename_a_step(self, pick: int) -> None:
        self._edit()
        state = self.living.state
        old, new = list(state.functions)[pick % len(state.functions)], self.living.name("step")
        state.functions = {new if n == old else n: f for n, f in state.functions.items()}
        for call in state.calls:
            call.function = new if call.function == old else call.function

    @rule(pick=PICK)
    def edit_a_body(self, pick: int) -> None:
        self._edit()
        functions = self.living.state.functions
        name = list(functions)[pick % len(functions)]
        kind, number = functions[name]
        functions[name] = (kind, (number + 1) % 4)

    @rule(pick=PICK, kind=PICK)
    def write_another_body(self, pick: int, kind: int) -> None:
        functions = self.living.state.functions
        name = list(functions)[pick % len(functions)]
        own = KINDS[functions[name][0]]
        others = [k for k, facts in KINDS.items() if facts[:2] == own[:2]]
        self._edit()
        self.living.state.functions[name] = (others[kind % len(others)], functions[name][1])

    @rule(pick=PICK, wires=PICK)
    def rewire(self, pick: int, wires: int) -> None:
        self._edit()
        calls = self.living.state.calls
        number = pick % len(calls)
        given = self._given(calls[number].function, number, wires)
        if given is not None:
            calls[number].given = given

    @rule(pick=PICK)
    def edit_a_helper(self, pick: int) -> None:
        """Choose a definition that some step refers to, or, seldom, any."""
        self._edit()
        numbers = self.living.state.numbers
        used = [n for n in sorted(numbers) if n in self.living.used()]
        dice = random.Random(pick)
        name = dice.choice(used if used and dice.random() < 0.9 else sorted(numbers))
        numbers[name] = (numbers[name] + 1) % 4

    @rule(name=st.sampled_from(["n0", "n1"]), file=st.sampled_from(["a.txt", "b.txt", "c.txt", ""]))
    def edit_settings_or_data(self, name: str, file: str) -> None:
        self._edit()
        state = self.living.state
        if file:
            state.files[file] = (state.files[file] + 1) % 4
        else:
            state.settings[name] = (state.settings[name] + 1) % 4

    @precondition(lambda self: self.living.past)
    @rule(pick=PICK)
    def go_back(self, pick: int) -> None:
        self.settled = False
        past = self.living.past
        self.living.state = copy.deepcopy(past[pick % len(past)])

    @rule(name=st.sampled_from([*(f"{m}.py" for m in MODULES), "workflow.py"]), noise=st.integers(0, 11))
    def edit_comments(self, name: str, noise: int) -> None:
        self.living.state.noise[name] = noise
        self.living.write()
        if self.settled:
            assert self._load(False).run().executed == [], "an edit of comments ran something"

    @rule(seed=PICK, how=st.sampled_from(["delete", "cut", "flip"]))
    def damage_the_store(self, seed: int, how: str) -> None:
        dice = random.Random(seed)
        store = self.folder / ".magical" / "store"
        files = sorted(p for kind in ("objects", "records") for p in (store / kind).rglob("*") if p.is_file())
        if files:
            self.settled, self.damaged = False, True
            self.ran.clear()
        for path in dice.sample(files, min(len(files), 3)):
            damage(path, how, dice)

    # --- runs ---------------------------------------------------------------------------------------------------

    @rule(workers=st.integers(1, 3), anew=st.booleans())
    def run_all(self, workers: int, anew: bool) -> None:
        self._run("", workers, anew)

    @rule(workers=st.integers(1, 3), anew=st.booleans(), again=st.booleans())
    def run_all_and_perhaps_again(self, workers: int, anew: bool, again: bool) -> None:
        result = self._run("", workers, anew)
        if again and not result.errors:
            assert self._load(anew).execute("", {"policy": {"workers": workers}}).executed == []

    @rule(pick=PICK, workers=st.integers(1, 3), anew=st.booleans())
    def run_up_to_one_step(self, pick: int, workers: int, anew: bool) -> None:
        calls = self.living.state.calls
        self._run(calls[pick % len(calls)].data, workers, anew)

    @invariant()
    def two_edits_are_enough(self) -> None:
        if self.edits > 1:
            self._run("", 1 + self.living.last % 3, self.living.last % 2 == 0)

    def _run(self, data: str, workers: int, anew: bool) -> RunResult:
        self.living.write()
        self.edits = 0
        project = self._load(anew)
        graph = project.graph()
        names = {n.data: n.name for n in graph.nodes}
        step = names[data] if data else ""
        line = {"policy": {"workers": workers}}
        plans = project.plan(step, **line)
        result = project.execute(step, line)
        part = graph.subgraph(step) if step else graph
        for _ in range(10):  # what is fresh is read only now; what turns out to be damaged is made again
            try:
                self._compare(project, result, {n.data: n.name for n in part.nodes if n.data in self._data()})
                break
            except DamagedArtifact:
                assert self.damaged
                result = project.execute(step, line)
                assert result.executed, "a damaged result was not made again"
        else:
            raise AssertionError("a result stays damaged")
        executed = {n.data for n in graph.nodes if n.name in result.executed} & self._data()
        texts = self.living.fingerprints()
        assert not {d for d in executed if texts[d] in self.ran}, "a step ran although nothing of it changed"
        if not self.damaged:
            attempted = {*result.executed, *result.errors}
            keys = {plans[n].key for n in attempted}
            assert {p.key for p in plans.values() if p.state == "to run"} <= keys
            assert not {n for n, p in plans.items() if p.state == "fresh"} & attempted
        self.ran |= {texts[d] for d in executed}
        self.settled = not data and not result.errors
        return result

    def _compare(self, project: Project, result: RunResult, names: dict[str, str]) -> None:
        expected = self.living.expected()
        failed = {d for d, n in names.items() if n in result.errors}
        assert failed == expected.raised & set(names)
        assert {d for d, n in names.items() if n in result.records} == set(expected.values) & set(names)
        hints = {c.data: self.living.kind(c)[1] for c in self.living.state.calls}
        for data, name in names.items():
            if data in expected.values:
                value = project.store.load(result.records[name].result, PROMISES[hints[data]])
                assert same(value, expected.values[data]), (data, name, value, expected.values[data])

    def _load(self, anew: bool) -> Project:
        if anew or self.project is None:
            self.project = magical.load(self.folder)
        return self.project

    # --- parts of edits -----------------------------------------------------------------------------------------

    def _data(self) -> set[str]:
        return {c.data for c in self.living.state.calls}

    def _edit(self) -> None:
        self.living.remember()
        self.settled = False
        self.edits += 1

    def _add(self, kind: str, wires: int, number: int) -> None:
        function = self.living.name("step")
        self.living.state.functions[function] = (kind, number)
        if not self._call(function, wires):
            self.living.state.functions[function] = ("constant", number)
            self._call(function, wires)

    def _call(self, function: str, wires: int) -> bool:
        calls = self.living.state.calls
        given = self._given(function, len(calls), wires)
        if given is not None:
            calls.append(Call(self.living.name("v"), function, given))
        return given is not None

    def _given(self, function: str, number: int, wires: int) -> list[str] | None:
        """Choose the arguments of a call: results of the right type from the lines before it."""
        dice, given = random.Random(wires), []
        for name, hint in self.living.parameters(function):
            fit = {"n": ["s.n0", "s.n1"], "path": ["s.a", "s.b"]}.get(name)
            fit = fit or self.living.of_type("int" if name == "xs" else hint, number)
            if not fit:
                return None
            given += [dice.choice(fit) for _ in range(dice.randint(1, 4) if name == "xs" else 1)]
        return given
