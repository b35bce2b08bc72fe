"""A project that leaks its secrets in every possible way: they are in no file and in no output."""

import base64
import json
from pathlib import Path
from urllib.parse import quote

import pytest

from projects import IMPORTS, Small, one, project

VALUE = 'tiger/in "the" tänk+1'
KEPT = "kept-in-a-file-0815"
IN_URI = "pass-in-the-uri"
FORMS = [
    VALUE,
    json.dumps(VALUE)[1:-1],
    quote(VALUE),
    quote(VALUE, safe=""),
    "tiger/in",
    "tiger%2Fin",
    KEPT,
    IN_URI,
]
HEX = VALUE.encode().hex()
FORMS += [base64.b64encode(VALUE.encode()).decode()[:20], HEX, HEX.upper(), VALUE.encode().hex(" ")]
FORMS += [repr(VALUE.encode())[2:-1], "".join(f"\\x{byte:02x}" for byte in VALUE.encode())]

TALKS = (
    IMPORTS
    + '''
import base64
import logging
import sys
from dataclasses import dataclass
from urllib.parse import quote

from magical import Secret
from magical.events import StepEvent


@dataclass(frozen=True, kw_only=True)
class Opened(StepEvent):
    uri: str
    details: dict[str, Any]


class Access(Settings):
    password: Secret = Secret("env:DB_PASSWORD")
    token: Secret = Secret("file:token.txt")


class S(Settings):
    access: Access = Access()
    uri: str = "postgresql://me:pass-in-the-uri@db/sales"
    note: str = ""
    fails: bool = False


class Row(Contract):
    id: Id[int]


@step
def connect(access: Access, uri: str, note: str) -> str:
    """Tell everything."""
    value, token = access.password.reveal(), access.token.reveal()
    print("printed", value, token, uri)
    print("to stderr", quote(value), file=sys.stderr)
    logging.getLogger("mine").warning("logged %s", value)
    data = value.encode()
    print(data, data.hex(), data.hex(" "), "".join(f"\\\\x{byte:02x}" for byte in data), note)
    logging.getLogger("mine").warning("logged %s", data.hex().upper())
    emit(f"emitted {value!r} {quote(value, safe='')}")
    emit(Opened(step="connect", uri=f"postgresql://me:{quote(value)}@db/sales", details={"token": [token, base64.b64encode(value.encode()).decode()]}))
    assert uri == "postgresql://me:pass-in-the-uri@db/sales"
    return f"connected as {len(value)}"


@step
def rows(connection: str, password: Secret, uri: str, fails: bool) -> Frame[Row]:
    value = password.reveal()
    if fails:
        try:
            raise KeyError(value)
        except KeyError as error:
            raise ValueError(f"cannot open postgresql://me:{quote(value)}@db or {uri} with {value}, {value.encode().hex()} or {value.encode()}") from error
    return pl.DataFrame({"id": [1, 2]})


@step
def told(rows: Frame[Row]) -> str:
    import os
    return "x" * 30 + os.environ["DB_PASSWORD"] + os.environ["DB_PASSWORD"].encode().hex()


@workflow
def flow(s: S) -> str:
    return told(rows(connect(s.access, s.uri, s.note), s.access.password, s.uri, s.fails))
'''
)


def talking(root: Path) -> Small:
    small = project(root, {"workflow.py": TALKS, "token.txt": KEPT + "\n"}, tracking=True)
    small.write("settings.toml", f'uri = "postgresql://me:{IN_URI}@db/sales"\n')
    return small


def leaks(small: Small, *data: str) -> list[str]:
    """Every file under ``.magical`` that holds a form of a secret, but those in folders of data."""
    found = []
    for path in (small.root / ".magical").rglob("*"):
        if path.is_file():
            text = path.read_bytes().decode("utf-8", "replace")
            found += [f"{path}: {form}" for form in FORMS if form in text and not {*data} & {*path.parts}]
    return found


def say(small: Small, *words: str) -> tuple[str, int]:
    """Return the output and exit code of a command; one that runs steps is a process of its own."""
    if words[0] == "run":
        done = small.process(*words)
        return done.stdout + done.stderr, done.returncode
    answer = small.command(*words)
    return answer.out + answer.err, answer.code


@pytest.mark.slow
def test_no_secret_leaves_by_any_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nothing_hidden: None
) -> None:
    monkeypatch.setenv("DB_PASSWORD", VALUE)
    small = talking(tmp_path / "talking")
    for words in (
        ["run", "fails=true"],
        ["run", "fails=true", "--traceback"],
        ["run", "--json"],
        ["run"],
        ["show", "--settings"],
        ["show", "--json"],
        ["show", "--html"],
        ["plan", "--json"],
        ["why", "rows"],
        ["why", "rows", "fails=true"],
        ["inspect", "connect"],
        ["inspect", "told"],
        ["inspect", "told", "--json"],
        ["runs", "last", "--json"],
        ["runs", "--json"],
    ):
        said, code = say(small, *words)
        assert [form for form in FORMS if form in said] == [], said
        assert code == (1 if words[:2] == ["run", "fails=true"] else 0), said
    assert leaks(small, "objects") == []  # what steps returned is data
    journals = "".join(p.read_text() for p in small.root.rglob("journal.jsonl"))
    assert "emitted '***' ***" in journals
    assert "postgresql://me:***@db/sales" in journals
    assert '"password": "env:DB_PASSWORD"' in journals
    drawn = "".join(p.read_text() for p in (small.root / ".magical/drawn").glob("*"))
    assert "postgresql://me:***@db/sales" in drawn
    assert any("env:DB_PASSWORD" in p.read_text() for p in small.root.rglob("store/records/*/*.json"))
    assert (small.root / ".magical/mlflow.db").is_file()
    done = small.process("run", f"note={HEX}", DB_PASSWORD=VALUE)
    assert [form for form in FORMS if form in done.stdout + done.stderr] == []
    assert leaks(small, "store", "drawn") == []  # so are arguments and settings, as they were given


