"""Every error has a message of at most five lines with the step, the cause, and the one next move."""
# ruff: noqa: RUF005

import datetime as dt
import pickle
import re
from collections.abc import Callable
from pathlib import Path

import pytest

import magical.errors
import snapshots
from magical.errors import MagicalError, StepError, UsageError, did_you_mean, join_names, shorten
from projects import DEEP, FLOW, HELPERS, IMPORTS, Answer, Small, command, flow, is_well_worded, project

# --- projects that are wrong ----------------------------------------------------------------------------------

Edit = tuple[str, str, str]
Case = tuple[list[Edit], str, int]
W, S = "workflow.py", "settings.toml"


def w(old: str, new: str) -> list[Edit]:
    return [(W, old, new)]


CLEAN_BODY = (
    '    good = customers.filter(pl.col("id") < max_id)\n    return good.with_columns(x=twice(pl.col("x")))\n'
)
RETURN = '    return good.with_columns(x=twice(pl.col("x")))\n'
WORKFLOW = "@workflow\ndef flow(s: FlowSettings) -> int:\n"
LAST = "    return size(train)\n"
HEIGHT = "    return table.height\n"


def body(text: str) -> list[Edit]:
    """Return the small project with another body of the step ``clean``."""
    return w(CLEAN_BODY, text)


NESTED: list[Edit] = [
    (
        W,
        "class FlowSettings",
        "class How(Settings):\n    seed: int = Field(default=1, ge=0)\n\n\nclass FlowSettings",
    ),
    (
        W,
        "class How",
        "class Shape(TaggedSettings):\n    pass\n\n\nclass Square(Shape):\n    side: int = 1\n\n\nclass How",
    ),
    (
        W,
        "    unread: int = 1\n",
        "    unread: int = 1\n    how: How = How()\n    more: tuple[How, ...] = (How(),)\n    shape: Shape = Square()\n",
    ),
    (W, "from helpers", "from magical.settings import TaggedSettings\nfrom helpers"),
]
SECRET: list[Edit] = [
    (W, "from helpers", "from magical import Secret\nfrom helpers"),
    (
        W,
        "    unread: int = 1\n",
        '    unread: int = 1\n    password: Secret = Secret("env:NOT_SET_ANYWHERE")\n',
    ),
    (W, "def size(table: Frame[C])", "def size(table: Frame[C], password: Any)"),
    (W, HEIGHT, "    return len(password.reveal())\n"),
    (W, "size(train)", "size(train, s.password)"),
]
WRONG: dict[str, Case] = {
    # the call is wrong
    "unknown verb": ([], "rum", 2),
    "unknown option": ([], "run --projet x", 2),
    "unknown step": ([], "run clena", 2),
    "unknown step to plan": ([], "plan clena", 2),
    "unknown step to explain": ([], "why clena", 2),
    "unknown step to inspect": ([], "inspect clena", 2),
    "two steps": ([], "run clean size", 2),
    "no step to explain": ([], "why", 2),
    "not run yet": ([], "inspect clean", 2),
    "unknown run": ([], "runs nope", 2),
    "unknown profile": ([], "run --profile quik", 2),
    "a run of something unused": (w(LAST, "    raw(s.source)\n" + LAST), "why raw[2]", 2),
    "an option for another verb": ([], "run --mermaid", 2),
    "too many words": ([], "runs one two", 2),
    "no runs yet": ([], "runs last", 2),
    "no version yet": ([], "models --promote 9", 2),
    "a result of unwritten steps": (body("    ...\n"), "inspect clean", 2),
    # settings
    "a profile that is not TOML": ([("profiles/quick.toml", "", "max_id: 3\n")], "run --profile quick", 2),
    "an unknown setting in a profile": ([("profiles/quick.toml", "", "max_di = 3\n")], "run --profile quick", 2),
    "an unknown setting in a group": (NESTED, "run how.sedd=3", 2),
    "out of bounds in a group": (NESTED + [(S, "[track", "how.seed = -1\n[track")], "run", 2),
    "a value for a group": (NESTED, "run how=3", 2),
    "an unknown member of a list": (NESTED, "run more.7.seed=3", 2),
    "an unknown kind": (NESTED, "run shape.kind=Sqare", 2),
    "many wrong settings": (NESTED, "run max_id=0 how.seed=x how.sed=3 unread=y nope=1", 2),
    "settings that are not UTF-8": ([(S, "[track", "# \udcff\n[track")], "run", 2),
    "unknown setting": ([], "run max_idd=3", 2),
    "unknown setting in a file": ([(S, "[track", "max_idd = 3\n[track")], "run", 2),
    "a section that is none": ([(S, "[track", "[polcy]\nworkers = 2\n[track")], "run", 2),
    "a section that is none, without settings": (w(WORKFLOW, "@workflow\ndef flow() -> int:\n    s = FlowSettings()\n"), "run trackin.enabled=false", 2),
    "out of bounds": ([], "run max_id=0", 2),
    "wrong type": ([], "run max_id=many", 2),
    "not key=value": ([], "run =3", 2),
    "a value and a group": ([], "run max_id=3 max_id.x=4", 2),
    "not TOML": ([(S, "[tracking]", "[tracking")], "run", 2),
    "unknown policy": ([], "run policy.worker=2", 2),
    "policy out of bounds": ([], "run policy.workers=0", 2),
    "policy as a value": ([], "run policy=2", 2),
    "a text for a list": ([(S, "[track", '[policy]\ntags = "nightly"\n[track')], "run", 2),
    "a cluster that is none": ([], "run policy.cluster=dsk", 2),
    "a server that is no address": ([(S, "[track", '[policy]\nserver = "127.0.0.1:4310/api"\n[track')], "run", 2),
    "an unknown runner": ([(S, "[track", '[policy]\nrunner = "spark"\n[track')], "run", 2),
    "policy of an unknown kind in a profile": ([("profiles/quick.toml", "", "[policy]\nworkers = 'many'\n")], "run --profile quick", 2),
    "unknown tracking": ([(S, "enabled", "enable")], "run", 2),
    "an address that MLflow does not know": ([(S, "enabled", 'uri = "htp://127.0.0.1"\nenabled')], "run", 2),
    "not given": (w("unread: int = 1", "unread: int"), "run", 2),
    "a default that is wrong": (w("default=90", "default=900"), "run", 2),
    "settings of a workflow that takes none": (w(WORKFLOW, "@workflow\ndef flow() -> int:\n    s = FlowSettings()\n"), "run max_id=3", 2),
    # the project cannot be read
    "syntax error": (w("    return table.height", "    return (table.height"), "run", 1),
    "syntax error in a helper": ([("deep.py", "def inner(e):", "def inner(e)")], "run", 1),
    "wrong indentation": (w(HEIGHT, HEIGHT + "   return 3\n"), "run", 1),
    "a null byte": ([("deep.py", "FACTOR = 2", "FACTOR = 2\0")], "run", 1),
    "not UTF-8": ([("deep.py", "FACTOR = 2", "FACTOR = 2; T = '\udcff'")], "run", 1),
    "missing package": ([("deep.py", "FACTOR = 2", "import nopackage\nFACTOR = 2")], "run", 1),
    "an exception at import": ([("deep.py", "FACTOR = 2", "FACTOR = 1 / 0")], "run", 1),
    "an exit at import": ([("deep.py", "FACTOR = 2", "raise SystemExit(0)")], "run", 1),
    "a module named like one of Python's": ([("json.py", "", "def mine(): ...\n"), (W, "from helpers", "from json import mine\nfrom helpers")], "run", 1),
    "a name that a module lacks": (w("import twice", "import thrice as twice"), "run", 1),
    "no workflow": (w("@workflow\n", ""), "run", 1),
    "two workflows": (w(WORKFLOW, "@workflow\ndef other() -> int: ...\n\n\n" + WORKFLOW), "run", 1),
    "no step": (w("    customers = clean(model(raw(s.source), Customer), s.max_id)\n    train, validation, test = split(customers)\n    return size(train)\n", "    return None\n"), "run", 1),
    # contracts
    "a type that no column has": (w("x: int = Field", "y: complex\n    x: int = Field"), "run", 1),
    "two targets": (w("x: int = Field", "y: Target[bool]\n    z: Target[int]\n    x: int = Field"), "run", 1),
    "a keyword that Field does not know": (w("Field(ge=0, le=900,", "Field(gee=0, le=900,"), "run", 1),
    "two roles": (w("id: Id[int]", "id: Id[Target[int]]"), "run", 1),
    "a pattern that is none": (w("x: int = Field", 's: str = Field(pattern="(?=a)")\n    x: int = Field'), "run", 1),
    # wiring
    "touched": (w(LAST, "    if train.height > 3:\n        pass\n" + LAST), "run", 1),
    "looped over": (w(LAST, "    for row in customers:\n        pass\n" + LAST), "run", 1),
    "unpacked wrongly": (w("train, validation, test = split(customers)", "train, test = split(customers)"), "run", 1),
    "an exception in the workflow": (w(LAST, "    {}['x']\n" + LAST), "run", 1),
    "a missing argument": (w("split(customers)", "split()"), "run", 1),
    "an unknown argument": (w("split(customers)", "split(customer=customers)"), "run", 1),
    "a missing column": (w("@step\ndef size(table: Frame[C])", "class More(Customer):\n    y: int\n\n\n@step\ndef size(table: Frame[More])"), "run", 1),
    "columns from a raw table": (w("clean(model(raw(s.source), Customer), s.max_id)", "clean(raw(s.source), s.max_id)"), "run", 1),
    "a value for a table": (w(LAST, "    return size(size(train))\n"), "run", 1),
    "a dictionary of results": (w(LAST, "    return size({'a': train})\n"), "run", 1),
    "something else is returned": (w(LAST, "    size(train)\n    return 3\n"), "run", 1),
    "another parameter": (w(WORKFLOW, "@workflow\ndef flow(s: int) -> int:\n"), "run", 1),
    "an unknown fact": (w("@step\ndef clean", "@step(read='world')\ndef clean"), "run", 1),
    "an unknown world": (w("@step\ndef clean", "@step(reads='moon')\ndef clean"), "run", 1),
    "an argument that no key can hold": (w(LAST, "    return size(split(clean(model(raw(s.source), Customer), object())).train)\n"), "run", 1),
    "a hint that cannot be read": (w("def size(table: Frame[C])", 'def size(table: "Frame[Nope]")'), "run", 1),
    # data
    "a missing file": ([(S, "[track", 'source = "y.csv"\n[track')], "run", 1),
    "a folder": ([(S, "[track", 'source = "."\n[track')], "run", 1),
    "a missing folder": ([(S, "[track", 'source = "data/y.csv"\n[track')], "run", 1),
    "out of the contract's bounds": ([("x.csv", "1,3\n", "1,-3\n"), ("x.csv", "2,6\n", "2,901\n")], "run", 1),
    "nulls": ([("x.csv", "1,3\n", "1,\n")], "run", 1),
    "duplicate ids": ([("x.csv", "1,3\n", "2,3\n")], "run", 1),
    "a column is missing": ([("x.csv", "id,x\n", "id,xx\n")], "run", 1),
    "a column of another type": ([("x.csv", "1,3\n", "1,a\n")], "run", 1),
    "an empty file": ([("x.csv", ("id,x\n" + "".join(f"{i},{i * 3 % 7}\n" for i in range(1, 41))), "")], "run", 1),
    # steps
    "None": (w(RETURN, ""), "run", 1),
    "None for a number": (w(HEIGHT, "    table.height\n"), "run", 1),
    "another type": (w(RETURN, "    return good.height\n"), "run", 1),
    "another value": (w(HEIGHT, '    return "many"\n'), "run", 1),
    "pandas": (w(RETURN, "    return good.to_pandas()\n"), "run", 1),
    "no parts": (w('    return partition(customers, ["train"] * (n - 2) + ["test", "validation"])\n', "    return customers\n"), "run", 1),
    "an empty part": (w('(n - 2) + ["test", "validation"]', '(n - 2) + ["test", "test"]'), "run", 1),
    "an unknown part": (w('["test", "validation"]', '["test", "valid"]'), "run", 1),
    "too few assignments": (w('(n - 2) + ["test", "validation"]', '(n - 2)'), "run", 1),
    "an exception": (body('    return customers["nope"]\n'), "run", 1),
    "an exception in a helper": ([("deep.py", "return e + 0", "raise ValueError('bad')")], "run", 1),
    "an exception without words": (body("    raise ValueError\n"), "run", 1),
    "a long exception": (body("    raise ValueError('x\\n' * 50 + 'y' * 5000)\n"), "run", 1),
    "an exit": (body("    raise SystemExit(0)\n"), "run", 1),
    "endless recursion": (body("    def f(n): return f(n + 1)\n    return f(1)\n"), "run", 1),
    "an assertion": (body("    assert customers.is_empty(), 'must be empty'\n"), "run", 1),
    "NotImplementedError from below": (body("    x = 1\n    raise NotImplementedError\n"), "run", 1),
    "a result without a form": (w("def size(table: Frame[C]) -> int:\n" + HEIGHT, "def size(table: Frame[C]) -> Any:\n    return open\n"), "run", 1),
    "a lock": (w("def size(table: Frame[C]) -> int:\n" + HEIGHT, "def size(table: Frame[C]) -> object:\n    import threading\n    return threading.Lock()\n"), "run", 1),
    "a tuple too short": (w("-> int:\n" + HEIGHT, "-> tuple[int, int]:\n    return (1,)\n"), "run", 1),
    "a list that is none": (w("-> int:\n" + HEIGHT, "-> list[int]:\n    return 3\n"), "run", 1),
    "a model that is none": ([(W, "-> int:\n" + HEIGHT, "-> Model:\n    return table\n"), (W, "from helpers", "from magical import Model\nfrom helpers")], "run", 1),
    "a receipt that is none": ([(W, "-> int:\n" + HEIGHT, "-> Receipt:\n    return 'done'\n"), (W, "from helpers", "from magical import Receipt\nfrom helpers")], "run", 1),
    "a Literal": (w("-> int:\n" + HEIGHT, "-> Literal['a', 'b']:\n    return 'c'\n"), "run", 1),
    "a value inside another": (w("-> int:\n" + HEIGHT, "-> dict[str, int]:\n    return {'a': 1, 'b': 'x'}\n"), "run", 1),
    "a rule across rows": (w("    x: int = Field", "    @rule\n    def increasing(self) -> pl.Expr:\n        return pl.col('id').diff().fill_null(1) < 1\n\n    x: int = Field"), "run", 1),
    "a category that is none": (w("    x: int = Field(ge=0, le=900, description=\"how much\")", "    x: Literal[0, 1, 2]"), "run", 1),
    "a part with one class": ([(W, "x: int = Field(ge=0, le=900, description=\"how much\")", "x: Target[int]\n    y: Target[bool]"), (W, "x: Target[int]\n    ", "x: int\n    "), (W, "    return raw\n", "    return raw.with_columns(y=pl.col('id') > 38)\n")], "run", 1),
    "a file that changes while it is read": (w("    return pl.read_csv(source)", "    table = pl.read_csv(source)\n    table.head(9).write_csv(source)\n    return table"), "run", 1),
    "objects in a column": (w("    return pl.read_csv(source)", "    return pl.DataFrame({'a': [open]})"), "run", 1),
    # secrets
    "a variable that is not set": (SECRET, "run", 1),
    "a secret's file that is missing": (SECRET + [(W, "env:NOT_SET_ANYWHERE", "file:nope.txt")], "run", 1),
    "a secret in the clear on the line": (SECRET, "run password=hunter2-hunter2", 2),
    "a secret in the clear in a file": (SECRET + [(S, "[track", 'password = "hunter2-hunter2"\n[track')], "run", 2),
    "a secret in the clear in the class": (SECRET + [(W, "env:NOT_SET_ANYWHERE", "hunter2-hunter2")], "run", 2),
    "a number for a secret": (SECRET, "run password=1234567", 2),
    "a secret of pydantic": (w("unread: int = 1", "password: pydantic.SecretStr") + [(W, "from helpers", "import pydantic\nfrom helpers")], "run", 2),
    "a secret revealed in the workflow": (SECRET + [(W, "s.password", "s.password.reveal()")], "run", 1),
    "no registry": (w("@step\ndef size(table: Frame[C]) -> int:\n" + HEIGHT, '@step(writes="world")\ndef size(table: Frame[C]) -> Any:\n    from magical.errors import RegistryError\n    raise RegistryError("The registry does not answer.", hint="start it.")\n'), "run", 1),
}  # fmt: skip