@pytest.mark.slow
def test_a_secret_that_only_a_process_of_its_own_knows_does_not_leave_it(tmp_path: Path) -> None:
    small = talking(tmp_path / "talking")
    small.edit("settings.toml", "uri =", "policy.timeout = 300\ntracking.enabled = false\nuri =")
    small.edit("workflow.py", "s.access.password, s.uri, s.fails", 'Secret("env:OTHER"), s.uri, s.fails')
    small.edit(
        "workflow.py",
        "        try:\n",
        "        print(value)\n        print('x' * 1990 + value)\n        print(value, file=sys.stderr)\n"
        "        logging.getLogger('mine').error(value)\n        emit(value)\n        os.write(1, b'raw')\n        try:\n",
    )
    small.edit("workflow.py", "import logging\n", "import logging\nimport os\n")
    other = "only/in the%child"
    for words in (["run", "fails=true"], ["run", "fails=true", "--traceback"], ["run", "--json"]):
        done = small.process(*words, DB_PASSWORD=VALUE, OTHER=other)
        assert [f for f in (*FORMS, other, quote(other), other[:8]) if f in done.stdout + done.stderr] == []
    journals = "".join(p.read_text() for p in small.root.rglob("journal.jsonl"))
    assert '"text": "***"' in journals
    assert "raw" in journals
    assert other[:8] not in journals
    assert leaks(small, "objects") == []  # what steps returned is data


def test_a_failure_shows_the_own_lines_and_no_secret(tmp_path: Path) -> None:
    small = talking(tmp_path / "talking")
    small.edit("settings.toml", "uri =", "fails = true\nuri =")
    small.write("settings.toml", (small.root / "settings.toml").read_text() + "[tracking]\nenabled = false\n")
    done = small.process("run", DB_PASSWORD=VALUE)
    assert "printed *** *** postgresql://me:***@db/sales" in done.stderr
    assert "to stderr ***" in done.stderr
    assert "logged ***" in done.stderr
    assert "cannot open postgresql://me:***@db or postgresql://me:***@db/sales with ***" in done.stdout
    assert "because of KeyError: '***'" in done.stdout


def test_a_password_in_a_uri_changes_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PASSWORD", VALUE)
    small = talking(tmp_path / "talking")
    small.write("settings.toml", (small.root / "settings.toml").read_text() + "[tracking]\nenabled = false\n")
    small.edit("workflow.py", '    assert uri == "postgresql://me:pass-in-the-uri@db/sales"\n', "")
    assert small.ran() == ["connect", "rows", "told"]
    small.edit("settings.toml", IN_URI, "another-one")
    assert small.ran() == []
    monkeypatch.setenv("DB_PASSWORD", "quite another word")
    assert small.ran() == []
    small.edit("settings.toml", "@db", "@elsewhere")
    assert small.ran() == ["connect", "rows"]


def test_a_secret_in_a_table_is_masked_when_it_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY", "a very long secret of many words, " * 4)
    small = one(
        tmp_path,
        """
        from magical import Secret

        class S(Settings):
            key: Secret = Secret("env:KEY")

        @step
        def table(key: Secret) -> Frame:
            texts = ["plain", key.reveal()] * 8
            return pl.DataFrame({"a": texts, "b": [texts] * 16, "c": range(16)} | {f"d{i}": texts for i in range(9)})

        @workflow
        def flow(s: S) -> Frame:
            return table(s.key)
    """,
    )
    small.run()
    text = small.command("inspect", "table").out
    assert "16 rows × 12 columns" in text
    assert "plain" in text
    assert "***" in text
    assert "very" not in text
    assert small.run()["table"]["a"][1] == "a very long secret of many words, " * 4


def test_a_missing_variable_is_said_where_it_is_read(tmp_path: Path) -> None:
    small = talking(tmp_path / "talking")
    small.write("settings.toml", (small.root / "settings.toml").read_text() + "[tracking]\nenabled = false\n")
    done = small.process("run", DB_PASSWORD="")
    assert "connect (workflow.py:" in done.stdout
    assert "env:DB_PASSWORD cannot be read: the variable DB_PASSWORD is empty" in done.stdout
    assert "value, token = access.password.reveal()" in done.stdout


def test_a_secret_in_the_clear_stops_the_project_and_is_not_shown(tmp_path: Path) -> None:
    small = talking(tmp_path / "talking")
    for edit in (
        ("settings.toml", "uri =", 'access.password = "in-the-clear-1"\nuri ='),
        ("workflow.py", 'Secret("env:DB_PASSWORD")', 'Secret("in-the-clear-1")'),
    ):
        text = (small.root / edit[0]).read_text()
        small.edit(*edit)
        for words in (["run"], ["run", "--traceback"], ["show", "--settings"]):
            answer = small.command(*words)
            assert answer.code == 2
            assert "in-the-clear" not in answer.out + answer.err
            assert "is not shown here" in answer.err
        small.write(edit[0], text)
    answer = small.command("run", "access.password=in-the-clear-1")
    assert (answer.code, "in-the-clear" in answer.err) == (2, False)
    assert not (small.root / ".magical/runs").exists()


def test_revealing_in_a_workflow_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PASSWORD", VALUE)
    small = talking(tmp_path / "talking")
    small.edit("workflow.py", "s.uri, s.note", "s.access.password.reveal(), s.note")
    answer = small.command("plan")
    assert answer.code == 1
    assert "revealed outside a step (workflow.py:" in answer.err