def spoken(answer: Answer) -> str:
    """The message of a command that failed, without its progress and closing lines."""
    text = answer.err if answer.code == 2 or "Hint:" in answer.err else answer.out
    lines = text.splitlines()
    end = next(i for i, line in enumerate(lines) if line.startswith("Hint:"))
    begin = max((i + 1 for i, line in enumerate(lines[:end]) if re.match(r"[✗✓=!-] ", line)), default=0)
    return "\n".join(lines[begin : end + 1])


def edited(small: Small, edits: list[Edit]) -> None:
    """Replace texts, each of which must occur once; an empty one appends."""
    for file, old, new in edits:
        path = small.root / file
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        assert not old or text.count(old) == 1, f"{old!r} is {text.count(old)} times in {file}"
        small.write(file, (text.replace(old, new) if old else text + new).encode("utf-8", "surrogateescape"))


def judged(group: str, name: str, small: Small, answer: Answer, code: int) -> None:
    """Compare a command's whole message with its snapshot."""
    assert "Traceback" not in answer.out + answer.err
    assert answer.code == code, answer
    message = spoken(answer).replace(str(small.root.resolve()), "PROJECT")
    assert is_well_worded(message), message
    snapshots.check(group, name, message)


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said_in_at_most_five_lines(small: Small, name: str) -> None:
    edits, words, code = WRONG[name]
    edited(small, edits)
    judged("wrong", name, small, small.command(*words.split()), code)


LATER: dict[str, tuple[list[Edit], str, Callable[[Small], None], str, int]] = {
    # after a first command, when something has happened
    "a damaged result": ([], "run", lambda p: damage(p, "*.parquet"), "inspect clean", 1),
    "a damaged value": ([], "run", lambda p: damage(p, "*.json"), "inspect size", 1),
    "a run's name that fits two": ([], "run", lambda p: p.edit(W, HEIGHT, "    return 1\n") or p.command("run"), "runs 2", 2),
    "an unknown run among others": ([], "run", lambda p: None, "runs nope", 2),
    "an unknown version": ([], "run", lambda p: None, "models --promote 9", 2),
    "an unknown step in a later run": ([], "run", lambda p: None, "why trian", 2),
    "a file that is gone": ([], "run", lambda p: (p.root / "x.csv").unlink(), "run", 1),
    "a file that is gone, to plan": ([], "run", lambda p: (p.root / "x.csv").unlink(), "plan", 1),
    "a module that is gone": ([], "run", lambda p: (p.root / "deep.py").unlink(), "run", 1),
    "a workflow that is gone": ([], "run", lambda p: (p.root / W).unlink(), "run", 2),
}  # fmt: skip


def damage(small: Small, pattern: str) -> None:
    for path in (small.root / ".magical" / "store" / "objects").rglob(pattern):
        path.write_bytes(b"x" * path.stat().st_size)


@pytest.mark.parametrize("name", LATER)
def test_what_goes_wrong_later_is_said(small: Small, name: str) -> None:
    edits, first, happens, words, code = LATER[name]
    edited(small, edits)
    small.command(*first.split())
    happens(small)
    judged("later", name, small, small.command(*words.split()), code)


def test_every_snapshot_is_of_a_case() -> None:
    cases = {"wrong": WRONG, "outside": OUTSIDE, "later": LATER}
    assert {group: set(snapshots.stored(group)) for group in cases} == {g: set(c) for g, c in cases.items()}


OUTSIDE: dict[str, tuple[dict[str, str], str, int]] = {
    # no workflow.py, or another place
    "an empty folder": ({"x.txt": ""}, "run", 2),
    "a named workflow that is not there": ({"pyproject.toml": '[tool.magical]\nworkflow = "flows:other"\n', "flows.py": "from magical import workflow\n@workflow\ndef one(): ...\n"}, "run", 1),
    "a named module that is not there": ({"pyproject.toml": '[tool.magical]\nworkflow = "flows:other"\n'}, "run", 1),
    "a pyproject.toml that is not TOML": ({"pyproject.toml": "[tool", "workflow.py": ""}, "run", 1),
    "an unknown key in pyproject.toml": ({"pyproject.toml": "[tool.magical]\nworkflows = 'x'\n", "workflow.py": ""}, "run", 1),
    "an empty workflow.py": ({"workflow.py": ""}, "run", 1),
    "a profile among others": ({"workflow.py": FLOW, "helpers.py": HELPERS, "deep.py": DEEP, "profiles/quick.toml": ""}, "run --profile quik", 2),
}  # fmt: skip


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_folder_that_is_no_project_is_said(tmp_path: Path, name: str) -> None:
    files, words, code = OUTSIDE[name]
    small = project(tmp_path / "p", files)
    judged("outside", name, small, small.command(*words.split()), code)


def test_a_project_that_is_not_there_is_said(tmp_path: Path) -> None:
    for path in (tmp_path / "nope", tmp_path / "nope.py"):
        answer = command("run", "--project", str(path))
        assert answer.code == 2
        assert "There is no project" in answer.err


# --- the classes --------------------------------------------------------------------------------------------------

CLASSES = [c for c in vars(magical.errors).values() if isinstance(c, type) and issubclass(c, MagicalError)]


def raised_by(small: Small, edits: list[Edit], words: str) -> set[str]:
    for edit in edits:
        small.edit(*edit)
    try:
        step, line = words, {}
        result = small.load().execute(step, line)
    except MagicalError as error:
        return {c.__name__ for c in type(error).__mro__}
    return {c.__name__ for e in result.errors.values() for c in type(e).__mro__}


EACH = {
    "UsageError": ([], "clena"),
    "SettingsError": (w("default=90", "default=900"), ""),
    "ProjectError": (w("@workflow\n", ""), ""),
    "ContractError": (w("id: Id[int]", "id: Id[Target[int]]"), ""),
    "WiringError": (w("split(customers)", "split()"), ""),
    "TouchedRef": (w(LAST, "    len(train)\n" + LAST), ""),
    "BrokenPromise": (w(RETURN, ""), ""),
    "InputError": (w("x.csv", "y.csv"), ""),
    "StepError": (body("    raise ValueError\n"), ""),
    "UnwrittenStep": (body("    return size(customers)\n") + w(HEIGHT, "    ...\n"), ""),
    "StoreError": (w("-> int:\n" + HEIGHT, "-> Any:\n    return open\n"), ""),
    "RegistryError": (WRONG["no registry"][0], ""),
    "MagicalError": (w("split(customers)", "split()"), ""),
}


@pytest.mark.parametrize("name", EACH)
def test_each_class_is_raised_by_a_project(small: Small, name: str) -> None:
    assert name in raised_by(small, *EACH[name])


def test_a_damaged_result_is_raised(small: Small) -> None:
    run = small.run()
    for path in (small.root / ".magical" / "store" / "objects").rglob("*.parquet"):
        path.write_bytes(b"x" * path.stat().st_size)
    with pytest.raises(magical.errors.DamagedArtifact, match="damaged") as caught:
        run["clean"]
    assert is_well_worded(str(caught.value))


def test_every_class_is_covered() -> None:
    assert {c.__name__ for c in CLASSES} == {*EACH, "DamagedArtifact", "StepStopped", "RegistryDown"}


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn = re.findall(r"^ *[│├└─ ]*([A-Z]\w+)(?:  |$)", magical.errors.__doc__ or "", re.M)
    assert set(drawn) == {c.__name__ for c in CLASSES}


@pytest.mark.parametrize("cls", CLASSES)
def test_errors_travel_between_processes(cls: type[MagicalError]) -> None:
    error = cls("who promised what,", "  and what came", hint="the next move.")
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.hint) == (cls, str(error), error.hint)
    assert str(again) == "who promised what,\n  and what came\nHint: the next move."


def test_a_damaged_artifact_travels_with_its_name() -> None:
    error = magical.errors.DamagedArtifact("gone", blob="abc.parquet")
    assert pickle.loads(pickle.dumps(error)).blob == "abc.parquet"


@pytest.mark.parametrize("lines", [["x"], ["x"] * 4, ["x"] * 50, ["x\n" * 50], ["x" * 10_000], []])
def test_any_message_is_bounded(lines: list[str]) -> None:
    text = str(MagicalError(*lines, hint="y" * 10_000))
    assert len(text.splitlines()) <= 5
    assert max(map(len, text.splitlines())) <= 250
    assert text.splitlines()[-1].startswith("Hint: y")


def test_exit_codes() -> None:
    assert {c.__name__ for c in CLASSES if c.exit_code == 2} == {"UsageError", "SettingsError"}


def test_words_for_what_is_unknown() -> None:
    assert did_you_mean("clena", ["clean", "split"]) == "did you mean 'clean'? There are: clean, split."
    assert did_you_mean("c", ["C", "solver"]) == "did you mean 'C'? There are: C, solver."
    assert did_you_mean("zzz", ["clean"]) == "there are: clean."
    assert did_you_mean("zzz", []) == "there are none."
    assert join_names(range(20)) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 8 more"
    assert shorten("a\nb\r\tc\x1b[31md", 12) == "a b  c [31md"
    assert shorten("x" * 100, 8) == "xxxxxxx…"
    assert len(str(UsageError.unknown("step", "x" * 500, ["y" * 500] * 50)).splitlines()) == 2


def test_dates_in_messages_are_read_by_people(tmp_path: Path) -> None:
    source = IMPORTS + (
        "from datetime import date\n\n\nclass Row(Contract):\n    d: date = Field(ge=date(2024, 1, 1))\n\n\n"
        "@step\ndef rows() -> Frame[Row]:\n    return pl.DataFrame({'d': [date(2023, 5, 6)]})\n\n\n"
        "@workflow\ndef flow() -> Any:\n    return rows()\n"
    )
    error = project(tmp_path, {"workflow.py": source}).fails()["rows"]
    assert "d must be >= 2024-01-01, got 2023-05-06 (row 0)" in str(error)
    assert dt.date(2024, 1, 1)


def test_the_whole_traceback_is_at_hand(tmp_path: Path) -> None:
    small = flow(tmp_path)
    small.edit(W, HEIGHT, "    raise ValueError('deep inside')\n")
    error = small.fails()["size"]
    assert isinstance(error.__cause__, ValueError)
    failed = [e for e in small.events() if e["event"] == "StepFailed"]
    assert "deep inside" in failed[0]["trace"]
    assert "workflow.py" in failed[0]["trace"]


def test_an_error_in_other_words_tells_no_cause_also_where_dask_is_imported() -> None:
    """Dask copies errors with their causes and tracebacks, and a cause may contain a secret."""
    pytest.importorskip("distributed")
    try:
        raise StepError("clean: failed.", hint="mend it.") from ValueError("open-sesame")
    except StepError as caught:
        caught.__dict__["trace"] = "its own frames"
        error = caught
    other = error.with_message("clean: failed again.")
    assert (str(other), other.__cause__, other.__traceback__) == (
        "clean: failed again.\nHint: mend it.",
        None,
        None,
    )
    assert other.__dict__["trace"] == "its own frames"
    assert type(other) is StepError
    assert str(error) == "clean: failed.\nHint: mend it."
